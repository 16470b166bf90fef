//! Connections that this end begins, and where connections are.

use std::io::{self, Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use netpoll::event::{Connection, EventLoop, Listener, Next, Options};
use netpoll::net::{Addr, Dialer, TcpListener};
use netpoll::os::unix::net::{UnixListener, UnixStream};
use netpoll::sync::mpsc;
use netpoll::thread;

use crate::common::{LONG, kind, on_workers, unix_address, until};
use crate::support::echo;

/// What came, and the addresses of this end and of the other.
type Heard = (String, Addr, Addr);

/// Tells what comes, and the addresses.
fn telling() -> (
    impl Fn(&mut Connection) -> io::Result<Next> + Send + Sync,
    mpsc::Receiver<Heard>,
) {
    let (say, heard) = mpsc::channel();
    let say = Mutex::new(say);
    let handler = move |connection: &mut Connection| {
        let text = connection.reader().read_string(connection.reader().len())?;
        let (local, peer) = (connection.local_addr()?, connection.peer_addr()?);
        let _ = say.lock().unwrap().send((text, local, peer));
        Ok(Next::Again)
    };
    (handler, heard)
}

#[test]
fn a_pool_dials_both_families_and_knows_when_a_peer_has_gone() {
    on_workers(|| {
        let server = EventLoop::new(echo);
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let tcp_address = tcp.local_addr().unwrap();
        let unix_address = unix_address();
        let name = unix_address.as_abstract_name().unwrap();
        let name = format!("@{}", str::from_utf8(name).unwrap());
        let unix = UnixListener::bind_addr(&unix_address).unwrap();
        let serving: Vec<_> = [Listener::from(tcp), Listener::from(unix)]
            .into_iter()
            .map(|listener| {
                let server = server.clone();
                thread::spawn(move || server.serve(listener))
            })
            .collect();

        let (handler, heard) = telling();
        let pool = EventLoop::new(handler);
        let dialer = Dialer::new().timeout(LONG);
        let clients = [
            pool.dial(&dialer, "tcp", &tcp_address.to_string()).unwrap(),
            pool.dial(&dialer, "unix", &name).unwrap(),
        ];
        clients[0].write("over TCP").unwrap();
        let (text, local, peer) = heard.recv().unwrap();
        assert_eq!(text, "over TCP");
        assert_eq!(peer.as_ip(), Some(tcp_address));
        assert!(local.as_ip().is_some_and(|local| local != tcp_address));
        clients[1].write("over Unix").unwrap();
        let (text, local, peer) = heard.recv().unwrap();
        assert_eq!(text, "over Unix");
        assert_eq!(peer.to_string(), name);
        assert!(local.as_unix().unwrap().is_unnamed());

        assert!(clients.iter().all(|client| client.is_active()));
        assert_eq!(server.shutdown(Instant::now() + LONG).cut_off, 0);
        for serving in serving {
            serving.join().unwrap().unwrap();
        }
        until("it is noticed", || {
            clients.iter().all(|client| !client.is_active())
        });
    });
}

#[test]
fn dialing_fails_as_it_should() {
    on_workers(|| {
        let (handler, _heard) = telling();
        let pool = EventLoop::with_options(handler, Options::new());
        let dialer = Dialer::new().timeout(LONG);
        let refused = pool.dial(&dialer, "tcp", "127.0.0.1:1");
        assert_eq!(kind(refused), io::ErrorKind::ConnectionRefused);
        let datagrams = pool.dial(&dialer, "udp", "127.0.0.1:9");
        assert_eq!(kind(datagrams), io::ErrorKind::Unsupported);
        let hopeless = Dialer::new().timeout(Duration::from_nanos(1));
        let late = pool.dial(&hopeless, "tcp", "127.0.0.1:1");
        assert_eq!(kind(late), io::ErrorKind::TimedOut);
        assert_eq!(pool.metrics().accepted, 0);
        pool.shutdown(Instant::now() + LONG);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let ended = pool.dial(&dialer, "tcp", &address);
        assert_eq!(kind(ended), io::ErrorKind::NotConnected);
    });
}

#[test]
fn a_listener_by_name_serves_a_path() {
    on_workers(|| {
        let address = unix_address();
        let name = address.as_abstract_name().unwrap();
        let name = format!("@{}", str::from_utf8(name).unwrap());
        let server = EventLoop::new(echo);
        let listener = Listener::bind("unix", &name).unwrap();
        let serving = thread::spawn({
            let server = server.clone();
            move || server.serve(listener)
        });
        let mut client = UnixStream::connect_addr(&address).unwrap();
        client.write_all(b"by name").unwrap();
        let mut reply = [0; 7];
        client.read_exact(&mut reply).unwrap();
        assert_eq!(&reply, b"by name");
        server.shutdown(Instant::now() + LONG);
        serving.join().unwrap().unwrap();
    });
}
