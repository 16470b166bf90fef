//! What is measured: the cases.
#![forbid(unsafe_code)]

use std::time::Duration;

use crate::load::Shape;

/// A case.
#[derive(Debug)]
pub(crate) struct Case {
    /// As the command line says it.
    pub(crate) name: &'static str,
    /// As the report says it.
    pub(crate) title: &'static str,
    pub(crate) shape: Shape,
    /// The size of the buffer that each connection has, in servers that have one.
    pub(crate) buffer: usize,
    pub(crate) kind: Kind,
    /// Whether `--quick` runs it.
    pub(crate) quick: bool,
}

/// What is measured of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The CPU time of requests, in slices of this length.
    Requests { slice: Duration },
    /// The resident memory of connections that have echoed once and are idle.
    Idle,
}

const KIB: usize = 1024;
const SLICE: Duration = Duration::from_millis(120);
/// With 10,000 connections the beginning and the end of a slice take 60 ms each.
const LONG_SLICE: Duration = Duration::from_millis(300);

const fn echo(
    name: &'static str,
    title: &'static str,
    size: usize,
    connections: usize,
    depth: usize,
) -> Case {
    Case {
        name,
        title,
        shape: Shape {
            connections,
            size,
            depth,
        },
        // What one would take for small messages, and for large ones.
        buffer: if size > 4 * KIB { 16 * KIB } else { 4 * KIB },
        kind: Kind::Requests {
            slice: if connections >= 10_000 {
                LONG_SLICE
            } else {
                SLICE
            },
        },
        quick: false,
    }
}

/// All cases, in the order of the report.
pub(crate) static CASES: [Case; 7] = [
    Case {
        quick: true,
        ..echo("64x1", "64 B × 1", 64, 1, 1)
    },
    Case {
        quick: true,
        ..echo("64x100", "64 B × 100", 64, 100, 1)
    },
    echo("64x1000", "64 B × 1000", 64, 1000, 1),
    echo("64x10000", "64 B × 10,000", 64, 10_000, 1),
    echo("64x100x16", "64 B × 100, 16 in flight", 64, 100, 16),
    echo("16kx100", "16 KiB × 100", 16 * KIB, 100, 1),
    Case {
        kind: Kind::Idle,
        ..echo("idle", "bytes resident per idle connection", 64, 10_000, 1)
    },
];
