//! What the command says: lines on stdout, complaints on stderr, and on a
//! terminal one line that is rewritten.
//!
//! Nobody who reads is no reason to stop serving: errors of writing are ignored.
//! Writing may block for as long as the reader likes, so tasks never write.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Back to the first column, and away with what is there.
const CLEAR: &str = "\r\x1b[K";

/// What does not fit is cut off: a line that went on below could not be overwritten.
const CUT: &str = "\x1b[?7l";
const WRAP: &str = "\x1b[?7h";

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Console {
    /// Whether lines can be rewritten.
    terminal: bool,
    live: Mutex<Live>,
}

#[derive(Debug, Default)]
struct Live {
    /// The line on the screen that the next one overwrites; empty for none.
    line: String,
    /// Whether there shall be no more of them.
    ended: bool,
}

impl Console {
    pub(crate) fn new() -> Self {
        let dumb = env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        Self {
            terminal: io::stdout().is_terminal() && !dumb,
            live: Mutex::default(),
        }
    }

    /// Writes a line to stdout.
    pub(crate) fn say(&self, line: &str) {
        self.lock().aside(|| print(&format!("{line}\n")));
    }

    /// Writes a line to stderr.
    pub(crate) fn complain(&self, line: &str) {
        self.lock().aside(|| complain(line));
    }

    /// Writes a line to stdout that is out of date at the next: on a terminal that
    /// one takes its place.
    pub(crate) fn show(&self, line: &str) {
        let mut live = self.lock();
        if live.ended {
            return;
        }
        if self.terminal {
            print(&format!("{CLEAR}{CUT}{line}{WRAP}"));
            line.clone_into(&mut live.line);
        } else {
            print(&format!("{line}\n"));
        }
    }

    /// Ignores what is [shown](Self::show) from now on.
    pub(crate) fn end_live(&self) {
        let mut live = self.lock();
        if !live.line.is_empty() {
            print(CLEAR);
        }
        *live = Live {
            line: String::new(),
            ended: true,
        };
    }

    /// Leaves the screen to whoever comes next, without waiting for anything.
    pub(crate) fn abandon(&self) {
        if let Ok(live) = self.live.try_lock()
            && !live.line.is_empty()
        {
            print("\n");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    /// Lets something else be written above the live line.
    fn aside(&self, write: impl FnOnce()) {
        if !self.line.is_empty() {
            print(CLEAR);
        }
        write();
        if !self.line.is_empty() {
            print(&format!("{CUT}{}{WRAP}", self.line));
        }
    }
}

/// Writes an error to stderr, in one line.
pub(crate) fn complain(line: &str) {
    let _ = io::stderr().write_all(format!("netpoll: {line}\n").as_bytes());
}

fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
