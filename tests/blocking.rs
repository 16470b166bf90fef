//! What blocks beside the workers: `netpoll::blocking` and its pool.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

use common::{LONG, bytes_of, child, everywhere, in_child, is_child, on, on_workers, until};
use netpoll::{blocking, thread};

/// How many threads the pool has, by their name.
fn pool_threads() -> usize {
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("comm")).ok())
        .filter(|name| name.trim() == "netpoll-block")
        .count()
}

/// Blocks its thread until there is something; a test that would hang fails.
fn receive<T>(receiver: &Receiver<T>) -> T {
    receiver.recv_timeout(LONG).expect("nobody sends")
}

#[test]
fn values_come_back() {
    everywhere(|| {
        let text = String::from("moved there");
        assert_eq!(blocking(move || text + " and back"), "moved there and back");
        blocking(|| ());
    });
}

#[test]
fn it_runs_on_another_thread_for_a_task_and_in_place_for_a_thread() {
    let id = || std::thread::current().id();
    on_workers(move || assert_ne!(blocking(id), id()));
    assert_eq!(blocking(id), id());
    // In a closure there is no task: one inside of another runs in place, so that
    // nesting never waits for a thread.
    on(1, move || {
        blocking(move || assert_eq!(blocking(id), id()));
    });
}

/// On the worker's thread, either side would block for good.
#[test]
fn a_closure_waits_for_tasks_of_the_same_worker() {
    on_workers(|| {
        let (to_task, questions) = channel();
        let (to_closure, answers) = channel();
        let feeder = thread::spawn(move || {
            for round in 0..100 {
                let question = {
                    let questions: &Receiver<u32> = &questions;
                    loop {
                        match questions.try_recv() {
                            Ok(question) => break question,
                            Err(_) => thread::yield_now(),
                        }
                    }
                };
                assert_eq!(question, round);
                to_closure.send(question * 2).unwrap();
            }
        });
        let sum: u32 = blocking(move || {
            (0..100)
                .map(|round| {
                    to_task.send(round).unwrap();
                    receive(&answers)
                })
                .sum()
        });
        assert_eq!(sum, 9900);
        feeder.join().unwrap();
    });
}

#[test]
fn closures_of_one_worker_run_at_the_same_time() {
    on_workers(|| {
        const MANY: usize = 50;
        let barrier = Arc::new(Barrier::new(MANY));
        let tasks: Vec<_> = (0..MANY)
            .map(|_| {
                let barrier = Arc::clone(&barrier);
                thread::spawn(move || blocking(move || barrier.wait().is_leader()))
            })
            .collect();
        let leaders = tasks.into_iter().map(|task| task.join().unwrap());
        assert_eq!(leaders.filter(|leader| *leader).count(), 1);
    });
}

#[test]
fn a_thousand_at_once_share_as_many_threads_as_may_be() {
    const MOST: usize = 7;
    in_child(
        "a_thousand_at_once_share_as_many_threads_as_may_be",
        &[("NETPOLL_BLOCKING_THREADS", "7")],
        || {
            for workers in [1, 2, 8] {
                on(workers, || {
                    let inside = Arc::new(AtomicUsize::new(0));
                    let highest = Arc::new(AtomicUsize::new(0));
                    let tasks: Vec<_> = (0..1000)
                        .map(|i| {
                            let (inside, highest) = (Arc::clone(&inside), Arc::clone(&highest));
                            thread::spawn(move || {
                                blocking(move || {
                                    let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                                    highest.fetch_max(now, Ordering::SeqCst);
                                    std::thread::sleep(Duration::from_micros(500));
                                    inside.fetch_sub(1, Ordering::SeqCst);
                                    i
                                })
                            })
                        })
                        .collect();
                    for (i, task) in tasks.into_iter().enumerate() {
                        assert_eq!(task.join().unwrap(), i);
                    }
                    let highest = highest.load(Ordering::SeqCst);
                    assert!((2..=MOST).contains(&highest), "{highest} at once");
                    assert!(pool_threads() <= MOST);
                });
            }
        },
    );
}

#[test]
fn who_comes_first_is_served_first() {
    in_child(
        "who_comes_first_is_served_first",
        &[("NETPOLL_BLOCKING_THREADS", "1")],
        || {
            on(1, || {
                // The only thread is held until all others stand in the queue.
                let (let_go, held) = channel();
                let holder = thread::spawn(move || blocking(move || receive(&held)));
                let order = Arc::new(Mutex::new(Vec::new()));
                let tasks: Vec<_> = (0..100)
                    .map(|i| {
                        let order = Arc::clone(&order);
                        thread::spawn(move || blocking(move || order.lock().unwrap().push(i)))
                    })
                    .collect();
                // All have begun, in this order, before this one comes round again.
                thread::sleep(Duration::from_millis(20));
                let_go.send(()).unwrap();
                holder.join().unwrap();
                for task in tasks {
                    task.join().unwrap();
                }
                assert!(order.lock().unwrap().iter().copied().eq(0..100));
            });
        },
    );
}

#[test]
fn a_panic_goes_on_in_the_caller() {
    everywhere(|| {
        for round in 0..20_u8 {
            let panic = catch_unwind(|| blocking(move || panic_any(round))).unwrap_err();
            assert_eq!(panic.downcast_ref(), Some(&round));
            assert!(!std::thread::panicking());
            // The thread that it happened on goes on, too.
            assert!(!blocking(std::thread::panicking));
        }
        let task = thread::spawn(|| blocking(|| panic!("on purpose")));
        let panic = task.join().unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"on purpose"));
    });
}

#[test]
fn what_is_moved_in_and_out_is_dropped_once() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    everywhere(|| {
        let drops = Arc::new(AtomicUsize::new(0));
        let counted = Counted(Arc::clone(&drops));
        let returned = blocking(move || counted);
        assert_eq!(drops.load(Ordering::SeqCst), 0);
        blocking(move || drop(returned));
        assert_eq!(drops.load(Ordering::SeqCst), 1);
        let counted = Counted(Arc::clone(&drops));
        let panic = catch_unwind(AssertUnwindSafe(|| {
            blocking(move || {
                let _counted = counted;
                panic!("on purpose");
            })
        }));
        assert!(panic.is_err());
        assert_eq!(drops.load(Ordering::SeqCst), 2);
    });
}

#[test]
fn inside_of_no_park_it_panics_and_the_closure_does_not_run() {
    on_workers(|| {
        let ran = Arc::new(AtomicBool::new(false));
        for _ in 0..100 {
            let seen = Arc::clone(&ran);
            let caught = catch_unwind(AssertUnwindSafe(|| {
                thread::no_park(|| blocking(move || seen.store(true, Ordering::SeqCst)))
            }));
            assert!(caught.is_err());
        }
        assert_eq!(blocking(|| 1), 1);
        assert!(!ran.load(Ordering::SeqCst));
    });
    assert_eq!(thread::no_park(|| blocking(|| 1)), 1);
}

/// Runs a closure when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn a_destructor_during_a_panic_may_wait_for_a_closure() {
    on_workers(|| {
        let task = thread::spawn(|| {
            let (sender, receiver) = channel();
            let mut receiver = Some(receiver);
            let feeder = thread::spawn(move || sender.send(9).unwrap());
            let got = Arc::new(AtomicUsize::new(0));
            let seen = Arc::clone(&got);
            let unwinding = catch_unwind(AssertUnwindSafe(|| {
                let _bye = OnDrop(move || {
                    let receiver = receiver.take().unwrap();
                    // The feeder is of the same worker, perhaps.
                    let value = blocking(move || receive(&receiver));
                    seen.store(value, Ordering::SeqCst);
                });
                panic!("on purpose");
            }));
            assert!(unwinding.is_err() && !std::thread::panicking());
            feeder.join().unwrap();
            got.load(Ordering::SeqCst)
        });
        assert_eq!(task.join().unwrap(), 9);
    });
}

/// How often other threads of this process have given up their processor.
fn switches() -> u64 {
    let own = rustix::thread::gettid().as_raw_nonzero().to_string();
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .map(Result::unwrap)
        .filter(|thread| thread.file_name() != *own)
        .map(|thread| {
            let status = thread.path().join("status");
            let text = std::fs::read_to_string(status).unwrap_or_default();
            text.lines()
                .filter(|line| line.contains("ctxt_switches"))
                .filter_map(|line| line.rsplit('\t').next()?.trim().parse::<u64>().ok())
                .sum::<u64>()
        })
        .sum()
}

/// Makes the pool have so many threads.
fn start_threads(runtime: &netpoll::Runtime, count: usize) {
    let barrier = Arc::new(Barrier::new(count));
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let barrier = Arc::clone(&barrier);
            runtime.spawn(move || blocking(move || barrier.wait().is_leader()))
        })
        .collect();
    for task in tasks {
        task.join().unwrap();
    }
    assert_eq!(pool_threads(), count);
}

#[test]
fn threads_without_work_leave_and_nothing_wakes_up_then() {
    in_child(
        "threads_without_work_leave_and_nothing_wakes_up_then",
        &[],
        || {
            let runtime = netpoll::Builder::new().workers(2).build().unwrap();
            let start = Instant::now();
            start_threads(&runtime, 20);
            while pool_threads() > 0 {
                assert!(start.elapsed() < Duration::from_secs(30));
                std::thread::sleep(Duration::from_millis(200));
            }
            assert!(start.elapsed() > Duration::from_secs(5));
            // Workers give memory back for some rounds.
            let mut quiet = 0;
            for _ in 0..40 {
                let before = switches();
                std::thread::sleep(Duration::from_secs(1));
                quiet = if switches() == before { quiet + 1 } else { 0 };
                if quiet == 3 {
                    break;
                }
            }
            assert_eq!(quiet, 3, "something wakes up while idle");
            // And it starts anew.
            start_threads(&runtime, 2);
        },
    );
}

/// One closure at a time needs one thread: it must not keep all of them in turn.
#[test]
fn a_trickle_of_closures_keeps_one_thread() {
    in_child("a_trickle_of_closures_keeps_one_thread", &[], || {
        let runtime = netpoll::Builder::new().workers(2).build().unwrap();
        start_threads(&runtime, 20);
        let start = Instant::now();
        while pool_threads() > 1 {
            assert!(start.elapsed() < Duration::from_secs(30));
            runtime.spawn(|| blocking(|| ())).join().unwrap();
            std::thread::sleep(Duration::from_millis(100));
        }
    });
}

#[test]
fn a_number_of_threads_that_makes_no_sense_is_said_clearly() {
    if is_child() {
        let text = std::env::var("NETPOLL_BLOCKING_THREADS").unwrap();
        let expected = format!(
            "NETPOLL_BLOCKING_THREADS={text}: the number of threads must be from 1 to 10000"
        );
        on(1, move || {
            for _ in 0..2 {
                let panic = thread::spawn(|| blocking(|| 1)).join().unwrap_err();
                let panic = panic.downcast_ref::<String>().unwrap();
                assert!(panic.contains(&expected), "{panic}");
            }
        });
        // Where no pool is needed, its size does not matter.
        assert_eq!(blocking(|| 1), 1);
        return;
    }
    for nonsense in ["many", "0", "-1", "10001", "7 or so", ""] {
        let output = child(
            "a_number_of_threads_that_makes_no_sense_is_said_clearly",
            &[("NETPOLL_BLOCKING_THREADS", nonsense)],
        );
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{nonsense:?}: {text}");
    }
}

/// Makes every thread that asks for a large stack fail to start.
fn forbid_large_stacks() {
    let most = bytes_of("VmSize") as u64 + (256 << 20);
    let limit = libc::rlimit {
        rlim_cur: most,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: the limit is read from a valid place.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
    assert!(std::thread::Builder::new().spawn(|| ()).is_err());
}

/// Threads of the pool get stacks of this size, tasks do not.
const LARGE_STACKS: (&str, &str) = ("RUST_MIN_STACK", "536870912");

fn one_worker() -> netpoll::Runtime {
    netpoll::Builder::new()
        .workers(1)
        .stack_size(256 * 1024)
        .build()
        .unwrap()
}

#[test]
fn if_no_thread_can_be_made_it_runs_in_place() {
    in_child(
        "if_no_thread_can_be_made_it_runs_in_place",
        &[LARGE_STACKS],
        || {
            let runtime = one_worker();
            let task = runtime.spawn(|| {
                forbid_large_stacks();
                let id = || std::thread::current().id();
                assert_eq!(blocking(id), id());
                let panic = catch_unwind(|| blocking(|| panic_any(7_u8))).unwrap_err();
                assert_eq!(panic.downcast_ref(), Some(&7_u8));
            });
            task.join().unwrap();
            assert_eq!(pool_threads(), 0);
        },
    );
}

#[test]
fn if_no_more_threads_can_be_made_those_there_are_do_the_work() {
    in_child(
        "if_no_more_threads_can_be_made_those_there_are_do_the_work",
        &[LARGE_STACKS],
        || {
            let runtime = one_worker();
            let task = runtime.spawn(|| {
                let id = || std::thread::current().id();
                let only = blocking(id);
                forbid_large_stacks();
                let tasks: Vec<_> = (0..100)
                    .map(|_| {
                        thread::spawn(move || {
                            blocking(move || {
                                std::thread::sleep(Duration::from_micros(100));
                                id()
                            })
                        })
                    })
                    .collect();
                for task in tasks {
                    assert_eq!(task.join().unwrap(), only);
                }
            });
            task.join().unwrap();
            assert_eq!(pool_threads(), 1);
        },
    );
}

#[test]
fn in_a_forked_child_it_runs_in_place() {
    in_child("in_a_forked_child_it_runs_in_place", &[], || {
        on(1, || {
            assert_eq!(blocking(|| 1), 1);
            // SAFETY: the child calls nothing that another thread may have locked, and
            // ends without running anything of the parent's.
            let child = unsafe { libc::fork() };
            if child == 0 {
                let id = || std::thread::current().id();
                let in_place = catch_unwind(|| blocking(id) == id()).unwrap_or(false);
                // SAFETY: it ends the process at once.
                unsafe { libc::_exit(if in_place { 42 } else { 1 }) }
            }
            let mut status = 0;
            until("the child has ended", || {
                // SAFETY: the status is written to a valid place.
                unsafe { libc::waitpid(child, &mut status, libc::WNOHANG) == child }
            });
            assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 42);
        });
    });
}

/// Else all that blocks or computes would share the worker's processor.
#[test]
fn a_pinned_worker_does_not_pin_the_pool() {
    in_child("a_pinned_worker_does_not_pin_the_pool", &[], || {
        let processors = || std::thread::available_parallelism().unwrap().get();
        let all = processors();
        on(1, move || {
            // SAFETY: a set of processors may be all zeros, and is written and read in
            // valid places.
            unsafe {
                let mut set: libc::cpu_set_t = std::mem::zeroed();
                let size = size_of_val(&set);
                assert_eq!(libc::sched_getaffinity(0, size, &mut set), 0);
                let first = (0..libc::CPU_SETSIZE as usize).find(|n| libc::CPU_ISSET(*n, &set));
                libc::CPU_ZERO(&mut set);
                libc::CPU_SET(first.unwrap(), &mut set);
                assert_eq!(libc::sched_setaffinity(0, size, &set), 0);
            }
            assert_eq!(processors(), 1);
            assert_eq!(blocking(processors), all);
        });
    });
}

/// Tasks and threads of the pool meet at every step of idling and being taken.
#[test]
fn many_short_ones_lose_nothing() {
    on_workers(|| {
        let tasks: Vec<_> = (0..50_u64)
            .map(|i| {
                thread::spawn(move || {
                    (0..100_u64)
                        .map(|j| blocking(move || i * j))
                        .reduce(|sum, one| sum + one)
                        .unwrap()
                })
            })
            .collect();
        let sum: u64 = tasks.into_iter().map(|task| task.join().unwrap()).sum();
        assert_eq!(sum, 4950 * (0..50).sum::<u64>());
    });
}
