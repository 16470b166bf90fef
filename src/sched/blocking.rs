//! What would block a worker runs on a thread of a pool.
//!
//! ```text
//!  the task:    a thread is idle? ------------> it gets the job
//!               fewer than may be? -----------> a new one gets the job
//!               otherwise --------------------> the job waits in the queue
//!               then it parks until the job is done
//!
//!  the thread:  run the job ---> the next of the queue?
//!                  ^                 | yes          | no
//!                  +-----------------+              v
//!                  +---- a job comes ------------ idle ---- 10 s pass ---> leave
//! ```
//!
//! The pool belongs to the process: runtimes share it. What holds under its lock:
//!
//! - A job waits in the queue only while there are threads and none is idle. Each
//!   of them looks at the queue before it idles, so a job never waits for nobody.
//! - Whoever takes a thread from the list of idle ones sends it one job. A thread
//!   that wants to leave takes itself from the list; if it is not there any more, a
//!   job is on its way, and it stays.
//! - The thread that idled last gets the next job. With the longest idle first, a
//!   trickle of jobs would keep all of them awake in turn, and none would leave.
//!
//! Threads start under the lock, so that one who counts on another's thread knows
//! that it has started. An idle thread sleeps in one wait; once all have left,
//! nothing is left that wakes up. (One that has forked a process stays, and sleeps
//! without end: see [`keep_thread`].)

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use crate::sys::fork;
use crate::task::{self, Loan, Outcome, Packet, Reason, Time, Wait};

/// How many threads there are at most, if nobody says otherwise. They spend their
/// time waiting for disks and name servers, so many more than processors make sense.
const THREADS: usize = 512;
/// More than this are a mistake (Go ends the program there).
const THREADS_MOST: usize = 10_000;
/// Says otherwise.
const VARIABLE: &str = "NETPOLL_BLOCKING_THREADS";
/// How long a thread stays without work.
const IDLE_MOST: Duration = Duration::from_secs(10);
/// The system shows 15 bytes of a name.
const THREAD_NAME: &str = "netpoll-block";

/// Runs a closure that blocks, and returns what it returns, while the worker runs
/// other tasks.
///
/// For what waits without netpoll (files, [`Command::output`](std::process::Command),
/// standard input, a channel of std, a C library) and for what computes for long.
/// On a task, the closure runs on a thread of a pool while the task is parked. On
/// any other thread it runs in place, since there it may block.
///
/// The wait has no deadline, and cannot be cancelled: it ends when the closure does.
///
/// # The pool
///
/// It starts a thread when none is idle, up to 512, or as many as
/// `NETPOLL_BLOCKING_THREADS` says; beyond that, closures wait for their turn, first
/// come first served. A thread without work for 10 s leaves, unless it has started a
/// [process](crate::process). All runtimes of the
/// process share the pool. Its threads run on the processors that the main thread may
/// use, also where workers are pinned.
///
/// The closure is not part of the task: it has other thread-locals, netpoll's
/// operations block its thread, [`thread::spawn`](crate::thread::spawn) starts tasks
/// in the runtime that starts by itself, and a `blocking` inside runs in place.
/// Closures that wait for each other can use up the pool, and then wait for ever.
///
/// It costs a hand-over to another thread and back, some tens of microseconds. What is
/// done sooner than that is better done in place.
///
/// If no thread can be started, the closure waits for one that there is. If there
/// is none at all, it runs in place, on the task's stack, and blocks the worker:
/// for the worker's other tasks that is a delay, but a call that never returns
/// would be the end of this one.
///
/// In a child forked from a process with a runtime there is no pool, and the closure
/// runs in place.
///
/// # While unwinding
///
/// In a destructor that runs because of a panic, the task parks all the same: only
/// another thread can end this wait, and the closure may need other tasks of the
/// worker. To those, [`std::thread::panicking`] says `true` meanwhile.
///
/// # Panics
///
/// If the closure panics: the panic goes on in the caller, with the same payload.
///
/// On a task, inside of [`no_park`](crate::thread::no_park), before the closure has
/// begun; and if `NETPOLL_BLOCKING_THREADS` is not a number from 1 to 10,000.
///
/// # Examples
///
/// ```
/// let task = netpoll::thread::spawn(|| {
///     let text = netpoll::blocking(|| std::fs::read_to_string("/proc/self/comm"))?;
///     std::io::Result::Ok(text.trim().len())
/// });
/// assert!(task.join().unwrap()? > 0);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// The closure may borrow, since the caller waits for it:
///
/// ```
/// netpoll::thread::spawn(|| {
///     let mut numbers: Vec<u32> = (0..100_000).rev().collect();
///     netpoll::blocking(|| numbers.sort_unstable());
///     assert!(numbers.is_sorted());
/// })
/// .join()
/// .unwrap();
/// ```
///
/// A task may wait for what another task of its worker sends over a channel of std:
///
/// ```
/// use netpoll::thread;
/// use std::sync::mpsc::channel;
///
/// let (sender, receiver) = channel();
/// let waiting = thread::spawn(|| netpoll::blocking(move || receiver.recv()));
/// thread::spawn(move || sender.send("news"));
/// assert_eq!(waiting.join().unwrap(), Ok("news"));
/// ```
pub fn blocking<F, T>(f: F) -> T
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    run_blocking(f).unwrap_or_else(|error| panic!("failed to run a blocking call: {error}"))
}

/// As [`blocking`], for callers that can return an error.
///
/// # Errors
///
/// `InvalidInput` if `NETPOLL_BLOCKING_THREADS` makes no sense.
pub(crate) fn run_blocking<F, T>(f: F) -> io::Result<T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    if !task::is_task() || fork::is_child() {
        return Ok(f());
    }
    // Where the task must not park, this panics, and the closure has not begun.
    drop(Wait::begin(Reason::Join));
    let most = threads_most()?;
    let ended = task::lend(f, |job| {
        if let Some(job) = submit(Job::Lent(job), most) {
            job.run();
        }
    });
    // The panic goes on in the caller, who sees what the closure left half done.
    ended.or_else(|panic| resume_unwind(panic))
}

/// As [`run_blocking`], but the caller waits no longer than until the deadline, and not
/// beyond its cancellation; then this says which it was, the closure goes on, and what it
/// returns is dropped. Also on a plain thread it runs elsewhere, unless there is no deadline.
///
/// # Errors
///
/// `InvalidInput` if `NETPOLL_BLOCKING_THREADS` makes no sense.
pub(crate) fn run_blocking_until<F, T>(f: F, deadline: Time) -> io::Result<Result<T, Outcome>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    if fork::is_child() || (!task::is_task() && deadline == Time::NEVER) {
        return Ok(Ok(f()));
    }
    // Where the task must not park, this panics, and the closure has not begun.
    drop(Wait::begin(Reason::Answer));
    let most = threads_most()?;
    let asked = Arc::new(Packet::new());
    let answer = Arc::clone(&asked);
    let job = Job::Left(Box::new(move || {
        answer.end(catch_unwind(AssertUnwindSafe(f)));
    }));
    if let Some(job) = submit(job, most) {
        job.run();
    }
    match asked.join_until(Reason::Answer, deadline) {
        Ok(Ok(value)) => Ok(Ok(value)),
        // It goes on in the caller.
        Ok(Err(panic)) => resume_unwind(panic),
        Err(outcome) => Ok(Err(outcome)),
    }
}

thread_local! {
    static STAYS: Cell<bool> = const { Cell::new(false) };
}

/// Makes the calling thread, if it is of the pool, stay there for good.
///
/// For a closure that ties something to the life of its thread, as a process is tied
/// to the thread that forked it (`PR_SET_PDEATHSIG`).
pub(crate) fn keep_thread() {
    STAYS.set(true);
}

/// What a thread of the pool does for somebody. It does not panic.
enum Job {
    /// Leaves its result with the task that lent it, and waits.
    Lent(Loan),
    /// Leaves its result where somebody may look for it.
    Left(Box<dyn FnOnce() + Send>),
}

impl Job {
    fn run(self) {
        match self {
            Job::Lent(loan) => loan.run(),
            Job::Left(f) => f(),
        }
    }
}

/// See the [module](self).
struct Pool {
    threads: usize,
    /// The one that idled last stands last.
    idle: Vec<Idle>,
    queue: VecDeque<Job>,
}

struct Idle {
    thread: ThreadId,
    jobs: Sender<Job>,
}

static POOL: Mutex<Pool> = Mutex::new(Pool {
    threads: 0,
    idle: Vec::new(),
    queue: VecDeque::new(),
});

fn pool() -> MutexGuard<'static, Pool> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Hands a job over. Gives it back if there is no thread, and none can be made.
fn submit(job: Job, most: usize) -> Option<Job> {
    let mut pool = pool();
    let jobs = match pool.idle.pop() {
        Some(idle) => idle.jobs,
        None if pool.threads < most => match start_thread() {
            Ok(jobs) => {
                pool.threads += 1;
                jobs
            }
            Err(_) if pool.threads == 0 => return Some(job),
            Err(_) => {
                pool.queue.push_back(job);
                return None;
            }
        },
        None => {
            pool.queue.push_back(job);
            return None;
        }
    };
    // Sending wakes a thread, which nobody else has to wait for.
    drop(pool);
    jobs.send(job)
        .expect("a thread listens for as long as it can be handed a job");
    None
}

/// Starts a thread. It waits for its first job: if it does not start, the job has
/// not gone with it.
fn start_thread() -> io::Result<Sender<Job>> {
    let (jobs, inbox) = channel::<Job>();
    let own = jobs.clone();
    thread::Builder::new()
        .name(THREAD_NAME.into())
        .spawn(move || {
            spread_out();
            let mut next = inbox.recv().ok();
            while let Some(job) = next {
                job.run();
                next = next_job(&inbox, &own);
            }
        })?;
    Ok(jobs)
}

/// A thread inherits the processors of the one that starts it: a worker, which may
/// have been pinned to one. Gives the calling thread those of the main thread.
fn spread_out() {
    let main = rustix::process::getpid();
    if let Ok(processors) = rustix::thread::sched_getaffinity(Some(main)) {
        let _ = rustix::thread::sched_setaffinity(None, &processors);
    }
}

/// Waits for the next job of the calling thread; `None` if it has left the pool.
fn next_job(inbox: &Receiver<Job>, own: &Sender<Job>) -> Option<Job> {
    let thread = thread::current().id();
    {
        let mut pool = pool();
        if let Some(job) = pool.queue.pop_front() {
            return Some(job);
        }
        let jobs = own.clone();
        pool.idle.push(Idle { thread, jobs });
    }
    if STAYS.get() {
        return inbox.recv().ok();
    }
    if let Ok(job) = inbox.recv_timeout(IDLE_MOST) {
        return Some(job);
    }
    {
        let mut pool = pool();
        if let Some(place) = pool.idle.iter().position(|idle| idle.thread == thread) {
            pool.idle.remove(place);
            pool.threads -= 1;
            return None;
        }
    }
    inbox.recv().ok()
}

/// How many threads there may be. The variable is read once.
fn threads_most() -> io::Result<usize> {
    static MOST: OnceLock<Result<usize, String>> = OnceLock::new();
    MOST.get_or_init(|| match std::env::var_os(VARIABLE) {
        None => Ok(THREADS),
        Some(text) => text
            .to_str()
            .and_then(|text| text.trim().parse().ok())
            .filter(|threads| (1..=THREADS_MOST).contains(threads))
            .ok_or_else(|| {
                format!(
                    "{VARIABLE}={}: the number of threads must be from 1 to {THREADS_MOST}",
                    text.display()
                )
            }),
    })
    .clone()
    .map_err(|message| io::Error::new(io::ErrorKind::InvalidInput, message))
}
