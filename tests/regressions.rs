//! Bugs that there were, one test each.

mod common;

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{LONG, everywhere, in_child, kind, on, on_workers, pair, until};
use netpoll::{Builder, Runtime, thread};

/// A write that was reset on the way says what it wrote, and takes the kernel's
/// error with it; a reader took that for the end of the stream.
#[test]
fn a_reset_during_a_write_is_no_end_for_a_reader() {
    everywhere(|| {
        let (mut server, client) = common::pair_with_std();
        let (go, gone) = std::sync::mpsc::channel::<()>();
        // Closing with unread data resets; from a thread, as the writer waits.
        let peer = std::thread::spawn(move || {
            gone.recv().unwrap();
            std::thread::sleep(Duration::from_millis(20));
            drop(client);
        });
        let bytes = vec![0; 32 << 20];
        go.send(()).unwrap();
        let written = server.write(&bytes).unwrap();
        assert!(0 < written && written < bytes.len());
        peer.join().unwrap();
        let read = server.read(&mut [0; 8]);
        assert_eq!(kind(read), std::io::ErrorKind::ConnectionReset);
        assert!(server.take_error().unwrap().is_none());
    });
}

/// The hook ran as part of a machine that had ended: its tasks were left for a
/// worker that was gone, and ran in the next runtime, which then could not end.
#[test]
fn a_stop_hook_may_start_tasks_and_join_them() {
    let ran = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&ran);
    let runtime = Builder::new()
        .workers(2)
        .on_thread_stop(move |_| {
            let counted = Arc::clone(&counted);
            let task = thread::spawn(move || counted.fetch_add(1, Ordering::Relaxed));
            task.join().unwrap();
        })
        .build()
        .unwrap();
    runtime.spawn(|| ()).join().unwrap();
    assert!(runtime.shutdown(Instant::now() + LONG).complete);
    assert_eq!(ran.load(Ordering::Relaxed), 2);
    let next = Builder::new().workers(2).build().unwrap();
    next.spawn(|| ()).join().unwrap();
    assert!(next.shutdown(Instant::now() + LONG).complete);
}

/// A hook's panic ended the worker's thread, and whoever waited for it waited on.
#[test]
fn hooks_that_panic_end_nobody() {
    let runtime = Builder::new()
        .workers(2)
        .on_thread_start(|_| panic!("on purpose"))
        .on_thread_stop(|_| panic!("on purpose"))
        .on_stuck(|_| panic!("on purpose"))
        .build()
        .unwrap();
    let tasks: Vec<_> = (0..20).map(|i| runtime.spawn(move || i)).collect();
    for (i, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.join().unwrap(), i);
    }
    // The monitor has told the hook, and goes on.
    for stuck in 1..3 {
        // On a busy machine it may come too late for one.
        until("one is found stuck", || {
            let task = runtime.spawn(|| std::thread::sleep(Duration::from_millis(60)));
            task.join().unwrap();
            runtime.metrics().stuck >= stuck
        });
    }
    assert!(runtime.shutdown(Instant::now() + LONG).complete);
}

/// The monitor looked up a task that there was none of yet, and panicked.
#[test]
fn a_slow_start_hook_is_no_stuck_task() {
    in_child("a_slow_start_hook_is_no_stuck_task", &[], || {
        let runtime = Builder::new()
            .workers(1)
            .on_thread_start(|_| std::thread::sleep(Duration::from_millis(100)))
            .build()
            .unwrap();
        runtime.spawn(|| ()).join().unwrap();
        // The monitor still watches.
        let task = runtime.spawn(|| std::thread::sleep(Duration::from_millis(100)));
        until("it is found stuck", || runtime.metrics().stuck > 0);
        task.join().unwrap();
    });
}

/// Its destructor asked another thread-local, which was gone, and aborted.
#[test]
fn a_runtime_may_live_in_a_thread_local() {
    std::thread_local! {
        static RUNTIME: Runtime = Builder::new().workers(1).build().unwrap();
    }
    let thread = std::thread::spawn(|| RUNTIME.with(|runtime| runtime.spawn(|| 7).join().unwrap()));
    assert_eq!(thread.join().unwrap(), 7);
}

/// Waits in destructors of thread-locals each took a descriptor and a new identity.
#[test]
fn waits_at_the_end_of_a_thread_leak_no_descriptor() {
    struct Late;
    impl Drop for Late {
        fn drop(&mut self) {
            for _ in 0..10 {
                thread::sleep(Duration::from_micros(10));
            }
            thread::current().unpark();
            let start = Instant::now();
            thread::park_timeout(LONG);
            assert!(start.elapsed() < LONG / 2, "the token was lost");
        }
    }
    std::thread_local! {
        static LATE: Late = const { Late };
    }
    in_child(
        "waits_at_the_end_of_a_thread_leak_no_descriptor",
        &[],
        || {
            let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
            let before = open();
            for _ in 0..20 {
                // Either order: before the thread's own place for waiting, and after it.
                std::thread::spawn(|| LATE.with(|_| thread::sleep(Duration::from_micros(1))))
                    .join()
                    .unwrap();
                std::thread::spawn(|| {
                    thread::sleep(Duration::from_micros(1));
                    LATE.with(|_| ());
                })
                .join()
                .unwrap();
            }
            assert_eq!(open(), before);
        },
    );
}

/// Parent and child had the same eventfd, and took each other's wake-ups.
#[test]
fn a_forked_child_without_a_runtime_waits_by_itself() {
    in_child(
        "a_forked_child_without_a_runtime_waits_by_itself",
        &[],
        || {
            thread::sleep(Duration::from_millis(1));
            // SAFETY: the child only waits, and ends.
            let child = unsafe { libc::fork() };
            assert!(child >= 0);
            if child == 0 {
                for _ in 0..10_000 {
                    thread::park_timeout(Duration::from_millis(10));
                }
                // SAFETY: ends the child at once, as it should after a fork.
                unsafe { libc::_exit(0) };
            }
            for _ in 0..100 {
                let me = thread::current();
                let waker = std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_millis(1));
                    me.unpark();
                });
                let start = Instant::now();
                thread::park_timeout(LONG);
                assert!(start.elapsed() < LONG / 2, "the wake-up went elsewhere");
                waker.join().unwrap();
            }
            // SAFETY: the child is ours and still runs, or waits to be reaped.
            unsafe {
                libc::kill(child, libc::SIGKILL);
                libc::waitpid(child, std::ptr::null_mut(), 0);
            }
        },
    );
}

/// A task that yields while it unwinds was not counted, and another one was taken for
/// the one that unwinds: its sleep blocked the worker.
#[test]
fn yielding_while_unwinding_makes_nobody_else_block() {
    struct OnDrop<F: FnMut()>(F);
    impl<F: FnMut()> Drop for OnDrop<F> {
        fn drop(&mut self) {
            (self.0)();
        }
    }
    on_workers(|| {
        let stop = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&stop);
        let unwinding = thread::spawn(move || {
            let _bye = OnDrop(|| {
                while seen.load(Ordering::Relaxed) == 0 {
                    thread::yield_now();
                }
            });
            panic!("on purpose");
        });
        // Many sleeps at once take about as long as one, unless each blocks.
        let start = Instant::now();
        let sleepers: Vec<_> = (0..200)
            .map(|_| thread::spawn(|| thread::sleep(Duration::from_millis(100))))
            .collect();
        for sleeper in sleepers {
            sleeper.join().unwrap();
        }
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "{:?}",
            start.elapsed()
        );
        stop.store(1, Ordering::Relaxed);
        assert!(unwinding.join().is_err());
    });
}

/// Pools of connections hold a lock of std while they look, in non-blocking mode, whether
/// a connection still stands. If that let another task run, which wants the lock, the
/// worker would stand still for ever.
#[test]
fn nonblocking_operations_never_give_way() {
    on(1, || {
        let (mut there, mut here) = pair();
        there.set_nonblocking(true).unwrap();
        here.set_nonblocking(true).unwrap();
        let locked = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&locked);
        let other = thread::spawn(move || {
            while Arc::strong_count(&seen) > 1 {
                assert!(!seen.load(Ordering::Relaxed), "it ran in between");
                thread::yield_now();
            }
        });
        for _ in 0..3 {
            thread::yield_now();
            locked.store(true, Ordering::Relaxed);
            for _ in 0..1000 {
                assert_eq!(
                    kind(there.read(&mut [0; 1])),
                    std::io::ErrorKind::WouldBlock
                );
                assert_eq!(here.write(b"x").unwrap(), 1);
                while there.read(&mut [0; 1]).is_err() {}
            }
            locked.store(false, Ordering::Relaxed);
        }
        drop(locked);
        other.join().unwrap();
    });
}
