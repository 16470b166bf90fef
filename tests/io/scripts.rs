//! Readers and writers that do as they are told, and tell what was done to them.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom, Write};
use std::rc::Rc;

/// What happens at one call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// At most so many bytes are taken, or given.
    Bytes(usize),
    Error(ErrorKind),
    Panic,
}

/// What happens at each call; after the last step, calls take or give everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script(VecDeque<Step>);

impl Script {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self(steps.into_iter().collect())
    }

    /// How much of so much the next call takes.
    fn next(&mut self, most: usize) -> Result<usize> {
        match self.0.pop_front() {
            None => Ok(most),
            Some(Step::Bytes(n)) => Ok(n.min(most)),
            Some(Step::Error(kind)) => Err(kind.into()),
            Some(Step::Panic) => panic!("as the script says"),
        }
    }
}

/// Says what was written in which calls.
#[derive(Clone, Default)]
pub(crate) struct Writer {
    script: Script,
    log: Rc<RefCell<String>>,
}

impl Writer {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            script: Script::new(steps),
            log: Rc::default(),
        }
    }

    pub(crate) fn log(&self) -> String {
        self.log.borrow().clone()
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        write!(self.log.borrow_mut(), "write {text:?}").unwrap();
        let result = self.script.next(bytes.len());
        let result_text = result.as_ref().map_err(Error::kind);
        writeln!(self.log.borrow_mut(), " -> {result_text:?}").unwrap();
        result
    }

    fn flush(&mut self) -> Result<()> {
        writeln!(self.log.borrow_mut(), "flush").unwrap();
        Ok(())
    }
}

impl Seek for Writer {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        writeln!(self.log.borrow_mut(), "seek {to:?}").unwrap();
        Ok(42)
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Writer")
    }
}

/// Gives the bytes that it has.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    script: Script,
    bytes: Vec<u8>,
    at: usize,
}

impl Reader {
    pub(crate) fn new(bytes: impl Into<Vec<u8>>, steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            script: Script::new(steps),
            bytes: bytes.into(),
            at: 0,
        }
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let left = &self.bytes[self.at.min(self.bytes.len())..];
        let n = self.script.next(left.len().min(buffer.len()))?;
        buffer[..n].copy_from_slice(&left[..n]);
        self.at += n;
        Ok(n)
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => i64::try_from(at).ok(),
            SeekFrom::End(offset) => (self.bytes.len() as i64).checked_add(offset),
            SeekFrom::Current(offset) => (self.at as i64).checked_add(offset),
        };
        let at = at.and_then(|at| usize::try_from(at).ok());
        self.at = at.ok_or(ErrorKind::InvalidInput)?;
        Ok(self.at as u64)
    }
}

/// A result as text: for an error, its kind and what it says.
pub(crate) fn told<T: std::fmt::Debug>(result: Result<T>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("{:?}: {error}", error.kind()),
    }
}
