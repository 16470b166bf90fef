use std::collections::VecDeque;

use super::*;
use crate::buf::BLOCK_SIZE;

/// Both ends of a pipe: reads what it was made with, a few bytes at a time, and takes
/// as many as it has room for.
struct Pipe {
    input: VecDeque<u8>,
    output: Vec<u8>,
    room: usize,
    reads: Vec<usize>,
}

impl Pipe {
    fn new(input: &[u8], room: usize) -> Self {
        Self {
            input: input.iter().copied().collect(),
            output: Vec::new(),
            room,
            reads: Vec::new(),
        }
    }
}

impl Read for Pipe {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.reads.push(buf.len());
        let n = buf.len().min(5);
        self.input.read(&mut buf[..n])
    }
}

impl Write for Pipe {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let n = buf.len().min(self.room);
        self.room -= n;
        self.output.extend_from_slice(&buf[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_reads_as_often_as_it_has_to() {
    let mut stream = LinkStream::new(Pipe::new(b"0123456789abcdef", 0));
    let reader = stream.reader();
    let first = reader.next(3).unwrap();
    let second = reader.next(9).unwrap();
    assert_eq!((first, second), (&b"012"[..], &b"3456789ab"[..]));
    assert_eq!(reader.try_peek(4), None);
    assert_eq!(reader.len(), 3);
    let error = reader.next(5).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(error.to_string(), "5 bytes are wanted, and 4 are there");
    assert_eq!(stream.get_mut().reads.len(), 5);
    stream.release();
    assert_eq!(stream.reader().next(4).unwrap(), b"cdef");
}

/// What wants a `Read` goes on where a `Reader` stopped, and past the buffer it does
/// not pay for it.
#[test]
fn what_is_left_in_the_buffer_is_read_first() {
    let mut stream = LinkStream::new(Pipe::new(b"012345678901234", 0));
    assert_eq!(stream.reader().next(3).unwrap(), b"012");
    let mut buf = vec![0; BLOCK_SIZE];
    assert_eq!(stream.read(&mut buf).unwrap(), 2);
    assert_eq!(&buf[..2], b"34");
    assert_eq!(stream.read(&mut buf).unwrap(), 5);
    assert_eq!(stream.get_mut().reads.last(), Some(&BLOCK_SIZE));
    assert_eq!(stream.input.held(), 0, "nothing went through the buffer");
    assert_eq!(stream.read(&mut buf[..2]).unwrap(), 2);
    assert_eq!(stream.fill_buf().unwrap(), b"234");
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "234");
}

#[test]
fn what_could_not_be_flushed_is_first_the_next_time() {
    let mut stream = LinkStream::new(Pipe::new(b"", 6));
    stream.writer().write_string("first ");
    stream.writer().write_string("second ");
    let error = stream.flush().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    stream.writer().write_string("third");
    stream.get_mut().room = 100;
    stream.flush().unwrap();
    assert_eq!(stream.into_inner().output, b"first second third");
}

#[test]
fn what_was_not_written_can_be_had_back() {
    let mut stream = LinkStream::new(Pipe::new(b"", 2));
    stream.writer().write_string("1234");
    stream.flush().unwrap_err();
    stream.writer().write_string("56");
    let (pipe, _, mut output) = stream.into_parts();
    assert_eq!(pipe.output, b"12");
    output.flush();
    assert_eq!(output.as_bytes(), b"3456");
}

/// A copy of a large file is not collected as a whole.
#[test]
fn what_is_written_by_std_does_not_grow_without_bound() {
    let mut stream = LinkStream::new(Pipe::new(b"", usize::MAX));
    let mut most = 0;
    for _ in 0..100 {
        stream.write_all(&[7; 10_000]).unwrap();
        most = most.max(stream.output.held());
    }
    assert!(most < 3 * MUCH, "{most}");
    stream.flush().unwrap();
    assert_eq!(stream.into_inner().output.len(), 1_000_000);
}

/// A stream that reads from itself, by way of a thread-local, say.
#[test]
fn a_stream_that_is_being_read_from_says_so() {
    use std::cell::OnceCell;
    use std::rc::Rc;

    type Shared = Rc<OnceCell<LinkStream<Recursive>>>;
    struct Recursive(Shared);
    impl Read for Recursive {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let inner = self.0.get().expect("it is set").reader().next(1);
            assert_eq!(inner.unwrap_err().kind(), io::ErrorKind::Other);
            buf[0] = b'x';
            Ok(1)
        }
    }

    let shared: Shared = Rc::default();
    let stream = LinkStream::new(Recursive(Rc::clone(&shared)));
    assert!(shared.set(stream).is_ok());
    assert_eq!(shared.get().unwrap().reader().next(1).unwrap(), b"x");
}
