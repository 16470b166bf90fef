//! Echo by a handler: what was received is handed to the writer as it lies there, without
//! a copy.

use std::io;
use std::sync::Arc;

use netpoll::event::{Connection, Next, Options};

use super::super::counters;
use super::super::handlers::{Handlers, Request};
use super::super::report::Report;
use super::{complain, frames};
use crate::frames::{HEADER, LONGEST};

/// How much is searched for frames at once.
const LOOKED_AT: usize = 4 << 10;

/// Sends back what comes in, as it comes.
pub(super) fn plain() -> Handlers<impl Request> {
    let request = |connection: &mut Connection| {
        give_back(connection, 1, connection.reader().len())?;
        Ok(Next::Again)
    };
    Handlers::new(request, Options::new())
}

/// Sends back whole frames.
pub(super) fn framed(report: Arc<Report>) -> Handlers<impl Request> {
    let request = move |connection: &mut Connection| {
        let reader = connection.reader();
        let there = reader.len();
        let beginning = reader.try_peek(there.min(LOOKED_AT)).unwrap_or_default();
        let front = frames::look(beginning, there).inspect_err(|why| complain(&report, *why))?;
        if front.frames > 0 {
            give_back(connection, front.frames, front.len)?;
        }
        Ok(Next::Need(front.need))
    };
    Handlers::new(request, Options::new().frame_limit(HEADER + LONGEST))
}

fn give_back(connection: &Connection, requests: u64, len: usize) -> io::Result<()> {
    let received = connection.reader().slice(len)?;
    connection.writer().append(received);
    counters::count_requests(requests);
    counters::count_bytes(len);
    Ok(())
}
