//! One body for std and netpoll: both must tell the same story.

use std::fmt::Write as _;
use std::io::{BufRead, ErrorKind, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::common::everywhere;
use crate::scripts::{Reader, Step, Writer, told};

/// A test whose body tells a story, a `String`, about the module that it is given.
macro_rules! story {
    ($name:ident, $io:ident, $body:block) => {
        #[test]
        fn $name() {
            fn of_std() -> String {
                use std::io as $io;
                $body
            }
            fn of_netpoll() -> String {
                use netpoll::io as $io;
                $body
            }
            let expected = of_std();
            assert!(!expected.is_empty());
            everywhere(move || assert_eq!(of_netpoll(), expected));
        }
    };
}

story!(small_writes_are_gathered, io, {
    let mut writer = io::BufWriter::with_capacity(8, Writer::default());
    let mut story = String::new();
    for text in [
        "abc",
        "de",
        "",
        "fgh",
        "ijklmnop",
        "q",
        "rstuvwxyz",
        "12345678",
        "9",
    ] {
        let result = told(writer.write(text.as_bytes()));
        let (kept, capacity) = (writer.buffer().to_vec(), writer.capacity());
        writeln!(story, "{text}: {result}, {kept:?} of {capacity}").unwrap();
        writeln!(story, "{writer:?}").unwrap();
    }
    writeln!(story, "{}", told(writer.flush())).unwrap();
    story + &writer.into_inner().unwrap().log()
});

story!(a_buffer_without_room_keeps_nothing, io, {
    let mut writer = io::BufWriter::with_capacity(0, Writer::default());
    writer.write_all(b"a").unwrap();
    writer.write_all(b"").unwrap();
    let mut reader = io::BufReader::with_capacity(0, &b"abc"[..]);
    let mut text = String::new();
    let nothing = told(reader.fill_buf().map(<[u8]>::to_vec));
    reader.read_to_string(&mut text).unwrap();
    let mut lines = io::LineWriter::with_capacity(0, Writer::default());
    lines.write_all(b"one\ntwo\nthree").unwrap();
    let written = told(lines.write(b"four\nfive"));
    format!(
        "{}{nothing} {text} {} {written}",
        writer.get_ref().log(),
        lines.get_ref().log()
    )
});

story!(writing_all_is_tried_until_it_is_done, io, {
    let steps = [
        Step::Bytes(2),
        Step::Error(ErrorKind::Interrupted),
        Step::Bytes(1),
        Step::Error(ErrorKind::Other),
    ];
    let mut writer = io::BufWriter::with_capacity(8, Writer::new(steps));
    writer.write_all(b"abcdef").unwrap();
    let mut story = told(writer.flush());
    write!(story, " {:?}", writer.buffer()).unwrap();
    write!(story, " {}", told(writer.write_all(b"ghijklmnopqr"))).unwrap();
    write!(story, " {:?} {writer:?}", writer.buffer()).unwrap();
    drop(writer.flush());
    story + &writer.get_ref().log()
});

story!(a_writer_that_takes_nothing_is_an_error, io, {
    let mut writer = io::BufWriter::new(Writer::new([Step::Bytes(0)]));
    writer.write_all(b"abc").unwrap();
    let error = told(writer.flush());
    format!("{error} {:?}", writer.buffer())
});

story!(slices_are_taken_as_far_as_there_is_room, io, {
    let mut writer = io::BufWriter::with_capacity(8, Writer::default());
    let mut story = String::new();
    for slices in [
        &["ab", "", "cd"][..],
        &["ef", "ghi", "j"],
        &[],
        &["", ""],
        &["klmnopqr", "s"],
        &["", "t", "uvwxyz123", "4"],
    ] {
        let slices: Vec<_> = slices.iter().map(|s| IoSlice::new(s.as_bytes())).collect();
        let result = told(writer.write_vectored(&slices));
        writeln!(story, "{result} {:?}", writer.buffer()).unwrap();
    }
    story + &writer.get_ref().log()
});

story!(seeking_writes_first, io, {
    let mut writer = io::BufWriter::new(Writer::new([Step::Error(ErrorKind::Other)]));
    writer.write_all(b"abc").unwrap();
    let failed = told(writer.seek(SeekFrom::Start(7)));
    let sought = told(writer.seek(SeekFrom::Start(7)));
    format!("{failed} {sought} {}", writer.get_ref().log())
});

story!(a_writer_is_flushed_when_it_is_dropped, io, {
    let inner = Writer::new([
        Step::Bytes(2),
        Step::Bytes(2),
        Step::Error(ErrorKind::Other),
    ]);
    let mut writer = io::BufWriter::new(inner.clone());
    writer.write_all(b"abcdef").unwrap();
    drop(writer);
    inner.log()
});

story!(what_could_not_be_written_comes_back_with_the_error, io, {
    let inner = Writer::new([Step::Bytes(2), Step::Error(ErrorKind::TimedOut)]);
    let mut writer = io::BufWriter::with_capacity(64, inner.clone());
    writer.write_all(b"abcdef").unwrap();
    let error = writer.into_inner().unwrap_err();
    let mut story = format!("{error} {error:?} {:?}", error.error().kind());
    let (cause, writer) = error.into_parts();
    write!(story, " {:?} {:?}", cause.kind(), writer.buffer()).unwrap();
    let writer = writer.into_inner().unwrap();
    story + &writer.log()
});

story!(the_error_of_a_line_writer_has_the_line_writer, io, {
    let inner = Writer::new([Step::Error(ErrorKind::TimedOut)]);
    let mut writer = io::LineWriter::new(inner);
    writer.write_all(b"abc").unwrap();
    let error = writer.into_inner().unwrap_err();
    let mut story = format!("{error} {error:?} {:?}", error.error().kind());
    let mut writer = error.into_inner();
    writer.write_all(b"def\n").unwrap();
    write!(story, " {writer:?}").unwrap();
    let error: std::io::Error = {
        let inner = Writer::new([Step::Error(ErrorKind::BrokenPipe)]);
        let mut writer = io::BufWriter::new(inner);
        writer.write_all(b"x").unwrap();
        writer.into_inner().unwrap_err().into()
    };
    story + &writer.into_inner().unwrap().log() + &format!("{:?}", error.kind())
});

story!(parts_are_taken_without_writing, io, {
    let mut writer = io::BufWriter::with_capacity(16, Writer::default());
    writer.write_all(b"abc").unwrap();
    let (inner, buffer) = writer.into_parts();
    format!("{} {buffer:?}", inner.log())
});

story!(after_a_panic_nothing_is_written_again, io, {
    let inner = Writer::new([Step::Bytes(2), Step::Panic]);
    let mut writer = io::BufWriter::with_capacity(16, inner.clone());
    writer.write_all(b"abcdef").unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(|| writer.flush())).is_err();
    let mut story = format!("{panicked} {:?} ", writer.buffer());
    let (_, buffer) = writer.into_parts();
    let panicked = buffer.unwrap_err();
    write!(story, "{panicked} {panicked:?} ").unwrap();
    write!(story, "{:?}", panicked.into_inner()).unwrap();

    // Past the buffer.
    let inner = Writer::new([Step::Panic]);
    let mut writer = io::BufWriter::with_capacity(4, inner.clone());
    let panicked = catch_unwind(AssertUnwindSafe(|| writer.write(b"too long"))).is_err();
    write!(story, " {panicked}").unwrap();
    drop(writer);
    story + &inner.log()
});

story!(lines_are_written_when_they_end, io, {
    let mut story = String::new();
    let inner = Writer::new([
        Step::Bytes(100),
        Step::Bytes(3),
        Step::Bytes(0),
        Step::Error(ErrorKind::Other),
        Step::Bytes(1),
    ]);
    let mut writer = io::LineWriter::with_capacity(8, inner);
    for text in [
        "one\n",
        "two\nthree\nfour",
        "fi\nve",
        "six\n",
        "seven",
        "\n",
        "a very long beginning",
        "and an end\nwith something long behind it",
        "a\nb\nc\nd\ne\nf\ng\nh\ni\n",
        "",
        "\n\n",
    ] {
        let result = told(writer.write(text.as_bytes()));
        writeln!(story, "{text:?}: {result} {writer:?}").unwrap();
    }
    story + &writer.get_ref().log()
});

story!(all_of_the_lines_are_written, io, {
    let mut story = String::new();
    let inner = Writer::new([Step::Bytes(2), Step::Error(ErrorKind::Interrupted)]);
    let mut writer = io::LineWriter::with_capacity(8, inner);
    for text in [
        "abc",
        "d\nef",
        "gh\n",
        "ijklmnopqrstuvw\nx",
        "y",
        "\n",
        "z\n1",
    ] {
        let result = told(writer.write_all(text.as_bytes()));
        writeln!(story, "{text:?}: {result} {writer:?}").unwrap();
    }
    let slices = [
        IoSlice::new(b""),
        IoSlice::new(b"2\n"),
        IoSlice::new(b"3\n"),
    ];
    writeln!(story, "{}", told(writer.write_vectored(&slices))).unwrap();
    writeln!(story, "{}", told(writer.flush())).unwrap();
    story + &writer.get_ref().log()
});

story!(
    a_line_whose_end_could_not_be_written_is_written_next_time,
    io,
    {
        let mut story = String::new();
        let inner = Writer::new([Step::Bytes(1), Step::Error(ErrorKind::Other)]);
        let mut writer = io::LineWriter::with_capacity(8, inner);
        for text in ["abc\n", "", "de", "f\n"] {
            let result = told(writer.write(text.as_bytes()));
            writeln!(story, "{text:?}: {result} {writer:?}").unwrap();
        }
        story + &writer.get_ref().log()
    }
);

story!(lines_and_parts_are_read, io, {
    let text = "one\ntwo\r\n\nfour, which is longer than the buffer\nlast";
    let mut story = String::new();
    for capacity in [1, 7, 8192] {
        let mut reader = io::BufReader::with_capacity(capacity, text.as_bytes());
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        writeln!(story, "{line:?} {:?}", reader.capacity()).unwrap();
        let lines: Vec<_> = reader.by_ref().lines().map(told).collect();
        writeln!(story, "{lines:?}").unwrap();
        let reader = io::BufReader::with_capacity(capacity, text.as_bytes());
        let parts: Vec<_> = reader.split(b'o').map(told).collect();
        writeln!(story, "{parts:?}").unwrap();
        let mut reader = io::BufReader::with_capacity(capacity, text.as_bytes());
        let mut until = Vec::new();
        let n = reader.read_until(b',', &mut until).unwrap();
        writeln!(story, "{n} {until:?} {}", told(reader.skip_until(b'r'))).unwrap();
        let bytes: Vec<_> = reader.bytes().map(Result::unwrap).collect();
        writeln!(story, "{bytes:?}").unwrap();
    }
    story
});

story!(the_debug_text_says_what_is_in_the_buffer, io, {
    let mut reader = io::BufReader::with_capacity(16, Reader::new("abcdef", []));
    let mut story = format!("{reader:?} {:?}", reader.buffer());
    reader.fill_buf().unwrap();
    reader.consume(2);
    write!(story, "{reader:?} {:?}", reader.buffer()).unwrap();
    reader.consume(1000);
    write!(story, "{reader:?} {:?}", reader.get_ref()).unwrap();
    write!(story, "{:?}", reader.get_mut()).unwrap();
    story + &format!("{:?}", reader.into_inner())
});

story!(errors_of_the_reader_come_through_and_lose_nothing, io, {
    let steps = [
        Step::Bytes(3),
        Step::Error(ErrorKind::WouldBlock),
        Step::Error(ErrorKind::Interrupted),
        Step::Bytes(2),
        Step::Error(ErrorKind::Other),
    ];
    let mut reader = io::BufReader::new(Reader::new("abcdefgh", steps));
    let mut story = String::new();
    let mut all = Vec::new();
    for _ in 0..6 {
        let result = reader.read_until(b'z', &mut all);
        writeln!(story, "{} {all:?}", told(result)).unwrap();
    }
    let mut reader = io::BufReader::new(Reader::new("abc", [Step::Panic]));
    let panicked = catch_unwind(AssertUnwindSafe(|| reader.fill_buf().is_ok())).is_err();
    let after = told(reader.fill_buf().map(<[u8]>::to_vec));
    story + &format!("{panicked} {after}")
});

story!(large_reads_go_past_the_buffer, io, {
    let mut story = String::new();
    let mut reader = io::BufReader::with_capacity(4, Reader::new("abcdefghijklmnop", []));
    let mut large = [0; 6];
    let mut small = [0; 2];
    writeln!(story, "{} {large:?}", told(reader.read(&mut large))).unwrap();
    writeln!(story, "{reader:?} {}", told(reader.read(&mut small))).unwrap();
    writeln!(story, "{reader:?} {}", told(reader.read(&mut large))).unwrap();
    let (first, second) = large.split_at_mut(1);
    let mut slices = [IoSliceMut::new(first), IoSliceMut::new(second)];
    writeln!(
        story,
        "{reader:?} {}",
        told(reader.read_vectored(&mut slices))
    )
    .unwrap();
    writeln!(story, "{reader:?} {}", told(reader.read_exact(&mut large))).unwrap();
    writeln!(story, "{reader:?} {large:?}").unwrap();
    story
});

story!(texts_are_read_to_their_end, io, {
    let mut story = String::new();
    let good = "grün".as_bytes();
    let bad = b"gr\xFCn";
    for bytes in [good, bad] {
        for start in ["", "was there: "] {
            for steps in [&[][..], &[Step::Bytes(2), Step::Error(ErrorKind::Other)]] {
                for buffered in [0, 1] {
                    let inner = Reader::new(bytes, steps.iter().copied());
                    let mut reader = io::BufReader::new(inner);
                    reader.fill_buf().unwrap();
                    reader.consume(1 - buffered);
                    let mut text = start.to_owned();
                    let result = told(reader.read_to_string(&mut text));
                    writeln!(story, "{result} {text:?} {reader:?}").unwrap();
                }
            }
        }
        let mut all = b"was there".to_vec();
        let mut reader = io::BufReader::new(bytes);
        reader.fill_buf().unwrap();
        writeln!(story, "{} {all:?}", told(reader.read_to_end(&mut all))).unwrap();
        writeln!(story, "{}", told(io::read_to_string(bytes))).unwrap();
    }
    story
});

story!(positions_are_those_of_what_is_read_next, io, {
    let mut story = String::new();
    let mut reader = io::BufReader::with_capacity(6, Reader::new("abcdefghijklmnopqrst", []));
    let mut two = [0; 2];
    let mut note = |what: &str, reader: &mut io::BufReader<Reader>| {
        let at = told(reader.stream_position());
        let result = told(reader.read_exact(&mut two));
        writeln!(story, "{what}: {at} {result} {two:?}").unwrap();
    };
    note("start", &mut reader);
    reader.seek_relative(-1).unwrap();
    note("back within the buffer", &mut reader);
    reader.seek_relative(1).unwrap();
    note("on within the buffer", &mut reader);
    reader.seek_relative(-5).unwrap();
    note("back", &mut reader);
    reader.seek_relative(7).unwrap();
    note("on beyond the buffer", &mut reader);
    reader.seek(SeekFrom::Current(-3)).unwrap();
    note("from here", &mut reader);
    reader.seek(SeekFrom::Start(1)).unwrap();
    note("from the start", &mut reader);
    Seek::seek_relative(&mut reader, 2).unwrap();
    note("by the trait", &mut reader);
    reader.seek(SeekFrom::End(-2)).unwrap();
    note("from the end", &mut reader);
    let error = told(reader.seek(SeekFrom::Current(-100)));
    note(&error, &mut reader);
    let error = told(reader.seek_relative(i64::MIN));
    note(&error, &mut reader);
    reader.rewind().unwrap();
    note("rewound", &mut reader);
    let error = told(reader.seek(SeekFrom::Current(i64::MIN)));
    note(&error, &mut reader);
    story
});

story!(buffers_of_what_is_not_sized, io, {
    let mut reader: Box<io::BufReader<dyn Read>> = Box::new(io::BufReader::new(&b"a\nb"[..]));
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let inner = Writer::default();
    let mut writer: Box<io::BufWriter<dyn Write>> = Box::new(io::BufWriter::new(inner.clone()));
    writer.write_all(b"abc").unwrap();
    let mut lines: Box<io::LineWriter<dyn Write>> = Box::new(io::LineWriter::new(inner.clone()));
    lines.write_all(b"d\ne").unwrap();
    drop(writer);
    drop(lines);
    format!("{line} {:?} {}", reader.buffer(), inner.log())
});

/// A reader that says that it read more than there was room for.
struct Liar;

impl Read for Liar {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        Ok(buffer.len() + 1)
    }
}

#[test]
fn readers_and_writers_that_lie_are_found_out() {
    let mut reader = netpoll::io::BufReader::new(Liar);
    assert!(catch_unwind(AssertUnwindSafe(|| reader.fill_buf().is_ok())).is_err());
    assert!(reader.buffer().is_empty());

    struct Greedy;
    impl Write for Greedy {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            Ok(bytes.len() + 1)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut writer = netpoll::io::BufWriter::new(Greedy);
    writer.write_all(b"abc").unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| writer.flush())).is_err());
}
