//! Streams and listeners: what peers do, good and bad.

mod common;

use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, FromRawFd};
use std::time::{Duration, Instant};

use common::{LONG, everywhere, kind, on, on_workers, pair, pair_with_std};
use netpoll::net::{TcpListener, TcpStream};
use netpoll::thread;

/// Sends everything back until the end.
fn echo(mut stream: TcpStream) -> std::io::Result<u64> {
    let mut buffer = [0; 512];
    let mut total = 0;
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(total),
            n => {
                stream.write_all(&buffer[..n])?;
                total += n as u64;
            }
        }
    }
}

/// A listener whose connections are echoed, each by a task.
fn echo_server() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let acceptor = listener.try_clone().unwrap();
    thread::spawn(move || {
        for stream in acceptor.incoming() {
            let stream = stream.unwrap();
            thread::spawn(move || echo(stream));
        }
    });
    listener
}

/// A message that tells which client and which round it belongs to.
fn message(client: usize, round: usize, length: usize) -> Vec<u8> {
    (0..length)
        .map(|i| (client.wrapping_mul(31) ^ round.wrapping_mul(17) ^ i) as u8)
        .collect()
}

#[test]
fn many_clients_get_back_every_byte() {
    on_workers(|| {
        let listener = echo_server();
        let address = listener.local_addr().unwrap();
        let clients: Vec<_> = (0..300)
            .map(|client| {
                thread::spawn(move || {
                    let mut stream = TcpStream::connect(address).unwrap();
                    for round in 0..20 {
                        let sent = message(client, round, 1 + (client + round) % 700);
                        stream.write_all(&sent).unwrap();
                        let mut received = vec![0; sent.len()];
                        stream.read_exact(&mut received).unwrap();
                        assert_eq!(sent, received);
                    }
                })
            })
            .collect();
        for client in clients {
            client.join().unwrap();
        }
        listener.close();
    });
}

#[test]
fn large_messages_pass_in_both_directions_at_once() {
    everywhere(|| {
        let listener = echo_server();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let sent = message(1, 2, 8 << 20);
        let expected = sent.clone();
        let mut writer = stream.try_clone().unwrap();
        let writing = thread::spawn(move || {
            writer.write_all(&sent).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let mut received = Vec::new();
        (&stream).read_to_end(&mut received).unwrap();
        writing.join().unwrap();
        assert!(received == expected);
        listener.close();
    });
}

#[test]
fn a_half_closed_client_gets_its_echo() {
    everywhere(|| {
        let listener = echo_server();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        stream.write_all(b"x").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut received = Vec::new();
        stream.read_to_end(&mut received).unwrap();
        assert_eq!(received, b"x");
        listener.close();
    });
}

#[test]
fn data_and_end_in_one_event() {
    on_workers(|| {
        let (mut server, mut client) = pair_with_std();
        let reader = thread::spawn(move || {
            // The first read is short, and the end came with the same event.
            let mut buffer = [0; 100];
            let first = server.read(&mut buffer).unwrap();
            (first, server.read(&mut buffer).unwrap())
        });
        thread::yield_now();
        client.write_all(b"0123456789").unwrap();
        drop(client);
        assert_eq!(reader.join().unwrap(), (10, 0));
    });
}

#[test]
fn a_peer_that_sends_one_byte_at_a_time() {
    everywhere(|| {
        let (mut server, mut client) = pair_with_std();
        let sender = thread::spawn(move || {
            for byte in 0..=255_u8 {
                client.write_all(&[byte]).unwrap();
                thread::yield_now();
            }
        });
        let mut received = Vec::new();
        let mut buffer = [0; 64];
        while let n @ 1.. = server.read(&mut buffer).unwrap() {
            received.extend_from_slice(&buffer[..n]);
        }
        sender.join().unwrap();
        assert!(received.iter().copied().eq(0..=255));
    });
}

#[test]
fn a_peer_that_never_reads_stops_the_writer_and_nobody_else() {
    on_workers(|| {
        let (mut server, client) = pair_with_std();
        let writer = thread::spawn(move || {
            let mut written = 0;
            server
                .set_write_timeout(Some(Duration::from_millis(300)))
                .unwrap();
            loop {
                match server.write(&[7; 100_000]) {
                    Ok(n) => written += n,
                    Err(error) => return (written, error.kind()),
                }
            }
        });
        // Meanwhile others are served.
        let listener = echo_server();
        for _ in 0..50 {
            let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            stream.write_all(b"ping").unwrap();
            let mut reply = [0; 4];
            stream.read_exact(&mut reply).unwrap();
        }
        listener.close();
        let (written, kind) = writer.join().unwrap();
        assert_eq!(kind, std::io::ErrorKind::WouldBlock);
        // What was counted as written is what arrives.
        let mut client = client;
        let mut received = 0;
        let mut buffer = vec![0; 100_000];
        while let n @ 1.. = client.read(&mut buffer).unwrap() {
            received += n;
        }
        assert_eq!(received, written);
    });
}

/// Makes closing send a reset instead of an end.
fn reset_on_close(stream: &std::net::TcpStream) {
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    // SAFETY: the descriptor is open, and the option is read from a whole `linger`.
    let result = unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size_of_val(&linger) as libc::socklen_t,
        )
    };
    assert_eq!(result, 0);
}

#[test]
fn a_reset_wakes_a_parked_reader_and_a_parked_writer() {
    on_workers(|| {
        let (mut server, client) = pair_with_std();
        let mut clone = server.try_clone().unwrap();
        let reader = thread::spawn(move || clone.read(&mut [0; 16]));
        let writer = thread::spawn(move || {
            loop {
                if let Err(error) = server.write(&[7; 1 << 20]) {
                    return error.kind();
                }
            }
        });
        // Long enough that both are parked more often than not; right in any case.
        thread::sleep(Duration::from_millis(10));
        reset_on_close(&client);
        drop(client);
        // The kernel reports a reset once, to whoever comes first; the other finds
        // the connection ended.
        use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
        let read = reader.join().unwrap().map_err(|error| error.kind());
        let written = writer.join().unwrap();
        assert!(
            matches!(
                (read, written),
                (Err(ConnectionReset), BrokenPipe) | (Ok(0), ConnectionReset)
            ),
            "{read:?} {written:?}"
        );
    });
}

fn send_urgent(stream: &std::net::TcpStream, byte: u8) {
    // SAFETY: one byte is read from a valid place.
    let sent = unsafe {
        libc::send(
            stream.as_raw_fd(),
            (&raw const byte).cast(),
            1,
            libc::MSG_OOB,
        )
    };
    assert_eq!(sent, 1);
}

/// Urgent data splits a read: the first is short although more is there, and no
/// event follows. (Pain 23: a peer can hang runtimes that take a short read as
/// proof that the socket is drained.)
#[test]
fn pain_23_urgent_data_in_the_middle_of_a_stream() {
    on_workers(|| {
        for parked_first in [false, true] {
            let (mut server, mut client) = pair_with_std();
            server.set_read_timeout(Some(LONG)).unwrap();
            let (go, gone) = std::sync::mpsc::channel();
            let reader = move || {
                if parked_first {
                    server.read_exact(&mut [0; 3]).unwrap();
                }
                // All segments are queued before the first read of the rest; the
                // worker sees them in one event.
                gone.recv().unwrap();
                let mut received = Vec::new();
                let mut buffer = [0; 4096];
                while received.len() < 20 {
                    let n = server.read(&mut buffer).unwrap();
                    assert_ne!(n, 0);
                    received.extend_from_slice(&buffer[..n]);
                }
                received
            };
            let reader = thread::spawn(reader);
            if parked_first {
                client.write_all(b"abc").unwrap();
            }
            client.write_all(b"0123456789").unwrap();
            send_urgent(&client, b'!');
            client.write_all(b"0123456789").unwrap();
            go.send(()).unwrap();
            assert_eq!(reader.join().unwrap(), b"01234567890123456789");
        }
    });
}

/// As above, with the urgent byte arriving while the reader is parked.
#[test]
fn urgent_data_while_parked() {
    on_workers(|| {
        let (mut server, mut client) = pair_with_std();
        server.set_read_timeout(Some(LONG)).unwrap();
        let reader = thread::spawn(move || {
            // An urgent byte that the next one overtakes becomes an ordinary one.
            let mut received = 0;
            let mut buffer = [0; 4096];
            while let n @ 1.. = server.read(&mut buffer).unwrap() {
                received += buffer[..n].iter().filter(|byte| **byte != b'!').count();
            }
            received
        });
        for _ in 0..200 {
            client.write_all(b"0123456789").unwrap();
            send_urgent(&client, b'!');
            client.write_all(b"0123456789").unwrap();
            thread::yield_now();
        }
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(reader.join().unwrap(), 4000);
    });
}

#[test]
fn a_peek_takes_nothing_and_clears_nothing() {
    everywhere(|| {
        let (server, mut client) = pair_with_std();
        client.write_all(b"0123456789").unwrap();
        server.set_read_timeout(Some(LONG)).unwrap();
        let mut buffer = [0; 4];
        assert_eq!(server.peek(&mut [0; 64]).unwrap(), 10);
        assert_eq!(server.peek(&mut buffer).unwrap(), 4);
        for expected in [*b"0123", *b"4567"] {
            (&server).read_exact(&mut buffer).unwrap();
            assert_eq!(buffer, expected);
        }
        assert_eq!((&server).read(&mut buffer).unwrap(), 2);
    });
}

#[test]
fn empty_reads_and_writes_return_at_once() {
    everywhere(|| {
        let (mut server, _client) = pair();
        assert_eq!(server.read(&mut []).unwrap(), 0);
        assert_eq!(server.peek(&mut []).unwrap(), 0);
        assert_eq!(server.write(&[]).unwrap(), 0);
    });
}

#[test]
fn refused_and_silent_addresses() {
    everywhere(|| {
        assert_eq!(
            kind(TcpStream::connect("127.0.0.1:1")),
            std::io::ErrorKind::ConnectionRefused
        );

        // A full backlog is silent: the kernel drops what asks for a connection.
        let full = socket_with_backlog_one();
        let address = full.local_addr().unwrap();
        let mut held = Vec::new();
        let start = Instant::now();
        let timeout = Duration::from_millis(50);
        loop {
            assert!(start.elapsed() < LONG, "the backlog never fills");
            match TcpStream::connect_timeout(&address, timeout) {
                Ok(stream) => held.push(stream),
                Err(error) => {
                    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
                    break;
                }
            }
        }
        assert!(start.elapsed() >= timeout);
    });
}

fn socket_with_backlog_one() -> std::net::TcpListener {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    // SAFETY: the descriptor is open; listening again only changes the backlog.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 1) }, 0);
    listener
}

#[test]
fn several_addresses_are_tried_in_turn() {
    everywhere(|| {
        let refused = TcpListener::bind("127.0.0.1:0").unwrap();
        let gone = refused.local_addr().unwrap();
        drop(refused);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let there = listener.local_addr().unwrap();
        let stream = TcpStream::connect(&[gone, there][..]).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), there);
        assert_eq!(
            kind(TcpStream::connect(&[][..])),
            std::io::ErrorKind::InvalidInput
        );
    });
}

#[test]
fn nonblocking_mode_never_waits() {
    everywhere(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        assert_eq!(kind(listener.accept()), std::io::ErrorKind::WouldBlock);
        let (mut server, mut client) = pair();
        server.set_nonblocking(true).unwrap();
        assert_eq!(
            kind(server.read(&mut [0; 8])),
            std::io::ErrorKind::WouldBlock
        );
        client.write_all(b"x").unwrap();
        common::until("the byte is there", || server.peek(&mut [0; 8]).is_ok());
        assert_eq!(server.read(&mut [0; 8]).unwrap(), 1);
        assert_eq!(
            kind(server.read(&mut [0; 8])),
            std::io::ErrorKind::WouldBlock
        );
    });
}

/// Streams are in blocking mode for whoever gets the descriptor, and still never
/// block the worker.
#[test]
fn a_duplicate_of_the_descriptor_blocks_as_its_owner_expects() {
    on(1, || {
        let (server, mut client) = pair();
        // SAFETY: the duplicate is a new descriptor that nobody else owns.
        let mut duplicate =
            unsafe { std::net::TcpStream::from_raw_fd(libc::dup(server.as_raw_fd())) };
        let other = std::thread::spawn(move || {
            let mut byte = [0];
            duplicate.read_exact(&mut byte).map(|()| byte)
        });
        thread::sleep(Duration::from_millis(5));
        client.write_all(b"x").unwrap();
        assert_eq!(other.join().unwrap().unwrap(), *b"x");
    });
}

#[test]
fn several_readers_take_turns_and_none_is_forgotten() {
    on_workers(|| {
        let (server, mut client) = pair();
        let readers: Vec<_> = (0..10)
            .map(|_| {
                let mut clone = server.try_clone().unwrap();
                thread::spawn(move || {
                    let mut got = 0;
                    let mut byte = [0];
                    while clone.read(&mut byte).unwrap() == 1 {
                        got += 1;
                    }
                    got
                })
            })
            .collect();
        for _ in 0..1000 {
            client.write_all(b"x").unwrap();
        }
        client.shutdown(Shutdown::Write).unwrap();
        let total: usize = readers
            .into_iter()
            .map(|reader| reader.join().unwrap())
            .sum();
        assert_eq!(total, 1000);
    });
}

#[test]
fn concurrent_writes_do_not_mix() {
    on_workers(|| {
        let (server, mut client) = pair();
        let length = 1 << 20;
        let writers: Vec<_> = (0..4_u8)
            .map(|byte| {
                let mut clone = server.try_clone().unwrap();
                thread::spawn(move || clone.write_all(&vec![byte; length]).unwrap())
            })
            .collect();
        let mut received = vec![0; 4 * length];
        client.read_exact(&mut received).unwrap();
        for writer in writers {
            writer.join().unwrap();
        }
        for part in received.chunks(length) {
            assert!(part.iter().all(|byte| *byte == part[0]));
        }
    });
}

#[test]
fn debug_text_is_that_of_std() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let fd = listener.as_raw_fd();
    assert_eq!(
        format!("{listener:?}"),
        format!("TcpListener {{ addr: {address}, fd: {fd} }}")
    );
    let stream = TcpStream::connect(address).unwrap();
    let (local, fd) = (stream.local_addr().unwrap(), stream.as_raw_fd());
    assert_eq!(
        format!("{stream:?}"),
        format!("TcpStream {{ addr: {local}, peer: {address}, fd: {fd} }}")
    );
}

/// One call takes many buffers: who writes a header and a body at once, and never again,
/// loses nothing.
#[test]
fn many_buffers_at_once() {
    everywhere(|| {
        let (mut there, mut here) = pair();
        let parts: Vec<Vec<u8>> = (0..900u32)
            .map(|part| vec![part as u8; part as usize % 700])
            .collect();
        let whole = parts.concat();
        let reader = thread::spawn(move || {
            let mut received = Vec::new();
            let (mut none, mut short, mut long) = ([0; 0], [0; 100], [0; 5000]);
            loop {
                let mut buffers = [&mut none[..], &mut short, &mut long].map(IoSliceMut::new);
                match there.read_vectored(&mut buffers).unwrap() {
                    0 => return received,
                    n => {
                        received.extend_from_slice(&short[..n.min(100)]);
                        received.extend_from_slice(&long[..n.saturating_sub(100)]);
                    }
                }
            }
        });
        let slices: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
        assert_eq!(here.write_vectored(&slices).unwrap(), whole.len());
        assert_eq!(here.write_vectored(&[]).unwrap(), 0);
        here.shutdown(Shutdown::Write).unwrap();
        assert!(reader.join().unwrap() == whole);
    });
}
