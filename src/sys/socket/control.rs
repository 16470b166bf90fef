//! Control messages, as they lie in memory beside a message of a socket.
//!
//! ```text
//!  0            8       12      16               16 + n       next multiple of 8
//!  +------------+-------+-------+------------------+----------------+
//!  |  16 + n    | level | kind  |  n bytes of data |    nothing     |  the next one ...
//!  +------------+-------+-------+------------------+----------------+
//! ```
//!
//! The crate runs on 64-bit Linux only, where this is all there is to `cmsghdr`, so that
//! no pointer is needed to write and to read it.

/// What comes before the data.
const HEADER: usize = 16;

const fn padded(length: usize) -> usize {
    length.next_multiple_of(8)
}

/// How many bytes a control message takes that has so many bytes of data.
pub(crate) const fn space(data: usize) -> usize {
    HEADER + padded(data)
}

/// Where control messages lie that are sent, or received.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(crate) struct Control<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Control<N> {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; N],
            len: 0,
        }
    }

    /// Adds a message.
    ///
    /// # Panics
    ///
    /// If there is no room for it.
    pub(crate) fn push(&mut self, level: i32, kind: i32, data: &[u8]) {
        let end = self.len + space(data.len());
        let place = &mut self.bytes[self.len..end];
        place[..8].copy_from_slice(&(HEADER + data.len()).to_ne_bytes());
        place[8..12].copy_from_slice(&level.to_ne_bytes());
        place[12..16].copy_from_slice(&kind.to_ne_bytes());
        place[HEADER..][..data.len()].copy_from_slice(data);
        place[HEADER + data.len()..].fill(0);
        self.len = end;
    }

    /// What is there to be sent.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Room for what is received; [`set_len`](Self::set_len) says how much it was.
    pub(crate) fn room(&mut self) -> &mut [u8; N] {
        &mut self.bytes
    }

    pub(crate) fn set_len(&mut self, len: usize) {
        self.len = len.min(N);
    }

    /// The messages that are there.
    pub(crate) fn messages(&self) -> Messages<'_> {
        Messages {
            rest: self.as_bytes(),
        }
    }
}

/// A message's level, kind and data.
pub(crate) type Message<'a> = (i32, i32, &'a [u8]);

/// The messages of a [`Control`]. The last may have been cut off by the kernel for want
/// of room; then its data is what there is of it.
pub(crate) struct Messages<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        let (header, _) = self.rest.split_first_chunk::<HEADER>()?;
        let length = usize::from_ne_bytes(first(header));
        if length < HEADER {
            return None;
        }
        let [level, kind] = [8, 12].map(|at| i32::from_ne_bytes(first(&header[at..])));
        let data = &self.rest[HEADER..length.min(self.rest.len())];
        let next = length.checked_next_multiple_of(8);
        self.rest = next.and_then(|at| self.rest.get(at..)).unwrap_or(&[]);
        Some((level, kind, data))
    }
}

/// The first bytes of a slice that has as many.
fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    *bytes.first_chunk().expect("it is long enough")
}

/// A number in the data of a message: as long as the kernel made it.
pub(crate) fn number(data: &[u8]) -> Option<i32> {
    match *data {
        [byte] => Some(byte.into()),
        [a, b] => Some(u16::from_ne_bytes([a, b]).into()),
        [a, b, c, d, ..] => Some(i32::from_ne_bytes([a, b, c, d])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_as_they_went_in() {
        let mut control = Control::<96>::new();
        control.push(1, 2, &[3; 5]);
        control.push(4, 5, &[]);
        control.push(-6, i32::MAX, &[7; 16]);
        let expected: [Message<'_>; 3] = [(1, 2, &[3; 5]), (4, 5, &[]), (-6, i32::MAX, &[7; 16])];
        assert!(control.messages().eq(expected));
        assert_eq!(control.as_bytes().len(), space(5) + space(0) + space(16));
    }

    #[test]
    fn they_lie_where_the_system_looks_for_them() {
        let mut control = Control::<64>::new();
        control.push(libc::SOL_SOCKET, libc::SCM_RIGHTS, &[9; 4]);
        // SAFETY: computes with numbers only.
        let expected = unsafe { (libc::CMSG_SPACE(4), libc::CMSG_LEN(4)) };
        assert_eq!(control.as_bytes().len(), expected.0 as usize);
        assert_eq!(control.as_bytes()[0], expected.1 as u8);
        assert_eq!(size_of::<libc::cmsghdr>(), HEADER);
    }

    #[test]
    fn what_was_cut_off_is_no_trap() {
        let mut control = Control::<64>::new();
        control.push(1, 2, &[3; 12]);
        for length in 0..control.as_bytes().len() {
            let mut cut = control;
            cut.set_len(length);
            let data: Vec<_> = cut.messages().map(|(_, _, data)| data.len()).collect();
            match length.checked_sub(HEADER) {
                None => assert!(data.is_empty()),
                Some(left) => assert_eq!(data, [left.min(12)]),
            }
        }
        // A length that cannot be ends it.
        for length in [0_u64, 15, u64::MAX] {
            let mut wrong = control;
            wrong.room()[..8].copy_from_slice(&length.to_ne_bytes());
            assert!(wrong.messages().count() <= 1);
        }
    }

    #[test]
    #[should_panic]
    fn there_is_no_room_for_more_than_there_is() {
        Control::<16>::new().push(1, 2, &[3]);
    }
}
