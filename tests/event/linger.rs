//! Closing while the peer is still sending.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use netpoll::event::{Connection, Handler, Next, Options};
use netpoll::net::{Dialer, TcpStream};
use netpoll::thread;

use crate::common::{LONG, on_workers, until};
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
