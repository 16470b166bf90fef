//! `Once`.

use std::sync::atomic::{AtomicUsize, Ordering};

use netpoll::sync::{Arc, Once};
use netpoll::thread;

use crate::common::{on, on_workers, until};

same! {
    a_once_does_as_in_std |log| {
        use sync::Once;
        let (once, mut times) = (Once::new(), 0);
        note!(log, once, once.is_completed());
        once.call_once(|| { times += 1; assert!(!once.is_completed()); });
        once.call_once(|| times += 1);
        once.call_once_force(|_| times += 1);
        once.wait();
        once.wait_force();
        note!(log, times, once, once.is_completed());
        let mut state = String::new();
        Once::new().call_once_force(|now| state = format!("{now:?} {}", now.is_poisoned()));
        note!(log, state);
        #[allow(deprecated)]
        static OLD: Once = sync::ONCE_INIT;
        OLD.call_once(|| {});
        note!(log, OLD.is_completed());
    }
    a_poisoned_once_does_as_in_std |log| {
        let once = sync::Once::new();
        note!(log, panic_of(|| once.call_once(|| panic!("first"))));
        note!(log, once, once.is_completed());
        note!(log, panic_of(|| once.call_once(|| unreachable!())));
        note!(log, panic_of(|| once.wait()));
        note!(log, panic_of(|| once.call_once_force(|_| panic!("second"))));
        let mut state = String::new();
        once.call_once_force(|now| state = format!("{now:?}"));
        note!(log, state, once.is_completed(), panic_of(|| once.call_once(|| {})));
        once.wait();
    }
    traits_of_once_are_those_of_std |log| {
        note_traits!(log, sync::Once, sync::OnceState);
    }
}

/// With std's, the second task would block the worker, and with it the first.
#[test]
fn what_is_done_once_may_wait() {
    on_workers(|| {
        let shared = Arc::new((Once::new(), AtomicUsize::new(0)));
        let work = |shared: Arc<(Once, AtomicUsize)>| {
            move || {
                shared.0.call_once(|| {
                    for _ in 0..20 {
                        thread::yield_now();
                    }
                    shared.1.fetch_add(1, Ordering::Relaxed);
                });
                assert_eq!(shared.1.load(Ordering::Relaxed), 1);
            }
        };
        let tasks = [(); 10].map(|()| thread::spawn(work(Arc::clone(&shared))));
        let thread = std::thread::spawn(work(Arc::clone(&shared)));
        for task in tasks {
            task.join().unwrap();
        }
        netpoll::blocking(|| thread.join().unwrap());
    });
}

/// Those who waited for an attempt that panics are told, and the next one is waited for.
#[test]
fn a_panic_reaches_those_who_wait() {
    on(1, || {
        let once = Arc::new(Once::new());
        let spawn = |f: fn(&Once)| {
            let once = Arc::clone(&once);
            let task = thread::spawn(move || f(&once));
            thread::yield_now();
            task
        };
        let early = spawn(|once| once.wait());
        let forgiving = spawn(|once| once.wait_force());
        let runs = spawn(|once| {
            once.call_once(|| {
                for _ in 0..10 {
                    thread::yield_now();
                }
                panic!("on purpose");
            });
        });
        let strict = spawn(|once| once.call_once(|| {}));
        assert!(runs.join().is_err());
        assert!(early.join().is_err());
        assert!(strict.join().is_err());
        assert!(!forgiving.is_finished());
        once.call_once_force(|state| assert!(state.is_poisoned()));
        forgiving.join().unwrap();
    });
}

#[test]
fn who_waits_before_it_is_begun_sees_it_done() {
    on_workers(|| {
        let once = Arc::new(Once::new());
        let waiting = Arc::new(AtomicUsize::new(0));
        let tasks = [(); 4].map(|()| {
            let (once, waiting) = (Arc::clone(&once), Arc::clone(&waiting));
            thread::spawn(move || {
                waiting.fetch_add(1, Ordering::Relaxed);
                once.wait();
                assert!(once.is_completed());
            })
        });
        until("they are there", || waiting.load(Ordering::Relaxed) == 4);
        once.call_once(|| {});
        for task in tasks {
            task.join().unwrap();
        }
    });
}
