//! Messages: what `recvmsg` and `sendmsg` do, and the calls that do it many times.
//!
//! The headers that these take are made for each call and hold nothing beyond it. None
//! of them waits.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

use libc::{c_int, c_uint, iovec, mmsghdr, msghdr};

use super::{Errno, Fault};

/// How many messages one call takes at most: that many share the cost of the call, so
/// that more would not make it less.
pub(crate) const MOST_MESSAGES: usize = 32;

/// What `recvmsg` said of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived {
    /// With `MSG_TRUNC`: the length of the datagram, however much there was room for.
    pub(crate) bytes: usize,
    /// How much of the room for the address, and for control messages, is used.
    pub(crate) name: usize,
    pub(crate) control: usize,
    /// `MSG_TRUNC`, `MSG_CTRUNC`.
    pub(crate) flags: c_int,
}

impl Arrived {
    /// Whether control messages were lost for want of room.
    pub(crate) fn lacks_control(&self) -> bool {
        self.flags & libc::MSG_CTRUNC != 0
    }
}

/// Where to receive a message.
pub(crate) struct Room<'a> {
    pub(crate) bytes: &'a mut [u8],
    pub(crate) name: &'a mut [u8],
    pub(crate) control: &'a mut [u8],
}

/// What to send.
#[derive(Clone, Copy)]
pub(crate) struct Outgoing<'a> {
    pub(crate) bytes: &'a [u8],
    /// The address; empty for the peer.
    pub(crate) name: &'a [u8],
    pub(crate) control: &'a [u8],
}

/// Receives one message into several buffers. Descriptors among the control messages
/// are closed by `exec`; who calls this has to take them out.
pub(crate) fn receive(
    fd: BorrowedFd<'_>,
    buffers: &mut [IoSliceMut<'_>],
    name: &mut [u8],
    control: &mut [u8],
    flags: c_int,
) -> Result<Arrived, Fault> {
    let mut header = header(
        (name.as_mut_ptr(), name.len()),
        (buffers.as_mut_ptr().cast(), buffers.len()),
        (control.as_mut_ptr(), control.len()),
    );
    let flags = flags | libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
    // SAFETY:
    // - `header` points to an address, control messages and slices that are valid for
    //   writes of the lengths it gives, and borrowed exclusively during the call;
    // - `IoSliceMut` has the layout of `iovec`.
    let result = unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut header, flags) };
    let bytes = usize::try_from(result).map_err(|_| last_error())?;
    Ok(arrived(&header, bytes, name.len(), control.len()))
}

/// Sends one message.
pub(crate) fn send(fd: BorrowedFd<'_>, message: Outgoing<'_>) -> Result<usize, Fault> {
    let slice = IoSlice::new(message.bytes);
    let header = outgoing(message, (&raw const slice).cast());
    // SAFETY: `header` points to an address, control messages and a slice that are
    // valid for reads of the lengths it gives, and borrowed during the call; `IoSlice` has
    // the layout of `iovec`. The kernel writes to none of it.
    let result = unsafe { libc::sendmsg(fd.as_raw_fd(), &raw const header, SEND) };
    usize::try_from(result).map_err(|_| last_error())
}

const SEND: c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;

/// Receives as many messages as there are, at most [`MOST_MESSAGES`], and says what
/// came where there was room.
pub(crate) fn receive_many<'a>(
    fd: BorrowedFd<'_>,
    rooms: impl Iterator<Item = Room<'a>>,
    flags: c_int,
    mut came: impl FnMut(usize, Arrived),
) -> Result<usize, Fault> {
    let mut slices = [const { MaybeUninit::<iovec>::uninit() }; MOST_MESSAGES];
    let mut headers = [const { MaybeUninit::<mmsghdr>::uninit() }; MOST_MESSAGES];
    let mut lengths = [(0, 0); MOST_MESSAGES];
    let mut count = 0;
    for room in rooms.take(MOST_MESSAGES) {
        let slice = slices[count].write(iovec {
            iov_base: room.bytes.as_mut_ptr().cast(),
            iov_len: room.bytes.len(),
        });
        headers[count].write(mmsghdr {
            msg_hdr: header(
                (room.name.as_mut_ptr(), room.name.len()),
                (&raw mut *slice, 1),
                (room.control.as_mut_ptr(), room.control.len()),
            ),
            msg_len: 0,
        });
        lengths[count] = (room.name.len(), room.control.len());
        count += 1;
    }
    let flags = flags | libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
    // SAFETY:
    // - the first `count` headers are written, and so are the slices that they point to;
    // - each points to memory that is valid for writes of the length it gives, and
    //   borrowed exclusively for `'a`, which outlasts the call;
    // - there is no time-out.
    let result = unsafe {
        libc::recvmmsg(
            fd.as_raw_fd(),
            headers.as_mut_ptr().cast(),
            count as c_uint,
            flags as _,
            std::ptr::null_mut(),
        )
    };
    let received = usize::try_from(result).map_err(|_| last_error())?;
    for (at, (header, lengths)) in headers.iter().zip(lengths).take(received).enumerate() {
        // SAFETY: the first `count` are written, and no more than those were received.
        let header = unsafe { header.assume_init_ref() };
        let bytes = header.msg_len as usize;
        came(at, arrived(&header.msg_hdr, bytes, lengths.0, lengths.1));
    }
    Ok(received)
}

/// Sends as many messages as there is room for, at most [`MOST_MESSAGES`]; returns how
/// many. Fails if that is none.
pub(crate) fn send_many<'a>(
    fd: BorrowedFd<'_>,
    messages: impl Iterator<Item = Outgoing<'a>>,
) -> Result<usize, Fault> {
    let mut slices = [const { MaybeUninit::<iovec>::uninit() }; MOST_MESSAGES];
    let mut headers = [const { MaybeUninit::<mmsghdr>::uninit() }; MOST_MESSAGES];
    let mut count = 0;
    for message in messages.take(MOST_MESSAGES) {
        let slice = slices[count].write(iovec {
            iov_base: message.bytes.as_ptr().cast_mut().cast(),
            iov_len: message.bytes.len(),
        });
        headers[count].write(mmsghdr {
            msg_hdr: outgoing(message, &raw const *slice),
            msg_len: 0,
        });
        count += 1;
    }
    // SAFETY:
    // - the first `count` headers are written, and so are the slices that they point to;
    // - each points to memory that is valid for reads of the length it gives, and
    //   borrowed for `'a`, which outlasts the call;
    // - the kernel writes to the headers' `msg_len` alone.
    let result = unsafe {
        libc::sendmmsg(
            fd.as_raw_fd(),
            headers.as_mut_ptr().cast(),
            count as c_uint,
            SEND as _,
        )
    };
    usize::try_from(result).map_err(|_| last_error())
}

fn outgoing(message: Outgoing<'_>, slice: *const iovec) -> msghdr {
    header(
        (message.name.as_ptr().cast_mut(), message.name.len()),
        (slice.cast_mut(), 1),
        (message.control.as_ptr().cast_mut(), message.control.len()),
    )
}

fn header(
    name: (*mut u8, usize),
    slices: (*mut iovec, usize),
    control: (*mut u8, usize),
) -> msghdr {
    // SAFETY: integers and pointers may be zero. (With some libraries there is padding
    // that has no name.)
    let mut header: msghdr = unsafe { std::mem::zeroed() };
    // What is empty is not there.
    if name.1 > 0 {
        header.msg_name = name.0.cast();
        header.msg_namelen = name.1 as _;
    }
    header.msg_iov = slices.0;
    header.msg_iovlen = slices.1 as _;
    if control.1 > 0 {
        header.msg_control = control.0.cast();
        header.msg_controllen = control.1 as _;
    }
    header
}

#[allow(
    clippy::unnecessary_cast,
    reason = "the types are not the same in every C library"
)]
fn arrived(header: &msghdr, bytes: usize, name: usize, control: usize) -> Arrived {
    Arrived {
        bytes,
        // The kernel gives the length that an address has, also if there is less room.
        name: (header.msg_namelen as usize).min(name),
        control: (header.msg_controllen as usize).min(control),
        flags: header.msg_flags,
    }
}

pub(super) fn last_error() -> Fault {
    let raw = std::io::Error::last_os_error().raw_os_error();
    Fault::from(raw.map_or(Errno::IO, Errno::from_raw_os_error))
}
