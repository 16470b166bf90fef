//! Opening the connections: many at once, but not all, so that the server's queue has
//! room, and its network too.
//!
//! What fails is counted and not tried again. When as many as are tried at once have
//! failed in a row, the rest would fail as well, and is not tried; at once, when this
//! process has no descriptor left.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use netpoll::Runtime;
use netpoll::net::{TcpStream, ToSocketAddrs};
use netpoll::thread::Builder;

use super::fault::{Fault, Faults, Kind};
use super::plan::Plan;
use super::progress::Progress;
use super::watch::Watch;
use crate::failure::Failure;

/// How many are tried at once, on all workers together.
const AT_ONCE: usize = 128;

/// What came of it.
pub(super) struct Dialled {
    /// Where the server was found.
    pub(super) address: Option<SocketAddr>,
    /// The connections of each worker.
    pub(super) streams: Vec<Vec<TcpStream>>,
    /// How many were not tried, because others had failed.
    pub(super) untried: u64,
}

/// Opens the connections, each on the worker that it is for.
pub(super) fn open(
    plan: &Plan,
    runtimes: &[Runtime],
    watch: &Arc<Watch>,
    faults: &Arc<Faults>,
    progress: &Progress,
) -> Result<Dialled, Failure> {
    let mut dialled = Dialled {
        address: None,
        streams: runtimes.iter().map(|_| Vec::new()).collect(),
        untried: u64::from(plan.connections) - 1,
    };
    let (address, first) = match find(plan, &runtimes[0], watch)? {
        Ok(found) => found,
        Err(fault) => {
            faults.note(fault);
            return Ok(dialled);
        }
    };
    dialled.address = Some(address);
    dialled.streams[0].push(first);

    let ramp = Arc::new(Ramp {
        address,
        timeout: plan.connect_timeout,
        wanted: plan.connections as usize,
        next: AtomicUsize::new(1),
        standing: AtomicUsize::new(1),
        failed_in_a_row: AtomicUsize::new(0),
        given_up: AtomicBool::new(false),
        dialling: AtomicUsize::new(0),
        faults: Arc::clone(faults),
        watch: Arc::clone(watch),
    });
    let dialler = |index: usize| {
        let ramp = Arc::clone(&ramp);
        ramp.dialling.fetch_add(1, Ordering::Relaxed);
        Builder::new().spawn_on(&runtimes[index % runtimes.len()], move || ramp.dial())
    };
    let diallers = AT_ONCE.min(ramp.wanted).max(runtimes.len());
    let diallers: Vec<_> = (0..diallers)
        .map(dialler)
        .collect::<io::Result<_>>()
        .map_err(|error| Failure::Start("a task", error))?;
    watch.wait(
        None,
        || watch.is_interrupted() || ramp.dialling.load(Ordering::Acquire) == 0,
        || progress.connecting(ramp.standing.load(Ordering::Relaxed), ramp.wanted),
    );
    if watch.is_interrupted() {
        return Err(Failure::Interrupted);
    }
    for (index, dialler) in diallers.into_iter().enumerate() {
        let streams = dialler.join().map_err(|_| Failure::Bug)?;
        dialled.streams[index % runtimes.len()].extend(streams);
    }
    let tried = ramp.standing.load(Ordering::Relaxed) as u64 + faults.count();
    dialled.untried = u64::from(plan.connections) - tried;
    Ok(dialled)
}

/// Opens the first connection, to the first of the server's addresses that accepts.
fn find(
    plan: &Plan,
    runtime: &Runtime,
    watch: &Arc<Watch>,
) -> Result<Result<(SocketAddr, TcpStream), Fault>, Failure> {
    let found = Arc::new(Mutex::new(None));
    let task = {
        let (found, watch) = (Arc::clone(&found), Arc::clone(watch));
        let (target, timeout) = (plan.target.clone(), plan.connect_timeout);
        move || {
            let result = first_of(&target, timeout);
            *lock(&found) = Some(result);
            watch.ring();
        }
    };
    Builder::new()
        .spawn_on(runtime, task)
        .map_err(|error| Failure::Start("a task", error))?;
    watch.wait(
        None,
        || watch.is_interrupted() || lock(&found).is_some(),
        || (),
    );
    match lock(&found).take() {
        None => Err(Failure::Interrupted),
        Some(found) => found.map_err(|error| Failure::Resolve(plan.target.clone(), error)),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn first_of(target: &str, timeout: Duration) -> io::Result<Result<(SocketAddr, TcpStream), Fault>> {
    let mut fault = None;
    for address in target.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(stream) => return Ok(Ok((address, stream))),
            Err(error) => fault = Some(fault_of(&address, &error)),
        }
    }
    let nowhere = || io::Error::new(io::ErrorKind::NotFound, "it has no address");
    fault.map(Err).ok_or_else(nowhere)
}

fn fault_of(address: &SocketAddr, error: &io::Error) -> Fault {
    Fault {
        kind: Kind::of_connecting(error),
        detail: format!("{address}: {error}"),
    }
}

/// What those who dial share.
struct Ramp {
    address: SocketAddr,
    timeout: Duration,
    wanted: usize,
    /// How many were tried.
    next: AtomicUsize,
    standing: AtomicUsize,
    failed_in_a_row: AtomicUsize,
    given_up: AtomicBool,
    /// How many still dial.
    dialling: AtomicUsize,
    faults: Arc<Faults>,
    watch: Arc<Watch>,
}

impl Ramp {
    /// One of those who dial: opens a connection after the other, until there are
    /// enough.
    fn dial(&self) -> Vec<TcpStream> {
        let mut streams = Vec::new();
        while !self.given_up.load(Ordering::Relaxed)
            && self.next.fetch_add(1, Ordering::Relaxed) < self.wanted
        {
            match TcpStream::connect_timeout(&self.address, self.timeout) {
                Ok(stream) => {
                    streams.push(stream);
                    self.standing.fetch_add(1, Ordering::Relaxed);
                    self.failed_in_a_row.store(0, Ordering::Relaxed);
                }
                Err(error) => self.failed(fault_of(&self.address, &error)),
            }
        }
        if self.dialling.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.watch.ring();
        }
        streams
    }

    fn failed(&self, fault: Fault) {
        let in_a_row = self.failed_in_a_row.fetch_add(1, Ordering::Relaxed) + 1;
        if in_a_row >= AT_ONCE || fault.kind == Kind::Descriptors {
            self.given_up.store(true, Ordering::Relaxed);
        }
        self.faults.note(fault);
    }
}
