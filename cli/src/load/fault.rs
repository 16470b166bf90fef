//! What can go wrong with a connection, and how often it did.

use std::io::{self, ErrorKind};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Refused,
    Unreachable,
    ConnectTimeout,
    Descriptors,
    Ports,
    WrongBytes,
    ClosedEarly,
    Reset,
    Unanswered,
    Other,
}

impl Kind {
    pub(super) const ALL: [Kind; 10] = [
        Kind::Refused,
        Kind::Unreachable,
        Kind::ConnectTimeout,
        Kind::Descriptors,
        Kind::Ports,
        Kind::WrongBytes,
        Kind::ClosedEarly,
        Kind::Reset,
        Kind::Unanswered,
        Kind::Other,
    ];

    /// Its name in JSON.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Refused => "refused",
            Kind::Unreachable => "unreachable",
            Kind::ConnectTimeout => "connect_timeout",
            Kind::Descriptors => "descriptors",
            Kind::Ports => "ports",
            Kind::WrongBytes => "wrong_bytes",
            Kind::ClosedEarly => "closed_early",
            Kind::Reset => "reset",
            Kind::Unanswered => "unanswered",
            Kind::Other => "other",
        }
    }

    /// What happened to so many connections.
    pub(super) fn said(self) -> &'static str {
        match self {
            Kind::Refused => "refused",
            Kind::Unreachable => "could not be routed to the server",
            Kind::ConnectTimeout => "took too long to open",
            Kind::Descriptors => "lacked a descriptor",
            Kind::Ports => "lacked a local port",
            Kind::WrongBytes => "got wrong bytes",
            Kind::ClosedEarly => "closed by the server before the end",
            Kind::Reset => "reset",
            Kind::Unanswered => "got no answer",
            Kind::Other => "failed otherwise",
        }
    }

    /// What to do about it, where that is known.
    pub(super) fn advice(self, target: &str) -> Option<String> {
        match self {
            Kind::Refused => Some(format!(
                "is the server running? start it with `netpoll serve echo --listen {target}`"
            )),
            Kind::ConnectTimeout => Some("give it longer with --connect-timeout".into()),
            Kind::Descriptors => Some("raise the limit with `ulimit -n`".into()),
            Kind::Ports => Some(
                "widen net.ipv4.ip_local_port_range, or load several addresses of the server"
                    .into(),
            ),
            Kind::Unanswered => Some("give it longer with --timeout".into()),
            _ => None,
        }
    }

    /// Of an error of connecting.
    pub(super) fn of_connecting(error: &io::Error) -> Self {
        const ENFILE: i32 = 23;
        const EMFILE: i32 = 24;
        match error.kind() {
            _ if matches!(error.raw_os_error(), Some(EMFILE | ENFILE)) => Kind::Descriptors,
            ErrorKind::ConnectionRefused => Kind::Refused,
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Kind::Unreachable,
            ErrorKind::TimedOut => Kind::ConnectTimeout,
            ErrorKind::AddrNotAvailable => Kind::Ports,
            ErrorKind::ConnectionReset => Kind::Reset,
            _ => Kind::Other,
        }
    }

    /// Of an error of reading or writing.
    pub(super) fn of_talking(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => Kind::Reset,
            ErrorKind::BrokenPipe => Kind::ClosedEarly,
            _ => Kind::Other,
        }
    }
}

/// What went wrong with one connection.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    pub(super) detail: String,
}

/// How often each kind came, and what was the first.
#[derive(Debug, Default)]
pub(super) struct Faults {
    kinds: Mutex<[Option<Seen>; Kind::ALL.len()]>,
}

/// How often a kind came, and what was the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) count: u64,
    pub(super) first: String,
}

impl Faults {
    /// Notes what ended a connection: for each one at most.
    pub(super) fn note(&self, fault: Fault) {
        match &mut self.lock()[fault.kind as usize] {
            Some(seen) => seen.count += 1,
            none => {
                *none = Some(Seen {
                    count: 1,
                    first: fault.detail,
                });
            }
        }
    }

    /// The kinds that came.
    pub(super) fn seen(&self) -> Vec<(Kind, Seen)> {
        Kind::ALL
            .into_iter()
            .zip(self.lock().iter().cloned())
            .filter_map(|(kind, seen)| Some((kind, seen?)))
            .collect()
    }

    /// How many connections failed.
    pub(super) fn count(&self) -> u64 {
        self.lock().iter().flatten().map(|seen| seen.count).sum()
    }

    fn lock(&self) -> MutexGuard<'_, [Option<Seen>; Kind::ALL.len()]> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_each_kind_is_kept() {
        let faults = Faults::default();
        for (kind, detail) in [
            (Kind::Reset, "first"),
            (Kind::Refused, "other"),
            (Kind::Reset, "second"),
        ] {
            faults.note(Fault {
                kind,
                detail: detail.into(),
            });
        }
        let seen = |count, first: &str| Seen {
            count,
            first: first.into(),
        };
        assert_eq!(
            faults.seen(),
            [
                (Kind::Refused, seen(1, "other")),
                (Kind::Reset, seen(2, "first"))
            ]
        );
        assert_eq!(faults.count(), 3);
    }

    #[test]
    fn all_kinds_stand_where_they_are_looked_for() {
        for (place, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place);
        }
    }
}
