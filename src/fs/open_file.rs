//! Who uses the position of an open file, and what is read in place.
//!
//! The kernel has a position for each open file, which duplicates share, and lets one
//! thread at a time use that of a regular file: a second one blocks inside of the
//! kernel until the first is done with the disk. A worker must not. So whoever uses the
//! position takes a turn here first, and parks until it comes. (A duplicate that was not
//! made by `try_clone`, or another process, has no part in this: beside one of those, a
//! read or a seek in place may wait.)
//!
//! FIFOs, terminals and the like have no position. There one reads while another
//! writes, and taking turns would be the end of both.

use std::io::{self, IoSliceMut};
use std::os::fd::AsFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::off_worker;
use crate::fd::Cancelled;
use crate::sys::cached;
use crate::sys::socket::Fault;
use crate::task::{self, Lock, Outcome, Reason, Time};

/// As much as is read in place. Copying that takes about as long as handing the read
/// over to another thread.
const IN_PLACE_MOST: usize = 256 * 1024;

/// What the handles of one open file share; see the [module](self).
pub(super) struct OpenFile {
    turn: Lock,
    is_regular: OnceLock<bool>,
    /// Whether reading in place has failed for another reason than that it would wait.
    never_in_place: AtomicBool,
}

/// The right to use the position.
pub(super) struct Turn<'a>(&'a Lock);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.unlock();
    }
}

/// How far reading in place has come.
pub(super) enum Cached {
    /// As far as reading goes.
    All(usize),
    /// What comes next is not in memory, or nobody knows.
    First(usize),
}

impl OpenFile {
    pub(super) fn new() -> Self {
        Self {
            turn: Lock::new(),
            is_regular: OnceLock::new(),
            never_in_place: AtomicBool::new(false),
        }
    }

    /// Finds out what it is. May wait for a disk.
    pub(super) fn look(&self, file: &std::fs::File) -> bool {
        *self
            .is_regular
            .get_or_init(|| file.metadata().is_ok_and(|metadata| metadata.is_file()))
    }

    pub(super) fn is_regular(&self, file: &std::fs::File) -> io::Result<bool> {
        match self.is_regular.get() {
            Some(is_regular) => Ok(*is_regular),
            None => off_worker(|| Ok(self.look(file))),
        }
    }

    /// Waits until nobody else uses the position. `None` if there is none.
    pub(super) fn turn(&self, file: &std::fs::File) -> io::Result<Option<Turn<'_>>> {
        if !self.is_regular(file)? {
            return Ok(None);
        }
        if !self.turn.try_lock() {
            self.wait_for_turn()?;
        }
        Ok(Some(Turn(&self.turn)))
    }

    #[cold]
    fn wait_for_turn(&self) -> io::Result<()> {
        loop {
            let waited = self
                .turn
                .wait(Reason::Turn, || io::Result::Ok(Time::NEVER))?;
            match waited {
                None => return Ok(()),
                Some(Outcome::Cancelled) => return Err(Cancelled::error()),
                Some(_) => {}
            }
        }
    }

    /// Reads what is in memory, at an offset, or at the position if the caller has
    /// its turn.
    pub(super) fn read_cached(
        &self,
        file: &std::fs::File,
        buffers: &mut [IoSliceMut<'_>],
        offset: Option<u64>,
    ) -> Cached {
        let asked: usize = buffers.iter().map(|buffer| buffer.len()).sum();
        // On a thread, a plain read does the same.
        if !task::is_task() || asked > IN_PLACE_MOST || self.never_in_place.load(Ordering::Relaxed)
        {
            return Cached::First(0);
        }
        match cached::read_cached(file.as_fd(), buffers, offset) {
            Ok(n) if n == asked => Cached::All(n),
            Ok(n) => {
                let next = offset.map(|offset| offset + n as u64);
                match cached::is_at_end(file.as_fd(), next) {
                    Ok(true) => Cached::All(n),
                    _ => Cached::First(n),
                }
            }
            Err(Fault::WouldBlock | Fault::Interrupted) => Cached::First(0),
            Err(Fault::Error(_)) => {
                self.never_in_place.store(true, Ordering::Relaxed);
                Cached::First(0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read, Seek, Write};
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use crate::fs::File;
    use crate::{Builder, io::Cancelled, thread};

    /// A file that is on a disk, and has no name any more.
    fn scratch() -> Arc<File> {
        let id = std::process::id();
        let path = std::env::temp_dir().join(format!("netpoll-turns-{id}"));
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .unwrap();
        file.write_all(b"0123456789").unwrap();
        let _ = std::fs::remove_file(&path);
        Arc::new(file)
    }

    type Use = fn(&File) -> io::Result<u64>;
    const USES: [Use; 4] = [
        |mut file| file.stream_position(),
        |mut file| file.read(&mut [0; 2]).map(|n| n as u64),
        |mut file| file.write(b"x").map(|n| n as u64),
        |mut file| file.read_to_end(&mut Vec::new()).map(|n| n as u64),
    ];

    /// The task parks, so the only worker goes on, and the kernel is not asked before.
    #[test]
    fn who_uses_the_position_waits_for_its_turn() {
        let runtime = Builder::new().workers(1).build().unwrap();
        let test = runtime.spawn(|| {
            let file = scratch();
            for uses in USES {
                for user in [Arc::clone(&file), Arc::new(file.try_clone().unwrap())] {
                    let turn = file.turn().unwrap();
                    let task = thread::spawn(move || uses(&user));
                    for _ in 0..100 {
                        thread::yield_now();
                    }
                    assert!(!task.is_finished());
                    drop(turn);
                    task.join().unwrap().unwrap();
                }
            }
        });
        test.join().unwrap();
    }

    #[test]
    fn the_end_of_a_runtime_ends_waiting_for_a_turn() {
        let runtime = Builder::new().workers(1).build().unwrap();
        let file = scratch();
        let _turn = file.turn().unwrap();
        let clone = Arc::clone(&file);
        let task = runtime.spawn(move || (&*clone).stream_position());
        runtime.shutdown(Instant::now() + Duration::from_secs(20));
        assert!(Cancelled::is_cause_of(&task.join().unwrap().unwrap_err()));
    }

    #[test]
    fn what_has_no_position_takes_no_turns() {
        let (reader, writer) = io::pipe().unwrap();
        let (reader, writer) = (
            File::from(std::os::fd::OwnedFd::from(reader)),
            File::from(std::os::fd::OwnedFd::from(writer)),
        );
        assert!(reader.turn().unwrap().is_none());
        (&writer).write_all(b"x").unwrap();
        assert_eq!((&reader).read(&mut [0; 4]).unwrap(), 1);
    }
}
