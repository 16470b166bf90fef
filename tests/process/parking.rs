//! What waits for a child does not hold up its worker; bounds; ends.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use netpoll::io::Cancelled;
use netpoll::process::unix::{CommandExt, ExitStatusExt};
use netpoll::process::{Child, Command, Stdio};
use netpoll::{blocking, thread};

use crate::common::{LONG, everywhere, in_child, is_child, kind, on, on_workers, until};

fn cat() -> Child {
    Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Runs a test with the descriptors for processes, and without.
fn with_and_without_pidfd(test: &str, body: fn()) {
    if !is_child() {
        body();
    }
    in_child(test, &[("NETPOLL_FALLBACK", "pidfd")], body);
}

/// The child ends only when another task of the same worker has seen to it.
#[test]
fn pain_12_other_tasks_go_on_while_one_waits() {
    with_and_without_pidfd("parking::pain_12_other_tasks_go_on_while_one_waits", || {
        everywhere(|| {
            let mut child = cat();
            let input = child.stdin.take().unwrap();
            let waits = Arc::new(AtomicBool::new(true));
            let seen = Arc::clone(&waits);
            let waiting = thread::spawn(move || {
                let status = child.wait();
                seen.store(false, Ordering::SeqCst);
                status
            });
            for _ in 0..1000 {
                thread::yield_now();
            }
            assert!(waits.load(Ordering::SeqCst));
            drop(input);
            assert!(waiting.join().unwrap().unwrap().success());
        });
    });
}

#[test]
fn other_tasks_go_on_while_one_reads_or_writes() {
    everywhere(|| {
        let mut child = cat();
        let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let reader = thread::spawn(move || {
            let mut bytes = Vec::new();
            output.read_to_end(&mut bytes).map(|_| bytes.len())
        });
        // Far more than the pipes hold: this waits for the reader.
        input.write_all(&vec![7; 2_000_000]).unwrap();
        drop(input);
        assert_eq!(reader.join().unwrap().unwrap(), 2_000_000);
        assert!(child.wait().unwrap().success());
    });
}

#[test]
fn a_child_that_does_not_read_its_input() {
    on_workers(|| {
        let mut child = Command::new("sleep")
            .arg("100")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let input = Arc::new(child.stdin.take().unwrap());
        let clone = Arc::clone(&input);
        let writer = thread::spawn(move || {
            // It says how much was written; the next write fails.
            let n = (&*clone).write(&vec![0; 4 << 20]).unwrap();
            assert!((1..4 << 20).contains(&n), "{n}");
            (&*clone).write(b"x")
        });
        for _ in 0..100 {
            thread::yield_now();
        }
        assert!(!writer.is_finished());
        input.set_write_deadline(Some(Instant::now())).unwrap();
        assert_eq!(kind(writer.join().unwrap()), ErrorKind::TimedOut);
        // Nobody reads any more: another one that waits finds out.
        input.set_write_deadline(None).unwrap();
        let clone = Arc::clone(&input);
        let writer = thread::spawn(move || (&*clone).write_all(&vec![0; 4 << 20]));
        thread::yield_now();
        child.kill().unwrap();
        assert_eq!(kind(writer.join().unwrap()), ErrorKind::BrokenPipe);
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
    });
}

#[test]
fn a_read_deadline_ends_a_wait_and_may_be_moved() {
    everywhere(|| {
        let mut child = cat();
        let output = Arc::new(child.stdout.take().unwrap());
        let clone = Arc::clone(&output);
        let reader = thread::spawn(move || (&*clone).read(&mut [0; 8]));
        thread::yield_now();
        output.set_read_deadline(Some(Instant::now())).unwrap();
        assert_eq!(kind(reader.join().unwrap()), ErrorKind::TimedOut);
        output
            .set_read_deadline(Some(Instant::now() + LONG))
            .unwrap();
        child.stdin.as_mut().unwrap().write_all(b"late").unwrap();
        let mut buffer = [0; 8];
        assert_eq!((&*output).read(&mut buffer).unwrap(), 4);
        child.wait().unwrap();
        assert_eq!((&*output).read(&mut buffer).unwrap(), 0);
    });
}

#[test]
fn a_wait_may_be_bounded() {
    with_and_without_pidfd("parking::a_wait_may_be_bounded", || {
        everywhere(|| {
            let mut child = Command::new("sleep").arg("100").spawn().unwrap();
            let start = Instant::now();
            assert_eq!(child.wait_timeout(Duration::ZERO).unwrap(), None);
            assert_eq!(child.wait_timeout(Duration::from_millis(30)).unwrap(), None);
            assert!(start.elapsed() >= Duration::from_millis(30));
            assert_eq!(child.wait_deadline(Instant::now()).unwrap(), None);
            assert_eq!(child.wait_deadline(start).unwrap(), None);
            child.kill().unwrap();
            // A deadline of before does not bound this one.
            let status = child.wait_timeout(LONG).unwrap().expect("it was killed");
            assert_eq!(status.signal(), Some(libc::SIGKILL));
            // It is known from now on, also where no time is left.
            assert_eq!(child.wait_timeout(Duration::ZERO).unwrap(), Some(status));
            assert_eq!(child.wait_deadline(start).unwrap(), Some(status));
            assert_eq!(child.wait().unwrap(), status);
            assert_eq!(child.try_wait().unwrap(), Some(status));

            // Nor does it bound one without a bound.
            let mut child = Command::new("sleep").arg("0.1").spawn().unwrap();
            assert_eq!(child.wait_timeout(Duration::from_millis(1)).unwrap(), None);
            assert!(child.wait().unwrap().success());

            let mut child = cat();
            assert_eq!(
                child.wait_timeout(Duration::MAX).unwrap().unwrap().code(),
                Some(0)
            );
        });
    });
}

#[test]
fn many_children_at_once() {
    with_and_without_pidfd("parking::many_children_at_once", || {
        on_workers(|| {
            let tasks: Vec<_> = (0..40)
                .map(|i| {
                    thread::spawn(move || {
                        let script = format!("echo {i}; echo {i} >&2; exit {i}");
                        Command::new("sh").args(["-c", &script]).output().unwrap()
                    })
                })
                .collect();
            for (i, task) in tasks.into_iter().enumerate() {
                let output = task.join().unwrap();
                assert_eq!(output.status.code(), Some(i as i32));
                assert_eq!(output.stdout, format!("{i}\n").as_bytes());
                assert_eq!(output.stderr, output.stdout);
            }
        });
    });
}

/// Waiting for a child takes no thread.
#[test]
fn children_that_run_take_no_threads() {
    in_child(
        "parking::children_that_run_take_no_threads",
        &[("NETPOLL_BLOCKING_THREADS", "2")],
        || {
            on(1, || {
                let (inputs, waiting): (Vec<_>, Vec<_>) = (0..50)
                    .map(|_| {
                        let mut child = cat();
                        let input = child.stdin.take().unwrap();
                        (input, thread::spawn(move || child.wait_with_output()))
                    })
                    .unzip();
                // The pool has threads to spare.
                assert_eq!(blocking(|| 1), 1);
                for (i, mut input) in inputs.into_iter().enumerate() {
                    input.write_all(&[i as u8]).unwrap();
                }
                for (i, waiting) in waiting.into_iter().enumerate() {
                    assert_eq!(waiting.join().unwrap().unwrap().stdout, [i as u8]);
                }
            });
        },
    );
}

#[test]
fn the_end_of_a_runtime_ends_the_waits() {
    if std::env::var("NETPOLL_FALLBACK").is_ok_and(|list| list.contains("pidfd")) {
        // A thread that blocks waits for the child, and cannot be told to stop.
        return;
    }
    let runtime = netpoll::Builder::new().workers(2).build().unwrap();
    let mut child = cat();
    let mut output = child.stdout.take().unwrap();
    let input = child.stdin.take().unwrap();
    let reader = runtime.spawn(move || output.read(&mut [0; 8]).map(drop));
    let waiting = runtime.spawn(move || {
        let result = child.wait().map(drop);
        (child, result)
    });
    std::thread::sleep(Duration::from_millis(20));
    runtime.shutdown(Instant::now() + LONG);
    assert!(Cancelled::is_cause_of(&reader.join().unwrap().unwrap_err()));
    let (mut child, result) = waiting.join().unwrap();
    assert!(Cancelled::is_cause_of(&result.unwrap_err()));
    // Nothing has happened to the child, and a thread can wait for it.
    assert_eq!(child.try_wait().unwrap(), None);
    drop(input);
    assert!(child.wait().unwrap().success());
}

/// A child of std's, also one that was waited for: its number is not its own any more.
#[test]
fn children_of_std_become_ours() {
    everywhere(|| {
        let mut std = std::process::Command::new("cat");
        std.stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped());
        let mut child = Child::from(std.spawn().unwrap());
        child.stdin.as_mut().unwrap().write_all(b"hello").unwrap();
        assert_eq!(child.wait_with_output().unwrap().stdout, b"hello");

        let mut ended = std.spawn().unwrap();
        let status = ended.wait().unwrap();
        let mut ended = Child::from(ended);
        ended.kill().unwrap();
        assert_eq!(ended.wait().unwrap(), status);
    });
}

/// `PR_SET_PDEATHSIG` is about the thread that forked, which must not leave the pool.
#[test]
fn the_thread_that_a_child_comes_from_stays() {
    in_child(
        "parking::the_thread_that_a_child_comes_from_stays",
        &[],
        || {
            let runtime = netpoll::Builder::new().workers(1).build().unwrap();
            // One thread is busy while another one forks, and becomes idle later.
            let (let_go, held) = channel::<()>();
            let busy = runtime.spawn(move || blocking(move || held.recv().unwrap_err()));
            let forked = runtime.spawn(|| {
                let mut command = Command::new("sleep");
                command.arg("100");
                // SAFETY: a system call, which is allowed there.
                unsafe {
                    command.pre_exec(|| {
                        assert_eq!(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL), 0);
                        Ok(())
                    });
                }
                command.spawn().unwrap()
            });
            let mut child = forked.join().unwrap();
            std::thread::sleep(Duration::from_millis(100));
            drop(let_go);
            busy.join().unwrap();
            until("one thread has left", || pool_threads() < 2);
            assert_eq!(
                child.wait_timeout(Duration::from_millis(500)).unwrap(),
                None
            );
            assert_eq!(pool_threads(), 1);
            child.kill().unwrap();
            child.wait().unwrap();
        },
    );
}

/// How many threads the pool has, by their name.
fn pool_threads() -> usize {
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("comm")).ok())
        .filter(|name| name.trim() == "netpoll-block")
        .count()
}

/// In a destructor that runs because of a panic, what ends soon is waited for.
#[test]
fn a_destructor_during_a_panic_waits_for_its_child() {
    struct OnDrop(Child);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            self.0.kill().unwrap();
            assert_eq!(self.0.wait().unwrap().signal(), Some(libc::SIGKILL));
        }
    }
    everywhere(|| {
        let child = OnDrop(cat());
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let _child = child;
            panic!("on purpose");
        }));
        let panic = panicked.unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"on purpose"));
    });
}

#[test]
fn a_task_may_end_the_process() {
    if is_child() {
        return on(1, || netpoll::process::exit(42));
    }
    let output = crate::common::child("parking::a_task_may_end_the_process", &[]);
    assert_eq!(output.status.code(), Some(42));
}
