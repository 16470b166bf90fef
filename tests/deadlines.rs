//! Deadlines and timeouts: set, moved, cleared, expired, from anywhere. Times are
//! tested by order and by lower bounds; upper bounds only catch what hangs.

mod common;

use std::io::ErrorKind::{TimedOut, WouldBlock};
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{LONG, everywhere, kind, on, on_workers, pair};
use netpoll::net::TcpListener;
use netpoll::thread;

const SHORT: Duration = Duration::from_millis(20);

#[test]
fn a_read_deadline_comes_neither_early_nor_never() {
    everywhere(|| {
        let (mut server, _client) = pair();
        let start = Instant::now();
        server.set_read_deadline(Some(start + SHORT)).unwrap();
        assert_eq!(kind(server.read(&mut [0; 8])), TimedOut);
        assert!(start.elapsed() >= SHORT && start.elapsed() < LONG);
        // It stays expired, and fails also when there is data.
        assert_eq!(kind(server.read(&mut [0; 8])), TimedOut);
    });
}

#[test]
fn an_expired_deadline_fails_before_trying_and_can_be_moved_again() {
    everywhere(|| {
        let (mut server, mut client) = pair();
        client.write_all(b"x").unwrap();
        server
            .set_read_deadline(Some(Instant::now() - SHORT))
            .unwrap();
        assert_eq!(kind(server.read(&mut [0; 8])), TimedOut);
        server
            .set_read_deadline(Some(Instant::now() + LONG))
            .unwrap();
        assert_eq!(server.read(&mut [0; 8]).unwrap(), 1);
        server.set_read_deadline(None).unwrap();
        client.write_all(b"y").unwrap();
        assert_eq!(server.read(&mut [0; 8]).unwrap(), 1);
    });
}

#[test]
fn a_past_deadline_wakes_who_waits() {
    on_workers(|| {
        let (server, _client) = pair();
        let mut clone = server.try_clone().unwrap();
        let reader = thread::spawn(move || kind(clone.read(&mut [0; 8])));
        thread::yield_now();
        server.set_read_deadline(Some(Instant::now())).unwrap();
        assert_eq!(reader.join().unwrap(), TimedOut);
    });
}

#[test]
fn an_earlier_deadline_takes_over_from_a_later_one() {
    on_workers(|| {
        let (server, _client) = pair();
        server
            .set_read_deadline(Some(Instant::now() + LONG * 10))
            .unwrap();
        let mut clone = server.try_clone().unwrap();
        let reader = thread::spawn(move || kind(clone.read(&mut [0; 8])));
        thread::sleep(Duration::from_millis(2));
        let start = Instant::now();
        server.set_read_deadline(Some(start + SHORT)).unwrap();
        assert_eq!(reader.join().unwrap(), TimedOut);
        assert!(start.elapsed() >= SHORT && start.elapsed() < LONG);
    });
}

#[test]
fn a_later_deadline_keeps_who_waits_waiting() {
    on_workers(|| {
        let (server, mut client) = pair();
        server
            .set_read_deadline(Some(Instant::now() + SHORT))
            .unwrap();
        let mut clone = server.try_clone().unwrap();
        let reader = thread::spawn(move || clone.read(&mut [0; 8]));
        server
            .set_read_deadline(Some(Instant::now() + LONG))
            .unwrap();
        thread::sleep(SHORT * 3);
        client.write_all(b"x").unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), 1);
    });
}

#[test]
fn a_cleared_deadline_keeps_who_waits_waiting() {
    on_workers(|| {
        let (server, mut client) = pair();
        server
            .set_read_deadline(Some(Instant::now() + SHORT))
            .unwrap();
        let mut clone = server.try_clone().unwrap();
        let reader = thread::spawn(move || clone.read(&mut [0; 8]));
        server.set_read_deadline(None).unwrap();
        thread::sleep(SHORT * 3);
        client.write_all(b"x").unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), 1);
    });
}

#[test]
fn a_read_timeout_is_of_each_read_and_yields_what_std_yields() {
    everywhere(|| {
        let (mut server, mut client) = pair();
        server.set_read_timeout(Some(SHORT)).unwrap();
        assert_eq!(server.read_timeout().unwrap(), Some(SHORT));
        for _ in 0..2 {
            let start = Instant::now();
            assert_eq!(kind(server.read(&mut [0; 8])), WouldBlock);
            assert!(start.elapsed() >= SHORT && start.elapsed() < LONG);
        }
        client.write_all(b"x").unwrap();
        assert_eq!(server.read(&mut [0; 8]).unwrap(), 1);
        assert_eq!(
            kind(server.set_read_timeout(Some(Duration::ZERO))),
            std::io::ErrorKind::InvalidInput
        );
    });
}

/// Pain 7: what was written before a deadline is not lost count of.
#[test]
fn pain_07_a_write_that_times_out_says_what_it_wrote() {
    everywhere(|| {
        let (mut server, mut client) = pair();
        let bytes: Vec<u8> = (0..16_usize << 20).map(|i| (i % 251) as u8).collect();
        let start = Instant::now();
        server.set_write_deadline(Some(start + SHORT)).unwrap();
        let written = server.write(&bytes).unwrap();
        assert!(start.elapsed() >= SHORT);
        assert!(0 < written && written < bytes.len());
        assert_eq!(kind(server.write(&bytes[written..])), TimedOut);
        drop(server);
        let mut received = Vec::new();
        client.read_to_end(&mut received).unwrap();
        assert!(received == bytes[..written]);
    });
}

#[test]
fn the_directions_have_deadlines_of_their_own() {
    everywhere(|| {
        let (mut server, mut client) = pair();
        server
            .set_write_deadline(Some(Instant::now() - SHORT))
            .unwrap();
        client.write_all(b"x").unwrap();
        assert_eq!(server.read(&mut [0; 8]).unwrap(), 1);
        assert_eq!(kind(server.write(b"x")), TimedOut);
        server.set_deadline(None).unwrap();
        server
            .set_read_deadline(Some(Instant::now() - SHORT))
            .unwrap();
        assert_eq!(server.write(b"y").unwrap(), 1);
        assert_eq!(kind(server.read(&mut [0; 8])), TimedOut);
    });
}

#[test]
fn who_waits_for_its_turn_observes_the_deadline_too() {
    on_workers(|| {
        let (server, _client) = pair();
        let readers: Vec<_> = (0..5)
            .map(|_| {
                let mut clone = server.try_clone().unwrap();
                thread::spawn(move || kind(clone.read(&mut [0; 8])))
            })
            .collect();
        thread::sleep(Duration::from_millis(5));
        server
            .set_read_deadline(Some(Instant::now() + SHORT))
            .unwrap();
        for reader in readers {
            assert_eq!(reader.join().unwrap(), TimedOut);
        }
    });
}

#[test]
fn a_listener_has_a_deadline() {
    everywhere(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let start = Instant::now();
        listener.set_deadline(Some(start + SHORT)).unwrap();
        assert_eq!(kind(listener.accept()), TimedOut);
        assert!(start.elapsed() >= SHORT);
        listener.set_deadline(None).unwrap();
        let address = listener.local_addr().unwrap();
        let client = thread::spawn(move || netpoll::net::TcpStream::connect(address).unwrap());
        listener.accept().unwrap();
        client.join().unwrap();
    });
}

#[test]
fn sleepers_do_not_wake_early() {
    everywhere(|| {
        let start = Instant::now();
        for milliseconds in [0, 1, 5, 20] {
            let length = Duration::from_millis(milliseconds);
            let before = Instant::now();
            thread::sleep(length);
            assert!(before.elapsed() >= length);
        }
        thread::sleep_until(start);
        let later = start + Duration::from_millis(40);
        thread::sleep_until(later);
        assert!(Instant::now() >= later);
    });
}

#[test]
fn sleepers_of_one_worker_wake_in_the_order_of_their_deadlines() {
    on(1, || {
        // On a machine that is busy with other things the first deadline may pass
        // before all sleep; then it is tried again, further away.
        let mut ahead = Duration::from_millis(50);
        loop {
            let start = Instant::now();
            let order = Arc::new(Mutex::new(Vec::new()));
            let began = Arc::new(AtomicUsize::new(0));
            let sleepers = [3, 1, 4, 0, 2].map(|place| {
                let (order, began) = (Arc::clone(&order), Arc::clone(&began));
                thread::spawn(move || {
                    began.fetch_add(1, Ordering::Relaxed);
                    thread::sleep_until(start + ahead + Duration::from_micros(place));
                    order.lock().unwrap().push(place);
                })
            });
            while began.load(Ordering::Relaxed) < sleepers.len() {
                thread::yield_now();
            }
            let in_time = start.elapsed() < ahead;
            for sleeper in sleepers {
                sleeper.join().unwrap();
            }
            if in_time {
                return assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
            }
            ahead *= 2;
            assert!(ahead < LONG);
        }
    });
}

#[test]
fn deadlines_that_are_moved_from_many_tasks_lose_no_wake_up() {
    on_workers(|| {
        let (server, mut client) = pair();
        let stop = Arc::new(AtomicBool::new(false));
        let movers: Vec<_> = (0..4_u64)
            .map(|mover| {
                let (clone, stop) = (server.try_clone().unwrap(), stop.clone());
                thread::spawn(move || {
                    let mut round = 0_u64;
                    while !stop.load(Ordering::Relaxed) {
                        round += 1;
                        let deadline = match (round + mover) % 4 {
                            0 => Some(Instant::now() + Duration::from_micros(round % 300)),
                            1 => None,
                            2 => Some(Instant::now() + LONG),
                            _ => Some(Instant::now()),
                        };
                        clone.set_read_deadline(deadline).unwrap();
                        thread::sleep(Duration::from_micros(50 + round % 100));
                    }
                })
            })
            .collect();
        let mut clone = server.try_clone().unwrap();
        let reader = thread::spawn(move || {
            let (mut received, mut expired) = (0, 0);
            let mut buffer = [0; 64];
            loop {
                match clone.read(&mut buffer) {
                    Ok(0) => return (received, expired),
                    Ok(n) => received += n,
                    Err(error) if error.kind() == TimedOut => {
                        expired += 1;
                        // An expired deadline fails at once, and a task that has
                        // nothing else to do would spin.
                        thread::sleep(Duration::from_micros(20));
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        });
        for _ in 0..1000 {
            client.write_all(b"0123456789").unwrap();
            thread::sleep(Duration::from_micros(100));
        }
        drop(client);
        // While a deadline lies in the past the reader cannot see the end.
        stop.store(true, Ordering::Relaxed);
        for mover in movers {
            mover.join().unwrap();
        }
        server.set_read_deadline(None).unwrap();
        let (received, expired) = reader.join().unwrap();
        assert_eq!(received, 10_000);
        assert!(expired > 0);
    });
}
