//! What is shown while a load runs: a bar on a terminal, otherwise a line a second.
//!
//! On stderr, so that stdout has the figures and nothing else.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::tally::Live;
use crate::units::{many, size};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Progress {
    view: View,
    shown: Mutex<Shown>,
}

#[derive(Debug)]
enum View {
    Bar(ProgressBar),
    Lines,
    Nothing,
}

/// What was shown last.
#[derive(Debug)]
struct Shown {
    live: Live,
    at: Instant,
}

/// How a load stands.
pub(super) struct Standing {
    /// How much is done, of how much.
    pub(super) done: u64,
    pub(super) all: u64,
    pub(super) passed: Duration,
    pub(super) live: Live,
    pub(super) open: usize,
    pub(super) failed: u64,
    pub(super) stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    WarmUp,
    Measuring,
    LastAnswers,
}

impl Progress {
    pub(super) fn new(quiet: bool) -> Self {
        let view = if quiet {
            View::Nothing
        } else if io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{bar:20} {msg}");
            bar.set_style(style.expect("the template is right"));
            View::Bar(bar)
        } else {
            View::Lines
        };
        let shown = Shown {
            live: Live::default(),
            at: Instant::now(),
        };
        Self {
            view,
            shown: Mutex::new(shown),
        }
    }

    pub(super) fn connecting(&self, standing: usize, wanted: usize) {
        let line = format!("connecting: {standing} of {wanted}");
        self.show(&line, standing as u64, wanted as u64);
    }

    /// The load begins now.
    pub(super) fn begin(&self) {
        self.shown().at = Instant::now();
        if let View::Bar(bar) = &self.view {
            bar.set_message("started");
        }
    }

    pub(super) fn running(&self, standing: &Standing) {
        let mut shown = self.shown();
        let passed = shown.at.elapsed().as_secs_f64();
        let rate = |before: u64, now: u64| (now - before) as f64 / passed;
        let mut line = format!(
            "{} s: {:.0} requests/s, {}/s, {}",
            standing.passed.as_secs(),
            rate(shown.live.answered, standing.live.answered),
            size(rate(shown.live.bytes, standing.live.bytes)),
            many(standing.open as u64, "connection"),
        );
        *shown = Shown {
            live: standing.live,
            at: Instant::now(),
        };
        drop(shown);
        if standing.failed > 0 {
            line += &format!(", {} failed", standing.failed);
        }
        match standing.stage {
            Stage::WarmUp => line += " (warm-up)",
            Stage::Measuring => {}
            Stage::LastAnswers => line += " (last answers)",
        }
        self.show(&line, standing.done, standing.all);
    }

    /// Something that stays.
    pub(super) fn note(&self, line: &str) {
        let write = || drop(io::stderr().write_all(format!("netpoll: {line}\n").as_bytes()));
        match &self.view {
            View::Bar(bar) => bar.suspend(write),
            View::Lines | View::Nothing => write(),
        }
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        if let View::Bar(bar) = &self.view {
            bar.finish_and_clear();
        }
    }

    /// Leaves the screen to whoever comes next.
    pub(super) fn abandon(&self) {
        if let View::Bar(bar) = &self.view {
            bar.abandon();
        }
    }

    fn show(&self, line: &str, done: u64, all: u64) {
        match &self.view {
            View::Bar(bar) => {
                bar.set_length(all.max(1));
                bar.set_position(done.min(all));
                bar.set_message(line.to_owned());
            }
            // Nobody who reads is no reason to stop.
            View::Lines => drop(io::stderr().write_all(format!("{line}\n").as_bytes())),
            View::Nothing => {}
        }
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
