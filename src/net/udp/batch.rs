//! Many datagrams in one system call.

use std::{fmt, io};

use super::UdpSocket;
use crate::sys::socket::envelope::{Envelope, Received, Transmit};
use crate::sys::socket::udp;
use crate::task;

/// Datagrams that are received, or sent, by one system call.
///
/// A batch owns the memory for its datagrams, which is set aside once: make one, and use
/// it again and again. What [`recv_batch`](UdpSocket::recv_batch) received can be sent on
/// [from where it lies](DatagramMut::send_as).
///
/// # Examples
///
/// Every datagram goes back to who sent it:
///
/// ```
/// use netpoll::net::{Batch, UdpSocket};
/// use netpoll::thread;
///
/// let server = UdpSocket::bind("127.0.0.1:0")?;
/// let address = server.local_addr()?;
/// thread::spawn(move || -> std::io::Result<()> {
///     let mut batch = Batch::new(32, 1500);
///     loop {
///         server.recv_batch(&mut batch)?;
///         batch.reply();
///         server.send_batch(&batch)?;
///     }
/// });
///
/// let client = UdpSocket::bind("127.0.0.1:0")?;
/// client.connect(address)?;
/// client.send(b"ping")?;
/// assert_eq!(client.recv(&mut [0; 16])?, 4);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Batch {
    /// As many parts of `size` as there are entries.
    memory: Box<[u8]>,
    size: usize,
    envelopes: Box<[Envelope]>,
    /// Whether each can be sent: it was pushed, or it was said where it goes to.
    is_addressed: Box<[bool]>,
    /// Of how many there is something.
    len: usize,
}

impl Batch {
    /// An empty batch with room for so many datagrams of at most so many bytes.
    ///
    /// A system call takes 32 datagrams at once, so 32 is a good number. For datagrams
    /// that the system [joins](UdpSocket::set_gro), or takes
    /// [apart](Transmit::segment_size), the size is that of all together: 65535.
    ///
    /// # Panics
    ///
    /// If either is zero, or the product is more than an allocation can have.
    ///
    /// # Examples
    ///
    /// ```
    /// let batch = netpoll::net::Batch::new(32, 1500);
    /// assert_eq!((batch.capacity(), batch.size()), (32, 1500));
    /// assert!(batch.is_empty());
    /// ```
    #[must_use]
    pub fn new(datagrams: usize, size: usize) -> Self {
        assert!(datagrams > 0, "a batch has room for one datagram at least");
        assert!(size > 0, "a datagram has room for one byte at least");
        let bytes = datagrams.checked_mul(size).expect("so much memory");
        Self {
            memory: vec![0; bytes].into(),
            size,
            envelopes: vec![Envelope::new(); datagrams].into(),
            is_addressed: vec![false; datagrams].into(),
            len: 0,
        }
    }

    /// How many datagrams there is room for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.envelopes.len()
    }

    /// How many bytes of a datagram there is room for.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// How many datagrams there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no datagrams.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether there is no room for another datagram.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len == self.capacity()
    }

    /// Forgets the datagrams, and keeps the memory.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Adds a datagram to be sent, whose bytes are copied.
    ///
    /// # Panics
    ///
    /// If the batch [is full](Self::is_full), or the datagram is longer than its
    /// [size](Self::size).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{Batch, Transmit, UdpSocket};
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// let to_myself = Transmit::to(socket.local_addr()?);
    /// let mut batch = Batch::new(8, 100);
    /// batch.push(b"one", &to_myself);
    /// batch.push(b"two", &to_myself);
    /// assert_eq!(socket.send_batch(&batch)?, 2);
    ///
    /// assert_eq!(socket.recv_batch(&mut batch)?, 2);
    /// assert_eq!(batch.get(1).unwrap().bytes(), b"two");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn push(&mut self, bytes: &[u8], how: &Transmit) {
        assert!(!self.is_full(), "the batch is full");
        assert!(bytes.len() <= self.size, "the datagram is too long");
        let at = self.len;
        self.memory[at * self.size..][..bytes.len()].copy_from_slice(bytes);
        self.envelopes[at] = how.encode(bytes.len());
        self.is_addressed[at] = true;
        self.len += 1;
    }

    /// A datagram, if there are as many.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Datagram<'_>> {
        (index < self.len).then(|| Datagram {
            bytes: self.bytes(index),
            envelope: &self.envelopes[index],
            size: self.size,
            is_addressed: self.is_addressed[index],
        })
    }

    /// The datagrams, in the order in which they came, or were pushed.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{Batch, UdpSocket};
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// socket.send_to(b"hello", socket.local_addr()?)?;
    /// let mut batch = Batch::new(32, 1500);
    /// socket.recv_batch(&mut batch)?;
    /// for datagram in batch.iter() {
    ///     let from = datagram.received().expect("it was received").address;
    ///     println!("{} bytes from {from}", datagram.bytes().len());
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Datagram<'_>> {
        (0..self.len).map(|index| self.get(index).expect("there are as many"))
    }

    /// The datagrams, to be changed, and to be sent on.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = DatagramMut<'_>> {
        let size = self.size;
        self.memory
            .chunks_mut(size)
            .zip(&mut self.envelopes)
            .zip(&mut self.is_addressed)
            .take(self.len)
            .map(move |((memory, envelope), is_addressed)| DatagramMut {
                bytes: &mut memory[..envelope.length.min(size)],
                envelope,
                size,
                is_addressed,
            })
    }

    /// Addresses each datagram that was received to its sender, as
    /// [`Received::reply`] says.
    pub fn reply(&mut self) {
        for mut datagram in self.iter_mut() {
            if let Some(received) = datagram.received() {
                datagram.send_as(&received.reply());
            }
        }
    }

    /// Drops the first `n` datagrams: those that were sent. The others move to the front.
    ///
    /// # Panics
    ///
    /// If there are fewer.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{Batch, Transmit};
    ///
    /// let mut batch = Batch::new(8, 100);
    /// batch.push(b"one", &Transmit::to_peer());
    /// batch.push(b"two", &Transmit::to_peer());
    /// batch.drop_first(1);
    /// assert_eq!(batch.get(0).unwrap().bytes(), b"two");
    /// assert_eq!(batch.len(), 1);
    /// ```
    pub fn drop_first(&mut self, n: usize) {
        assert!(n <= self.len, "there are fewer datagrams");
        self.memory
            .copy_within(n * self.size..self.len * self.size, 0);
        self.envelopes.copy_within(n..self.len, 0);
        self.is_addressed.copy_within(n..self.len, 0);
        self.len -= n;
    }

    fn bytes(&self, index: usize) -> &[u8] {
        let length = self.envelopes[index].length.min(self.size);
        &self.memory[index * self.size..][..length]
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (len, capacity, size) = (self.len, self.capacity(), self.size);
        write!(f, "Batch({len} of {capacity} datagrams of {size} bytes)")
    }
}

/// A datagram in a [`Batch`].
#[derive(Clone, Copy)]
pub struct Datagram<'a> {
    bytes: &'a [u8],
    envelope: &'a Envelope,
    size: usize,
    is_addressed: bool,
}

impl<'a> Datagram<'a> {
    /// What is in it.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// How it came; `None` for one that is to be sent.
    #[must_use]
    pub fn received(&self) -> Option<Received> {
        received(self.envelope, self.size, self.is_addressed)
    }

    /// The datagrams that the system joined to this one (see
    /// [`set_gro`](UdpSocket::set_gro)); otherwise this one alone. Each as it was sent, but
    /// if this was [truncated](Received::is_truncated).
    pub fn segments(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let size = self.received().and_then(|received| received.segment_size);
        segments(self.bytes, size)
    }
}

impl fmt::Debug for Datagram<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Datagram")
            .field("bytes", &self.bytes)
            .field("received", &self.received())
            .finish()
    }
}

/// A datagram in a [`Batch`], to be changed, and to be sent on.
pub struct DatagramMut<'a> {
    bytes: &'a mut [u8],
    envelope: &'a mut Envelope,
    size: usize,
    is_addressed: &'a mut bool,
}

impl DatagramMut<'_> {
    /// What is in it.
    pub fn bytes(&mut self) -> &mut [u8] {
        self.bytes
    }

    /// How it came; `None` for one that is to be sent.
    #[must_use]
    pub fn received(&self) -> Option<Received> {
        received(self.envelope, self.size, *self.is_addressed)
    }

    /// Makes it one to be sent, without moving its bytes.
    ///
    /// # Examples
    ///
    /// What comes goes on to somebody else:
    ///
    /// ```
    /// use netpoll::net::{Batch, Transmit, UdpSocket};
    ///
    /// let [here, there] = [UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?];
    /// here.send_to(b"hello", here.local_addr()?)?;
    ///
    /// let mut batch = Batch::new(32, 1500);
    /// here.recv_batch(&mut batch)?;
    /// for mut datagram in batch.iter_mut() {
    ///     datagram.bytes().make_ascii_uppercase();
    ///     datagram.send_as(&Transmit::to(there.local_addr()?));
    /// }
    /// here.send_batch(&batch)?;
    ///
    /// let mut buffer = [0; 5];
    /// there.recv(&mut buffer)?;
    /// assert_eq!(&buffer, b"HELLO");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn send_as(&mut self, how: &Transmit) {
        *self.envelope = how.encode(self.bytes.len());
        *self.is_addressed = true;
    }
}

impl fmt::Debug for DatagramMut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatagramMut")
            .field("bytes", &self.bytes)
            .field("received", &self.received())
            .finish()
    }
}

fn received(envelope: &Envelope, size: usize, is_addressed: bool) -> Option<Received> {
    if is_addressed {
        return None;
    }
    Received::decode(envelope, size)
}

/// The parts of a datagram; one of no bytes has one part.
fn segments(bytes: &[u8], size: Option<usize>) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(bytes);
    let size = size.unwrap_or(bytes.len());
    std::iter::from_fn(move || {
        let (first, others) = rest?.split_at(size.min(rest?.len()));
        rest = Some(others).filter(|others| !others.is_empty());
        Some(first)
    })
}

/// Many at once.
impl UdpSocket {
    /// Receives as many datagrams as there are and the batch has room for, at most 32, and
    /// returns how many: one at least. What was in the batch is forgotten.
    ///
    /// Parks the task, or blocks the thread, until there is one; bounded like a read.
    /// Whatever is longer than the batch's size is truncated, and
    /// [says so](Received::is_truncated).
    ///
    /// # Errors
    ///
    /// As for [`recv_from`](Self::recv_from). The batch is empty then.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{Batch, UdpSocket};
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// socket.send_to(b"one", socket.local_addr()?)?;
    /// socket.send_to(b"", socket.local_addr()?)?;
    ///
    /// let mut batch = Batch::new(32, 1500);
    /// assert_eq!(socket.recv_batch(&mut batch)?, 2);
    /// let lengths: Vec<_> = batch.iter().map(|datagram| datagram.bytes().len()).collect();
    /// assert_eq!(lengths, [3, 0]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "ReadBatch")]
    #[doc(alias = "recvmmsg")]
    pub fn recv_batch(&self, batch: &mut Batch) -> io::Result<usize> {
        batch.clear();
        let count = self.socket.receive_many(|fd| {
            udp::receive_batch(fd, &mut batch.memory, batch.size, &mut batch.envelopes)
        })?;
        batch.is_addressed[..count].fill(false);
        batch.len = count;
        Ok(count)
    }

    /// Sends the datagrams of a batch, in order, and returns how many were sent. The
    /// batch stays as it is.
    ///
    /// Parks the task, or blocks the thread, while the system has no room; bounded like a
    /// write. So all of them are sent, unless one cannot be, the timeout or the deadline
    /// comes, or the socket is closed: then it returns how many were sent before, and only
    /// if none were, the error. Send the others ([`Batch::drop_first`]) to learn it, or
    /// without the one that could not be sent to go on.
    ///
    /// # Errors
    ///
    /// As for [`send_to`](Self::send_to), about the first datagram; `InvalidInput` for one
    /// that was received and not [addressed](DatagramMut::send_as) since.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{Batch, Transmit, UdpSocket};
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// let to_myself = Transmit::to(socket.local_addr()?);
    /// let mut batch = Batch::new(3, 65536);
    /// batch.push(b"fine", &to_myself);
    /// batch.push(&[0; 65536], &to_myself); // longer than a datagram can be
    /// batch.push(b"fine as well", &to_myself);
    ///
    /// assert_eq!(socket.send_batch(&batch)?, 1);
    /// batch.drop_first(1);
    /// assert!(socket.send_batch(&batch).is_err());
    /// batch.drop_first(1);
    /// assert_eq!(socket.send_batch(&batch)?, 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "WriteBatch")]
    #[doc(alias = "sendmmsg")]
    pub fn send_batch(&self, batch: &Batch) -> io::Result<usize> {
        if batch.is_addressed[..batch.len].contains(&false) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a datagram of the batch was received, and has no address to be sent to",
            ));
        }
        if batch.is_empty() {
            return Ok(0);
        }
        let sent = self.socket.send_many(batch.len, |fd, sent| {
            let rest = sent..batch.len;
            udp::send_batch(
                fd,
                rest.map(|index| (batch.bytes(index), &batch.envelopes[index])),
            )
        })?;
        task::spend_more(sent.saturating_sub(1));
        Ok(sent)
    }
}
