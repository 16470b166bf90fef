//! What to watch for, and what was seen: one set of bits, the kernel's own.
#![forbid(unsafe_code)]

use rustix::event::epoll::EventFlags;
use std::fmt;
use std::ops::{BitAnd, BitOr, BitOrAssign};

/// A set of epoll flags: what a descriptor is watched for and how that is
/// reported, or, in an [`Event`](super::Event), what happened.
///
/// The bits are the kernel's. Those without a name here are passed on
/// unchanged; see [`from_bits`](Flags::from_bits).
///
/// # Examples
///
/// ```
/// use netpoll::epoll::Flags;
///
/// const BOTH: Flags = Flags::IN.union(Flags::OUT);
/// let flags = BOTH | Flags::EDGE_TRIGGERED;
/// assert!(flags.contains(BOTH));
/// assert!(!flags.contains(Flags::IN | Flags::PRI));
/// assert_eq!(format!("{flags:?}"), "Flags(IN | OUT | EDGE_TRIGGERED)");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(transparent)]
pub struct Flags(u32);

impl Flags {
    /// There is something to read, a connection to accept, or the end of the stream.
    #[doc(alias = "EPOLLIN")]
    pub const IN: Flags = Flags(EventFlags::IN.bits());

    /// There is room to write, or a pending `connect` has ended.
    #[doc(alias = "EPOLLOUT")]
    pub const OUT: Flags = Flags(EventFlags::OUT.bits());

    /// Something exceptional, such as urgent (out-of-band) data on a TCP socket.
    #[doc(alias = "EPOLLPRI")]
    pub const PRI: Flags = Flags(EventFlags::PRI.bits());

    /// An error is pending, or the reading end of a pipe was closed. Reported
    /// whether asked for or not.
    #[doc(alias = "EPOLLERR")]
    pub const ERR: Flags = Flags(EventFlags::ERR.bits());

    /// Both directions are over, or all writing ends of a pipe were closed;
    /// what has arrived can still be read. Reported whether asked for or not.
    #[doc(alias = "EPOLLHUP")]
    pub const HUP: Flags = Flags(EventFlags::HUP.bits());

    /// The peer has ended its direction of a stream socket (half-close); what
    /// has arrived can still be read.
    #[doc(alias = "EPOLLRDHUP")]
    pub const RDHUP: Flags = Flags(EventFlags::RDHUP.bits());

    /// Report changes, not states: an event comes when the descriptor becomes
    /// ready or more arrives, and is not repeated. Read or write until
    /// [`WouldBlock`](std::io::ErrorKind::WouldBlock) before waiting again.
    #[doc(alias = "EPOLLET")]
    pub const EDGE_TRIGGERED: Flags = Flags(EventFlags::ET.bits());

    /// After one event, report nothing until
    /// [`Epoll::modify`](super::Epoll::modify) arms the descriptor again.
    #[doc(alias = "EPOLLONESHOT")]
    pub const ONE_SHOT: Flags = Flags(EventFlags::ONESHOT.bits());

    /// Where several epoll instances watch one descriptor, wake one or more of
    /// them, not all (Linux 4.5). It goes with [`IN`](Flags::IN),
    /// [`OUT`](Flags::OUT), [`ERR`](Flags::ERR), [`HUP`](Flags::HUP),
    /// [`EDGE_TRIGGERED`](Flags::EDGE_TRIGGERED) and [`WAKEUP`](Flags::WAKEUP)
    /// only, and cannot be modified.
    #[doc(alias = "EPOLLEXCLUSIVE")]
    pub const EXCLUSIVE: Flags = Flags(EventFlags::EXCLUSIVE.bits());

    /// Keep the system from suspending while an event is being handled. Ignored
    /// without the capability `CAP_BLOCK_SUSPEND`.
    #[doc(alias = "EPOLLWAKEUP")]
    pub const WAKEUP: Flags = Flags(EventFlags::WAKEUP.bits());

    const NAMES: [(&'static str, Flags); 10] = [
        ("IN", Flags::IN),
        ("OUT", Flags::OUT),
        ("PRI", Flags::PRI),
        ("ERR", Flags::ERR),
        ("HUP", Flags::HUP),
        ("RDHUP", Flags::RDHUP),
        ("EDGE_TRIGGERED", Flags::EDGE_TRIGGERED),
        ("ONE_SHOT", Flags::ONE_SHOT),
        ("EXCLUSIVE", Flags::EXCLUSIVE),
        ("WAKEUP", Flags::WAKEUP),
    ];

    /// The empty set.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(netpoll::epoll::Flags::empty().is_empty());
    /// ```
    pub const fn empty() -> Flags {
        Flags(0)
    }

    /// Makes a set from the kernel's bits, including those without a name here,
    /// such as `EPOLLRDNORM`.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::epoll::Flags;
    ///
    /// assert_eq!(Flags::from_bits(0x1), Flags::IN);
    /// assert_eq!(format!("{:?}", Flags::from_bits(0x41)), "Flags(IN | 0x40)");
    /// ```
    pub const fn from_bits(bits: u32) -> Flags {
        Flags(bits)
    }

    /// The kernel's bits.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(netpoll::epoll::Flags::OUT.bits(), 0x4);
    /// ```
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether no flag is set.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!netpoll::epoll::Flags::IN.is_empty());
    /// ```
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether *all* flags of `other` are set.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::epoll::Flags;
    ///
    /// let seen = Flags::IN | Flags::RDHUP;
    /// assert!(seen.contains(Flags::RDHUP));
    /// assert!(!seen.contains(Flags::RDHUP | Flags::HUP));
    /// ```
    pub const fn contains(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether *any* flag of `other` is set.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::epoll::Flags;
    ///
    /// let over = Flags::ERR | Flags::HUP | Flags::RDHUP;
    /// assert!((Flags::IN | Flags::RDHUP).intersects(over));
    /// assert!(!Flags::IN.intersects(over));
    /// ```
    pub const fn intersects(self, other: Flags) -> bool {
        self.0 & other.0 != 0
    }

    /// The flags of both sets. The same as `|`, and usable in constants.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::epoll::Flags;
    ///
    /// const ACCEPT: Flags = Flags::IN.union(Flags::EXCLUSIVE);
    /// assert_eq!(ACCEPT, Flags::IN | Flags::EXCLUSIVE);
    /// ```
    #[must_use]
    pub const fn union(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    pub(super) const fn to_kernel(self) -> EventFlags {
        EventFlags::from_bits_retain(self.0)
    }
}

impl BitOr for Flags {
    type Output = Flags;

    fn bitor(self, other: Flags) -> Flags {
        self.union(other)
    }
}

impl BitOrAssign for Flags {
    fn bitor_assign(&mut self, other: Flags) {
        *self = self.union(other);
    }
}

impl BitAnd for Flags {
    type Output = Flags;

    fn bitand(self, other: Flags) -> Flags {
        Flags(self.0 & other.0)
    }
}

/// Prints the names of the flags that are set, and what has no name in hexadecimal.
impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flags(")?;
        let mut rest = self.0;
        let mut separator = "";
        for (name, flag) in Flags::NAMES {
            if self.contains(flag) {
                write!(f, "{separator}{name}")?;
                separator = " | ";
                rest &= !flag.0;
            }
        }
        if rest != 0 {
            write!(f, "{separator}{rest:#x}")?;
        }
        f.write_str(")")
    }
}
