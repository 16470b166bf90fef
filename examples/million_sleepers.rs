//! A million tasks in one process, all asleep at once, on few mappings.
//!
//! ```text
//! cargo run --release --example million_sleepers [TASKS]
//! ```
//!
//! A task that sleeps costs a page of its stack, so a million need about 4.5 GB.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use netpoll::thread;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let count = match arguments.first().map(String::as_str) {
        None => 1_000_000,
        Some("--smoke") => 20_000,
        Some(number) => number.parse().unwrap_or_else(|_| {
            eprintln!("usage: million_sleepers [TASKS | --smoke]");
            std::process::exit(2);
        }),
    };

    let begun = Arc::new(AtomicUsize::new(0));
    let woken = Arc::new(AtomicUsize::new(0));
    // All wake at the same moment, which is far enough away for all to begin.
    let wake_at = Instant::now() + Duration::from_secs(2 + count as u64 / 50_000);
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let (begun, woken) = (Arc::clone(&begun), Arc::clone(&woken));
            thread::spawn(move || {
                begun.fetch_add(1, Ordering::Relaxed);
                thread::sleep_until(wake_at);
                assert!(Instant::now() >= wake_at);
                woken.fetch_add(1, Ordering::Relaxed);
            })
        })
        .collect();
    while begun.load(Ordering::Relaxed) < count {
        thread::sleep(Duration::from_millis(10));
    }
    let asleep = count - woken.load(Ordering::Relaxed);
    let mappings =
        std::fs::read_to_string("/proc/self/maps").map_or(0, |maps| maps.lines().count());
    println!(
        "{asleep} of {count} tasks asleep at once, {mappings} mappings, {} bytes resident a task",
        resident() / count
    );
    for task in tasks {
        task.join().expect("no task panics");
    }
    println!("{} woke up, none early", woken.load(Ordering::Relaxed));
    if woken.load(Ordering::Relaxed) != count || mappings >= 1000 {
        std::process::exit(1);
    }
}

/// The resident memory of this process, in bytes.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kibibytes: usize = text
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"))
        .and_then(|kibibytes| kibibytes.trim().parse().ok())
        .unwrap_or(0);
    kibibytes * 1024
}
