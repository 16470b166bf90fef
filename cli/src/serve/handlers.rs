//! Holding connections without a task for each: an event loop calls a function when
//! something has come.
//!
//! A stop ends connections at once that owe no answer. Those of which something was
//! received that is not answered, or sent, have until the deadline.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use netpoll::buf::LinkBuffer;
use netpoll::event::{Connection, EventLoop, Handler, Next, Options};

use super::stream::Stream;
use super::{Service, counters};

/// See the [module](self).
pub(super) struct Handlers<F: Request> {
    event_loop: EventLoop<Counted<F>>,
    open: Arc<AtomicUsize>,
    deadline: OnceLock<Instant>,
}

/// What is called when something has come; see [`Handler::request`].
pub(super) trait Request:
    Fn(&mut Connection) -> io::Result<Next> + Send + Sync + 'static
{
}

impl<F: Fn(&mut Connection) -> io::Result<Next> + Send + Sync + 'static> Request for F {}

impl<F: Request> Handlers<F> {
    pub(super) fn new(request: F, options: Options) -> Self {
        let open = Arc::default();
        let handler = Counted {
            request,
            open: Arc::clone(&open),
        };
        Self {
            event_loop: EventLoop::with_options(handler, options),
            open,
            deadline: OnceLock::new(),
        }
    }
}

impl<F: Request> Service for Handlers<F> {
    fn admit(&self, stream: Stream) -> io::Result<()> {
        // The event loop takes the workers of the first task that gives it one, the
        // acceptor.
        self.event_loop.adopt(stream, LinkBuffer::new()).map(drop)
    }

    fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    fn stop(&self, deadline: Instant) {
        // It stops once.
        let _ = self.deadline.set(deadline);
    }

    fn wait(&self) -> u64 {
        let deadline = self.deadline.get().copied();
        let shutdown = self
            .event_loop
            .shutdown(deadline.unwrap_or_else(Instant::now));
        shutdown.cut_off as u64
    }
}

/// A handler that knows for how many connections it may be called.
struct Counted<F> {
    request: F,
    open: Arc<AtomicUsize>,
}

impl<F: Request> Handler for Counted<F> {
    type Context = ();

    fn prepare(&self, _: &mut Connection) -> io::Result<()> {
        self.open.fetch_add(1, Ordering::Relaxed);
        counters::stir();
        Ok(())
    }

    fn request(&self, connection: &mut Connection, (): &mut ()) -> io::Result<Next> {
        (self.request)(connection)
    }

    fn disconnect(&self, _: &mut Connection, (): ()) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        counters::stir();
    }
}
