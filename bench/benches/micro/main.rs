//! What the parts of a runtime cost: switches, spawning, waking, timers.
//!
//! ```text
//! cargo bench -p netpoll-bench                          measures, all on its own
//! cargo bench -p netpoll-bench -- yield                 one group
//! cargo run --release -p netpoll-bench -- micro         the ratios, as tables
//! ```
//!
//! Names are `group/who/how many take part`; each time is of one operation. Every
//! runtime has one worker, as the servers of the benchmark have.

mod coloured;
mod relay;
mod runtimes;
mod spawn;
mod switch;
mod timer;
mod wake;

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(20);
    targets = switch::benches, spawn::benches, wake::benches, timer::benches
}
criterion_main!(benches);
