//! The memory of idle connections, each of which has echoed once.
#![forbid(unsafe_code)]

use std::io;
use std::thread::sleep;

use crate::accounting;
use crate::cases::Case;
use crate::children::{LoadProcess, ServerProcess};
use crate::contest::SETTLE;
use crate::plan::Plan;
use crate::servers::Server;

/// What the idle connections of a server take.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) server: &'static Server,
    pub(crate) connections: usize,
    pub(crate) bytes: u64,
}

impl Memory {
    /// Bytes for each connection.
    pub(crate) fn each(&self) -> f64 {
        self.bytes as f64 / self.connections as f64
    }
}

/// Measures one server, which is the only one there is meanwhile.
pub(crate) fn measure(plan: &Plan, case: &Case, server: &'static Server) -> io::Result<Memory> {
    let shape = plan.shape(case, server);
    let place = plan.server_place(case);
    let process = ServerProcess::start(server, plan.number(case), place)?;
    sleep(SETTLE);
    let before = accounting::resident(process.id())?;
    let _load = LoadProcess::start(&process, shape, plan.load_place())?;
    sleep(SETTLE);
    let after = accounting::resident(process.id())?;
    Ok(Memory {
        server,
        connections: shape.connections,
        bytes: after.saturating_sub(before),
    })
}
