//! `serve echo`: what comes in goes back.
//!
//! | file | idea |
//! |---|---|
//! | `handler` | by a function that is called when something has come |
//! | `task` | by a task that waits for it |
//! | `frames` | which frames have come |

mod frames;
mod handler;
mod task;

use std::sync::Arc;

use super::counters::Sum;
use super::figures::Rates;
use super::report::Report;
use super::{About, Service};
use crate::args::{Mode, ServeEcho};
use crate::units::{many, size};
use frames::TooLong;

/// See the [module](self).
#[derive(Clone, Copy, Debug)]
pub(super) struct Echo {
    mode: Mode,
    framed: bool,
}

impl Echo {
    pub(super) fn new(options: &ServeEcho) -> Self {
        Self {
            mode: options.mode,
            framed: options.framed,
        }
    }

    /// What serves the connections.
    pub(super) fn service(self, report: &Arc<Report>) -> Arc<dyn Service> {
        let report = Arc::clone(report);
        match (self.mode, self.framed) {
            (Mode::Handler, false) => Arc::new(handler::plain()),
            (Mode::Handler, true) => Arc::new(handler::framed(report)),
            (Mode::Task, false) => Arc::new(task::plain()),
            (Mode::Task, true) => Arc::new(task::framed(report)),
        }
    }
}

impl About for Echo {
    fn name(&self) -> String {
        let what = if self.framed { "framed echo" } else { "echo" };
        match self.mode {
            Mode::Handler => format!("{what} by handler"),
            Mode::Task => format!("{what} by task"),
        }
    }

    fn rates(&self, rates: &Rates) -> String {
        format!("{}/s, {:.0} requests/s", size(rates.bytes), rates.requests)
    }

    fn totals(&self, sum: &Sum) -> String {
        format!("{} echoed", many(sum.bytes, "byte"))
    }
}

/// Says that a client has announced more than it may.
fn complain(report: &Report, why: TooLong) {
    report.failed("reading a frame", why.to_string());
}
