//! The task that writes.
//!
//! It is started by the push that finds none, and ends when there is nothing to write. If
//! no task can be started, who pushed does it. However it ends, everybody is told: by what
//! it leaves in the state, also if the writer panics.
//!
//! Why not the first who pushes: where tasks do not take turns by force, nobody else would
//! push before its write, so that nothing comes together; and it would wait for the peer in
//! place of the others, beyond its own deadline. Why not a task that stays: it would keep a
//! stack while there is nothing to do, and depend on one worker for good. To start one takes
//! a quarter of a microsecond for each burst, which is less than the system call, and
//! measures no worse than waking one that is there.

use std::io::{self, ErrorKind, IoSlice, Write};
use std::mem;
use std::sync::Arc;

use super::queue::Shared;
use crate::buf::LinkBuffer;
use crate::{task, thread};

/// How many pieces of memory one call writes.
const PIECES: usize = 128;

/// Starts the flusher that was promised by setting `is_flushing`.
pub(super) fn start<W: Write + Send + 'static>(shared: &Arc<Shared<W>>) {
    let its = Arc::clone(shared);
    if thread::Builder::new().spawn(move || run(&its)).is_err() {
        run(shared);
    }
}

/// The queue has failed, unless this is forgotten.
struct PanicGuard<'a, W>(&'a Shared<W>);

impl<W> Drop for PanicGuard<'_, W> {
    fn drop(&mut self) {
        let error = io::Error::other("the writer of the queue panicked");
        self.0.lock().end(error);
    }
}

fn run<W: Write>(shared: &Shared<W>) {
    let guard = PanicGuard(shared);
    let ended = flush(shared);
    mem::forget(guard);
    if let Err(error) = ended {
        shared.lock().end(error);
    }
}

/// Writes until there is nothing to write, and puts the writer back; or until the queue has
/// ended, which ends the writer.
fn flush<W: Write>(shared: &Shared<W>) -> io::Result<()> {
    let Some(mut writer) = shared.lock().writer.take() else {
        return Ok(());
    };
    let mut batch = LinkBuffer::new();
    loop {
        task::spend();
        let is_over = {
            let mut state = shared.lock();
            state.take_pending(&mut batch);
            state.failure().is_some()
        };
        if is_over {
            return Ok(());
        }
        while !batch.is_empty() {
            let n = write_some(&mut writer, &mut batch)?;
            shared.lock().wrote(n);
        }
        writer.flush()?;
        let back = shared.lock().put_down(writer);
        match back {
            Some(taken_up) => writer = taken_up,
            None => return Ok(()),
        }
    }
}

/// Makes one call.
fn write_some<W: Write>(writer: &mut W, batch: &mut LinkBuffer) -> io::Result<usize> {
    let written = loop {
        let mut slices = [IoSlice::new(&[]); PIECES];
        let used = batch.io_slices(&mut slices);
        match writer.write_vectored(&slices[..used]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(n) => break n,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // What std says where a timeout of the socket has passed.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let what = "the peer took nothing for as long as the writer waits";
                return Err(io::Error::new(ErrorKind::TimedOut, what));
            }
            Err(error) => return Err(error),
        }
    };
    batch.skip(written)?;
    batch.release();
    Ok(written)
}
