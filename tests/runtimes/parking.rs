//! Parking and unparking, between tasks and threads, and beside other waits.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use netpoll::thread;

use crate::common::{LONG, on_workers, pair};

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
