//! UDP beyond std: batches, segments, and what goes with a datagram.

mod common;

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::{LONG, everywhere, in_child, kind, on, on_workers};
use netpoll::io::Closed;
use netpoll::net::{Batch, Ecn, Transmit, UdpSocket};
use netpoll::thread;

/// Two sockets that are each other's peers.
fn pair_at(address: &str) -> (UdpSocket, UdpSocket) {
    let [left, right] = [(); 2].map(|()| UdpSocket::bind(address).unwrap());
    left.connect(right.local_addr().unwrap()).unwrap();
    right.connect(left.local_addr().unwrap()).unwrap();
    for socket in [&left, &right] {
        socket.set_read_timeout(Some(LONG)).unwrap();
        socket.set_write_timeout(Some(LONG)).unwrap();
    }
    (left, right)
}

fn pair() -> (UdpSocket, UdpSocket) {
    pair_at("127.0.0.1:0")
}

/// A datagram whose content depends on its number, some of them without any.
fn datagram(number: usize) -> Vec<u8> {
    (0..number * 37 % 700).map(|i| (i ^ number) as u8).collect()
}

#[test]
fn batches_keep_boundaries_order_and_empty_datagrams() {
    everywhere(|| {
        let (left, right) = pair();
        let mut sent = Batch::new(40, 1000);
        for number in 0..40 {
            sent.push(&datagram(number), &Transmit::to_peer());
        }
        assert!(sent.is_full());
        assert_eq!(left.send_batch(&sent).unwrap(), 40);
        // It can be sent again, and by somebody else.
        assert_eq!(sent.len(), 40);
        let mut came = Batch::new(64, 1000);
        let mut number = 0;
        while number < 40 {
            let count = right.recv_batch(&mut came).unwrap();
            assert_eq!(came.len(), count);
            assert!((1..=32).contains(&count));
            for one in came.iter() {
                assert_eq!(one.bytes(), datagram(number));
                assert!(one.segments().eq([one.bytes()]));
                let received = one.received().unwrap();
                assert_eq!(received.address, left.local_addr().unwrap());
                assert!(!received.is_truncated());
                number += 1;
            }
        }
        assert_eq!(number, 40);
    });
}

#[test]
fn what_does_not_fit_says_so() {
    everywhere(|| {
        let (left, right) = pair();
        for length in [9, 10, 11, 500] {
            left.send(&vec![7; length]).unwrap();
        }
        let mut came = Batch::new(3, 10);
        assert_eq!(right.recv_batch(&mut came).unwrap(), 3);
        let seen: Vec<_> = came
            .iter()
            .map(|one| (one.bytes().len(), one.received().unwrap().full_length))
            .collect();
        assert_eq!(seen, [(9, 9), (10, 10), (10, 11)]);
        let received = right.recv_msg(&mut [0; 10]).unwrap();
        assert!(received.is_truncated());
        assert_eq!((received.length, received.full_length), (10, 500));
        // And one of no bytes fits into no room.
        left.send(b"").unwrap();
        let received = right.recv_msg(&mut []).unwrap();
        assert_eq!((received.length, received.is_truncated()), (0, false));
    });
}

/// (Pain 19: UDP a datagram at a time is slow.) A batch that takes many calls, and more
/// than the sender's buffer, is sent as a whole all the same.
#[test]
fn pain_19_batches_larger_than_the_socket_buffer_are_sent_as_a_whole() {
    on_workers(|| {
        let (left, right) = pair();
        left.set_send_buffer_size(4096).unwrap();
        // So that none is lost, whoever runs first.
        right.set_recv_buffer_size(200 << 10).unwrap();
        let small = |number: usize| vec![number as u8; number % 100];
        let sending = thread::spawn(move || {
            let mut batch = Batch::new(300, 100);
            for number in 0..300 {
                batch.push(&small(number), &Transmit::to_peer());
            }
            left.send_batch(&batch).unwrap()
        });
        let mut came = Batch::new(32, 100);
        let mut number = 0;
        while number < 300 {
            right.recv_batch(&mut came).unwrap();
            for one in came.iter() {
                assert_eq!(one.bytes(), small(number));
                number += 1;
            }
        }
        assert_eq!(sending.join().unwrap(), 300);
    });
}

#[test]
fn a_batch_ends_at_the_datagram_that_cannot_be_sent() {
    everywhere(|| {
        let (left, right) = pair();
        let mut batch = Batch::new(4, 70_000);
        for bytes in [&b"one"[..], b"two", &[0; 70_000], b"four"] {
            batch.push(bytes, &Transmit::to_peer());
        }
        assert_eq!(left.send_batch(&batch).unwrap(), 2);
        // The error belongs to that datagram: what else is sent goes well.
        left.send(b"between").unwrap();
        batch.drop_first(2);
        let error = left.send_batch(&batch).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
        batch.drop_first(1);
        assert_eq!(left.send_batch(&batch).unwrap(), 1);
        batch.drop_first(1);
        assert!(batch.is_empty());
        assert_eq!(left.send_batch(&batch).unwrap(), 0);
        for expected in [&b"one"[..], b"two", b"between", b"four"] {
            let mut buffer = [0; 16];
            let length = right.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], expected);
        }
    });
}

#[test]
fn what_was_received_is_sent_on_from_where_it_lies() {
    everywhere(|| {
        let (left, right) = pair();
        for number in 0..5 {
            left.send(&[number; 3]).unwrap();
        }
        let mut batch = Batch::new(8, 100);
        let mut seen = 0;
        while seen < 5 {
            seen += right.recv_batch(&mut batch).unwrap();
            // Without an address it is not sent.
            assert_eq!(kind(right.send_batch(&batch)), ErrorKind::InvalidInput);
            for mut one in batch.iter_mut() {
                one.bytes()[0] += 10;
            }
            batch.reply();
            assert!(batch.iter().all(|one| one.received().is_none()));
            assert_eq!(right.send_batch(&batch).unwrap(), batch.len());
        }
        for number in 0..5 {
            let mut buffer = [0; 8];
            assert_eq!(left.recv(&mut buffer).unwrap(), 3);
            assert_eq!(buffer[..3], [number + 10, number, number]);
        }
    });
}

fn segments_arrive_as_datagrams() {
    everywhere(|| {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let (left, right) = pair_at(address);
            // A shorter last one; none left over; one segment alone; nothing; and more
            // than the system takes at once.
            for (length, size) in [(2500, 1000), (3000, 1000), (900, 1000), (0, 1000), (200, 2)] {
                let bytes: Vec<u8> = (0..length).map(|i| (i / 7) as u8).collect();
                let sent = left.send_segments(&bytes, size, &Transmit::to_peer());
                assert_eq!(sent.unwrap(), length);
                let mut parts: Vec<_> = bytes.chunks(size).collect();
                if parts.is_empty() {
                    parts.push(&[]);
                }
                for part in parts {
                    let mut buffer = [0; 1500];
                    let came = right.recv(&mut buffer).unwrap();
                    assert_eq!(&buffer[..came], part);
                }
            }
            // Longer than one packet of the interface.
            let bytes = vec![3; 100_000];
            assert_eq!(
                left.send_segments(&bytes, 40_000, &Transmit::to_peer())
                    .unwrap(),
                100_000
            );
            let mut buffer = vec![0; 65536];
            for expected in [40_000, 40_000, 20_000] {
                assert_eq!(right.recv(&mut buffer).unwrap(), expected);
            }
            let nothing = left.send_segments(b"hello", 0, &Transmit::to_peer());
            assert_eq!(kind(nothing), ErrorKind::InvalidInput);
        }
    });
}

#[test]
fn pain_19_segments_arrive_as_datagrams() {
    segments_arrive_as_datagrams();
}

#[test]
fn pain_19_segments_without_the_systems_help() {
    in_child(
        "pain_19_segments_without_the_systems_help",
        &[("NETPOLL_FALLBACK", "udp_segment")],
        segments_arrive_as_datagrams,
    );
}

/// Where the system refuses, `send_msg` says so, and `send_segments` sends anyway.
#[test]
fn refused_segments_are_an_error_or_datagrams() {
    everywhere(|| {
        let (left, right) = pair();
        // 200 segments are more than any kernel takes.
        let how = Transmit::to_peer().segment_size(1);
        assert_eq!(
            kind(left.send_msg(&[1; 200], &how)),
            ErrorKind::InvalidInput
        );
        assert_eq!(left.send_segments(&[1; 200], 1, &how).unwrap(), 200);
        for _ in 0..200 {
            assert_eq!(right.recv(&mut [0; 4]).unwrap(), 1);
        }
    });
}

#[test]
fn joined_datagrams_are_taken_apart_and_sent_back_in_segments() {
    everywhere(|| {
        let (left, right) = pair();
        right.set_gro(true).unwrap();
        assert!(right.gro().unwrap());
        let bytes: Vec<u8> = (0..5300_usize).map(|i| (i / 100) as u8).collect();
        left.send_segments(&bytes, 1000, &Transmit::to_peer())
            .unwrap();
        let mut batch = Batch::new(8, 65535);
        let (mut received, mut joined) = (Vec::new(), 0);
        while received.len() < 6 {
            right.recv_batch(&mut batch).unwrap();
            for one in batch.iter() {
                joined += usize::from(one.received().unwrap().segment_size.is_some());
                received.extend(one.segments().map(<[u8]>::to_vec));
            }
            batch.reply();
            assert_eq!(right.send_batch(&batch).unwrap(), batch.len());
        }
        assert!(received.iter().eq(bytes.chunks(1000)));
        assert!(joined > 0, "the loopback joins what was sent in segments");
        for part in bytes.chunks(1000) {
            let mut buffer = [0; 1500];
            let length = left.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], part);
        }
    });
}

#[test]
fn control_messages_say_how_a_datagram_came() {
    everywhere(|| {
        let loopback = netpoll::net::interfaces()
            .unwrap()
            .into_iter()
            .find(|interface| interface.is_loopback())
            .unwrap()
            .index;
        // The last is a socket of IPv6 that hears from IPv4.
        for (bound, host) in [
            ("0.0.0.0:0", "127.0.0.1"),
            ("[::]:0", "::1"),
            ("[::]:0", "::ffff:127.0.0.1"),
        ] {
            let server = UdpSocket::bind(bound).unwrap();
            server.set_read_timeout(Some(LONG)).unwrap();
            let host: IpAddr = host.parse().unwrap();
            let client = UdpSocket::bind((host, 0)).unwrap();
            let address = SocketAddr::new(host, server.local_addr().unwrap().port());

            client.send_to(b"plain", address).unwrap();
            let came = server.recv_msg(&mut [0; 16]).unwrap();
            assert_eq!(came.address, client.local_addr().unwrap());
            assert_eq!((came.destination, came.interface), (None, None));
            assert_eq!((came.ecn(), came.hop_limit), (None, None));

            server.set_recv_destination(true).unwrap();
            server.set_recv_traffic_class(true).unwrap();
            server.set_recv_hop_limit(true).unwrap();
            let how = Transmit::to(address)
                .traffic_class(0x28)
                .ecn(Ecn::Congested)
                .hop_limit(7);
            client.send_msg(b"marked", &how).unwrap();
            let came = server.recv_msg(&mut [0; 16]).unwrap();
            assert_eq!(came.destination, Some(host), "{bound} {host}");
            assert_eq!(came.interface, Some(loopback));
            assert_eq!(came.traffic_class, Some(0x2b));
            assert_eq!(came.ecn(), Some(Ecn::Congested));
            assert_eq!(came.hop_limit, Some(7));

            // In a batch as well, and to the peer, whose version nobody said.
            client.connect(address).unwrap();
            let mut batch = Batch::new(2, 16);
            let how = Transmit::to_peer().ecn(Ecn::Capable1).hop_limit(9);
            batch.push(b"one", &how);
            batch.push(b"two", &Transmit::to_peer());
            client.send_batch(&batch).unwrap();
            let mut seen = Vec::new();
            while seen.len() < 2 {
                server.recv_batch(&mut batch).unwrap();
                for one in batch.iter() {
                    let came = one.received().unwrap();
                    assert_eq!(came.destination, Some(host));
                    seen.push((came.ecn().unwrap(), came.hop_limit == Some(9)));
                }
            }
            let expected = [(Ecn::Capable1, true), (Ecn::NotCapable, false)];
            assert_eq!(seen, expected);
        }
    });
}

#[test]
fn answers_come_from_where_the_question_went_to() {
    everywhere(|| {
        for (bound, client) in [("0.0.0.0:0", "127.0.0.1:0"), ("[::]:0", "127.0.0.1:0")] {
            let server = UdpSocket::bind(bound).unwrap();
            server.set_recv_destination(true).unwrap();
            let client = UdpSocket::bind(client).unwrap();
            client.set_read_timeout(Some(LONG)).unwrap();
            let elsewhere = Ipv4Addr::new(127, 9, 8, 7);
            let address = (elsewhere, server.local_addr().unwrap().port());
            client.send_to(b"who are you?", address).unwrap();
            let came = server.recv_msg(&mut [0; 16]).unwrap();
            server.send_msg(b"me", &came.reply()).unwrap();
            let (_, answerer) = client.recv_from(&mut [0; 16]).unwrap();
            assert_eq!(answerer, SocketAddr::from(address));
        }
        // An address that this host has not.
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        let how = Transmit::to("127.0.0.1:9".parse().unwrap());
        let from = |ip: &str| socket.send_msg(b"x", &how.source(ip.parse().unwrap()));
        from("127.0.0.1").unwrap();
        assert!(from("198.51.100.77").is_err());
        assert!(from("::1").is_err());
        assert!(socket.send_msg(b"x", &how.interface(999_999)).is_err());
        assert_eq!(
            kind(socket.send_msg(b"x", &how.hop_limit(0))),
            ErrorKind::InvalidInput
        );
    });
}

#[test]
fn groups_are_heard_by_all_who_joined() {
    everywhere(|| {
        let interfaces = netpoll::net::interfaces().unwrap();
        let loopback = interfaces.iter().find(|one| one.is_loopback()).unwrap();
        let group = "239.255.77.1:0".parse().unwrap();
        let first = UdpSocket::bind_multicast(group, Some(loopback.index)).unwrap();
        let group = first.local_addr().unwrap();
        let second = UdpSocket::bind_multicast(group, Some(loopback.index)).unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let how = Transmit::to(group).interface(loopback.index);
        sender.send_msg(b"all of you", &how).unwrap();
        for socket in [&first, &second] {
            socket.set_read_timeout(Some(LONG)).unwrap();
            assert_eq!(socket.recv(&mut [0; 16]).unwrap(), 10);
        }
        let not_a_group = UdpSocket::bind_multicast("127.0.0.1:0".parse().unwrap(), None);
        assert_eq!(kind(not_a_group), ErrorKind::InvalidInput);
    });
}

/// What bounds other operations bounds these.
#[test]
fn deadlines_timeouts_and_close_end_each() {
    everywhere(|| {
        type Receive = fn(&UdpSocket) -> std::io::Result<usize>;
        let receives: [Receive; 2] = [
            |socket| socket.recv_batch(&mut Batch::new(4, 100)),
            |socket| Ok(socket.recv_msg(&mut [0; 16])?.length),
        ];
        for receive in receives {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket
                .set_read_timeout(Some(Duration::from_millis(2)))
                .unwrap();
            assert_eq!(kind(receive(&socket)), ErrorKind::WouldBlock);
            socket.set_read_timeout(None).unwrap();
            socket
                .set_read_deadline(Some(Instant::now() + Duration::from_millis(2)))
                .unwrap();
            assert_eq!(kind(receive(&socket)), ErrorKind::TimedOut);
            socket.set_read_deadline(None).unwrap();
            socket.set_nonblocking(true).unwrap();
            assert_eq!(kind(receive(&socket)), ErrorKind::WouldBlock);
            socket.set_nonblocking(false).unwrap();
            let clone = socket.try_clone().unwrap();
            let waiting = thread::spawn(move || receive(&clone));
            thread::sleep(Duration::from_millis(2));
            socket.close();
            assert!(Closed::is_cause_of(&waiting.join().unwrap().unwrap_err()));
            assert!(Closed::is_cause_of(&receive(&socket).unwrap_err()));
        }
        let (left, _right) = pair();
        let mut batch = Batch::new(1, 10);
        batch.push(b"hello", &Transmit::to_peer());
        left.set_write_deadline(Some(Instant::now())).unwrap();
        assert_eq!(kind(left.send_batch(&batch)), ErrorKind::TimedOut);
        assert_eq!(
            kind(left.send_msg(b"x", &Transmit::to_peer())),
            ErrorKind::TimedOut
        );
        let segments = left.send_segments(b"hello", 2, &Transmit::to_peer());
        assert_eq!(kind(segments), ErrorKind::TimedOut);
        left.set_write_deadline(None).unwrap();
        left.close();
        assert!(Closed::is_cause_of(&left.send_batch(&batch).unwrap_err()));
        let segments = left.send_segments(b"hello", 2, &Transmit::to_peer());
        assert!(Closed::is_cause_of(&segments.unwrap_err()));
    });
}

/// A batch counts as what it is: who receives and sends many datagrams in each call gives
/// way as soon as one who does so one by one.
#[test]
fn who_sends_in_batches_gives_way() {
    on(1, || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to_itself = Transmit::to(socket.local_addr().unwrap());
        let mut batch = Batch::new(32, 10);
        let has_run = Arc::new(AtomicBool::new(false));
        let other = has_run.clone();
        thread::spawn(move || other.store(true, Ordering::Relaxed));
        let mut calls = 0;
        while !has_run.load(Ordering::Relaxed) {
            batch.clear();
            while !batch.is_full() {
                batch.push(b"hello", &to_itself);
            }
            assert_eq!(socket.send_batch(&batch).unwrap(), 32);
            // They are there: nothing waits.
            assert_eq!(socket.recv_batch(&mut batch).unwrap(), 32);
            calls += 2;
        }
        assert!(calls <= 20, "{calls} calls");
    });
}

#[test]
#[should_panic(expected = "the batch is full")]
fn a_full_batch_takes_no_more() {
    let mut batch = Batch::new(1, 10);
    batch.push(b"one", &Transmit::to_peer());
    batch.push(b"two", &Transmit::to_peer());
}
