//! Protocols whose messages say how long they are.

use std::fmt;
use std::io;

use super::{Connection, Handler, Next};

/// What happens to the frames of connections; see [`Framed`].
///
/// A closure is one without a context.
pub trait FrameHandler: Send + Sync + 'static {
    /// What belongs to one connection.
    type Context: Send + 'static;

    /// Makes the context of a new connection; see [`Handler::prepare`].
    ///
    /// # Errors
    ///
    /// An error closes the connection.
    fn prepare(&self, connection: &Connection) -> io::Result<Self::Context>;

    /// There is a frame, with its header. What is written is sent at the end of the turn.
    ///
    /// # Errors
    ///
    /// An error closes the connection, when what was written has been sent.
    fn frame(
        &self,
        connection: &Connection,
        frame: &[u8],
        context: &mut Self::Context,
    ) -> io::Result<()>;

    /// Nothing more will happen; see [`Handler::disconnect`].
    fn disconnect(&self, connection: &Connection, context: Self::Context) {
        let _ = (connection, context);
    }
}

impl<F> FrameHandler for F
where
    F: Fn(&Connection, &[u8]) -> io::Result<()> + Send + Sync + 'static,
{
    type Context = ();

    fn prepare(&self, _: &Connection) -> io::Result<()> {
        Ok(())
    }

    fn frame(&self, connection: &Connection, frame: &[u8], (): &mut ()) -> io::Result<()> {
        self(connection, frame)
    }
}

/// A [`Handler`] for protocols whose messages say how long they are.
///
/// It calls a [`FrameHandler`] with whole frames only. What has come of an incomplete one
/// is all that is held until the rest comes.
///
/// # Examples
///
/// ```
/// use netpoll::event::{Connection, EventLoop, Framed};
/// use netpoll::net::{TcpListener, TcpStream};
/// use std::io::{Read, Write};
///
/// // A byte that says how many follow.
/// let length = |header: &[u8]| Ok(1 + usize::from(header[0]));
/// let shout = |connection: &Connection, frame: &[u8]| {
///     connection.writer().write_binary(&frame.to_ascii_uppercase());
///     Ok(())
/// };
/// let server = EventLoop::new(Framed::new(1, length, shout));
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let address = listener.local_addr()?;
/// netpoll::thread::spawn({ let server = server.clone(); move || server.serve(listener) });
///
/// let mut client = TcpStream::connect(address)?;
/// client.write_all(b"\x05hello\x05wor")?;
/// client.write_all(b"ld")?;
/// let mut replies = [0; 12];
/// client.read_exact(&mut replies)?;
/// assert_eq!(&replies, b"\x05HELLO\x05WORLD");
/// # std::io::Result::Ok(())
/// ```
pub struct Framed<L, H> {
    header: usize,
    length: L,
    handler: H,
}

/// So many frames at most are handled by one request.
const AT_ONCE: usize = 64;

impl<L, H> Framed<L, H>
where
    L: Fn(&[u8]) -> io::Result<usize> + Send + Sync + 'static,
    H: FrameHandler,
{
    /// A handler of frames that begin with a header of so many bytes, which `length`
    /// makes the length of the frame of, the header included. An error of `length` closes
    /// the connection, as does a length that is less than the header's.
    ///
    /// A frame that is longer than the [limit](super::Options::frame_limit) closes the
    /// connection as soon as its header is there.
    pub fn new(header: usize, length: L, handler: H) -> Self {
        Self {
            header,
            length,
            handler,
        }
    }
}

impl<L, H> Handler for Framed<L, H>
where
    L: Fn(&[u8]) -> io::Result<usize> + Send + Sync + 'static,
    H: FrameHandler,
{
    type Context = H::Context;

    fn prepare(&self, connection: &mut Connection) -> io::Result<H::Context> {
        self.handler.prepare(connection)
    }

    fn request(&self, connection: &mut Connection, context: &mut H::Context) -> io::Result<Next> {
        for _ in 0..AT_ONCE {
            let reader = connection.reader();
            let Some(header) = reader.try_peek(self.header) else {
                return Ok(Next::Need(self.header));
            };
            let whole = (self.length)(header)?;
            if whole < self.header.max(1) {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a frame that is shorter than its header",
                ));
            }
            let Some(frame) = reader.try_next(whole) else {
                return Ok(Next::Need(whole));
            };
            self.handler.frame(connection, frame, context)?;
            if reader.is_empty() || connection.is_closing() || connection.has_written_much() {
                break;
            }
        }
        Ok(Next::Again)
    }

    fn disconnect(&self, connection: &mut Connection, context: H::Context) {
        self.handler.disconnect(connection, context);
    }
}

impl<L, H> fmt::Debug for Framed<L, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framed")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}
