//! What a loop has of an operator: its descriptor, and what is called for it.
//!
//! It is called as a connection's handler is, so that what a user's code may do (park, panic,
//! name another descriptor each time) it does where nothing is borrowed. Only what was
//! watched here is not watched any more at the end.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use super::looper::Loop;
use super::operator::{Operate, Then};
use super::session::Session;
use super::slot::Key;
use super::{Connection, Next};
use crate::poll;
use crate::sys::epoll::Flags;

/// Both directions have ended, or failed.
const ENDS: Flags = Flags::HUP.union(Flags::ERR);

/// What there is something to read for.
const READS: Flags = Flags::IN.union(Flags::PRI).union(Flags::RDHUP).union(ENDS);

pub(super) struct Operated<F, O> {
    /// Both until the last call.
    parts: Option<(F, O)>,
    watched: Option<Watched>,
}

/// What is watched.
enum Watched {
    /// The descriptor itself, of this number. It may name another one later.
    Itself(RawFd),
    /// A worker watches a descriptor once.
    Duplicate(OwnedFd),
}

impl<F: AsFd + Send + 'static, O: Operate<F>> Operated<F, O> {
    pub(super) fn boxed(descriptor: F, operate: O) -> Box<dyn Session> {
        Box::new(Self {
            parts: Some((descriptor, operate)),
            watched: None,
        })
    }
}

impl<F: AsFd + Send, O: Operate<F>> Session for Operated<F, O> {
    fn start(&mut self, connection: &mut Connection) -> io::Result<()> {
        if let Some((descriptor, _)) = &self.parts {
            self.watched = Some(watch(descriptor.as_fd(), connection.key())?);
        }
        Ok(())
    }

    fn request(&mut self, _: &mut Connection) -> io::Result<Next> {
        Ok(Next::Close)
    }

    fn operate(&mut self, flags: Flags) -> io::Result<Option<Flags>> {
        let Some((descriptor, operate)) = &mut self.parts else {
            return Ok(None);
        };
        let mut left = Flags::empty();
        if flags.intersects(READS) {
            match operate.on_read(descriptor)? {
                Then::Wait => {}
                Then::Again => left |= flags & READS,
                Then::End => return Ok(None),
            }
        }
        if flags.contains(Flags::OUT) {
            match operate.on_write(descriptor)? {
                Then::Wait => {}
                Then::Again => left |= Flags::OUT,
                Then::End => return Ok(None),
            }
        }
        let is_end = flags.intersects(ENDS) && !left.intersects(ENDS);
        Ok((!is_end).then_some(left))
    }

    fn disconnect(&mut self, connection: &mut Connection) {
        let Some((descriptor, operate)) = self.parts.take() else {
            return;
        };
        match self.watched.take() {
            Some(Watched::Itself(number)) => {
                let watched = descriptor.as_fd();
                if watched.as_raw_fd() == number {
                    poll::unwatch(watched);
                }
            }
            Some(Watched::Duplicate(duplicate)) => poll::unwatch(duplicate.as_fd()),
            None => {}
        }
        operate.on_hup(descriptor, connection.error());
    }
}

/// Watches a descriptor, or a duplicate if it is watched already: by another operator, or
/// because a task has waited for it.
fn watch(descriptor: BorrowedFd<'_>, key: Key) -> io::Result<Watched> {
    match poll::watch(descriptor, key.0) {
        Ok(()) => Ok(Watched::Itself(descriptor.as_raw_fd())),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let duplicate = descriptor.try_clone_to_owned()?;
            poll::watch(duplicate.as_fd(), key.0)?;
            Ok(Watched::Duplicate(duplicate))
        }
        Err(error) => Err(error),
    }
}

impl Loop {
    /// Notes what an operator's callbacks have left to be called for again.
    pub(super) fn note_left(&self, key: Key, left: Flags) {
        if let Some(slot) = self.state.borrow_mut().slot(key) {
            slot.need |= left.bits();
        }
    }
}
