//! A network runtime for Rust on Linux: code that reads like blocking code, on
//! tasks that cost a page of memory, parked on epoll.
//!
//! An echo server, with a task for each connection:
//!
//! ```
//! use netpoll::net::{TcpListener, TcpStream};
//! use netpoll::thread;
//! use std::io::{self, Read, Write};
//!
//! fn serve(listener: TcpListener) {
//!     for stream in listener.incoming() {
//!         match stream {
//!             Ok(stream) => drop(thread::spawn(move || echo(stream))),
//!             Err(error) => eprintln!("accept: {error}"),
//!         }
//!     }
//! }
//!
//! fn echo(mut stream: TcpStream) -> io::Result<()> {
//!     let mut buffer = [0; 512];
//!     while let n @ 1.. = stream.read(&mut buffer)? {
//!         stream.write_all(&buffer[..n])?;
//!     }
//!     Ok(())
//! }
//!
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let address = listener.local_addr()?;
//! thread::spawn(move || serve(listener));
//!
//! let mut client = TcpStream::connect(address)?;
//! client.write_all(b"hello")?;
//! let mut reply = [0; 5];
//! client.read_exact(&mut reply)?;
//! assert_eq!(&reply, b"hello");
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! It is the program that one would write on std; `use netpoll::` stands where
//! `use std::` stood, for TCP and for tasks. `read` parks the task when there is
//! nothing to read, and its worker runs others meanwhile. The client above waits on
//! a plain thread, which blocks, as in std: **every call works on every thread.**
//!
//! # How it runs
//!
//! There is nothing to start. The first [`thread::spawn`] starts a worker thread for
//! each processor; `NETPOLL_WORKERS` sets how many, and [`Builder`] sets up more:
//!
//! ```
//! netpoll::Builder::new().workers(1).stack_size(64 * 1024).build_global()?;
//! let task = netpoll::thread::spawn(|| 6 * 7);
//! assert_eq!(task.join().unwrap(), 42);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! A task stays on the worker that first runs it, so it may hold an `Rc` or a borrow
//! while it waits; only what it starts with must be `Send`. It gives way when it has
//! to wait, and after 128 operations that did not. What computes or blocks for long
//! belongs in [`blocking`]. A worker without work takes tasks that have not started from
//! one that has more, or that is held up. A monitor finds the task that holds a worker
//! up, and says which it is; see [`Builder::on_stuck`].
//!
//! Tasks that borrow are those of [`thread::scope`]. [`block_on`] waits for a future.
//!
//! # Ending a wait
//!
//! Deadlines are moments, belong to the socket, and may be moved by any task:
//!
//! ```
//! use netpoll::net::{TcpListener, TcpStream};
//! use std::io::{ErrorKind, Read};
//! use std::time::{Duration, Instant};
//!
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let mut stream = TcpStream::connect(listener.local_addr()?)?;
//! stream.set_read_deadline(Some(Instant::now() + Duration::from_millis(10)))?;
//! assert_eq!(stream.read(&mut [0; 16]).unwrap_err().kind(), ErrorKind::TimedOut);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! [`TcpStream::close`](net::TcpStream::close) ends what all clones of a stream wait
//! for, with [`io::Closed`] as the cause of the error. [`Runtime::shutdown`] ends a
//! runtime: what its tasks wait for, and can fail, fails with [`io::Cancelled`]. No task
//! is ever torn down from outside.
//!
//! # Before you port
//!
//! Tasks of one worker share its thread, hence its thread-locals. Two things that are
//! right on threads are wrong on tasks:
//!
//! - A lock of std that is held while its task waits can block the worker for good.
//! - A *scoped thread-local* (a pointer to a frame, restored on exit) inside of which
//!   tasks wait can be left dangling: undefined behaviour from safe code.
//!
//! [`thread_local!`](crate::thread_local) gives each task a value of its own, and
//! [`thread::no_park`] turns a wait inside of it into a panic. Stacks are of 256 KiB
//! unless [`thread::Builder::stack_size`] says otherwise; one that overflows is
//! reported with the task's name, and ends the process. A child that was forked from a
//! process with a runtime can neither wait nor start one.
//!
//! # Where to read on
//!
//! | | |
//! |---|---|
//! | [`net`] | TCP and UDP, in the shape of [`std::net`]; timeouts and deadlines; names; from and to std; batches and segments of datagrams, packets of IP, interfaces |
//! | [`os`] | sockets of Unix and descriptors, in the shape of [`std::os`]; packets, descriptors that go along |
//! | [`thread`] | tasks, in the shape of [`std::thread`]; scopes, parking |
//! | [`sync`] | locks, channels and conditions whose waiters park, in the shape of [`std::sync`] |
//! | [`thread_local!`](crate::thread_local) | values that each task has of its own |
//! | [`time`] | moments and durations, as in [`std::time`] |
//! | [`fs`] | files and directories, in the shape of [`std::fs`], off the workers |
//! | [`process`] | children, in the shape of [`std::process`]: waits and pipes that park |
//! | [`io`] | buffers that are there while there are bytes, `copy`, pipes, standard input, in the shape of [`std::io`] |
//! | [`signal`] | signals that a task waits for |
//! | [`event`] | handlers instead of tasks: a connection that does nothing costs a hundred bytes |
//! | [`mux`] | many writers on one connection: what waits together leaves in one system call |
//! | [`buf`] | bytes without copying them: `LinkBuffer`, a chain of pooled blocks |
//! | [`blocking`] | closures that block, on threads of their own |
//! | [`block_on`] | waiting for futures |
//! | [`Builder`], [`Runtime`] | workers, stacks, hooks, a runtime of one's own and its end |
//! | [`Stuck`], [`Metrics`] | what the monitor says, and figures |
//! | [`epoll`] | the kernel's readiness queue, without the runtime |
//! | `docs/porting.md` | what changes with the `use` line |
//! | `docs/guide.md` | hazards, deadlines, tuning, debugging |
//! | `docs/handler-mode.md` | connections without tasks: their life, buffers, bounds and end |
//! | `docs/architecture.md` | how it works, and why so |
//! | `docs/soundness.md` | every hazard that is known, and the test that shows what is done |
//! | `examples/` | ten thousand connections, a million tasks, what an idle one costs, datagrams in batches, a loop on epoll by hand |

#[cfg(not(all(
    target_os = "linux",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
compile_error!(
    "netpoll runs on 64-bit Linux on x86-64 and aarch64 only: it is built on epoll, and on stack switching for these two"
);

pub mod buf;
pub mod event;
mod fd;
pub mod fs;
pub mod io;
pub mod mux;
pub mod net;
pub mod os;
mod poll;
pub mod process;
mod sched;
pub mod signal;
mod stack;
pub mod sync;
mod sys;
mod task;
pub mod thread;
pub mod time;

#[doc(alias = "spawn_blocking")]
#[doc(alias = "block_in_place")]
pub use sched::blocking;
pub use sched::{Builder, Doing, Metrics, Runtime, Shutdown, Stuck, TaskReport};
#[cfg(feature = "backtrace")]
pub use stack::trace::{Backtrace, BacktraceFrame};
pub use sys::epoll;
pub use thread::block_on;

/// The examples of what is not written for rustdoc, to be compiled and run with the others.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../README.md")]
    mod readme {}
    #[doc = include_str!("../docs/architecture.md")]
    mod architecture {}
    #[doc = include_str!("../docs/checklist.md")]
    mod checklist {}
    #[doc = include_str!("../docs/guide.md")]
    mod guide {}
    #[doc = include_str!("../docs/handler-mode.md")]
    mod handler_mode {}
    #[doc = include_str!("../docs/performance.md")]
    mod performance {}
    #[doc = include_str!("../docs/porting.md")]
    mod porting {}
    #[doc = include_str!("../docs/soundness.md")]
    mod soundness {}
}
