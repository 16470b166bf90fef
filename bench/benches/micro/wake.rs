//! Waking a task from another thread, while its worker sleeps: from before the call
//! until the thread sees that the task has run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion};

use crate::runtimes;

pub(crate) fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("wake from another thread");
    let mut bench = |who, run: fn(u64) -> Duration| {
        group.bench_function(BenchmarkId::new(who, 1), |bencher| {
            bencher.iter_custom(run);
        });
    };
    bench("netpoll", netpoll);
    bench("may", may);
    bench("tokio", tokio);
    bench("std", threads);
    group.finish();
}

/// What the waking thread and the task tell one another.
#[derive(Default)]
struct Bell {
    asked: AtomicU64,
    answered: AtomicU64,
    ends: AtomicBool,
}

impl Bell {
    /// The task's part: answers what was asked, and sleeps in between.
    fn answer(&self, sleep: impl Fn()) {
        while !self.ends.load(Ordering::Acquire) {
            self.answer_once();
            sleep();
        }
    }

    fn answer_once(&self) {
        let asked = self.asked.load(Ordering::Acquire);
        self.answered.store(asked, Ordering::Release);
    }

    /// The thread's part: asks so often, and ends the task.
    fn ring(&self, operations: u64, wake: impl Fn()) -> Duration {
        let begin = Instant::now();
        for number in 1..=operations {
            self.asked.store(number, Ordering::Release);
            wake();
            while self.answered.load(Ordering::Acquire) != number {
                std::hint::spin_loop();
            }
        }
        let time = begin.elapsed();
        self.ends.store(true, Ordering::Release);
        wake();
        time
    }
}

fn netpoll(operations: u64) -> Duration {
    let bell = Arc::new(Bell::default());
    let task = runtimes::netpoll().spawn({
        let bell = Arc::clone(&bell);
        move || bell.answer(netpoll::thread::park)
    });
    let sleeper = task.thread().clone();
    let time = bell.ring(operations, || sleeper.unpark());
    task.join().expect("the task does not panic");
    time
}

fn may(operations: u64) -> Duration {
    may::config().set_workers(1);
    let bell = Arc::new(Bell::default());
    let task = may::go!({
        let bell = Arc::clone(&bell);
        move || bell.answer(may::coroutine::park)
    });
    let sleeper = task.coroutine().clone();
    let time = bell.ring(operations, || sleeper.unpark());
    task.join().expect("the coroutine does not panic");
    time
}

fn tokio(operations: u64) -> Duration {
    let bell = Arc::new(Bell::default());
    let notify = Arc::new(tokio::sync::Notify::new());
    let runtime = thread::spawn({
        let (bell, notify) = (Arc::clone(&bell), Arc::clone(&notify));
        move || {
            runtimes::tokio().block_on(async {
                let task = tokio::spawn(async move {
                    while !bell.ends.load(Ordering::Acquire) {
                        bell.answer_once();
                        notify.notified().await;
                    }
                });
                task.await.expect("the task does not panic");
            });
        }
    });
    let time = bell.ring(operations, || notify.notify_one());
    runtime.join().expect("the runtime does not panic");
    time
}

fn threads(operations: u64) -> Duration {
    let bell = Arc::new(Bell::default());
    let thread = thread::spawn({
        let bell = Arc::clone(&bell);
        move || bell.answer(thread::park)
    });
    let sleeper = thread.thread().clone();
    let time = bell.ring(operations, || sleeper.unpark());
    thread.join().expect("the thread does not panic");
    time
}
