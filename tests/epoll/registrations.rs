//! Tokens, registrations, and what is refused.

use super::{NOW, Poll, TOKEN, kind};
use netpoll::epoll::{Epoll, Events, Flags, Iter, Waker};
use std::hash::{BuildHasher, RandomState};
use std::io::{ErrorKind, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

#[test]
fn tokens_come_back_untouched() {
    let (near, _far) = UnixStream::pair().unwrap();
    let mut poll = Poll::new();
    poll.epoll.add(&near, Flags::OUT, 0).unwrap();
    let random = RandomState::new();
    let tokens = [0, u64::MAX, 1, 1 << 63, u64::from(u32::MAX), !0 << 32];
    for token in tokens
        .into_iter()
        .chain((0..1000).map(|i| random.hash_one(i)))
    {
        poll.epoll.modify(&near, Flags::OUT, token).unwrap();
        assert_eq!(poll.wait(None)[0].token, token);
    }
}

#[test]
fn delete_ends_it_and_add_begins_anew() {
    let (near, mut far) = UnixStream::pair().unwrap();
    let mut poll = Poll::watching(&near, Flags::IN);
    far.write_all(b"x").unwrap();
    poll.epoll.delete(&near).unwrap();
    poll.assert_silent();

    let epoll = &poll.epoll;
    assert_eq!(kind(epoll.delete(&near)), ErrorKind::NotFound);
    let result = epoll.modify(&near, Flags::IN, 0);
    assert_eq!(kind(result), ErrorKind::NotFound);

    epoll.add(&near, Flags::IN, TOKEN).unwrap();
    assert_eq!(poll.seen(), Flags::IN);
}

#[test]
fn adding_twice_is_refused_unless_it_is_a_duplicate() {
    let (near, _far) = UnixStream::pair().unwrap();
    let mut poll = Poll::watching(&near, Flags::OUT);
    let result = poll.epoll.add(&near, Flags::IN, 0);
    assert_eq!(kind(result), ErrorKind::AlreadyExists);
    assert_eq!(poll.seen(), Flags::OUT);

    let duplicate = near.try_clone().unwrap();
    poll.epoll.add(&duplicate, Flags::OUT, 0).unwrap();
    assert_eq!(poll.wait(None).len(), 2);
}

#[test]
fn closing_the_last_duplicate_ends_the_registration() {
    let (near, mut far) = UnixStream::pair().unwrap();
    let mut poll = Poll::watching(&near, Flags::IN);
    far.write_all(b"x").unwrap();
    assert_eq!(poll.seen(), Flags::IN);

    let duplicate = near.try_clone().unwrap();
    drop(near);
    assert_eq!(poll.seen(), Flags::IN);
    drop(duplicate);
    poll.assert_silent();
}

#[test]
fn what_cannot_be_waited_for_is_refused() {
    let epoll = Epoll::new().unwrap();
    let file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
    let result = epoll.add(&file, Flags::IN, 0);
    assert_eq!(kind(result), ErrorKind::PermissionDenied);

    let result = epoll.add(&epoll, Flags::IN, 0);
    assert_eq!(kind(result), ErrorKind::InvalidInput);

    let other = Epoll::new().unwrap();
    epoll.add(&other, Flags::IN, 0).unwrap();
    let error = other.add(&epoll, Flags::IN, 0).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ELOOP));
}

#[test]
fn instances_nest() {
    let (near, mut far) = UnixStream::pair().unwrap();
    let inner = Poll::watching(&near, Flags::IN);
    let mut outer = Poll::watching(&inner.epoll, Flags::IN);
    outer.assert_silent();
    far.write_all(b"x").unwrap();
    assert_eq!(outer.seen(), Flags::IN);
}

#[test]
fn converts_to_and_from_its_descriptor() {
    fn assert_shareable<T: Send + Sync>() {}
    assert_shareable::<Epoll>();
    assert_shareable::<Waker>();
    assert_shareable::<Events>();
    assert_shareable::<Iter<'_>>();

    let epoll = Epoll::new().unwrap();
    let number = epoll.as_raw_fd();
    assert!(format!("{epoll:?}").contains(&number.to_string()));
    let fd = OwnedFd::from(epoll);
    assert_eq!(fd.as_raw_fd(), number);
    let flags = rustix::io::fcntl_getfd(&fd).unwrap();
    assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));

    let (near, far) = UnixStream::pair().unwrap();
    let epoll = Epoll::from(fd);
    epoll.add(&near, Flags::OUT, 0).unwrap();
    assert_eq!(epoll.wait(&mut Events::new(), None).unwrap(), 1);

    let wrong = Epoll::from(OwnedFd::from(far));
    let result = wrong.add(&near, Flags::OUT, 0);
    assert_eq!(kind(result), ErrorKind::InvalidInput);
    let result = wrong.wait(&mut Events::new(), NOW);
    assert_eq!(kind(result), ErrorKind::InvalidInput);
}
