//! Who is at the other end.

/// Who is at the other end of a socket, or sent a message: user, group and process, as the
/// system knows them.
///
/// # Examples
///
/// ```
/// use netpoll::os::unix::net::UnixStream;
///
/// let (left, _right) = UnixStream::pair()?;
/// assert_eq!(left.peer_cred()?.pid, Some(std::process::id() as i32));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UCred {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The process; `None` for one that has no number here, as it is in another namespace.
    pub pid: Option<i32>,
}

impl UCred {
    pub(super) fn of((process, uid, gid): (i32, u32, u32)) -> Self {
        Self {
            uid,
            gid,
            pid: (process != 0).then_some(process),
        }
    }

    pub(super) fn ids(self) -> (i32, u32, u32) {
        (self.pid.unwrap_or(0), self.uid, self.gid)
    }
}
