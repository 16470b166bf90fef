//! Connections without a task for each: handlers that a worker calls.

#![forbid(unsafe_code)]

mod connection;
mod event_loop;
mod framed;
mod handle;
mod handler;
mod listener;
mod looper;
mod operator;
mod options;
mod placement;
mod remote;
mod request;
mod session;
mod slot;
mod state;

pub use connection::Connection;
pub use event_loop::{EventLoop, Metrics, Shutdown, Stream};
pub use framed::{FrameHandler, Framed};
pub use handle::ConnectionHandle;
pub use handler::{Handler, Next};
pub use listener::Listener;
pub use operator::{Operate, Operator};
pub use options::Options;
pub use placement::Balance;
