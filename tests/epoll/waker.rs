//! Wakers.

use super::{Poll, TOKEN};
use netpoll::epoll::{Flags, Waker};
use std::sync::{Arc, mpsc};
use std::thread;

#[test]
fn a_waker_ends_a_wait_from_another_thread() {
    let mut poll = Poll::new();
    let waker = Arc::new(Waker::new(&poll.epoll, TOKEN).unwrap());
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn({
        let waker = Arc::clone(&waker);
        move || {
            for turn in receiver {
                waker.wake().unwrap();
                if turn == 99 {
                    break;
                }
            }
        }
    });
    for turn in 0..100 {
        sender.send(turn).unwrap();
        assert_eq!(poll.seen(), Flags::IN);
    }
    thread.join().unwrap();
    poll.assert_silent();
}

#[test]
fn wakes_coalesce_and_none_is_lost() {
    let mut poll = Poll::new();
    let waker = Waker::new(&poll.epoll, TOKEN).unwrap();
    poll.assert_silent();
    for _ in 0..100 {
        for _ in 0..10 {
            waker.wake().unwrap();
        }
        assert_eq!(poll.seen(), Flags::IN);
        poll.assert_silent();
    }

    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..100).for_each(|_| waker.wake().unwrap()));
        }
    });
    assert_eq!(poll.seen(), Flags::IN);
    poll.assert_silent();
}

#[test]
fn wakers_are_told_apart_and_leave_when_dropped() {
    let mut poll = Poll::new();
    let other = Waker::new(&poll.epoll, 1).unwrap();
    let waker = Waker::new(&poll.epoll, TOKEN).unwrap();
    waker.wake().unwrap();
    assert_eq!(poll.seen(), Flags::IN);

    other.wake().unwrap();
    drop(other);
    poll.assert_silent();

    drop(poll);
    waker.wake().unwrap();
}
