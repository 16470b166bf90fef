//! Tasks that give way to one another: the time from when all of them are there until
//! the last has given way often enough.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

/// How often each of so many tasks has to give way for so many operations. Often enough
/// that the first time, when everything is cold, does not count.
pub(crate) fn turns(tasks: usize, operations: u64) -> u64 {
    operations.div_ceil(tasks as u64).max(50)
}

/// A run of so many tasks, each of which gives way so often.
pub(crate) struct Relay {
    tasks: usize,
    pub(crate) turns: u64,
    ready: AtomicUsize,
    finished: AtomicUsize,
    begin: OnceLock<Instant>,
    time: Mutex<Option<Duration>>,
}

impl Relay {
    /// At least so many operations, divided among the tasks.
    pub(crate) fn new(tasks: usize, operations: u64) -> Self {
        Self {
            tasks,
            turns: turns(tasks, operations),
            ready: AtomicUsize::new(0),
            finished: AtomicUsize::new(0),
            begin: OnceLock::new(),
            time: Mutex::new(None),
        }
    }

    /// A task has started.
    pub(crate) fn arrive(&self) {
        self.ready.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether all tasks have started; from the first to be told so on, time counts.
    pub(crate) fn begins(&self) -> bool {
        let begins = self.ready.load(Ordering::Relaxed) == self.tasks;
        if begins {
            self.begin.get_or_init(Instant::now);
        }
        begins
    }

    /// A task has done its turns.
    pub(crate) fn finish(&self) {
        if self.finished.fetch_add(1, Ordering::Relaxed) + 1 == self.tasks {
            let begin = self.begin.get().expect("it has begun");
            *self.time.lock().unwrap() = Some(begin.elapsed());
        }
    }

    /// A task, where giving way is a function.
    pub(crate) fn run(&self, give_way: fn()) {
        self.arrive();
        while !self.begins() {
            give_way();
        }
        for _ in 0..self.turns {
            give_way();
        }
        self.finish();
    }

    /// What so many operations take, after all tasks have ended.
    pub(crate) fn time_of(&self, operations: u64) -> Duration {
        let time = self.time.lock().unwrap().expect("all tasks have ended");
        let done = self.turns * self.tasks as u64;
        time.mul_f64(operations as f64 / done as f64)
    }
}
