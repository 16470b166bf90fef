//! A closure that borrows, lent to another thread while its task waits.
//!
//! ```text
//!  the task:       the closure and a place for its result, on its own stack
//!                     |  a Loan: a pointer to both, and a packet
//!                     v
//!  somebody else:  runs the closure there, leaves the result there,
//!                  and then gives the loan back, by dropping it
//!                     |
//!                     v
//!  the task:       goes on, and takes the result
//! ```
//!
//! The other thread works on the frame of a function that waits, so that function
//! must neither return nor unwind before the loan is back. It does not:
//!
//! - The loan is given back by its destructor and by nothing else. Whoever has it
//!   runs it, drops it or leaks it; if it is leaked, the task waits for ever.
//! - While it is out, a panic in handing it over, or in waiting, ends the process.
//! - A task is never unwound from outside, and a stack that has frames on it is
//!   neither moved, reused nor freed, also where its runtime has ended. What is given
//!   back of the memory of a parked task lies below its frames.
//!
//! What the other thread did there is seen: it comes before the end of the packet,
//! which `join` acquires.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::join::{Ended, Packet};
use super::or_abort::or_abort;

/// What lies on the stack of who lends.
struct Lent<F, T> {
    f: Option<F>,
    ended: Option<Ended<T>>,
}

/// The right to run a closure that was lent; its drop gives it back.
pub(crate) struct Loan {
    /// The [`Lent`] that `run` knows the type of. A raw pointer: it promises nothing,
    /// so it may outlive, in the frames of who has run it, what it points to.
    lent: *mut (),
    run: unsafe fn(*mut ()),
    back: Arc<Packet<()>>,
}

// SAFETY: what it points to, a closure and its result, is `Send`: `lend` demands it.
unsafe impl Send for Loan {}

impl Loan {
    /// Runs the closure. Does not panic: its panic is left with who lent it.
    pub(crate) fn run(self) {
        // SAFETY: `lend` made the two for each other, and does not return before
        // this loan is dropped. This is the only one, and is used up here.
        unsafe { (self.run)(self.lent) };
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        // From here on, the frame that lent may be gone.
        self.back.end(Ok(()));
    }
}

/// # Safety
///
/// `lent` points to a `Lent<F, T>` that nobody else touches until this has returned.
unsafe fn run<F: FnOnce() -> T, T>(lent: *mut ()) {
    // SAFETY: the caller promises it. The reference ends with this function, before
    // the loan is given back.
    let lent = unsafe { &mut *lent.cast::<Lent<F, T>>() };
    let f = lent.f.take().expect("a loan is run once");
    lent.ended = Some(catch_unwind(AssertUnwindSafe(f)));
}

/// Gives a closure to `submit` and waits until somebody has run it; returns what it
/// returned, or panicked with.
///
/// The caller has made sure that it may wait. No deadline bounds that, and it cannot
/// be cancelled. `submit` sees to it that the loan is run, here or elsewhere; if it
/// panics, the process ends.
pub(crate) fn lend<F, T>(f: F, submit: impl FnOnce(Loan)) -> Ended<T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    let mut lent = Lent {
        f: Some(f),
        ended: None,
    };
    let back = Arc::new(Packet::new());
    let loan = Loan {
        lent: (&raw mut lent).cast(),
        run: run::<F, T>,
        back: Arc::clone(&back),
    };
    let returned = or_abort("a task cannot wait for what it has lent", || {
        submit(loan);
        back.join()
    });
    returned.expect("a loan is given back without a panic");
    lent.ended.expect("a loan is run")
}

#[cfg(test)]
mod tests {
    use super::lend;
    use std::panic::panic_any;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    #[test]
    fn a_closure_borrows_from_the_frame_that_waits() {
        let mut buffer = [0_u8; 64];
        for round in 1..=100 {
            let half = &mut buffer[..32];
            let ended = lend(
                || {
                    half.fill(round);
                    half.len()
                },
                |loan| drop(thread::spawn(|| loan.run())),
            );
            assert_eq!(ended.unwrap(), 32);
            assert_eq!(buffer[..33], [&[round; 32][..], &[0]].concat());
        }
    }

    #[test]
    fn a_panic_comes_back() {
        let ended = lend(
            || panic_any(7_u8),
            |loan| drop(thread::spawn(|| loan.run())),
        );
        let ended: Result<(), _> = ended;
        assert_eq!(ended.unwrap_err().downcast_ref(), Some(&7_u8));
    }

    #[test]
    fn it_may_be_run_in_place() {
        assert_eq!(lend(|| 6 * 7, |loan| loan.run()).unwrap(), 42);
    }

    #[test]
    fn captures_and_results_are_dropped_once() {
        struct Counted<'a>(&'a AtomicUsize);
        impl Drop for Counted<'_> {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let drops = AtomicUsize::new(0);
        let (kept, captured) = (Counted(&drops), Counted(&drops));
        let returned = lend(
            || {
                let _captured = captured;
                kept
            },
            |loan| drop(thread::spawn(|| loan.run())),
        );
        assert_eq!(drops.load(Ordering::Relaxed), 1);
        drop(returned);
        assert_eq!(drops.load(Ordering::Relaxed), 2);
    }
}
