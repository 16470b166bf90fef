//! Errors that end the command. Each says in one line what failed, and what to do.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};

use crate::place::Place;

/// Why the command could not do what it was told.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It cannot listen there.
    Listen(Place, io::Error),
    /// Something that it needs cannot be had.
    Start(&'static str, io::Error),
    /// There is no such name.
    Resolve(String, io::Error),
    /// The figures cannot be written.
    Figures(io::Error),
    /// Ctrl-C, before there was anything to show.
    Interrupted,
    /// A bug: a task panicked. The panic has been printed.
    Bug,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Listen(address, error) => match error.kind() {
                ErrorKind::AddrInUse if address.port().is_none() => write!(
                    f,
                    "{address} exists: stop the other server, remove what it has left, or choose \
                     another with --listen"
                ),
                ErrorKind::PermissionDenied if address.port().is_none() => {
                    write!(
                        f,
                        "no permission to listen on {address}: choose another with --listen"
                    )
                }
                ErrorKind::AddrInUse => write!(
                    f,
                    "address {address} is in use: stop the other server, or choose another \
                     address with --listen"
                ),
                ErrorKind::AddrNotAvailable => write!(
                    f,
                    "address {address} is not one of this machine's: choose another with \
                     --listen (0.0.0.0:{} listens on all)",
                    address.port().unwrap_or_default()
                ),
                ErrorKind::PermissionDenied => write!(
                    f,
                    "no permission to listen on {address}: choose a port from 1024 up with \
                     --listen, or set net.ipv4.ip_unprivileged_port_start"
                ),
                _ => write!(f, "cannot listen on {address}: {}", advised(error)),
            },
            Failure::Start(what, error) => write!(f, "cannot start {what}: {}", advised(error)),
            Failure::Resolve(target, error) => write!(f, "no address for {target}: {error}"),
            Failure::Figures(error) => write!(f, "cannot write the figures: {error}"),
            Failure::Interrupted => f.write_str("interrupted before the load began"),
            Failure::Bug => f.write_str("a task panicked, which is a bug of this command"),
        }
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Failure::Listen(_, error)
            | Failure::Start(_, error)
            | Failure::Resolve(_, error)
            | Failure::Figures(error) => Some(error),
            Failure::Interrupted | Failure::Bug => None,
        }
    }
}

/// An error with what to do about it, where that is known.
pub(crate) fn advised(error: &io::Error) -> String {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    const ENOSYS: i32 = 38;
    const EAFNOSUPPORT: i32 = 97;
    let advice = match error.raw_os_error() {
        Some(EMFILE) => "raise the limit with `ulimit -n`",
        Some(ENFILE) => "raise fs.file-max with sysctl",
        Some(ENOSYS) => {
            "a system call is missing or forbidden: see the kernel's version, or the sandbox's filter"
        }
        Some(EAFNOSUPPORT) => "the kernel has no such addresses: choose others with --listen",
        _ if error.kind() == ErrorKind::WouldBlock => {
            "no more threads: raise the limit with `ulimit -u`, or use fewer --workers"
        }
        _ => return error.to_string(),
    };
    format!("{error}; {advice}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(errno: i32) -> String {
        let address = Place::Tcp("192.0.2.1:80".into());
        Failure::Listen(address, io::Error::from_raw_os_error(errno)).to_string()
    }

    #[test]
    fn every_failure_is_one_line_that_names_the_address_and_says_what_to_do() {
        for (errno, advice) in [
            (98, "stop the other server"),
            (99, "0.0.0.0:80"),
            (13, "ip_unprivileged_port_start"),
            (24, "ulimit -n"),
            (97, "--listen"),
        ] {
            let text = listen(errno);
            assert!(text.contains("192.0.2.1:80"), "{text}");
            assert!(text.contains(advice), "{text}");
            assert!(!text.contains('\n'), "{text}");
        }
    }
}
