//! The stack that signal handlers run on when the thread's own has no room.
//!
//! Threads made by std have one, if std's runtime started the program. A thread
//! made by other means, or any thread of a program whose `main` is not Rust's,
//! gets one here; it is freed when the thread ends.
//!
//! ```text
//!   +---------+---------------------------------------------+
//!   |  guard  | 32 KiB, and what the kernel saves registers in |
//!   +---------+---------------------------------------------+
//! ```

use std::cell::Cell;
use std::ptr;

use super::guard;
use crate::sys::memory;

/// For the handlers themselves. Others' run here too (a crash reporter's).
const ROOM: usize = 32 << 10;

/// Gives the calling thread an alternate signal stack, if it has none. Without
/// memory for it the thread stays without, and an overflow is then a plain
/// SIGSEGV.
pub(crate) fn ensure_alternate_stack() {
    if current().ss_flags & libc::SS_DISABLE == 0 {
        return;
    }
    let Some(own) = Alternate::install() else {
        return;
    };
    thread_local! {
        static OWN: Cell<Option<Alternate>> = const { Cell::new(None) };
    }
    // In a thread that is ending, it is removed again at once.
    let _ending = OWN.try_with(|slot| slot.set(Some(own)));
}

/// The calling thread's alternate stack.
fn current() -> libc::stack_t {
    let mut current = libc::stack_t {
        ss_sp: ptr::null_mut(),
        ss_flags: libc::SS_DISABLE,
        ss_size: 0,
    };
    // SAFETY: null means no change, and `current` is valid for writes.
    unsafe { libc::sigaltstack(ptr::null(), &mut current) };
    current
}

/// An alternate stack of the calling thread, with its guard.
struct Alternate {
    start: usize,
    len: usize,
}

impl Alternate {
    fn install() -> Option<Alternate> {
        // What a signal needs depends on the processor's registers; 0 if the
        // kernel does not say.
        // SAFETY: getauxval has no preconditions.
        let frame = unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) } as usize;
        let usable = (ROOM + frame).next_multiple_of(memory::page_size());
        let len = guard::size() + usable;
        let start = memory::map(len).ok()?;
        let own = Alternate { start, len };
        // SAFETY: the range has just been mapped, and nobody uses it.
        unsafe { guard::install(start) }.ok()?;
        let stack = libc::stack_t {
            ss_sp: ptr::with_exposed_provenance_mut(start + guard::size()),
            ss_flags: 0,
            ss_size: usable,
        };
        // SAFETY: the stack stays mapped until `drop`, which disables it first.
        let installed = unsafe { libc::sigaltstack(&stack, ptr::null_mut()) } == 0;
        installed.then_some(own)
    }
}

impl Drop for Alternate {
    fn drop(&mut self) {
        let mut unused = true;
        if current().ss_sp.addr() == self.start + guard::size() {
            let none = libc::stack_t {
                ss_sp: ptr::null_mut(),
                ss_flags: libc::SS_DISABLE,
                ss_size: 0,
            };
            // Fails for a thread that ends inside a signal handler, and so
            // still runs there.
            // SAFETY: `none` is valid for reads, null for no result.
            unused = unsafe { libc::sigaltstack(&none, ptr::null_mut()) } == 0;
        }
        if unused {
            // SAFETY: the range was mapped by `install`, and no thread has it
            // for its stack any more.
            let _leaked_on_error = unsafe { memory::unmap(self.start, self.len) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_succeeded, is_child};
    use super::*;

    /// Runs on a thread that std did not make.
    fn on_a_foreign_thread(body: extern "C" fn(*mut libc::c_void) -> *mut libc::c_void) -> usize {
        let mut thread = 0;
        let mut result = ptr::null_mut();
        // SAFETY: all pointers are valid or null where null is allowed.
        unsafe {
            assert_eq!(
                libc::pthread_create(&mut thread, ptr::null(), body, ptr::null_mut()),
                0
            );
            assert_eq!(libc::pthread_join(thread, &mut result), 0);
        }
        result.addr()
    }

    extern "C" fn ensure_twice(_: *mut libc::c_void) -> *mut libc::c_void {
        if current().ss_flags & libc::SS_DISABLE == 0 {
            return ptr::null_mut();
        }
        ensure_alternate_stack();
        let first = current();
        ensure_alternate_stack();
        let second = current();
        if first.ss_flags != 0 || first.ss_sp != second.ss_sp || first.ss_size < ROOM {
            return ptr::null_mut();
        }
        first.ss_sp
    }

    #[test]
    fn a_thread_gets_one_alternate_stack_and_gives_it_back() {
        // In a process of its own, where nobody else maps memory meanwhile.
        if is_child() {
            let stack = on_a_foreign_thread(ensure_twice);
            assert_ne!(stack, 0, "what the thread checked, which must not panic");
            let mut pages = vec![0_u8; ROOM.div_ceil(memory::page_size())];
            let start = ptr::with_exposed_provenance_mut(stack);
            // SAFETY: `pages` has a byte for each page asked about.
            let result = unsafe { libc::mincore(start, ROOM, pages.as_mut_ptr()) };
            assert_eq!(result, -1, "the alternate stack is still mapped");
            return;
        }
        assert_succeeded("alternate::tests::a_thread_gets_one_alternate_stack_and_gives_it_back");
    }

    #[test]
    fn a_thread_that_has_one_keeps_it() {
        let before = current();
        ensure_alternate_stack();
        let after = current();
        if before.ss_flags & libc::SS_DISABLE == 0 {
            assert_eq!(before.ss_sp, after.ss_sp);
        }
        assert_eq!(after.ss_flags & libc::SS_DISABLE, 0);
    }
}
