//! The monitor: who holds up a worker.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use netpoll::{Builder, Doing, thread};

use crate::common::{LONG, until};

/// Pain 12: one task that blocks does not keep others from running that could.
#[test]
fn pain_12_a_busy_worker_keeps_none_that_have_not_started() {
    let (tell, told) = mpsc::channel();
    let runtime = Builder::new()
        .workers(2)
        .on_stuck(move |stuck| {
            drop(
                tell.send((
                    stuck
                        .task
                        .as_ref()
                        .and_then(|task| task.name())
                        .map(str::to_owned),
                    stuck.to_string(),
                )),
            )
        })
        .build()
        .unwrap();
    let release = Arc::new(AtomicBool::new(false));
    let held = Arc::clone(&release);
    let ran = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&ran);
    let hog = thread::Builder::new()
        .name("hog".into())
        .spawn_on(&runtime, move || {
            // Enough that some stay with this worker, which never comes around.
            for _ in 0..100 {
                let counted = Arc::clone(&counted);
                thread::spawn(move || counted.fetch_add(1, Ordering::Relaxed));
            }
            while !held.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        })
        .unwrap();
    until("the others have run", || ran.load(Ordering::Relaxed) == 100);
    // A worker that gets no processor for a while is told of, too.
    let text = loop {
        let (name, text) = told.recv_timeout(LONG).unwrap();
        if name.as_deref() == Some("hog") {
            break text;
        }
    };
    release.store(true, Ordering::Relaxed);
    hog.join().unwrap();
    assert!(
        text.contains("runtimes/watching.rs"),
        "it says where the task was spawned: {text}"
    );
    assert!(runtime.metrics().stuck >= 1);
}

#[test]
fn the_monitor_tells_blocking_from_computing() {
    let (tell, told) = mpsc::channel();
    let runtime = Builder::new()
        .workers(1)
        .on_stuck(move |stuck| drop(tell.send(stuck.clone())))
        .build()
        .unwrap();
    let task = runtime.spawn(|| std::thread::sleep(Duration::from_millis(200)));
    // Before it sleeps, the worker may have to wait for a processor.
    while !matches!(
        told.recv_timeout(LONG).unwrap().thread_is,
        Doing::InSystemCall(_)
    ) {}
    task.join().unwrap();
}

#[test]
fn without_a_monitor_nobody_watches() {
    let runtime = Builder::new().workers(1).monitor(false).build().unwrap();
    runtime
        .spawn(|| std::thread::sleep(Duration::from_millis(50)))
        .join()
        .unwrap();
    assert_eq!(runtime.metrics().stuck, 0);
}
