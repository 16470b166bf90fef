//! The place of a thread that waits and is no task.
//!
//! It has a slot like a task's, by which wakers find it, and a home of which only
//! the bell is used. A thread takes its seat when it first waits and keeps it until
//! it ends; then another thread may take it.
//!
//! The two are a pair for ever. A thread looks for itself whether its wait has
//! ended, so it may be gone when the waker that ended it gets around to ringing. The
//! waker then rings for whoever has the seat next, who looks, and waits on.

use std::cell::Cell;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::clock::Time;
use super::home::Home;
use super::task::{TASKS, Task};
use super::wait::Reason;
use super::word::Outcome;
use crate::sys::eventfd::EventFd;
use crate::sys::fork;
use crate::sys::poll::{Interest, poll};

/// How often a thread without a bell looks up.
const LOOK_UP: Duration = Duration::from_millis(10);

/// See the [module](self).
#[derive(Clone, Copy)]
pub(super) struct Seat {
    task: &'static Task,
    home: &'static Home,
    bell: Option<RawFd>,
    /// A process that was forked shares the bells of its parent; see [`fork`].
    generation: u32,
}

/// Seats that nobody has.
static VACANT: Mutex<Vec<Seat>> = Mutex::new(Vec::new());

/// Gives the seat back when the thread ends.
struct Watch;

thread_local! {
    /// Without a destructor, so that the destructors of others can still wait.
    static SEAT: Cell<Option<Seat>> = const { Cell::new(None) };
    static WATCH: Watch = const { Watch };
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(seat) = SEAT.take() {
            seat.give_back();
        }
    }
}

impl Seat {
    /// The seat of the calling thread.
    pub(super) fn of_thread() -> Self {
        let generation = fork::generation();
        match SEAT.get() {
            Some(seat) if seat.generation == generation => seat,
            Some(seat) => seat.with_bell(EventFd::new().ok(), generation),
            // A thread that is so far at its end that nobody watches it keeps the
            // seat for good, and does without a bell, which would stay open.
            None => match WATCH.try_with(|_| ()) {
                Ok(()) => Self::take().with_bell(EventFd::new().ok(), generation),
                Err(_) => Self::take().with_bell(None, generation),
            },
        }
    }

    fn take() -> Self {
        let vacant = VACANT.lock().unwrap_or_else(PoisonError::into_inner).pop();
        vacant.unwrap_or_else(|| {
            let (task, home) = (TASKS.take(), Home::for_threads());
            task.set_home(home);
            Self {
                task,
                home,
                bell: None,
                generation: 0,
            }
        })
    }

    /// Makes this the calling thread's seat. Without a bell, for want of a descriptor,
    /// it looks up now and then.
    fn with_bell(self, bell: Option<EventFd>, generation: u32) -> Self {
        let seat = Self {
            bell: bell.as_ref().map(|bell| bell.as_fd().as_raw_fd()),
            generation,
            ..self
        };
        self.home.set_bell(bell);
        SEAT.set(Some(seat));
        seat
    }

    fn give_back(self) {
        self.home.set_bell(None);
        self.task.token.end();
        VACANT
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(self);
    }

    pub(super) fn task(&self) -> &'static Task {
        self.task
    }

    /// Blocks the thread until the wait is ended, the deadline comes, or the
    /// descriptor of the reason is ready.
    pub(super) fn block(&self, reason: Reason, deadline: Time) -> Outcome {
        let word = &self.task.word;
        if word.park() {
            loop {
                let ready = self.block_once(reason, deadline);
                if word.is_woken() || ready {
                    break;
                }
                if deadline.is_past() {
                    return word.finish().unwrap_or(Outcome::Deadline);
                }
            }
        }
        word.finish().unwrap_or(Outcome::Woken)
    }

    /// Blocks once; returns whether the descriptor is ready.
    fn block_once(&self, reason: Reason, deadline: Time) -> bool {
        let (number, interest) = match reason {
            Reason::Read(number) => (Some(number), Interest::Read),
            Reason::Write(number) => (Some(number), Interest::Write),
            _ => (None, Interest::Read),
        };
        // SAFETY: the caller of `Wait` holds the descriptor open until the wait ends.
        let fd = number.map(|number| unsafe { BorrowedFd::borrow_raw(number) });
        // SAFETY: the bell stays open as long as the thread has its seat.
        let borrow = |number| unsafe { BorrowedFd::borrow_raw(number) };
        let bell = self.bell.map(borrow);
        let left = (deadline != Time::NEVER).then(|| deadline.since(Time::now()));
        let timeout = match bell {
            Some(_) => left,
            None => Some(left.map_or(LOOK_UP, |left| left.min(LOOK_UP))),
        };
        let fds = [
            bell.map(|bell| (bell, Interest::Read)),
            fd.map(|fd| (fd, interest)),
        ];
        let [rung, ready] = poll(fds, timeout);
        if rung {
            self.home.with_bell(EventFd::drain);
        }
        ready
    }
}
