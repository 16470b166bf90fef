//! Where a connection is while its handler runs, and what that waits for.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use super::handle::too_late;
use super::looper::Loop;
use super::slot::{Extra, Key, Slot, flag};
use crate::buf::{LinkBuffer, Sink};
use crate::fd::{Cancelled, Closed, again};
use crate::task::{Outcome, Reason, Time, Wait, Waker};

/// Where the connection is, and where more comes from.
pub(super) struct Place {
    pub(super) home: Rc<Loop>,
    /// Which driver's working set it is.
    driver: u64,
    pub(super) key: Cell<Key>,
    /// How much was received for the input, in all.
    pub(super) given: Cell<u64>,
    /// For how long a handler has waited for more to read since it consumed something:
    /// that was when so much had been consumed.
    pub(super) waited: Cell<(u64, Duration)>,
}

const NO_KEY: Key = Key(u64::MAX >> 1);

impl Place {
    pub(super) fn new(home: Rc<Loop>, driver: u64) -> Self {
        Self {
            home,
            driver,
            key: Cell::new(NO_KEY),
            given: Cell::new(0),
            waited: Cell::new((0, Duration::ZERO)),
        }
    }

    pub(super) fn driver(&self) -> u64 {
        self.driver
    }

    #[inline]
    pub(super) fn enter(&self, key: Key) {
        self.key.set(key);
        self.waited.take();
    }

    pub(super) fn leave(&self) {
        self.key.set(NO_KEY);
    }

    pub(super) fn with_slot<R>(&self, f: impl FnOnce(&mut Slot) -> R) -> Option<R> {
        self.home.state.borrow_mut().slot(self.key.get()).map(f)
    }

    /// Whether it is worth reading or writing.
    pub(super) fn check(&self) -> io::Result<()> {
        let checked = self.with_slot(|slot| {
            if slot.has(flag::CLOSING | flag::BROKEN | flag::GONE) {
                let error = slot.extra.as_ref().and_then(|extra| extra.error.as_ref());
                return Err(match error {
                    Some(error) => again(error),
                    None => Closed::error(),
                });
            }
            Ok(())
        });
        checked.unwrap_or_else(|| Err(Closed::error()))
    }

    /// Waits until something happens, which `listen` has noted where to look for.
    pub(super) fn wait(
        &self,
        deadline: Time,
        listen: impl FnOnce(&mut Extra, Waker),
    ) -> io::Result<Outcome> {
        self.home.state.borrow_mut().send_all();
        let wait = Wait::begin(Reason::Events);
        let waker = wait.waker();
        if self.with_slot(|slot| listen(slot.extra(), waker)).is_none() {
            return Err(Closed::error());
        }
        match wait.park(deadline) {
            Outcome::Cancelled => Err(Cancelled::error()),
            outcome => Ok(outcome),
        }
    }

    fn output_waits_above_mark(&self) -> bool {
        let mut state = self.home.state.borrow_mut();
        let Some(options) = state.options(self.key.get()) else {
            return false;
        };
        // The turn of who has parked is over, and the driver may be asleep.
        let has_parked = self.home.driver() != self.driver;
        if has_parked || state.put_bytes() > options.high_mark {
            state.send_all();
        }
        let slot = state.slot(self.key.get());
        slot.is_some_and(|slot| slot.has(flag::OVER))
    }

    /// Waits until enough was sent, or the write deadline has come.
    pub(super) fn wait_while(&self, waits: impl Fn(&mut Slot) -> bool) -> io::Result<()> {
        while self.with_slot(&waits).unwrap_or(false) {
            self.check()?;
            let deadline = self.write_deadline();
            if deadline.is_past() {
                return Err(too_late());
            }
            self.wait(deadline, |extra, waker| extra.writer = Some(waker))?;
        }
        Ok(())
    }

    pub(super) fn read_deadline(&self) -> Time {
        let deadline = self.with_slot(|slot| slot.extra.as_ref()?.read_deadline);
        deadline.flatten().unwrap_or(Time::NEVER)
    }

    fn write_deadline(&self) -> Time {
        let deadline = self.with_slot(|slot| Some(slot.shared()?.write_deadline()));
        deadline.flatten().unwrap_or(Time::NEVER)
    }
}

impl Sink for Place {
    fn flush(&self, output: &mut LinkBuffer) -> io::Result<()> {
        self.home.state.borrow_mut().put(self.key.get(), output);
        if self.output_waits_above_mark() {
            self.wait_while(|slot| slot.has(flag::OVER))?;
        }
        self.check()
    }
}
