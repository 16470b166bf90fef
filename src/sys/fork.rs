//! Whether this process was forked from one that used this crate.
//!
//! A child has one thread, and shares its parent's descriptors: what it does with an
//! epoll, or an eventfd, happens to the parent. A page that the kernel empties in a
//! child (`MADV_WIPEONFORK`, Linux 4.14) tells, however the child was forked, at the
//! price of a load.
//!
//! Emulators take advice for a hint that they may ignore, and say yes. So the C library
//! is asked as well to clear the flag in a child; it knows of those that it forks itself.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::memory;

/// A flag that is lost when the process forks.
struct Mark(OnceLock<&'static AtomicBool>);

impl Mark {
    const fn new() -> Self {
        Self(OnceLock::new())
    }

    fn set(&self) {
        self.0.get_or_init(|| {
            let flag = memory::wiped_on_fork()
                .unwrap_or_else(|| Box::leak(Box::new(AtomicBool::new(false))));
            flag.store(true, Ordering::Relaxed);
            // SAFETY: the handler is async-signal-safe, and does no harm twice; the C
            // library forgets it where it unloads the library that it is in.
            let _without_memory = unsafe { libc::pthread_atfork(None, None, Some(lose_all)) };
            flag
        });
    }

    /// In a child that has just been forked. Async-signal-safe.
    fn lose(&self) {
        if let Some(flag) = self.0.get() {
            flag.store(false, Ordering::Relaxed);
        }
    }

    #[inline]
    fn was_lost(&self) -> bool {
        self.0
            .get()
            .is_some_and(|flag| !flag.load(Ordering::Relaxed))
    }

    /// Sets it again; returns whether it was this call that did.
    fn renew(&self) -> bool {
        self.0
            .get()
            .is_some_and(|flag| !flag.swap(true, Ordering::Relaxed))
    }
}

static RUNTIME: Mark = Mark::new();
static THREADS: Mark = Mark::new();
static GENERATION: AtomicU32 = AtomicU32::new(0);

extern "C" fn lose_all() {
    RUNTIME.lose();
    THREADS.lose();
}

/// What a child is told that would need the threads it does not have.
pub(crate) const REFUSAL: &str =
    "this process was forked from one with a runtime: start the runtime after fork";

/// Begins to watch for children of a process with a runtime. Called before the
/// first epoll is made.
pub(crate) fn watch() {
    RUNTIME.set();
}

/// Whether the process was forked since [`watch`]: there are epolls that it shares
/// with its parent, and none of the threads that wait on them.
#[inline]
pub(crate) fn is_child() -> bool {
    RUNTIME.was_lost()
}

/// Fails in [such a child](is_child): for what would need the threads it does not have.
#[inline]
pub(crate) fn refuse_child() -> io::Result<()> {
    match is_child() {
        true => Err(io::Error::other(REFUSAL)),
        false => Ok(()),
    }
}

/// How often the process was forked since this was first called, counting back
/// through its parents. What a thread opened in an earlier generation it shares.
pub(crate) fn generation() -> u32 {
    THREADS.set();
    if THREADS.was_lost() && THREADS.renew() {
        GENERATION.fetch_add(1, Ordering::Relaxed);
    }
    GENERATION.load(Ordering::Relaxed)
}
