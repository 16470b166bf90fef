//! The bound, and those who wait for room.

use std::io::{ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use netpoll::mux::WriteQueue;
use netpoll::thread;

use crate::common::{LONG, everywhere, on_workers, pair, until};
use crate::support::{Gate, check, frame};

fn soon() -> Instant {
    Instant::now() + Duration::from_millis(20)
}

#[test]
fn a_peer_that_never_reads_ends_waits_at_their_deadlines_and_memory_at_the_bound() {
    const BOUND: usize = 64 << 10;
    everywhere(|| {
        let (server, client) = pair();
        let queue = WriteQueue::with_bound(server.try_clone().unwrap(), BOUND);
        let writers: Vec<_> = (0..20)
            .map(|_| {
                let queue = queue.clone();
                thread::spawn(move || {
                    loop {
                        let deadline = Instant::now() + Duration::from_millis(200);
                        let pushed = queue.push_by(vec![7; 4096], deadline);
                        assert!(queue.unsent() <= BOUND);
                        if let Err(unsent) = pushed {
                            return unsent;
                        }
                    }
                })
            })
            .collect();
        for writer in writers {
            let unsent = writer.join().unwrap();
            assert_eq!(unsent.kind(), ErrorKind::TimedOut);
            assert_eq!(unsent.into_frames(), vec![7; 4096]);
        }
        assert!(queue.is_active());
        assert_eq!(
            queue.try_push(vec![7; BOUND]).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        // The one who writes is still at it, until somebody closes the stream.
        server.close();
        until("the queue has failed", || !queue.is_active());
        drop(client);
    });
}

#[test]
fn who_waits_gets_room_in_the_order_of_coming() {
    const WRITERS: u32 = 50;
    // On one worker tasks come in the order in which they were started.
    crate::common::on(1, || {
        let gate = Gate::default();
        let queue = WriteQueue::with_bound(gate.clone(), 16);
        queue.push(&[0; 16]).unwrap();
        let accepted = Arc::new(AtomicU32::new(0));
        let tasks: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (queue, accepted) = (queue.clone(), Arc::clone(&accepted));
                thread::spawn(move || {
                    queue.push(&frame(writer, 0)).unwrap();
                    accepted.fetch_add(1, Ordering::Relaxed);
                })
            })
            .collect();
        until("it is being written", || gate.is_waited_for());
        thread::sleep(Duration::from_millis(5));
        assert_eq!(accepted.load(Ordering::Relaxed), 0);
        assert_eq!(queue.unsent(), 16);
        gate.open();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        queue.flush().unwrap();
        let expected: Vec<u8> = (0..WRITERS).flat_map(|writer| frame(writer, 0)).collect();
        assert_eq!(gate.taken()[16..], expected);
    });
}

#[test]
fn who_gives_up_makes_way_for_who_needs_less() {
    everywhere(|| {
        let gate = Gate::default();
        let queue = WriteQueue::with_bound(gate.clone(), 100);
        queue.push(vec![1; 60]).unwrap();
        let long = thread::spawn({
            let queue = queue.clone();
            move || queue.push_by(vec![2; 90], soon()).unwrap_err()
        });
        // There is room for it, but somebody came earlier.
        let short = thread::spawn({
            let queue = queue.clone();
            move || queue.push_by(vec![3; 30], Instant::now() + LONG)
        });
        assert_eq!(long.join().unwrap().kind(), ErrorKind::TimedOut);
        short.join().unwrap().unwrap();
        assert_eq!(queue.unsent(), 90);
        gate.open();
        queue.flush().unwrap();
        assert_eq!(gate.taken(), [vec![1; 60], vec![3; 30]].concat());
    });
}

#[test]
fn a_frame_beyond_the_bound_goes_alone() {
    everywhere(|| {
        let gate = Gate::default();
        let queue = WriteQueue::with_bound(gate.clone(), 10);
        queue.try_push(vec![1; 1000]).unwrap();
        assert_eq!(
            queue.try_push([2; 0].as_slice()).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        gate.open();
        queue.flush().unwrap();
        queue.try_push(vec![2; 1000]).unwrap();
        queue.flush().unwrap();
        assert_eq!(gate.taken().len(), 2000);
    });
}

#[test]
fn a_peer_that_reads_again_lets_everybody_go_on() {
    const WRITERS: u32 = 100;
    const EACH: u32 = 2000;
    on_workers(|| {
        let (server, mut client) = pair();
        let queue = WriteQueue::with_bound(server, 16 << 10);
        let tasks: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let queue = queue.clone();
                thread::spawn(move || {
                    for number in 0..EACH {
                        queue.push(&frame(writer, number)).unwrap();
                    }
                })
            })
            .collect();
        drop(queue);
        // They fill what there is first.
        thread::sleep(Duration::from_millis(30));
        let mut received = Vec::new();
        client.read_to_end(&mut received).unwrap();
        check(&received, WRITERS, EACH);
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

#[test]
fn a_write_timeout_of_the_stream_ends_the_queue() {
    everywhere(|| {
        let (server, _never_reads) = pair();
        server
            .set_write_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        let queue = WriteQueue::new(server);
        let unsent = loop {
            if let Err(unsent) = queue.push(vec![0; 100_000]) {
                break unsent;
            }
        };
        assert_eq!(unsent.kind(), ErrorKind::TimedOut);
        assert!(!queue.is_active());
    });
}

#[test]
fn a_flush_gives_up_at_its_deadline_and_nothing_is_lost() {
    everywhere(|| {
        let gate = Gate::default();
        let queue = WriteQueue::new(gate.clone());
        queue.push("one").unwrap();
        let error = queue.flush_by(soon()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(queue.is_active());
        gate.open();
        queue.flush_by(Instant::now() + LONG).unwrap();
        assert_eq!(gate.taken(), b"one");
    });
}
