//! `OnceLock`.

use std::sync::atomic::{AtomicUsize, Ordering};

use netpoll::sync::{Arc, OnceLock};
use netpoll::thread;

use crate::common::{on, on_workers};

same! {
    a_once_lock_does_as_in_std |log| {
        use sync::OnceLock;
        let mut lock = OnceLock::new();
        note!(log, lock, lock.get(), lock.get_mut(), lock.take(), lock.clone());
        note!(log, lock.get_or_init(|| 1), lock.get_or_init(|| 2), lock.set(3), lock.wait());
        note!(log, lock, lock.clone(), lock == OnceLock::from(1), lock == OnceLock::new());
        *lock.get_mut().unwrap() += 1;
        note!(log, lock.take(), lock.set(5), lock.set(6), lock.get(), lock.into_inner());
        note!(log, OnceLock::<u8>::default(), OnceLock::<u8>::new() == OnceLock::new());
        note!(log, OnceLock::from("x").wait(), OnceLock::<u8>::new().into_inner());
        static GLOBAL: OnceLock<String> = OnceLock::new();
        note!(log, GLOBAL.get_or_init(|| "global".to_owned()));
    }
    a_panic_leaves_a_once_lock_empty |log| {
        let lock = sync::OnceLock::new();
        note!(log, panic_of(|| lock.get_or_init(|| panic!("on purpose"))));
        note!(log, lock, lock.get(), lock.get_or_init(|| 1), lock.wait());
    }
    traits_of_once_locks_are_those_of_std |log| {
        use std::cell::Cell;
        use std::rc::Rc;
        note_traits!(log, sync::OnceLock<u8>, sync::OnceLock<Cell<u8>>, sync::OnceLock<Rc<u8>>,
            sync::OnceLock<&'static mut u8>, sync::OnceLock<&'static Cell<u8>>, sync::OnceLock<String>);
    }
}

#[test]
fn one_makes_the_value_and_all_wait_for_it() {
    on_workers(|| {
        let shared = Arc::new((OnceLock::new(), AtomicUsize::new(0)));
        let work = |number: usize, shared: Arc<(OnceLock<usize>, AtomicUsize)>| {
            move || match number % 3 {
                0 => *shared.0.wait(),
                _ => *shared.0.get_or_init(|| {
                    for _ in 0..10 {
                        thread::yield_now();
                    }
                    shared.1.fetch_add(1, Ordering::Relaxed);
                    number
                }),
            }
        };
        let tasks: Vec<_> = (0..9)
            .map(|i| thread::spawn(work(i, Arc::clone(&shared))))
            .collect();
        let thread = std::thread::spawn(work(10, Arc::clone(&shared)));
        let value = netpoll::blocking(|| thread.join().unwrap());
        for task in tasks {
            assert_eq!(task.join().unwrap(), value);
        }
        assert_eq!(shared.1.load(Ordering::Relaxed), 1);
    });
}

/// Who sets a value while another one is being made waits, and gets its own back; if
/// making it panics, the next one's turn has come.
#[test]
fn who_sets_a_value_waits_for_who_makes_one() {
    on(1, || {
        let lock = Arc::new(OnceLock::new());
        let make = |fails: bool| {
            let lock = Arc::clone(&lock);
            let task = thread::spawn(move || {
                *lock.get_or_init(|| {
                    thread::yield_now();
                    assert!(!fails, "on purpose");
                    1
                })
            });
            thread::yield_now();
            task
        };
        let failed = make(true);
        let made = make(false);
        assert_eq!(lock.set(2), Err(2));
        assert!(failed.join().is_err());
        assert_eq!(made.join().unwrap(), 1);
    });
}
