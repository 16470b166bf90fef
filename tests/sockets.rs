//! Sockets beyond what std has: several buffers in one call, readiness without a
//! buffer, options; and what a port of std's code relies on.

mod common;

use std::io::{self, BufRead, BufReader, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use common::{LONG, everywhere, kind, on, on_workers, pair, until};
use netpoll::io::Closed;
use netpoll::net::{KeepAlive, Shutdown, TcpListener, TcpStream, UdpSocket};
use netpoll::os::linux::net::TcpStreamExt;
use netpoll::os::unix::net::UnixStream;
use netpoll::thread;
use rustix::net::RecvFlags;

/// The byte at a place of a long text that does not repeat soon.
fn byte_at(place: usize) -> u8 {
    (place ^ (place >> 8) ^ (place >> 16)) as u8
}

/// Writes a long text in slices of many lengths, the empty ones included, and reads it
/// slowly. Every byte arrives, in order.
fn a_slow_reader_gets_every_byte(
    mut writer: impl Write + Send + 'static,
    mut reader: impl Read,
) -> io::Result<()> {
    const LENGTH: usize = 1 << 20;
    let writing = thread::spawn(move || -> io::Result<usize> {
        let text: Vec<u8> = (0..LENGTH).map(byte_at).collect();
        let (mut at, mut calls, mut length) = (0, 0, 0);
        while at < LENGTH {
            let mut slices = Vec::new();
            let mut end = at;
            for _ in 0..300 {
                length = (length * 7 + 13) % 2000;
                let next = (end + length).min(LENGTH);
                slices.push(IoSlice::new(&text[end..next]));
                slices.push(IoSlice::new(&[]));
                end = next;
            }
            // All of it, as a blocking socket does.
            assert_eq!(writer.write_vectored(&slices)?, end - at);
            at = end;
            calls += 1;
        }
        Ok(calls)
    });
    let mut at = 0;
    let (mut first, mut second) = ([0; 700], [0; 3000]);
    loop {
        let mut buffers = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        let n = reader.read_vectored(&mut buffers)?;
        if n == 0 {
            break;
        }
        for byte in first.iter().chain(&second).take(n) {
            assert_eq!(*byte, byte_at(at));
            at += 1;
        }
        thread::yield_now();
    }
    assert_eq!(at, LENGTH);
    assert!(writing.join().unwrap()? < 10, "the calls were large");
    Ok(())
}

#[test]
fn vectored_writes_that_do_not_fit_keep_their_order() {
    everywhere(|| {
        let (server, client) = pair();
        server.set_send_buffer_size(4096).unwrap();
        a_slow_reader_gets_every_byte(server, client).unwrap();
        let (left, right) = UnixStream::pair().unwrap();
        left.set_send_buffer_size(4096).unwrap();
        a_slow_reader_gets_every_byte(left, right).unwrap();
    });
}

/// A short vectored read has drained the socket, and the next one still sees what
/// comes, and the end.
#[test]
fn vectored_reads_wait_and_see_the_end() {
    on_workers(|| {
        let (server, mut client) = pair();
        server.set_read_timeout(Some(LONG)).unwrap();
        let reading = thread::spawn(move || {
            let mut lengths = Vec::new();
            loop {
                let (mut first, mut second) = ([0; 3], [0; 100]);
                let mut buffers = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
                match (&server).read_vectored(&mut buffers).unwrap() {
                    0 => return lengths,
                    n => lengths.push(n),
                }
            }
        });
        for _ in 0..20 {
            client.write_all(b"0123456").unwrap();
            thread::yield_now();
        }
        client.shutdown(Shutdown::Write).unwrap();
        let lengths = reading.join().unwrap();
        assert_eq!(lengths.iter().sum::<usize>(), 140);
    });
}

/// (Pain 3: a connection that waits for a request need hold no buffer.)
#[test]
fn pain_03_waiting_for_a_request_holds_no_buffer() {
    everywhere(|| {
        let (mut server, mut client) = pair();
        server.set_read_timeout(Some(LONG)).unwrap();
        let sending = thread::spawn(move || {
            for _ in 0..100 {
                client.write_all(b"ping").unwrap();
                client.wait_readable().unwrap();
                assert_eq!(client.read(&mut [0; 8]).unwrap(), 4);
            }
        });
        for _ in 0..100 {
            server.wait_readable().unwrap();
            // Readable stays readable, until somebody reads.
            server.wait_readable().unwrap();
            let mut buffer = vec![0; 64];
            assert_eq!(server.read(&mut buffer).unwrap(), 4);
            server.wait_writable().unwrap();
            server.write_all(&buffer[..4]).unwrap();
        }
        sending.join().unwrap();
        // The end is something to read.
        server.wait_readable().unwrap();
        assert_eq!(server.read(&mut [0; 8]).unwrap(), 0);
    });
}

#[test]
fn who_waits_for_readiness_and_who_reads_do_not_disturb_each_other() {
    on_workers(|| {
        let (server, mut client) = pair();
        server.set_read_timeout(Some(LONG)).unwrap();
        let watchers: Vec<_> = (0..4)
            .map(|_| {
                let clone = server.try_clone().unwrap();
                thread::spawn(move || {
                    while clone.wait_readable().is_ok() {
                        thread::yield_now();
                    }
                })
            })
            .collect();
        let mut reader = server.try_clone().unwrap();
        let reading = thread::spawn(move || {
            let mut received = 0;
            let mut buffer = [0; 16];
            while received < 5000 {
                received += reader.read(&mut buffer).unwrap();
            }
        });
        for _ in 0..1000 {
            client.write_all(b"01234").unwrap();
            thread::yield_now();
        }
        reading.join().unwrap();
        server.close();
        for watcher in watchers {
            watcher.join().unwrap();
        }
    });
}

/// A system call of one's own, and the wait for it. In non-blocking mode too: the wait
/// was asked for.
#[test]
fn a_system_call_of_ones_own() {
    everywhere(|| {
        for nonblocking in [false, true] {
            let (server, mut client) = pair();
            server.set_nonblocking(nonblocking).unwrap();
            let sending = thread::spawn(move || {
                thread::sleep(Duration::from_millis(1));
                client.write_all(b"hello").unwrap();
                client
            });
            let mut buffer = [0; 16];
            let received = loop {
                match rustix::net::recv(server.as_fd(), &mut buffer[..], RecvFlags::DONTWAIT) {
                    Ok((_, received)) => break received,
                    Err(rustix::io::Errno::AGAIN) => server.wait_readable().unwrap(),
                    Err(error) => panic!("{error}"),
                }
            };
            assert_eq!(received, 5);
            drop(sending.join().unwrap());
        }
    });
}

/// (Pain 8: half-close taken for a hang-up; send-then-close loses data.)
#[test]
fn pain_08_half_close_is_no_hang_up_and_closing_loses_nothing() {
    fn check(
        mut asker: impl Read + Write,
        mut answerer: impl Read + Write + Send + 'static,
        end: impl Fn(),
    ) {
        let answering = thread::spawn(move || {
            let mut question = Vec::new();
            answerer.read_to_end(&mut question).unwrap();
            // The other direction is open, for more than fits into the socket.
            answerer.write_all(&vec![question[0]; 1 << 20]).unwrap();
        });
        asker.write_all(&[42; 1000]).unwrap();
        end();
        let mut answer = Vec::new();
        asker.read_to_end(&mut answer).unwrap();
        assert_eq!(answer.len(), 1 << 20);
        assert!(answer.iter().all(|byte| *byte == 42));
        answering.join().unwrap();
    }
    everywhere(|| {
        let (server, client) = pair();
        check(&client, server, || {
            client.shutdown(Shutdown::Write).unwrap()
        });
        let (left, right) = UnixStream::pair().unwrap();
        check(&left, right, || left.shutdown(Shutdown::Write).unwrap());
        // Sent, then closed at once.
        for by_close in [true, false] {
            let (mut server, mut client) = pair();
            client.write_all(&[7; 50_000]).unwrap();
            if by_close {
                client.close();
            }
            drop(client);
            let mut received = Vec::new();
            server.read_to_end(&mut received).unwrap();
            assert_eq!(received.len(), 50_000);
        }
    });
}

/// (Pain 7, beyond streams: a timeout of one datagram loses none.)
#[test]
fn pain_07_a_timeout_takes_no_datagram_away() {
    everywhere(|| {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.connect(receiver.local_addr().unwrap()).unwrap();
        receiver
            .set_read_timeout(Some(Duration::from_millis(1)))
            .unwrap();
        let sending = thread::spawn(move || {
            for number in 0..50_u8 {
                sender.send(&[number]).unwrap();
                thread::sleep(Duration::from_millis(1));
            }
        });
        let start = Instant::now();
        let mut expected = 0;
        while expected < 50 {
            assert!(start.elapsed() < LONG);
            let mut byte = [0; 4];
            match receiver.recv(&mut byte) {
                Ok(length) => {
                    assert_eq!((length, byte[0]), (1, expected));
                    expected += 1;
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        sending.join().unwrap();
    });
}

/// (Pain 18: socket options need another crate.)
#[test]
fn pain_18_socket_options_need_no_other_crate() {
    everywhere(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_recv_buffer_size(20_000).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        // The kernel doubles what it is asked for; connections have it from the listener.
        assert_eq!(server.recv_buffer_size().unwrap(), 40_000);
        client.set_send_buffer_size(30_000).unwrap();
        assert_eq!(client.send_buffer_size().unwrap(), 60_000);

        assert_eq!(client.keepalive().unwrap(), None);
        let keepalive = KeepAlive {
            idle: Duration::from_millis(30_500),
            interval: Duration::from_secs(5),
            count: 3,
        };
        client.set_keepalive(Some(keepalive)).unwrap();
        let rounded = KeepAlive {
            idle: Duration::from_secs(31),
            ..keepalive
        };
        assert_eq!(client.keepalive().unwrap(), Some(rounded));
        client.set_keepalive(None).unwrap();
        assert_eq!(client.keepalive().unwrap(), None);
        for wrong in [
            KeepAlive {
                idle: Duration::ZERO,
                ..keepalive
            },
            KeepAlive {
                interval: Duration::from_secs(1 << 40),
                ..keepalive
            },
            KeepAlive {
                count: 1000,
                ..keepalive
            },
        ] {
            let refused = client.set_keepalive(Some(wrong));
            assert_eq!(kind(refused), ErrorKind::InvalidInput);
        }

        client.set_quickack(true).unwrap();
        assert!(client.quickack().unwrap());
        assert_eq!(client.linger().unwrap(), None);
        client.set_linger(Some(Duration::ZERO)).unwrap();
        assert_eq!(client.linger().unwrap(), Some(Duration::ZERO));
        // Closing resets now.
        drop(client);
        until("the reset is there", || {
            server
                .take_error()
                .unwrap()
                .is_some_and(|error| error.kind() == ErrorKind::ConnectionReset)
        });
        server.close();
        assert!(Closed::is_cause_of(&server.set_nodelay(true).unwrap_err()));
        assert!(Closed::is_cause_of(
            &server.set_nonblocking(true).unwrap_err()
        ));
    });
}

/// A protocol as one writes it on std: generic, borrowed buffers, no colour.
fn shout<S: Read + Write>(stream: S) -> io::Result<usize>
where
    for<'a> &'a S: Read + Write,
{
    let mut lines = 0;
    let mut reader = BufReader::new(&stream);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 {
        write!(&stream, "{}", line.to_uppercase())?;
        line.clear();
        lines += 1;
    }
    Ok(lines)
}

/// (Pain 21: coloured or owned-buffer signatures.)
#[test]
fn pain_21_code_written_for_std_is_used_unchanged() {
    fn check<S>(server: S, mut client: impl Read + Write, end: impl Fn())
    where
        S: Read + Write + Send + 'static,
        for<'a> &'a S: Read + Write,
    {
        let serving = thread::spawn(move || shout(server));
        client.write_all(b"one\ntwo\nthree\n").unwrap();
        end();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "ONE\nTWO\nTHREE\n");
        assert_eq!(serving.join().unwrap().unwrap(), 3);
    }
    everywhere(|| {
        let (server, client) = pair();
        check(server, &client, || {
            client.shutdown(Shutdown::Write).unwrap()
        });
        let (left, right) = UnixStream::pair().unwrap();
        check(left, &right, || right.shutdown(Shutdown::Write).unwrap());
    });
    // With std's own socket at the other end, which blocks the thread that it is on.
    let (server, client) = common::pair_with_std();
    check(server, &client, || {
        client.shutdown(Shutdown::Write).unwrap()
    });
}

#[test]
fn many_udp_clients_get_their_answers() {
    on_workers(|| {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        let clone = server.try_clone().unwrap();
        let serving = thread::spawn(move || {
            let mut buffer = [0; 64];
            loop {
                match clone.recv_from(&mut buffer) {
                    Ok((length, client)) => {
                        clone.send_to(&buffer[..length], client).unwrap();
                    }
                    Err(error) => return Closed::is_cause_of(&error),
                }
            }
        });
        let clients: Vec<_> = (0..20_u8)
            .map(|client| {
                thread::spawn(move || {
                    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                    socket.connect(address).unwrap();
                    socket.set_read_timeout(Some(LONG)).unwrap();
                    for round in 0..50 {
                        let mut reply = [0; 8];
                        socket.send(&[client, round]).unwrap();
                        assert_eq!(socket.recv(&mut reply).unwrap(), 2);
                        assert_eq!(reply[..2], [client, round]);
                    }
                })
            })
            .collect();
        for client in clients {
            client.join().unwrap();
        }
        server.close();
        assert!(serving.join().unwrap());
    });
}

/// An empty datagram is not the end, on a task that waits either.
#[test]
fn empty_udp_datagrams_are_datagrams() {
    on_workers(|| {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.connect(receiver.local_addr().unwrap()).unwrap();
        let receiving = thread::spawn(move || {
            let mut buffer = [0; 8];
            [(); 3].map(|()| receiver.recv_from(&mut buffer).unwrap().0)
        });
        thread::sleep(Duration::from_millis(1));
        for datagram in [&b""[..], b"", b"abc"] {
            sender.send(datagram).unwrap();
        }
        assert_eq!(receiving.join().unwrap(), [0, 0, 3]);
    });
}

/// What a vectored write costs: one call, however many slices.
#[test]
fn several_slices_go_out_in_one_piece() {
    on(1, || {
        let (left, mut right) = UnixStream::pair().unwrap();
        let slices = vec![IoSlice::new(b"0123456789"); 100];
        let writing = thread::spawn(move || (&left).write_vectored(&slices).map(|n| (n, left)));
        // Other tasks run only when this one waits: what is there came from one call.
        right.wait_readable().unwrap();
        assert_eq!(right.read(&mut [0; 4096]).unwrap(), 1000);
        assert_eq!(writing.join().unwrap().unwrap().0, 1000);
    });
}
