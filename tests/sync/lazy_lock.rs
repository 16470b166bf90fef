//! `LazyLock`.

use std::sync::atomic::{AtomicUsize, Ordering};

use netpoll::sync::LazyLock;
use netpoll::thread;

use crate::common::on_workers;

same! {
    a_lazy_lock_does_as_in_std |log| {
        use sync::LazyLock;
        static GLOBAL: LazyLock<String> = LazyLock::new(|| "global".to_owned());
        note!(log, *GLOBAL, GLOBAL.len(), LazyLock::force(&GLOBAL), GLOBAL);
        let lazy = LazyLock::new(|| 92);
        note!(log, lazy, *lazy, lazy);
        note!(log, *LazyLock::<Vec<u8>>::default(), LazyLock::<u8>::default());
    }
    a_poisoned_lazy_lock_does_as_in_std |log| {
        let lazy = sync::LazyLock::new(|| -> u8 { panic!("on purpose") });
        note!(log, panic_of(|| *lazy));
        note!(log, panic_of(|| *lazy), lazy);
        note!(log, panic_of(|| *sync::LazyLock::force(&lazy)));
    }
    traits_of_lazy_locks_are_those_of_std |log| {
        use std::cell::Cell;
        use std::rc::Rc;
        use sync::LazyLock;
        note_traits!(log, LazyLock<u8>, LazyLock<Cell<u8>>, LazyLock<Rc<u8>>,
            LazyLock<u8, Rc<u8>>, LazyLock<u8, Cell<u8>>, LazyLock<u8, &'static mut u8>,
            LazyLock<u8, &'static Cell<u8>>, LazyLock<&'static mut u8>);
    }
}

#[test]
fn the_value_is_made_once_and_may_wait() {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    static VALUE: LazyLock<usize> = LazyLock::new(|| {
        for _ in 0..20 {
            thread::yield_now();
        }
        MADE.fetch_add(1, Ordering::Relaxed) + 1
    });
    on_workers(|| {
        let tasks = [(); 10].map(|()| thread::spawn(|| *VALUE));
        assert_eq!(tasks.map(|task| task.join().unwrap()), [1; 10]);
    });
}

/// Those who waited for an attempt that panics, panic too.
#[test]
fn a_panic_reaches_those_who_wait() {
    on_workers(|| {
        let lazy = LazyLock::new(|| -> u8 {
            for _ in 0..20 {
                thread::yield_now();
            }
            panic!("on purpose");
        });
        thread::scope(|s| {
            let tasks = [(); 4].map(|()| s.spawn(|| *lazy));
            assert!(tasks.into_iter().all(|task| task.join().is_err()));
        });
    });
}

/// What std has gained since the first version that netpoll builds with.
#[test]
fn a_value_is_looked_at_and_changed_in_place() {
    let mut lazy = LazyLock::new(|| 1);
    assert_eq!(LazyLock::get(&lazy), None);
    assert_eq!(LazyLock::get_mut(&mut lazy), None);
    *LazyLock::force_mut(&mut lazy) += 1;
    *lazy += 1;
    *LazyLock::get_mut(&mut lazy).unwrap() += 1;
    assert_eq!(LazyLock::get(&lazy), Some(&4));
}
