//! The signal handler that reports a stack overflow.
//!
//! A task that grows past the low end of its stack faults in the guard there.
//! The handler finds the address among the slabs, prints one line that names
//! the task, its stack's size and how to raise it, and aborts. Every other
//! fault goes to whoever handled it before (in a Rust program, std, which
//! reports the overflows of threads), as if this handler were not there:
//!
//! | before | a fault | a signal that somebody sent |
//! |---|---|---|
//! | a function | is called, with three arguments or one, as it wanted | the same |
//! | default | default is restored, the fault repeats and kills | default is restored, sent again |
//! | ignored | the same: a fault cannot be ignored | ignored |
//!
//! Everything here is async-signal-safe: no allocation, no lock, no `std::io`.
//! The faulting stack has no room, so it runs on the thread's
//! [alternate stack](super::alternate).
//!
//! `SA_NODEFER` is left off unless the handler before had it: a fault inside
//! the report (of a name that is not there, say) then ends the process at once
//! instead of starting over.

use std::ptr;
use std::sync::OnceLock;

use super::report::{Line, TaskName};
use super::{handler, slab};

/// A guard faults as SIGSEGV on Linux. SIGBUS is what std handles as well.
const SIGNALS: [libc::c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];

/// Names the task that runs on the calling thread.
static DESCRIBE: OnceLock<fn() -> Option<TaskName>> = OnceLock::new();

/// What handled each of [`SIGNALS`] before.
static BEFORE: [OnceLock<libc::sigaction>; 2] = [OnceLock::new(), OnceLock::new()];

/// Installs the handler for the whole process. Only the first call does
/// something. `describe` is called in the handler: it must be
/// async-signal-safe.
///
/// A handler that others install later has to pass on what it does not
/// recognise, as any handler of SIGSEGV should.
pub(crate) fn install(describe: fn() -> Option<TaskName>) {
    if DESCRIBE.set(describe).is_err() {
        return;
    }
    for (signal, before) in SIGNALS.into_iter().zip(&BEFORE) {
        let action = handler::current(signal);
        // Before the handler is there, so that it always finds it.
        let _first = before.set(action);

        // SA_NODEFER is the previous handler's, like the mask.
        let flags = action.sa_flags & (libc::SA_NODEFER | libc::SA_RESTART);
        handler::install(signal, &action, flags, on_fault);
    }
}

extern "C" fn on_fault(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: the kernel passes a siginfo that is valid during the handler.
    let fault = fault_address(unsafe { &*info });
    if let Some(place) = fault.and_then(slab::find)
        && place.in_guard
    {
        let name = DESCRIBE.get().and_then(|describe| describe());
        Line::overflow(name, place.usable).write_to(libc::STDERR_FILENO);
        // SAFETY: abort may be called anywhere.
        unsafe { libc::abort() };
    }
    pass_on(signal, info, context, fault.is_some());
}

/// The address that faulted; none if somebody sent the signal, as the field
/// then holds the sender.
fn fault_address(info: &libc::siginfo_t) -> Option<usize> {
    // SAFETY: a code above 0 says that the kernel raised the signal for a
    // fault, for which the address is set.
    (info.si_code > 0).then(|| unsafe { info.si_addr() }.addr())
}

/// Does what would have happened without this handler.
fn pass_on(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
    is_fault: bool,
) {
    let index = usize::from(signal != SIGNALS[0]);
    let Some(before) = BEFORE[index].get() else {
        return restore_default(signal, is_fault);
    };
    match before.sa_sigaction {
        libc::SIG_IGN if !is_fault => {}
        libc::SIG_DFL | libc::SIG_IGN => restore_default(signal, is_fault),
        _ => {
            if before.sa_flags & libc::SA_RESETHAND != 0 {
                set_default(signal);
            }
            // SAFETY: these are what the kernel gave the handler that calls this, and
            // `before` is what it reported.
            unsafe { handler::call(before, signal, info, context) };
        }
    }
}

/// Lets the signal do what it does by default: a fault repeats when the handler
/// returns, so that the core dump shows its place; a signal that was sent is
/// sent again.
fn restore_default(signal: libc::c_int, is_fault: bool) {
    set_default(signal);
    if !is_fault {
        // SAFETY: raise may be called in a signal handler; the signal waits
        // until the handler returns.
        unsafe { libc::raise(signal) };
    }
}

fn set_default(signal: libc::c_int) {
    // SAFETY: all bytes zero are the default action, with no flags and an empty
    // mask; sigaction may be called in a signal handler.
    unsafe {
        let default: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, &default, ptr::null_mut());
    }
}
