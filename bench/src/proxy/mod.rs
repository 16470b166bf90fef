//! What a byte and a connection cost in a proxy: netpoll's, haproxy, nginx.
//!
//! Each proxy is a process with one thread, pinned to one core; clients and servers are
//! tasks of this process, pinned to the other. The figure is the CPU time that the proxy
//! used, as the kernel counts it: how many bytes, and how many connections, it moves in a
//! second of it. Slices are interleaved, so that what disturbs the machine disturbs all.
#![forbid(unsafe_code)]

mod load;
mod rivals;

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::accounting;
use crate::place::{self, two_cores};
use crate::statistics::Summary;
use load::Load;
use rivals::{RIVALS, Running};

/// The options of `proxy`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Rounds of each case.
    #[arg(long, value_name = "N", default_value_t = 9)]
    rounds: u32,

    /// The `netpoll` command [default: the one beside this program].
    #[arg(long, value_name = "PATH")]
    netpoll: Option<PathBuf>,

    /// nginx's module for streams, if it is not built in [default: where Debian has it].
    #[arg(long, value_name = "PATH")]
    nginx_stream: Option<PathBuf>,
}

/// A case: its name, what is counted, and by how much that is divided for people.
struct Case {
    name: &'static str,
    unit: &'static str,
    divisor: f64,
    run: fn(&Load, &Running) -> io::Result<u64>,
}

const CASES: [Case; 3] = [
    Case {
        name: "streams of 64 MiB, 4 at a time",
        unit: "GiB",
        divisor: (1u64 << 30) as f64,
        run: |load, proxy| load.stream(proxy.entrance(), 4, 64 << 20),
    },
    Case {
        name: "streams of 64 KiB, 16 at a time",
        unit: "GiB",
        divisor: (1u64 << 30) as f64,
        run: |load, proxy| load.stream(proxy.entrance(), 16, 64 << 10),
    },
    Case {
        name: "connections that echo 64 B, 32 at a time",
        unit: "thousand",
        divisor: 1e3,
        run: |load, proxy| load.connections(proxy.entrance(), 32, 2000),
    },
];

/// Runs the comparison, and prints it.
pub(crate) fn compare(options: &Options) -> io::Result<()> {
    let cores = two_cores()?;
    if cores.is_none() {
        eprintln!("WARNING: there is only one core; the figures mean little");
    }
    if let Some((_, own)) = cores {
        let mut only = CpuSet::new();
        only.set(own);
        sched_setaffinity(None, &only)?;
    }
    let place = place::Place {
        core: cores.map(|(first, _)| first),
        realtime: None,
        child: true,
    };
    println!("| proxy | case | per CPU second | quartiles | to netpoll | CPU |");
    println!("|---|---|--:|--:|--:|--:|");
    for case in &CASES {
        // Each with a server of its own, so that they share no ports.
        let mut started = Vec::new();
        for rival in &RIVALS {
            let load = Load::new()?;
            match Running::start(rival, options, place, load.address) {
                Ok(running) => started.push((running, load, Vec::new())),
                Err(error) => eprintln!("WARNING: NOT MEASURED: {}: {error}", rival.name),
            }
        }
        let mut busy = Vec::new();
        for round in 0..=options.rounds {
            for (running, load, figures) in &mut started {
                let before = accounting::usage(running.id())?;
                let begin = Instant::now();
                let moved = (case.run)(load, running)?;
                let wall = begin.elapsed();
                // It may still have to learn of an end, and to sleep.
                std::thread::sleep(Duration::from_millis(30));
                let used = accounting::usage(running.id())? - before;
                // The first round is for caches and pools.
                if round > 0 {
                    figures.push(moved as f64 / case.divisor / used.cpu.as_secs_f64());
                    busy.push((running.name(), used.cpu.as_secs_f64() / wall.as_secs_f64()));
                }
            }
        }
        let of = |figures: &Vec<f64>| Summary::of(figures.iter().copied());
        let is_ours = |running: &Running| running.name() == RIVALS[0].name;
        let ours = started.iter().find(|(running, ..)| is_ours(running));
        let ours = ours.and_then(|(_, _, figures)| of(figures));
        for (running, _, figures) in &started {
            let Some(summary) = of(figures) else {
                continue;
            };
            let ratio = ours.map_or("-".into(), |ours| {
                format!("{:.2}", summary.median / ours.median)
            });
            let own = busy.iter().filter(|(name, _)| *name == running.name());
            let busy = Summary::of(own.map(|(_, part)| *part)).map_or(0.0, |busy| busy.median);
            println!(
                "| {} | {} | {:.2} {} | {:.2} to {:.2} | {ratio} | {:.0} % |",
                running.name(),
                case.name,
                summary.median,
                case.unit,
                summary.low,
                summary.high,
                100.0 * busy,
            );
        }
    }
    Ok(())
}
