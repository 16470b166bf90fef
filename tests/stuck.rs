//! Where a stuck task is, as the monitor says it. Needs the feature `backtrace`.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use common::{LONG, in_child, on_workers};
use netpoll::{Builder, Runtime, Stuck, thread};

/// A runtime whose monitor tells where stuck tasks are, and what it says.
fn watched(workers: usize) -> (Runtime, Receiver<Stuck>) {
    let (tell, told) = channel();
    let runtime = Builder::new()
        .workers(workers)
        .stuck_backtraces(true)
        .on_stuck(move |stuck| drop(tell.send(stuck.clone())))
        .build()
        .unwrap();
    (runtime, told)
}

/// The first report with a backtrace, and the functions in it.
fn first_backtrace(told: &Receiver<Stuck>) -> (String, Vec<String>) {
    loop {
        let stuck = told.recv_timeout(LONG).expect("the monitor sees it");
        if let Some(backtrace) = &stuck.backtrace {
            let functions = backtrace.frames().iter();
            let functions = functions.filter_map(|frame| frame.function().map(str::to_owned));
            return (stuck.to_string(), functions.collect());
        }
    }
}

fn place_of(functions: &[String], name: &str) -> usize {
    functions
        .iter()
        // One that was inlined has no path.
        .position(|function| function.ends_with(name) || name.strip_prefix("::") == Some(function))
        .unwrap_or_else(|| panic!("{name} is not among {functions:#?}"))
}

#[inline(never)]
fn outer(held: &AtomicBool) -> u64 {
    let mut rounds = 0;
    while !held.load(Ordering::Relaxed) {
        rounds += inner(rounds);
    }
    rounds
}

#[inline(never)]
fn inner(round: u64) -> u64 {
    for _ in 0..100_000 {
        std::hint::black_box(round);
    }
    1
}

/// Pain 12: where a task computes, its callers included.
#[test]
fn pain_12_the_monitor_says_where_a_task_computes() {
    let (runtime, told) = watched(2);
    let release = Arc::new(AtomicBool::new(false));
    let held = Arc::clone(&release);
    let task = runtime.spawn(move || outer(&held));
    let (text, functions) = first_backtrace(&told);
    release.store(true, Ordering::Relaxed);
    assert!(task.join().unwrap() > 0);
    let called = functions
        .iter()
        .position(|function| function.ends_with("stuck::inner"));
    let caller = place_of(&functions, "stuck::outer");
    assert!(called.is_none_or(|called| called < caller), "{text}");
    assert!(text.contains("stuck.rs:"), "{text}");
    assert!(
        functions[caller + 1].contains("pain_12_"),
        "the closure called it: {text}"
    );
}

/// A task that blocks its thread goes on as if nobody had asked.
#[test]
fn the_monitor_says_where_a_task_blocks() {
    let (runtime, told) = watched(1);
    let held_up = Duration::from_millis(300);
    let task = runtime.spawn(move || {
        let start = std::time::Instant::now();
        std::thread::sleep(held_up);
        start.elapsed()
    });
    let (text, functions) = first_backtrace(&told);
    let sleeps = place_of(&functions, "::sleep");
    let body = functions
        .iter()
        .position(|function| function.contains("the_monitor_says_where_a_task_blocks"));
    assert!(body.is_some_and(|body| sleeps < body), "{text}");
    assert!(task.join().unwrap() >= held_up);
}

/// The monitors of several runtimes ask at the same time.
#[test]
fn monitors_do_not_mix_up_their_tasks() {
    let tasks: Vec<_> = (0..3)
        .map(|_| {
            std::thread::spawn(|| {
                let (runtime, told) = watched(1);
                let task = runtime.spawn(|| std::thread::sleep(Duration::from_millis(300)));
                let seen = first_backtrace(&told);
                task.join().unwrap();
                seen
            })
        })
        .collect();
    for task in tasks {
        let (text, functions) = task.join().unwrap();
        assert!(
            place_of(&functions, "::sleep") < functions.len() - 1,
            "{text}"
        );
    }
}

static FOREIGN: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count_foreign(_signal: libc::c_int) {
    FOREIGN.fetch_add(1, Ordering::Relaxed);
}

/// Who had the signal before still gets what is his.
#[test]
fn a_signal_that_is_not_ours_is_passed_on() {
    in_child("a_signal_that_is_not_ours_is_passed_on", &[], || {
        // SAFETY: the handler has the signature of one without SA_SIGINFO, and only
        // counts.
        unsafe {
            libc::signal(
                libc::SIGURG,
                count_foreign as *const () as libc::sighandler_t,
            )
        };
        let (runtime, told) = watched(1);
        let task = runtime.spawn(|| std::thread::sleep(Duration::from_millis(300)));
        first_backtrace(&told);
        assert_eq!(FOREIGN.load(Ordering::Relaxed), 0);
        // SAFETY: raise has no preconditions.
        unsafe { libc::raise(libc::SIGURG) };
        assert_eq!(FOREIGN.load(Ordering::Relaxed), 1);
        task.join().unwrap();
    });
}

/// Asked for or not, tasks that come around are not bothered.
#[test]
fn tasks_that_give_way_are_not_asked() {
    on_workers(|| {
        for _ in 0..1000 {
            thread::yield_now();
        }
    });
    let (runtime, told) = watched(1);
    let task = runtime.spawn(|| thread::sleep(Duration::from_millis(50)));
    task.join().unwrap();
    drop(runtime);
    let asked = told.iter().filter(|stuck| stuck.backtrace.is_some());
    // The machine may have taken the processor from the worker, in the runtime itself.
    for stuck in asked {
        assert!(stuck.task.is_some(), "{stuck}");
    }
}
