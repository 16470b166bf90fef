//! Giving way, among 1, 100 and 10,000 tasks: first of bare coroutines, resumed one
//! after the other with no runtime in between, and then through each run queue.

use std::sync::Arc;
use std::time::{Duration, Instant};

use corosensei::{Coroutine, CoroutineResult};
use criterion::{BenchmarkId, Criterion};

use crate::coloured::Coloured;
use crate::relay::{Relay, turns};
use crate::runtimes;

pub(crate) fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("yield");
    for tasks in [1, 100, 10_000] {
        let mut bench = |who, run: fn(usize, u64) -> Duration| {
            group.bench_function(BenchmarkId::new(who, tasks), |bencher| {
                bencher.iter_custom(|operations| run(tasks, operations));
            });
        };
        bench("corosensei", bare);
        bench("netpoll", netpoll);
        bench("may", may);
        bench("tokio", tokio);
    }
    group.finish();
}

/// A switch there and back, among so many coroutines in turn.
fn bare(tasks: usize, operations: u64) -> Duration {
    let coroutine = |number| {
        let stack = Coloured::new(number).expect("there is memory for a stack");
        Coroutine::with_stack(stack, |yielder, mut goes_on: bool| {
            while goes_on {
                goes_on = yielder.suspend(());
            }
        })
    };
    let mut coroutines: Vec<Coroutine<bool, (), (), Coloured>> =
        (0..tasks).map(coroutine).collect();
    for coroutine in &mut coroutines {
        coroutine.resume(true);
    }
    let turns = turns(tasks, operations);
    let begin = Instant::now();
    for _ in 0..turns {
        for coroutine in &mut coroutines {
            coroutine.resume(true);
        }
    }
    let time = begin.elapsed();
    for coroutine in &mut coroutines {
        // What is dropped before its end would have to be unwound.
        assert!(matches!(
            coroutine.resume(false),
            CoroutineResult::Return(())
        ));
    }
    time.mul_f64(operations as f64 / (turns * tasks as u64) as f64)
}

fn netpoll(tasks: usize, operations: u64) -> Duration {
    runtimes::in_netpoll(move || {
        let relay = Relay::new(tasks, operations);
        netpoll::thread::scope(|scope| {
            for _ in 0..tasks {
                scope.spawn(|| relay.run(netpoll::thread::yield_now));
            }
        });
        relay.time_of(operations)
    })
}

fn may(tasks: usize, operations: u64) -> Duration {
    runtimes::in_may(move || {
        let relay = Arc::new(Relay::new(tasks, operations));
        let spawn = |_| {
            let relay = Arc::clone(&relay);
            may::go!(move || relay.run(may::coroutine::yield_now))
        };
        let all: Vec<_> = (0..tasks).map(spawn).collect();
        for coroutine in all {
            coroutine.join().expect("the coroutine does not panic");
        }
        relay.time_of(operations)
    })
}

fn tokio(tasks: usize, operations: u64) -> Duration {
    runtimes::tokio().block_on(async move {
        let relay = Arc::new(Relay::new(tasks, operations));
        let spawn = |_| {
            let relay = Arc::clone(&relay);
            tokio::spawn(async move {
                relay.arrive();
                while !relay.begins() {
                    tokio::task::yield_now().await;
                }
                for _ in 0..relay.turns {
                    tokio::task::yield_now().await;
                }
                relay.finish();
            })
        };
        let all: Vec<_> = (0..tasks).map(spawn).collect();
        for task in all {
            task.await.expect("the task does not panic");
        }
        relay.time_of(operations)
    })
}
