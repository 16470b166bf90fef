//! SIGINT and SIGTERM: the first is a wish to end in good order, the second ends the
//! process where it is.
//!
//! The thread that waits for them writes nothing, so that nothing holds it up.

use std::io;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};

/// The signals, handled from the moment this exists.
#[derive(Debug)]
pub(crate) struct Signals(signal_hook::iterator::Signals);

/// The same signal twice within this long is one wish: `timeout` sends one to the
/// process and one to its group, terminals and supervisors one each.
const SAME_WISH: Duration = Duration::from_millis(50);

impl Signals {
    pub(crate) fn register() -> io::Result<Self> {
        signal_hook::iterator::Signals::new([SIGINT, SIGTERM]).map(Self)
    }

    /// Waits for them on a thread: calls `end` at the first, and `abandon` right
    /// before the process ends at the second.
    pub(crate) fn watch(
        self,
        end: impl FnOnce() + Send + 'static,
        abandon: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || self.obey(end, abandon))
            .map(drop)
    }

    fn obey(mut self, end: impl FnOnce(), abandon: impl FnOnce()) {
        let mut signals = self.0.forever();
        let Some(first) = signals.next() else { return };
        let at = Instant::now();
        end();
        let again = signals.find(|signal| *signal != first || at.elapsed() >= SAME_WISH);
        if let Some(signal) = again {
            abandon();
            std::process::exit(128 + signal);
        }
    }
}
