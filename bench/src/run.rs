//! The benchmark itself: cases, rounds, slices.
#![forbid(unsafe_code)]

use std::fs;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::accounting::{self, Priority, SystemCalls};
use crate::args::Options;
use crate::cases::{CASES, Case, Kind};
use crate::children::{LoadProcess, ServerProcess};
use crate::load::Shape;
use crate::place::{self, Place};
use crate::report::{Entry, Machine, Memory, Report, Slice};
use crate::servers::{FLOOR, SERVERS, Server};

const ROUNDS: u32 = 25;
const QUICK_ROUNDS: u32 = 5;
/// After the last response the server still goes to sleep; only then is all of its
/// time accounted for.
const SETTLE: Duration = Duration::from_millis(2);

/// What the options come to.
struct Plan {
    rounds: u32,
    /// The length of slices, if it is not the case's.
    slice: Option<Duration>,
    servers: Vec<&'static Server>,
    cases: Vec<&'static Case>,
    server_place: Place,
    load_place: Place,
}

/// A server and its client.
struct Contestant {
    server: &'static Server,
    process: ServerProcess,
    load: LoadProcess,
    slices: Vec<Slice>,
    calls: Option<f64>,
}

/// Runs what the options ask for and prints the report.
pub(crate) fn run(options: &Options) -> io::Result<()> {
    allow_descriptors()?;
    let cores = place::two_cores()?;
    let plan = Plan::new(options, cores);
    let mut report = Report::new(Machine::read(cores), plan.rounds);
    if let Some(warning) = report.warning() {
        eprintln!("{warning}");
    }
    let mut log = Log::create()?;
    for case in &plan.cases {
        match case.kind {
            Kind::Requests { slice } => {
                let (priority, entries) =
                    plan.requests(case, plan.slice.unwrap_or(slice), &mut log)?;
                report.ran_with(priority);
                report.add(case, entries);
            }
            Kind::Idle => report.add_memory(case, plan.idle(case, &mut log)?),
        }
    }
    let log = log.close()?;
    print!("{report}");
    println!("\nRaw data: {}", log.display());
    Ok(())
}

/// Lets the children open as many descriptors as the system permits.
fn allow_descriptors() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    )?)
}

impl Plan {
    fn new(options: &Options, cores: Option<(usize, usize)>) -> Self {
        let server_runs = |server: &&Server| {
            server.name == FLOOR
                || if options.only.is_empty() {
                    server.usual
                } else {
                    options.only.iter().any(|name| name == server.name)
                }
        };
        let case_runs = |case: &&Case| {
            if options.cases.is_empty() {
                case.quick || !options.quick
            } else {
                options.cases.iter().any(|name| name == case.name)
            }
        };
        let place = |core| Place {
            core,
            realtime: cores.is_some() && !options.no_realtime,
            child: true,
        };
        let usual_rounds = if options.quick { QUICK_ROUNDS } else { ROUNDS };
        Self {
            rounds: options.rounds.map_or(usual_rounds, u32::from),
            slice: options
                .slice
                .map(|millis| Duration::from_millis(u32::from(millis).into())),
            servers: SERVERS.iter().filter(server_runs).collect(),
            cases: CASES.iter().filter(case_runs).collect(),
            server_place: place(cores.map(|(server, _)| server)),
            load_place: place(cores.map(|(_, load)| load)),
        }
    }

    fn start(&self, server: &'static Server, case: &Case, shape: Shape) -> io::Result<Contestant> {
        let failed = |error| told(error, server, case);
        let process =
            ServerProcess::start(server, case.buffer, self.server_place).map_err(failed)?;
        let load = LoadProcess::start(&process, shape, self.load_place).map_err(failed)?;
        Ok(Contestant {
            server,
            process,
            load,
            slices: Vec::new(),
            calls: None,
        })
    }

    /// Measures the requests of a case.
    fn requests(
        &self,
        case: &'static Case,
        length: Duration,
        log: &mut Log,
    ) -> io::Result<(Priority, Vec<Entry>)> {
        let fits = |server: &&&'static Server| server.most >= case.shape.connections;
        let mut contestants = self
            .servers
            .iter()
            .filter(fits)
            .map(|server| self.start(server, case, case.shape))
            .collect::<io::Result<Vec<_>>>()?;
        for contestant in &mut contestants {
            contestant.run(case, length)?;
        }
        for round in 0..self.rounds {
            progress(&format!(
                "{}: round {} of {}",
                case.name,
                round + 1,
                self.rounds
            ));
            let mut order: Vec<usize> = (0..contestants.len()).collect();
            fastrand::shuffle(&mut order);
            for place in order {
                let contestant = &mut contestants[place];
                let slice = contestant.run(case, length)?;
                log.slice(case, contestant.server, round, &slice)?;
                contestant.slices.push(slice);
            }
        }
        progress(&format!("{}: system calls", case.name));
        for contestant in &mut contestants {
            contestant.count_calls(case, length)?;
        }
        progress("");
        let priority = accounting::priority(contestants[0].process.id())?;
        let entries = contestants.into_iter().map(|contestant| Entry {
            server: contestant.server,
            slices: contestant.slices,
            calls: contestant.calls,
        });
        Ok((priority, entries.collect()))
    }

    /// Measures the memory of idle connections, one server after the other.
    fn idle(&self, case: &'static Case, log: &mut Log) -> io::Result<Vec<Memory>> {
        let mut all = Vec::new();
        for server in &self.servers {
            progress(&format!("{}: {}", case.name, server.name));
            let shape = Shape {
                connections: case.shape.connections.min(server.most),
                ..case.shape
            };
            let failed = |error| told(error, server, case);
            let process =
                ServerProcess::start(server, case.buffer, self.server_place).map_err(failed)?;
            sleep(SETTLE);
            let before = accounting::resident(process.id())?;
            let load = LoadProcess::start(&process, shape, self.load_place).map_err(failed)?;
            sleep(SETTLE);
            let after = accounting::resident(process.id())?;
            drop(load);
            let memory = Memory {
                server,
                connections: shape.connections,
                bytes: after.saturating_sub(before),
            };
            log.memory(case, &memory)?;
            all.push(memory);
        }
        progress("");
        Ok(all)
    }
}

impl Contestant {
    /// Runs one slice, and says what it used.
    fn run(&mut self, case: &Case, length: Duration) -> io::Result<Slice> {
        self.measure(length)
            .map_err(|error| told(error, self.server, case))
    }

    fn measure(&mut self, length: Duration) -> io::Result<Slice> {
        let before = accounting::usage(self.process.id())?;
        let done = self.load.slice(length)?;
        sleep(SETTLE);
        let used = accounting::usage(self.process.id())? - before;
        Ok(Slice { done, used })
    }

    /// Runs one more slice, with the system calls counted, which would disturb the
    /// others.
    fn count_calls(&mut self, case: &Case, length: Duration) -> io::Result<()> {
        let Some(calls) = SystemCalls::of(self.process.id()) else {
            return Ok(());
        };
        let slice = self.run(case, length)?;
        self.calls = calls
            .end()
            .map(|calls| calls as f64 / slice.done.requests as f64);
        Ok(())
    }
}

fn told(error: io::Error, server: &Server, case: &Case) -> io::Error {
    let (server, case) = (server.name, case.name);
    io::Error::new(
        error.kind(),
        format!("server {server}, case {case}: {error}"),
    )
}

/// One line that is written over, if somebody watches.
fn progress(line: &str) {
    if io::stderr().is_terminal() {
        eprint!("\r\x1b[K{line}");
    }
}

/// The raw data: one JSON object a line.
struct Log {
    path: PathBuf,
    file: BufWriter<fs::File>,
}

impl Log {
    /// A new file in the folder that the program was built into.
    fn create() -> io::Result<Self> {
        let program = std::env::current_exe()?;
        let target = program
            .parent()
            .and_then(|profile| profile.parent())
            .ok_or_else(|| io::Error::other("the program is in no folder"))?;
        let folder = target.join("bench");
        fs::create_dir_all(&folder)?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let path = folder.join(format!("{}.jsonl", now.as_millis()));
        let file = BufWriter::new(fs::File::create_new(&path)?);
        Ok(Self { path, file })
    }

    // The names need no escapes.
    fn slice(&mut self, case: &Case, server: &Server, round: u32, slice: &Slice) -> io::Result<()> {
        writeln!(
            self.file,
            r#"{{"case":"{}","server":"{}","round":{round},"requests":{},"time_ns":{},"cpu_ns":{},"switches":{}}}"#,
            case.name,
            server.name,
            slice.done.requests,
            slice.done.time.as_nanos(),
            slice.used.cpu.as_nanos(),
            slice.used.switches,
        )
    }

    fn memory(&mut self, case: &Case, memory: &Memory) -> io::Result<()> {
        writeln!(
            self.file,
            r#"{{"case":"{}","server":"{}","connections":{},"bytes":{}}}"#,
            case.name, memory.server.name, memory.connections, memory.bytes,
        )
    }

    fn close(mut self) -> io::Result<PathBuf> {
        self.file.flush()?;
        Ok(self.path)
    }
}
