//! Reading and writing, in the shape of [`std::io`].
//!
//! Every stable name of [`std::io`] is here, so that a port changes `use std::io` to
//! `use netpoll::io`. Most are std's own: the traits, the errors, [`Cursor`] and the
//! other adapters work as they are with everything that implements [`Read`] and
//! [`Write`]. What would block the worker, or keep memory while it waits, is replaced:
//!
//! | name | differs from std's |
//! |---|---|
//! | [`BufReader`], [`BufWriter`], [`LineWriter`], [`copy()`] | have a buffer only while there are bytes in it |
//! | [`pipe()`], [`PipeReader`], [`PipeWriter`] | park the task; have deadlines and `close` |
//! | [`stdin()`], [`Stdin`], [`StdinLock`] | park the task |
//! | [`IntoInnerError`], [`WriterPanicked`] | are those of the writers here |
//!
//! and there are some names that std has not: [`Cancelled`], [`Closed`] and [`Idle`], the causes
//! of errors that std has no kind for; [`blocks()`], which says what buffers cost;
//! [`copy_bidirectional`], which is a proxy, and [`Relay`], which can tell how far it is; and
//! [`Pollable`], which waits for any descriptor.
//!
//! # Standard output
//!
//! [`stdout()`], [`stderr()`], `print!` and `eprint!` are std's, and block the worker while
//! the system takes no more. Terminals and files take what is written nearly at once.
//! (Their locks are of the thread, and do not keep the worker's other tasks out: do not
//! hold one while the task waits.) A pipe whose reader falls behind does not, and the worker's tasks then wait for that
//! reader. A program that writes much to one, from tasks, has several ways: write in
//! [`blocking`](crate::blocking), send lines to one task or thread that writes, or hold
//! the descriptor as a [`PipeWriter`]:
//!
//! ```
//! use netpoll::io::{PipeWriter, Write};
//! use std::os::fd::AsFd;
//!
//! let descriptor = std::io::stdout().as_fd().try_clone_to_owned()?;
//! let mut output = PipeWriter::from(descriptor);
//! netpoll::thread::spawn(move || output.write_all(b"this may wait\n")).join().unwrap()?;
//! # netpoll::io::Result::Ok(())
//! ```
//!
//! # Buffers
//!
//! A connection is idle nearly always, and a buffer of 8 KiB for each is most of what
//! a connection costs. So the readers and writers here take a block of memory from a
//! pool of the worker's when bytes come, and give it back when they are gone.
//!
//! How a reader finds out that bytes come depends on what it reads from. A reader of
//! netpoll's own (a [`TcpStream`](crate::net::TcpStream), a [`PipeReader`], or a reference
//! to one) waits first; when it is readable it takes a block, and the bytes go there
//! directly. Any other [`Read`] has to be offered memory before it waits: it gets
//! 1 KiB of the task's stack, and what comes is copied into a block. If that was full,
//! more is likely to come, and it is offered a whole buffer as long as it fills it.
//!
//! A block is never shown to anybody with the bytes of its earlier owner in it.

#![forbid(unsafe_code)]

mod both_ways;
mod copy;
mod descriptor;
mod intake;
mod into_inner;
mod line_writer;
mod pipe;
mod pollable;
mod reader;
mod relay;
mod stdin;
mod writer;

pub use std::io::{
    BufRead, Bytes, Chain, Cursor, Empty, Error, ErrorKind, IoSlice, IoSliceMut, IsTerminal, Lines,
    Read, Repeat, Result, Seek, SeekFrom, Sink, Split, Stderr, StderrLock, Stdout, StdoutLock,
    Take, Write, empty, prelude, read_to_string, repeat, sink, stderr, stdout,
};

pub use crate::buf::{Blocks, blocks};
#[doc(alias = "Canceled")]
pub use crate::fd::Cancelled;
#[doc(alias = "ErrClosed")]
#[doc(alias = "ErrConnClosed")]
pub use crate::fd::Closed;
#[doc(alias = "CloseWriter")]
pub use crate::fd::Duplex;
#[doc(alias = "CopyBidirectional")]
#[doc(alias = "splice")]
#[doc(alias = "proxy")]
pub use both_ways::copy_bidirectional;
#[doc(alias = "Copy")]
#[doc(alias = "ReadFrom")]
#[doc(alias = "WriteTo")]
#[doc(alias = "splice")]
#[doc(alias = "sendfile")]
pub use copy::copy;
pub use into_inner::{IntoInnerError, WriterPanicked};
pub use line_writer::LineWriter;
#[doc(alias = "Pipe")]
pub use pipe::pipe;
pub use pipe::{PipeReader, PipeWriter};
#[doc(alias = "AsyncFd")]
#[doc(alias = "RawConn")]
#[doc(alias = "SyscallConn")]
#[doc(alias = "Async")]
pub use pollable::Pollable;
pub use reader::BufReader;
pub use relay::Idle;
#[doc(alias = "CopyBidirectional")]
#[doc(alias = "proxy")]
pub use relay::Relay;
pub use stdin::{Stdin, StdinLock, stdin};
pub use writer::BufWriter;

/// The room in a buffer, in bytes, if nobody says otherwise; std's.
const CAPACITY: usize = 8 * 1024;

/// What a reader that nothing is known of is offered on the stack, while it may have to
/// wait: a task pays for it only by the page that it has anyway.
const OFFERED: usize = 1024;
