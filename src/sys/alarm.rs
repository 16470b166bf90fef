//! A timer in the kernel that is set once and then waited for like a socket: a wait with a
//! timeout sets one up and takes it down each time.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;
use std::time::Duration;

/// A timerfd, closed on `exec`. It is to be registered edge-triggered: then it need not be
/// read, since setting it takes back that it is readable.
#[derive(Debug)]
pub(crate) struct Alarm {
    fd: OwnedFd,
}

impl Alarm {
    /// Makes one that is not set.
    pub(crate) fn new() -> io::Result<Self> {
        let flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
        // SAFETY: the call takes no pointers.
        let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, flags) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call made this descriptor just now, and nobody else has it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { fd })
    }

    /// Has it go off once, after so much time, whatever it was set to.
    pub(crate) fn set(&self, after: Duration) -> io::Result<()> {
        // A timer of no time at all is one that is not set.
        let after = after.max(Duration::from_nanos(1));
        let to = libc::itimerspec {
            it_interval: libc::timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: libc::timespec {
                tv_sec: after.as_secs().try_into().unwrap_or(libc::time_t::MAX),
                tv_nsec: after.subsec_nanos().into(),
            },
        };
        // SAFETY: `to` is a time to read; where the old one would go there is null, which
        // is allowed.
        let result = unsafe { libc::timerfd_settime(self.fd.as_raw_fd(), 0, &to, ptr::null_mut()) };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Alarm;
    use crate::sys::epoll::{Epoll, Events, Flags};

    #[test]
    fn each_setting_goes_off_once_without_being_read() {
        let (alarm, epoll) = (Alarm::new().unwrap(), Epoll::new().unwrap());
        let mut events = Events::new();
        let edges = Flags::IN | Flags::EDGE_TRIGGERED;
        epoll.add(&alarm, edges, 0).unwrap();
        for after in [Duration::ZERO, Duration::from_millis(1)] {
            alarm.set(after).unwrap();
            assert_eq!(epoll.wait(&mut events, None).unwrap(), 1);
            assert_eq!(epoll.wait(&mut events, Some(Duration::ZERO)).unwrap(), 0);
        }
        // What was set before is forgotten.
        alarm.set(Duration::ZERO).unwrap();
        alarm.set(Duration::from_secs(u64::MAX)).unwrap();
        assert_eq!(epoll.wait(&mut events, Some(Duration::ZERO)).unwrap(), 0);
    }
}
