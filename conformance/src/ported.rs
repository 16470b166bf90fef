//! What is asked of the server that was ported, and of the original.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// Starts a server that does not say its port: finds one that is free, tries it, and
/// tries another one if somebody else was faster.
///
/// # Panics
///
/// If the server fails for another reason.
pub fn address_of(start: impl Fn(SocketAddr) -> io::Result<()>) -> SocketAddr {
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
pub fn request(stream: &mut (impl Read + Write), path: &str, body: &[u8]) -> io::Result<()> {
    let length = body.len();
    let mut message =
        format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n").into_bytes();
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
