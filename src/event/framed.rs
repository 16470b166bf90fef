//! Protocols whose messages say how long they are.

use std::fmt;
use std::io;
use std::mem;

use super::request::too_long;
use super::{Connection, Handler, Next};
use crate::buf::LinkBuffer;

/// What happens to the frames of connections; see [`Framed`].
///
/// It is a [`Handler`] whose requests are frames: the same callbacks, in the same order,
/// with the same promises.
///
/// A closure is one without a context.
///
/// # Examples
///
/// The first frame says who it is; a frame without content ends it:
///
/// ```
/// use netpoll::event::{Connection, FrameHandler, Framed, Next};
/// use std::io;
/// use std::time::Duration;
///
/// struct Greeting;
///
/// impl FrameHandler for Greeting {
///     type Context = Option<String>;
///
///     fn prepare(&self, connection: &mut Connection) -> io::Result<Option<String>> {
///         let hurry = Some(Duration::from_secs(2));
///         connection.set_timeouts(hurry, hurry, hurry);
///         Ok(None)
///     }
///
///     fn connect(&self, connection: &mut Connection, _: &mut Option<String>) -> io::Result<()> {
///         connection.writer().write_string("who is there?");
///         Ok(())
///     }
///
///     fn frame(
///         &self,
///         connection: &mut Connection,
///         frame: &[u8],
///         name: &mut Option<String>,
///     ) -> io::Result<Next> {
///         let content = &frame[1..];
///         if content.is_empty() {
///             connection.writer().write_string("bye");
///             return Ok(Next::Close);
///         }
///         if name.is_none() {
///             connection.set_timeouts(None, None, Some(Duration::from_secs(60)));
///         }
///         let name = name.get_or_insert_with(|| String::from_utf8_lossy(content).into());
///         connection.writer().write_string(&format!("hello {name}"));
///         Ok(Next::Again)
///     }
/// }
///
/// let length = |header: &[u8]| Ok(1 + usize::from(header[0]));
/// let server = netpoll::event::EventLoop::new(Framed::new(1, length, Greeting));
/// # drop(server);
/// ```
pub trait FrameHandler: Send + Sync + 'static {
    /// What belongs to one connection.
    type Context: Send + 'static;

    /// Makes the context of a new connection; see [`Handler::prepare`].
    ///
    /// # Errors
    ///
    /// An error closes the connection.
    fn prepare(&self, connection: &mut Connection) -> io::Result<Self::Context>;

    /// A connection stands. What it writes is sent; see [`Handler::connect`].
    ///
    /// # Errors
    ///
    /// An error closes the connection.
    fn connect(&self, connection: &mut Connection, context: &mut Self::Context) -> io::Result<()> {
        let _ = (connection, context);
        Ok(())
    }

    /// There is a frame, with its header. What is written is sent at the end of the turn,
    /// or when it is [flushed](Connection::flush).
    ///
    /// The frame lies where it was received, and stays while this runs, whatever happens to
    /// the connection. The [reader](Connection::reader) of the connection stands behind it:
    /// a body that belongs to the frame may be read there, and
    /// [`detach`](Connection::detach) gives what follows.
    ///
    /// With [`Next::Again`] the next frame is handled. With [`Next::Need`] it waits until
    /// there are so many bytes, of that frame and those behind it. With [`Next::Close`] the
    /// connection is closed when what was written has been sent; frames that have come
    /// already are not handled.
    ///
    /// # Errors
    ///
    /// An error closes the connection, when what was written has been sent.
    fn frame(
        &self,
        connection: &mut Connection,
        frame: &[u8],
        context: &mut Self::Context,
    ) -> io::Result<Next>;

    /// Nothing more will happen; see [`Handler::disconnect`].
    fn disconnect(&self, connection: &mut Connection, context: Self::Context) {
        let _ = (connection, context);
    }
}

impl<F> FrameHandler for F
where
    F: Fn(&mut Connection, &[u8]) -> io::Result<Next> + Send + Sync + 'static,
{
    type Context = ();

    fn prepare(&self, _: &mut Connection) -> io::Result<()> {
        Ok(())
    }

    #[inline]
    fn frame(&self, connection: &mut Connection, frame: &[u8], (): &mut ()) -> io::Result<Next> {
        self(connection, frame)
    }
}

/// A [`Handler`] for protocols whose messages say how long they are.
///
/// It calls a [`FrameHandler`] with whole frames only, and copies none, unless it lies in
/// several blocks. What has come of an incomplete one is all that is held until the rest
/// comes.
///
/// # Examples
///
/// ```
/// use netpoll::event::{Connection, EventLoop, Framed, Next};
/// use netpoll::net::{TcpListener, TcpStream};
/// use std::io::{Read, Write};
///
/// // A byte that says how many follow.
/// let length = |header: &[u8]| Ok(1 + usize::from(header[0]));
/// let shout = |connection: &mut Connection, frame: &[u8]| {
///     connection.writer().write_binary(&frame.to_ascii_uppercase());
///     Ok(Next::Again)
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

    fn connect(&self, connection: &mut Connection, context: &mut H::Context) -> io::Result<()> {
        self.handler.connect(connection, context)
    }

    fn request(&self, connection: &mut Connection, context: &mut H::Context) -> io::Result<Next> {
        // Beside the input, so that the handler may have the connection for itself.
        let mut taken = LinkBuffer::new();
        let mut limit = None;
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
            if reader.len() < whole {
                return Ok(Next::Need(whole));
            }
            // Whether it is too long does not depend on how much of it has come at once.
            let limit = *limit.get_or_insert_with(|| connection.frame_limit());
            if whole > limit {
                return Err(too_long(whole, limit));
            }
            connection.input.part_with(whole, &mut taken);
            let next = (self.handler).frame(connection, taken.next(whole)?, context)?;
            if connection.input.is_empty() {
                // Its block serves for what comes next.
                mem::swap(&mut connection.input, &mut taken);
                return Ok(next);
            }
            taken.clear();
            if next != Next::Again || connection.is_closing() || connection.has_written_much() {
                return Ok(next);
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
