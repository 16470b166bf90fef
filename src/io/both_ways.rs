//! `copy_bidirectional`.

use std::io::{Error, Read, Result, Write};
use std::net::Shutdown;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};

use super::copy;
use crate::fd::Duplex;
use crate::thread;

/// Copies from `a` to `b` and from `b` to `a` at the same time, until both ways have ended;
/// returns how many bytes went from `a` to `b`, and how many from `b` to `a`. It is what a
/// proxy does.
///
/// When one of them says that nothing more comes, the other one is told
/// (`shutdown(Shutdown::Write)`), and the way back goes on. Each way is a [`copy()`], one on
/// the calling task and one on a task of its own; see there for what moves the bytes.
///
/// Parks the task, or blocks the thread. What bounds reads and writes of either connection
/// bounds this: an idle timeout is a read timeout on both. It does not close them.
///
/// # Errors
///
/// The first error of either way. It ends both: the connections are shut down
/// (`Shutdown::Both`), so that the way that still works does not wait for ever. What was
/// written before is sent. If the second task cannot be started, that error.
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
#[doc(alias = "CopyBidirectional")]
#[doc(alias = "splice")]
#[doc(alias = "proxy")]
pub fn copy_bidirectional<A, B>(a: &A, b: &B) -> Result<(u64, u64)>
where
    A: Duplex + Sync,
    B: Duplex + Sync,
    for<'a> &'a A: Read + Write,
    for<'b> &'b B: Read + Write,
{
    let failure = Failure(Mutex::new(None));
    let (there, back) = thread::scope(|scope| {
        let there = thread::Builder::new().spawn_scoped(scope, || one_way(a, b, &failure))?;
        let back = one_way(b, a, &failure);
        Ok::<_, Error>((
            there.join().unwrap_or_else(|panic| resume_unwind(panic)),
            back,
        ))
    })?;
    match failure
        .0
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
    {
        Some(error) => Err(error),
        None => Ok((there, back)),
    }
}

/// The first error of either way.
struct Failure(Mutex<Option<Error>>);

/// Copies one way; returns how many bytes that were.
fn one_way<A, B>(from: &A, to: &B, failure: &Failure) -> u64
where
    A: Duplex,
    B: Duplex,
    for<'a> &'a A: Read,
    for<'b> &'b B: Write,
{
    let end = End(Some((from, to)));
    match copy(&mut &*from, &mut &*to) {
        Ok(count) => {
            end.well();
            count
        }
        Err(error) => {
            let mut first = failure.0.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert(error);
            0
        }
    }
}

/// Ends both connections, if the copying ends by an error, or a panic.
struct End<'a, A: Duplex, B: Duplex>(Option<(&'a A, &'a B)>);

impl<A: Duplex, B: Duplex> End<'_, A, B> {
    /// Passes the end on.
    fn well(mut self) {
        if let Some((_, to)) = self.0.take() {
            // If it is gone, the way back finds out why.
            let _ = to.shutdown(Shutdown::Write);
        }
    }
}

impl<A: Duplex, B: Duplex> Drop for End<'_, A, B> {
    fn drop(&mut self) {
        if let Some((from, to)) = self.0.take() {
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
        }
    }
}
