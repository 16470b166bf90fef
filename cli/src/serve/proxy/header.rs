//! The PROXY protocol: who the client is, told by a proxy in front of the server, before
//! the client's first byte.
//!
//! What such a header looks like is the business of the `proxy_header` crate. Here is how
//! much of it is waited for, and for how long: whoever sends no header is found out by the
//! first byte that does not fit, and nobody gets more than [`MOST`] bytes, or the time that
//! the command line says.

use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use proxy_header::{Error, ParseConfig, Protocol, ProxiedAddress, ProxyHeader};

use super::super::stream::Stream;
use super::super::tasks::is_deadline;
use crate::args::Version;

/// As long as a header may be, in bytes. Version 2 could have 64 KiB of what nobody sends.
const MOST: usize = 4096;

/// What a header of version 1 begins with.
const TEXT: &[u8] = b"PROXY ";
/// And one of version 2.
const BINARY: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Source and destination of a connection.
pub(super) type Addresses = (SocketAddr, SocketAddr);

/// What a client has begun with.
#[derive(Debug)]
pub(super) struct Beginning {
    /// Whose connection it is, if the header says so.
    pub(super) addresses: Option<Addresses>,
    /// What came with the header, and is behind it.
    pub(super) rest: Vec<u8>,
}

/// Why there is no header.
#[derive(Debug)]
pub(super) enum Fault {
    /// It is none, or a wrong one.
    Invalid,
    TooLong,
    /// The client has closed before the end of it.
    Ended,
    TimedOut,
    /// The server stops.
    CutOff,
    Io(io::Error),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Invalid => f.write_str("what came is no such header"),
            Fault::TooLong => write!(f, "it has more than {MOST} bytes"),
            Fault::Ended => f.write_str("the client closed before it was complete"),
            Fault::TimedOut => f.write_str("it was not complete within --header-timeout"),
            Fault::CutOff => f.write_str("the server stops"),
            Fault::Io(error) => error.fmt(f),
        }
    }
}

/// Reads the header that a connection begins with.
pub(super) fn read(mut stream: &Stream, timeout: Duration) -> Result<Beginning, Fault> {
    let until = Instant::now() + timeout;
    let mut bytes = Vec::new();
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Fault::TimedOut);
        }
        stream.set_read_timeout(Some(left)).map_err(Fault::Io)?;
        let before = bytes.len();
        bytes.resize(MOST.min(2 * before + 256), 0);
        let length = match stream.read(&mut bytes[before..]) {
            Ok(0) => return Err(Fault::Ended),
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(Fault::TimedOut),
            Err(error) if is_deadline(&error) => return Err(Fault::CutOff),
            Err(error) => return Err(Fault::Io(error)),
        };
        bytes.truncate(before + length);
        if let Some((addresses, length)) = parse(&bytes)? {
            stream.set_read_timeout(None).map_err(Fault::Io)?;
            bytes.drain(..length);
            return Ok(Beginning {
                addresses,
                rest: bytes,
            });
        }
    }
}

/// The addresses in a header, if it has any, and its length; none if there is more to come.
fn parse(bytes: &[u8]) -> Result<Option<(Option<Addresses>, usize)>, Fault> {
    let begins = |with: &[u8]| bytes.iter().zip(with).all(|(byte, right)| byte == right);
    if !begins(TEXT) && !begins(BINARY) {
        return Err(Fault::Invalid);
    }
    match ProxyHeader::parse(bytes, ParseConfig::default()) {
        Ok((header, length)) => {
            let stream = |address: &&ProxiedAddress| address.protocol == Protocol::Stream;
            let addresses = header.proxied_address().filter(stream);
            Ok(Some((
                addresses.map(|address| (address.source, address.destination)),
                length,
            )))
        }
        Err(Error::BufferTooShort) if announced(bytes) > MOST => Err(Fault::TooLong),
        // All of it is there, and it is still too short for its addresses.
        Err(Error::BufferTooShort) if (1..=bytes.len()).contains(&announced(bytes)) => {
            Err(Fault::Invalid)
        }
        Err(Error::BufferTooShort) => Ok(None),
        Err(_) => Err(Fault::Invalid),
    }
}

/// How long a header of version 2 says that it is; zero for one that has not said so yet.
fn announced(bytes: &[u8]) -> usize {
    match bytes {
        [b'\r', .., high, low] if bytes.len() == BINARY.len() + 4 => {
            BINARY.len() + 4 + usize::from(u16::from_be_bytes([*high, *low]))
        }
        [b'\r', ..] if bytes.len() > BINARY.len() + 4 => announced(&bytes[..BINARY.len() + 4]),
        _ => 0,
    }
}

/// A header that says whose connection it is, or that nobody knows.
pub(super) fn written(version: Version, addresses: Option<Addresses>) -> Vec<u8> {
    let header = match addresses {
        Some((source, destination)) => {
            // On a socket for both, IPv4 addresses look like those of IPv6.
            let plain =
                |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
            let (plain_source, plain_destination) = (plain(source), plain(destination));
            let alike = plain_source.is_ipv4() == plain_destination.is_ipv4();
            ProxyHeader::with_address(if alike {
                ProxiedAddress::stream(plain_source, plain_destination)
            } else {
                ProxiedAddress::stream(source, destination)
            })
        }
        None => ProxyHeader::with_local(),
    };
    let mut bytes = Vec::new();
    let encoded = match version {
        Version::V1 => header.encode_v1(&mut bytes),
        Version::V2 => header.encode_v2(&mut bytes),
    };
    // It refuses addresses that are not of one kind.
    match encoded {
        Ok(_) => bytes,
        Err(_) => written(version, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(version: Version, source: &str, destination: &str) -> Vec<u8> {
        let addresses = (source.parse().unwrap(), destination.parse().unwrap());
        written(version, Some(addresses))
    }

    #[test]
    fn what_is_written_is_read_from_any_number_of_pieces() {
        for version in [Version::V1, Version::V2] {
            for (source, destination) in [
                ("192.0.2.1:1", "198.51.100.2:65535"),
                ("[2001:db8::1]:1", "[2001:db8::2]:443"),
            ] {
                let bytes = both(version, source, destination);
                for end in 0..bytes.len() {
                    assert!(parse(&bytes[..end]).unwrap().is_none(), "{end}");
                }
                let more = [&bytes[..], b"GET /"].concat();
                let (addresses, length) = parse(&more).unwrap().unwrap();
                assert_eq!(length, bytes.len());
                let (a, b) = addresses.unwrap();
                assert_eq!((&*a.to_string(), &*b.to_string()), (source, destination));
            }
            let (nobody, _) = parse(&written(version, None)).unwrap().unwrap();
            assert_eq!(nobody, None);
        }
    }

    #[test]
    fn mapped_addresses_are_of_ipv4() {
        assert_eq!(
            both(Version::V1, "[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:2"),
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"
        );
        assert_eq!(
            both(Version::V1, "192.0.2.1:1", "[2001:db8::2]:2"),
            b"PROXY UNKNOWN\r\n"
        );
    }

    #[test]
    fn what_is_no_header_is_refused_at_the_first_byte_that_does_not_fit() {
        for bytes in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"G",
            b"POST",
            b"PROXX",
            b"PROXY TCP9 1.2.3.4 1.2.3.4 1 2\r\n",
            b"PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n",
            b"PROXY TCP4 1.2.3.4 1.2.3.4 1 70000\r\n",
            b"\r\n\r\n\0\r\nQUITx",
            b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\0",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04\0\0\0\0",
        ] {
            assert!(matches!(parse(bytes), Err(Fault::Invalid)), "{bytes:?}");
        }
        let endless = [TEXT, &[b'x'; 200]].concat();
        assert!(matches!(parse(&endless), Err(Fault::Invalid)));
    }

    #[test]
    fn one_that_says_that_it_is_too_long_is_refused_at_once() {
        let long = [BINARY, b"\x21\x11\xff\xff"].concat();
        assert!(matches!(parse(&long), Err(Fault::TooLong)));
        let longest = [BINARY, b"\x21\x11\x0f\xf0"].concat();
        assert!(parse(&longest).unwrap().is_none());
    }
}
