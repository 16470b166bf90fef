//! `Mutex`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use netpoll::sync::{Arc, Mutex};
use netpoll::thread;

use crate::common::{on, on_workers};

same! {
    a_mutex_does_as_in_std |log| {
        use sync::{Mutex, PoisonError, TryLockError};
        static COUNT: Mutex<u32> = Mutex::new(0);
        *COUNT.lock().unwrap() = 5;
        note!(log, COUNT, *COUNT.lock().unwrap(), COUNT.is_poisoned());
        *COUNT.lock().unwrap() = 0;

        let mut mutex = Mutex::from(vec![1]);
        let guard = mutex.lock().unwrap();
        note!(log, guard, mutex, mutex.try_lock());
        note!(log, mutex.try_lock().unwrap_err().to_string());
        note!(log, matches!(mutex.try_lock(), Err(TryLockError::WouldBlock)));
        drop(guard);
        mutex.try_lock().unwrap().push(2);
        mutex.get_mut().unwrap().push(3);
        note!(log, mutex, mutex.into_inner());
        note!(log, Mutex::<u8>::default(), Mutex::new("x").lock().unwrap().to_string());
    }
    a_poisoned_mutex_does_as_in_std |log| {
        use sync::{Mutex, PoisonError, TryLockError};
        let mut mutex = Mutex::new(1);
        note!(log, panic_of(|| {
            let mut guard = mutex.lock().unwrap();
            *guard = 2;
            panic!("in the middle");
        }));
        note!(log, mutex.is_poisoned(), mutex, mutex.lock(), mutex.try_lock());
        note!(log, mutex.lock().unwrap_err().to_string());
        note!(log, mutex.try_lock().unwrap_err().to_string());
        note!(log, mutex.get_mut(), panic_of(|| mutex.lock().unwrap()));
        note!(log, *mutex.lock().unwrap_or_else(PoisonError::into_inner));
        note!(log, Mutex::new(3).into_inner());
        mutex.clear_poison();
        note!(log, mutex.is_poisoned(), *mutex.lock().unwrap());
        panic_of(|| { let _guard = mutex.lock(); panic!(); });
        note!(log, mutex.into_inner());
    }
    a_guard_that_is_forgotten_keeps_the_lock |log| {
        let mutex = sync::Mutex::new(());
        std::mem::forget(mutex.lock());
        note!(log, mutex.try_lock().is_err());
    }
    values_without_a_size_can_be_locked |log| {
        let mutex: Box<sync::Mutex<[u8]>> = Box::new(sync::Mutex::new([1, 2, 3]));
        mutex.lock().unwrap()[1] = 7;
        note!(log, mutex);
    }
    traits_of_mutexes_are_those_of_std |log| {
        use std::cell::Cell;
        use std::rc::Rc;
        use sync::{Mutex, MutexGuard};
        note_traits!(log, Mutex<u8>, Mutex<Cell<u8>>, Mutex<Rc<u8>>, Mutex<&'static Cell<u8>>,
            Mutex<&'static mut u8>, Mutex<dyn Send>,
            MutexGuard<'static, u8>, MutexGuard<'static, Cell<u8>>, MutexGuard<'static, Rc<u8>>);
        fn shrinks<'a>(guard: MutexGuard<'static, u8>) -> MutexGuard<'a, u8> { guard }
        let _ = shrinks;
    }
}

/// With std's, the second task would block the worker for good.
#[test]
fn a_guard_may_be_held_across_anything_that_waits() {
    on_workers(|| {
        let shared = Arc::new(Mutex::new(0));
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    let mut value = shared.lock().unwrap();
                    let before = *value;
                    thread::sleep(Duration::from_micros(100));
                    thread::yield_now();
                    *value = before + 1;
                })
            })
            .collect();
        for task in tasks {
            task.join().unwrap();
        }
        assert_eq!(*shared.lock().unwrap(), 10);
    });
}

#[test]
fn tasks_and_threads_exclude_each_other() {
    on_workers(|| {
        const EACH: usize = 2000;
        let shared = Arc::new((Mutex::new(0), AtomicUsize::new(0)));
        let work = |shared: Arc<(Mutex<usize>, AtomicUsize)>| {
            move || {
                for i in 0..EACH {
                    let mut count = shared.0.lock().unwrap();
                    assert_eq!(shared.1.fetch_add(1, Ordering::Relaxed), 0, "two have it");
                    if i % 100 == 0 {
                        thread::yield_now();
                    }
                    *count += 1;
                    shared.1.fetch_sub(1, Ordering::Relaxed);
                }
            }
        };
        let tasks = [(); 6].map(|()| thread::spawn(work(Arc::clone(&shared))));
        let threads = [(); 2].map(|()| std::thread::spawn(work(Arc::clone(&shared))));
        for task in tasks {
            task.join().unwrap();
        }
        netpoll::blocking(|| threads.map(|thread| thread.join().unwrap()));
        assert_eq!(*shared.0.lock().unwrap(), 8 * EACH);
    });
}

/// The programs that look again and again whether something is so are right on threads.
#[test]
fn who_locks_in_a_loop_lets_others_run() {
    on(1, || {
        let done = Arc::new(Mutex::new(false));
        let other = Arc::clone(&done);
        let task = thread::spawn(move || *other.lock().unwrap() = true);
        while !*done.lock().unwrap() {}
        task.join().unwrap();
    });
}

/// A guard that is shared lends its value to other threads.
#[test]
fn a_guard_is_lent_to_other_tasks() {
    on_workers(|| {
        let mutex = Mutex::new(vec![1, 2, 3]);
        let guard = mutex.lock().unwrap();
        let sum = thread::scope(|s| {
            let tasks = [(); 3].map(|()| s.spawn(|| guard.iter().sum::<u32>()));
            tasks.map(|task| task.join().unwrap()).iter().sum::<u32>()
        });
        assert_eq!(sum, 18);
    });
}
