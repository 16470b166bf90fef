//! `copy_bidirectional`.

use std::io::{Read, Result, Write};

use super::Relay;
use crate::fd::Duplex;

/// Copies from `a` to `b` and from `b` to `a` at the same time, until both ways have ended;
/// returns how many bytes went from `a` to `b`, and how many from `b` to `a`. It is what a
/// proxy does.
///
/// When one of them says that nothing more comes, the other one is told
/// (`shutdown(Shutdown::Write)`), and the way back goes on. Each way is a [`copy()`], one on
/// the calling task and one on a task of its own; see there for what moves the bytes. A
/// [`Relay`] does the same, and has an idle timeout, and counts that can be read meanwhile
/// and after an error.
///
/// Parks the task, or blocks the thread. What bounds reads and writes of either connection
/// bounds this. It does not close them, unless something fails.
///
/// # Errors
///
/// The first error of either way. It ends both: the connections are
/// [aborted](Duplex::abort), so that the way that still works does not wait for ever, and
/// nobody takes what has come so far for the whole. If one of them takes nothing more
/// (`BrokenPipe` or `ConnectionReset` from a write), what it has said before that is passed on
/// first. If the second task cannot be started, that error.
///
/// # Examples
///
/// ```
/// use netpoll::{io, thread};
/// use netpoll::net::{Shutdown, TcpListener, TcpStream};
/// use netpoll::os::unix::net::UnixStream;
/// use std::io::{Read, Write};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let mut client = TcpStream::connect(listener.local_addr()?)?;
/// let (accepted, _) = listener.accept()?;
/// let (dialed, server) = UnixStream::pair()?;
/// let proxy = thread::spawn(move || io::copy_bidirectional(&accepted, &dialed));
/// thread::spawn(move || {
///     io::copy(&mut &server, &mut &server)?;
///     (&server).write_all(b", and more")
/// });
///
/// client.write_all(b"there and back")?;
/// client.shutdown(Shutdown::Write)?;
/// let mut reply = String::new();
/// client.read_to_string(&mut reply)?;
/// assert_eq!(reply, "there and back, and more");
/// assert_eq!(proxy.join().unwrap()?, (14, 24));
/// # std::io::Result::Ok(())
/// ```
///
/// [`copy()`]: super::copy()
pub fn copy_bidirectional<A, B>(a: &A, b: &B) -> Result<(u64, u64)>
where
    A: Duplex + Sync,
    B: Duplex + Sync,
    for<'a> &'a A: Read + Write,
    for<'b> &'b B: Read + Write,
{
    Relay::new().run(a, b)
}
