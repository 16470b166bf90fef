//! Everything arrives, once, in order, and in few calls.

use std::io::Read;
use std::time::Instant;

use netpoll::mux::WriteQueue;
use netpoll::thread;

use crate::common::{LONG, everywhere, on_workers, pair};
use crate::support::{Gate, check, frame};

fn late() -> Instant {
    Instant::now() + LONG
}

#[test]
fn hundreds_of_tasks_write_everything_once_and_in_their_order() {
    const WRITERS: u32 = 300;
    const EACH: u32 = 50;
    everywhere(|| {
        let (server, mut client) = pair();
        let queue = WriteQueue::with_bound(server, 4000);
        let tasks: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let queue = queue.clone();
                thread::spawn(move || {
                    for number in 0..EACH {
                        match number % 3 {
                            0 => queue.push(&frame(writer, number)),
                            1 => queue.push(frame(writer, number).to_vec()),
                            _ => queue.push_with(|buffer| {
                                buffer.write_binary(&frame(writer, number));
                            }),
                        }
                        .unwrap();
                    }
                })
            })
            .collect();
        let closing = thread::spawn(move || {
            tasks.into_iter().for_each(|task| task.join().unwrap());
            queue.close(late()).unwrap();
            queue.metrics()
        });
        let mut received = Vec::new();
        client.read_to_end(&mut received).unwrap();
        check(&received, WRITERS, EACH);
        let metrics = closing.join().unwrap();
        assert_eq!(metrics.frames, u64::from(WRITERS * EACH));
        assert_eq!(metrics.bytes, received.len() as u64);
        assert_eq!(metrics.written, metrics.bytes);
    });
}

#[test]
fn plain_threads_and_tasks_share_a_queue() {
    const EACH: u32 = 500;
    on_workers(|| {
        let (server, mut client) = pair();
        let queue = WriteQueue::with_bound(server, 1000);
        let write = |writer: u32| {
            let queue = queue.clone();
            move || (0..EACH).for_each(|number| queue.push(&frame(writer, number)).unwrap())
        };
        let threads: Vec<_> = (0..4)
            .map(|writer| std::thread::spawn(write(writer)))
            .collect();
        let tasks: Vec<_> = (4..8).map(|writer| thread::spawn(write(writer))).collect();
        let mut received = vec![0; 8 * EACH as usize * 8];
        client.read_exact(&mut received).unwrap();
        check(&received, 8, EACH);
        tasks.into_iter().for_each(|task| task.join().unwrap());
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        queue.flush().unwrap();
        assert_eq!(queue.unsent(), 0);
    });
}

#[test]
fn large_frames_stay_whole_among_small_ones() {
    everywhere(|| {
        let (server, mut client) = pair();
        let queue = WriteQueue::with_bound(server, 10_000);
        let tasks: Vec<_> = (1..=20_u8)
            .map(|writer| {
                let queue = queue.clone();
                // Some are longer than the bound.
                let len = 1 + usize::from(writer) * 1000;
                thread::spawn(move || {
                    for _ in 0..10 {
                        let mut frame = vec![writer; 4 + len];
                        frame[..4].copy_from_slice(&(len as u32).to_be_bytes());
                        queue.push(frame).unwrap();
                    }
                })
            })
            .collect();
        drop(queue);
        let mut seen = [0; 21];
        let mut header = [0; 4];
        while client.read_exact(&mut header).is_ok() {
            let mut body = vec![0; u32::from_be_bytes(header) as usize];
            client.read_exact(&mut body).unwrap();
            let writer = body[0];
            assert_eq!(body.len(), 1 + usize::from(writer) * 1000);
            assert!(body.iter().all(|byte| *byte == writer));
            seen[usize::from(writer)] += 1;
        }
        assert!(seen[1..].iter().all(|seen| *seen == 10));
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

#[test]
fn what_waits_together_leaves_in_one_call() {
    everywhere(|| {
        let gate = Gate::default();
        let queue = WriteQueue::new(gate.clone());
        queue.push("first").unwrap();
        crate::common::until("it is being written", || gate.is_waited_for());
        for number in 0..1000 {
            queue.push(&frame(0, number)).unwrap();
        }
        assert_eq!(queue.unsent(), 8005);
        gate.open();
        queue.flush().unwrap();
        assert_eq!(gate.calls(), 2);
        assert_eq!(queue.metrics().writes, 2);
        let taken = gate.taken();
        assert_eq!(&taken[..5], b"first");
        check(&taken[5..], 1, 1000);
    });
}

#[test]
fn tasks_that_can_run_at_once_are_written_for_at_once() {
    crate::common::on(1, || {
        let gate = Gate::default();
        gate.open();
        let queue = WriteQueue::new(gate.clone());
        let tasks: Vec<_> = (0..100)
            .map(|writer| {
                let queue = queue.clone();
                thread::spawn(move || queue.push(&frame(writer, 0)).unwrap())
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        queue.flush().unwrap();
        check(&gate.taken(), 100, 1);
        assert!(gate.calls() <= 2, "{} calls", gate.calls());
    });
}

#[test]
fn a_writer_that_takes_little_gets_everything() {
    struct Little(Gate);
    impl std::io::Write for Little {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.write(&bytes[..bytes.len().min(3)])
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    everywhere(|| {
        let gate = Gate::default();
        gate.open();
        let queue = WriteQueue::with_bound(Little(gate.clone()), 50);
        for number in 0..100 {
            queue.push(&frame(0, number)).unwrap();
        }
        queue.flush().unwrap();
        check(&gate.taken(), 1, 100);
    });
}

#[test]
fn an_idle_queue_starts_again() {
    everywhere(|| {
        let (server, mut client) = pair();
        let queue = WriteQueue::new(server);
        for number in 0..200 {
            queue.push(&frame(0, number)).unwrap();
            let mut received = [0; 8];
            client.read_exact(&mut received).unwrap();
            assert_eq!(received, frame(0, number));
        }
        queue.flush().unwrap();
        assert_eq!(queue.metrics().writes, 200);
    });
}

#[test]
fn a_frame_that_panics_while_it_is_made_leaves_nothing() {
    on_workers(|| {
        let gate = Gate::default();
        gate.open();
        let queue = WriteQueue::new(gate.clone());
        queue.push("before ").unwrap();
        let its = queue.clone();
        let task = thread::spawn(move || {
            its.push_with(|frame| {
                frame.write_string("half a fr");
                panic!("in the middle");
            })
        });
        assert!(task.join().is_err());
        queue.push("after").unwrap();
        queue.close(late()).unwrap();
        assert_eq!(gate.taken(), b"before after");
    });
}

#[test]
fn the_owner_of_bytes_may_push_when_they_are_dropped() {
    struct Last(Option<WriteQueue<Gate>>, Vec<u8>);
    impl AsRef<[u8]> for Last {
        fn as_ref(&self) -> &[u8] {
            &self.1
        }
    }
    impl Drop for Last {
        fn drop(&mut self) {
            self.0.take().unwrap().push(".").unwrap();
        }
    }
    everywhere(|| {
        let gate = Gate::default();
        gate.open();
        let queue = WriteQueue::new(gate.clone());
        for len in [1, 10_000] {
            let owner = Last(Some(queue.clone()), vec![b'x'; len]);
            queue.push(bytes::Bytes::from_owner(owner)).unwrap();
        }
        crate::common::until("all of it is written", || gate.taken().len() == 10_003);
        assert_eq!(gate.taken().iter().filter(|byte| **byte == b'.').count(), 2);
    });
}
