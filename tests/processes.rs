//! What a whole process shows: overflows, panics, scarce descriptors, idleness.
//! Each body runs in a child of its own.

mod common;

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{bytes_of, child, in_child, is_child, on, until};
use netpoll::net::{TcpListener, TcpStream};
use netpoll::thread;

/// Uses up the stack.
#[expect(unconditional_recursion, reason = "it is meant to overflow")]
fn recurse(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 64]);
    recurse(depth + 1) + frame[0]
}

fn overflow(stack_size: usize) {
    let task = thread::Builder::new()
        .name("deep".into())
        .stack_size(stack_size)
        .spawn(|| recurse(0))
        .unwrap();
    let _ = task.join();
}

/// Pain 6: an overflow names the task, its stack, and how to raise it.
#[test]
fn pain_06_an_overflow_is_reported() {
    if is_child() {
        return overflow(64 * 1024);
    }
    for fallback in ["", "guard"] {
        let output = child(
            "pain_06_an_overflow_is_reported",
            &[("NETPOLL_FALLBACK", fallback)],
        );
        assert_eq!(output.status.signal(), Some(libc::SIGABRT));
        let text = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<_> = text
            .lines()
            .filter(|line| line.contains("netpoll"))
            .collect();
        let [line] = lines[..] else { panic!("{text}") };
        for part in ["'deep'", "65536", "stack_size"] {
            assert!(line.contains(part), "{line}");
        }
    }
}

#[test]
fn a_thread_that_is_no_task_overflows_as_in_std() {
    if is_child() {
        on(1, || {});
        let thread = std::thread::Builder::new().name("plain".into());
        let _ = thread.spawn(|| recurse(0)).unwrap().join();
        return;
    }
    let output = child("a_thread_that_is_no_task_overflows_as_in_std", &[]);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        text.contains("thread 'plain'") && text.contains("overflowed its stack"),
        "{text}"
    );
}

#[test]
fn a_panic_prints_its_backtrace_on_a_small_stack() {
    let environment = [("RUST_BACKTRACE", "full")];
    if is_child() {
        let task = thread::Builder::new().stack_size(64 * 1024);
        let task = task.spawn(|| panic!("with a backtrace")).unwrap();
        assert!(task.join().is_err());
        return;
    }
    let output = child(
        "a_panic_prints_its_backtrace_on_a_small_stack",
        &environment,
    );
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(
        text.contains("with a backtrace") && text.contains("stack backtrace:"),
        "{text}"
    );
    assert!(
        text.contains("a_panic_prints_its_backtrace_on_a_small_stack"),
        "{text}"
    );
}

/// Sets the limit of open descriptors of this process.
fn limit_descriptors(most: u64) {
    let limit = libc::rlimit {
        rlim_cur: most,
        rlim_max: most,
    };
    // SAFETY: the limit is read from a valid place.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
}

/// The processor time that this process has used.
fn processor_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the time is written to a valid place.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    assert_eq!(result, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Pain 14: without descriptors the accept loop does not spin, what is open goes
/// on, and service resumes when descriptors come back.
#[test]
fn pain_14_accepting_without_descriptors_does_not_spin() {
    in_child(
        "pain_14_accepting_without_descriptors_does_not_spin",
        &[],
        || {
            limit_descriptors(64);
            on(1, || {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let address = listener.local_addr().unwrap();
                let failures = Arc::new(AtomicUsize::new(0));
                let counted = Arc::clone(&failures);
                let acceptor = listener.try_clone().unwrap();
                thread::spawn(move || {
                    for stream in acceptor.incoming() {
                        match stream {
                            Ok(mut stream) => drop(thread::spawn(move || {
                                let mut byte = [0];
                                while let Ok(1) = stream.read(&mut byte) {
                                    stream.write_all(&byte).unwrap();
                                }
                            })),
                            Err(error) => {
                                assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
                                counted.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                    }
                });
                let mut clients: Vec<_> = (0..10)
                    .map(|_| TcpStream::connect(address).unwrap())
                    .collect();
                for client in &mut clients {
                    client.write_all(b"x").unwrap();
                    client.read_exact(&mut [0]).unwrap();
                }
                // The last descriptor goes to a client; accepting it finds none.
                let mut taken = Vec::new();
                while let Ok(file) = std::fs::File::open("/dev/null") {
                    taken.push(file);
                }
                taken.pop();
                clients.push(TcpStream::connect(address).unwrap());
                until("accepting has failed", || {
                    failures.load(Ordering::Relaxed) >= 2
                });
                let (cpu, wall) = (processor_time(), std::time::Instant::now());
                let echo = |client: &mut TcpStream| {
                    client.write_all(b"x").unwrap();
                    client.read_exact(&mut [0]).unwrap();
                };
                echo(&mut clients[0]);
                thread::sleep(Duration::from_secs(2));
                let (used, passed) = (processor_time() - cpu, wall.elapsed());
                assert!(
                    used < passed / 4,
                    "{used:?} of processor time in {passed:?}"
                );
                // The one in the backlog is served as soon as there are descriptors again.
                drop(taken);
                for client in &mut clients {
                    client.set_read_timeout(Some(common::LONG)).unwrap();
                    echo(client);
                }
                echo(&mut TcpStream::connect(address).unwrap());
                listener.close();
            });
        },
    );
}

/// How often the other threads of this process have given up their processors. A
/// thread that sleeps in one system call does not.
fn switches() -> u64 {
    // SAFETY: it only returns a number.
    let own = unsafe { libc::gettid() }.to_string();
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    threads
        .filter(|thread| *thread.as_ref().unwrap().file_name() != *own)
        .map(|thread| {
            let status = thread.unwrap().path().join("status");
            let text = std::fs::read_to_string(status).unwrap_or_default();
            text.lines()
                .filter(|line| line.contains("ctxt_switches"))
                .filter_map(|line| line.rsplit('\t').next()?.trim().parse::<u64>().ok())
                .sum::<u64>()
        })
        .sum()
}

/// Pain 16: a process that has nothing to do does nothing.
#[test]
fn pain_16_an_idle_runtime_does_not_wake_up() {
    in_child("pain_16_an_idle_runtime_does_not_wake_up", &[], || {
        let runtime = netpoll::Builder::new().workers(2).build().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                thread::spawn(move || while let Ok(1..) = stream.read(&mut [0; 64]) {});
            }
        });
        let clients: Vec<_> = (0..100)
            .map(|_| {
                let mut client = std::net::TcpStream::connect(address).unwrap();
                client.write_all(b"hello").unwrap();
                client
            })
            .collect();
        // Workers give memory back for some rounds after the last activity; then
        // there comes a stretch in which nothing at all happens.
        let mut quiet = 0;
        for _ in 0..60 {
            let before = switches();
            std::thread::sleep(Duration::from_secs(1));
            quiet = if switches() == before { quiet + 1 } else { 0 };
            if quiet == 7 {
                break;
            }
        }
        assert_eq!(quiet, 7, "the runtime wakes up while idle");
        drop(clients);
    });
}

#[test]
fn many_tasks_sleep_in_few_mappings() {
    in_child("many_tasks_sleep_in_few_mappings", &[], || {
        on(2, || {
            // Without guards by advice each stack costs two mappings, and there are
            // as many tasks as the system allows.
            let forced = std::env::var("NETPOLL_FALLBACK").is_ok_and(|list| list.contains("guard"));
            let count = if forced { 10_000 } else { 50_000 };
            let woken = Arc::new(AtomicUsize::new(0));
            let tasks: Vec<_> = (0..count)
                .map(|_| {
                    let woken = Arc::clone(&woken);
                    thread::spawn(move || {
                        thread::sleep(Duration::from_millis(500));
                        woken.fetch_add(1, Ordering::Relaxed);
                    })
                })
                .collect();
            let mappings = std::fs::read_to_string("/proc/self/maps")
                .unwrap()
                .lines()
                .count();
            assert!(forced || mappings < 1000, "{mappings} mappings");
            for task in tasks {
                task.join().unwrap();
            }
            assert_eq!(woken.load(Ordering::Relaxed), count);
        });
    });
}

/// Where each stack costs mappings, too many tasks are an error that says what to
/// do, and not a crash.
#[test]
fn too_many_tasks_for_the_mappings_is_an_error() {
    let environment = [("NETPOLL_FALLBACK", "guard")];
    in_child(
        "too_many_tasks_for_the_mappings_is_an_error",
        &environment,
        || {
            on(1, || {
                let mut tasks = Vec::new();
                let error = loop {
                    // More than any usual limit; each of them parks.
                    assert!(tasks.len() < 3_000_000);
                    let task = thread::Builder::new().stack_size(16 * 1024);
                    match task.spawn(|| thread::sleep(Duration::from_secs(1))) {
                        Ok(task) => tasks.push(task),
                        Err(error) => break error,
                    }
                };
                assert_eq!(error.kind(), std::io::ErrorKind::OutOfMemory);
                assert!(error.to_string().contains("vm.max_map_count"), "{error}");
                for task in tasks {
                    task.join().unwrap();
                }
                thread::spawn(|| ()).join().unwrap();
            });
        },
    );
}

/// Resident memory of this process, in bytes.
fn resident() -> usize {
    bytes_of("VmRSS")
}

/// Touches so much of the stack.
#[inline(never)]
fn go_deep() -> u8 {
    let mut deep = [1_u8; 100 * 1024];
    std::hint::black_box(&mut deep);
    deep[deep.len() / 2]
}

#[test]
fn tasks_parked_for_long_give_back_what_they_do_not_use() {
    in_child(
        "tasks_parked_for_long_give_back_what_they_do_not_use",
        &[],
        || {
            const TASKS: usize = 200;
            let runtime = netpoll::Builder::new().workers(2).build().unwrap();
            let parked = Arc::new(AtomicUsize::new(0));
            let (servers, clients): (Vec<_>, Vec<_>) = (0..TASKS).map(|_| common::pair()).unzip();
            let tasks: Vec<_> = servers
                .into_iter()
                .enumerate()
                .map(|(i, mut stream)| {
                    let parked = Arc::clone(&parked);
                    runtime.spawn(move || {
                        // What lies above the parked frames, and in them, stays.
                        let kept: [usize; 64] = std::array::from_fn(|j| i * j);
                        assert_eq!(go_deep(), 1);
                        parked.fetch_add(1, Ordering::Relaxed);
                        let mut byte = [0];
                        stream.read_exact(&mut byte).unwrap();
                        assert_eq!(go_deep(), 1);
                        assert_eq!(kept, std::array::from_fn(|j| i * j));
                        byte[0]
                    })
                })
                .collect();
            until("all have parked", || {
                parked.load(Ordering::Relaxed) == TASKS
            });
            let before = resident();
            assert!(before > TASKS * 100 * 1024);
            // Two rounds of care, five seconds apart.
            until("memory is given back", || {
                before.saturating_sub(resident()) > TASKS * 80 * 1024
            });
            for (i, mut client) in clients.into_iter().enumerate() {
                client.write_all(&[i as u8]).unwrap();
            }
            for (i, task) in tasks.into_iter().enumerate() {
                assert_eq!(task.join().unwrap(), i as u8);
            }
        },
    );
}
