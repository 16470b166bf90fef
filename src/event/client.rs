//! Connections that this end begins.

use std::io;

use super::{ConnectionHandle, EventLoop, Handler, Stream};
use crate::buf::LinkBuffer;
use crate::net::{Conn, Dialer, TcpStream, ToSocketAddrs};

impl<H: Handler> EventLoop<H> {
    /// Connects to a server, and has the handler serve the connection, as
    /// [`adopt`](Self::adopt) does. The handle tells whether it still
    /// [stands](ConnectionHandle::is_active), also while nobody reads.
    ///
    /// Waits as [`TcpStream::connect`] does, and sets `TCP_NODELAY`. For a time limit, a Unix socket and other
    /// options there is [`dial`](Self::dial).
    ///
    /// # Errors
    ///
    /// Those of [`TcpStream::connect`] and of [`serve`](Self::serve).
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::event::{Connection, EventLoop, Next};
    /// use netpoll::net::TcpListener;
    /// use std::io::Read;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let client = EventLoop::new(|_: &mut Connection| Ok(Next::Need(100)));
    /// let handle = client.connect(listener.local_addr()?)?;
    /// handle.write("ping")?;
    /// let mut request = [0; 4];
    /// listener.accept()?.0.read_exact(&mut request)?;
    /// assert_eq!(&request, b"ping");
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "NewDialer")]
    #[doc(alias = "ErrDialNoDeadline")]
    #[doc(alias = "DialTCP")]
    pub fn connect(&self, address: impl ToSocketAddrs) -> io::Result<ConnectionHandle> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        self.adopt(stream, LinkBuffer::new())
    }

    /// Connects to a server by TCP or a Unix socket, with the options of a [`Dialer`], its
    /// timeout first of all, and has the handler serve the connection, as
    /// [`adopt`](Self::adopt) does.
    ///
    /// This is what a pool of connections to other servers is made of: the handler gets
    /// the replies, the handles write the requests, and each tells whether it still
    /// [stands](ConnectionHandle::is_active): the loop notices when a peer goes, also while
    /// nobody reads or writes.
    ///
    /// Waits as [`Dialer::dial`] does: parks the task, or blocks the thread.
    ///
    /// # Errors
    ///
    /// Those of [`Dialer::dial`], `TimedOut` among them, and of [`serve`](Self::serve);
    /// `Unsupported` for a network whose connections are no streams.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::event::{Connection, EventLoop, Next};
    /// use netpoll::net::{Dialer, TcpListener};
    /// use std::io::{Read, Write};
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let (send, replies) = mpsc::channel();
    /// let pool = EventLoop::new(move |connection: &mut Connection| {
    ///     let all = connection.reader().len();
    ///     send.send(connection.reader().read_string(all)?).unwrap();
    ///     Ok(Next::Again)
    /// });
    /// let dialer = Dialer::new().timeout(Duration::from_secs(1));
    /// let client = pool.dial(&dialer, "tcp", &listener.local_addr()?.to_string())?;
    ///
    /// let (mut server, _) = listener.accept()?;
    /// client.write("ping")?;
    /// server.read_exact(&mut [0; 4])?;
    /// server.write_all(b"pong")?;
    /// assert_eq!(replies.recv().unwrap(), "pong");
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "Dialer")]
    #[doc(alias = "DialConnection")]
    #[doc(alias = "DialTimeout")]
    #[doc(alias = "ErrDialTimeout")]
    #[doc(alias = "ErrUnsupported")]
    #[doc(alias = "DialUnix")]
    pub fn dial(
        &self,
        dialer: &Dialer,
        network: &str,
        address: &str,
    ) -> io::Result<ConnectionHandle> {
        let stream = match dialer.dial(network, address)? {
            Conn::Tcp(stream) => Stream::from(stream),
            Conn::Unix(stream) => Stream::from(stream),
            Conn::Udp(_) | Conn::Unixgram(_) | Conn::Unixpacket(_) => {
                return Err(io::Error::new(
                    io::ErrorKind::Unsupported,
                    "an event loop has connections that are streams",
                ));
            }
        };
        self.adopt(stream, LinkBuffer::new())
    }
}
