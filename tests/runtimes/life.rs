//! Runtimes beside each other, and what happens while one is there.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use netpoll::{Builder, thread};

use crate::common::{LONG, pair, pair_with_std, until};
use crate::runtime;

#[test]
fn a_socket_outlives_the_runtime_that_watched_it() {
    for _ in 0..20 {
        let first = runtime(1);
        let (server, mut client) = pair_with_std();
        let server = {
            let task = first.spawn(move || {
                let mut server = server;
                server.read_exact(&mut [0]).unwrap();
                server
            });
            client.write_all(b"x").unwrap();
            task.join().unwrap()
        };
        // Somebody of another runtime waits on it when the first one ends.
        let second = runtime(1);
        let waiting = second.spawn(move || {
            let mut server = server;
            server.set_read_timeout(Some(LONG)).unwrap();
            server.read(&mut [0; 8]).unwrap()
        });
        thread::sleep(Duration::from_millis(2));
        drop(first);
        client.write_all(b"y").unwrap();
        assert_eq!(waiting.join().unwrap(), 1);
    }
}

#[test]
fn runtimes_come_and_go_while_others_work() {
    let steady = runtime(2);
    let stop = Arc::new(AtomicBool::new(false));
    let (seen, rounds) = (Arc::clone(&stop), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&rounds);
    let work = steady.spawn(move || {
        while !seen.load(Ordering::Relaxed) {
            thread::spawn(thread::yield_now).join().unwrap();
            counted.fetch_add(1, Ordering::Relaxed);
            thread::sleep(Duration::from_micros(50));
        }
    });
    let comers: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(|| {
                for workers in [1, 3, 2, 8, 1] {
                    let runtime = runtime(workers);
                    let tasks: Vec<_> = (0..20)
                        .map(|i| {
                            runtime.spawn(move || {
                                let (mut one, mut other) = pair();
                                one.write_all(&[i]).unwrap();
                                let mut byte = [0];
                                other.read_exact(&mut byte).unwrap();
                                byte[0]
                            })
                        })
                        .collect();
                    for (i, task) in tasks.into_iter().enumerate() {
                        assert_eq!(task.join().unwrap(), i as u8);
                    }
                    assert_eq!(runtime.shutdown(Instant::now() + LONG).unfinished, 0);
                }
            })
        })
        .collect();
    for comer in comers {
        comer.join().unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    work.join().unwrap();
    assert!(rounds.load(Ordering::Relaxed) > 0);
}

#[test]
fn hooks_run_on_the_workers() {
    let (starts, stops) = (
        Arc::new(Mutex::new(Vec::new())),
        Arc::new(Mutex::new(Vec::new())),
    );
    let (started, stopped) = (Arc::clone(&starts), Arc::clone(&stops));
    let runtime = Builder::new()
        .workers(3)
        .thread_name("crew")
        .pin_workers(true)
        .on_thread_start(move |worker| {
            let name = std::thread::current().name().map(str::to_owned);
            started.lock().unwrap().push((worker, name));
        })
        .on_thread_stop(move |worker| stopped.lock().unwrap().push(worker))
        .build()
        .unwrap();
    assert_eq!(runtime.spawn(|| 1).join().unwrap(), 1);
    assert_eq!(runtime.shutdown(Instant::now() + LONG).unfinished, 0);
    let mut starts = starts.lock().unwrap().clone();
    starts.sort();
    let expected = (0..3).map(|worker| (worker, Some(format!("crew-{worker}"))));
    assert_eq!(starts, expected.collect::<Vec<_>>());
    let mut stops = stops.lock().unwrap().clone();
    stops.sort();
    assert_eq!(stops, [0, 1, 2]);
}

/// A worker that spins finds what comes meanwhile, and sleeps when nothing does.
#[test]
fn spinning_finds_work_and_ends() {
    let spin = Duration::from_millis(20);
    let runtime = Builder::new().workers(1).spin(spin).build().unwrap();
    let (server, mut client) = pair_with_std();
    let echo = runtime.spawn(move || {
        let mut server = server;
        let mut byte = [0];
        while let Ok(1) = server.read(&mut byte) {
            server.write_all(&byte).unwrap();
        }
    });
    for byte in 0..100 {
        client.write_all(&[byte]).unwrap();
        let mut reply = [0];
        client.read_exact(&mut reply).unwrap();
        assert_eq!(reply, [byte]);
    }
    // Only a worker that sleeps is rung for.
    let rings = || runtime.metrics().rings;
    let before = rings();
    until("it sleeps, and has to be rung for", || {
        std::thread::sleep(spin);
        runtime.spawn(|| ()).join().unwrap();
        rings() > before
    });
    drop(client);
    echo.join().unwrap();
}
