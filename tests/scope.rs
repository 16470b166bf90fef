//! Tasks that borrow: whatever happens in a scope, they end before it does.

mod common;
#[path = "common/fork.rs"]
mod fork;

use std::cell::Cell;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{child, everywhere, is_child, kind, on_workers, until};
use fork::in_fork;
use netpoll::thread::{self, Builder, ScopedJoinHandle};

/// Long enough for a scope that does not wait to be over.
fn dawdle() {
    for _ in 0..20 {
        thread::yield_now();
    }
    thread::sleep(Duration::from_millis(1));
}

/// Counts itself when it is dropped, slowly.
struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        dawdle();
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic.downcast_ref::<&str>().expect("a message")
}

/// The message of the panic that a closure must end with.
fn panic_of<R>(f: impl FnOnce() -> R) -> String {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("a panic was expected"),
        Err(panic) => message(&*panic).to_owned(),
    }
}

#[test]
fn tasks_borrow_and_change_what_is_outside() {
    everywhere(|| {
        let text = String::from("borrowed");
        let mut numbers = vec![0_usize; 64];
        let mut last = None;
        let first = thread::scope(|s| {
            for (index, number) in numbers.iter_mut().enumerate() {
                s.spawn(move || {
                    dawdle();
                    *number = index * 2;
                });
            }
            s.spawn(|| last = text.chars().last());
            let word: &str = s.spawn(|| &text[..6]).join().unwrap();
            word
        });
        assert_eq!((first, last), ("borrow", Some('d')));
        assert!(numbers.iter().enumerate().all(|(i, n)| *n == i * 2));
        numbers.push(1);
    });
}

#[test]
fn a_scope_without_tasks_returns_what_its_closure_returns() {
    everywhere(|| {
        assert_eq!(thread::scope(|_| 3), 3);
        assert_eq!(panic_of(|| thread::scope(|_| panic!("alone"))), "alone");
    });
}

#[test]
fn tasks_start_tasks_and_the_scope_waits_for_all() {
    everywhere(|| {
        let ended = AtomicUsize::new(0);
        thread::scope(|s| {
            for _ in 0..10 {
                s.spawn(|| {
                    for _ in 0..10 {
                        s.spawn(|| {
                            dawdle();
                            ended.fetch_add(1, Ordering::Relaxed);
                        });
                    }
                    ended.fetch_add(1, Ordering::Relaxed);
                });
            }
        });
        assert_eq!(ended.into_inner(), 110);
    });
}

#[test]
fn a_handle_gives_what_its_task_returned_or_panicked_with() {
    everywhere(|| {
        let go = AtomicBool::new(false);
        let sum = thread::scope(|s| {
            let panics = s.spawn(|| panic_any(7_u8));
            let waits = s.spawn(|| {
                while !go.load(Ordering::Relaxed) {
                    thread::park();
                }
                4
            });
            assert!(!waits.is_finished());
            go.store(true, Ordering::Relaxed);
            waits.thread().unpark();
            until("it has ended", || waits.is_finished());
            // A panic that was taken is not the scope's.
            let panic = panics.join().unwrap_err();
            waits.join().unwrap() + panic.downcast_ref::<u8>().unwrap()
        });
        assert_eq!(sum, 11);
    });
}

#[test]
fn when_the_closure_panics_its_tasks_still_end_first() {
    everywhere(|| {
        let ended = AtomicUsize::new(0);
        let panic = panic_of(|| {
            thread::scope(|s| {
                let held = Counted(&ended);
                for _ in 0..10 {
                    s.spawn(|| {
                        dawdle();
                        ended.fetch_add(1, Ordering::Relaxed);
                    });
                }
                // Of the two panics the closure's comes out.
                let _handle = s.spawn(|| panic!("a task"));
                drop(held);
                panic!("the closure");
            })
        });
        assert_eq!(panic, "the closure");
        assert_eq!(ended.into_inner(), 11);
    });
}

#[test]
fn a_panic_that_nobody_took_is_the_scopes() {
    everywhere(|| {
        let ended = AtomicUsize::new(0);
        let run = |end: fn(ScopedJoinHandle<'_, ()>)| {
            panic_of(|| {
                thread::scope(|s| {
                    s.spawn(|| {
                        dawdle();
                        ended.fetch_add(1, Ordering::Relaxed);
                    });
                    end(s.spawn(|| {
                        let _held = Counted(&ended);
                        panic!("on purpose");
                    }));
                })
            })
        };
        assert_eq!(run(|handle| drop(handle)), "a scoped thread panicked");
        // Whether the handle goes after or before the task.
        let after = |handle: ScopedJoinHandle<'_, ()>| {
            until("it has ended", || handle.is_finished());
        };
        assert_eq!(run(after), "a scoped thread panicked");
        // A handle that is leaked does not keep the scope from ending.
        assert_eq!(
            run(|handle| std::mem::forget(handle)),
            "a scoped thread panicked"
        );
        assert_eq!(ended.load(Ordering::Relaxed), 6);
        // One panic was taken, the other was not.
        let panic = panic_of(|| {
            thread::scope(|s| {
                s.spawn(|| panic!("not taken"));
                let taken = s.spawn(|| panic!("taken"));
                assert_eq!(message(&*taken.join().unwrap_err()), "taken");
            })
        });
        assert_eq!(panic, "a scoped thread panicked");
    });
}

#[test]
fn results_are_dropped_before_the_scope_ends() {
    everywhere(|| {
        let dropped = AtomicUsize::new(0);
        let result = || Counted(&dropped);
        thread::scope(|s| {
            // Nobody has a handle any more when it ends.
            for _ in 0..5 {
                s.spawn(|| {
                    dawdle();
                    result()
                });
            }
            // A handle that is dropped when it has ended.
            let ended = s.spawn(result);
            until("it has ended", || ended.is_finished());
            drop(ended);
            // Handles that tasks hold.
            let inner = s.spawn(result);
            s.spawn(move || {
                dawdle();
                drop(inner);
            });
            let inner = s.spawn(result);
            s.spawn(move || inner.join().unwrap());
            // One that goes with the closure.
            let _last = s.spawn(result);
        });
        assert_eq!(dropped.into_inner(), 9);
    });
}

#[test]
fn what_a_closure_holds_is_dropped_before_the_scope_ends() {
    everywhere(|| {
        let dropped = AtomicUsize::new(0);
        thread::scope(|s| {
            for _ in 0..5 {
                let held = Counted(&dropped);
                s.spawn(move || drop(held));
                let held = Counted(&dropped);
                s.spawn(move || held.0.load(Ordering::Relaxed));
            }
            // One that cannot be started.
            let held = Counted(&dropped);
            let builder = Builder::new().stack_size(usize::MAX);
            let error = builder.spawn_scoped(s, move || drop(held));
            assert_eq!(kind(error), std::io::ErrorKind::InvalidInput);
            assert!(dropped.load(Ordering::Relaxed) >= 1);
        });
        assert_eq!(dropped.into_inner(), 11);
    });
}

#[test]
fn handles_that_hold_each_other_do_not_keep_the_scope_from_ending() {
    everywhere(|| {
        let count = AtomicUsize::new(0);
        thread::scope(|s| {
            let place = Arc::new(Mutex::new(None));
            let inside = Arc::clone(&place);
            let task = s.spawn(move || {
                until("the handle is there", || inside.lock().unwrap().is_some());
                inside
            });
            // The task's result holds its own handle: neither is ever dropped.
            let erased: Box<dyn Send + '_> = Box::new(task);
            *place.lock().unwrap() = Some(erased);
            s.spawn(|| count.fetch_add(1, Ordering::Relaxed));
        });
        assert_eq!(count.into_inner(), 1);
    });
}

#[test]
fn scopes_are_nested() {
    everywhere(|| {
        let outside = AtomicUsize::new(0);
        thread::scope(|outer| {
            for _ in 0..5 {
                outer.spawn(|| {
                    let mut inside = [0; 5];
                    thread::scope(|inner| {
                        for number in &mut inside {
                            inner.spawn(|| {
                                dawdle();
                                *number += 1;
                                // The outer one waits for this.
                                outer.spawn(|| {
                                    dawdle();
                                    outside.fetch_add(1, Ordering::Relaxed);
                                });
                            });
                        }
                    });
                    assert_eq!(inside, [1; 5]);
                    let panic = panic_of(|| {
                        thread::scope(|inner| {
                            inner.spawn(|| panic!("inside"));
                        })
                    });
                    assert_eq!(panic, "a scoped thread panicked");
                });
            }
        });
        assert_eq!(outside.into_inner(), 25);
    });
}

#[test]
fn a_scope_among_a_thousand_tasks() {
    on_workers(|| {
        let stop = Arc::new(AtomicBool::new(false));
        let others: Vec<_> = (0..1000)
            .map(|_| {
                let stop = Arc::clone(&stop);
                thread::spawn(move || {
                    let mut turns = 0_usize;
                    while !stop.load(Ordering::Relaxed) {
                        thread::yield_now();
                        turns += 1;
                    }
                    turns
                })
            })
            .collect();
        let mut squares = [0_usize; 100];
        thread::scope(|s| {
            for (number, square) in squares.iter_mut().enumerate() {
                s.spawn(move || {
                    for _ in 0..5 {
                        thread::yield_now();
                    }
                    *square = number * number;
                });
            }
        });
        stop.store(true, Ordering::Relaxed);
        assert!(squares.iter().enumerate().all(|(i, n)| *n == i * i));
        for other in others {
            other.join().unwrap();
        }
    });
}

#[test]
fn inside_of_no_park_a_scope_panics_before_anything_is_lent() {
    on_workers(|| {
        let called = Cell::new(false);
        let panic = panic_of(|| {
            thread::no_park(|| thread::scope(|_| called.set(true)));
        });
        assert_eq!(panic, "a task parked inside of no_park");
        assert!(!called.get());
        // Outside of it, and with it inside, all is as before.
        thread::scope(|s| {
            thread::no_park(|| s.spawn(|| called_by_task(&mut 0)));
        });
    });
    fn called_by_task(count: &mut u8) {
        dawdle();
        *count += 1;
    }
}

#[test]
fn the_token_of_park_is_left_alone() {
    everywhere(|| {
        let me = thread::current();
        me.unpark();
        thread::scope(|s| {
            s.spawn(dawdle);
        });
        // It is still there.
        thread::park();
        // Others that unpark do not end the scope.
        let mut ended = false;
        thread::scope(|s| {
            s.spawn(|| {
                for _ in 0..10 {
                    me.unpark();
                    dawdle();
                }
                ended = true;
            });
        });
        assert!(ended);
        thread::park();
        let start = Instant::now();
        thread::park_timeout(Duration::from_millis(5));
        assert!(start.elapsed() >= Duration::from_millis(5));
    });
}

/// Runs a scope when it is dropped.
struct ScopeOnDrop<'a>(&'a AtomicUsize);

impl Drop for ScopeOnDrop<'_> {
    fn drop(&mut self) {
        assert!(std::thread::panicking());
        let mut numbers = [0; 10];
        let caught = catch_unwind(AssertUnwindSafe(|| {
            thread::scope(|s| {
                for number in &mut numbers {
                    s.spawn(|| {
                        dawdle();
                        *number += 1;
                    });
                }
                // A panic in a panic, of another task.
                s.spawn(|| panic!("while the scope's task unwinds"));
            });
        }));
        assert!(caught.is_err());
        self.0.fetch_add(numbers.iter().sum(), Ordering::Relaxed);
    }
}

#[test]
fn a_destructor_during_a_panic_may_use_a_scope() {
    everywhere(|| {
        let count = AtomicUsize::new(0);
        let panic = panic_of(|| {
            let _bye = ScopeOnDrop(&count);
            panic!("on purpose");
        });
        assert_eq!(panic, "on purpose");
        assert_eq!(count.load(Ordering::Relaxed), 10);
        // In a task of a scope, too.
        thread::scope(|s| {
            let task = s.spawn(|| {
                let _bye = ScopeOnDrop(&count);
                panic!("on purpose");
            });
            assert!(task.join().is_err());
        });
        assert_eq!(count.load(Ordering::Relaxed), 20);
        assert!(!std::thread::panicking());
    });
}

#[test]
fn a_task_of_a_scope_has_a_name_and_a_stack_size() {
    everywhere(|| {
        let text = "borrowed".to_owned();
        thread::scope(|s| {
            let builder = Builder::new().name("named".into()).stack_size(1 << 20);
            let task = builder
                .spawn_scoped(s, || {
                    let large = std::hint::black_box([1_u8; 300 * 1024]);
                    let name = thread::current().name().map(str::to_owned);
                    (name, large.len() + text.len())
                })
                .unwrap();
            assert_eq!(task.thread().name(), Some("named"));
            let expected = (Some("named".to_owned()), 300 * 1024 + 8);
            assert_eq!(task.join().unwrap(), expected);
        });
    });
}

#[test]
fn the_result_of_a_task_whose_destructor_panics_ends_the_process() {
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            panic!("in the destructor");
        }
    }
    let variant = std::env::var("VARIANT");
    if is_child() {
        let caught = catch_unwind(|| {
            thread::scope(|s| {
                let handle = s.spawn(|| {
                    dawdle();
                    Bad
                });
                if variant.as_deref() == Ok("handle") {
                    until("it has ended", || handle.is_finished());
                }
            });
        });
        println!("it went on: {}", caught.is_err());
        return;
    }
    for variant in ["task", "handle"] {
        let output = child(
            "the_result_of_a_task_whose_destructor_panics_ends_the_process",
            &[("VARIANT", variant)],
        );
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{errors}");
        assert!(errors.contains("a task's result panicked"), "{errors}");
        assert!(!String::from_utf8_lossy(&output.stdout).contains("it went on"));
    }
}

#[test]
fn a_scope_in_a_forked_child_panics_before_anything_is_lent() {
    let name = "a_scope_in_a_forked_child_panics_before_anything_is_lent";
    common::in_child(name, &[], || {
        common::on(2, || {
            let status = in_fork(|| {
                let called = Cell::new(false);
                let panic = catch_unwind(AssertUnwindSafe(|| thread::scope(|_| called.set(true))));
                i32::from(called.get() || panic.is_ok())
            });
            assert_eq!(status.code(), Some(0));
        });
    });
}

/// A child that is forked inside of a scope has none of its tasks. It must not get
/// out, since they, as far as the program can tell, still borrow.
#[test]
fn a_forked_child_does_not_leave_a_scope_whose_tasks_it_lacks() {
    let name = "a_forked_child_does_not_leave_a_scope_whose_tasks_it_lacks";
    common::in_child(name, &[], || {
        common::on(2, || {
            // SAFETY: asks for a number.
            let parent = unsafe { libc::getpid() };
            let stop = AtomicBool::new(false);
            let mut ended = false;
            let status = catch_unwind(AssertUnwindSafe(|| {
                thread::scope(|s| {
                    s.spawn(|| {
                        until("the child has ended", || stop.load(Ordering::Relaxed));
                        ended = true;
                    });
                    // SAFETY: the child gets no further than to the exit below.
                    let pid = unsafe { libc::fork() };
                    if pid == 0 {
                        return 0;
                    }
                    let mut status = 0;
                    // SAFETY: `pid` is a child, and `status` is there to be written.
                    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
                    stop.store(true, Ordering::Relaxed);
                    status
                })
            }));
            // SAFETY: asks for a number, or ends the process.
            unsafe {
                if libc::getpid() != parent {
                    libc::_exit(0);
                }
            }
            let status = std::process::ExitStatus::from_raw(status.unwrap());
            assert_eq!(status.signal(), Some(libc::SIGABRT));
            assert!(ended);
        });
    });
}
