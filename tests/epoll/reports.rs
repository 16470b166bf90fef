//! What is reported: one test for each flag.

use super::{Poll, kind, tcp_pair};
use netpoll::epoll::Flags;
use rustix::net::SendFlags;
use std::io::{ErrorKind, Read, Write, pipe};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

#[test]
fn in_when_bytes_arrive() {
    let (near, mut far) = tcp_pair();
    let mut poll = Poll::watching(&near, Flags::IN);
    poll.assert_silent();
    far.write_all(b"x").unwrap();
    assert_eq!(poll.seen(), Flags::IN);
}

#[test]
fn in_when_a_connection_can_be_accepted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut poll = Poll::watching(&listener, Flags::IN);
    poll.assert_silent();
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    assert_eq!(poll.seen(), Flags::IN);
}

#[test]
fn out_when_there_is_room() {
    let (mut near, mut far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    let mut poll = Poll::watching(&near, Flags::OUT);
    assert_eq!(poll.seen(), Flags::OUT);

    let mut written = 0;
    loop {
        match near.write(&[0; 4096]) {
            Ok(n) => written += n,
            Err(error) => break assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
    poll.assert_silent();

    far.read_exact(&mut vec![0; written]).unwrap();
    assert_eq!(poll.seen(), Flags::OUT);
}

#[test]
fn pri_when_urgent_data_arrives() {
    let (near, far) = tcp_pair();
    let mut poll = Poll::watching(&near, Flags::PRI);
    poll.assert_silent();
    rustix::net::send(&far, b"!", SendFlags::OOB).unwrap();
    assert_eq!(poll.seen(), Flags::PRI);
}

#[test]
fn rdhup_when_the_peer_half_closes() {
    let (mut near, far) = tcp_pair();
    let mut poll = Poll::watching(&near, Flags::IN | Flags::RDHUP);
    poll.assert_silent();
    far.shutdown(Shutdown::Write).unwrap();
    // Reading returns the end of the stream, hence IN too. No HUP: our
    // direction is open.
    assert_eq!(poll.seen(), Flags::IN | Flags::RDHUP);
    near.write_all(b"still open").unwrap();
}

#[test]
fn hup_unasked_when_both_directions_are_over() {
    let (near, far) = tcp_pair();
    let mut poll = Poll::watching(&near, Flags::RDHUP);
    far.shutdown(Shutdown::Write).unwrap();
    near.shutdown(Shutdown::Write).unwrap();
    assert_eq!(poll.until(Flags::HUP), Flags::RDHUP | Flags::HUP);

    let (reader, writer) = pipe().unwrap();
    let mut poll = Poll::watching(&reader, Flags::empty());
    poll.assert_silent();
    drop(writer);
    assert_eq!(poll.seen(), Flags::HUP);
}

#[test]
fn err_unasked_when_something_broke() {
    let (reader, writer) = pipe().unwrap();
    let mut poll = Poll::watching(&writer, Flags::empty());
    poll.assert_silent();
    drop(reader);
    assert_eq!(poll.seen(), Flags::ERR);

    // Closing with unread input resets the connection.
    let (mut near, far) = tcp_pair();
    let mut poll = Poll::watching(&near, Flags::empty());
    near.write_all(b"unread").unwrap();
    let mut peek = [0];
    far.peek(&mut peek).unwrap();
    drop(far);
    assert_eq!(poll.seen(), Flags::ERR | Flags::HUP);
    assert_eq!(kind(near.read(&mut peek)), ErrorKind::ConnectionReset);
}

#[test]
fn both_directions_come_in_one_event() {
    let (near, mut far) = UnixStream::pair().unwrap();
    let mut poll = Poll::watching(&near, Flags::IN | Flags::OUT);
    far.write_all(b"x").unwrap();
    assert_eq!(poll.seen(), Flags::IN | Flags::OUT);
}
