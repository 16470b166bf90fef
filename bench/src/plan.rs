//! What the options come to: which servers, which cases, how often, and where.
#![forbid(unsafe_code)]

use std::io;
use std::time::Duration;

use crate::args::Options;
use crate::cases::{CASES, Case, Kind};
use crate::load::Shape;
use crate::place::{self, Place};
use crate::servers::{CONTROL, FLOOR, MIXED, RPC, SERVERS, Server};
use crate::work;

const ROUNDS: u32 = 25;
const STARTS: u32 = 3;

// With --quick.
const QUICK_ROUNDS: u32 = 3;
const QUICK_STARTS: u32 = 1;
const QUICK_SLICE: Duration = Duration::from_millis(40);
const QUICK_CONNECTIONS: usize = 100;

pub(crate) struct Plan {
    pub(crate) rounds: u32,
    pub(crate) starts: u32,
    pub(crate) cases: Vec<&'static Case>,
    /// Servers that cannot run here, and why.
    pub(crate) missing: Vec<(&'static Server, String)>,
    /// The cores of servers and clients.
    pub(crate) cores: Option<(usize, usize)>,
    servers: Vec<&'static Server>,
    /// Servers with two workers.
    mixed: Vec<&'static Server>,
    /// Servers of frames.
    rpc: Vec<&'static Server>,
    /// The length of slices, if it is not the case's.
    slice: Option<Duration>,
    /// At most so many connections.
    most: usize,
    realtime: bool,
    /// The steps of the work that some requests ask for.
    steps: usize,
}

impl Plan {
    pub(crate) fn new(options: &Options) -> io::Result<Self> {
        let cores = place::two_cores()?;
        let mut missing = Vec::new();
        let mut here = |server: &&'static Server| match server.prepare() {
            Ok(()) => true,
            Err(reason) => {
                missing.push((*server, reason));
                false
            }
        };
        let servers: Vec<_> = SERVERS
            .iter()
            .filter(|server| options.selects(server))
            .filter(&mut here)
            .collect();
        let mixed: Vec<_> = MIXED
            .iter()
            .filter(|server| options.selects(server))
            .filter(&mut here)
            .collect();
        // They are compared with the floor, which sends back what it gets.
        let floor = servers.iter().copied();
        let floor = floor.filter(|server| [FLOOR, CONTROL].contains(&server.name));
        let rpc = RPC
            .iter()
            .filter(|server| options.selects(server))
            .filter(&mut here);
        let rpc: Vec<_> = floor.chain(rpc).collect();
        let (rounds, starts, slice, most) = if options.quick {
            let slice = Some(QUICK_SLICE);
            (QUICK_ROUNDS, QUICK_STARTS, slice, QUICK_CONNECTIONS)
        } else {
            (ROUNDS, STARTS, None, usize::MAX)
        };
        let rounds = options.rounds.map_or(rounds, u32::from);
        Ok(Self {
            rounds,
            starts: options.starts.map_or(starts, u32::from).min(rounds),
            cases: CASES.iter().filter(|case| options.takes(case)).collect(),
            missing,
            cores,
            steps: if mixed.is_empty() { 0 } else { work::steps() },
            servers,
            mixed,
            rpc,
            slice: options
                .slice
                .map(|millis| Duration::from_millis(u32::from(millis).into()))
                .or(slice),
            most,
            realtime: cores.is_some() && !options.no_realtime,
        })
    }

    /// The servers of a case.
    pub(crate) fn servers(&self, case: &Case) -> impl Iterator<Item = &'static Server> {
        let servers = match case.kind {
            Kind::Mixed { .. } => &self.mixed,
            _ if case.rpc => &self.rpc,
            _ => &self.servers,
        };
        // Where it is only about memory, fewer connections do.
        let needed = match case.kind {
            Kind::Idle => 1,
            _ => self.connections(case),
        };
        let fits = move |server: &&'static Server| server.most >= needed;
        servers.iter().copied().filter(fits)
    }

    fn connections(&self, case: &Case) -> usize {
        case.shape.connections.min(self.most)
    }

    /// What the client of a server is like.
    pub(crate) fn shape(&self, case: &Case, server: &Server) -> Shape {
        Shape {
            connections: match case.kind {
                // None of them stays.
                Kind::Churn => 0,
                _ => self.connections(case).min(server.most),
            },
            ..case.shape
        }
    }

    /// What a server of the case has to know.
    pub(crate) fn number(&self, case: &Case) -> usize {
        match case.kind {
            Kind::Mixed { .. } => self.steps,
            _ if case.rpc => case.shape.size,
            _ => case.buffer,
        }
    }

    pub(crate) fn slice(&self, case: &Case) -> Duration {
        match case.kind {
            // In less, too few requests ask for work.
            Kind::Mixed { .. } => self.slice.unwrap_or_default().max(case.slice / 5),
            _ => self.slice.unwrap_or(case.slice),
        }
    }

    pub(crate) fn server_place(&self, case: &Case) -> Place {
        Place {
            core: match case.kind {
                // Two workers take both cores.
                Kind::Mixed { .. } => None,
                _ => self.cores.map(|(server, _)| server),
            },
            realtime: match case.kind {
                // Real-time threads do not take turns: work would keep those from running
                // that the runtimes have against it.
                Kind::Mixed { .. } => None,
                _ => self.realtime.then_some(place::SERVER),
            },
            child: true,
        }
    }

    pub(crate) fn load_place(&self) -> Place {
        Place {
            core: self.cores.map(|(_, load)| load),
            realtime: self.realtime.then_some(place::CLIENT),
            child: true,
        }
    }
}

impl Options {
    fn selects(&self, server: &Server) -> bool {
        if self.only.is_empty() {
            server.usual || server.name == CONTROL
        } else {
            [FLOOR, CONTROL].contains(&server.name)
                || self.only.iter().any(|name| name == server.name)
        }
    }

    fn takes(&self, case: &Case) -> bool {
        if self.cases.is_empty() {
            case.quick || !self.quick
        } else {
            self.cases.iter().any(|name| name == case.name)
        }
    }
}
