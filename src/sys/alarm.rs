//! A timer in the kernel that is set once and then waited for like a socket: a wait with a
//! timeout sets one up and takes it down each time.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

/// A timerfd, closed on `exec`. It is to be registered edge-triggered: then it need not be
/// read, since setting it takes back that it is readable.
#[derive(Debug)]
pub(crate) struct Alarm {
    fd: OwnedFd,
}

impl Alarm {
    /// Makes one that is not set.
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let fd = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        Ok(Self { fd })
    }

    /// Has it go off once, after so much time, whatever it was set to.
    pub(crate) fn set(&self, after: Duration) -> io::Result<()> {
        const NEVER: Timespec = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // A timer of no time at all is one that is not set.
        let after = after.max(Duration::from_nanos(1));
        let to = Itimerspec {
            it_interval: NEVER,
            it_value: Timespec {
                tv_sec: after.as_secs().try_into().unwrap_or(i64::MAX),
                tv_nsec: after.subsec_nanos().into(),
            },
        };
        timerfd_settime(&self.fd, TimerfdTimerFlags::empty(), &to)?;
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
