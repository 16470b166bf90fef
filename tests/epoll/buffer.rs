//! The buffer for the events.

use super::{NOW, Poll, TOKEN};
use netpoll::epoll::{Epoll, Event, Events, Flags};
use std::collections::HashSet;
use std::io::{Write, pipe};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

#[test]
fn many_descriptors_grow_the_buffer() {
    const COUNT: u64 = 300;
    let (reader, mut writer) = pipe().unwrap();
    writer.write_all(b"x").unwrap();
    let mut poll = Poll::new();
    poll.events = Events::with_capacity(16);
    let readers: Vec<_> = (0..COUNT)
        .map(|token| {
            let reader = reader.try_clone().unwrap();
            poll.epoll.add(&reader, Flags::IN, token).unwrap();
            reader
        })
        .collect();

    while poll.epoll.wait(&mut poll.events, None).unwrap() == poll.events.capacity() {
        assert!(poll.events.is_full());
        let before: Vec<Event> = poll.events.iter().collect();
        poll.events.grow();
        assert!(poll.events.iter().eq(before));
    }
    assert_eq!(poll.events.capacity(), 512);
    let tokens: HashSet<u64> = poll.events.iter().map(|event| event.token).collect();
    assert_eq!(tokens, (0..COUNT).collect());
    drop(readers);
}

#[test]
fn growing_stops_at_the_maximum_and_keeps_the_events() {
    let (_reader, writer) = pipe().unwrap();
    let mut poll = Poll::watching(&writer, Flags::OUT);
    poll.events = Events::with_capacity(1);
    poll.seen();
    for _ in 0..20 {
        poll.events.grow();
    }
    assert_eq!(poll.events.capacity(), Events::MAX_CAPACITY);
    assert_eq!(poll.events.get(0).unwrap().token, TOKEN);
    assert_eq!(poll.events.get(1), None);
    // The kernel takes a buffer of that size.
    assert_eq!(poll.seen(), Flags::OUT);
    assert_eq!(poll.events.iter().rev().len(), 1);
    poll.events.clear();
    assert!(poll.events.is_empty());
}

#[test]
fn a_small_buffer_starves_nobody() {
    let (a, b) = UnixStream::pair().unwrap();
    let mut poll = Poll::new();
    poll.events = Events::with_capacity(1);
    poll.epoll.add(&a, Flags::OUT, 1).unwrap();
    poll.epoll.add(&b, Flags::OUT, 2).unwrap();
    let tokens: HashSet<u64> = (0..2).map(|_| poll.wait(None)[0].token).collect();
    assert_eq!(tokens, HashSet::from([1, 2]));
}

#[test]
fn an_error_leaves_no_events_of_the_wait_before() {
    let (near, _far) = UnixStream::pair().unwrap();
    let mut poll = Poll::watching(&near, Flags::OUT);
    assert_eq!(poll.seen(), Flags::OUT);
    let wrong = Epoll::from(OwnedFd::from(near));
    assert!(wrong.wait(&mut poll.events, NOW).is_err());
    assert!(poll.events.is_empty());
}
