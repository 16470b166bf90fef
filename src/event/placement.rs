//! Which worker gets a connection.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::remote::{Command, Remote};
use crate::sys::socket;
use crate::task::Time;

/// Which worker gets a new connection.
///
/// # Examples
///
/// ```
/// use netpoll::event::{Balance, Connection, EventLoop, Next};
///
/// let server = EventLoop::new(|_: &mut Connection| Ok(Next::Again));
/// // Connections of one peer share what its worker keeps, and only two workers serve.
/// server.set_balance(Balance::SourceHash);
/// server.set_workers(2);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Balance {
    /// One after the other.
    RoundRobin,
    /// Any.
    Random,
    /// The one with the fewest connections.
    LeastConnections,
    /// Of two, the one with fewer connections.
    #[default]
    LessLoadedOfTwo,
    /// Always the same for the same address of a peer, whoever began the connection. One
    /// that has none, as most clients of Unix sockets, goes where
    /// [`LessLoadedOfTwo`](Self::LessLoadedOfTwo) has it go.
    SourceHash,
}

const ALL: [Balance; 5] = [
    Balance::RoundRobin,
    Balance::Random,
    Balance::LeastConnections,
    Balance::LessLoadedOfTwo,
    Balance::SourceHash,
];

impl Balance {
    pub(super) fn to_number(self) -> u8 {
        self as u8
    }

    pub(super) fn of_number(number: u8) -> Self {
        ALL.get(usize::from(number)).copied().unwrap_or_default()
    }
}

/// After so many connections the workers are compared.
pub(super) const LOOK_EVERY: u64 = 64;

/// A worker with so many more connections than another gives it some.
const UNEVEN: usize = 16;

fn load(remote: &Arc<Remote>) -> usize {
    remote.connections.load(Ordering::Relaxed)
}

/// The worker for the next connection.
pub(super) fn choose(
    remotes: &[Arc<Remote>],
    balance: Balance,
    turn: &AtomicUsize,
    source: impl FnOnce() -> Option<u64>,
) -> usize {
    let count = remotes.len();
    if count == 1 {
        return 0;
    }
    let turn = turn.fetch_add(1, Ordering::Relaxed);
    let random = scatter(turn as u64);
    let source = match balance {
        Balance::SourceHash => source(),
        _ => None,
    };
    if let Some(hash) = source {
        return hash as usize % count;
    }
    match balance {
        Balance::RoundRobin => turn % count,
        Balance::Random => random as usize % count,
        Balance::LeastConnections => (0..count)
            .min_by_key(|at| load(&remotes[*at]))
            .expect("there are workers"),
        Balance::LessLoadedOfTwo | Balance::SourceHash => {
            let first = random as usize % count;
            let second = (first + 1 + (random >> 32) as usize % (count - 1)) % count;
            if load(&remotes[second]) < load(&remotes[first]) {
                second
            } else {
                first
            }
        }
    }
}

/// A hash of where a connection comes from, or goes to.
pub(super) fn source_of_ip(peer: IpAddr) -> u64 {
    hash_of(peer)
}

/// The same of a Unix socket, if the peer has a name.
pub(super) fn source_of_unix(peer: &SocketAddr) -> Option<u64> {
    match peer.as_pathname() {
        Some(path) => Some(hash_of(path)),
        None => peer.as_abstract_name().map(hash_of),
    }
}

/// The same of any socket that is connected.
pub(super) fn source_of(stream: BorrowedFd<'_>) -> Option<u64> {
    match socket::peer_address(stream) {
        Ok(peer) => Some(source_of_ip(peer.ip())),
        Err(_) => source_of_unix(&socket::unix::peer_address(stream).ok()?),
    }
}

fn hash_of(peer: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    peer.hash(&mut hasher);
    hasher.finish()
}

/// A number that looks random, from one that counts. (SplitMix64.)
fn scatter(count: u64) -> u64 {
    let mut x = count.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Has the worker with the most connections give some to the one with the fewest.
pub(super) fn even_out(remotes: &[Arc<Remote>]) {
    let most = remotes.iter().max_by_key(|remote| load(remote));
    let fewest = remotes.iter().min_by_key(|remote| load(remote));
    let (Some(most), Some(fewest)) = (most, fewest) else {
        return;
    };
    let now = Time::now();
    if fewest.busyness.lately(now) > most.busyness.lately(now) {
        // It has enough to do with those it has.
        return;
    }
    let difference = load(most).saturating_sub(load(fewest));
    if difference >= UNEVEN {
        most.send(Command::Share(difference / 2, Arc::clone(fewest)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_balance_comes_back_from_its_number() {
        for balance in ALL {
            assert_eq!(Balance::of_number(balance.to_number()), balance);
        }
    }
}
