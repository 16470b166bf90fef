//! `RwLock`.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use netpoll::sync::{Arc, RwLock, RwLockWriteGuard};
use netpoll::thread;

use crate::common::{on, on_workers, until};

same! {
    an_rw_lock_does_as_in_std |log| {
        use sync::RwLock;
        static COUNT: RwLock<u32> = RwLock::new(0);
        *COUNT.write().unwrap() = 5;
        note!(log, COUNT, *COUNT.read().unwrap(), COUNT.is_poisoned());
        *COUNT.write().unwrap() = 0;

        let mut lock = RwLock::from(vec![1]);
        let reader = lock.read().unwrap();
        note!(log, reader, lock, lock.try_read(), lock.try_write());
        note!(log, *lock.read().unwrap(), lock.try_write().unwrap_err().to_string());
        drop(reader);
        let writer = lock.write().unwrap();
        note!(log, writer, lock, lock.try_read(), lock.try_write());
        note!(log, lock.try_read().unwrap_err().to_string());
        drop(writer);
        lock.try_write().unwrap().push(2);
        lock.get_mut().unwrap().push(3);
        note!(log, lock, lock.into_inner(), RwLock::<u8>::default());
        let lock = RwLock::new("x");
        note!(log, lock.read().unwrap().to_string(), lock.write().unwrap().to_string());
    }
    a_poisoned_rw_lock_does_as_in_std |log| {
        use sync::{PoisonError, RwLock};
        let mut lock = RwLock::new(1);
        note!(log, panic_of(|| { let _reader = lock.read(); panic!("reading"); }));
        note!(log, lock.is_poisoned());
        note!(log, panic_of(|| { *lock.write().unwrap() = 2; let _writer = lock.write(); panic!("writing"); }));
        note!(log, lock.is_poisoned(), lock, lock.read(), lock.write());
        note!(log, lock.try_read(), lock.try_write());
        note!(log, lock.read().unwrap_err().to_string(), lock.write().unwrap_err().to_string());
        note!(log, lock.get_mut(), panic_of(|| lock.read().unwrap()));
        note!(log, *lock.read().unwrap_or_else(PoisonError::into_inner));
        lock.clear_poison();
        note!(log, lock.is_poisoned(), *lock.write().unwrap());
        panic_of(|| { let _writer = lock.write(); panic!(); });
        note!(log, lock.into_inner());
    }
    values_without_a_size_can_be_shared |log| {
        let lock: Box<sync::RwLock<[u8]>> = Box::new(sync::RwLock::new([1, 2, 3]));
        lock.write().unwrap()[1] = 7;
        note!(log, lock, lock.read().unwrap().len());
    }
    traits_of_rw_locks_are_those_of_std |log| {
        use std::cell::Cell;
        use std::rc::Rc;
        use sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
        note_traits!(log, RwLock<u8>, RwLock<Cell<u8>>, RwLock<Rc<u8>>, RwLock<&'static mut u8>,
            RwLockReadGuard<'static, u8>, RwLockReadGuard<'static, Cell<u8>>,
            RwLockReadGuard<'static, Rc<u8>>, RwLockWriteGuard<'static, u8>,
            RwLockWriteGuard<'static, Cell<u8>>, RwLockWriteGuard<'static, Rc<u8>>);
        // A read guard is covariant.
        fn shrinks<'a, 'b>(guard: RwLockReadGuard<'a, &'static str>) -> RwLockReadGuard<'a, &'b str> {
            guard
        }
        note!(log, *shrinks(RwLock::new("x").read().unwrap()));
    }
}

#[test]
fn readers_share_and_writers_do_not() {
    on_workers(|| {
        const EACH: usize = 500;
        let shared = Arc::new((RwLock::new((0, 0)), AtomicUsize::new(0)));
        let work = |number: usize, shared: Arc<(RwLock<(usize, usize)>, AtomicUsize)>| {
            move || {
                for i in 0..EACH {
                    if (i + number).is_multiple_of(4) {
                        let mut value = shared.0.write().unwrap();
                        assert_eq!(shared.1.fetch_add(1, Ordering::Relaxed), 0);
                        value.0 += 1;
                        thread::yield_now();
                        value.1 += 1;
                        shared.1.fetch_sub(1, Ordering::Relaxed);
                    } else {
                        let value = shared.0.read().unwrap();
                        let (before, _) = *value;
                        if i % 50 == 0 {
                            thread::yield_now();
                        }
                        assert_eq!(*value, (before, before), "somebody writes");
                    }
                }
            }
        };
        let tasks: Vec<_> = (0..6)
            .map(|i| thread::spawn(work(i, Arc::clone(&shared))))
            .collect();
        let threads: Vec<_> = (0..2)
            .map(|i| std::thread::spawn(work(i, Arc::clone(&shared))))
            .collect();
        for task in tasks {
            task.join().unwrap();
        }
        netpoll::blocking(|| {
            threads
                .into_iter()
                .for_each(|thread| thread.join().unwrap())
        });
        assert_eq!(shared.0.read().unwrap().0, 8 * EACH / 4);
    });
}

/// There is a reader at every moment, and still the writer gets its turn.
#[test]
fn a_writer_is_not_starved_by_readers() {
    on_workers(|| {
        let lock = Arc::new(RwLock::new(0));
        let wrote = Arc::new(AtomicBool::new(false));
        let first = lock.read().unwrap();
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let (lock, wrote) = (Arc::clone(&lock), Arc::clone(&wrote));
                thread::spawn(move || {
                    // Each takes the lock anew before it lets it go, unless that waits.
                    let mut guard = lock.read().unwrap();
                    while !wrote.load(Ordering::Relaxed) {
                        thread::yield_now();
                        if let Ok(next) = lock.try_read() {
                            guard = next;
                        } else {
                            drop(guard);
                            guard = lock.read().unwrap();
                        }
                    }
                    *guard
                })
            })
            .collect();
        let writer = {
            let (lock, wrote) = (Arc::clone(&lock), Arc::clone(&wrote));
            thread::spawn(move || {
                *lock.write().unwrap() += 1;
                wrote.store(true, Ordering::Relaxed);
            })
        };
        until("the writer keeps readers out", || lock.try_read().is_err());
        drop(first);
        writer.join().unwrap();
        for reader in readers {
            assert_eq!(reader.join().unwrap(), 1);
        }
    });
}

/// Readers that wait get it when a writer lets go, before the next writer.
#[test]
fn a_reader_is_not_starved_by_writers() {
    on(1, || {
        let lock = Arc::new(RwLock::new(Vec::new()));
        let mut first = lock.write().unwrap();
        let mut tasks = Vec::new();
        for name in ["writer", "reader", "writer", "reader"] {
            let lock = Arc::clone(&lock);
            tasks.push(thread::spawn(move || match name {
                "reader" => lock.read().unwrap().len(),
                _ => {
                    lock.write().unwrap().push(name);
                    0
                }
            }));
            // It queues up now.
            thread::yield_now();
        }
        first.push("first");
        drop(first);
        let seen: Vec<_> = tasks.into_iter().map(|task| task.join().unwrap()).collect();
        assert_eq!(seen, [0, 1, 0, 1]);
        assert_eq!(lock.read().unwrap().len(), 3);
    });
}

#[test]
fn who_downgrades_lets_readers_in_and_no_writer() {
    on(1, || {
        let lock = Arc::new(RwLock::new(0));
        let mut writer = lock.write().unwrap();
        let tasks: Vec<_> = ["writer", "reader"]
            .map(|name| {
                let lock = Arc::clone(&lock);
                let task = thread::spawn(move || match name {
                    "reader" => *lock.read().unwrap(),
                    _ => {
                        *lock.write().unwrap() += 10;
                        0
                    }
                });
                thread::yield_now();
                task
            })
            .into_iter()
            .collect();
        *writer = 1;
        let reader = RwLockWriteGuard::downgrade(writer);
        until("the other reader has read", || tasks[1].is_finished());
        assert_eq!(*reader, 1);
        assert!(!tasks[0].is_finished());
        drop(reader);
        let seen: Vec<_> = tasks.into_iter().map(|task| task.join().unwrap()).collect();
        assert_eq!(seen, [0, 1]);
        assert_eq!(*lock.read().unwrap(), 11);
    });
}

#[test]
fn downgrading_while_unwinding_poisons() {
    struct Downgrade<'a>(Option<RwLockWriteGuard<'a, u8>>);
    impl Drop for Downgrade<'_> {
        fn drop(&mut self) {
            drop(RwLockWriteGuard::downgrade(self.0.take().unwrap()));
        }
    }
    on_workers(|| {
        let lock = Arc::new(RwLock::new(0));
        let other = Arc::clone(&lock);
        let task = thread::spawn(move || {
            let _guard = Downgrade(Some(other.write().unwrap()));
            panic!("on purpose");
        });
        assert!(task.join().is_err());
        assert!(lock.is_poisoned());
    });
}
