//! Holding connections by a task for each.
//!
//! A connection ends when what its task runs returns. A stop gives those that are open
//! a deadline, at which whatever they wait for ends.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use netpoll::thread;

use super::Service;
use super::registry::{Registry, Ticket};
use super::stream::Stream;

/// Tasks that are woken by the deadline of a stop get this long to notice.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A connection, as its task has it.
pub(super) struct Connection {
    pub(super) ticket: Ticket,
    pub(super) stream: Stream,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// By itself, or by the deadline of a stop when nothing was left to do.
    Ended,
    /// By the deadline of a stop, in the middle of something.
    CutOff,
}

/// Whether this is the deadline that a stop sets, and not a connection that timed
/// out by itself.
pub(super) fn is_deadline(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::TimedOut
        && error.raw_os_error().is_none()
        && error.get_ref().is_none()
}

/// See the [module](self). `F` serves a connection to its end, on its task.
pub(super) struct Tasks<F> {
    serve: Arc<F>,
    registry: Arc<Registry>,
    cut_off: Arc<AtomicU64>,
}

impl<F: Fn(&Connection) -> Outcome + Send + Sync + 'static> Tasks<F> {
    pub(super) fn new(serve: F) -> Self {
        Self {
            serve: Arc::new(serve),
            registry: Arc::default(),
            cut_off: Arc::default(),
        }
    }
}

impl<F: Fn(&Connection) -> Outcome + Send + Sync + 'static> Service for Tasks<F> {
    fn admit(&self, stream: Stream) -> io::Result<()> {
        let connection = Connection {
            ticket: self.registry.enter(&stream)?,
            stream,
        };
        let (serve, cut_off) = (Arc::clone(&self.serve), Arc::clone(&self.cut_off));
        let run = move || {
            if serve(&connection) == Outcome::CutOff {
                cut_off.fetch_add(1, Ordering::Relaxed);
            }
        };
        thread::Builder::new().spawn(run).map(drop)
    }

    fn open(&self) -> usize {
        self.registry.open()
    }

    fn stop(&self, deadline: Instant) {
        self.registry.set_deadline(deadline);
    }

    fn wait(&self) -> u64 {
        let left = self.registry.wait_until_empty(LAST_WORDS);
        self.cut_off.load(Ordering::Relaxed) + left as u64
    }
}
