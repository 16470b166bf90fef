//! What a user provides: the handler of connections.

use std::io;

use super::Connection;

/// What shall happen after a handler has run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The handler runs again: at once if it consumed something and there is more, or
    /// when more comes.
    ///
    /// A handler that leaves something and consumed nothing runs again when there are
    /// new bytes; that is [counted](super::Metrics::stalled), because a handler that says
    /// how much it needs is called less often.
    Again,
    /// The handler runs again when there are so many bytes to read, those included that
    /// it has left. Nothing but those is held until then: no task, and no stack.
    Need(usize),
    /// The connection is closed when all that was written has been sent.
    Close,
}

/// What happens to connections.
///
/// For each connection, in this order, never two at once:
///
/// | | when | |
/// |---|---|---|
/// | [`prepare`](Self::prepare) | it was accepted | makes its context |
/// | [`connect`](Self::connect) | then | may write a greeting |
/// | [`request`](Self::request) | there is something to read | any number of times |
/// | [`disconnect`](Self::disconnect) | nothing more will happen | takes the context |
///
/// All of them run on the connection's worker, and may park, as a task may: read more,
/// dial a backend, lock, sleep. One that does not park costs no task switch. One that
/// panics closes its connection, and nothing else.
///
/// A closure is a handler without a context.
///
/// # Examples
///
/// ```
/// use netpoll::event::{Connection, Handler, Next};
/// use std::io;
///
/// /// Answers every byte with how many there were.
/// struct Counting;
///
/// impl Handler for Counting {
///     type Context = u64;
///
///     fn prepare(&self, _: &mut Connection) -> io::Result<u64> {
///         Ok(0)
///     }
///
///     fn request(&self, connection: &mut Connection, count: &mut u64) -> io::Result<Next> {
///         *count += connection.reader().len() as u64;
///         connection.reader().skip(connection.reader().len())?;
///         connection.writer().write_string(&format!("{count}\n"));
///         Ok(Next::Again)
///     }
/// }
/// ```
pub trait Handler: Send + Sync + 'static {
    /// What belongs to one connection.
    type Context: Send + 'static;

    /// Makes the context of a new connection, before anything else happens to it.
    ///
    /// # Errors
    ///
    /// An error closes the connection; nothing else is called for it but what
    /// [`on_close`](Connection::on_close) was given.
    #[doc(alias = "OnPrepare")]
    #[doc(alias = "WithOnPrepare")]
    fn prepare(&self, connection: &mut Connection) -> io::Result<Self::Context>;

    /// A connection stands. What it writes is sent.
    ///
    /// # Errors
    ///
    /// An error closes the connection.
    #[doc(alias = "OnConnect")]
    #[doc(alias = "OnOpen")]
    #[doc(alias = "WithOnConnect")]
    #[doc(alias = "SetOnConnect")]
    fn connect(&self, connection: &mut Connection, context: &mut Self::Context) -> io::Result<()> {
        let _ = (connection, context);
        Ok(())
    }

    /// There is something to read; or the peer has sent all that it will, see
    /// [`Connection::peer_has_finished`], and there is something left.
    ///
    /// What it writes is sent when it has returned, together with what the others wrote
    /// for this connection in the same turn.
    ///
    /// # Errors
    ///
    /// An error closes the connection, when what was written has been sent.
    #[doc(alias = "OnRequest")]
    #[doc(alias = "OnTraffic")]
    #[doc(alias = "SetOnRequest")]
    fn request(&self, connection: &mut Connection, context: &mut Self::Context)
    -> io::Result<Next>;

    /// Nothing more will happen to the connection.
    /// [`Connection::error`] tells why, unless the peer or the handler ended it. What was
    /// written before is sent afterwards, as far as the peer takes it.
    ///
    /// Called once for each connection that was prepared; no other callback of that
    /// connection runs meanwhile, or afterwards.
    #[doc(alias = "OnDisconnect")]
    #[doc(alias = "OnClose")]
    #[doc(alias = "WithOnDisconnect")]
    #[doc(alias = "SetOnDisconnect")]
    fn disconnect(&self, connection: &mut Connection, context: Self::Context) {
        let _ = (connection, context);
    }
}

impl<F> Handler for F
where
    F: Fn(&mut Connection) -> io::Result<Next> + Send + Sync + 'static,
{
    type Context = ();

    fn prepare(&self, _: &mut Connection) -> io::Result<()> {
        Ok(())
    }

    #[inline]
    fn request(&self, connection: &mut Connection, (): &mut ()) -> io::Result<Next> {
        self(connection)
    }
}
