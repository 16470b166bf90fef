//! A case: its servers side by side, slice by slice.
#![forbid(unsafe_code)]

use std::io;
use std::thread::sleep;
use std::time::Duration;

use crate::accounting::{self, Busy, Others, Priority, SystemCalls, Usage};
use crate::cases::{Case, Kind};
use crate::children::{LoadProcess, ServerProcess};
use crate::load::{Done, Open, Order};
use crate::plan::Plan;
use crate::raw_data::RawData;
use crate::run::progress;
use crate::servers::{FLOOR, Server};
use crate::statistics::Summary;

/// After the last response the server still goes to sleep; only then is all of its
/// time accounted for.
pub(crate) const SETTLE: Duration = Duration::from_millis(2);

/// How often the floor is driven at full speed to find out how fast that is.
const SATURATIONS: u32 = 5;

/// One server's slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slice {
    pub(crate) done: Done,
    pub(crate) used: Usage,
}

/// A server in a case.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) server: &'static Server,
    /// One for each round.
    pub(crate) slices: Vec<Slice>,
    /// System calls for each request.
    pub(crate) calls: Option<f64>,
    /// Why there are no more slices than there are.
    pub(crate) failure: Option<io::Error>,
}

/// What came of a case.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) case: &'static Case,
    pub(crate) entries: Vec<Entry>,
    /// Requests a second, if they were not as many as possible.
    pub(crate) rate: Option<f64>,
    /// What counted the system calls.
    pub(crate) calls_by: Option<&'static str>,
    /// How the servers were scheduled.
    pub(crate) priority: Option<Priority>,
    /// What others did meanwhile; the worst of all starts.
    pub(crate) others: Others,
}

/// A server and its client.
struct Contestant {
    process: ServerProcess,
    load: LoadProcess,
}

/// Runs all rounds of a case.
pub(crate) fn hold(plan: &Plan, case: &'static Case, raw: &mut RawData) -> io::Result<Outcome> {
    let entries = plan.servers(case).map(|server| Entry {
        server,
        slices: Vec::new(),
        calls: None,
        failure: None,
    });
    let mut outcome = Outcome {
        case,
        entries: entries.collect(),
        rate: match case.kind {
            Kind::Mixed { rate } => Some(rate),
            _ => None,
        },
        calls_by: None,
        priority: None,
        others: Others::default(),
    };
    for start in 0..plan.starts {
        let begin = plan.rounds * start / plan.starts;
        let end = plan.rounds * (start + 1) / plan.starts;
        let mut contest = Contest::start(plan, &mut outcome);
        contest.find_rate()?;
        contest.rounds(start, begin..end, raw)?;
        if start + 1 == plan.starts && case.kind == Kind::Requests {
            contest.count_calls()?;
        }
    }
    Ok(outcome)
}

/// All servers of a case, since they were started together.
struct Contest<'a> {
    plan: &'a Plan,
    outcome: &'a mut Outcome,
    /// As many as the outcome has entries; those that failed are not there.
    contestants: Vec<Option<Contestant>>,
}

impl<'a> Contest<'a> {
    /// Starts the servers in random order, and connects their clients.
    fn start(plan: &'a Plan, outcome: &'a mut Outcome) -> Self {
        let mut contestants: Vec<Option<Contestant>> = Vec::new();
        contestants.resize_with(outcome.entries.len(), || None);
        let case = outcome.case;
        for place in shuffled(contestants.len()) {
            progress(&format!(
                "{}: {}",
                case.name, outcome.entries[place].server.name
            ));
            let entry = &mut outcome.entries[place];
            if entry.failure.is_none() {
                match Contestant::start(plan, case, entry.server) {
                    Ok(contestant) => contestants[place] = Some(contestant),
                    Err(error) => entry.failure = Some(error),
                }
            }
        }
        let running = contestants.iter().flatten().next();
        outcome.priority =
            running.and_then(|contestant| accounting::priority(contestant.process.id()).ok());
        Self {
            plan,
            outcome,
            contestants,
        }
    }

    /// In cases where the rate depends on the floor, finds out how fast that is.
    fn find_rate(&mut self) -> io::Result<()> {
        let case = self.outcome.case;
        let Kind::Latency { share } = case.kind else {
            return Ok(());
        };
        if self.outcome.rate.is_some() {
            return Ok(());
        }
        let mut floor = self.outcome.entries.iter().zip(&mut self.contestants);
        let contestant = floor
            .find(|(entry, _)| entry.server.name == FLOOR)
            .and_then(|(_, contestant)| contestant.as_mut())
            .ok_or_else(|| io::Error::other(format!("{FLOOR} does not run")))?;
        let order = Order::Closed {
            millis: self.plan.slice(case).as_millis() as u64,
        };
        let mut rates = Vec::new();
        for _ in 0..SATURATIONS {
            let done = contestant.load.run(&order)?;
            rates.push(done.requests as f64 / done.time().as_secs_f64());
        }
        self.outcome.rate = Summary::of(rates).map(|rates| rates.median * share);
        Ok(())
    }

    fn rounds(
        &mut self,
        start: u32,
        rounds: std::ops::Range<u32>,
        raw: &mut RawData,
    ) -> io::Result<()> {
        let case = self.outcome.case;
        // Once to warm up.
        for place in shuffled(self.contestants.len()) {
            self.run(place, rounds.start);
        }
        let own = self.own_use();
        let busy = Busy::now()?;
        let mut waiting = Vec::new();
        for round in rounds {
            progress(&format!(
                "{}: round {} of {}",
                case.name,
                round + 1,
                self.plan.rounds
            ));
            for place in shuffled(self.contestants.len()) {
                let pressure = accounting::pressure();
                if let Some(slice) = self.run(place, round) {
                    let entry = &mut self.outcome.entries[place];
                    // The floor has one thread, which never waits for another of its own.
                    if entry.server.name == FLOOR {
                        let waited = accounting::pressure().zip(pressure);
                        let waited = waited.map(|(after, before)| after - before);
                        waiting.extend(waited.map(|waited| share(waited, slice.done.time())));
                    }
                    raw.slice(case, entry.server, (start, round), &slice)?;
                    entry.slices.push(slice);
                }
            }
        }
        let others = Others {
            waiting: Summary::of(waiting).map_or(0.0, |waiting| waiting.median),
            ..busy.others(self.own_use().saturating_sub(own))?
        };
        self.outcome.others = self.outcome.others.worst(others);
        Ok(())
    }

    /// Runs one slice of one server; one that fails is out of the case.
    fn run(&mut self, place: usize, round: u32) -> Option<Slice> {
        let order = self.order(round);
        match self.contestants[place].as_mut()?.run(&order) {
            Ok(slice) => Some(slice),
            Err(error) => {
                self.outcome.entries[place].failure = Some(error);
                self.contestants[place] = None;
                None
            }
        }
    }

    fn order(&self, round: u32) -> Order {
        let case = self.outcome.case;
        let millis = self.plan.slice(case).as_millis() as u64;
        // All servers of a round get their requests at the same moments.
        let open = |mixed: bool| Open {
            rate: self.outcome.rate.expect("it has been found out"),
            seed: round.into(),
            spin: !mixed,
            mixed,
        };
        match case.kind {
            Kind::Requests | Kind::Idle => Order::Closed { millis },
            Kind::Churn => Order::Churn {
                millis,
                lanes: case.shape.connections,
            },
            Kind::Latency { .. } => Order::Open {
                millis,
                open: open(false),
            },
            Kind::Mixed { .. } => Order::Open {
                millis,
                open: open(true),
            },
        }
    }

    /// Runs one more slice of each, with the system calls counted, which would disturb
    /// the others.
    fn count_calls(&mut self) -> io::Result<()> {
        progress(&format!("{}: system calls", self.outcome.case.name));
        for place in 0..self.contestants.len() {
            let Some(contestant) = &self.contestants[place] else {
                continue;
            };
            let Some(calls) = SystemCalls::of(contestant.process.id()) else {
                return Ok(());
            };
            self.outcome.calls_by = Some(calls.by);
            let slice = self.run(place, 0);
            let calls = calls.end();
            self.outcome.entries[place].calls = slice
                .zip(calls)
                .map(|(slice, calls)| calls as f64 / slice.done.requests as f64);
        }
        Ok(())
    }

    /// What this process and its children have used.
    fn own_use(&self) -> Duration {
        let children = self.contestants.iter().flatten();
        children
            .flat_map(|contestant| [contestant.process.id(), contestant.load.id()])
            .chain([std::process::id()])
            .filter_map(|process| accounting::usage(process).ok())
            .map(|usage| usage.cpu)
            .sum()
    }
}

impl Contestant {
    fn start(plan: &Plan, case: &Case, server: &'static Server) -> io::Result<Self> {
        let place = plan.server_place(case);
        let process = ServerProcess::start(server, plan.number(case), place)?;
        let shape = plan.shape(case, server);
        let load = LoadProcess::start(&process, shape, plan.load_place())?;
        Ok(Self { process, load })
    }

    /// Runs one slice, and says what it used.
    fn run(&mut self, order: &Order) -> io::Result<Slice> {
        let before = accounting::usage(self.process.id())?;
        let done = self.load.run(order)?;
        sleep(SETTLE);
        if let Order::Open { .. } = order {
            // It looks instead of sleeping, and what is real-time may not have its core
            // for ever: the kernel would take it away in the middle of a slice.
            sleep(done.time() / 10);
        }
        let used = accounting::usage(self.process.id())? - before;
        Ok(Slice { done, used })
    }
}

fn share(part: Duration, whole: Duration) -> f64 {
    (part.as_secs_f64() / whole.as_secs_f64()).min(1.0)
}

fn shuffled(length: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..length).collect();
    fastrand::shuffle(&mut order);
    order
}
