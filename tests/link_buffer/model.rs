//! A [`LinkBuffer`] beside what it should be: two vectors.
//!
//! A case is a number of *spans*. During a span the buffer is only borrowed: slices are
//! taken and kept, memory is handed out and filled bit by bit, more is written and read
//! in between. At its end all that was kept must still say what it said, and then one
//! operation takes the buffer exclusively. What outlives the buffer goes on to be
//! checked, in part on another thread.

use std::collections::VecDeque;
use std::io::{IoSlice, Read};
use std::sync::mpsc::Sender;

use bytes::{Buf, BufMut, Bytes};
use netpoll::buf::LinkBuffer;

/// Where a case gets its decisions from. When it has no more, they are all zero, and the
/// case ends soon.
pub(crate) struct Choices<'a>(pub(crate) &'a [u8]);

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        match self.0 {
            [first, rest @ ..] => {
                self.0 = rest;
                *first
            }
            [] => 0,
        }
    }

    fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()) % n
    }

    /// Small, around the sizes where something changes, or large.
    fn size(&mut self) -> usize {
        match self.byte() {
            n @ 0..=127 => usize::from(n % 40),
            n @ 128..=191 => {
                [500, 1000, 1024, 4000, 4090, 4096, 8192][usize::from(n) % 7] + self.below(20)
            }
            n => (usize::from(n) - 191) * 200 + self.below(200),
        }
    }
}

/// What outlived its buffer, and what it must say.
pub(crate) enum Outlived {
    Bytes(Bytes, Vec<u8>),
    Buffer(LinkBuffer, Vec<u8>),
}

impl Outlived {
    pub(crate) fn check(self) {
        match self {
            Self::Bytes(bytes, expected) => assert_eq!(bytes, expected),
            Self::Buffer(buffer, expected) => {
                assert_eq!(buffer.len(), expected.len());
                assert_eq!(buffer.as_bytes(), expected);
            }
        }
    }
}

#[derive(Default)]
struct Model {
    readable: VecDeque<u8>,
    pending: Vec<u8>,
    /// Bytes that may not be patched, by their place in `pending`.
    foreign: Vec<bool>,
    /// Counts what was written, so that no two places hold the same.
    written: u32,
}

impl Model {
    /// Bytes that were not written before, near here.
    fn fresh(&mut self, n: usize) -> Vec<u8> {
        let start = self.written;
        self.written = self.written.wrapping_add(n as u32);
        let bytes = (0..n as u32).map(|i| {
            let i = start.wrapping_add(i).wrapping_mul(0x9E37_79B1);
            (i >> 24) as u8
        });
        bytes.collect()
    }

    fn peek(&self, n: usize) -> Vec<u8> {
        self.readable.iter().take(n).copied().collect()
    }

    fn take(&mut self, n: usize) -> Vec<u8> {
        self.readable.drain(..n).collect()
    }

    fn write(&mut self, bytes: &[u8], foreign: bool) {
        self.pending.extend_from_slice(bytes);
        self.foreign.resize(self.pending.len(), foreign);
    }

    fn flush(&mut self) {
        self.readable.extend(self.pending.drain(..));
        self.foreign.clear();
    }

    fn came(&mut self, bytes: &[u8]) {
        if self.pending.is_empty() {
            self.readable.extend(bytes);
        } else {
            self.write(bytes, false);
        }
    }
}

/// Runs a case. What outlives its buffer is checked, and dropped, by whoever receives it.
pub(crate) fn run(choices: &mut Choices<'_>, away: &Sender<Outlived>) {
    let mut buffer = match choices.below(4) {
        0 => LinkBuffer::with_capacity(choices.size()),
        _ => LinkBuffer::new(),
    };
    let mut model = Model::default();
    let mut outlived = Vec::new();
    while !choices.0.is_empty() {
        span(&buffer, &mut model, choices, &mut outlived);
        check(&buffer, &model);
        exclusive(&mut buffer, &mut model, choices);
        check(&buffer, &model);
        while outlived.len() > 2 {
            let one = outlived.swap_remove(choices.below(outlived.len()));
            if choices.below(2) == 0 {
                one.check();
            } else {
                away.send(one).expect("somebody checks");
            }
        }
    }
    buffer.flush();
    model.flush();
    check(&buffer, &model);
    assert_eq!(buffer.as_bytes(), model.peek(usize::MAX));
    drop(buffer);
    for one in outlived {
        away.send(one).expect("somebody checks");
    }
}

fn check(buffer: &LinkBuffer, model: &Model) {
    assert_eq!(buffer.len(), model.readable.len());
    assert_eq!(buffer.is_empty(), model.readable.is_empty());
    assert_eq!(buffer.malloc_len(), model.pending.len());
}

/// Only borrows the buffer.
fn span(
    buffer: &LinkBuffer,
    model: &mut Model,
    choices: &mut Choices<'_>,
    outlived: &mut Vec<Outlived>,
) {
    let mut slices: Vec<(&[u8], Vec<u8>)> = Vec::new();
    let mut regions: Vec<(&mut [u8], Vec<u8>)> = Vec::new();
    for _ in 0..choices.below(12) {
        let n = choices.size();
        let there = model.readable.len();
        // Mostly what there is, so that there is something to see.
        let within = if choices.below(8) == 0 {
            n
        } else {
            n.min(there)
        };
        let enough = within <= there;
        match choices.below(18) {
            0 | 1 => match buffer.try_next(within) {
                Some(slice) => slices.push((slice, model.take(within))),
                None => assert!(!enough),
            },
            2 => match buffer.try_peek(within) {
                Some(slice) => slices.push((slice, model.peek(within))),
                None => assert!(!enough),
            },
            3 => {
                assert_eq!(buffer.skip(within).is_ok(), enough);
                if enough {
                    model.take(within);
                }
            }
            4 => {
                let delimiter = choices.byte();
                let from = choices.below(50);
                let mut all = model.readable.iter();
                let at = all.position(|&byte| byte == delimiter);
                let later = (from..there).find(|&i| model.readable[i] == delimiter);
                assert_eq!(buffer.position(delimiter, from), later);
                match buffer.until(delimiter, n) {
                    Ok(slice) => slices.push((slice, model.take(at.unwrap() + 1))),
                    Err(_) => assert!(at.is_none_or(|at| at >= n)),
                }
            }
            5 => match buffer.read_binary(within) {
                Ok(bytes) => assert_eq!(bytes, model.take(within)),
                Err(_) => assert!(!enough),
            },
            6 => match buffer.try_read_byte() {
                Some(byte) => assert_eq!(Some(byte), model.readable.pop_front()),
                None => assert_eq!(there, 0),
            },
            7 => match buffer.next_bytes(within) {
                Ok(bytes) => outlived.push(Outlived::Bytes(bytes, model.take(within))),
                Err(_) => assert!(!enough),
            },
            8 => match buffer.slice(within) {
                Ok(part) => outlived.push(Outlived::Buffer(part, model.take(within))),
                Err(_) => assert!(!enough),
            },
            9 | 10 => {
                let content = model.fresh(n);
                model.write(&content, false);
                regions.push((buffer.malloc(n), content));
            }
            11 => {
                let content = model.fresh(n);
                buffer.write_binary(&content);
                model.write(&content, false);
            }
            12 => {
                // From itself to itself.
                if let Some((slice, expected)) = slices.last() {
                    buffer.write_binary(slice);
                    model.write(&expected.clone(), false);
                }
            }
            13 => {
                let content = model.fresh(n);
                buffer.write_direct(Bytes::from(content.clone()));
                model.write(&content, true);
            }
            14 => append(buffer, model, choices, outlived),
            15 => {
                let content = model.fresh(n);
                let most = choices.size();
                let read = buffer.read_from(&mut &content[..], most).unwrap();
                assert!(read <= most.min(n) && (read > 0 || most == 0 || n == 0));
                model.came(&content[..read]);
            }
            16 => {
                let content = model.fresh(n);
                let most = choices.size();
                let mut reader = &content[..];
                let read = buffer.fill_vectored(most, |room| reader.read_vectored(room));
                let read = read.unwrap();
                assert!(read <= most.min(n) && (read > 0 || most == 0 || n == 0));
                model.came(&content[..read]);
            }
            _ => {
                let mut pieces = [IoSlice::new(&[]); 4];
                let count = buffer.io_slices(&mut pieces);
                let mut at = 0;
                for piece in &pieces[..count] {
                    assert!(!piece.is_empty());
                    let expected = model.readable.range(at..at + piece.len());
                    assert!(piece.iter().eq(expected));
                    at += piece.len();
                }
                assert!(count == pieces.len() || at == there);
            }
        }
        // Some of what was handed out is filled now, in part, and the rest later.
        if let Some((region, content)) = regions.last_mut() {
            let half = region.len() / 2;
            region[..half].copy_from_slice(&content[..half]);
        }
        // Whatever else happens, this stays as it is.
        if let Some((slice, expected)) = slices.first() {
            assert_eq!(slice, expected);
        }
        check(buffer, model);
    }
    for (region, content) in &mut regions {
        region.copy_from_slice(content);
    }
    for (slice, expected) in &slices {
        assert_eq!(slice, expected);
    }
}

/// Appends a buffer of its own, or one that was sliced off.
fn append(
    buffer: &LinkBuffer,
    model: &mut Model,
    choices: &mut Choices<'_>,
    outlived: &mut Vec<Outlived>,
) {
    if choices.below(2) == 0 {
        let found = outlived
            .iter()
            .position(|one| matches!(one, Outlived::Buffer(..)));
        if let Some(at) = found
            && let Outlived::Buffer(part, content) = outlived.swap_remove(at)
        {
            buffer.append(part);
            model.write(&content, true);
        }
        return;
    }
    let (flushed, n) = (choices.size(), choices.size());
    let content = model.fresh(flushed + n);
    let mut other = LinkBuffer::new();
    other.write_binary(&content[..flushed]);
    other.flush();
    let skipped = choices.size().min(flushed);
    other.skip(skipped).unwrap();
    if choices.below(2) == 0 {
        other.release();
    }
    other.malloc(n).copy_from_slice(&content[flushed..]);
    buffer.append(other);
    model.write(&content[skipped..], false);
}

/// Takes the buffer exclusively.
fn exclusive(buffer: &mut LinkBuffer, model: &mut Model, choices: &mut Choices<'_>) {
    match choices.below(14) {
        0..=3 => {
            buffer.flush();
            model.flush();
        }
        4 | 5 => {
            buffer.release();
            if model.readable.is_empty() && model.pending.is_empty() {
                assert_eq!(buffer.held(), 0);
            }
        }
        6 => {
            let keep = choices.size();
            let enough = keep <= model.pending.len();
            assert_eq!(buffer.malloc_ack(keep).is_ok(), enough);
            if enough {
                model.pending.truncate(keep);
                model.foreign.truncate(keep);
            }
        }
        7 => {
            let (at, n) = (choices.size(), choices.size());
            let content = model.fresh(n);
            let there = at + n <= model.pending.len();
            match buffer.patch(at, &content) {
                Ok(()) => {
                    assert!(there);
                    model.pending[at..at + n].copy_from_slice(&content);
                }
                // (What is foreign and short was copied, and may be patched.)
                Err(_) => assert!(!there || model.foreign[at..at + n].contains(&true)),
            }
        }
        8 => {
            let n = choices.size().min(model.readable.len());
            buffer.advance(n);
            model.take(n);
        }
        9 => {
            let n = choices.size().min(model.readable.len());
            assert_eq!(buffer.copy_to_bytes(n), model.take(n));
        }
        10 => {
            let content = model.fresh(choices.size());
            buffer.put(&content[..]);
            buffer.put_bytes(7, 3);
            model.write(&content, false);
            model.write(&[7; 3], false);
        }
        11 => {
            buffer.shrink_to_fit();
            let content = model.readable.len() + model.pending.len();
            assert!(buffer.held() <= 4 * content.max(1024));
            // What was foreign may have become a copy; it may be patched, or not.
        }
        12 => {
            let mut written = Vec::new();
            assert_eq!(buffer.write_to(&mut written).unwrap(), model.readable.len());
            assert_eq!(written, model.take(model.readable.len()));
        }
        _ => {
            if choices.below(8) == 0 {
                buffer.clear();
                assert_eq!(buffer.held(), 0);
                *model = Model {
                    written: model.written,
                    ..Model::default()
                };
            }
        }
    }
}
