//! Starting a task that does nothing, and waiting for its end, from another task.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion};

use crate::runtimes;

pub(crate) fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("spawn and join");
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

fn nothing() -> u64 {
    black_box(1)
}

fn netpoll(operations: u64) -> Duration {
    runtimes::in_netpoll(move || {
        let begin = Instant::now();
        for _ in 0..operations {
            netpoll::thread::spawn(nothing).join().expect("it returns");
        }
        begin.elapsed()
    })
}

fn may(operations: u64) -> Duration {
    runtimes::in_may(move || {
        let begin = Instant::now();
        for _ in 0..operations {
            may::go!(nothing).join().expect("it returns");
        }
        begin.elapsed()
    })
}

fn tokio(operations: u64) -> Duration {
    runtimes::tokio().block_on(async move {
        let begin = Instant::now();
        for _ in 0..operations {
            let task = tokio::spawn(async { nothing() });
            task.await.expect("it returns");
        }
        begin.elapsed()
    })
}

fn threads(operations: u64) -> Duration {
    let begin = Instant::now();
    for _ in 0..operations {
        thread::spawn(nothing).join().expect("it returns");
    }
    begin.elapsed()
}
