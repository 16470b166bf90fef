//! Closing, failing, and tasks that end on the way.

use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use netpoll::io::{Cancelled, Closed};
use netpoll::mux::WriteQueue;
use netpoll::thread;

use crate::common::{LONG, everywhere, on_workers, pair, pair_with_std, until};
use crate::support::{Gate, check, frame};

fn late() -> Instant {
    Instant::now() + LONG
}

#[test]
fn closing_sends_what_was_accepted() {
    everywhere(|| {
        let (server, mut client) = pair();
        let (_reader, writer) = server.into_split();
        let queue = WriteQueue::with_bound(writer, 1 << 20);
        for number in 0..5000 {
            queue.push(&frame(0, number)).unwrap();
        }
        let reading = thread::spawn(move || {
            let mut received = Vec::new();
            client.read_to_end(&mut received).unwrap();
            received
        });
        let writer = queue.close(late()).unwrap().unwrap();
        assert_eq!(queue.unsent(), 0);
        // The half is the caller's again: dropping it ends writing.
        drop(writer);
        check(&reading.join().unwrap(), 1, 5000);

        let unsent = queue.push("late").unwrap_err();
        assert!(Closed::is_cause_of(unsent.error()));
        assert_eq!(unsent.into_frames(), "late");
        assert!(queue.close(late()).unwrap().is_none());
    });
}

#[test]
fn closing_tells_those_who_wait_and_gives_up_at_the_deadline() {
    everywhere(|| {
        let gate = Gate::default();
        let queue = WriteQueue::with_bound(gate.clone(), 20);
        queue.push("being written").unwrap();
        until("it is", || gate.is_waited_for());
        queue.push("waits").unwrap();
        let waiting = thread::spawn({
            let queue = queue.clone();
            move || queue.push("waits for room")
        });
        thread::sleep(Duration::from_millis(2));
        let soon = Instant::now() + Duration::from_millis(20);
        let unsent = queue.close(soon).unwrap_err();
        assert_eq!(unsent.kind(), ErrorKind::TimedOut);
        assert_eq!(unsent.frames(), "waits");
        assert_eq!(unsent.in_doubt(), "being written".len());
        let unsent = waiting.join().unwrap().unwrap_err();
        assert!(Closed::is_cause_of(unsent.error()) || unsent.kind() == ErrorKind::TimedOut);
        assert_eq!(unsent.into_frames(), "waits for room");

        // What was not begun is not sent afterwards.
        gate.open();
        until("the write ends", || !gate.taken().is_empty());
        thread::sleep(Duration::from_millis(2));
        assert_eq!(gate.taken(), b"being written");
    });
}

#[test]
fn a_stream_that_is_closed_here_fails_the_queue() {
    everywhere(|| {
        let (server, _never_reads) = pair();
        let queue = WriteQueue::with_bound(server.try_clone().unwrap(), 1000);
        let writers: Vec<_> = (0..10)
            .map(|_| {
                let queue = queue.clone();
                thread::spawn(move || {
                    loop {
                        if let Err(unsent) = queue.push(vec![1; 500]) {
                            return unsent;
                        }
                    }
                })
            })
            .collect();
        until("the queue is full", || queue.unsent() >= 500);
        thread::sleep(Duration::from_millis(5));
        server.close();
        for writer in writers {
            let unsent = writer.join().unwrap();
            assert!(Closed::is_cause_of(unsent.error()), "{unsent}");
            assert_eq!(unsent.frames().len(), 500);
        }
        let unsent = queue.close(late()).unwrap_err();
        assert!(Closed::is_cause_of(unsent.error()));
        assert!(unsent.in_doubt() + unsent.frames().len() <= 1000);
    });
}

#[test]
fn a_reset_tells_all_who_wait() {
    everywhere(|| {
        let (server, client) = pair_with_std();
        let queue = WriteQueue::with_bound(server, 1000);
        let writers: Vec<_> = (0..10)
            .map(|_| {
                let queue = queue.clone();
                thread::spawn(move || {
                    loop {
                        if let Err(unsent) = queue.push(vec![1; 500]) {
                            return unsent;
                        }
                    }
                })
            })
            .collect();
        until("the queue is full", || queue.unsent() >= 500);
        // There is something that it has not read: that resets.
        drop(client);
        for writer in writers {
            let kind = writer.join().unwrap().kind();
            assert!(
                matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
                "{kind:?}"
            );
        }
        let error = queue.flush().unwrap_err();
        assert!(matches!(
            error.kind(),
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
        ));
    });
}

#[test]
fn a_failure_says_what_was_not_begun() {
    everywhere(|| {
        let gate = Gate::default();
        let queue = WriteQueue::new(gate.clone());
        queue.push("first").unwrap();
        until("it is being written", || gate.is_waited_for());
        queue.push("second").unwrap();
        queue.push("third").unwrap();
        gate.fail(ErrorKind::ConnectionAborted);
        until("it has failed", || !queue.is_active());
        assert_eq!(
            queue.push("fourth").unwrap_err().kind(),
            ErrorKind::ConnectionAborted
        );
        let unsent = queue.close(late()).unwrap_err();
        assert_eq!(unsent.kind(), ErrorKind::ConnectionAborted);
        assert_eq!(unsent.in_doubt(), 5);
        assert_eq!(unsent.into_frames(), "secondthird");
        // They are handed back once.
        assert!(queue.close(late()).unwrap_err().into_frames().is_empty());
    });
}

#[test]
fn a_task_that_panics_or_ends_in_between_takes_nothing_along() {
    on_workers(|| {
        let (server, mut client) = pair();
        let queue = WriteQueue::with_bound(server, 64);
        let tasks: Vec<_> = (0..30)
            .map(|writer| {
                let queue = queue.clone();
                thread::spawn(move || {
                    for number in 0..10 {
                        queue.push(&frame(writer, number)).unwrap();
                    }
                    assert!(writer % 3 != 0, "this one panics");
                })
            })
            .collect();
        drop(queue);
        let mut received = Vec::new();
        client.read_to_end(&mut received).unwrap();
        check(&received, 30, 10);
        let panicked = tasks.into_iter().filter_map(|task| task.join().err());
        assert_eq!(panicked.count(), 10);
    });
}

#[test]
fn a_push_that_may_not_wait_panics_and_leaves_the_queue_as_it_was() {
    on_workers(|| {
        let gate = Gate::default();
        let queue = WriteQueue::with_bound(gate.clone(), 8);
        queue.push(&frame(0, 0)).unwrap();
        let its = queue.clone();
        let task = thread::spawn(move || thread::no_park(|| its.push(&frame(0, 0))));
        assert!(task.join().is_err());
        assert_eq!(queue.unsent(), 8);
        gate.open();
        queue.push(&frame(0, 1)).unwrap();
        queue.close(late()).unwrap();
        check(&gate.taken(), 1, 2);
    });
}

#[test]
fn the_end_of_the_runtime_that_writes_fails_the_queue() {
    let (server, _never_reads) = pair();
    let queue = WriteQueue::with_bound(server, 1000);
    let runtime = netpoll::Builder::new().workers(1).build().unwrap();
    let its = queue.clone();
    runtime
        .spawn(move || its.push(vec![0; 16 << 20]))
        .join()
        .unwrap()
        .unwrap();
    runtime.shutdown(late());
    let unsent = queue.push("more").unwrap_err();
    assert!(Cancelled::is_cause_of(unsent.error()), "{unsent}");
    assert!(queue.close(late()).unwrap_err().in_doubt() > 0);
}

#[test]
fn a_writer_that_panics_fails_the_queue() {
    struct Panics;
    impl Write for Panics {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            panic!("on purpose");
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    everywhere(|| {
        let queue = WriteQueue::with_bound(Panics, 4);
        let waiting = loop {
            if let Err(unsent) = queue.push("frame") {
                break unsent;
            }
        };
        assert_eq!(waiting.kind(), ErrorKind::Other);
        assert_eq!(queue.flush().unwrap_err().kind(), ErrorKind::Other);
    });
}

#[test]
fn dropping_all_handles_sends_what_is_left_and_then_drops_the_writer() {
    on_workers(|| {
        let (server, mut client) = pair();
        let queue = WriteQueue::new(server);
        let large = vec![5; 4 << 20];
        queue.push(large).unwrap();
        drop(queue);
        let mut received = Vec::new();
        client.read_to_end(&mut received).unwrap();
        assert_eq!(received.len(), 4 << 20);
    });
}

#[test]
fn the_end_of_a_runtime_ends_its_waits() {
    let runtime = netpoll::Builder::new().workers(2).build().unwrap();
    let gate = Gate::default();
    let queue = WriteQueue::with_bound(gate.clone(), 1);
    // Written by a task of another runtime.
    queue.push("x").unwrap();
    until("it is being written", || gate.is_waited_for());
    let waiting = runtime.spawn({
        let queue = queue.clone();
        move || (queue.push("y").unwrap_err(), queue.flush().unwrap_err())
    });
    runtime.shutdown(late());
    let (unsent, flushed) = waiting.join().unwrap();
    assert!(Cancelled::is_cause_of(unsent.error()), "{unsent}");
    assert!(Cancelled::is_cause_of(&flushed));
    assert!(queue.is_active());
    gate.open();
    queue.push("z").unwrap();
    queue.close(late()).unwrap();
    assert_eq!(gate.taken(), b"xz");
}
