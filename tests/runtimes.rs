//! Runtimes: how tasks spread over workers, who watches, how one ends.

mod common;

use std::collections::HashMap;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use common::{LONG, in_child, on_workers, pair, until};
use netpoll::io::Cancelled;
use netpoll::net::{TcpListener, TcpStream};
use netpoll::{Builder, Runtime, thread};

fn runtime(workers: usize) -> Runtime {
    Builder::new().workers(workers).build().unwrap()
}

/// The worker that runs the caller.
fn worker() -> ThreadId {
    std::thread::current().id()
}

#[test]
fn connections_that_one_worker_accepts_spread_over_all() {
    // Nobody watches: on a machine that is busy with other things a worker may seem
    // to be held up, and then others take what it has.
    let runtime = Builder::new().workers(4).monitor(false).build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let homes = Arc::new(Mutex::new(HashMap::<ThreadId, usize>::new()));
    let counted = Arc::clone(&homes);
    let acceptor = listener.try_clone().unwrap();
    let accepting = runtime.spawn(move || {
        for stream in acceptor.incoming() {
            let (mut stream, homes) = (stream.unwrap(), Arc::clone(&counted));
            thread::spawn(move || {
                *homes.lock().unwrap().entry(worker()).or_default() += 1;
                while let Ok(1..) = stream.read(&mut [0; 64]) {}
            });
        }
    });
    let clients: Vec<_> = (0..200)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    let total = || homes.lock().unwrap().values().sum::<usize>();
    until("all are served", || total() == clients.len());
    let homes = homes.lock().unwrap().clone();
    assert_eq!(homes.len(), 4, "{homes:?}");
    assert!(
        homes.values().all(|count| (25..=75).contains(count)),
        "{homes:?}"
    );
    listener.close();
    accepting.join().unwrap();
    drop(clients);
}

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
    let (name, text) = told.recv_timeout(LONG).unwrap();
    release.store(true, Ordering::Relaxed);
    hog.join().unwrap();
    assert_eq!(name.as_deref(), Some("hog"), "{text}");
    assert!(
        text.contains("runtimes.rs"),
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
    let stuck = told.recv_timeout(LONG).unwrap();
    assert!(
        matches!(stuck.thread_is, netpoll::Doing::InSystemCall(_)),
        "{stuck}"
    );
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

/// Connections that one task has dialled, and used once, are used from all workers from
/// then on: what they wait for comes to the worker that waits.
#[test]
fn sixteen_dialled_connections_cause_no_wakeups_between_workers() {
    const CONNECTIONS: usize = 16;
    const REQUESTS: usize = 500;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        for stream in listener.incoming().take(CONNECTIONS) {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut byte = [0];
                while let Ok(1) = stream.read(&mut byte) {
                    stream.write_all(&byte).unwrap();
                }
            });
        }
    });
    fn exchange(stream: &mut TcpStream, byte: u8) {
        stream.write_all(&[byte]).unwrap();
        let mut reply = [0];
        stream.read_exact(&mut reply).unwrap();
        assert_eq!(reply, [byte]);
    }
    let runtime = runtime(4);
    // Until all have been used often enough to be followed.
    let step = Arc::new(std::sync::Barrier::new(CONNECTIONS + 1));
    let pool = runtime.spawn(move || {
        let dial = |byte| {
            let mut stream = TcpStream::connect(address).unwrap();
            exchange(&mut stream, byte);
            stream
        };
        (0..CONNECTIONS as u8).map(dial).collect::<Vec<_>>()
    });
    let users = pool.join().unwrap().into_iter().map(|mut stream| {
        let step = Arc::clone(&step);
        runtime.spawn(move || {
            let worker = std::thread::current().id();
            for request in 0..REQUESTS {
                if request == 20 {
                    let step = Arc::clone(&step);
                    netpoll::blocking(move || step.wait());
                }
                exchange(&mut stream, request as u8);
            }
            worker
        })
    });
    let users: Vec<_> = users.collect();
    step.wait();
    let before = runtime.metrics().remote_wakeups;
    let workers: std::collections::HashSet<_> =
        users.into_iter().map(|user| user.join().unwrap()).collect();
    let woken = runtime.metrics().remote_wakeups - before;
    assert!(workers.len() > 1, "one worker has them all");
    // Sixteen that the barrier lets go, and few that come along with them.
    let requests = CONNECTIONS * (REQUESTS - 20);
    assert!(
        woken < requests as u64 / 50,
        "{woken} wake-ups between workers in {requests} requests"
    );
    server.join().unwrap();
}

/// A stream that is first waited on by one worker, then served by another for long:
/// its events come to the second before long.
#[test]
fn a_registration_follows_the_worker_that_uses_it() {
    let reader = runtime(1);
    let user = runtime(1);
    let (server, mut client) = common::pair_with_std();
    let first = reader.spawn(move || {
        let mut server = server;
        server.read_exact(&mut [0]).unwrap();
        server
    });
    thread::sleep(Duration::from_millis(5));
    client.write_all(b"x").unwrap();
    let server = first.join().unwrap();
    let echo = user.spawn(move || {
        let mut server = server;
        let mut byte = [0];
        while let Ok(1) = server.read(&mut byte) {
            server.write_all(&byte).unwrap();
        }
    });
    let mut rounds = |n: usize| {
        for _ in 0..n {
            client.write_all(b"y").unwrap();
            client.read_exact(&mut [0]).unwrap();
        }
    };
    rounds(20);
    let before = reader.metrics().remote_wakeups + user.metrics().remote_wakeups;
    rounds(1000);
    let woken = reader.metrics().remote_wakeups + user.metrics().remote_wakeups - before;
    assert!(
        woken < 50,
        "{woken} wake-ups between workers in 1000 requests"
    );
    drop(client);
    echo.join().unwrap();
}

#[test]
fn a_socket_outlives_the_runtime_that_watched_it() {
    for _ in 0..20 {
        let first = runtime(1);
        let (server, mut client) = common::pair_with_std();
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
        text.contains("'stubborn'") && text.contains("runtimes.rs"),
        "{text}"
    );
    release.store(true, Ordering::Relaxed);
    assert_eq!(stubborn.join().unwrap(), "ended after all");
}

#[test]
fn dropping_a_runtime_says_what_remains() {
    if common::is_child() {
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
    let output = common::child("dropping_a_runtime_says_what_remains", &[]);
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

#[test]
fn an_unpark_is_not_lost_to_another_wait() {
    on_workers(|| {
        let (mut server, mut client) = pair();
        let task = thread::spawn(move || {
            // Unparked while it waits here: that is no reason to return.
            let mut byte = [0];
            server.read_exact(&mut byte).unwrap();
            // But here it is.
            let start = Instant::now();
            thread::park_timeout(LONG);
            (byte[0], start.elapsed() < LONG)
        });
        thread::sleep(Duration::from_millis(2));
        task.thread().unpark();
        thread::sleep(Duration::from_millis(2));
        client.write_all(&[7]).unwrap();
        assert_eq!(task.join().unwrap(), (7, true));
    });
}

#[test]
fn park_and_unpark_between_tasks_and_threads() {
    on_workers(|| {
        let rounds = 2000;
        let turn = Arc::new(AtomicUsize::new(0));
        let me = thread::current();
        let (give, given) = mpsc::channel();
        let seen = Arc::clone(&turn);
        let other = std::thread::spawn(move || {
            // A thread that is no task has a handle of its own.
            give.send(thread::current()).unwrap();
            for round in 0..rounds {
                while seen.load(Ordering::Relaxed) != 2 * round + 1 {
                    thread::park();
                }
                seen.store(2 * round + 2, Ordering::Relaxed);
                me.unpark();
            }
        });
        let partner = given.recv().unwrap();
        for round in 0..rounds {
            turn.store(2 * round + 1, Ordering::Relaxed);
            partner.unpark();
            while turn.load(Ordering::Relaxed) != 2 * round + 2 {
                thread::park();
            }
        }
        other.join().unwrap();
    });
}

#[test]
fn a_forked_child_leaves_its_parents_sockets_alone() {
    in_child(
        "a_forked_child_leaves_its_parents_sockets_alone",
        &[],
        || {
            let runtime = runtime(1);
            let (server, mut client) = common::pair_with_std();
            let clone = server.try_clone().unwrap();
            let echo = runtime.spawn(move || {
                let mut server = server;
                let mut byte = [0];
                while let Ok(1) = server.read(&mut byte) {
                    server.write_all(&byte).unwrap();
                }
            });
            let mut round = |byte: u8| {
                client.write_all(&[byte]).unwrap();
                let mut reply = [0];
                client.read_exact(&mut reply).unwrap();
                assert_eq!(reply, [byte]);
            };
            round(1);
            // SAFETY: the child only does what this test is about, and ends.
            let child = unsafe { libc::fork() };
            assert!(child >= 0);
            if child == 0 {
                let refused = std::panic::catch_unwind(|| thread::spawn(|| ()));
                let waited = std::panic::catch_unwind(|| (&clone).read(&mut [0]));
                drop(clone);
                drop(runtime);
                let right = refused.is_err() && waited.is_err();
                // SAFETY: ends the child at once, as it should after a fork.
                unsafe { libc::_exit(i32::from(!right)) };
            }
            let mut status = 0;
            // SAFETY: the child is ours, and the status is written to a valid place.
            assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
            assert_eq!(
                status, 0,
                "the child did what it must not, or could not drop"
            );
            // The parent's registration is still there.
            for byte in 2..50 {
                round(byte);
            }
            drop(clone);
            drop(client);
            echo.join().unwrap();
        },
    );
}

/// A worker that spins finds what comes meanwhile, and sleeps when nothing does.
#[test]
fn spinning_finds_work_and_ends() {
    let spin = Duration::from_millis(20);
    let runtime = Builder::new().workers(1).spin(spin).build().unwrap();
    let (server, mut client) = common::pair_with_std();
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
    common::until("it sleeps, and has to be rung for", || {
        std::thread::sleep(spin);
        runtime.spawn(|| ()).join().unwrap();
        rings() > before
    });
    drop(client);
    echo.join().unwrap();
}
