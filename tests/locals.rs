//! Task-locals: whose they are, and when they end.

mod common;

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use common::{child, everywhere, is_child, on, on_workers, until};
use netpoll::thread::{self, AccessError};

#[test]
fn each_task_of_a_worker_has_its_own() {
    netpoll::thread_local! {
        static OWN: RefCell<Vec<usize>> = RefCell::new(vec![7]);
        static TURN: Cell<usize> = const { Cell::new(0) };
    }
    on_workers(|| {
        let tasks: Vec<_> = (0..100)
            .map(|number| {
                thread::spawn(move || {
                    for round in 0..20 {
                        assert_eq!(TURN.replace(round), round.saturating_sub(1));
                        OWN.with_borrow_mut(|own| own.push(number));
                        thread::yield_now();
                        // Borrowed while the others, here, borrow theirs.
                        OWN.with_borrow_mut(|own| {
                            thread::yield_now();
                            own.push(round);
                        });
                    }
                    OWN.take()
                })
            })
            .collect();
        for (number, task) in tasks.into_iter().enumerate() {
            let mut expected = vec![7];
            expected.extend((0..20).flat_map(|round| [number, round]));
            assert_eq!(task.join().unwrap(), expected);
        }
    });
}

#[test]
fn a_task_begins_without_values() {
    netpoll::thread_local! {
        static COUNT: Cell<u32> = const { Cell::new(0) };
        static TEXT: RefCell<String> = RefCell::default();
    }
    // One after the other, so that each gets the slot, and the place, of the last.
    on(1, || {
        for _ in 0..1000 {
            let task = thread::spawn(|| {
                TEXT.with_borrow_mut(|text| text.push('x'));
                (COUNT.replace(5), TEXT.with_borrow(String::len))
            });
            assert_eq!(task.join().unwrap(), (0, 1));
        }
    });
}

#[test]
fn std_locals_are_shared_by_a_worker_and_ours_are_not() {
    std::thread_local!(static SHARED: Cell<u32> = const { Cell::new(0) });
    netpoll::thread_local!(static OWN: Cell<u32> = const { Cell::new(0) });
    on(1, || {
        let other = thread::spawn(|| {
            SHARED.set(1);
            OWN.set(1);
        });
        other.join().unwrap();
        assert_eq!((SHARED.get(), OWN.get()), (1, 0));
    });
}

#[test]
fn a_value_is_made_when_it_is_first_used_and_once() {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    netpoll::thread_local!(static LAZY: usize = MADE.fetch_add(1, Ordering::Relaxed));
    on_workers(|| {
        let before = MADE.load(Ordering::Relaxed);
        thread::spawn(|| ()).join().unwrap();
        assert_eq!(MADE.load(Ordering::Relaxed), before);
        let same = thread::spawn(|| {
            let first = LAZY.with(|number| *number);
            thread::yield_now();
            LAZY.with(|number| *number == first)
        });
        assert!(same.join().unwrap());
        assert_eq!(MADE.load(Ordering::Relaxed), before + 1);
    });
}

mod elsewhere {
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;

    fn init() -> u64 {
        4
    }

    const fn at_compile_time() -> [u8; 2] {
        [5, 6]
    }

    netpoll::thread_local! {
        /// With documentation.
        #[allow(non_upper_case_globals, reason = "attributes are passed on")]
        pub(crate) static lower: Cell<u8> = const { Cell::new(1) };
        #[cfg(any())]
        pub(crate) static GONE: Missing = missing();
        pub static NAME: &str = "name";
        pub(super) static BOXED: Box<dyn Fn(u8) -> u8> = Box::new(|n| n + lower.get());
        pub static SHARED: Rc<RefCell<Vec<u8>>> = Rc::default();
        pub static CALLED: u64 = init();
        pub static CONSTANT: [u8; 2] = const { at_compile_time() };
    }
    netpoll::thread_local!(pub static ONE: u8 = 1);
    netpoll::thread_local!(
        pub static BRACED: u8 = {
            let a = 2;
            a * a
        };
    );
    netpoll::thread_local!();

    pub(crate) fn of_type<T>() -> usize {
        netpoll::thread_local!(static INSIDE: Cell<usize> = const { Cell::new(0) });
        INSIDE.set(INSIDE.get() + size_of::<T>());
        INSIDE.get()
    }
}

#[test]
fn the_macro_takes_what_stds_takes() {
    everywhere(|| {
        use elsewhere::{BOXED, BRACED, CALLED, CONSTANT, NAME, ONE, SHARED, lower};
        lower.set(2);
        assert_eq!(BOXED.with(|add| add(3)), 5);
        assert_eq!(NAME.with(|name| name.len()), 4);
        SHARED.with(|shared| shared.borrow_mut().push(1));
        assert_eq!(SHARED.with(|shared| shared.borrow().len()), 1);
        assert_eq!(CALLED.with(|n| *n), 4);
        assert_eq!(CONSTANT.with(|bytes| *bytes), [5, 6]);
        assert_eq!(ONE.with(|n| *n) + BRACED.with(|n| *n), 5);
        let task = thread::spawn(|| (elsewhere::of_type::<u8>(), elsewhere::of_type::<u16>()));
        assert_eq!(task.join().unwrap(), (1, 3));
        SHARED.with(|shared| shared.borrow_mut().clear());
    });
}

#[test]
fn what_is_set_first_needs_no_initial_value() {
    netpoll::thread_local! {
        static ID: Cell<u32> = panic!("not set");
        static NAME: RefCell<String> = panic!("not set");
    }
    on_workers(|| {
        let unset = thread::spawn(|| ID.get());
        assert!(unset.join().is_err());
        let task = thread::spawn(|| {
            ID.set(1);
            ID.set(ID.get() + 1);
            NAME.set("a".to_owned());
            NAME.set("b".to_owned());
            let before = NAME.replace("c".to_owned());
            (ID.take(), ID.get(), before, NAME.take(), NAME.take())
        });
        let expected = (2, 0, "b".to_owned(), "c".to_owned(), String::new());
        assert_eq!(task.join().unwrap(), expected);
    });
}

#[test]
fn a_panic_in_the_initial_value_leaves_none() {
    static FAIL: AtomicBool = AtomicBool::new(true);
    netpoll::thread_local!(static VALUE: u8 = {
        assert!(!FAIL.swap(false, Ordering::Relaxed), "on purpose");
        9
    });
    everywhere(|| {
        FAIL.store(true, Ordering::Relaxed);
        let task = thread::spawn(|| {
            assert!(std::panic::catch_unwind(|| VALUE.with(|_| ())).is_err());
            VALUE.with(|value| *value)
        });
        assert_eq!(task.join().unwrap(), 9);
    });
}

#[test]
fn a_reference_stays_good_while_other_values_come() {
    netpoll::thread_local! {
        static FIRST: String = "first".to_owned();
        static L0: u64 = 0;
        static L1: u64 = 1;
        static L2: u64 = 2;
        static L3: u64 = L2.with(|n| n + 1);
        static L4: u64 = 4;
        static L5: u64 = 5;
        static L6: u64 = 6;
        static L7: u64 = L6.with(|n| n + 1);
    }
    everywhere(|| {
        let task = || {
            FIRST.with(|first| {
                let others = [&L0, &L1, &L2, &L3, &L4, &L5, &L6, &L7];
                for (number, other) in others.into_iter().enumerate() {
                    other.with(|value| {
                        thread::yield_now();
                        assert_eq!(*value, number as u64);
                        assert_eq!(first, "first");
                        FIRST.with(|again| assert!(std::ptr::eq(first, again)));
                    });
                }
            });
        };
        thread::spawn(task).join().unwrap();
        std::thread::spawn(task).join().unwrap();
    });
}

#[test]
fn an_initial_value_that_uses_its_own_key_does_no_harm() {
    thread_local_recursion(|| thread::spawn(recursive).join().unwrap());
    thread_local_recursion(|| std::thread::spawn(recursive).join().unwrap());

    netpoll::thread_local! {
        static DEPTH: Cell<u8> = const { Cell::new(0) };
        static SELF: String = {
            DEPTH.set(DEPTH.get() + 1);
            match DEPTH.get() {
                1 => SELF.with(|inner| format!("outer of {inner}")),
                _ => "inner".to_owned(),
            }
        };
    }
    fn recursive() -> String {
        SELF.with(|_| SELF.with(String::clone))
    }
    fn thread_local_recursion(run: impl Fn() -> String) {
        assert_eq!(run(), "outer of inner");
    }
}

/// Writes its name down when it is dropped.
struct Trace(&'static str, Arc<Mutex<Vec<&'static str>>>);

impl Drop for Trace {
    fn drop(&mut self) {
        self.1.lock().unwrap().push(self.0);
    }
}

#[test]
fn values_are_destroyed_before_who_joins_goes_on() {
    netpoll::thread_local!(static HELD: RefCell<Vec<Trace>> = RefCell::default());
    /// A destructor that waits.
    struct Slow;
    impl Drop for Slow {
        fn drop(&mut self) {
            for _ in 0..10 {
                thread::yield_now();
            }
            thread::sleep(std::time::Duration::from_micros(100));
        }
    }
    netpoll::thread_local!(static SLOW: Slow = const { Slow });
    on_workers(|| {
        for panics in [false, true] {
            let trace = Arc::new(Mutex::new(Vec::new()));
            let inside = Arc::clone(&trace);
            let task = thread::spawn(move || {
                HELD.with_borrow_mut(|held| held.push(Trace("destroyed", inside)));
                // It is younger, so its turn comes first.
                SLOW.with(|_| ());
                assert!(!panics, "on purpose");
            });
            until("it has ended", || task.is_finished());
            assert_eq!(*trace.lock().unwrap(), ["destroyed"]);
            assert_eq!(task.join().is_err(), panics);

            // In a scope, too, joined or not.
            let trace = Arc::new(Mutex::new(Vec::new()));
            let scope = std::panic::catch_unwind(|| {
                thread::scope(|s| {
                    let task = s.spawn(|| {
                        HELD.with_borrow_mut(|held| held.push(Trace("one", Arc::clone(&trace))));
                        SLOW.with(|_| ());
                    });
                    task.join().unwrap();
                    assert_eq!(*trace.lock().unwrap(), ["one"]);
                    s.spawn(|| {
                        HELD.with_borrow_mut(|held| held.push(Trace("two", Arc::clone(&trace))));
                        SLOW.with(|_| ());
                        assert!(!panics, "on purpose");
                    });
                });
            });
            assert_eq!(scope.is_err(), panics);
            assert_eq!(*trace.lock().unwrap(), ["one", "two"]);
        }
    });
}

/// Calls what it holds when it is dropped.
struct Last(Option<Box<dyn FnOnce()>>);

impl Last {
    fn cell() -> RefCell<Self> {
        RefCell::new(Self(None))
    }

    fn of(f: impl FnOnce() + 'static) -> Self {
        Self(Some(Box::new(f)))
    }
}

impl Drop for Last {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}

/// What destructors of task-locals find, on a task and on a plain thread.
#[test]
fn a_destructor_may_use_other_locals() {
    netpoll::thread_local! {
        static OLDEST: RefCell<Last> = Last::cell();
        static USED: RefCell<Last> = Last::cell();
        static UNUSED: RefCell<Last> = Last::cell();
        static YOUNGEST: RefCell<Last> = Last::cell();
        static PLAIN: Cell<u8> = const { Cell::new(0) };
    }
    fn body(trace: mpsc::Sender<&'static str>) -> impl FnOnce() {
        move || {
            let note = move |what| trace.send(what).unwrap();
            OLDEST.set(Last::of({
                let note = note.clone();
                move || {
                    note("oldest");
                    // Itself, and all that had their turn, are gone for good.
                    for key in [&OLDEST, &USED, &YOUNGEST, &UNUSED] {
                        assert!(key.try_with(|_| ()).is_err());
                    }
                    let with = || UNUSED.with(|_| ());
                    assert!(std::panic::catch_unwind(with).is_err());
                    // But not what needs no destructor.
                    assert_eq!(PLAIN.get(), 2);
                }
            }));
            USED.set(Last::of({
                let note = note.clone();
                move || note("used")
            }));
            YOUNGEST.set(Last::of(move || {
                note("youngest");
                assert!(YOUNGEST.try_with(|_| ()).is_err());
                PLAIN.set(PLAIN.get() + 1);
                // One that is still there.
                USED.with_borrow(|used| assert!(used.0.is_some()));
                // One that is made for this; it is destroyed in its turn.
                UNUSED.set(Last::of({
                    let note = note.clone();
                    move || note("unused")
                }));
            }));
            // The youngest of all.
            PLAIN.set(1);
        }
    }
    let expected = ["youngest", "unused", "used", "oldest"];
    on_workers(move || {
        let (trace, traced) = mpsc::channel();
        thread::spawn(|| body(trace)()).join().unwrap();
        assert_eq!(traced.try_iter().collect::<Vec<_>>(), expected);
    });
    let (trace, traced) = mpsc::channel();
    std::thread::spawn(|| body(trace)()).join().unwrap();
    assert_eq!(traced.try_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn plain_threads_have_values_that_end_with_them() {
    netpoll::thread_local!(static HELD: RefCell<Option<Trace>> = RefCell::default());
    std::thread_local!(static EARLIER: RefCell<Last> = Last::cell());
    let trace = Arc::new(Mutex::new(Vec::new()));
    let inside = Arc::clone(&trace);
    std::thread::spawn(move || {
        // The thread-local of std is older than ours, and ends after them.
        let after = Arc::clone(&inside);
        EARLIER.set(Last::of(move || {
            after.lock().unwrap().push("std");
            let error: AccessError = HELD.try_with(|_| ()).unwrap_err();
            assert_eq!(error.to_string(), "already destroyed");
        }));
        HELD.set(Some(Trace("ours", inside)));
        // What tasks do with theirs is not seen here.
        thread::spawn(|| HELD.with_borrow(|held| assert!(held.is_none())))
            .join()
            .unwrap();
        assert!(HELD.with_borrow(Option::is_some));
    })
    .join()
    .unwrap();
    assert_eq!(*trace.lock().unwrap(), ["ours", "std"]);
}

#[test]
fn what_a_task_returns_to_nobody_finds_its_locals() {
    netpoll::thread_local!(static HELD: RefCell<Last> = Last::cell());
    netpoll::thread_local!(static NUMBER: Cell<u32> = const { Cell::new(0) });
    struct Result(mpsc::Sender<Option<u32>>);
    impl Drop for Result {
        fn drop(&mut self) {
            let held = HELD.with_borrow(|held| held.0.is_some());
            self.0.send(held.then(|| NUMBER.get())).unwrap();
        }
    }
    on_workers(|| {
        let (send, dropped) = mpsc::channel();
        let go = Arc::new(AtomicBool::new(false));
        let gone = Arc::clone(&go);
        drop(thread::spawn(move || {
            // Not before the handle is gone.
            until("the handle is gone", || gone.load(Ordering::Relaxed));
            let result = Result(send.clone());
            NUMBER.set(3);
            HELD.set(Last::of(move || send.send(None).unwrap()));
            result
        }));
        go.store(true, Ordering::Relaxed);
        until("it has ended", || match dropped.try_recv() {
            Ok(first) => {
                assert_eq!(first, Some(3));
                true
            }
            Err(_) => false,
        });
        // Then the values are destroyed.
        until("the values have ended", || dropped.try_recv() == Ok(None));
    });
}

/// The handle is dropped while the task destroys its values, so the task drops what
/// it returned, and is left with no values at all.
#[test]
fn a_result_that_is_dropped_at_the_very_end_finds_new_values() {
    netpoll::thread_local!(static HELD: RefCell<Option<Trace>> = RefCell::default());
    netpoll::thread_local!(static END: RefCell<Last> = Last::cell());
    struct Result(Arc<Mutex<Vec<&'static str>>>);
    impl Drop for Result {
        fn drop(&mut self) {
            let new = HELD
                .replace(Some(Trace("new", Arc::clone(&self.0))))
                .is_none();
            self.0
                .lock()
                .unwrap()
                .push(if new { "result" } else { "old" });
        }
    }
    on_workers(|| {
        let trace = Arc::new(Mutex::new(Vec::new()));
        let inside = Arc::clone(&trace);
        let ending = Arc::new(AtomicUsize::new(0));
        let steps = Arc::clone(&ending);
        let task = thread::spawn(move || {
            HELD.set(Some(Trace("first", Arc::clone(&inside))));
            END.set(Last::of(move || {
                steps.store(1, Ordering::Release);
                until("the handle is gone", || steps.load(Ordering::Acquire) == 2);
            }));
            Result(inside)
        });
        until("it ends", || ending.load(Ordering::Acquire) == 1);
        drop(task);
        ending.store(2, Ordering::Release);
        until("all has ended", || trace.lock().unwrap().len() == 3);
        assert_eq!(*trace.lock().unwrap(), ["first", "result", "new"]);
    });
}

#[test]
fn a_destructor_that_panics_ends_the_process() {
    netpoll::thread_local!(static BAD: RefCell<Last> = Last::cell());
    if is_child() {
        let task = thread::spawn(|| BAD.set(Last::of(|| panic!("in the destructor"))));
        let _ = task.join();
        println!("it went on");
        return;
    }
    let output = child("a_destructor_that_panics_ends_the_process", &[]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(errors.contains("in the destructor"), "{errors}");
    assert!(
        errors.contains("the destructor of a task-local panicked"),
        "{errors}"
    );
    assert!(!String::from_utf8_lossy(&output.stdout).contains("it went on"));
}
