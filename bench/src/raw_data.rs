//! The raw data: one JSON object a line.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde::Serialize;

use crate::cases::Case;
use crate::contest::Slice;
use crate::idle::Memory;
use crate::load::Done;
use crate::servers::Server;

pub(crate) struct RawData(BufWriter<File>);

#[derive(Serialize)]
struct SliceRow<'a> {
    case: &'a str,
    server: &'a str,
    start: u32,
    round: u32,
    #[serde(flatten)]
    done: &'a Done,
    cpu_ns: u64,
    user_ns: u64,
    switches: u64,
}

#[derive(Serialize)]
struct MemoryRow<'a> {
    case: &'a str,
    server: &'a str,
    connections: usize,
    bytes: u64,
}

impl RawData {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self(BufWriter::new(File::create(path)?)))
    }

    pub(crate) fn slice(
        &mut self,
        case: &Case,
        server: &Server,
        (start, round): (u32, u32),
        slice: &Slice,
    ) -> io::Result<()> {
        self.write(&SliceRow {
            case: case.name,
            server: server.name,
            start,
            round,
            done: &slice.done,
            cpu_ns: slice.used.cpu.as_nanos() as u64,
            user_ns: slice.used.user.as_nanos() as u64,
            switches: slice.used.switches,
        })
    }

    pub(crate) fn memory(&mut self, case: &Case, memory: &Memory) -> io::Result<()> {
        self.write(&MemoryRow {
            case: case.name,
            server: memory.server.name,
            connections: memory.connections,
            bytes: memory.bytes,
        })
    }

    fn write(&mut self, row: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.0, row)?;
        self.0.write_all(b"\n")
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
