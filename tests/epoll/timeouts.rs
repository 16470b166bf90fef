//! When a wait ends that brings nothing, and by which system call.

use super::{Poll, TOKEN, kind};
use netpoll::epoll::{Epoll, Flags, Waker};
use rustix::event::{Timespec, epoll as kernel};
use std::io::{self, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Waits for nothing, and returns how long that took.
fn time(poll: &mut Poll, timeout: Duration) -> Duration {
    let start = Instant::now();
    assert_eq!(poll.wait(Some(timeout)), []);
    start.elapsed()
}

fn fallback_is_forced() -> bool {
    std::env::var("NETPOLL_FALLBACK").is_ok_and(|list| list.contains("epoll_pwait2"))
}

fn kernel_has_fine_timeouts() -> bool {
    // The only sort of timeout for which rustix makes this very system call.
    let timeout = Timespec {
        tv_sec: i64::MAX,
        tv_nsec: 0,
    };
    let epoll = Epoll::new().unwrap();
    let waker = Waker::new(&epoll, 0).unwrap();
    waker.wake().unwrap();
    let mut events = Vec::with_capacity(1);
    let spare = rustix::buffer::spare_capacity(&mut events);
    kernel::wait(&epoll, spare, Some(&timeout)).is_ok()
}

#[test]
fn timeouts_are_never_early() {
    let mut poll = Poll::new();
    for micros in [1, 50, 200, 999, 1000, 1001, 1500, 3000, 20_000] {
        let timeout = Duration::from_micros(micros);
        for _ in 0..5 {
            assert!(time(&mut poll, timeout) >= timeout, "{timeout:?}");
        }
    }
}

#[test]
fn timeouts_below_a_millisecond() {
    let timeout = Duration::from_micros(200);
    let millisecond = Duration::from_millis(1);
    let mut poll = Poll::new();
    let mut times = (0..2000).map(|_| time(&mut poll, timeout));
    if fallback_is_forced() || !kernel_has_fine_timeouts() {
        assert!(times.by_ref().take(20).all(|time| time >= millisecond));
    } else {
        // One of so many is enough, however busy the machine.
        assert!(times.any(|time| time < millisecond));
    }
}

/// Runs tests of this file in a process of their own, with a variable set.
fn run_in_child(tests: &[&str], variable: &str, value: &str) {
    let output = Command::new(std::env::current_exe().unwrap())
        .arg("--exact")
        .args(tests.iter().map(|test| format!("timeouts::{test}")))
        .env(variable, value)
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{value}: {stdout}");
    // A test that was renamed would pass by not being run.
    let passed = format!("{} passed", tests.len());
    assert!(stdout.contains(&passed), "{value}: {stdout}");
}

#[test]
fn the_fallback_can_be_forced() {
    let tests = [
        "timeouts_are_never_early",
        "timeouts_below_a_millisecond",
        "the_longest_timeout_is_no_overflow",
    ];
    run_in_child(&tests, "NETPOLL_FALLBACK", "epoll_pwait2");
}

/// A child is told by this variable which error the finer call shall meet.
const REFUSE_WITH: &str = "NETPOLL_TEST_REFUSE_WITH";

#[test]
fn the_fallback_takes_over_where_the_call_is_refused() {
    let Ok(errno) = std::env::var(REFUSE_WITH) else {
        for errno in [libc::ENOSYS, libc::EPERM] {
            let test = "the_fallback_takes_over_where_the_call_is_refused";
            run_in_child(&[test], REFUSE_WITH, &errno.to_string());
        }
        return;
    };
    if let Err(error) = refuse_epoll_pwait2(errno.parse().unwrap()) {
        return eprintln!("skipped: this system lets nobody install a seccomp filter: {error}");
    }
    let mut poll = Poll::new();
    for _ in 0..20 {
        assert!(time(&mut poll, Duration::from_micros(200)) >= Duration::from_millis(1));
    }
    let waker = Waker::new(&poll.epoll, TOKEN).unwrap();
    waker.wake().unwrap();
    assert_eq!(poll.wait(Some(Duration::MAX)).len(), 1);
}

/// Has the kernel answer this thread's `epoll_pwait2` with an error, as it does
/// in containers with an old seccomp profile.
fn refuse_epoll_pwait2(errno: u32) -> io::Result<()> {
    let op = |code, jt, jf, k| libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    // The first word of what a filter is given is the number of the call.
    let mut filter = [
        op(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        op(
            libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
            0,
            1,
            libc::SYS_epoll_pwait2 as u32,
        ),
        op(
            libc::BPF_RET | libc::BPF_K,
            0,
            0,
            libc::SECCOMP_RET_ERRNO | errno,
        ),
        op(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: takes numbers only, and does not touch memory.
    if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `program` points to `len` instructions, which the kernel copies.
    if unsafe {
        libc::prctl(
            libc::PR_SET_SECCOMP,
            libc::SECCOMP_MODE_FILTER,
            &raw const program,
        )
    } != 0
    {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[test]
fn zero_returns_at_once() {
    let (near, mut far) = UnixStream::pair().unwrap();
    let mut poll = Poll::watching(&near, Flags::IN);
    for _ in 0..1000 {
        poll.assert_silent();
    }
    far.write_all(b"x").unwrap();
    assert_eq!(poll.wait(Some(Duration::ZERO)).len(), 1);
}

#[test]
fn the_longest_timeout_is_no_overflow() {
    for timeout in [
        Duration::MAX,
        Duration::from_secs(u64::MAX),
        Duration::from_secs(i64::MAX as u64),
        Duration::from_millis(i32::MAX as u64 + 1),
        Duration::from_millis(i32::MAX as u64),
    ] {
        let mut poll = Poll::new();
        let waker = Waker::new(&poll.epoll, TOKEN).unwrap();
        let entering = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                entering.wait();
                waker.wake().unwrap();
            });
            entering.wait();
            assert_eq!(poll.wait(Some(timeout)).len(), 1, "{timeout:?}");
        });
    }
}

extern "C" fn ignore_signal(_signal: libc::c_int) {}

#[test]
fn a_signal_interrupts_a_wait() {
    // SAFETY: an all-zero sigaction is a valid one.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = ignore_signal as *const () as usize;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: the handler does nothing, and so is safe in any context; nobody
    // else in this process uses the signal.
    let result = unsafe { libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()) };
    assert_eq!(result, 0);

    // SAFETY: has no preconditions.
    let waiter = unsafe { libc::pthread_self() };
    let done = AtomicBool::new(false);
    let mut poll = Poll::new();
    for timeout in [
        None,
        Some(Duration::from_secs(3600) + Duration::from_nanos(1)),
    ] {
        done.store(false, Ordering::Relaxed);
        thread::scope(|scope| {
            // A signal may come just before the wait, and end nothing: repeat it.
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    // SAFETY: the waiter is alive, since it joins this thread.
                    unsafe { libc::pthread_kill(waiter, libc::SIGUSR1) };
                    thread::sleep(Duration::from_millis(1));
                }
            });
            let result = poll.epoll.wait(&mut poll.events, timeout);
            done.store(true, Ordering::Relaxed);
            assert_eq!(kind(result), ErrorKind::Interrupted);
        });
    }
}
