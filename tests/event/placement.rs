//! Which worker a connection comes to.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;
use std::time::Instant;

use netpoll::Builder;
use netpoll::buf::LinkBuffer;
use netpoll::event::{Balance, Connection, EventLoop, Handler, Next};
use netpoll::io::Cancelled;
use netpoll::net::{Dialer, TcpListener};
use netpoll::os::unix::net::UnixStream;

use crate::common::{LONG, on, on_workers, until};
use crate::support::{Server, echo, round_trip};

/// Notes where the connections of each peer are.
#[derive(Clone, Default)]
struct Noting(Arc<Mutex<HashMap<IpAddr, Vec<ThreadId>>>>);

impl Handler for Noting {
    type Context = ();

    fn prepare(&self, connection: &mut Connection) -> io::Result<()> {
        let here = std::thread::current().id();
        let mut noted = self.0.lock().unwrap();
        let peer = connection.peer_addr()?.as_ip().expect("it is TCP").ip();
        noted.entry(peer).or_default().push(here);
        Ok(())
    }

    fn request(&self, connection: &mut Connection, (): &mut ()) -> io::Result<Next> {
        echo(connection)
    }
}

/// Those that come, those that somebody else has accepted, and those that go there.
#[test]
fn connections_with_one_address_are_on_one_worker_whoever_began_them() {
    on(4, || {
        let noting = Noting::default();
        let server = Server::new(noting.clone());
        server.event_loop.set_balance(Balance::SourceHash);
        let mut open = Vec::new();
        let addresses: Vec<_> = (1..=16).map(|n| Ipv4Addr::new(127, 0, 0, n)).collect();
        for address in &addresses {
            let listener = TcpListener::bind((*address, 0)).unwrap();
            let to = listener.local_addr().unwrap();
            open.push(server.event_loop.connect(to).unwrap());
            let dialer = Dialer::new().local_addr(SocketAddr::from((*address, 0)));
            let there = TcpListener::bind("127.0.0.1:0").unwrap();
            let to = there.local_addr().unwrap().to_string();
            let client = dialer.dial("tcp", &to).unwrap();
            let (accepted, _) = there.accept().unwrap();
            let adopted = server.event_loop.adopt(accepted, LinkBuffer::new());
            open.push(adopted.unwrap());
            let comes = dialer.dial("tcp", &server.address.to_string()).unwrap();
            until("they are there", || {
                let noted = noting.0.lock().unwrap();
                noted
                    .get(&(*address).into())
                    .is_some_and(|all| all.len() == 3)
            });
            drop((client, comes));
        }
        let noted = noting.0.lock().unwrap().clone();
        let mut used = HashSet::new();
        for (address, workers) in noted {
            assert!(
                workers.iter().all(|it| *it == workers[0]),
                "{address} is on several workers"
            );
            used.insert(workers[0]);
        }
        assert!(used.len() > 1, "all are on one worker");
        server.end();
    });
}

#[test]
fn peers_without_an_address_are_on_all_workers() {
    on(2, || {
        let event_loop = EventLoop::new(echo);
        event_loop.set_balance(Balance::SourceHash);
        let pairs: Vec<_> = (0..20)
            .map(|_| {
                let (ours, theirs) = UnixStream::pair().unwrap();
                (event_loop.adopt(ours, LinkBuffer::new()).unwrap(), theirs)
            })
            .collect();
        let connections = event_loop.metrics().connections;
        assert!(connections.iter().all(|n| *n >= 5), "{connections:?}");
        drop(pairs);
    });
}

/// The workers of an event loop are those of the runtime where it first served.
#[test]
fn an_event_loop_whose_runtime_has_ended_says_so() {
    let event_loop = EventLoop::new(echo);
    let runtime = Builder::new().workers(2).build().unwrap();
    let serving = event_loop.clone();
    runtime
        .spawn(move || {
            let (ours, theirs) = UnixStream::pair().unwrap();
            serving.adopt(ours, LinkBuffer::new()).unwrap();
            assert_eq!(round_trip(theirs, b"1"), b"1");
        })
        .join()
        .unwrap();
    assert!(runtime.shutdown(Instant::now() + LONG).complete);
    let before = event_loop.metrics().accepted;
    on_workers(move || {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let refused = event_loop.adopt(ours, LinkBuffer::new()).unwrap_err();
        assert!(Cancelled::is_cause_of(&refused), "{refused:?}");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let refused = event_loop.serve(listener).unwrap_err();
        assert!(Cancelled::is_cause_of(&refused), "{refused:?}");
        let metrics = event_loop.metrics();
        assert_eq!(metrics.accepted, before);
        assert_eq!(metrics.connections, [0, 0]);
    });
}
