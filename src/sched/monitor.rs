//! A thread that watches the workers of a runtime.
//!
//! A task that computes for long, or blocks its worker's thread, holds up all that
//! are pinned there. Nobody can take those away; but those that have not started
//! can run elsewhere, and somebody should say who is to blame. The monitor looks
//! at each worker every [`TICK`]: one that is awake and has not come around since
//! the last look is *stuck*. Workers that sleep are then woken to take what has
//! not started there.
//!
//! The monitor costs the workers a store in each turn. After [`QUIET`] in which
//! all of them slept it sleeps too, without a timer; the first worker that wakes
//! up rouses it. The two look at two words: the worker marks itself awake and then
//! looks whether the monitor sleeps; the monitor marks itself asleep and then looks
//! whether all workers sleep. All four are sequentially consistent, so at least one
//! sees the other.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant};

use super::machine::Machine;
use super::report::TaskReport;
#[cfg(feature = "backtrace")]
use crate::stack::trace::{self, Backtrace};
use crate::task::Home;

/// How often the monitor looks.
const TICK: Duration = Duration::from_millis(10);
/// After how long a quiet the monitor sleeps.
const QUIET: Duration = Duration::from_secs(1);
/// After how long the monitor says by itself that a worker is stuck.
const SPEAK: Duration = Duration::from_secs(1);

/// A worker that one task keeps from its other tasks; see
/// [`Builder::on_stuck`](crate::Builder::on_stuck).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stuck {
    /// Which worker, counted from zero.
    pub worker: usize,
    /// The task that it runs, if it still did when the monitor asked.
    pub task: Option<TaskReport>,
    /// For how long it has not come around; the monitor looks every 10 ms.
    pub held: Duration,
    /// What its thread does: it computes, or it waits in a system call.
    pub thread_is: Doing,
    /// Where the task is, if [`Builder::stuck_backtraces`](crate::Builder::stuck_backtraces)
    /// asks for it, the thread answered in time, and it still ran the same task.
    #[cfg(feature = "backtrace")]
    pub backtrace: Option<Backtrace>,
}

/// What a stuck worker's thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Doing {
    /// It computes, or waits for a processor.
    Running,
    /// It waits in the system call of this number, which a task should not.
    InSystemCall(i64),
    /// The system does not say.
    Unknown,
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {} is held up", self.worker)?;
        if let Some(task) = &self.task {
            write!(f, " by {task}")?;
        }
        write!(f, " for {} ms now; its thread ", self.held.as_millis())?;
        match self.thread_is {
            Doing::Running => f.write_str("computes"),
            Doing::InSystemCall(number) => write!(f, "waits in system call {number}"),
            Doing::Unknown => f.write_str("is busy"),
        }?;
        #[cfg(feature = "backtrace")]
        if let Some(backtrace) = &self.backtrace {
            write!(f, "\n{backtrace}")?;
        }
        Ok(())
    }
}

/// The part of a monitor that workers touch.
#[derive(Debug, Default)]
pub(super) struct Monitor {
    asleep: AtomicBool,
    thread: OnceLock<Thread>,
    stopping: AtomicBool,
    /// How often a worker was found stuck.
    found: AtomicU64,
}

impl Monitor {
    /// A worker is awake, and about to run something.
    #[inline]
    pub(super) fn worker_woke(&self) {
        if self.asleep.load(Ordering::SeqCst) {
            self.rouse();
        }
    }

    #[cold]
    fn rouse(&self) {
        self.asleep.store(false, Ordering::SeqCst);
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// Ends the monitor's thread.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.rouse();
    }

    pub(super) fn found(&self) -> u64 {
        self.found.load(Ordering::Relaxed)
    }

    /// Watches on the calling thread until it is stopped.
    pub(super) fn watch(&self, machine: &Machine) {
        self.thread.get_or_init(std::thread::current);
        let now = Instant::now();
        let mut seen: Vec<Seen> = machine
            .homes()
            .iter()
            .map(|home| Seen::new(home, now))
            .collect();
        let mut busy_at = now;
        while !self.stopping.load(Ordering::SeqCst) {
            std::thread::park_timeout(TICK);
            let now = Instant::now();
            let mut any_busy = false;
            for (worker, seen) in seen.iter_mut().enumerate() {
                match seen.look(machine.homes()[worker], now) {
                    Found::Asleep => {}
                    Found::Turning => any_busy = true,
                    Found::Stuck(held) => {
                        any_busy = true;
                        self.handle_stuck(machine, worker, seen, held);
                    }
                }
            }
            if any_busy {
                busy_at = now;
            } else if now - busy_at >= QUIET {
                self.sleep(machine);
                let now = Instant::now();
                busy_at = now;
                seen = machine
                    .homes()
                    .iter()
                    .map(|home| Seen::new(home, now))
                    .collect();
            }
        }
    }

    /// Sleeps until a worker wakes up.
    fn sleep(&self, machine: &Machine) {
        self.asleep.store(true, Ordering::SeqCst);
        while self.asleep.load(Ordering::SeqCst)
            && !self.stopping.load(Ordering::SeqCst)
            && machine.homes().iter().all(|home| home.is_asleep())
        {
            std::thread::park();
        }
        self.asleep.store(false, Ordering::SeqCst);
    }

    fn handle_stuck(&self, machine: &Machine, worker: usize, seen: &mut Seen, held: Duration) {
        let home = machine.homes()[worker];
        home.note_held();
        if home.has_fresh() {
            let idle = machine.homes().iter().filter(|home| home.is_asleep());
            idle.for_each(|home| home.ring());
        }
        let first = !std::mem::replace(&mut seen.counted, true);
        if first {
            self.found.fetch_add(1, Ordering::Relaxed);
        }
        let speaks = held >= SPEAK && !std::mem::replace(&mut seen.spoken, held >= SPEAK);
        if !first && !speaks {
            return;
        }
        let thread = machine.thread_of(worker);
        #[cfg(feature = "backtrace")]
        let backtrace = (machine.options.stuck_backtraces)
            .then(|| same_task(home, || trace::of_thread(thread?)))
            .flatten()
            .map(trace::Addresses::resolve);
        let stuck = Stuck {
            worker,
            task: home.current_task().map(TaskReport::new),
            held,
            thread_is: thread.map_or(Doing::Unknown, doing),
            #[cfg(feature = "backtrace")]
            backtrace,
        };
        if first && machine.hooks().wants_stuck() {
            machine.hooks().stuck(&stuck);
        } else if speaks && !machine.hooks().wants_stuck() {
            eprintln!("netpoll: {stuck}");
        }
    }
}

/// What the monitor knows of one worker.
struct Seen {
    turns: u32,
    /// When it was first seen at that count.
    since: Instant,
    /// Whether this hold was counted, and spoken of.
    counted: bool,
    spoken: bool,
}

enum Found {
    Asleep,
    Turning,
    Stuck(Duration),
}

impl Seen {
    fn new(home: &Home, now: Instant) -> Self {
        Self {
            turns: home.activity().turns,
            since: now,
            counted: false,
            spoken: false,
        }
    }

    fn look(&mut self, home: &Home, now: Instant) -> Found {
        let activity = home.activity();
        let held = now - self.since;
        // Before its first turn a worker is on its way.
        let is_idle = activity.asleep || activity.turns == 0;
        if is_idle || activity.turns != self.turns {
            *self = Self::new(home, now);
            if is_idle {
                Found::Asleep
            } else {
                Found::Turning
            }
        } else if held >= TICK {
            Found::Stuck(held)
        } else {
            Found::Turning
        }
    }
}

/// What was found out, if the worker ran one task all the while.
#[cfg(feature = "backtrace")]
fn same_task<T>(home: &Home, find_out: impl FnOnce() -> Option<T>) -> Option<T> {
    let runs = || (home.activity().turns, home.current_slot());
    let before = runs();
    find_out().filter(|_| runs() == before)
}

/// What a thread of this process does, by its number.
fn doing(thread: i32) -> Doing {
    let path = format!("/proc/self/task/{thread}/syscall");
    let Ok(text) = std::fs::read_to_string(path) else {
        return Doing::Unknown;
    };
    match text.split(' ').next().unwrap_or_default().trim() {
        "running" => Doing::Running,
        number => number
            .parse()
            .map_or(Doing::Unknown, |number| match number {
                // Stopped outside of any: it waits for a processor.
                -1 => Doing::Running,
                number => Doing::InSystemCall(number),
            }),
    }
}
