//! Tasks: where they run, what a panic touches, what a destructor may do.

mod common;

use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{LONG, on, on_workers, pair, pair_with_std, until};
use netpoll::thread;

#[test]
fn a_task_returns_its_value_and_its_panic() {
    on_workers(|| {
        assert_eq!(thread::spawn(|| "value").join().unwrap(), "value");
        let panic = thread::spawn(|| std::panic::panic_any(7_u8))
            .join()
            .unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&7_u8));
        let handle = thread::spawn(|| ());
        until("it has ended", || handle.is_finished());
        handle.join().unwrap();
    });
}

/// Pain 4: what a task holds across a park never meets another thread.
#[test]
fn pain_04_an_rc_and_a_borrow_held_across_parks_under_load() {
    on_workers(|| {
        let tasks: Vec<_> = (0..100)
            .map(|i| {
                thread::spawn(move || {
                    let home = std::thread::current().id();
                    let shared = Rc::new(RefCell::new(vec![i]));
                    let (mut server, mut client) = pair();
                    for round in 0..50_u8 {
                        let clone = Rc::clone(&shared);
                        let mut borrow = clone.borrow_mut();
                        client.write_all(&[round]).unwrap();
                        let mut byte = [0];
                        server.read_exact(&mut byte).unwrap();
                        thread::yield_now();
                        borrow.push(usize::from(byte[0]));
                        assert_eq!(std::thread::current().id(), home);
                    }
                    assert_eq!(Rc::strong_count(&shared), 1);
                    shared.borrow().len()
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.join().unwrap(), 51);
        }
    });
}

#[test]
fn a_task_that_never_parks_gives_way() {
    on(1, || {
        let done = Arc::new(AtomicBool::new(false));
        let (mut server, mut client) = pair();
        let seen = Arc::clone(&done);
        // It always has something to read, so it never has to wait.
        let busy = thread::spawn(move || {
            let mut operations = 0_usize;
            while !seen.load(Ordering::Relaxed) {
                client.write_all(b"x").unwrap();
                server.read_exact(&mut [0]).unwrap();
                operations += 1;
            }
            operations
        });
        // Sockets and timers of others get their turn.
        let (mut one, mut other) = pair();
        other.write_all(b"y").unwrap();
        one.read_exact(&mut [0]).unwrap();
        thread::sleep(Duration::from_millis(5));
        done.store(true, Ordering::Relaxed);
        assert!(busy.join().unwrap() > 0);
    });
}

#[test]
fn tasks_that_only_yield_starve_neither_sockets_nor_timers() {
    on_workers(|| {
        let done = Arc::new(AtomicBool::new(false));
        let spinners: Vec<_> = (0..10)
            .map(|_| {
                let done = Arc::clone(&done);
                thread::spawn(move || {
                    while !done.load(Ordering::Relaxed) {
                        thread::yield_now();
                    }
                })
            })
            .collect();
        let (mut server, mut client) = pair_with_std();
        let sender = std::thread::spawn(move || client.write_all(b"z").map(|()| client));
        server.set_read_timeout(Some(LONG)).unwrap();
        server.read_exact(&mut [0]).unwrap();
        thread::sleep(Duration::from_millis(1));
        done.store(true, Ordering::Relaxed);
        for spinner in spinners {
            spinner.join().unwrap();
        }
        sender.join().unwrap().unwrap();
    });
}

#[test]
fn no_park_panics_on_a_park_and_only_there() {
    on_workers(|| {
        let task = thread::spawn(|| {
            assert_eq!(thread::no_park(|| 5), 5);
            let (mut server, mut client) = pair();
            client.write_all(b"x").unwrap();
            let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                thread::no_park(|| server.read_exact(&mut [0; 100]))
            }));
            assert!(caught.is_err());
            // Outside, it parks as before.
            thread::sleep(Duration::from_micros(10));
        });
        task.join().unwrap();
    });
}

#[test]
fn the_budget_does_not_make_no_park_give_way() {
    on(1, || {
        let inside = Rc::new(Cell::new(false));
        let flag = Arc::new(AtomicBool::new(false));
        let other = {
            let flag = Arc::clone(&flag);
            thread::spawn(move || flag.store(true, Ordering::Relaxed))
        };
        let (mut server, mut client) = pair();
        client.write_all(&[7; 1000]).unwrap();
        flag.store(false, Ordering::Relaxed);
        thread::no_park(|| {
            inside.set(true);
            for _ in 0..1000 {
                server.read_exact(&mut [0]).unwrap();
            }
            inside.set(false);
        });
        other.join().unwrap();
        assert!(!inside.get());
    });
}

/// Runs a closure when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Pain 5: a destructor that does I/O during a panic. The other tasks of the worker
/// see no panic, and std's locks that they hold are not poisoned.
#[test]
fn pain_05_io_in_a_destructor_during_a_panic_shows_nobody_a_panic() {
    on_workers(|| {
        let stop = Arc::new(AtomicBool::new(false));
        let lock = Arc::new(std::sync::Mutex::new(0_u64));
        let others: Vec<_> = (0..8)
            .map(|_| {
                let (stop, lock) = (Arc::clone(&stop), Arc::clone(&lock));
                thread::spawn(move || {
                    let mut saw_a_panic = false;
                    while !stop.load(Ordering::Relaxed) {
                        {
                            let mut guard = lock.lock().unwrap();
                            *guard += 1;
                            saw_a_panic |= std::thread::panicking();
                        }
                        thread::yield_now();
                    }
                    saw_a_panic
                })
            })
            .collect();
        for round in 0..20 {
            let (server, mut client) = pair_with_std();
            // Answers from outside of the runtime, so that it can while a worker blocks.
            let peer = std::thread::spawn(move || {
                let mut byte = [0];
                client.read_exact(&mut byte).unwrap();
                client.write_all(&byte).unwrap();
            });
            let answered = Arc::new(AtomicBool::new(false));
            let seen = Arc::clone(&answered);
            let task = thread::spawn(move || {
                let mut stream = server;
                let _bye = OnDrop(move || {
                    assert!(std::thread::panicking());
                    stream.write_all(&[round]).unwrap();
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    thread::sleep(Duration::from_micros(100));
                    seen.store(byte == [round], Ordering::Relaxed);
                });
                panic!("on purpose");
            });
            assert!(task.join().is_err());
            assert!(answered.load(Ordering::Relaxed));
            peer.join().unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        for other in others {
            assert!(!other.join().unwrap(), "another task saw the panic");
        }
        assert!(!lock.is_poisoned());
    });
}

#[test]
fn a_silent_peer_holds_a_worker_up_for_a_second_at_most() {
    on(1, || {
        let (server, _client) = pair();
        let start = Instant::now();
        let task = thread::spawn(move || {
            let mut stream = server;
            let _bye = OnDrop(move || {
                assert_eq!(
                    stream.read(&mut [0]).unwrap_err().kind(),
                    std::io::ErrorKind::TimedOut
                );
            });
            panic!("on purpose");
        });
        assert!(task.join().is_err());
        assert!(start.elapsed() >= Duration::from_millis(900) && start.elapsed() < LONG);
    });
}

#[test]
fn a_destructor_during_a_panic_may_join_a_child() {
    on_workers(|| {
        let joined = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let joined = Arc::clone(&joined);
                thread::spawn(move || {
                    let (mut server, mut client) = pair();
                    let mut child = Some(thread::spawn(move || {
                        // The child does I/O of its own, and must not be taken for
                        // the one that unwinds.
                        let mut byte = [0];
                        server.read_exact(&mut byte).unwrap();
                        byte[0]
                    }));
                    let mut sender = Some(thread::spawn(move || {
                        thread::yield_now();
                        client.write_all(&[9]).unwrap();
                    }));
                    let _bye = OnDrop(move || {
                        assert_eq!(child.take().unwrap().join().unwrap(), 9);
                        sender.take().unwrap().join().unwrap();
                        joined.fetch_add(1, Ordering::Relaxed);
                    });
                    panic!("on purpose");
                })
            })
            .collect();
        for task in tasks {
            assert!(task.join().is_err());
        }
        assert_eq!(joined.load(Ordering::Relaxed), 10);
        assert!(!std::thread::panicking());
        // Waiting works as before.
        let (mut server, mut client) = pair();
        client.write_all(b"x").unwrap();
        server.read_exact(&mut [0]).unwrap();
    });
}

#[test]
fn tasks_are_started_from_plain_threads_and_from_tasks() {
    let runtime = netpoll::Builder::new().workers(3).build().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..200)
        .map(|_| {
            let count = Arc::clone(&count);
            runtime.spawn(move || {
                let children: Vec<_> = (0..10)
                    .map(|_| {
                        let count = Arc::clone(&count);
                        thread::spawn(move || count.fetch_add(1, Ordering::Relaxed))
                    })
                    .collect();
                for child in children {
                    child.join().unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.join().unwrap();
    }
    assert_eq!(count.load(Ordering::Relaxed), 2000);
    until("all have gone", || runtime.tasks() == 0);
    assert_eq!(runtime.workers(), 3);
}

#[test]
fn a_dropped_runtime_lets_its_tasks_finish() {
    let count = Arc::new(AtomicUsize::new(0));
    {
        let runtime = netpoll::Builder::new().workers(2).build().unwrap();
        for _ in 0..50 {
            let count = Arc::clone(&count);
            drop(runtime.spawn(move || {
                thread::sleep(Duration::from_millis(2));
                let count_too = Arc::clone(&count);
                thread::spawn(move || {
                    thread::sleep(Duration::from_millis(2));
                    count_too.fetch_add(1, Ordering::Relaxed)
                });
                count.fetch_add(1, Ordering::Relaxed);
            }));
        }
    }
    until("all have run", || count.load(Ordering::Relaxed) == 100);
}

#[test]
fn stack_sizes_are_checked() {
    let too_large = thread::Builder::new().stack_size(usize::MAX).spawn(|| ());
    assert_eq!(common::kind(too_large), std::io::ErrorKind::InvalidInput);
    let builder = netpoll::Builder::new();
    assert_eq!(
        common::kind(builder.clone().workers(0).build()),
        std::io::ErrorKind::InvalidInput
    );
    assert_eq!(
        common::kind(builder.clone().workers(100_000).build()),
        std::io::ErrorKind::InvalidInput
    );
    assert_eq!(
        common::kind(builder.stack_size(usize::MAX).build()),
        std::io::ErrorKind::InvalidInput
    );
}

#[test]
fn wake_ups_between_workers_and_threads_are_not_lost() {
    // Pairs of tasks, and of tasks and threads, that take turns over sockets.
    let runtime = netpoll::Builder::new().workers(3).build().unwrap();
    let mut threads = Vec::new();
    let mut tasks = Vec::new();
    for i in 0..8 {
        let (mut one, mut other) = pair();
        let first = move || {
            for round in 0..500_u16 {
                one.write_all(&round.to_be_bytes()).unwrap();
                let mut reply = [0; 2];
                one.read_exact(&mut reply).unwrap();
                assert_eq!(u16::from_be_bytes(reply), round);
            }
        };
        let second = move || {
            let mut bytes = [0; 2];
            while other.read_exact(&mut bytes).is_ok() {
                other.write_all(&bytes).unwrap();
            }
        };
        tasks.push(runtime.spawn(first));
        if i % 2 == 0 {
            tasks.push(runtime.spawn(second));
        } else {
            threads.push(std::thread::spawn(second));
        }
    }
    for task in tasks {
        task.join().unwrap();
    }
    for thread in threads {
        thread.join().unwrap();
    }
}

/// Unwinds, joins a task in a destructor meanwhile, and catches its panic.
fn unwind_and_join(task: impl FnOnce() + Send + 'static) {
    let mut task = Some(thread::spawn(task));
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _bye = OnDrop(move || task.take().unwrap().join().unwrap());
        panic!("on purpose");
    }));
    assert!(caught.is_err());
}

/// A task whose unwinding is over is not taken for one that unwinds because another
/// one of its worker still does.
#[test]
fn a_caught_panic_is_over_while_another_task_unwinds() {
    on(1, || {
        let stop = Arc::new(AtomicBool::new(false));
        let turns = Arc::new(AtomicUsize::new(0));
        let (seen, counted) = (Arc::clone(&stop), Arc::clone(&turns));
        let counter = thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                counted.fetch_add(1, Ordering::Relaxed);
                thread::yield_now();
            }
        });
        let seen = Arc::clone(&stop);
        let unwinding = thread::spawn(move || {
            unwind_and_join(move || {
                while !seen.load(Ordering::Relaxed) {
                    thread::yield_now();
                }
            });
        });
        unwind_and_join(|| (0..20).for_each(|_| thread::yield_now()));
        assert!(std::thread::panicking(), "the other one still unwinds");
        // If this blocked the worker, the counter would stand still.
        let before = turns.load(Ordering::Relaxed);
        thread::sleep(Duration::from_millis(50));
        assert!(turns.load(Ordering::Relaxed) > before);
        stop.store(true, Ordering::Relaxed);
        counter.join().unwrap();
        unwinding.join().unwrap();
    });
}

/// As in std: nobody is there to take the panic.
#[test]
fn a_result_that_nobody_takes_and_that_panics_ends_the_process() {
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            panic!("in the destructor");
        }
    }
    if common::is_child() {
        let task = thread::spawn(|| Bad);
        common::until("it has ended", || task.is_finished());
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(task)));
        // The task may let go of it last, a moment later.
        std::thread::sleep(common::LONG);
        println!("it went on");
        return;
    }
    let test = "a_result_that_nobody_takes_and_that_panics_ends_the_process";
    let output = common::child(test, &[]);
    assert!(!output.status.success());
    assert!(!String::from_utf8_lossy(&output.stdout).contains("it went on"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        errors.contains("the destructor of a task's result panicked"),
        "{errors}"
    );
}
