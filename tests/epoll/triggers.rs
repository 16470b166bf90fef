//! How often it is reported: level, edge, one-shot, exclusive.

use super::{EDGE, Poll, TOKEN, kind};
use netpoll::epoll::{Epoll, Event, Flags};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

#[test]
fn level_repeats_until_drained() {
    let (mut near, mut far) = UnixStream::pair().unwrap();
    let mut poll = Poll::watching(&near, Flags::IN);
    far.write_all(b"ab").unwrap();
    for _ in 0..3 {
        assert_eq!(poll.seen(), Flags::IN);
    }
    near.read_exact(&mut [0; 1]).unwrap();
    assert_eq!(poll.seen(), Flags::IN);
    near.read_exact(&mut [0; 1]).unwrap();
    poll.assert_silent();
}

#[test]
fn edge_reports_each_arrival_once() {
    let (near, mut far) = UnixStream::pair().unwrap();
    let mut poll = Poll::watching(&near, Flags::IN | EDGE);
    for _ in 0..3 {
        far.write_all(b"x").unwrap();
        assert_eq!(poll.seen(), Flags::IN);
        poll.assert_silent();
    }
}

#[test]
fn edge_reports_what_was_ready_before() {
    let (near, mut far) = UnixStream::pair().unwrap();
    far.write_all(b"x").unwrap();
    let mut poll = Poll::watching(&near, Flags::IN | EDGE);
    assert_eq!(poll.seen(), Flags::IN);
    poll.assert_silent();

    poll.epoll.modify(&near, Flags::IN | EDGE, TOKEN).unwrap();
    assert_eq!(poll.seen(), Flags::IN);
    poll.assert_silent();
}

#[test]
fn one_shot_is_silent_until_armed_again() {
    let (near, mut far) = UnixStream::pair().unwrap();
    for flags in [
        Flags::IN | Flags::ONE_SHOT,
        Flags::IN | Flags::ONE_SHOT | EDGE,
    ] {
        let mut poll = Poll::watching(&near, flags);
        far.write_all(b"x").unwrap();
        assert_eq!(poll.seen(), Flags::IN);
        far.write_all(b"x").unwrap();
        poll.assert_silent();

        poll.epoll.modify(&near, flags, TOKEN).unwrap();
        assert_eq!(poll.seen(), Flags::IN);
        poll.assert_silent();
    }
}

#[test]
fn modify_replaces_flags_and_token() {
    let (near, _far) = UnixStream::pair().unwrap();
    let mut poll = Poll::new();
    poll.epoll.add(&near, Flags::OUT, 1).unwrap();
    poll.epoll.modify(&near, Flags::IN, 2).unwrap();
    poll.assert_silent();
    poll.epoll.modify(&near, Flags::OUT, 3).unwrap();
    let event = Event {
        flags: Flags::OUT,
        token: 3,
    };
    assert_eq!(poll.wait(None), [event]);
}

#[test]
fn exclusive_and_wakeup_are_accepted() {
    let (near, mut far) = UnixStream::pair().unwrap();
    let exclusive = Flags::IN | Flags::EXCLUSIVE;
    let mut poll = Poll::watching(&near, exclusive | EDGE);
    far.write_all(b"x").unwrap();
    assert_eq!(poll.seen(), Flags::IN);

    // Flags it does not go with, and what cannot be done later.
    let other = Epoll::new().unwrap();
    for wrong in [Flags::ONE_SHOT, Flags::PRI, Flags::RDHUP] {
        let result = other.add(&near, exclusive | wrong, 0);
        assert_eq!(kind(result), ErrorKind::InvalidInput);
    }
    let result = poll.epoll.modify(&near, Flags::IN, 0);
    assert_eq!(kind(result), ErrorKind::InvalidInput);
    poll.epoll.delete(&near).unwrap();
    poll.epoll.add(&near, Flags::IN, 0).unwrap();
    let result = poll.epoll.modify(&near, exclusive, 0);
    assert_eq!(kind(result), ErrorKind::InvalidInput);

    let mut poll = Poll::watching(&near, Flags::IN | Flags::WAKEUP);
    assert_eq!(poll.seen(), Flags::IN);
}
