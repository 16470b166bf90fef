//! A connection's handler and context, whatever types they are.

use std::io;
use std::sync::Arc;

use super::{Connection, Handler, Next};
use crate::sys::epoll::Flags;

/// What a loop calls for one connection.
pub(super) trait Session: Send {
    fn start(&mut self, connection: &mut Connection) -> io::Result<()>;
    fn request(&mut self, connection: &mut Connection) -> io::Result<Next>;
    /// For operators: something has happened to the descriptor. Returns what is to be said
    /// to have happened again; nothing if this is the end.
    fn operate(&mut self, _: Flags) -> io::Result<Option<Flags>> {
        Ok(None)
    }
    /// Does nothing where `start` did not come to prepare a context.
    fn disconnect(&mut self, connection: &mut Connection);
}

/// One connection of a handler.
pub(super) struct Served<H: Handler> {
    handler: Arc<H>,
    context: Option<H::Context>,
}

impl<H: Handler> Served<H> {
    pub(super) fn boxed(handler: &Arc<H>) -> Box<dyn Session> {
        Box::new(Self {
            handler: Arc::clone(handler),
            context: None,
        })
    }
}

impl<H: Handler> Session for Served<H> {
    fn start(&mut self, connection: &mut Connection) -> io::Result<()> {
        let context = self.handler.prepare(connection)?;
        self.handler
            .connect(connection, self.context.insert(context))
    }

    #[inline]
    fn request(&mut self, connection: &mut Connection) -> io::Result<Next> {
        let context = self.context.as_mut().expect("it was prepared");
        self.handler.request(connection, context)
    }

    fn disconnect(&mut self, connection: &mut Connection) {
        if let Some(context) = self.context.take() {
            self.handler.disconnect(connection, context);
        }
    }
}
