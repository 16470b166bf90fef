//! Encoders and decoders that take a reader or a writer.

use std::io::{BufRead, BufReader, BufWriter, Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use netpoll::thread::Builder;
use netpoll_conformance::ends::{AnyStream, on_both, on_both_as};
use netpoll_conformance::pattern;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Record {
    number: u64,
    name: String,
    values: Vec<i32>,
    parent: Option<Box<Record>>,
}

fn record(number: u64) -> Record {
    let of = |number: u64| Record {
        number,
        name: format!("record \"{number}\"\n"),
        values: (0..number as i32 % 90).map(|value| value - 45).collect(),
        parent: None,
    };
    let mut record = of(number);
    if number.is_multiple_of(3) {
        record.parent = Some(Box::new(of(number / 3)));
    }
    record
}

const RECORDS: u64 = 500;

/// A stream of values, each taken as soon as it is complete: the answer to one is what
/// the peer waits for before it sends the next.
#[test]
fn json_values_one_by_one() {
    on_both(
        |mut stream: AnyStream| {
            for number in 0..RECORDS {
                let mut writer = BufWriter::new(&mut stream);
                serde_json::to_writer(&mut writer, &record(number)).unwrap();
                writer.flush().unwrap();
                drop(writer);
                let mut seen = [0; 1];
                stream.read_exact(&mut seen).unwrap();
            }
        },
        |stream: AnyStream| {
            let stream = std::cell::RefCell::new(stream);
            let values = serde_json::Deserializer::from_reader(ByRef(&stream));
            let mut number = 0;
            for value in values.into_iter::<Record>() {
                assert_eq!(value.unwrap(), record(number));
                stream.borrow_mut().write_all(b"!").unwrap();
                number += 1;
            }
            assert_eq!(number, RECORDS);
        },
    );
}

/// The reading half of a stream that is written to as well.
struct ByRef<'a>(&'a std::cell::RefCell<AnyStream>);

impl Read for ByRef<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().read(buffer)
    }
}

/// Without optimization, flate2's encoder is built on the stack before it is moved to the
/// heap, which is more than a task has by default.
fn large_stacks() -> Builder {
    Builder::new().stack_size(512 * 1024)
}

/// Compressed both ways; the decoder reads to the end of its format and not beyond it.
#[test]
fn gzip_both_ways() {
    const LENGTH: u64 = 1 << 20;
    on_both_as(
        large_stacks,
        |stream: AnyStream| {
            let mut decoder = GzDecoder::new(stream);
            assert_eq!(pattern::receive(&mut decoder, 1).unwrap(), LENGTH);
            let mut encoder = GzEncoder::new(decoder.into_inner(), Compression::fast());
            pattern::send(&mut encoder, 2, LENGTH).unwrap();
            encoder.finish().unwrap();
        },
        |stream: AnyStream| {
            let mut encoder = GzEncoder::new(stream, Compression::fast());
            pattern::send(&mut encoder, 1, LENGTH).unwrap();
            let mut decoder = GzDecoder::new(encoder.finish().unwrap());
            assert_eq!(pattern::receive(&mut decoder, 2).unwrap(), LENGTH);
        },
    );
}

/// What an encoder holds back reaches the peer when it is flushed, on a stream that
/// stays open.
#[test]
fn gzip_flushed_line_by_line() {
    on_both_as(
        large_stacks,
        |stream: AnyStream| {
            let mut encoder = GzEncoder::new(stream, Compression::fast());
            for number in 0..100 {
                writeln!(encoder, "line {number}").unwrap();
                encoder.flush().unwrap();
                let mut seen = [0; 1];
                encoder.get_mut().read_exact(&mut seen).unwrap();
            }
            encoder.finish().unwrap();
        },
        |stream: AnyStream| {
            let stream = std::cell::RefCell::new(stream);
            let lines = BufReader::new(GzDecoder::new(ByRef(&stream))).lines();
            let mut count = 0;
            for (number, line) in lines.enumerate() {
                assert_eq!(line.unwrap(), format!("line {number}"));
                stream.borrow_mut().write_all(b"!").unwrap();
                count += 1;
            }
            assert_eq!(count, 100);
        },
    );
}

/// Binary frames that delimit themselves, pipelined.
#[test]
fn postcard_frames() {
    on_both(
        |mut stream: AnyStream| {
            let mut scratch = vec![0; 4096];
            for number in 0..RECORDS {
                let (found, _): (Record, _) =
                    postcard::from_io((&mut stream, &mut scratch)).unwrap();
                assert_eq!(found, record(number));
                postcard::to_io(&record(number + 1), &mut stream).unwrap();
            }
        },
        |mut stream: AnyStream| {
            for number in 0..RECORDS {
                postcard::to_io(&record(number), &mut stream).unwrap();
            }
            let mut scratch = vec![0; 4096];
            for number in 0..RECORDS {
                let (found, _): (Record, _) =
                    postcard::from_io((&mut stream, &mut scratch)).unwrap();
                assert_eq!(found, record(number + 1));
            }
        },
    );
}
