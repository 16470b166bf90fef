//! Where to listen, and where to connect to, as the command line says it.

use std::fmt;
use std::net::SocketAddr;

use netpoll::net::resolve_unix_addr;

/// What stands before a path, or `@` and an abstract name.
const UNIX: &str = "unix:";

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A host and a port.
    Tcp(String),
    /// A path, or `@` and an abstract name.
    Unix(String),
}

impl Place {
    /// The port, if it has one.
    pub(crate) fn port(&self) -> Option<&str> {
        match self {
            Place::Tcp(text) => text.rsplit_once(':').map(|(_, port)| port),
            Place::Unix(_) => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Tcp(text) => f.write_str(text),
            Place::Unix(text) => write!(f, "{UNIX}{text}"),
        }
    }
}

/// Where to listen: an address of this machine's.
pub(crate) fn own(text: &str) -> Result<Place, String> {
    if let Some(place) = unix(text)? {
        return Ok(place);
    }
    match text.parse::<SocketAddr>() {
        Ok(address) => Ok(Place::Tcp(address.to_string())),
        Err(_) => Err(
            "write an IP address and a port, as in 127.0.0.1:7000, 0.0.0.0:7000 or [::1]:7000, \
             or unix:/path"
                .into(),
        ),
    }
}

/// Where to connect to.
pub(crate) fn other(text: &str) -> Result<Place, String> {
    match unix(text)? {
        Some(place) => Ok(place),
        None => host_and_port(text)
            .map(Place::Tcp)
            .map_err(|advice| advice + ", or unix:/path"),
    }
}

fn unix(text: &str) -> Result<Option<Place>, String> {
    let Some(path) = text.strip_prefix(UNIX) else {
        return Ok(None);
    };
    if path.is_empty() || path == "@" {
        return Err("write a path, as in unix:/run/server, or a name, as in unix:@server".into());
    }
    resolve_unix_addr(path).map_err(|error| error.to_string())?;
    Ok(Some(Place::Unix(path.to_owned())))
}

/// An address or a name, and a port.
pub(crate) fn host_and_port(text: &str) -> Result<String, String> {
    // An IPv6 address has colons of its own, and brackets around them.
    let ends_in_port = |text: &str| {
        text.rsplit_once(':').is_some_and(|(host, port)| {
            !host.is_empty()
                && !host.contains(':')
                && port.parse::<u16>().is_ok_and(|port| port > 0)
        })
    };
    let is_address = text
        .parse::<SocketAddr>()
        .is_ok_and(|address| address.port() > 0);
    if is_address || ends_in_port(text) {
        Ok(text.to_owned())
    } else {
        Err(
            "write an address and a port, as in 127.0.0.1:7000, [::1]:7000 or localhost:7000"
                .into(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_have_a_host_and_a_port() {
        for text in ["127.0.0.1:7000", "[::1]:7000", "localhost:7000"] {
            assert_eq!(host_and_port(text).as_deref(), Ok(text));
            assert_eq!(other(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "127.0.0.1",
            ":7000",
            "::1",
            "[::1]",
            "localhost:x",
            "a:70000",
            "a:0",
        ] {
            assert!(host_and_port(text).is_err(), "{text}");
            assert!(other(text).is_err(), "{text}");
        }
    }

    #[test]
    fn paths_and_names_stand_behind_unix() {
        for text in ["unix:/run/server", "unix:@server", "unix:relative"] {
            assert_eq!(own(text).unwrap().to_string(), text);
            assert_eq!(other(text), own(text));
        }
        let long = format!("unix:/{}", "x".repeat(200));
        for text in ["unix:", "unix:@", &long] {
            assert!(own(text).is_err() && other(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_an_address_is_ones_own() {
        assert_eq!(own("[::1]:0").unwrap().port(), Some("0"));
        assert!(own("localhost:7000").is_err());
    }
}
