//! `Barrier`.

use std::sync::atomic::{AtomicUsize, Ordering};

use netpoll::sync::{Arc, Barrier};
use netpoll::thread;

use crate::common::on_workers;

same! {
    a_barrier_does_as_in_std |log| {
        static ALONE: sync::Barrier = sync::Barrier::new(1);
        note!(log, ALONE, ALONE.wait(), ALONE.wait().is_leader());
        note!(log, sync::Barrier::new(0).wait());
        let barrier = sync::Arc::new(sync::Barrier::new(3));
        let tasks = [(); 3].map(|()| {
            let barrier = sync::Arc::clone(&barrier);
            thread::spawn(move || format!("{:?}", barrier.wait()))
        });
        let mut seen = tasks.map(|task| task.join().unwrap());
        seen.sort_unstable();
        note!(log, seen);
    }
    traits_of_barriers_are_those_of_std |log| {
        note_traits!(log, sync::Barrier, sync::BarrierWaitResult);
    }
}

/// In each round all have come before anybody goes on, and one of them leads.
#[test]
fn tasks_and_threads_meet_again_and_again() {
    on_workers(|| {
        const ROUNDS: usize = 200;
        let shared = Arc::new((Barrier::new(5), AtomicUsize::new(0), AtomicUsize::new(0)));
        let work = |shared: Arc<(Barrier, AtomicUsize, AtomicUsize)>| {
            move || {
                for round in 1..=ROUNDS {
                    shared.1.fetch_add(1, Ordering::Relaxed);
                    if shared.0.wait().is_leader() {
                        shared.2.fetch_add(1, Ordering::Relaxed);
                    }
                    assert!(shared.1.load(Ordering::Relaxed) >= 5 * round);
                    shared.0.wait();
                    assert_eq!(shared.2.load(Ordering::Relaxed), round);
                    shared.0.wait();
                }
            }
        };
        let tasks = [(); 4].map(|()| thread::spawn(work(Arc::clone(&shared))));
        let thread = std::thread::spawn(work(Arc::clone(&shared)));
        for task in tasks {
            task.join().unwrap();
        }
        netpoll::blocking(|| thread.join().unwrap());
    });
}

/// One that panicked because it must not park did not come.
#[test]
fn who_must_not_park_does_not_count() {
    on_workers(|| {
        let barrier = Arc::new(Barrier::new(2));
        let waits = {
            let barrier = Arc::clone(&barrier);
            move || thread::no_park(|| barrier.wait().is_leader())
        };
        assert!(thread::spawn(waits).join().is_err());
        let other = Arc::clone(&barrier);
        let task = thread::spawn(move || other.wait().is_leader());
        assert_ne!(barrier.wait().is_leader(), task.join().unwrap());
    });
}
