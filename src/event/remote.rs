//! What other threads reach of a loop.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Options;
use super::census::Question;
use super::even::Busyness;
use super::guarded::guarded;
use super::handle::Shared;
use super::mailbox::Mailbox;
use super::session::Session;
use super::slot::Extra;
use super::tally::{Counted, Tally};
use crate::fd::Closed;
use crate::sys::fork;
use crate::task::{Time, Waker};

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a loop is told.
pub(super) enum Command {
    /// Here is a connection.
    Adopt(Adoption),
    /// Here is an operator.
    Watch {
        session: Box<dyn Session>,
        shared: Arc<Shared>,
        counted: Counted,
    },
    /// There is something in a handle's inbox.
    Look(Arc<Shared>),
    /// End the connections, as soon as all that was received is answered.
    Drain,
    /// End those that are left, and say how many of them were owed something.
    CutOff(Question),
    /// Give idle connections to another one, so many at most.
    Share(usize, Arc<Remote>),
    /// There will be no more connections.
    Leave,
}

impl Command {
    /// There is no loop any more that could obey.
    fn refuse(self) {
        match self {
            Self::Adopt(adoption) => {
                if let Some(shared) = adoption.extra.as_ref().and_then(|it| it.shared.as_ref()) {
                    let _ = shared.finish(Err(Closed::error()));
                }
            }
            Self::Watch { shared, .. } => {
                let _ = shared.finish(Err(Closed::error()));
            }
            // It is not for who refuses to say that the connection has ended: it may be on
            // its way from here to another loop, and whoever has it looks when it comes.
            Self::Look(_) => {}
            Self::Drain | Self::CutOff(_) | Self::Share(..) | Self::Leave => {}
        }
    }
}

/// A connection on its way to a loop.
pub(super) struct Adoption {
    pub(super) fd: OwnedFd,
    pub(super) session: Box<dyn Session>,
    /// What was received before, and what else it has already.
    pub(super) extra: Option<Box<Extra>>,
    /// It was prepared elsewhere.
    pub(super) started: bool,
    /// How many bytes its handler wants to see.
    pub(super) need: u32,
    /// When something last happened, unless it is new.
    pub(super) active_at: Option<Time>,
    /// A short read proves nothing.
    pub(super) sticky: bool,
    pub(super) counted: Counted,
}

/// How far the end of an event loop has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    NotYet,
    /// Connections end when what was received is answered.
    Drains,
    /// Those that are left have been ended.
    CutOff,
}

/// One event loop's part of one worker, for the others.
pub(super) struct Remote {
    pub(super) options: Arc<Options>,
    pub(super) tally: Arc<Tally>,
    commands: Mailbox<Command>,
    /// There will be no more connections.
    pub(super) has_left: AtomicBool,
    /// How far the end has come. Only the loop uses it.
    ending: AtomicU8,
    /// How many of its handlers are parked here. Only the loop uses it.
    pub(super) parked: AtomicUsize,
    /// How many connections are here, or on their way.
    pub(super) connections: AtomicUsize,
    pub(super) busyness: Busyness,
}

impl Remote {
    pub(super) fn new(options: &Arc<Options>, tally: &Arc<Tally>) -> Arc<Self> {
        Arc::new(Self {
            options: Arc::clone(options),
            tally: Arc::clone(tally),
            commands: Mailbox::new(),
            ending: AtomicU8::new(0),
            has_left: AtomicBool::new(false),
            parked: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            busyness: Busyness::default(),
        })
    }

    pub(super) fn send(&self, command: Command) {
        if let Err(command) = self.try_send(command) {
            command.refuse();
        }
    }

    /// Gives the command back if there is no loop any more that could obey, or it is the
    /// parent's of this process.
    pub(super) fn try_send(&self, command: Command) -> Result<(), Command> {
        if fork::is_child() {
            return Err(command);
        }
        self.commands.send(command)
    }

    /// A driver is about to wait. Returns whether it need not.
    pub(super) fn listen(&self, waker: Waker) -> bool {
        self.commands.listen(waker)
    }

    /// Whether nobody needs to listen any more. Then nothing is taken any more, either.
    pub(super) fn is_done(&self) -> bool {
        // A connection counts before it is sent here.
        let is_unused = || self.connections.load(Ordering::Relaxed) == 0;
        self.has_left.load(Ordering::Relaxed) && self.commands.close_if_unused(is_unused)
    }

    #[inline]
    pub(super) fn has_commands(&self) -> bool {
        self.commands.is_pending()
    }

    pub(super) fn take(&self) -> Vec<Command> {
        self.commands.take()
    }

    /// The loop ends: what is sent from now on is refused, as is what was not obeyed.
    pub(super) fn close(&self) {
        for command in self.commands.close() {
            // A session on its way has what is a user's.
            let _ = guarded(|| {
                command.refuse();
                Ok(())
            });
        }
    }

    /// Whether there is no loop any more.
    pub(super) fn is_closed(&self) -> bool {
        self.commands.is_closed()
    }

    pub(super) fn ending(&self) -> Ending {
        match self.ending.load(Ordering::Relaxed) {
            0 => Ending::NotYet,
            1 => Ending::Drains,
            _ => Ending::CutOff,
        }
    }

    /// Connections that were on their way meanwhile come to the same.
    pub(super) fn set_ending(&self, ending: Ending) {
        self.ending.store(ending as u8, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::handle::ConnectionHandle;
    use crate::event::slot::Key;

    /// A connection is on its way to another loop when the one that it comes from has no
    /// other and is forgotten, and then a handle asks for something.
    #[test]
    fn a_loop_that_is_forgotten_ends_no_connection_that_has_moved() {
        let (options, tally) = (Arc::new(Options::new()), Arc::default());
        let [from, to] = [(); 2].map(|()| Remote::new(&options, &tally));
        let shared = Shared::new(&from, Key(0));
        let handle = ConnectionHandle {
            shared: Arc::clone(&shared),
        };
        let on_its_way = Counted::new(&to);
        from.has_left.store(true, Ordering::Relaxed);
        assert!(from.is_done());
        handle.try_write("asked for meanwhile").unwrap();
        assert!(handle.is_active(), "it is ended by who has it");
        assert_eq!(lock(&shared.inbox).output.malloc_len(), 19);
        drop(on_its_way);
    }
}
