//! Runs random cases: `cargo run --release -p netpoll-fuzz -- --cases 1000000`.
//!
//! Each case has a seed of its own, which is printed when it fails;
//! `--seed` and `--cases 1` run it again.

use std::panic;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;

#[path = "../../tests/link_buffer/model.rs"]
mod model;

use model::{Choices, Outlived, run};

fn main() -> ExitCode {
    let (mut cases, mut seed) = (1_000_000_u64, 1_u64);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let number = arguments.next().and_then(|value| value.parse().ok());
        match (&*argument, number) {
            ("--cases", Some(number)) => cases = number,
            ("--seed", Some(number)) => seed = number,
            _ => {
                eprintln!("usage: netpoll-fuzz [--cases NUMBER] [--seed NUMBER]");
                return ExitCode::FAILURE;
            }
        }
    }

    let (away, received) = mpsc::channel();
    let elsewhere = thread::spawn(move || received.into_iter().map(Outlived::check).count());
    let mut choices = Vec::new();
    for case in seed..seed.saturating_add(cases) {
        let mut random = fastrand::Rng::with_seed(case);
        choices.resize(random.usize(..400), 0);
        random.fill(&mut choices);
        let result = panic::catch_unwind(panic::AssertUnwindSafe(|| {
            run(&mut Choices(&choices), &away);
        }));
        if result.is_err() {
            eprintln!("failed with --seed {case}");
            return ExitCode::FAILURE;
        }
    }
    drop(away);
    match elsewhere.join() {
        Ok(checked) => {
            println!("{cases} cases passed; {checked} parts of them were checked elsewhere");
            ExitCode::SUCCESS
        }
        Err(_) => {
            eprintln!("what was checked on another thread failed");
            ExitCode::FAILURE
        }
    }
}
