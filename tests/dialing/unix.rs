//! Sockets of Unix.

use std::io::ErrorKind;
use std::time::Duration;

use netpoll::net::{Addr, Dialer, ListenConfig};
use netpoll::thread;

use crate::common::{LONG, everywhere, unix_address};

#[test]
fn a_full_unix_listener_is_waited_for_within_the_deadline() {
    everywhere(|| {
        let address = unix_address();
        let listener = ListenConfig::new()
            .backlog(0)
            .listen_unix(&address)
            .unwrap();
        let _first = Dialer::new().timeout(LONG).dial_unix(&address).unwrap();
        let dialer = Dialer::new().timeout(Duration::from_millis(10));
        let error = dialer.dial_unix(&address).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(
            error
                .to_string()
                .starts_with(&format!("dial unix {}: ", Addr::from(address.clone())))
        );
        let waiting = thread::spawn(move || Dialer::new().timeout(LONG).dial_unix(&address));
        listener.accept().unwrap();
        listener.accept().unwrap();
        waiting.join().unwrap().unwrap();
    });
}

#[test]
fn a_local_name_lets_the_peer_answer() {
    everywhere(|| {
        let (server, client) = (unix_address(), unix_address());
        let socket = ListenConfig::new().listen_unixgram(&server).unwrap();
        let dialer = Dialer::new().local_addr(client);
        let conn = dialer.dial_unixgram(&server).unwrap();
        conn.send(b"hello").unwrap();
        let (_, sender) = socket.recv_from(&mut [0; 16]).unwrap();
        socket.send_to_addr(b"back", &sender).unwrap();
        assert_eq!(conn.recv(&mut [0; 16]).unwrap(), 4);
    });
}
