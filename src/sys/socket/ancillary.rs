//! What goes along with bytes on Unix sockets: descriptors, and who sent them.
//!
//! A descriptor that the kernel has put into our table is ours from then on, whatever
//! else becomes of the message: each is wrapped before anything can fail.

use std::io::IoSliceMut;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::SocketAddr;

use super::control::{Control, number, space};
use super::message::{self, Outgoing};
use super::{Fault, unix};

/// How many descriptors one message takes at most (`SCM_MAX_FD`).
pub(crate) const MOST_DESCRIPTORS: usize = 253;

/// Room for them, who sent them, and what an adopted socket may be set to add: a label
/// (`SO_PASSSEC`), which we cut off, and a descriptor of the sender (`SO_PASSPIDFD`).
const ROOM: usize = space(4 * MOST_DESCRIPTORS) + space(12) + 2 * space(4);

/// `SCM_PIDFD`, which not every C library names.
const SCM_PIDFD: i32 = 4;

/// Process, user and group.
pub(crate) type Ids = (i32, u32, u32);

/// What came.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// How long the message is, however much there was room for.
    pub(crate) bytes: usize,
    pub(crate) sender: SocketAddr,
    pub(crate) descriptors: Vec<OwnedFd>,
    pub(crate) ids: Option<Ids>,
    /// Whether there were more descriptors. Those are closed.
    pub(crate) lacks_descriptors: bool,
}

/// Receives a message with no more than so many descriptors.
pub(crate) fn receive(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
    most: usize,
) -> Result<Arrival, Fault> {
    let mut control = Control::<ROOM>::new();
    let mut name = [0; size_of::<libc::sockaddr_un>()];
    // With less room fewer descriptors are made that would only be closed again. What there
    // is beyond theirs is for the others, and may serve for some of them.
    let room = ROOM - space(4 * MOST_DESCRIPTORS) + space(4 * most.min(MOST_DESCRIPTORS));
    let arrived = message::receive(
        fd,
        &mut [IoSliceMut::new(buffer)],
        &mut name,
        &mut control.room()[..room],
        libc::MSG_TRUNC,
    )?;
    control.set_len(arrived.control);
    let mut descriptors = Vec::new();
    let mut ids = None;
    for (level, kind, data) in control.messages() {
        match (level, kind) {
            (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
                // SAFETY: the kernel wrote this a moment ago, and it is read once.
                descriptors.extend(unsafe { take(data) });
            }
            // Nobody asked for it here.
            // SAFETY: as above.
            (libc::SOL_SOCKET, SCM_PIDFD) => drop(unsafe { take(data) }),
            (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) => ids = ids_of(data),
            _ => {}
        }
    }
    // There may have been room that nothing else needed.
    let came = descriptors.len();
    descriptors.truncate(most);
    Ok(Arrival {
        bytes: arrived.bytes,
        sender: unix::from_bytes(&name[..arrived.name]).map_err(Fault::Error)?,
        lacks_descriptors: came > most || arrived.lacks_control(),
        descriptors,
        ids,
    })
}

/// The descriptors that the kernel put into our table, and wrote into a message.
///
/// # Safety
///
/// The kernel wrote `data` as that of a message with descriptors, and they are taken out of
/// it once.
unsafe fn take(data: &[u8]) -> Vec<OwnedFd> {
    let (numbers, _) = data.as_chunks::<4>();
    let numbers = numbers.iter().map(|bytes| RawFd::from_ne_bytes(*bytes));
    // A pidfd that could not be made is an error's number.
    let open = numbers.filter(|number| *number >= 0);
    // SAFETY: the kernel opened these for us, and said so in this message only, which is
    // taken apart once, as the caller promises: they are open, and nobody else's.
    open.map(|number| unsafe { OwnedFd::from_raw_fd(number) })
        .collect()
}

fn ids_of(data: &[u8]) -> Option<Ids> {
    let [process, user, group] = [0, 4, 8].map(|at| number(data.get(at..at + 4)?));
    Some((process?, user?.cast_unsigned(), group?.cast_unsigned()))
}

/// What to send along.
#[derive(Clone, Copy, Default)]
pub(crate) struct Along<'a> {
    pub(crate) descriptors: &'a [BorrowedFd<'a>],
    pub(crate) ids: Option<Ids>,
    /// The peer if there is none.
    pub(crate) address: Option<&'a SocketAddr>,
}

/// Sends a message, or as much of it as a stream has room for.
///
/// # Panics
///
/// If there are more than [`MOST_DESCRIPTORS`].
pub(crate) fn send(fd: BorrowedFd<'_>, bytes: &[u8], along: Along<'_>) -> Result<usize, Fault> {
    let mut control = Control::<ROOM>::new();
    if !along.descriptors.is_empty() {
        assert!(along.descriptors.len() <= MOST_DESCRIPTORS);
        let mut data = [0; 4 * MOST_DESCRIPTORS];
        let (numbers, _) = data.as_chunks_mut::<4>();
        for (number, descriptor) in numbers.iter_mut().zip(along.descriptors) {
            *number = descriptor.as_raw_fd().to_ne_bytes();
        }
        let data = &data[..4 * along.descriptors.len()];
        control.push(libc::SOL_SOCKET, libc::SCM_RIGHTS, data);
    }
    if let Some((process, user, group)) = along.ids {
        let ids = [process, user.cast_signed(), group.cast_signed()].map(i32::to_ne_bytes);
        control.push(libc::SOL_SOCKET, libc::SCM_CREDENTIALS, ids.as_flattened());
    }
    let name = along.address.map(unix::to_bytes).unwrap_or_default();
    let message = Outgoing {
        bytes,
        name: &name,
        control: control.as_bytes(),
    };
    message::send(fd, message)
}
