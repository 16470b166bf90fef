//! `Builder::run`: a runtime that has its caller's thread for a worker.

mod common;

use std::io::{ErrorKind, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;

use common::{in_child, kind};
use netpoll::Builder;
use netpoll::io::Cancelled;
use netpoll::net::{TcpListener, TcpStream};
use netpoll::sync::{Condvar, Mutex};
use netpoll::thread;

fn builder() -> Builder {
    Builder::new().workers(1).monitor(false)
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

#[test]
fn there_is_no_other_thread() {
    in_child("there_is_no_other_thread", &[], || {
        let (caller, before) = (std::thread::current().id(), threads());
        let (worker, during) = builder()
            .run(|| {
                let other = thread::spawn(|| std::thread::current().id());
                assert_eq!(other.join().unwrap(), std::thread::current().id());
                (std::thread::current().id(), threads())
            })
            .unwrap();
        assert_eq!(worker, caller);
        assert_eq!(during, before);
    });
}

#[test]
fn other_workers_have_threads_of_their_own() {
    let caller = std::thread::current().id();
    let runtime = builder().workers(3);
    let (own, others) = runtime
        .run(|| {
            let (say, said) = channel();
            let tasks: Vec<_> = (0..60)
                .map(|_| {
                    let say = say.clone();
                    thread::spawn(move || say.send(std::thread::current().id()).unwrap())
                })
                .collect();
            for task in tasks {
                task.join().unwrap();
            }
            drop(say);
            let others: std::collections::HashSet<_> = said.iter().collect();
            (std::thread::current().id(), others)
        })
        .unwrap();
    assert_eq!(own, caller);
    assert!(others.len() > 1, "{others:?}");
}

#[test]
fn what_main_panics_with_reaches_the_caller() {
    let result = catch_unwind(AssertUnwindSafe(|| {
        let result: std::io::Result<()> = builder().run(|| std::panic::panic_any(42));
        result
    }));
    assert_eq!(result.unwrap_err().downcast_ref(), Some(&42));
}

#[test]
fn those_that_are_left_are_cancelled() {
    let waiting = builder()
        .run(|| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let (say, said) = channel();
            let waiting = thread::spawn(move || {
                say.send(()).unwrap();
                listener.accept().map(drop)
            });
            // Until it has begun; it is alone with this one on its thread.
            while said.try_recv().is_err() {
                thread::yield_now();
            }
            waiting
        })
        .unwrap();
    let error = waiting.join().unwrap().unwrap_err();
    assert!(Cancelled::is_cause_of(&error), "{error}");
}

#[test]
fn it_returns_when_all_have_ended() {
    struct Shared {
        released: Mutex<bool>,
        changed: Condvar,
        main_is_over: AtomicBool,
        ended: AtomicBool,
    }
    let shared = Arc::new(Shared {
        released: Mutex::new(false),
        changed: Condvar::new(),
        main_is_over: AtomicBool::new(false),
        ended: AtomicBool::new(false),
    });
    let (stubborn, releasing) = (Arc::clone(&shared), Arc::clone(&shared));
    let releasing = std::thread::spawn(move || {
        while !releasing.main_is_over.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        *releasing.released.lock().unwrap() = true;
        releasing.changed.notify_all();
    });
    let main = Arc::clone(&shared);
    builder()
        .run(move || {
            thread::spawn(move || {
                // Nothing that cancelling would end.
                let mut released = stubborn.released.lock().unwrap();
                while !*released {
                    released = stubborn.changed.wait(released).unwrap();
                }
                stubborn.ended.store(true, Ordering::Release);
            });
            thread::yield_now();
            main.main_is_over.store(true, Ordering::Release);
        })
        .unwrap();
    assert!(shared.ended.load(Ordering::Acquire));
    releasing.join().unwrap();
}

#[test]
fn afterwards_the_thread_is_a_plain_one() {
    for _ in 0..3 {
        let (mut near, mut far) = builder()
            .run(|| {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                let (mut far, _) = listener.accept().unwrap();
                // Registered with the poller that ends here.
                let waiting = thread::spawn(move || {
                    let mut byte = [0];
                    far.read_exact(&mut byte).unwrap();
                    far
                });
                thread::yield_now();
                near.write_all(b"1").unwrap();
                (near, waiting.join().unwrap())
            })
            .unwrap();
        let writing = std::thread::spawn(move || {
            near.write_all(b"2").unwrap();
            near
        });
        let mut byte = [0];
        far.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"2");
        drop(writing.join().unwrap());
        assert_eq!(far.read(&mut byte).unwrap(), 0);
        let elsewhere = thread::spawn(|| std::thread::current().id());
        assert_ne!(elsewhere.join().unwrap(), std::thread::current().id());
    }
}

#[test]
fn a_task_cannot_make_its_thread_a_worker_again() {
    let refused = thread::spawn(|| kind(builder().run(|| ())));
    assert_eq!(refused.join().unwrap(), ErrorKind::InvalidInput);
}

#[test]
fn wrong_options_are_refused_before_anything_runs() {
    let ran = Arc::new(AtomicBool::new(false));
    let run = Arc::clone(&ran);
    let result = Builder::new()
        .workers(0)
        .run(move || run.store(true, Ordering::Relaxed));
    assert_eq!(kind(result), ErrorKind::InvalidInput);
    assert!(!ran.load(Ordering::Relaxed));
}

#[test]
fn a_thread_that_is_unwinding_cannot_become_a_worker() {
    struct Runs(std::sync::mpsc::Sender<ErrorKind>);
    impl Drop for Runs {
        fn drop(&mut self) {
            self.0.send(kind(builder().run(|| ()))).unwrap();
        }
    }
    let (say, said) = channel();
    let unwound = std::thread::spawn(move || {
        let _runs = Runs(say);
        std::panic::resume_unwind(Box::new("as asked"));
    });
    assert!(unwound.join().is_err());
    assert_eq!(said.recv().unwrap(), ErrorKind::InvalidInput);
}

#[test]
fn the_thread_is_not_kept_on_one_processor() {
    let processors = || rustix::thread::sched_getaffinity(None).unwrap();
    let before = processors();
    let during = builder().workers(2).pin_workers(true).run(processors);
    assert!(during.unwrap() == before);
    assert!(processors() == before);
}

#[test]
fn an_event_loop_serves_in_each_runtime_of_a_thread() {
    use netpoll::event::{Connection, EventLoop, Next};

    for round in 0..3 {
        let reply = builder().run(move || {
            let event_loop = EventLoop::new(move |connection: &mut Connection| {
                connection.reader().skip(connection.reader().len())?;
                connection.writer().write_string(&format!("round {round}"));
                Ok(Next::Close)
            });
            let listener = TcpListener::bind("127.0.0.1:0")?;
            let address = listener.local_addr()?;
            thread::spawn(move || event_loop.serve(listener));
            let mut client = TcpStream::connect(address)?;
            client.write_all(b"which one?")?;
            let mut reply = String::new();
            client.read_to_string(&mut reply)?;
            std::io::Result::Ok(reply)
        });
        assert_eq!(reply.unwrap().unwrap(), format!("round {round}"));
    }
}

#[test]
fn a_thread_of_the_blocking_pool_may_become_a_worker() {
    let answer = thread::spawn(|| netpoll::blocking(|| builder().run(|| 6 * 7).unwrap()));
    assert_eq!(answer.join().unwrap(), 42);
}
