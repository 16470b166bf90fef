//! The interleaving of a scene that failed.
//!
//! Each step is noted with the line of netpoll that makes it, and forgotten if the
//! scene holds. The steps of a scene that fails are printed before the panic goes
//! on: run one test of its own to read them.

use std::cell::RefCell;
use std::panic::Location;

use loom::thread::{ThreadId, current};

struct Step {
    thread: ThreadId,
    place: &'static Location<'static>,
    what: &'static str,
    value: u64,
}

thread_local! {
    static STEPS: RefCell<Vec<Step>> = const { RefCell::new(Vec::new()) };
}

/// Notes a step of the running scene.
#[track_caller]
pub(crate) fn note(what: &'static str, value: u64) {
    let step = Step {
        thread: current().id(),
        place: Location::caller(),
        what,
        value,
    };
    STEPS.with_borrow_mut(|steps| steps.push(step));
}

/// Forgets the steps: a scene begins.
pub(crate) fn clear() {
    STEPS.with_borrow_mut(Vec::clear);
}

/// Prints the steps if it is dropped by a panic.
pub(crate) struct PrintOnPanic;

impl Drop for PrintOnPanic {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        STEPS.with_borrow(|steps| {
            for step in steps {
                let (thread, place) = (step.thread, step.place);
                eprintln!("{thread:?} {place} {} {:#x}", step.what, step.value);
            }
        });
    }
}
