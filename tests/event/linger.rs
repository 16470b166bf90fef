//! Closing while the peer is still sending.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use netpoll::buf::LinkBuffer;
use netpoll::event::{Connection, EventLoop, Handler, Next, Options};
use netpoll::net::{Dialer, TcpStream};
use netpoll::os::unix::net::UnixStream;
use netpoll::thread;

use crate::common::{LONG, on, on_workers, until};
use crate::support::{Server, rest};

/// Reads a little, answers with much, and closes.
fn answering(reply: usize) -> impl Fn(&mut Connection) -> std::io::Result<Next> {
    move |connection| {
        connection.reader().skip(1)?;
        connection.writer().write_binary(&vec![b'x'; reply]);
        Ok(Next::Close)
    }
}

fn there<H: Handler>(server: &Server<H>) -> usize {
    server.event_loop.metrics().connections.iter().sum()
}

/// A peer that takes its reply in small pieces, so that the last of them are on their way
/// when the server closes.
fn slow(server: &Server<impl Handler>) -> TcpStream {
    let dialer = Dialer::new().recv_buffer_size(4096);
    let client = dialer.dial_tcp(server.address).unwrap();
    client.set_deadline(Some(Instant::now() + LONG)).unwrap();
    client
}

/// PAINS 8: what is sent, then closed, is lost.
#[test]
fn pain_08_input_that_nobody_reads_destroys_no_reply() {
    on_workers(|| {
        let options = Options::new().linger(LONG * 10, usize::MAX);
        let server = Server::with_options(answering(400_000), options);
        let client = slow(&server);
        // The server takes some, and closes; more comes while it sends, and afterwards.
        (&client).write_all(&[7; 30_000]).unwrap();
        let sending = thread::spawn({
            let mut client = client.try_clone().unwrap();
            move || {
                for _ in 0..100 {
                    client.write_all(&[7; 3000]).unwrap();
                    thread::sleep(Duration::from_micros(100));
                }
            }
        });
        assert_eq!(rest(&client).len(), 400_000);
        sending.join().unwrap();
        assert_eq!(there(&server), 1, "it stays for what comes");
        drop(client);
        until("it is closed", || there(&server) == 0);
    });
}

#[test]
fn a_connection_lingers_for_a_time_and_for_so_many_bytes() {
    on_workers(|| {
        let short = Options::new().linger(Duration::from_millis(20), usize::MAX);
        let server = Server::with_options(answering(10), short);
        let mut client = server.connect();
        client.write_all(b"request").unwrap();
        assert_eq!(rest(&client).len(), 10);
        until("it is closed", || there(&server) == 0);

        let little = Options::new().linger(LONG * 10, 100_000);
        let server = Server::with_options(answering(10), little);
        let mut client = server.connect();
        let mut sent = 0;
        while client.write_all(&[7; 10_000]).is_ok() {
            sent += 10_000;
            assert!(sent < 1 << 30, "it takes whatever comes");
        }
        assert!(sent >= 100_000, "only {sent} bytes");
        until("it is closed", || there(&server) == 0);
    });
}

#[test]
fn who_lingers_is_not_cut_off_by_a_shutdown() {
    on_workers(|| {
        let options = Options::new().linger(LONG * 10, usize::MAX);
        let server = Server::with_options(answering(10), options);
        let clients: Vec<_> = (0..5).map(|_| server.connect()).collect();
        for mut client in &clients {
            client.write_all(b"request").unwrap();
            assert_eq!(rest(client).len(), 10);
        }
        // Their peers do not close.
        let soon = Instant::now() + Duration::from_millis(20);
        let shutdown = server.event_loop.shutdown(soon);
        assert_eq!((shutdown.finished, shutdown.cut_off), (5, 0));
        until("they are closed", || there(&server) == 0);
        server.end();
    });
}

#[test]
fn without_lingering_a_connection_is_closed_at_once() {
    on_workers(|| {
        let options = Options::new().linger(Duration::ZERO, usize::MAX);
        let server = Server::with_options(answering(10), options);
        let mut client = server.connect();
        client.write_all(b"r").unwrap();
        let mut reply = Vec::new();
        client.read_to_end(&mut reply).unwrap();
        assert_eq!(reply.len(), 10);
        until("it is closed", || there(&server) == 0);
    });
}

/// It was accepted between the last request and `disconnect`.
#[test]
fn what_is_written_too_late_destroys_no_reply() {
    on(1, || {
        let slot = Arc::new(Mutex::new(None::<netpoll::event::ConnectionHandle>));
        let wrote = Arc::new(AtomicUsize::new(0));
        let (enter, entered) = std::sync::mpsc::channel();
        let (leave, left) = std::sync::mpsc::channel::<()>();
        let left = Mutex::new(left);
        let options = Options::new().linger(LONG, 1 << 20);
        let handler = {
            let (slot, wrote) = (Arc::clone(&slot), Arc::clone(&wrote));
            move |connection: &mut Connection| {
                let byte = connection.reader().read_byte()?;
                if byte == b'c' {
                    // It holds its worker up, until the others have all they are sent.
                    enter.send(()).unwrap();
                    left.lock().unwrap().recv().unwrap();
                }
                if byte == b'b'
                    && let Some(handle) = &*slot.lock().unwrap()
                    && handle.try_write("late").is_ok()
                {
                    wrote.fetch_add(1, Ordering::Relaxed);
                }
                if byte == b'a' {
                    connection.writer().write_direct(vec![7; 1_000_000].into());
                    *slot.lock().unwrap() = Some(connection.handle());
                    return Ok(Next::Close);
                }
                Ok(Next::Again)
            }
        };
        let event_loop = EventLoop::with_options(handler, options);
        let (a, a_peer) = crate::common::pair_with_std();
        let (b, mut b_peer) = UnixStream::pair().unwrap();
        let (c, mut c_peer) = UnixStream::pair().unwrap();
        let handles = [b, c].map(|it| event_loop.adopt(it, LinkBuffer::new()).unwrap());
        let _a = event_loop.adopt(a, LinkBuffer::new()).unwrap();
        let peers = std::thread::spawn(move || {
            c_peer.write_all(b"c").unwrap();
            entered.recv().unwrap();
            b_peer.write_all(&[b'b'; 60]).unwrap();
            (&a_peer).write_all(b"a").unwrap();
            leave.send(()).unwrap();
            std::thread::sleep(Duration::from_millis(300));
            // While it lingers, what comes is thrown away, and the reply is read.
            let sent = (0..5).map(|_| {
                let sent = (&a_peer).write(&vec![1; 1000]).map_err(|e| e.kind());
                std::thread::sleep(Duration::from_millis(10));
                sent
            });
            let sent: Vec<_> = sent.collect();
            let mut got = Vec::new();
            let end = (&a_peer).read_to_end(&mut got).map_err(|e| e.kind());
            drop((b_peer, c_peer));
            (sent, got.len(), end)
        });
        until("peers", || peers.is_finished());
        let (sent, len, end) = peers.join().unwrap();
        assert!(wrote.load(Ordering::Relaxed) > 0, "none was accepted");
        assert_eq!(
            (len >= 1_000_000, end.is_ok()),
            (true, true),
            "{len} {end:?} {sent:?}"
        );
        drop(handles);
    });
}
