//! Ports by the names of services.

use std::io;
use std::sync::OnceLock;

use super::network::Network;
use crate::sched::run_blocking;

/// What is known without `/etc/services`.
const KNOWN: &str = "\
domain 53/tcp
domain 53/udp
ftp 21/tcp
ftps 990/tcp
gopher 70/tcp
http 80/tcp
https 443/tcp
imap2 143/tcp
imaps 993/tcp
pop3 110/tcp
pop3s 995/tcp
smtp 25/tcp
ssh 22/tcp
submissions 465/tcp
telnet 23/tcp
";

/// The port of a service by its name, or its number, on a network: `"tcp"`, `"udp"`, or
/// one of these with a 4 or a 6. Of no text, it is port 0.
///
/// Names are those of `/etc/services`, which is read once, and some that are known without
/// it (`http`, `https`, `ssh`, `domain`, ...), in any case. The first call with a name parks
/// the task, or blocks the thread, while the file is read.
///
/// # Errors
///
/// `InvalidInput` for a number above 65,535, and for a network that has no ports;
/// `NotFound` for a name that nobody knows.
///
/// # Examples
///
/// ```
/// use netpoll::net::lookup_port;
///
/// assert_eq!(lookup_port("tcp", "http")?, 80);
/// assert_eq!(lookup_port("udp", "domain")?, 53);
/// assert_eq!(lookup_port("tcp", "8080")?, 8080);
/// assert!(lookup_port("tcp", "no such service").is_err());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn lookup_port(network: &str, service: &str) -> io::Result<u16> {
    let protocol = match Network::parse(network)? {
        Network::Tcp(_) => "tcp",
        Network::Udp(_) => "udp",
        Network::Unix | Network::Unixgram | Network::Unixpacket => {
            let message = format!("network {network:?} has no ports");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
    };
    if service.is_empty() {
        return Ok(0);
    }
    if service.bytes().all(|byte| byte.is_ascii_digit()) {
        return service.parse().map_err(|_| {
            let message = format!("invalid port {service:?}");
            io::Error::new(io::ErrorKind::InvalidInput, message)
        });
    }
    find(KNOWN, protocol, service)
        .or_else(|| find(listed(), protocol, service))
        .ok_or_else(|| {
            let message = format!("unknown service {protocol}/{service}");
            io::Error::new(io::ErrorKind::NotFound, message)
        })
}

/// What `/etc/services` says, in which there may be nothing.
fn listed() -> &'static str {
    static LISTED: OnceLock<String> = OnceLock::new();
    if let Some(text) = LISTED.get() {
        return text;
    }
    // Not inside of the cell: no two tasks of a worker may wait there for each other.
    let read = run_blocking(|| std::fs::read("/etc/services").unwrap_or_default());
    let text = String::from_utf8_lossy(&read.unwrap_or_default()).into_owned();
    LISTED.get_or_init(|| text)
}

/// A line is a name, a port and a protocol, and more names: `http 80/tcp www  # web`.
fn find(text: &str, protocol: &str, service: &str) -> Option<u16> {
    text.lines().find_map(|line| {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_ascii_whitespace();
        let name = words.next()?;
        let (port, of) = words.next()?.split_once('/')?;
        let names_it = std::iter::once(name)
            .chain(words)
            .any(|name| name.eq_ignore_ascii_case(service));
        (of == protocol && names_it).then(|| port.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn lines_are_read() {
        let text = "# comment\nhttp  80/tcp\twww web # the web\n\nbad\nworse 1\nodd x/tcp\n\
                    domain 53/udp\nwww 81/udp";
        assert_eq!(find(text, "tcp", "http"), Some(80));
        assert_eq!(find(text, "tcp", "WEB"), Some(80));
        assert_eq!(find(text, "udp", "www"), Some(81));
        for (protocol, service) in [("udp", "http"), ("tcp", "the"), ("tcp", "odd"), ("tcp", "")] {
            assert_eq!(find(text, protocol, service), None, "{protocol}/{service}");
        }
    }
}
