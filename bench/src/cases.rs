//! What is measured: the cases.
#![forbid(unsafe_code)]

use std::time::Duration;

use crate::load::Shape;
use crate::work::FRAME;

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
    /// How long a slice lasts.
    pub(crate) slice: Duration,
    /// Whether `--quick` runs it.
    pub(crate) quick: bool,
    /// Whether it is for the servers that answer frames, many on each connection.
    pub(crate) rpc: bool,
}

/// What is measured of a case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// The CPU time of requests, with a fixed number in flight.
    Requests,
    /// The latency of requests that come at this share of the rate at which the floor is
    /// saturated.
    Latency { share: f64 },
    /// The CPU time of connections that come, echo once and go, with so many of them
    /// open at a time as the shape says.
    Churn,
    /// The latency of requests that come at this rate, when one in a hundred asks for
    /// work, on servers with two workers.
    Mixed { rate: f64 },
    /// The resident memory of connections that have echoed once and are idle.
    Idle,
}

const KIB: usize = 1024;

const ECHO: Case = Case {
    name: "",
    title: "",
    shape: Shape {
        connections: 100,
        size: 64,
        depth: 1,
        any_order: false,
    },
    buffer: 4 * KIB,
    kind: Kind::Requests,
    slice: Duration::from_millis(120),
    quick: false,
    rpc: false,
};

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
            any_order: false,
        },
        // What one would take for small messages, and for large ones.
        buffer: if size > 4 * KIB { 16 * KIB } else { 4 * KIB },
        // With 10,000 connections the beginning and the end of a slice take 60 ms each.
        slice: Duration::from_millis(if connections < 10_000 { 120 } else { 300 }),
        ..ECHO
    }
}

const fn latency(name: &'static str, title: &'static str, share: f64) -> Case {
    Case {
        name,
        title,
        kind: Kind::Latency { share },
        // Ten thousand requests or so, the last hundred of which are the last percent.
        slice: Duration::from_millis(300),
        ..ECHO
    }
}

/// So many callers in all, on four connections.
const fn rpc(name: &'static str, title: &'static str, callers: usize) -> Case {
    Case {
        name,
        title,
        shape: Shape {
            connections: 4,
            size: KIB,
            depth: callers / 4,
            any_order: true,
        },
        rpc: true,
        ..ECHO
    }
}

/// All cases, in the order of the report. With 10,000 connections and large messages,
/// 16 in flight would be gigabytes in the sockets' buffers.
#[rustfmt::skip]
pub(crate) static CASES: [Case; 29] = [
    Case { quick: true, ..echo("64x1", "64 B × 1", 64, 1, 1) },
    Case { quick: true, ..echo("64x100", "64 B × 100", 64, 100, 1) },
    echo("64x1000", "64 B × 1000", 64, 1000, 1),
    echo("64x10000", "64 B × 10,000", 64, 10_000, 1),
    echo("64x1x16", "64 B × 1, 16 in flight", 64, 1, 16),
    echo("64x100x16", "64 B × 100, 16 in flight", 64, 100, 16),
    echo("64x1000x16", "64 B × 1000, 16 in flight", 64, 1000, 16),
    echo("64x10000x16", "64 B × 10,000, 16 in flight", 64, 10_000, 16),
    echo("1kx1", "1 KiB × 1", KIB, 1, 1),
    echo("1kx100", "1 KiB × 100", KIB, 100, 1),
    echo("1kx1000", "1 KiB × 1000", KIB, 1000, 1),
    echo("1kx10000", "1 KiB × 10,000", KIB, 10_000, 1),
    echo("1kx1x16", "1 KiB × 1, 16 in flight", KIB, 1, 16),
    echo("1kx100x16", "1 KiB × 100, 16 in flight", KIB, 100, 16),
    echo("1kx1000x16", "1 KiB × 1000, 16 in flight", KIB, 1000, 16),
    echo("16kx1", "16 KiB × 1", 16 * KIB, 1, 1),
    echo("16kx100", "16 KiB × 100", 16 * KIB, 100, 1),
    echo("16kx1000", "16 KiB × 1000", 16 * KIB, 1000, 1),
    echo("16kx10000", "16 KiB × 10,000", 16 * KIB, 10_000, 1),
    echo("16kx1x16", "16 KiB × 1, 16 in flight", 16 * KIB, 1, 16),
    Case { quick: true, ..echo("16kx100x16", "16 KiB × 100, 16 in flight", 16 * KIB, 100, 16) },
    echo("16kx1000x16", "16 KiB × 1000, 16 in flight", 16 * KIB, 1000, 16),
    Case { quick: true, ..rpc("rpc100", "RPC, 1 KiB, 100 callers on 4 connections", 100) },
    rpc("rpc1000", "RPC, 1 KiB, 1000 callers on 4 connections", 1000),
    latency("latency50", "latency at 50 %", 0.5),
    Case { quick: true, ..latency("latency80", "latency at 80 %", 0.8) },
    Case {
        name: "churn",
        title: "connect, echo, close",
        shape: Shape { connections: 16, ..ECHO.shape },
        kind: Kind::Churn,
        quick: true,
        ..ECHO
    },
    Case {
        name: "mixed",
        title: "one request in a hundred computes for 10 ms",
        shape: Shape { connections: 64, size: FRAME, ..ECHO.shape },
        kind: Kind::Mixed { rate: 2000.0 },
        // Twenty of them in a slice.
        slice: Duration::from_secs(1),
        quick: true,
        ..ECHO
    },
    Case {
        name: "idle",
        title: "bytes resident per idle connection",
        shape: Shape { connections: 10_000, ..ECHO.shape },
        kind: Kind::Idle,
        quick: true,
        ..ECHO
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        for case in &CASES {
            let same = CASES.iter().filter(|other| other.name == case.name);
            assert_eq!(same.count(), 1, "{}", case.name);
        }
    }
}
