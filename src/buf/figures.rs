//! Figures about pools.
//!
//! Each thread that has a pool has counters that only it writes, so counting costs
//! a plain addition; who asks sums up. The counters of a thread that ended are
//! taken over, as they are, by the next thread that begins: the sums stay right, and
//! there are as many as there were threads at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Figures about the blocks of bytes that buffers are made of, in the whole process;
/// see [`blocks`](crate::io::blocks).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Blocks {
    /// Bytes of blocks that lie in pools, ready to be used.
    pub held: u64,
    /// Bytes of blocks that are in use.
    pub taken: u64,
    /// How often a pool had the block that was asked for.
    pub hits: u64,
    /// How often a block had to be allocated.
    pub misses: u64,
    /// Bytes that a [`LinkBuffer`](crate::buf::LinkBuffer) copied because somebody
    /// wanted bytes in a row that lay in several blocks.
    pub joined: u64,
}

/// The counters of a thread. A block that is taken on one thread and dropped on
/// another is added here and subtracted there, so that only the sum makes sense, and
/// they wrap.
#[derive(Debug)]
pub(super) struct Counters {
    pub(super) held: Counter,
    pub(super) taken: Counter,
    pub(super) hits: Counter,
    pub(super) misses: Counter,
    pub(super) joined: Counter,
}

impl Counters {
    const fn new() -> Self {
        Self {
            held: Counter(AtomicU64::new(0)),
            taken: Counter(AtomicU64::new(0)),
            hits: Counter(AtomicU64::new(0)),
            misses: Counter(AtomicU64::new(0)),
            joined: Counter(AtomicU64::new(0)),
        }
    }
}

#[derive(Debug)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    /// Adds; for the thread that the counters belong to.
    #[inline]
    pub(super) fn add(&self, n: usize) {
        self.set(self.get().wrapping_add(n as u64));
    }

    /// Subtracts; for the thread that the counters belong to.
    #[inline]
    pub(super) fn subtract(&self, n: usize) {
        self.set(self.get().wrapping_sub(n as u64));
    }

    #[inline]
    fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    #[inline]
    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// All counters there are. Those of threads that ended are `vacant`, too.
struct Register {
    all: Vec<&'static Counters>,
    vacant: Vec<&'static Counters>,
    late: Counters,
}

static REGISTER: Mutex<Register> = Mutex::new(Register {
    all: Vec::new(),
    vacant: Vec::new(),
    late: Counters::new(),
});

fn register() -> MutexGuard<'static, Register> {
    REGISTER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts for a thread that is so far at its end that it has no counters any more.
#[cold]
pub(super) fn count_late(count: impl FnOnce(&Counters)) {
    // All such threads share these, under the lock.
    count(&register().late);
}

/// Counters for a thread that begins to count.
pub(super) fn enter() -> &'static Counters {
    let mut register = register();
    register.vacant.pop().unwrap_or_else(|| {
        let counters: &'static Counters = Box::leak(Box::new(Counters::new()));
        register.all.push(counters);
        counters
    })
}

/// Takes back the counters of a thread that ends.
pub(super) fn leave(counters: &'static Counters) {
    register().vacant.push(counters);
}

/// How many blocks of bytes there are, and what they cost.
///
/// [`BufReader`](crate::io::BufReader), [`BufWriter`](crate::io::BufWriter) and
/// [`copy`](crate::io::copy) have a block only while there are bytes in it. It comes
/// from a pool of the worker, or thread, and goes back there. A pool holds 8 MiB at
/// most, and gives back what it does not need for a while.
///
/// The figures are sums over all threads. While others take and give back blocks, the
/// four may be from slightly different moments. Asking takes a lock, and a few
/// nanoseconds for each thread.
///
/// # Examples
///
/// ```
/// use netpoll::io::{self, BufWriter, Write};
///
/// let mut writer = BufWriter::new(io::sink());
/// writer.write_all(b"kept back")?;
/// assert!(io::blocks().taken >= 8 * 1024);
/// # io::Result::Ok(())
/// ```
pub fn blocks() -> Blocks {
    let register = register();
    let sum = |counter: fn(&Counters) -> &Counter| {
        let late = counter(&register.late).get();
        let of_threads = register.all.iter().map(|counters| counter(counters).get());
        of_threads.fold(late, u64::wrapping_add)
    };
    // What was added on one thread may be seen later than what was then subtracted
    // on another: a sum below zero is a sum of about zero.
    let at_least_zero = |sum: u64| u64::try_from(sum.cast_signed()).unwrap_or(0);
    Blocks {
        held: at_least_zero(sum(|counters| &counters.held)),
        taken: at_least_zero(sum(|counters| &counters.taken)),
        hits: sum(|counters| &counters.hits),
        misses: sum(|counters| &counters.misses),
        joined: sum(|counters| &counters.joined),
    }
}
