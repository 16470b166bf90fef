//! The guard at the low end of a stack, where an overflow faults.
//!
//! It is 16 KiB (or a page, where pages are larger): Rust probes the pages of
//! a large frame one by one, but C code steps over a single page easily.
//!
//! | kind | call | costs |
//! |---|---|---|
//! | [`Kind::Advised`] | `madvise(MADV_GUARD_INSTALL)`, Linux 6.13 | no mapping |
//! | [`Kind::Protected`] | `mprotect(PROT_NONE)` | two mappings: it cuts the slab's in three |
//!
//! The first kind is used until the kernel refuses it with `EINVAL`; from then
//! on the whole process uses the second. That can happen late: after
//! `mlockall(MCL_FUTURE)` new memory is locked, and locked memory cannot be
//! guarded by advice. Either kind survives giving pages back, and fork.

use std::io;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::sys::fallback::Feature;
use crate::sys::memory;

/// How a guard is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// By advice, inside the slab's mapping.
    Advised,
    /// By protection, as a mapping of its own.
    Protected,
}

const UNKNOWN: u8 = 0;
const ADVISED: u8 = 1;
const PROTECTED: u8 = 2;

/// What this process uses. Relaxed throughout: no other memory depends on it,
/// and a thread that reads an old value finds out by its own call's error.
static KIND: AtomicU8 = AtomicU8::new(UNKNOWN);

/// The bytes that a guard takes.
#[inline]
pub(super) fn size() -> usize {
    (16 << 10_usize).max(memory::page_size())
}

/// The kind of guard that the next stack gets. One relaxed load, but for the
/// first call, which tries a guard on a scratch mapping.
#[inline]
pub(super) fn kind() -> Kind {
    match KIND.load(Ordering::Relaxed) {
        ADVISED => Kind::Advised,
        PROTECTED => Kind::Protected,
        _ => probe(),
    }
}

/// Installs a guard at the low end of a slot, and says of which kind it is.
///
/// # Safety
///
/// `start` is the page-aligned start of [`size`] bytes that came from
/// [`memory::map`] and that nobody uses.
pub(super) unsafe fn install(start: usize) -> io::Result<Kind> {
    if kind() == Kind::Advised {
        // SAFETY: the caller's promise.
        match unsafe { memory::install_guard(start, size()) } {
            Ok(()) => return Ok(Kind::Advised),
            Err(error) if error.raw_os_error() != Some(libc::EINVAL) => return Err(error),
            Err(_) => KIND.store(PROTECTED, Ordering::Relaxed),
        }
    }
    // SAFETY: the caller's promise.
    unsafe { memory::protect(start, size(), false)? };
    Ok(Kind::Protected)
}

/// Removes a guard of the kind [`Kind::Protected`], which gives its two
/// mappings back.
///
/// # Safety
///
/// [`install`] made the guard at `start`, and nobody relies on it any more.
pub(super) unsafe fn remove_protected(start: usize) -> io::Result<()> {
    // SAFETY: the range was mapped when the guard was installed, slabs are
    // never unmapped, and the caller promises that nobody uses it.
    unsafe { memory::protect(start, size(), true) }
}

#[cold]
fn probe() -> Kind {
    if Feature::Guard.is_forced_off() {
        KIND.store(PROTECTED, Ordering::Relaxed);
        return Kind::Protected;
    }
    let Ok(scratch) = memory::map(size()) else {
        // Nothing learnt, so nothing is remembered; the answer on the safe
        // side is the kind that is counted.
        return Kind::Protected;
    };
    // SAFETY: the scratch mapping has just been made for this guard.
    let installed = unsafe { memory::install_guard(scratch, size()) };
    // Success is not believed: an emulator that takes advice for a hint (which
    // it may ignore) says yes and installs nothing.
    let kind = if installed.is_ok() && !memory::is_readable(scratch) {
        Kind::Advised
    } else {
        Kind::Protected
    };
    // SAFETY: the scratch mapping was made above, and is not used any more.
    let _leaked_on_error = unsafe { memory::unmap(scratch, size()) };
    let value = match kind {
        Kind::Advised => ADVISED,
        Kind::Protected => PROTECTED,
    };
    // An install on another thread may have been refused meanwhile: its
    // verdict stays.
    let _ = KIND.compare_exchange(UNKNOWN, value, Ordering::Relaxed, Ordering::Relaxed);
    kind
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A guard with as much usable memory above it, filled with ones.
    fn guarded(install: impl FnOnce(usize) -> io::Result<()>) -> usize {
        let start = memory::map(2 * size()).unwrap();
        let all: *mut u8 = std::ptr::with_exposed_provenance_mut(start);
        // SAFETY: the range was mapped above, with this length.
        unsafe { all.write_bytes(1, 2 * size()) };
        install(start).unwrap();
        start
    }

    fn assert_guards(start: usize) {
        for page in (0..size()).step_by(memory::page_size()) {
            assert!(!memory::is_readable(start + page));
        }
        assert!(!memory::is_readable(start + size() - 8));
        assert!(memory::is_readable(start + size()));
    }

    fn survives_giving_back(start: usize) {
        assert_guards(start);
        // SAFETY: the range belongs to the test, and nothing in it is needed.
        unsafe { memory::give_back(start, 2 * size()).unwrap() };
        assert_guards(start);
        // SAFETY: the range belongs to the test, and is not used any more.
        unsafe { memory::unmap(start, 2 * size()).unwrap() };
    }

    #[test]
    fn a_guard_by_advice_survives_giving_pages_back() {
        if kind() == Kind::Advised {
            // SAFETY: `guarded` maps the range.
            survives_giving_back(guarded(|at| unsafe { memory::install_guard(at, size()) }));
        }
    }

    #[test]
    fn a_guard_by_protection_survives_giving_pages_back() {
        // SAFETY: `guarded` maps the range.
        survives_giving_back(guarded(|at| unsafe { memory::protect(at, size(), false) }));
    }

    #[test]
    fn the_kind_is_what_install_says() {
        let start = memory::map(2 * size()).unwrap();
        // SAFETY: the range was mapped above.
        assert_eq!(unsafe { install(start) }.unwrap(), kind());
        if Feature::Guard.is_forced_off() {
            assert_eq!(kind(), Kind::Protected);
        }
        survives_giving_back(start);
    }

    #[test]
    fn a_removed_guard_lets_through() {
        // SAFETY: `guarded` maps the range.
        let start = guarded(|at| unsafe { memory::protect(at, size(), false) });
        // SAFETY: the guard was made above, and nobody relies on it.
        unsafe { remove_protected(start).unwrap() };
        assert!(memory::is_readable(start));
        // SAFETY: the range belongs to the test, and is not used any more.
        unsafe { memory::unmap(start, 2 * size()).unwrap() };
    }
}
