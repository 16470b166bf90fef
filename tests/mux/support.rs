//! Writers to look at, and frames to tell apart.

use std::io::{self, IoSlice, Write};
use std::sync::{Arc, Mutex};

/// A frame that says whose it is, and which of its.
pub(crate) fn frame(writer: u32, number: u32) -> [u8; 8] {
    let mut frame = [0; 8];
    frame[..4].copy_from_slice(&writer.to_be_bytes());
    frame[4..].copy_from_slice(&number.to_be_bytes());
    frame
}

/// Panics unless there are all frames of so many writers, each writer's in order, once.
pub(crate) fn check(received: &[u8], writers: u32, each: u32) {
    let mut next = vec![0; writers as usize];
    assert_eq!(received.len(), (writers * each * 8) as usize);
    for frame in received.chunks_exact(8) {
        let writer = u32::from_be_bytes(frame[..4].try_into().unwrap());
        let number = u32::from_be_bytes(frame[4..].try_into().unwrap());
        assert_eq!(next[writer as usize], number, "of writer {writer}");
        next[writer as usize] += 1;
    }
    assert!(next.iter().all(|next| *next == each));
}

/// Takes everything once it is open, and tells.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<Mutex<Inside>>);

#[derive(Debug, Default)]
struct Inside {
    open: bool,
    fails: Option<io::ErrorKind>,
    waiting: bool,
    calls: usize,
    taken: Vec<u8>,
}

impl Gate {
    pub(crate) fn open(&self) {
        self.0.lock().unwrap().open = true;
    }

    /// Opens, and fails everything.
    pub(crate) fn fail(&self, kind: io::ErrorKind) {
        self.0.lock().unwrap().fails = Some(kind);
        self.open();
    }

    /// Whether somebody stands before it.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.0.lock().unwrap().waiting
    }

    pub(crate) fn calls(&self) -> usize {
        self.0.lock().unwrap().calls
    }

    pub(crate) fn taken(&self) -> Vec<u8> {
        self.0.lock().unwrap().taken.clone()
    }

    /// Lets tasks of its worker run meanwhile.
    fn pass(&self, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        loop {
            let mut inside = self.0.lock().unwrap();
            inside.waiting = !inside.open;
            if inside.open {
                if let Some(kind) = inside.fails {
                    return Err(kind.into());
                }
                inside.calls += 1;
                bytes
                    .iter()
                    .for_each(|part| inside.taken.extend_from_slice(part));
                return Ok(bytes.iter().map(|part| part.len()).sum());
            }
            drop(inside);
            netpoll::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pass(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        self.pass(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
