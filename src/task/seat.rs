//! The place of a thread that waits and is no task.
//!
//! It has a slot like a task's, by which wakers find it, and a home of which only
//! the bell is used. A thread takes its seat when it first waits and keeps it until
//! it ends.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use super::clock::Time;
use super::home::Home;
use super::task::{TASKS, Task};
use super::wait::Reason;
use super::word::Outcome;
use crate::sys::eventfd::EventFd;
use crate::sys::poll::{Interest, poll};

/// How often a thread without a bell looks up.
const LOOK_UP: Duration = Duration::from_millis(10);

/// See the [module](self).
pub(super) struct Seat {
    parts: Parts,
    /// Whether the thread keeps it beyond this use.
    kept: bool,
}

#[derive(Clone, Copy)]
struct Parts {
    task: &'static Task,
    home: &'static Home,
    bell: Option<RawFd>,
}

impl Seat {
    /// The seat of the calling thread.
    pub(super) fn of_thread() -> Self {
        struct Owned(Parts);
        impl Drop for Owned {
            fn drop(&mut self) {
                self.0.give_back();
            }
        }
        thread_local! {
            static SEAT: Owned = Owned(Parts::take());
        }
        match SEAT.try_with(|owned| owned.0) {
            Ok(parts) => Self { parts, kept: true },
            // The destructor of another thread-local waits when this one is gone.
            Err(_) => Self {
                parts: Parts::take(),
                kept: false,
            },
        }
    }

    pub(super) fn task(&self) -> &'static Task {
        self.parts.task
    }

    /// Blocks the thread until the wait is ended, the deadline comes, or the
    /// descriptor of the reason is ready.
    pub(super) fn block(&self, reason: Reason, deadline: Time) -> Outcome {
        let word = &self.parts.task.word;
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
        let bell = self.parts.bell.map(borrow);
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
            self.parts.home.with_bell(EventFd::drain);
        }
        ready
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if !self.kept {
            self.parts.give_back();
        }
    }
}

impl Parts {
    fn take() -> Self {
        let task = TASKS.take();
        // Without a descriptor to spare the thread looks up now and then.
        let bell = EventFd::new().ok();
        let number = bell.as_ref().map(|bell| bell.as_fd().as_raw_fd());
        let home = Home::for_thread(bell);
        task.set_home(home);
        Self {
            task,
            home,
            bell: number,
        }
    }

    fn give_back(self) {
        self.task.leave_home();
        TASKS.give_back(&[self.task.index]);
        self.home.give_back();
    }
}
