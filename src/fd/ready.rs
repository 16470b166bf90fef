//! Waiting for readiness without an operation, hence without a buffer.

use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{Ordering, fence};

use super::{Fd, error_of};
use crate::poll::{Timeout, Way};
use crate::sys::poll::{self, Interest};
use crate::task;

impl Fd {
    /// Waits until an operation of a direction would not have to wait.
    ///
    /// It takes no turn: who reads and who waits to read do not exclude each other.
    /// So readiness may be consumed here that another has an eye on; what makes up
    /// for it is that the kernel is asked afterwards, and readiness restored, which
    /// wakes the other, if there is any.
    pub(crate) fn wait_ready(&self, way: Way) -> io::Result<()> {
        task::spend();
        let interest = match way {
            Way::Read => Interest::Read,
            Way::Write => Interest::Write,
        };
        let mut timeout = Timeout::new(self.timeout(way));
        let direction = self.registration.direction(way);
        self.check(way).map_err(error_of)?;
        let mut worth_asking = direction.is_ready();
        loop {
            if worth_asking {
                direction.consume();
                // For `dispatch`, as in `write_with`.
                fence(Ordering::SeqCst);
                if poll::is_ready(self.as_fd(), interest) {
                    direction.set_ready(false);
                    return self.check(way).map_err(error_of);
                }
            }
            self.wait(way, &mut timeout).map_err(error_of)?;
            worth_asking = true;
        }
    }
}
