//! The connections at work, from the start to the end.
//!
//! Each worker is a runtime of its own. So both tasks of a connection run on the same
//! one, where waking each other costs no system call, and count in the same tally.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use netpoll::Runtime;
use netpoll::net::TcpStream;
use netpoll::thread::{Builder, JoinHandle};

use super::Load;
use super::connection::Connection;
use super::fault::{Fault, Kind};
use super::pacer::Pacer;
use super::tally::Tally;
use crate::failure::Failure;

/// See the [module](self).
pub(super) struct Crew {
    load: Arc<Load>,
    members: Vec<Member>,
    pub(super) tallies: Vec<Arc<Tally>>,
}

struct Member {
    connection: Arc<Connection>,
    writer: JoinHandle<()>,
    reader: JoinHandle<()>,
}

impl Crew {
    /// Starts the tasks of all connections. They wait for the start.
    pub(super) fn muster(
        load: &Arc<Load>,
        runtimes: &[Runtime],
        streams: Vec<Vec<TcpStream>>,
    ) -> Result<Self, Failure> {
        let mut crew = Self {
            load: Arc::clone(load),
            members: Vec::new(),
            tallies: runtimes.iter().map(|_| Arc::new(Tally::new())).collect(),
        };
        let connections: usize = streams.iter().map(Vec::len).sum();
        let mut number = 0;
        for (worker, streams) in streams.into_iter().enumerate() {
            for stream in streams {
                let pacer = load
                    .plan
                    .rate
                    .map(|rate| Pacer::new(rate, number, connections));
                let connection =
                    Connection::new(load, &crew.tallies[worker], number, stream, pacer);
                match connection {
                    Ok(connection) => {
                        let member = Member::start(connection, &runtimes[worker])
                            .map_err(|error| Failure::Start("a task", error))?;
                        crew.members.push(member);
                    }
                    // The server has gone already.
                    Err(error) => {
                        load.faults.note(Fault {
                            kind: Kind::of_talking(&error),
                            detail: format!("connection {number}: {error}"),
                        });
                        load.course.leave();
                    }
                }
                number += 1;
            }
        }
        Ok(crew)
    }

    /// Starts the load.
    pub(super) fn begin(&self) {
        self.load.course.begin();
        for member in &self.members {
            member.writer.thread().unpark();
        }
    }

    /// No more requests; what is outstanding may still be answered for a while.
    pub(super) fn end(&self) {
        self.load.course.stop();
        let deadline = Instant::now() + self.load.plan.timeout;
        for member in &self.members {
            member.connection.set_deadline(deadline);
            member.writer.thread().unpark();
        }
    }

    /// Waits for all tasks, which have come to their end.
    pub(super) fn dismiss(self) -> Result<Vec<Arc<Tally>>, Failure> {
        for Member { writer, reader, .. } in self.members {
            writer.join().map_err(|_| Failure::Bug)?;
            reader.join().map_err(|_| Failure::Bug)?;
        }
        Ok(self.tallies)
    }
}

impl Member {
    fn start(connection: Connection, runtime: &Runtime) -> io::Result<Self> {
        let connection = Arc::new(connection);
        let (writing, reading) = (Arc::clone(&connection), Arc::clone(&connection));
        Ok(Self {
            connection,
            writer: Builder::new().spawn_on(runtime, move || writing.write())?,
            reader: Builder::new().spawn_on(runtime, move || reading.read())?,
        })
    }
}
