//! `Condvar`.

use std::time::{Duration, Instant};

use netpoll::sync::{Arc, Condvar, Mutex};
use netpoll::thread;

use crate::common::{LONG, on, on_workers, until};

same! {
    a_condvar_does_as_in_std |log| {
        use std::time::Duration;
        use sync::{Arc, Condvar, Mutex};
        static NEVER: Condvar = Condvar::new();
        NEVER.notify_one();
        NEVER.notify_all();
        let mutex = Mutex::new(0);
        let short = Duration::from_millis(2);
        let (guard, result) = NEVER.wait_timeout(mutex.lock().unwrap(), short).unwrap();
        note!(log, guard, result, result.timed_out(), result == { result });
        let (guard, result) = NEVER.wait_timeout_while(guard, short, |value| *value == 0).unwrap();
        note!(log, guard, result);
        let (guard, result) = NEVER.wait_timeout_while(guard, short, |value| { *value += 1; false }).unwrap();
        note!(log, guard, result);
        let (guard, result) = NEVER.wait_timeout_while(guard, Duration::ZERO, |_| true).unwrap();
        note!(log, guard, result);
        #[allow(deprecated)]
        let (guard, notified) = NEVER.wait_timeout_ms(guard, 1).unwrap();
        note!(log, guard, notified);
        let guard = NEVER.wait_while(guard, |value| *value == 0).unwrap();
        note!(log, guard, NEVER, Condvar::default());
        drop(guard);

        let pair = Arc::new((Mutex::new(0), Condvar::new()));
        let other = Arc::clone(&pair);
        let task = thread::spawn(move || {
            let mut turn = other.0.lock().unwrap();
            for i in 0..10 {
                turn = other.1.wait_while(turn, |turn| *turn != 2 * i + 1).unwrap();
                *turn += 1;
                other.1.notify_all();
            }
        });
        let mut turn = pair.0.lock().unwrap();
        for i in 0..10 {
            *turn += 1;
            pair.1.notify_one();
            while *turn != 2 * i + 2 {
                turn = pair.1.wait(turn).unwrap();
            }
        }
        note!(log, turn);
        drop(turn);
        task.join().unwrap();
    }
    waiting_with_a_poisoned_mutex_does_as_in_std |log| {
        use std::time::Duration;
        use sync::{Condvar, Mutex, PoisonError};
        let (mutex, never) = (Mutex::new(0), Condvar::new());
        panic_of(|| { let _guard = mutex.lock(); panic!(); });
        let guard = || mutex.lock().unwrap_or_else(PoisonError::into_inner);
        note!(log, never.wait_timeout(guard(), Duration::from_millis(1)));
        note!(log, never.wait_timeout_while(guard(), Duration::from_millis(1), |_| true));
        note!(log, never.wait_timeout_while(guard(), Duration::from_millis(1), |_| false));
        note!(log, never.wait_while(guard(), |_| false));
        #[allow(deprecated)]
        { note!(log, never.wait_timeout_ms(guard(), 1)); }
    }
    a_panic_in_a_condition_poisons_as_in_std |log| {
        let (mutex, never) = (sync::Mutex::new(0), sync::Condvar::new());
        note!(log, panic_of(|| never.wait_while(mutex.lock().unwrap(), |_| panic!("on purpose"))));
        note!(log, mutex.is_poisoned());
    }
    traits_of_condvars_are_those_of_std |log| {
        note_traits!(log, sync::Condvar, sync::WaitTimeoutResult);
    }
}

struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: usize,
    woken: usize,
}

impl Queue {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// Waits once, without looking why it ended.
    fn wait(&self) {
        let mut state = self.state.lock().unwrap();
        state.waiting += 1;
        state = self.changed.wait(state).unwrap();
        state.woken += 1;
    }

    fn until_wait(&self, many: usize) {
        until("they wait", || self.state.lock().unwrap().waiting == many);
    }

    fn woken(&self) -> usize {
        self.state.lock().unwrap().woken
    }
}

#[test]
fn a_notification_wakes_one_and_all_wakes_all() {
    on_workers(|| {
        let queue = Queue::new();
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let queue = Arc::clone(&queue);
                thread::spawn(move || queue.wait())
            })
            .collect();
        let thread = std::thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.wait()
        });
        queue.until_wait(11);
        for woken in 1..=4 {
            queue.changed.notify_one();
            until("one is woken", || queue.woken() == woken);
            thread::sleep(Duration::from_millis(1));
            assert_eq!(queue.woken(), woken, "a notification wakes one");
        }
        queue.changed.notify_all();
        until("all are woken", || queue.woken() == 11);
        for task in tasks {
            task.join().unwrap();
        }
        netpoll::blocking(|| thread.join().unwrap());
    });
}

/// Each notification is taken by one that says so: those whose time is up at that
/// moment take none.
#[test]
fn who_is_late_takes_no_notification() {
    on_workers(|| {
        for round in 0..100 {
            let pair = Arc::new((Mutex::new(0_u32), Condvar::new()));
            let timeout = Duration::from_micros(50 * (round % 8));
            let hasty: Vec<_> = (0..4)
                .map(|_| {
                    let pair = Arc::clone(&pair);
                    thread::spawn(move || {
                        let guard = pair.0.lock().unwrap();
                        let (_guard, result) = pair.1.wait_timeout(guard, timeout).unwrap();
                        u32::from(!result.timed_out())
                    })
                })
                .collect();
            let patient = {
                let pair = Arc::clone(&pair);
                thread::spawn(move || {
                    let guard = pair.0.lock().unwrap();
                    let (_guard, result) = pair
                        .1
                        .wait_timeout_while(guard, LONG, |stop| *stop == 0)
                        .unwrap();
                    assert!(!result.timed_out());
                })
            };
            thread::sleep(timeout);
            pair.1.notify_one();
            let took: u32 = hasty.into_iter().map(|task| task.join().unwrap()).sum();
            assert!(took <= 1, "one notification ended {took} waits");
            // Nobody else is there any more, so this one is for the patient.
            *pair.0.lock().unwrap() = 1;
            pair.1.notify_one();
            patient.join().unwrap();
        }
    });
}

#[test]
fn deadlines_end_waits() {
    on_workers(|| {
        let pair = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let tasks: Vec<_> = [30, 10, 20]
            .map(|milliseconds| {
                let pair = Arc::clone(&pair);
                thread::spawn(move || {
                    let timeout = Duration::from_millis(milliseconds);
                    let before = Instant::now();
                    let guard = pair.0.lock().unwrap();
                    let (mut guard, result) = pair.1.wait_timeout(guard, timeout).unwrap();
                    assert!(result.timed_out());
                    assert!(before.elapsed() >= timeout);
                    guard.push(milliseconds);
                })
            })
            .into_iter()
            .collect();
        for task in tasks {
            task.join().unwrap();
        }
        let mut order = pair.0.lock().unwrap().clone();
        assert_eq!(order.len(), 3);
        order.sort_unstable();
        assert_eq!(order, [10, 20, 30]);
    });
}

/// A deadline that cannot be told waits for ever, as in std.
#[test]
fn a_timeout_may_be_endless() {
    on_workers(|| {
        let pair = Arc::new((Mutex::new(false), Condvar::new()));
        let other = Arc::clone(&pair);
        let task = thread::spawn(move || {
            let guard = other.0.lock().unwrap();
            let waited = other
                .1
                .wait_timeout_while(guard, Duration::MAX, |done| !*done);
            assert!(!waited.unwrap().1.timed_out());
        });
        *pair.0.lock().unwrap() = true;
        pair.1.notify_one();
        task.join().unwrap();
    });
}

/// One condition variable, two mutexes, with values of two types.
#[test]
fn it_may_be_used_with_several_mutexes() {
    on_workers(|| {
        let shared = Arc::new((Mutex::new(0_u32), Mutex::new(String::new()), Condvar::new()));
        let numbers = Arc::clone(&shared);
        let number = thread::spawn(move || {
            let guard = numbers.0.lock().unwrap();
            *numbers.2.wait_while(guard, |number| *number == 0).unwrap()
        });
        let strings = Arc::clone(&shared);
        let string = thread::spawn(move || {
            let guard = strings.1.lock().unwrap();
            strings
                .2
                .wait_while(guard, |string| string.is_empty())
                .unwrap()
                .clone()
        });
        *shared.0.lock().unwrap() = 7;
        shared.1.lock().unwrap().push('x');
        shared.2.notify_all();
        assert_eq!(number.join().unwrap(), 7);
        assert_eq!(string.join().unwrap(), "x");
    });
}

/// A bounded buffer, whose ends are tasks and threads.
#[test]
fn a_buffer_between_tasks_and_threads() {
    on_workers(|| {
        const EACH: u64 = 1000;
        type Buffer = (Mutex<std::collections::VecDeque<u64>>, Condvar, Condvar);
        let buffer: Arc<Buffer> = Arc::default();
        let put = |buffer: Arc<Buffer>| {
            move || {
                for i in 0..EACH {
                    let full = |queue: &mut std::collections::VecDeque<u64>| queue.len() >= 3;
                    let guard = buffer.0.lock().unwrap();
                    buffer.1.wait_while(guard, full).unwrap().push_back(i);
                    buffer.2.notify_one();
                }
            }
        };
        let take = |buffer: Arc<Buffer>| {
            move || {
                let mut sum = 0;
                for _ in 0..EACH {
                    let empty = |queue: &mut std::collections::VecDeque<u64>| queue.is_empty();
                    let guard = buffer.0.lock().unwrap();
                    let mut guard = buffer.2.wait_while(guard, empty).unwrap();
                    sum += guard.pop_front().unwrap();
                    buffer.1.notify_one();
                }
                sum
            }
        };
        let puts = [(); 3].map(|()| thread::spawn(put(Arc::clone(&buffer))));
        let put = std::thread::spawn(put(Arc::clone(&buffer)));
        let takes = [(); 3].map(|()| thread::spawn(take(Arc::clone(&buffer))));
        let take = std::thread::spawn(take(Arc::clone(&buffer)));
        for task in puts {
            task.join().unwrap();
        }
        let sums = takes.map(|task| task.join().unwrap());
        let (_, sum) = netpoll::blocking(|| (put.join().unwrap(), take.join().unwrap()));
        assert_eq!(sums.iter().sum::<u64>() + sum, 4 * EACH * (EACH - 1) / 2);
    });
}

/// The guard that comes back excludes others again.
#[test]
fn a_task_that_was_notified_has_the_mutex() {
    on(1, || {
        let queue = Queue::new();
        let other = Arc::clone(&queue);
        let task = thread::spawn(move || other.wait());
        queue.until_wait(1);
        let state = queue.state.lock().unwrap();
        queue.changed.notify_one();
        for _ in 0..10 {
            thread::yield_now();
        }
        assert_eq!(state.woken, 0, "it goes on without the mutex");
        drop(state);
        task.join().unwrap();
        assert_eq!(queue.woken(), 1);
    });
}
