//! A model of tasks: each is a thread of loom, and is delivered by unparking it.
//!
//! As with the inbox of a worker, what the waker did before is visible to a task
//! that is delivered. One that never is ends the model as a deadlock.

use std::cell::Cell;
use std::sync::{Arc, OnceLock};

use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread::{JoinHandle, Thread};

use super::token::Token;
use super::word::Word;
use crate::atomic::in_order;

/// How many tasks a scene may have; loom has no more threads.
const MOST: u32 = 4;

/// See the [module](self).
pub(super) struct Task {
    pub(super) index: u32,
    pub(super) word: Word,
    pub(super) token: Token,
    /// How often it was delivered, and has not run since.
    delivered: AtomicU32,
    thread: OnceLock<Thread>,
}

impl Task {
    pub(super) fn deliver(&self) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
        self.thread.get().expect("it sleeps").unpark();
    }

    /// Leaves its stack until it is delivered.
    pub(super) fn switch(&self) {
        while self.delivered.load(Ordering::Relaxed) == 0 {
            loom::thread::park();
        }
        let delivered = self.delivered.swap(0, Ordering::Relaxed);
        assert_eq!(delivered, 1, "it was delivered twice");
    }

    /// Memory is never slow here.
    pub(super) fn prefetch(&self) {}

    pub(super) fn home(&self) -> u32 {
        0
    }

    /// # Safety
    ///
    /// None is needed for a model.
    pub(super) unsafe fn shared_name(&self) -> Option<Arc<str>> {
        None
    }
}

/// All tasks.
pub(super) struct Tasks;

pub(super) static TASKS: Tasks = Tasks;

loom::lazy_static! {
    static ref SLOTS: Vec<Task> = (0..MOST).map(|index| Task {
        index,
        word: Word::new(),
        token: Token::new(),
        delivered: AtomicU32::new(0),
        thread: OnceLock::new(),
    }).collect();
}

loom::thread_local! {
    static CURRENT: Cell<u32> = Cell::new(0);
}

impl Tasks {
    pub(super) fn get(&self, index: u32) -> &'static Task {
        &SLOTS[index as usize]
    }

    pub(super) fn current(&self) -> &'static Task {
        let task = self.get(CURRENT.with(Cell::get));
        task.thread.get_or_init(loom::thread::current);
        task
    }
}

/// Makes the tasks of a scene, of which its first thread is number zero. They are
/// there before it spawns others, so making them publishes nothing later.
pub(crate) fn start() {
    TASKS.current();
}

/// Takes the token of the calling task, if there is one.
pub(crate) fn take_token() -> bool {
    TASKS.current().token.consume()
}

/// The task ends, and its thread is the next one that has its slot.
pub(crate) fn leave_slot() {
    in_order(|| TASKS.current().token.end());
}

/// Runs a task of this number.
pub(crate) fn spawn(number: u32, body: impl FnOnce() + 'static) -> JoinHandle<()> {
    loom::thread::spawn(move || {
        CURRENT.with(|current| current.set(number));
        body();
    })
}
