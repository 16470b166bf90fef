//! Two HTTP servers that open sockets and threads by themselves: as they were ported, and
//! as they are. Both answer a request with its body.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// Starts a server, which is never stopped, and returns its address.
pub type Start = fn() -> SocketAddr;

/// The same program, for each pair of crates.
macro_rules! servers {
    ($oxhttp:path, $tiny_http:path, $thread:path) => {
        use std::io::Read;
        use std::net::SocketAddr;
        use std::sync::Arc;

        use $oxhttp as oxhttp;
        use $thread as thread;
        use $tiny_http as tiny_http;

        /// OxHTTP: it starts a thread for each connection, which calls the handler.
        ///
        /// # Panics
        ///
        /// If it does not start.
        pub fn oxhttp() -> SocketAddr {
            super::address_of(|address| {
                let server = oxhttp::Server::new(|request| {
                    let mut body = Vec::new();
                    let read = request.body_mut().read_to_end(&mut body);
                    let answer = read.map_or_else(|_| "bad".into(), |_| body.into());
                    oxhttp::model::Response::new(answer)
                });
                // As many at once as anybody here asks for; they are counted under a
                // lock, with a condition.
                let server = server.with_max_concurrent_connections(100_000);
                server.bind(address).spawn().map(drop)
            })
        }

        /// tiny_http: its pool reads requests, as many threads as there are connections;
        /// four of ours take them from its queue, and answer.
        ///
        /// # Panics
        ///
        /// If it does not start.
        pub fn tiny_http() -> SocketAddr {
            let server = Arc::new(tiny_http::Server::http("127.0.0.1:0").unwrap());
            let address = server.server_addr().to_ip().unwrap();
            for _ in 0..4 {
                let server = Arc::clone(&server);
                thread::spawn(move || {
                    for mut request in server.incoming_requests() {
                        let mut body = Vec::new();
                        let _ = request.as_reader().read_to_end(&mut body);
                        let answer = tiny_http::Response::from_data(body);
                        // The client may have gone.
                        let _ = request.respond(answer.with_chunked_threshold(usize::MAX));
                    }
                });
            }
            address
        }
    };
}

/// With netpoll in the place of std.
pub mod on_netpoll {
    servers!(
        netpoll_ported_oxhttp,
        netpoll_ported_tiny_http,
        netpoll::thread
    );
}

/// As they are.
pub mod on_std {
    servers!(
        netpoll_ported_oxhttp::original,
        netpoll_ported_tiny_http::original,
        std::thread
    );
}

/// Starts a server that does not say its port: finds one that is free, tries it, and
/// tries another one if somebody else was faster.
fn address_of(start: impl Fn(SocketAddr) -> io::Result<()>) -> SocketAddr {
    loop {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        match start(address) {
            Ok(()) => return address,
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Sends a body, and wants it back.
///
/// # Errors
///
/// Those of the stream.
///
/// # Panics
///
/// If the answer is another one.
pub fn request(stream: &mut (impl Read + Write), body: &[u8]) -> io::Result<()> {
    let length = body.len();
    let mut message =
        format!("POST /back HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n").into_bytes();
    message.extend_from_slice(body);
    stream.write_all(&message)?;

    let mut answer = Vec::new();
    let head = loop {
        let mut more = [0; 512];
        match stream.read(&mut more)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => answer.extend_from_slice(&more[..n]),
        }
        if let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    assert!(answer.starts_with(b"HTTP/1.1 200 "));
    let have = answer.len();
    answer.resize(head + length, 0);
    stream.read_exact(&mut answer[have..])?;
    assert!(answer[head..] == *body);
    Ok(())
}
