//! Random programs against std's buffers.

use std::io::{BufRead, ErrorKind, Read, Seek, SeekFrom, Write};

use proptest::collection::vec;
use proptest::prelude::*;

use crate::scripts::{Reader, Step, Writer, told};

/// What a program does with a reader.
#[derive(Clone, Debug)]
enum Reading {
    Fill,
    Consume(usize),
    Read(usize),
    ReadExact(usize),
    ReadUntil(u8),
    ReadToEnd,
    SeekRelative(i64),
    Seek(SeekFrom),
    Position,
}

fn reading() -> impl Strategy<Value = Reading> {
    prop_oneof![
        4 => Just(Reading::Fill),
        4 => (0..3000_usize).prop_map(Reading::Consume),
        4 => (0..3000_usize).prop_map(Reading::Read),
        4 => (0..3000_usize).prop_map(Reading::ReadExact),
        4 => (0..8_u8).prop_map(Reading::ReadUntil),
        1 => Just(Reading::ReadToEnd),
        2 => (-500..500_i64).prop_map(Reading::SeekRelative),
        1 => prop_oneof![
            (0..5000_u64).prop_map(SeekFrom::Start),
            (-2000..2000_i64).prop_map(SeekFrom::Current),
            (-5000..10_i64).prop_map(SeekFrom::End),
        ].prop_map(Reading::Seek),
        1 => Just(Reading::Position),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1..2000_usize).prop_map(Step::Bytes),
        2 => (1..20_usize).prop_map(Step::Bytes),
        1 => Just(Step::Error(ErrorKind::Interrupted)),
        1 => Just(Step::Error(ErrorKind::WouldBlock)),
    ]
}

/// Bytes of which the eight smallest are often there, so that there is something to find.
fn content(most: usize) -> impl Strategy<Value = Vec<u8>> {
    (0..most, any::<u64>()).prop_map(|(length, mut state)| {
        // Made here and not by proptest, which would take seconds.
        let byte = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let byte = (state >> 56) as u8;
            if byte < 26 { byte % 8 } else { byte }
        };
        std::iter::repeat_with(byte).take(length).collect()
    })
}

/// What is the same whatever the sizes of the reads underneath: the position, and what
/// comes there.
macro_rules! run {
    ($buffer:ty, $bytes:expr, $steps:expr, $capacity:expr, $program:expr, $exact:expr) => {{
        let inner = Reader::new($bytes.clone(), $steps.clone());
        let mut reader = <$buffer>::with_capacity($capacity, inner);
        let mut story = Vec::new();
        for action in $program {
            let told = match action {
                Reading::Fill => {
                    let result = reader.fill_buf().map(<[u8]>::to_vec);
                    if $exact { told(result) } else { String::new() }
                }
                // What there is may differ, so as much of it as both have: nothing.
                Reading::Consume(n) if $exact => {
                    reader.consume(*n);
                    String::new()
                }
                Reading::Read(n) if $exact => {
                    let mut buffer = vec![0; *n];
                    let result = reader.read(&mut buffer);
                    format!("{} {buffer:?}", told(result))
                }
                Reading::Consume(_) | Reading::Read(_) => String::new(),
                Reading::ReadExact(n) => {
                    let mut buffer = vec![0; *n];
                    let result = reader.read_exact(&mut buffer);
                    // After a failure it is not said what was read.
                    let shown = result.is_ok().then_some(buffer);
                    if !$exact && shown.is_none() {
                        break;
                    }
                    format!("{} {shown:?}", told(result))
                }
                Reading::ReadUntil(end) => {
                    let mut all = Vec::new();
                    let result = reader.read_until(*end, &mut all);
                    format!("{} {all:?}", told(result))
                }
                Reading::ReadToEnd => {
                    let mut all = Vec::new();
                    let result = reader.read_to_end(&mut all);
                    format!("{} {all:?}", told(result))
                }
                // Here std finds again what was in a buffer that was read to its end. The
                // result is the same, but not what is read at once afterwards.
                Reading::SeekRelative(..0) if $exact && reader.buffer().is_empty() => String::new(),
                Reading::SeekRelative(by) => told(reader.seek_relative(*by)),
                Reading::Seek(to) => told(reader.seek(*to)),
                Reading::Position => told(reader.stream_position()),
            };
            story.push(told);
            if $exact {
                story.push(format!("{:?}", reader.buffer()));
            }
        }
        story
    }};
}

/// What a program does with a writer.
#[derive(Clone, Debug)]
enum Writing {
    Write(Vec<u8>),
    WriteAll(Vec<u8>),
    Flush,
}

fn writing() -> impl Strategy<Value = Writing> {
    let bytes = || {
        let byte = || prop_oneof![4 => b'a'..=b'c', 1 => Just(b'\n')];
        prop_oneof![4 => vec(byte(), 0..20), 1 => vec(byte(), 0..200)]
    };
    prop_oneof![
        4 => bytes().prop_map(Writing::Write),
        4 => bytes().prop_map(Writing::WriteAll),
        1 => Just(Writing::Flush),
    ]
}

fn writing_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..100_usize).prop_map(Step::Bytes),
        1 => Just(Step::Error(ErrorKind::Interrupted)),
        1 => Just(Step::Error(ErrorKind::Other)),
    ]
}

macro_rules! write {
    ($buffer:ident, $module:path, $steps:expr, $capacity:expr, $program:expr) => {{
        use $module as io;
        let log = Writer::new($steps.clone());
        let mut writer = io::$buffer::with_capacity($capacity, log.clone());
        let mut story = Vec::new();
        for action in $program {
            story.push(match action {
                Writing::Write(bytes) => told(writer.write(bytes)),
                Writing::WriteAll(bytes) => told(writer.write_all(bytes)),
                Writing::Flush => told(writer.flush()),
            });
            story.push(format!("{writer:?}"));
        }
        drop(writer);
        (story, log.log())
    }};
}

proptest! {
    /// With buffers that are no larger than what is offered on the stack, each read
    /// underneath is the same as std's, and so is everything.
    #[test]
    fn small_readers_do_what_those_of_std_do(
        bytes in content(4000),
        steps in vec(step(), 0..30),
        capacity in 1..=1024_usize,
        program in vec(reading(), 1..40),
    ) {
        let expected = run!(std::io::BufReader<Reader>, bytes, steps, capacity, &program, true);
        let found = run!(netpoll::io::BufReader<Reader>, bytes, steps, capacity, &program, true);
        prop_assert_eq!(found, expected);
    }

    /// With larger ones, the reads differ, but not what comes of them.
    #[test]
    fn large_readers_read_what_those_of_std_do(
        bytes in content(4000),
        pieces in vec(1..3000_usize, 0..30),
        capacity in 1025..10_000_usize,
        program in vec(reading(), 1..40),
    ) {
        let steps: Vec<_> = pieces.into_iter().map(Step::Bytes).collect();
        let expected = run!(std::io::BufReader<Reader>, bytes, steps, capacity, &program, false);
        let found = run!(netpoll::io::BufReader<Reader>, bytes, steps, capacity, &program, false);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn writers_do_what_those_of_std_do(
        steps in vec(writing_step(), 0..30),
        capacity in 0..64_usize,
        program in vec(writing(), 1..40),
    ) {
        let expected = write!(BufWriter, std::io, steps, capacity, &program);
        let found = write!(BufWriter, netpoll::io, steps, capacity, &program);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn line_writers_do_what_those_of_std_do(
        steps in vec(writing_step(), 0..30),
        capacity in 0..64_usize,
        program in vec(writing(), 1..40),
    ) {
        let expected = write!(LineWriter, std::io, steps, capacity, &program);
        let found = write!(LineWriter, netpoll::io, steps, capacity, &program);
        prop_assert_eq!(found, expected);
    }

    /// `copy` copies everything, or up to the error that stops it.
    #[test]
    fn copies_are_those_of_std(
        bytes in content(100_000),
        steps in vec(prop_oneof![4 => step(), 4 => (1..100_000_usize).prop_map(Step::Bytes)], 0..20),
    ) {
        let stops = steps.iter().any(|step| matches!(step, Step::Error(ErrorKind::WouldBlock)));
        let mut copied = Vec::new();
        let mut reader = Reader::new(bytes.clone(), steps);
        let result = netpoll::io::copy(&mut reader, &mut copied);
        match result {
            Ok(n) => {
                prop_assert_eq!(n, bytes.len() as u64);
                prop_assert!(copied == bytes);
            }
            Err(error) => {
                prop_assert!(stops);
                prop_assert_eq!(error.kind(), ErrorKind::WouldBlock);
                prop_assert!(bytes.starts_with(&copied));
                prop_assert_eq!(reader.stream_position().unwrap(), copied.len() as u64);
            }
        }
    }
}
