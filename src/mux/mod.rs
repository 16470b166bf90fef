//! One connection, and many who write to it: [`WriteQueue`].
//!
//! A client that shares a connection among its callers, a server that answers the requests
//! of one connection in any order, a broadcast: many tasks write whole frames to one
//! socket. With a lock around it each of them makes a system call of its own, one after
//! the other, and all of them wait for the one whose write is stuck. A queue takes their
//! frames instead, and what has come together leaves in one system call.
//!
//! ```
//! use netpoll::mux::WriteQueue;
//! use netpoll::net::{TcpListener, TcpStream};
//! use netpoll::thread;
//! use std::io::Read;
//! use std::time::{Duration, Instant};
//!
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let queue = WriteQueue::new(TcpStream::connect(listener.local_addr()?)?);
//! let (mut peer, _) = listener.accept()?;
//!
//! let writers: Vec<_> = (0..100)
//!     .map(|_| {
//!         let queue = queue.clone();
//!         thread::spawn(move || queue.push(b"a frame\n"))
//!     })
//!     .collect();
//! for writer in writers {
//!     writer.join().unwrap()?;
//! }
//! queue.close(Instant::now() + Duration::from_secs(10))?;
//!
//! let mut all = String::new();
//! peer.read_to_string(&mut all)?;
//! assert_eq!(all, "a frame\n".repeat(100));
//! assert!(queue.metrics().writes < 100);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # What is promised
//!
//! - **A frame is whole.** No other bytes come between its first and its last, as long as
//!   all who write do it by the queue.
//! - **Order.** What one writer pushes goes out in its order. Among writers there is none,
//!   except that those who wait for room get it in the order in which they came.
//! - **Once.** What was accepted is written once, in full, or the queue fails. Nothing is
//!   tried again by itself, and what a failure leaves is [handed back](Unsent).
//! - **A bound.** The queue holds so many bytes, those included that are being written.
//!   Who wants to push more waits, [until a deadline](WriteQueue::push_by) if there is
//!   one. A frame larger than the bound waits until nothing else is there.
//! - **Nobody writes for others.** Who pushes never waits for the socket, only for room:
//!   a deadline of one's own is kept whatever the peer does, and a task that ends, or
//!   panics while it makes a frame, leaves the queue as it was.
//!
//! # Who writes
//!
//! The push that finds nobody writing starts a task that does. It stands behind those that
//! can run already, so that what they push goes along; it writes until nothing is left,
//! and ends. A queue in which nothing is has no task and no stack, and since the task is a
//! new one each time, a worker that is stuck does not keep it: another one takes it.
//!
//! Pushing works on tasks and on plain threads, mixed at will.
//!
//! # In handler mode
//!
//! A connection of an event loop has this built in: what its
//! [handles](crate::event::ConnectionHandle) write between two looks of its worker leaves
//! in one system call, and [marks](crate::event::Options::output_marks) bound it. A handle
//! is also a [`Write`](std::io::Write), so that code that was written for a queue works
//! there, in the order of coming: `WriteQueue::new(connection.handle())`.
//!
//! # For readers of CloudWeGo's netpoll
//!
//! | there | here |
//! |---|---|
//! | `NewShardQueue(size, conn)` | [`WriteQueue::new`]; there are no shards: the lock is held to link a frame in, and never while one is made |
//! | `Add(func() (Writer, bool))` | [`WriteQueue::push_with`], [`WriteQueue::push`] |
//! | `Close` | [`WriteQueue::close`], which sends first, and says what could not be |

// | file | idea |
// |---|---|
// | `queue` | what users have |
// | `state` | what is in a queue, and who waits for room: calls nobody |
// | `flusher` | the task that writes |
// | `unsent` | the error |

#![forbid(unsafe_code)]

mod flusher;
mod queue;
mod state;
mod unsent;

#[doc(alias = "ShardQueue")]
#[doc(alias = "ShardRing")]
pub use queue::WriteQueue;
pub use state::Metrics;
pub use unsent::Unsent;
