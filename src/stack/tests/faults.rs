//! Overflows are reported; every other fault goes where it went before.

use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{ptr, thread};

use corosensei::Coroutine;

use super::super::{Pool, TaskName, ensure_alternate_stack, install_overflow_report};
use super::{SIZE, assert_died, children, is_child};

fn ping() -> Option<TaskName> {
    let name = "ping";
    // SAFETY: the name is static.
    Some(unsafe { TaskName::new(name.as_ptr(), name.len()) })
}

/// Recurses until the stack ends.
#[inline(never)]
fn overflow(depth: usize) -> usize {
    let frame = black_box([depth; 64]);
    if depth == usize::MAX {
        return 0;
    }
    overflow(depth + 1) + black_box(frame)[0]
}

fn overflow_in_a_task() {
    let stack = Pool::new().take(SIZE).unwrap();
    Coroutine::<(), (), usize, _>::with_stack(stack, |_, ()| overflow(0)).resume(());
}

/// An address that is never mapped.
fn fault() {
    let nowhere: *const u8 = ptr::without_provenance(16);
    // SAFETY: none, on purpose: this is the fault that the test is about.
    black_box(unsafe { nowhere.read_volatile() });
}

fn set_handler(signal: libc::c_int, handler: libc::sighandler_t, flags: libc::c_int) {
    // SAFETY: all bytes zero are a valid sigaction.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    // SAFETY: the handlers of these tests fit their flags.
    let result = unsafe { libc::sigaction(signal, &action, ptr::null_mut()) };
    assert_eq!(result, 0);
}

#[test]
fn an_overflow_names_the_task_and_aborts() {
    if is_child() {
        install_overflow_report(ping);
        // The second call changes nothing.
        install_overflow_report(|| None);
        overflow_in_a_task();
    }
    assert_died(
        "tests::faults::an_overflow_names_the_task_and_aborts",
        libc::SIGABRT,
        "netpoll: task 'ping' overflowed its stack of 65536 bytes; raise it with \
         thread::Builder::stack_size, Builder::stack_size of the runtime, or RUST_MIN_STACK\n",
    );
}

#[test]
fn an_overflow_of_a_stack_that_was_trimmed_is_reported() {
    if is_child() {
        install_overflow_report(|| None);
        let mut pool = Pool::new();
        let stack = pool.take(SIZE).unwrap();
        let base = stack.base();
        pool.put(stack);
        while pool.tend() || pool.resident_hint() > 0 {}
        let stack = pool.take(SIZE).unwrap();
        assert_eq!(stack.base(), base);
        Coroutine::<(), (), usize, _>::with_stack(stack, |_, ()| overflow(0)).resume(());
    }
    assert_died(
        "tests::faults::an_overflow_of_a_stack_that_was_trimmed_is_reported",
        libc::SIGABRT,
        "netpoll: a task overflowed its stack of 65536 bytes; ",
    );
}

#[test]
fn a_fault_elsewhere_still_kills() {
    if is_child() {
        install_overflow_report(ping);
        let _slab = Pool::new().take(SIZE).unwrap();
        fault();
    }
    assert_died(
        "tests::faults::a_fault_elsewhere_still_kills",
        libc::SIGSEGV,
        "",
    );
}

#[test]
fn a_fault_elsewhere_on_a_task_still_kills() {
    if is_child() {
        install_overflow_report(ping);
        let stack = Pool::new().take(SIZE).unwrap();
        Coroutine::<(), (), (), _>::with_stack(stack, |_, ()| fault()).resume(());
    }
    assert_died(
        "tests::faults::a_fault_elsewhere_on_a_task_still_kills",
        libc::SIGSEGV,
        "",
    );
}

#[test]
fn a_thread_that_overflows_is_reported_by_std() {
    if is_child() {
        install_overflow_report(ping);
        let thread = thread::Builder::new().name("plain".into());
        let _never = thread.spawn(|| overflow(0)).unwrap().join();
    }
    for (output, stderr) in children("tests::faults::a_thread_that_overflows_is_reported_by_std") {
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{output:?}");
        assert!(stderr.contains("thread 'plain'"), "{stderr}");
        assert!(stderr.contains("has overflowed its stack"), "{stderr}");
        assert!(!stderr.contains("netpoll"), "{stderr}");
    }
}

#[test]
fn a_handler_from_before_is_called() {
    extern "C" fn exit(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
        // SAFETY: the kernel passes a valid siginfo, whose address is set for
        // a fault; _exit may be called in a signal handler.
        unsafe { libc::_exit(26 + (*info).si_addr().addr() as libc::c_int) };
    }
    if is_child() {
        let exit = exit as *const () as libc::sighandler_t;
        set_handler(libc::SIGSEGV, exit, libc::SA_SIGINFO | libc::SA_ONSTACK);
        install_overflow_report(ping);
        fault();
    }
    for (output, _) in children("tests::faults::a_handler_from_before_is_called") {
        assert_eq!(output.status.code(), Some(42), "{output:?}");
    }
}

#[test]
fn a_handler_from_before_with_one_argument_is_called() {
    extern "C" fn exit(signal: libc::c_int) {
        // SAFETY: _exit may be called in a signal handler.
        unsafe { libc::_exit(100 + signal) };
    }
    if is_child() {
        let exit = exit as *const () as libc::sighandler_t;
        set_handler(libc::SIGBUS, exit, 0);
        install_overflow_report(ping);
        // SAFETY: raise has no preconditions.
        unsafe { libc::raise(libc::SIGBUS) };
    }
    for (output, _) in children("tests::faults::a_handler_from_before_with_one_argument_is_called")
    {
        assert_eq!(output.status.code(), Some(100 + libc::SIGBUS), "{output:?}");
    }
}

#[test]
fn a_handler_from_before_that_is_for_one_signal_is_called_once() {
    extern "C" fn once(_: libc::c_int) {
        static CALLED: AtomicBool = AtomicBool::new(false);
        if CALLED.swap(true, Ordering::Relaxed) {
            // SAFETY: _exit may be called in a signal handler.
            unsafe { libc::_exit(1) };
        }
    }
    if is_child() {
        let once = once as *const () as libc::sighandler_t;
        set_handler(libc::SIGSEGV, once, libc::SA_RESETHAND);
        install_overflow_report(ping);
        fault();
    }
    assert_died(
        "tests::faults::a_handler_from_before_that_is_for_one_signal_is_called_once",
        libc::SIGSEGV,
        "",
    );
}

#[test]
fn the_default_from_before_kills() {
    if is_child() {
        set_handler(libc::SIGSEGV, libc::SIG_DFL, 0);
        install_overflow_report(ping);
        fault();
    }
    assert_died(
        "tests::faults::the_default_from_before_kills",
        libc::SIGSEGV,
        "",
    );
}

#[test]
fn the_default_from_before_kills_by_a_signal_that_is_sent() {
    if is_child() {
        set_handler(libc::SIGSEGV, libc::SIG_DFL, 0);
        install_overflow_report(ping);
        // SAFETY: raise has no preconditions.
        unsafe { libc::raise(libc::SIGSEGV) };
        std::process::exit(0);
    }
    assert_died(
        "tests::faults::the_default_from_before_kills_by_a_signal_that_is_sent",
        libc::SIGSEGV,
        "",
    );
}

#[test]
fn a_signal_ignored_before_is_ignored_but_a_fault_is_not() {
    if is_child() {
        set_handler(libc::SIGSEGV, libc::SIG_IGN, 0);
        install_overflow_report(ping);
        // SAFETY: raise has no preconditions.
        unsafe { libc::raise(libc::SIGSEGV) };
        eprintln!("still here");
        fault();
    }
    assert_died(
        "tests::faults::a_signal_ignored_before_is_ignored_but_a_fault_is_not",
        libc::SIGSEGV,
        "still here",
    );
}

#[test]
fn an_overflow_on_a_foreign_thread_is_reported() {
    extern "C" fn body(_: *mut libc::c_void) -> *mut libc::c_void {
        ensure_alternate_stack();
        overflow_in_a_task();
        ptr::null_mut()
    }
    if is_child() {
        install_overflow_report(ping);
        let mut thread = 0;
        // SAFETY: all pointers are valid or null where null is allowed.
        unsafe {
            libc::pthread_create(&mut thread, ptr::null(), body, ptr::null_mut());
            libc::pthread_join(thread, ptr::null_mut());
        }
    }
    assert_died(
        "tests::faults::an_overflow_on_a_foreign_thread_is_reported",
        libc::SIGABRT,
        "netpoll: task 'ping' overflowed its stack",
    );
}
