//! `TcpStream`.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use super::{ToSocketAddrs, each_address};
use crate::buf::Block;
use crate::fd::{Fd, ShortRead, Source, announce};
use crate::poll::{Timeout, Way};
use crate::sys::socket;
use crate::task::Time;

/// A TCP connection, in the shape of [`std::net::TcpStream`].
///
/// Reading and writing go on at the same time on different tasks; clones made by
/// [`try_clone`](Self::try_clone) share one socket, which is closed when the last
/// of them is dropped, or by [`close`](Self::close). Of several tasks that read
/// (or write) at once, one goes first and the others wait for it.
///
/// # What bounds an operation
///
/// | | for | fails with |
/// |---|---|---|
/// | [`set_read_timeout`](Self::set_read_timeout), [`set_write_timeout`](Self::set_write_timeout) | each operation anew, as in std | `WouldBlock`, as in std on Linux |
/// | [`set_read_deadline`](Self::set_read_deadline), [`set_write_deadline`](Self::set_write_deadline) | the socket, until moved, as in Go | `TimedOut` |
/// | [`close`](Self::close) | all operations | `NotConnected`, with [`Closed`](crate::io::Closed) |
///
/// # Examples
///
/// ```
/// use netpoll::net::{TcpListener, TcpStream};
/// use netpoll::thread;
/// use std::io::{Read, Write};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let address = listener.local_addr()?;
/// thread::spawn(move || {
///     let (mut stream, _) = listener.accept()?;
///     let mut request = [0; 4];
///     stream.read_exact(&mut request)?;
///     stream.write_all(&request)
/// });
///
/// let mut stream = TcpStream::connect(address)?;
/// stream.write_all(b"ping")?;
/// let mut reply = [0; 4];
/// stream.read_exact(&mut reply)?;
/// assert_eq!(&reply, b"ping");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct TcpStream {
    fd: Arc<Fd>,
}

impl TcpStream {
    fn new(fd: Fd) -> Self {
        static ANNOUNCED: Once = Once::new();
        ANNOUNCED.call_once(announce::<Self>);
        Self { fd: Arc::new(fd) }
    }

    pub(super) fn from_accepted(fd: OwnedFd) -> Self {
        Self::new(Fd::new(fd))
    }

    /// Connects to the first of the addresses that accepts.
    ///
    /// Parks the task, or blocks the thread, until the connection stands or the
    /// system gives up, which can take minutes; [`connect_timeout`](Self::connect_timeout)
    /// bounds it. The resolution of a name comes before, and waits likewise; see
    /// [`ToSocketAddrs`].
    ///
    /// # Errors
    ///
    /// The error of the last address: `ConnectionRefused`, `TimedOut`,
    /// `HostUnreachable`, `NetworkUnreachable`, `AddrNotAvailable`; `InvalidInput`
    /// if there is no address; what resolving a name fails with.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::TcpStream;
    ///
    /// let error = TcpStream::connect("127.0.0.1:1").unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    /// ```
    #[doc(alias = "Dial")]
    pub fn connect<A: ToSocketAddrs>(addresses: A) -> io::Result<Self> {
        each_address(addresses, |address| Self::connect_within(address, None))
    }

    /// Connects to one address, or fails with `TimedOut` after this long.
    ///
    /// # Errors
    ///
    /// As for [`connect`](Self::connect); `InvalidInput` for a timeout of zero.
    #[doc(alias = "DialTimeout")]
    pub fn connect_timeout(address: &SocketAddr, timeout: Duration) -> io::Result<Self> {
        if timeout.is_zero() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "cannot set a 0 duration timeout",
            ));
        }
        Self::connect_within(address, Some(timeout)).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => {
                io::Error::new(io::ErrorKind::TimedOut, "connection timed out")
            }
            _ => error,
        })
    }

    fn connect_within(address: &SocketAddr, timeout: Option<Duration>) -> io::Result<Self> {
        let fd = Fd::new(socket::tcp(address)?);
        if !socket::connect(fd.as_fd(), address)? {
            fd.wait_connected(&mut Timeout::new(timeout))?;
        }
        // Streams are in blocking mode; see `sys::socket`.
        socket::set_nonblocking(fd.as_fd(), false)?;
        Ok(Self::new(fd))
    }

    /// The address of the other end.
    ///
    /// # Errors
    ///
    /// `NotConnected` when the connection is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        socket::peer_address(self.fd.open()?)
    }

    /// The address of this end.
    ///
    /// # Errors
    ///
    /// What `getsockname` fails with.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        socket::local_address(self.fd.open()?)
    }

    /// Ends the reading direction, the writing direction, or both; what waits there
    /// returns. After `Shutdown::Write` the peer reads to the end, and can still answer.
    ///
    /// # Errors
    ///
    /// `NotConnected` when the connection is gone.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        socket::shutdown(self.fd.open()?, how)
    }

    /// Another handle to the same connection, with the same timeouts and deadlines.
    ///
    /// # Errors
    ///
    /// None now; the signature is std's. No descriptor is needed.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            fd: Arc::clone(&self.fd),
        })
    }

    /// Closes the connection, for all clones. Who waits on it is woken with
    /// [`Closed`](crate::io::Closed), later operations fail so. Closing again does
    /// nothing.
    ///
    /// Does not wait; what was written is still sent by the system. The descriptor's
    /// number is freed when the last clone is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::io::Closed;
    /// use netpoll::net::{TcpListener, TcpStream};
    /// use netpoll::thread;
    /// use std::io::Read;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    /// let mut clone = stream.try_clone()?;
    /// let reader = thread::spawn(move || clone.read(&mut [0; 16]));
    /// stream.close();
    /// assert!(Closed::is_cause_of(&reader.join().unwrap().unwrap_err()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "Close")]
    pub fn close(&self) {
        self.fd.close();
    }

    /// Bounds each read from now on, as std does: one that had to wait for longer
    /// fails with `WouldBlock`. `None` takes the bound away.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{TcpListener, TcpStream};
    /// use std::io::{ErrorKind, Read};
    /// use std::time::Duration;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let mut stream = TcpStream::connect(listener.local_addr()?)?;
    /// stream.set_read_timeout(Some(Duration::from_millis(5)))?;
    /// assert_eq!(stream.read(&mut [0; 16]).unwrap_err().kind(), ErrorKind::WouldBlock);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.fd.set_timeout(Way::Read, timeout)
    }

    /// Bounds each write from now on; see [`set_read_timeout`](Self::set_read_timeout).
    ///
    /// # Errors
    ///
    /// `InvalidInput` for zero.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.fd.set_timeout(Way::Write, timeout)
    }

    /// The bound of each read.
    ///
    /// # Errors
    ///
    /// None now; the signature is std's.
    pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(self.fd.timeout(Way::Read))
    }

    /// The bound of each write.
    ///
    /// # Errors
    ///
    /// None now; the signature is std's.
    pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(self.fd.timeout(Way::Write))
    }

    /// Makes reads fail with `TimedOut` from this moment on, also when data is
    /// there, and also those that wait already. `None` takes the deadline away, and
    /// reading works again. Any task may set it, at any time.
    ///
    /// # Errors
    ///
    /// None now.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{TcpListener, TcpStream};
    /// use std::io::{ErrorKind, Read};
    /// use std::time::{Duration, Instant};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let mut stream = TcpStream::connect(listener.local_addr()?)?;
    /// stream.set_read_deadline(Some(Instant::now() + Duration::from_millis(5)))?;
    /// assert_eq!(stream.read(&mut [0; 16]).unwrap_err().kind(), ErrorKind::TimedOut);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "SetReadDeadline")]
    pub fn set_read_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.fd.set_deadline(Way::Read, Time::of(deadline));
        Ok(())
    }

    /// Makes writes fail with `TimedOut` from this moment on; see
    /// [`set_read_deadline`](Self::set_read_deadline). A write that has written
    /// something when the deadline comes returns how much; the next one fails.
    ///
    /// # Errors
    ///
    /// None now.
    #[doc(alias = "SetWriteDeadline")]
    pub fn set_write_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.fd.set_deadline(Way::Write, Time::of(deadline));
        Ok(())
    }

    /// Sets both deadlines.
    ///
    /// # Errors
    ///
    /// None now.
    #[doc(alias = "SetDeadline")]
    pub fn set_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.set_read_deadline(deadline)?;
        self.set_write_deadline(deadline)
    }

    /// Receives data without taking it: the next read gets it again.
    ///
    /// Parks the task, or blocks the thread, like a read.
    ///
    /// # Errors
    ///
    /// As for a read.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.fd
            .read_with(ShortRead::ProvesNothing, |fd| socket::peek(fd, buffer))
    }

    /// Whether small writes are sent at once instead of being gathered (`TCP_NODELAY`).
    /// Off at first, as in std.
    ///
    /// # Errors
    ///
    /// What `setsockopt` fails with.
    #[doc(alias = "SetNoDelay")]
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        socket::set_nodelay(self.fd.open()?, nodelay)
    }

    /// The value of `TCP_NODELAY`.
    ///
    /// # Errors
    ///
    /// What `getsockopt` fails with.
    pub fn nodelay(&self) -> io::Result<bool> {
        socket::nodelay(self.fd.open()?)
    }

    /// Sets the time-to-live of packets that are sent.
    ///
    /// # Errors
    ///
    /// What `setsockopt(IP_TTL)` fails with.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        socket::set_ttl(self.fd.open()?, ttl)
    }

    /// The time-to-live of packets that are sent.
    ///
    /// # Errors
    ///
    /// What `getsockopt(IP_TTL)` fails with.
    pub fn ttl(&self) -> io::Result<u32> {
        socket::ttl(self.fd.open()?)
    }

    /// The error that waits at the socket, which is cleared.
    ///
    /// # Errors
    ///
    /// What `getsockopt(SO_ERROR)` fails with.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.fd.take_error()
    }

    /// Whether operations return `WouldBlock` instead of waiting. Shared by clones.
    ///
    /// # Errors
    ///
    /// None now; the signature is std's.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.fd.set_nonblocking(nonblocking);
        Ok(())
    }
}

/// As much as one read asks for. The kernel returns a little less than 2 GiB at most,
/// which must not be taken for all that was there.
const READ_MOST: usize = 1 << 30;

impl Source for TcpStream {
    fn receive(&self, most: usize) -> io::Result<Block> {
        self.fd.receive(ShortRead::Drains(most), most, |fd, block| {
            block.receive(most, |spare| socket::receive_into(fd, spare))
        })
    }
}

impl Read for &TcpStream {
    /// Reads what is there; waits if there is nothing. Zero is the end, or an empty
    /// buffer.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let all = buffer.len().min(READ_MOST);
        let buffer = &mut buffer[..all];
        self.fd
            .read_with(ShortRead::Drains(all), |fd| socket::receive(fd, buffer))
    }
}

impl Write for &TcpStream {
    /// Writes all of the buffer, as a blocking socket does. If an error or a
    /// deadline comes first, returns how much was written, and the next write fails.
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.fd.write(buffer)
    }

    /// Does nothing: nothing is kept back.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl Write for TcpStream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        (&*self).write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TcpStream");
        if let Ok(address) = self.local_addr() {
            debug.field("addr", &address);
        }
        if let Ok(peer) = self.peer_addr() {
            debug.field("peer", &peer);
        }
        debug.field("fd", &self.as_raw_fd()).finish()
    }
}

impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for TcpStream {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
