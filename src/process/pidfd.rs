//! Waiting for a process.
//!
//! std reaps: its handle knows whether that has been done, and never asks the system for
//! a number that may have come to mean another process. The descriptor, which is opened
//! only while the child has not been reaped, says when that is worth trying.

use std::io;
use std::os::fd::AsFd;
use std::process::ExitStatus;
use std::time::Duration;

use crate::fd::{Fd, ShortRead};
use crate::poll::Way;
use crate::sched::run_blocking;
use crate::sys::pidfd;
use crate::sys::socket::{Errno, Fault};
use crate::task::Time;
use crate::thread;

/// The longest and the shortest sleep between two looks, where there is no descriptor.
const LOOK_UP_FIRST: Duration = Duration::from_millis(1);
const LOOK_UP_MOST: Duration = Duration::from_millis(50);

/// A child, and what says when it has ended.
pub(super) struct Process {
    child: std::process::Child,
    /// Never there when the child has been reaped.
    fd: Option<Fd>,
}

impl Process {
    /// One that was not waited for since it was started.
    pub(super) fn started(child: std::process::Child) -> Self {
        let mut process = Self::from_elsewhere(child);
        process.open();
        process
    }

    /// One that may have been waited for. Its number says nothing before std has looked,
    /// and looking reaps: whoever waits does that.
    pub(super) fn from_elsewhere(child: std::process::Child) -> Self {
        Self { child, fd: None }
    }

    /// Opens the descriptor. The child has not been reaped.
    fn open(&mut self) {
        self.fd = pidfd::open(self.child.id()).map(Fd::new);
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = self.child.try_wait()?;
        if status.is_some() {
            self.fd = None;
        }
        Ok(status)
    }

    pub(super) fn kill(&mut self) -> io::Result<()> {
        match &self.fd {
            Some(fd) => pidfd::kill(fd.as_fd()),
            None => self.child.kill(),
        }
    }

    /// Waits until it has ended; `None` if the deadline comes first.
    pub(super) fn wait(&mut self, deadline: Time) -> io::Result<Option<ExitStatus>> {
        if let Some(status) = self.try_wait()? {
            return Ok(Some(status));
        }
        if self.fd.is_none() {
            // It may have been for want of a descriptor to spare.
            self.open();
        }
        if self.fd.is_some() {
            self.wait_ready(deadline)
        } else if deadline == Time::NEVER {
            run_blocking(|| self.child.wait())?.map(Some)
        } else {
            self.look_up(deadline)
        }
    }

    fn wait_ready(&mut self, deadline: Time) -> io::Result<Option<ExitStatus>> {
        let Self { child, fd } = self;
        let fd = fd.as_ref().expect("the caller has looked");
        fd.set_deadline(Way::Read, deadline);
        let mut status = None;
        let waited = fd.read_with(ShortRead::ProvesNothing, |_| match child.try_wait() {
            Ok(Some(ended)) => {
                status = Some(ended);
                Ok(1)
            }
            Ok(None) => Err(Fault::WouldBlock),
            Err(error) => Err(Fault::Error(
                Errno::from_io_error(&error).unwrap_or(Errno::CHILD),
            )),
        });
        match waited {
            Ok(_) => {
                self.fd = None;
                Ok(status)
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut && deadline.is_past() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Looks every now and then.
    fn look_up(&mut self, deadline: Time) -> io::Result<Option<ExitStatus>> {
        let mut pause = LOOK_UP_FIRST;
        while !deadline.is_past() {
            thread::sleep(pause.min(deadline.since(Time::now())));
            pause = (pause * 2).min(LOOK_UP_MOST);
            if let Some(status) = self.try_wait()? {
                return Ok(Some(status));
            }
        }
        Ok(None)
    }
}
