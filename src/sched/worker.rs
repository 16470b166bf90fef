//! The loop of a worker.
//!
//! ```text
//!   +--> run the queue --> take the inbox --> fire timers --> poll --+
//!   |      (a batch)                                                 |
//!   +----------------------------------------------------------------+
//! ```
//!
//! Polling wakes tasks into the queue. It waits when there is nothing to run:
//! until the next timer, or for as long as it takes. While there is work it is
//! done without waiting, after every so many tasks, so that tasks that never stop
//! do not keep sockets and timers from the others.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::machine::Machine;
use crate::buf;
use crate::poll::Poller;
use crate::stack;
use crate::sys::alarm::Alarm;
use crate::sys::eventfd::EventFd;
use crate::sys::fork;
use crate::task::{Home, Post, Tasks, Time};

/// After how many tasks that ran the worker polls although there are more: as
/// many as one poll wakes at most.
const POLL_AFTER: usize = 128;

/// How many tasks a worker starts before it looks at those that have started.
const START_AT_ONCE: usize = 32;

/// How often a worker with something to do gives memory back.
const CARE_EVERY: Duration = Duration::from_secs(5);

/// A timer that is farther away than this is left to the worker's alarm. One that comes
/// sooner ends the wait by a timeout, which costs no system call of its own.
const FAR: Duration = Duration::from_millis(50);

/// All that a worker needs before its thread starts.
pub(super) struct Place {
    post: Post,
    poller: Poller,
    alarm: Alarm,
}

impl Place {
    pub(super) fn new() -> io::Result<Self> {
        let bell = EventFd::new()?;
        let alarm = Alarm::new()?;
        let poller = Poller::new(&bell, &alarm)?;
        Ok(Self {
            post: Home::for_worker(bell),
            poller,
            alarm,
        })
    }

    pub(super) fn home(&self) -> &'static Home {
        self.post.home()
    }

    /// Works on the calling thread until the machine ends.
    pub(super) fn work(self, machine: Arc<Machine>, index: usize, processor: Option<usize>) {
        if let Some(processor) = processor {
            pin(processor);
        }
        stack::ensure_alternate_stack();
        self.poller.enter();
        let mut worker = Worker {
            machine,
            index,
            poller: self.poller,
            alarm: self.alarm,
            alarm_at: Time::NEVER,
            tasks: Tasks::enter(self.post),
            care_at: Time::NEVER,
            caring: false,
        };
        while worker.turn() {}
        worker.tasks.leave();
    }
}

/// The processors that this process may use.
pub(super) fn processors() -> io::Result<Vec<usize>> {
    let set = rustix::thread::sched_getaffinity(None)?;
    Ok((0..rustix::thread::CpuSet::MAX_CPU)
        .filter(|processor| set.is_set(*processor))
        .collect())
}

/// Keeps the calling thread on one processor. One that has been taken away from the
/// process meanwhile is no reason not to work.
fn pin(processor: usize) {
    let mut set = rustix::thread::CpuSet::new();
    set.set(processor);
    let _ = rustix::thread::sched_setaffinity(None, &set);
}

struct Worker {
    machine: Arc<Machine>,
    /// Which of the machine's workers this is.
    index: usize,
    poller: Poller,
    alarm: Alarm,
    /// When the alarm will have gone off. Nothing is due that comes later.
    alarm_at: Time,
    tasks: Tasks,
    /// When the next round of giving memory back begins.
    care_at: Time,
    /// Whether such a round is going on.
    caring: bool,
}

impl Worker {
    /// One turn of the loop. Returns whether there will be another.
    fn turn(&mut self) -> bool {
        self.tasks.count_turn();
        if self.machine.is_stopping() {
            self.tasks.cancel();
        }
        let ran = self.run();
        if fork::is_child() {
            // What it polls here, its parent would miss.
            eprintln!(
                "netpoll: a task forked, and came to its end, or gave way, in the child: use exec or _exit there"
            );
            std::process::abort();
        }
        if ran > 0 && self.care_at == Time::NEVER && !self.caring {
            self.care_at = Time::now().after(CARE_EVERY);
        }
        if self.caring {
            self.care();
        }
        if self.tasks.has_runnable() || self.caring {
            self.poll(Some(Duration::ZERO));
        } else if self.machine.has_ended() {
            // Others may have looked a moment too early.
            self.machine.ring_all();
            return false;
        } else if self.steal() {
            self.poll(Some(Duration::ZERO));
        } else if ran > 0 && self.spin() {
            // What came runs in the next turn.
        } else if self.tasks.fall_asleep() {
            let timeout = self.timeout();
            self.poll(timeout);
            self.tasks.wake_up();
        } else {
            self.poll(Some(Duration::ZERO));
        }
        self.fire_timers();
        true
    }

    /// Runs what can run, until there is nothing or it is time to poll.
    fn run(&mut self) -> usize {
        let mut ran = 0;
        while ran < POLL_AFTER {
            self.tasks.take_inbox();
            if !self.tasks.has_runnable() {
                break;
            }
            // Not for a wait that merely ended: an idle process stays idle.
            self.machine.monitor.worker_woke();
            let batch = self.tasks.run_batch(POLL_AFTER) + self.tasks.start_fresh(START_AT_ONCE);
            ran += batch;
        }
        ran
    }

    /// Runs a task that another worker has not come to start.
    fn steal(&mut self) -> bool {
        self.machine
            .others(self.index)
            .any(|other| self.tasks.steal(other))
    }

    /// Goes on polling for as long as the runtime's options say. Returns whether
    /// something came. Only after something has run: an idle worker sleeps.
    fn spin(&mut self) -> bool {
        let most = self.machine.options.spin;
        if most.is_zero() {
            return false;
        }
        let timer = self.next_event().unwrap_or(Time::NEVER);
        let until = Time::now().after(most).min(timer);
        loop {
            self.poll(Some(Duration::ZERO));
            self.tasks.take_inbox();
            if self.tasks.has_runnable() {
                return true;
            }
            if until.is_past() || self.machine.is_stopping() {
                return false;
            }
            std::hint::spin_loop();
        }
    }

    fn poll(&mut self, timeout: Option<Duration>) {
        match self.poller.poll(timeout) {
            Ok(false) => {}
            Ok(true) => self.alarm_at = Time::NEVER,
            Err(error) => {
                // Nothing that a program can do makes a good epoll fail; without it
                // nobody here would ever wake up.
                eprintln!("netpoll: a worker cannot poll: {error}");
                std::process::abort();
            }
        }
    }

    /// How long to wait at most for something to happen. A wait with a timeout costs more
    /// than one without, and looking at the clock costs something as well: what is far
    /// away, as the deadlines of connections and the next round of care are, the alarm
    /// tells of, which is set anew only when something comes before that.
    fn timeout(&mut self) -> Option<Duration> {
        let next = self.next_event()?;
        if self.alarm_at <= next {
            return None;
        }
        let left = next.since(Time::now());
        if left >= FAR && self.alarm.set(left).is_ok() {
            self.alarm_at = next;
            return None;
        }
        Some(left)
    }

    /// When the worker has to wake up if nothing else happens.
    fn next_event(&self) -> Option<Time> {
        let timer = self.tasks.next_timer().unwrap_or(Time::NEVER);
        let next = timer.min(self.care_at);
        (next != Time::NEVER).then_some(next)
    }

    fn fire_timers(&mut self) {
        let Some(next) = self.next_event() else {
            return;
        };
        if self.alarm_at <= next {
            return;
        }
        let now = Time::now();
        if next > now {
            return;
        }
        self.tasks.fire_timers(now);
        if self.care_at <= now {
            self.care_at = Time::NEVER;
            self.caring = true;
        }
    }

    /// One step of giving memory back. When the round is over and nothing is left
    /// for a later one, the worker can sleep until something happens.
    fn care(&mut self) {
        self.caring = self.tasks.tend();
        if !self.caring && (buf::tend() | self.tasks.needs_care()) {
            self.care_at = Time::now().after(CARE_EVERY);
        }
    }
}
