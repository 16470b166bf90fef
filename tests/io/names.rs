//! One `use` line ports a file: every stable name of `std::io` is here, and is the same
//! unless it is replaced.

#![expect(unused_imports, reason = "that they are there is the test")]

use netpoll::io::prelude::*;
use netpoll::io::{
    self, BufRead, BufReader, BufWriter, Bytes, Chain, Cursor, Empty, Error, ErrorKind,
    IntoInnerError, IoSlice, IoSliceMut, IsTerminal, LineWriter, Lines, PipeReader, PipeWriter,
    Read, Repeat, Result, Seek, SeekFrom, Sink, Split, Stderr, StderrLock, Stdin, StdinLock,
    Stdout, StdoutLock, Take, Write, WriterPanicked, copy, empty, pipe, read_to_string, repeat,
    sink, stderr, stdin, stdout,
};

#[test]
fn what_is_not_replaced_is_std_s_own() -> Result<()> {
    // Types that are the same need no conversion.
    let error: std::io::Error = Error::from(ErrorKind::Other);
    let _: std::io::ErrorKind = error.kind();
    let cursor: std::io::Cursor<&[u8]> = Cursor::new(b"abc");
    let taken: std::io::Take<std::io::Cursor<&[u8]>> = Read::take(cursor, 2);
    let lines: std::io::Lines<BufReader<_>> = BufReader::new(taken).lines();
    let lines: std::io::Result<Vec<String>> = lines.collect();
    assert_eq!(lines?, ["ab"]);
    let _: std::io::Sink = sink();
    let _: std::io::Stdout = stdout();
    let _: std::io::SeekFrom = SeekFrom::Start(0);
    Ok(())
}
