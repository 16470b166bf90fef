//! The load generator: many connections to an echo server, each byte that comes back
//! checked, each latency counted.
//!
//! | file | idea |
//! |---|---|
//! | `plan` | what a load consists of: the options |
//! | `dial` | opening the connections |
//! | `crew` | all of them at work, from the start to the end |
//! | `connection` | one of them: a task that writes, and one that reads |
//! | `window` | the requests in flight on it |
//! | `pattern` | what is sent, and what has happened to what is not that |
//! | `pacer` | when requests are due in an open loop |
//! | `course` | what is warm-up, what is measured, when it is over |
//! | `tally` | what is counted, for each worker |
//! | `fault` | what can go wrong |
//! | `watch` | how the main thread waits |
//! | `progress` | what is shown meanwhile |
//! | `report` | the figures at the end |
//!
//! Who runs where: connections are tasks, which never write to the terminal. The main
//! thread shows the progress and the figures, a thread waits for signals.

mod connection;
mod course;
mod crew;
mod dial;
mod fault;
mod pacer;
mod pattern;
mod plan;
mod progress;
mod report;
mod tally;
mod watch;
mod window;

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use netpoll::{Builder, Runtime};

use crate::failure::Failure;
use crate::signals::Signals;
use crate::units::many;
use course::Course;
use crew::Crew;
use fault::Faults;
pub(crate) use plan::Plan;
use progress::{Progress, Stage, Standing};
use report::Report;
use tally::{Live, Totals};
use watch::Watch;

/// What all parts of a load share.
struct Load {
    plan: Plan,
    course: Course,
    faults: Arc<Faults>,
}

/// Whether all went well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good,
    Bad,
}

/// Loads a server, and says how it went.
pub(crate) fn run(plan: Plan) -> Result<Verdict, Failure> {
    let signals = Signals::register().map_err(|error| Failure::Start("signal handling", error))?;
    let watch = Arc::new(Watch::new());
    let progress = Arc::new(Progress::new(plan.quiet));
    let (interrupted, abandoned) = (Arc::clone(&watch), Arc::clone(&progress));
    signals
        .watch(move || interrupted.interrupt(), move || abandoned.abandon())
        .map_err(|error| Failure::Start("a thread for signals", error))?;
    let runtimes: Vec<Runtime> = (0..plan.workers())
        .map(|index| {
            Builder::new()
                .workers(1)
                .thread_name(format!("load-{index}"))
                .build()
        })
        .collect::<io::Result<_>>()
        .map_err(|error| Failure::Start("the runtime", error))?;

    let faults = Arc::new(Faults::default());
    let dialled = dial::open(&plan, &runtimes, &watch, &faults, &progress)?;
    let established = dialled.streams.iter().map(Vec::len).sum();
    if faults.count() > 0 && established > 0 {
        let number = many(established as u64, "connection");
        progress.note(&format!("only {number} of {}", plan.connections));
    }
    let load = Arc::new(Load {
        course: Course::new(&plan, established, Arc::clone(&watch)),
        plan,
        faults,
    });
    let crew = Crew::muster(&load, &runtimes, dialled.streams)?;
    crew.begin();
    let ended = load.oversee(&crew, &watch, &progress);
    let totals = Totals::of(&crew.dismiss()?);
    progress.end();

    // Until the last answer, or for as long as was meant, if that is longer.
    let until = Duration::from_nanos(totals.last.max(ended));
    let report = Report {
        plan: &load.plan,
        faults: &load.faults,
        target: match dialled.address {
            Some(address) => address.to_string(),
            None => load.plan.target.clone(),
        },
        established: established as u64,
        untried: dialled.untried,
        totals,
        seconds: until.saturating_sub(load.plan.warm_up).as_secs_f64(),
        interrupted: watch.is_interrupted(),
    };
    if established == 0 {
        progress.note(&report.why_nothing());
    }
    let text = match load.plan.json {
        true => report.json(),
        false if established == 0 => String::new(),
        false => report.text(),
    };
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Nobody who reads is no failure of the server's.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            return Err(Failure::Figures(error));
        }
        _ => {}
    }
    Ok(match report.is_good() {
        true => Verdict::Good,
        false => Verdict::Bad,
    })
}

impl Load {
    /// Waits for the end, and for the last answers. Returns when the end was, if it
    /// was not that all requests were answered.
    fn oversee(&self, crew: &Crew, watch: &Watch, progress: &Progress) -> u64 {
        let course = &self.course;
        progress.begin();
        watch.wait(
            course.end_of_clock(),
            || course.open() == 0 || watch.is_interrupted(),
            || progress.running(&self.standing(crew, None)),
        );
        let now = course.now();
        let over = watch.is_interrupted() || course.is_over(now);
        crew.end();
        if course.open() > 0 && watch.is_interrupted() {
            let seconds = self.plan.timeout.as_secs_f64();
            progress.note(&format!(
                "waiting for the last answers, for at most {seconds} s; again to stop at once"
            ));
        }
        watch.wait(
            None,
            || course.open() == 0,
            || progress.running(&self.standing(crew, Some(Stage::LastAnswers))),
        );
        match over {
            true => course.end().unwrap_or(now).min(now),
            false => 0,
        }
    }

    fn standing(&self, crew: &Crew, stage: Option<Stage>) -> Standing {
        let live = Live::of(&crew.tallies);
        let now = self.course.now();
        // By the clock, if it has an end; otherwise by the requests.
        let (done, all) = match (self.course.end(), self.plan.requests) {
            (Some(end), _) => (now, end),
            (None, requests) => (live.answered, requests.unwrap_or_default()),
        };
        Standing {
            done,
            all,
            passed: Duration::from_nanos(now),
            live,
            open: self.course.open(),
            failed: self.faults.count(),
            stage: stage.unwrap_or(match self.course.measures(now) {
                true => Stage::Measuring,
                false => Stage::WarmUp,
            }),
        }
    }
}
