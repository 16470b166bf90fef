//! Connections that move from busy workers to idle ones.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use netpoll::buf::LinkBuffer;
use netpoll::event::{Balance, Connection, EventLoop, Next};
use netpoll::os::unix::net::UnixStream;
use netpoll::thread;

use crate::common::{LONG, on, until};
use crate::support::{Server, echo};

const THREADS: usize = 3;
const EACH: usize = 8;

/// What a peer sends as its message of this number: as many bytes as it likes, and none
/// like those of its other messages.
fn message(peer: usize, number: usize) -> Vec<u8> {
    let len = 1 + (peer * 31 + number * 17) % 2500;
    (0..len)
        .map(|at| (peer ^ number.wrapping_mul(7) ^ at) as u8)
        .collect()
}

/// Sends and compares all the time, two messages on their way at once.
fn talk(first: usize, mut clients: Vec<TcpStream>, stop: &AtomicBool) -> usize {
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        for (n, client) in clients.iter_mut().enumerate() {
            client.write_all(&message(first + n, number)).unwrap();
            client.write_all(&message(first + n, number + 1)).unwrap();
        }
        for (n, client) in clients.iter_mut().enumerate() {
            for number in [number, number + 1] {
                let sent = message(first + n, number);
                let mut came = vec![0; sent.len()];
                client.read_exact(&mut came).unwrap();
                assert!(came == sent, "message {number} is not what was sent");
            }
        }
        number += 2;
    }
    number
}

/// All connections are on one of two workers. While they are used all the time, half of
/// the work goes to the other; nobody asks for it.
#[test]
fn a_busy_worker_gives_connections_to_an_idle_one_under_traffic() {
    on(2, || {
        let work: Arc<Mutex<HashMap<ThreadId, usize>>> = Arc::default();
        let counts = Arc::clone(&work);
        let server = Server::new(move |connection: &mut Connection| {
            let received = connection.reader().slice(connection.reader().len())?;
            connection.writer().append(received);
            *counts
                .lock()
                .unwrap()
                .entry(std::thread::current().id())
                .or_default() += 1;
            Ok(Next::Again)
        });
        server.event_loop.set_workers(1);
        // As many whose peers have one address, which keeps them together.
        let staying = Server::new(echo);
        staying.event_loop.set_balance(Balance::SourceHash);
        staying.event_loop.set_workers(1);
        let stop = Arc::new(AtomicBool::new(false));
        let connections = || server.event_loop.metrics().connections;
        let those_that_stay = || staying.event_loop.metrics().connections;
        // Peers of std, on threads of their own.
        let peers: Vec<_> = (0..2 * THREADS)
            .map(|n| {
                let address = if n < THREADS {
                    server.address
                } else {
                    staying.address
                };
                let stop = Arc::clone(&stop);
                let clients: Vec<_> = (0..EACH)
                    .map(|_| TcpStream::connect(address).unwrap())
                    .collect();
                for client in &clients {
                    client.set_read_timeout(Some(LONG)).unwrap();
                }
                std::thread::spawn(move || talk(n * EACH, clients, &stop))
            })
            .collect();
        let all_on_the_first = [THREADS * EACH, 0];
        until("they are there", || {
            connections() == all_on_the_first && those_that_stay() == all_on_the_first
        });
        assert_eq!(server.event_loop.metrics().moved, 0);
        server.event_loop.set_workers(2);
        staying.event_loop.set_workers(2);

        until("both have some", || connections().iter().all(|n| *n >= 6));
        work.lock().unwrap().clear();
        until("both have worked", || {
            let work = work.lock().unwrap();
            let (all, least) = (work.values().sum::<usize>(), work.values().min().copied());
            work.len() == 2 && all > 3000 && least.unwrap_or(0) * 10 >= all
        });
        stop.store(true, Ordering::Relaxed);
        // Joining them would hold up the worker that they wait for.
        until("they have stopped", || {
            peers.iter().all(|peer| peer.is_finished())
        });
        let rounds: Vec<_> = peers.into_iter().map(|it| it.join().unwrap()).collect();
        assert!(rounds.iter().all(|rounds| *rounds > 0));
        assert!(server.event_loop.metrics().moved >= 6);
        let stayed = staying.event_loop.metrics();
        assert_eq!((stayed.moved, stayed.connections[1]), (0, 0));
        assert_eq!(staying.end().cut_off, 0);
        assert_eq!(server.end().cut_off, 0);
    });
}

#[test]
fn what_a_handler_needs_moves_along() {
    on(2, || {
        let short = Arc::new(AtomicUsize::new(0));
        let event_loop = EventLoop::new({
            let short = Arc::clone(&short);
            move |connection: &mut Connection| {
                let len = connection.reader().len();
                if len < 8 {
                    short.fetch_add(1, Ordering::Relaxed);
                    return Ok(Next::Need(8));
                }
                let request = connection.reader().read_binary(8)?;
                connection.writer().write_binary(&request);
                // All the others are of eight bytes, too.
                Ok(Next::Need(8))
            }
        });
        let mut peers = Vec::new();
        for _ in 0..8 {
            let (a, mut peer) = UnixStream::pair().unwrap();
            peer.set_deadline(Some(Instant::now() + LONG)).unwrap();
            event_loop.adopt(a, LinkBuffer::new()).unwrap();
            peer.write_all(b"8 bytes.").unwrap();
            peer.read_exact(&mut [0; 8]).unwrap();
            peers.push(peer);
        }
        until("all have moved", || {
            // Those stay on which something is going on, if only a look for more.
            event_loop.set_workers(1);
            event_loop.metrics().connections[1] == 0
        });
        for peer in &mut peers {
            peer.write_all(b"8 by").unwrap();
        }
        thread::sleep(Duration::from_millis(50));
        for peer in &mut peers {
            peer.write_all(b"tes.").unwrap();
            peer.read_exact(&mut [0; 8]).unwrap();
        }
        assert_eq!(short.load(Ordering::Relaxed), 0);
    });
}
