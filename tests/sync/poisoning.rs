//! Whose panic poisons a lock, where many tasks share a thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use netpoll::sync::{Arc, Condvar, Mutex, RwLock, mpsc};
use netpoll::thread;

use crate::common::{on, on_workers, until};

/// Runs a closure when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A task that panics, and waits in a destructor until it is let go on.
struct Unwinding {
    go_on: mpsc::Sender<()>,
    task: thread::JoinHandle<()>,
}

impl Unwinding {
    /// It has a guard of this lock from before its panic, if there is one.
    fn begin(lock: Option<Arc<Mutex<u32>>>) -> Self {
        let (go_on, wait) = mpsc::channel();
        let task = thread::spawn(move || {
            let _guard = lock.as_ref().map(|lock| lock.lock().unwrap());
            let _wait = OnDrop(|| wait.recv().unwrap());
            panic!("on purpose");
        });
        let this = Self { go_on, task };
        until("it unwinds", std::thread::panicking);
        this
    }

    fn end_among_others(self) {
        assert!(std::thread::panicking(), "others of the worker see it");
        self.go_on.send(()).unwrap();
        assert!(self.task.join().is_err());
    }

    fn end(self) {
        self.end_among_others();
        assert!(!std::thread::panicking());
    }
}

#[test]
fn the_panic_of_another_task_poisons_nothing() {
    on(1, || {
        let before = Mutex::new(0);
        let held = before.lock().unwrap();
        let unwinding = Unwinding::begin(None);
        drop(held);
        let (mutex, rw_lock) = (Mutex::new(0), RwLock::new(0));
        for _ in 0..3 {
            *mutex.lock().unwrap() += 1;
            let _writer = rw_lock.write().unwrap();
            // It is resumed among panics.
            thread::yield_now();
        }
        let fresh = thread::spawn(|| {
            let mutex = Mutex::new(0);
            drop(mutex.lock());
            mutex.is_poisoned()
        });
        assert!(!fresh.join().unwrap());
        assert!(!before.is_poisoned() && !mutex.is_poisoned() && !rw_lock.is_poisoned());
        // std's goes by the thread.
        let std = std::sync::Mutex::new(0);
        let unwinding = {
            unwinding.end();
            let held = std.lock().unwrap();
            let unwinding = Unwinding::begin(None);
            drop(held);
            unwinding
        };
        assert!(std.is_poisoned());
        unwinding.end();
    });
}

/// It waits in a destructor, others of its worker park and panic meanwhile, and what
/// it lets go of afterwards is poisoned all the same.
#[test]
fn who_waits_while_unwinding_still_poisons() {
    on(1, || {
        let lock = Arc::new(Mutex::new(0));
        let unwinding = Unwinding::begin(Some(Arc::clone(&lock)));
        let others = [(); 2].map(|()| Unwinding::begin(None));
        let innocents: Vec<_> = (0..5)
            .map(|_| {
                thread::spawn(|| {
                    let mutex = Mutex::new(0);
                    for _ in 0..20 {
                        let _guard = mutex.lock().unwrap();
                        thread::yield_now();
                    }
                })
            })
            .collect();
        thread::yield_now();
        unwinding.end_among_others();
        assert!(lock.is_poisoned());
        for other in others {
            other.end_among_others();
        }
        for innocent in innocents {
            innocent.join().unwrap();
        }
    });
}

/// A guard that was taken while the task was unwinding already, and let go before it
/// was over, says nothing about the value.
#[test]
fn a_guard_of_a_destructor_does_not_poison() {
    on_workers(|| {
        let lock = Arc::new(Mutex::new(0));
        let other = Arc::clone(&lock);
        let held = lock.lock().unwrap();
        let started = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&started);
        let task = thread::spawn(move || {
            let _count = OnDrop(|| {
                seen.store(true, Ordering::Relaxed);
                // It has to wait, too.
                *other.lock().unwrap() += 1;
                *other.lock().unwrap() += 1;
            });
            panic!("on purpose");
        });
        until("it unwinds", || started.load(Ordering::Relaxed));
        drop(held);
        assert!(task.join().is_err());
        assert_eq!(*lock.lock().unwrap(), 2);
    });
}

/// Many panics at once on few workers: each lock is poisoned by its own task or not.
#[test]
fn each_task_poisons_its_own() {
    on_workers(|| {
        let finished = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..200)
            .map(|i| {
                let finished = Arc::clone(&finished);
                thread::spawn(move || {
                    let mutex = Mutex::new(0);
                    let result = catch_unwind(AssertUnwindSafe(|| {
                        let _guard = mutex.lock().unwrap();
                        thread::yield_now();
                        assert!(i % 2 == 0, "on purpose");
                    }));
                    thread::yield_now();
                    finished.fetch_add(1, Ordering::Relaxed);
                    assert_eq!(result.is_err(), mutex.is_poisoned());
                })
            })
            .collect();
        for task in tasks {
            task.join().unwrap();
        }
        assert_eq!(finished.load(Ordering::Relaxed), 200);
    });
}

/// A guard that goes through a wait for a condition is still the guard of before.
#[test]
fn a_wait_for_a_condition_takes_no_poison_away() {
    on_workers(|| {
        let pair = Arc::new((Mutex::new(false), Condvar::new()));
        let other = Arc::clone(&pair);
        let task = thread::spawn(move || {
            let guard = other.0.lock().unwrap();
            let _guard = other.1.wait_while(guard, |go_on| !*go_on).unwrap();
            panic!("on purpose");
        });
        *pair.0.lock().unwrap() = true;
        pair.1.notify_one();
        assert!(task.join().is_err());
        assert!(pair.0.is_poisoned());
    });
}

#[test]
fn a_destructor_during_a_panic_may_send_receive_and_wait() {
    on_workers(|| {
        let (sender, receiver) = mpsc::sync_channel(0);
        let (back, answers) = mpsc::channel();
        let pair = Arc::new((Mutex::new(0), Condvar::new()));
        let other = Arc::clone(&pair);
        let task = thread::spawn(move || {
            let _bye = OnDrop(|| {
                sender.send("bye").unwrap();
                assert_eq!(answers.recv(), Ok("farewell"));
                let guard = other.0.lock().unwrap();
                drop(other.1.wait_while(guard, |count| *count == 0).unwrap());
            });
            panic!("on purpose");
        });
        assert_eq!(receiver.recv(), Ok("bye"));
        back.send("farewell").unwrap();
        *pair.0.lock().unwrap() += 1;
        pair.1.notify_all();
        assert!(task.join().is_err());
        assert!(!pair.0.is_poisoned());
    });
}
