//! Whether this process is a child that was forked from one with a runtime.
//!
//! Such a child has one thread, and shares its parent's epolls: what it does with
//! them happens to the parent. A page that the kernel empties in a child
//! (`MADV_WIPEONFORK`, Linux 4.14) tells, however the child was forked, at the
//! price of a load.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::memory;

/// Begins to watch. Called before the first epoll is made.
pub(crate) fn watch() {
    mark();
}

/// Whether the process was forked since [`watch`].
#[inline]
pub(crate) fn is_child() -> bool {
    MARK.get().is_some_and(|mark| !mark.load(Ordering::Relaxed))
}

static MARK: OnceLock<&'static AtomicBool> = OnceLock::new();

fn mark() -> &'static AtomicBool {
    MARK.get_or_init(|| {
        let mark = memory::wiped_on_fork().unwrap_or_else(|| {
            // Without the advice a child is not told from its parent.
            static NEVER: AtomicBool = AtomicBool::new(true);
            &NEVER
        });
        mark.store(true, Ordering::Relaxed);
        mark
    })
}
