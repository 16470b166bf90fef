//! Installing a signal handler, and passing on to the one before it.

use std::ptr;

/// The signature of a handler with `SA_SIGINFO`.
pub(super) type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);

/// How a signal is handled now.
pub(super) fn current(signal: libc::c_int) -> libc::sigaction {
    // SAFETY: all bytes zero are a valid sigaction, the default one; the pointers are
    // null, which means no change, or valid for a sigaction.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, ptr::null(), &mut action);
        action
    }
}

/// Handles a signal on the thread's alternate stack from now on, with the mask of
/// `before`: a handler that is called from this one finds what it asked for.
pub(super) fn install(
    signal: libc::c_int,
    before: &libc::sigaction,
    flags: libc::c_int,
    handler: Handler,
) {
    let mut action = *before;
    action.sa_flags = flags | libc::SA_SIGINFO | libc::SA_ONSTACK;
    action.sa_sigaction = handler as *const () as libc::sighandler_t;
    // SAFETY: the pointers are valid or null, and the handler has the signature of
    // SA_SIGINFO.
    unsafe { libc::sigaction(signal, &action, ptr::null_mut()) };
}

/// Calls the function that handled a signal before, if one did, with as many
/// arguments as it wanted.
///
/// # Safety
///
/// In a handler of that signal, with the arguments that the kernel gave it; and
/// `before` is what the kernel reported.
pub(super) unsafe fn call(
    before: &libc::sigaction,
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    match before.sa_sigaction {
        libc::SIG_DFL | libc::SIG_IGN => {}
        function if before.sa_flags & libc::SA_SIGINFO != 0 => {
            // SAFETY: a handler that was installed with SA_SIGINFO has this signature,
            // and gets what the kernel gave us.
            unsafe {
                std::mem::transmute::<libc::sighandler_t, Handler>(function)(signal, info, context)
            }
        }
        function => {
            // SAFETY: one that was installed without has this signature.
            unsafe {
                std::mem::transmute::<libc::sighandler_t, extern "C" fn(libc::c_int)>(function)(
                    signal,
                )
            }
        }
    }
}
