//! How a runtime ends: what is cancelled, what is reported, what goes on.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use netpoll::io::Cancelled;
use netpoll::net::TcpListener;
use netpoll::{Builder, Runtime, thread};

use crate::common::{LONG, child, is_child, pair, until};
use crate::runtime;

#[test]
fn shutdown_cancels_what_can_fail() {
    for workers in [1, 2, 8] {
        let runtime = runtime(workers);
        let (server, client) = pair();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let is_cancelled =
            |result: std::io::Result<()>| result.is_err_and(|error| Cancelled::is_cause_of(&error));
        let mut readers = Vec::new();
        // The first waits for the socket, the others for their turn.
        for _ in 0..3 {
            let mut clone = server.try_clone().unwrap();
            readers.push(runtime.spawn(move || clone.read_exact(&mut [0])));
        }
        let acceptor = listener.try_clone().unwrap();
        let accepting = runtime.spawn(move || acceptor.incoming().count());
        let mut writer = client.try_clone().unwrap();
        let writing = runtime.spawn(move || {
            loop {
                writer.write_all(&[0; 1 << 20])?;
            }
        });
        thread::sleep(Duration::from_millis(10));
        let shutdown = runtime.shutdown(Instant::now() + LONG);
        assert_eq!(shutdown.unfinished, 0, "{shutdown}");
        for reader in readers {
            // The writer's bytes may have come first.
            let result = reader.join().unwrap();
            assert!(result.is_ok() || is_cancelled(result));
        }
        assert_eq!(accepting.join().unwrap(), 0);
        assert!(is_cancelled(writing.join().unwrap()));
    }
}

#[test]
fn what_does_not_end_is_reported_and_goes_on() {
    let runtime = runtime(2);
    let release = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&release);
    let stubborn = thread::Builder::new()
        .name("stubborn".into())
        .spawn_on(&runtime, move || {
            while !seen.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(1));
            }
            "ended after all"
        })
        .unwrap();
    until("it has started", || runtime.tasks() == 1);
    thread::sleep(Duration::from_millis(20));
    let shutdown = runtime.shutdown(Instant::now() + Duration::from_millis(50));
    assert_eq!(shutdown.unfinished, 1);
    assert_eq!(shutdown.tasks[0].name(), Some("stubborn"));
    let text = shutdown.to_string();
    assert!(
        text.contains("'stubborn'") && text.contains("runtimes/ends.rs"),
        "{text}"
    );
    release.store(true, Ordering::Relaxed);
    assert_eq!(stubborn.join().unwrap(), "ended after all");
}

#[test]
fn dropping_a_runtime_says_what_remains() {
    if is_child() {
        let runtime = Builder::new()
            .workers(1)
            .shutdown_timeout(Duration::from_millis(20))
            .build()
            .unwrap();
        let task = thread::Builder::new().name("left behind".into());
        let (go, gone) = mpsc::channel();
        task.spawn_on(&runtime, move || {
            go.send(()).unwrap();
            thread::sleep(LONG * 10);
        })
        .unwrap();
        gone.recv().unwrap();
        thread::sleep(Duration::from_millis(20));
        drop(runtime);
        // The process ends although the task does not.
        return;
    }
    let output = child("ends::dropping_a_runtime_says_what_remains", &[]);
    assert!(output.status.success());
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("'left behind'"), "{text}");
}

std::thread_local! {
    static LENT: AtomicUsize = const { AtomicUsize::new(0) };
}

/// Frames and thread-locals that are lent to other threads stay what they are.
#[test]
fn a_runtime_is_dropped_while_frames_and_thread_locals_are_lent() {
    for workers in [1, 2] {
        let runtime = runtime(workers);
        let outside = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&outside);
        let (go, gone) = mpsc::channel();
        let task = runtime.spawn(move || {
            LENT.with(|lent| {
                let on_stack = AtomicUsize::new(0);
                std::thread::scope(|scope| {
                    let borrower = scope.spawn(|| {
                        go.send(()).unwrap();
                        while !seen.load(Ordering::Relaxed) {
                            lent.fetch_add(1, Ordering::Relaxed);
                            on_stack.fetch_add(1, Ordering::Relaxed);
                        }
                        lent.load(Ordering::Relaxed) == on_stack.load(Ordering::Relaxed)
                    });
                    // Parks inside of `with` and inside of the scope.
                    while !borrower.is_finished() {
                        thread::sleep(Duration::from_micros(100));
                    }
                    borrower.join().unwrap()
                })
            })
        });
        gone.recv().unwrap();
        let shutdown = runtime.shutdown(Instant::now() + Duration::from_millis(20));
        assert_eq!(shutdown.unfinished, 1);
        outside.store(true, Ordering::Relaxed);
        assert!(task.join().unwrap());
    }
}

#[test]
fn a_task_that_catches_every_panic_is_not_unwound() {
    let runtime = runtime(1);
    let release = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&release);
    let task = runtime.spawn(move || {
        let mut caught = 0;
        while !seen.load(Ordering::Relaxed) {
            let result = std::panic::catch_unwind(|| thread::sleep(Duration::from_micros(500)));
            caught += usize::from(result.is_err());
        }
        caught
    });
    let shutdown = runtime.shutdown(Instant::now() + Duration::from_millis(20));
    assert_eq!(shutdown.unfinished, 1);
    release.store(true, Ordering::Relaxed);
    assert_eq!(task.join().unwrap(), 0);
}

#[test]
fn a_runtime_that_is_dropped_by_its_own_task_ends() {
    let ended = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&ended);
    let runtime = Builder::new()
        .workers(2)
        .on_thread_stop(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
        })
        .build()
        .unwrap();
    let (give, given) = mpsc::channel::<Runtime>();
    let task = runtime.spawn(move || {
        let own = loop {
            match given.try_recv() {
                Ok(own) => break own,
                Err(_) => thread::sleep(Duration::from_micros(100)),
            }
        };
        drop(own);
    });
    give.send(runtime).unwrap();
    task.join().unwrap();
    until("its workers have ended", || {
        ended.load(Ordering::Relaxed) == 2
    });
}
