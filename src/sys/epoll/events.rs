//! The buffer that the kernel fills, and how it is read.

use super::Flags;
use rustix::event::epoll as kernel;
use std::fmt;
use std::iter::FusedIterator;
use std::slice;

/// What a wait has to say about one descriptor.
///
/// # Examples
///
/// ```
/// use netpoll::epoll::{Event, Flags};
///
/// let event = Event { flags: Flags::IN | Flags::RDHUP, token: 7 };
/// assert_eq!(format!("{event:?}"), "Event { flags: Flags(IN | RDHUP), token: 7 }");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    /// What happened: those of the watched flags that hold, and
    /// [`Flags::ERR`] and [`Flags::HUP`] unasked.
    pub flags: Flags,
    /// The token that the descriptor was registered with, all 64 bits of it.
    pub token: u64,
}

impl Event {
    /// The kernel's record is packed on x86-64, hence a copy, not a reference:
    /// two loads.
    #[inline]
    fn from_kernel(event: &kernel::Event) -> Event {
        let flags = event.flags;
        let data = event.data;
        Event {
            flags: Flags::from_bits(flags.bits()),
            token: data.u64(),
        }
    }
}

/// A buffer for the events of one wait, to be used again for the next.
///
/// The kernel writes straight into it, and iterating reads straight from it:
/// nothing is copied in between, and nothing is cleared before a wait.
///
/// A small buffer loses nothing, since what does not fit is reported by the
/// next wait. It costs more system calls. A loop that wants few of them calls
/// [`grow`](Events::grow) after a wait that [filled](Events::is_full) the buffer.
///
/// # Examples
///
/// ```
/// use netpoll::epoll::{Epoll, Events, Flags};
/// use std::os::unix::net::UnixStream;
///
/// let (a, b) = UnixStream::pair()?;
/// let epoll = Epoll::new()?;
/// epoll.add(&a, Flags::OUT, 1)?;
/// epoll.add(&b, Flags::OUT, 2)?;
///
/// let mut events = Events::with_capacity(1);
/// epoll.wait(&mut events, None)?;
/// assert!(events.is_full());
///
/// events.grow();
/// epoll.wait(&mut events, None)?;
/// assert_eq!(events.iter().map(|event| event.token).sum::<u64>(), 3);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Events {
    /// Its capacity is never 0 (the kernel refuses a wait for no events) and
    /// its contents are what the last wait brought.
    list: Vec<kernel::Event>,
}

// SAFETY: what keeps rustix's record from being `Send` is that its token may
// be a pointer. All of ours are numbers, and are only ever read as such.
unsafe impl Send for Events {}
// SAFETY: as above; besides, a shared buffer can only be read.
unsafe impl Sync for Events {}

impl Events {
    /// The greatest capacity that a buffer can have: 128 Ki events, 1.5 MiB on x86-64.
    pub const MAX_CAPACITY: usize = 128 * 1024;

    const DEFAULT_CAPACITY: usize = 128;

    /// Makes a buffer for 128 events.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(netpoll::epoll::Events::new().capacity(), 128);
    /// ```
    pub fn new() -> Events {
        Events::with_capacity(Events::DEFAULT_CAPACITY)
    }

    /// Makes a buffer for so many events: at least 1, at most
    /// [`MAX_CAPACITY`](Events::MAX_CAPACITY).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::epoll::Events;
    ///
    /// assert_eq!(Events::with_capacity(64).capacity(), 64);
    /// assert_eq!(Events::with_capacity(0).capacity(), 1);
    /// assert_eq!(Events::with_capacity(usize::MAX).capacity(), Events::MAX_CAPACITY);
    /// ```
    pub fn with_capacity(capacity: usize) -> Events {
        Events {
            list: Vec::with_capacity(capacity.clamp(1, Events::MAX_CAPACITY)),
        }
    }

    /// How many events fit in.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(netpoll::epoll::Events::with_capacity(3).capacity(), 3);
    /// ```
    pub fn capacity(&self) -> usize {
        self.list.capacity()
    }

    /// Doubles the capacity, up to [`MAX_CAPACITY`](Events::MAX_CAPACITY). The
    /// events in the buffer stay.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::epoll::Events;
    ///
    /// let mut events = Events::with_capacity(64);
    /// events.grow();
    /// assert_eq!(events.capacity(), 128);
    /// ```
    pub fn grow(&mut self) {
        let capacity = (self.list.capacity() * 2).min(Events::MAX_CAPACITY);
        self.list
            .reserve_exact(capacity.saturating_sub(self.list.len()));
    }

    /// How many events the last wait brought.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(netpoll::epoll::Events::new().len(), 0);
    /// ```
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether the last wait brought nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(netpoll::epoll::Events::new().is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether the last wait filled the buffer, so that more may be ready.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!netpoll::epoll::Events::new().is_full());
    /// ```
    pub fn is_full(&self) -> bool {
        self.list.len() == self.list.capacity()
    }

    /// The event at an index, if there are so many.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(netpoll::epoll::Events::new().get(0), None);
    /// ```
    #[inline]
    pub fn get(&self, index: usize) -> Option<Event> {
        self.list.get(index).map(Event::from_kernel)
    }

    /// Iterates over the events, in the kernel's order: who became ready first
    /// comes first.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::epoll::{Epoll, Events, Flags};
    ///
    /// let (_reader, writer) = std::io::pipe()?;
    /// let epoll = Epoll::new()?;
    /// epoll.add(&writer, Flags::OUT, u64::MAX)?;
    ///
    /// let mut events = Events::new();
    /// epoll.wait(&mut events, None)?;
    /// let tokens: Vec<u64> = events.iter().map(|event| event.token).collect();
    /// assert_eq!(tokens, [u64::MAX]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn iter(&self) -> Iter<'_> {
        Iter {
            list: self.list.iter(),
        }
    }

    /// Forgets the events; the capacity stays.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut events = netpoll::epoll::Events::new();
    /// events.clear();
    /// assert!(events.is_empty());
    /// ```
    pub fn clear(&mut self) {
        self.list.clear();
    }

    /// The emptied list, all of whose capacity is there to be filled.
    pub(super) fn spare(&mut self) -> &mut Vec<kernel::Event> {
        self.list.clear();
        &mut self.list
    }
}

impl Default for Events {
    fn default() -> Events {
        Events::new()
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl<'a> IntoIterator for &'a Events {
    type Item = Event;
    type IntoIter = Iter<'a>;

    #[inline]
    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// An iterator over the events of a wait; made by [`Events::iter`].
#[derive(Clone)]
pub struct Iter<'a> {
    list: slice::Iter<'a, kernel::Event>,
}

// SAFETY: a shared reference to `Events`, which is `Sync`, is all that this is.
unsafe impl Send for Iter<'_> {}
// SAFETY: as above.
unsafe impl Sync for Iter<'_> {}

impl Iterator for Iter<'_> {
    type Item = Event;

    #[inline]
    fn next(&mut self) -> Option<Event> {
        self.list.next().map(Event::from_kernel)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.list.size_hint()
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Event> {
        self.list.next_back().map(Event::from_kernel)
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl FusedIterator for Iter<'_> {}

impl fmt::Debug for Iter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}
