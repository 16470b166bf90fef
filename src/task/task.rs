//! A task: its slot in the table, and how it runs on a stack of its own.
//!
//! A task begins as a closure that is `Send`. The worker that first runs it gives
//! it a stack, and from then on it is *pinned*: only that worker touches what is
//! in [`Own`], and the frames on the stack never meet another thread. That makes
//! spawning safe: an `Rc` or a thread-local that is held across a park stays
//! where it was.
//!
//! A stack with frames on it is never unwound from outside and never given away:
//! it goes back to the pool only when the task has returned.

use std::cell::{Cell, UnsafeCell};
use std::panic::Location;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use corosensei::stack::StackPointer;
use corosensei::{Coroutine, CoroutineResult, Yielder};

use super::clock::Time;
use super::home::Home;
use super::inbox::Link;
use super::local::Local;
use super::locals::Locals;
use super::owner::OwnerCell;
use super::prefetch::prefetch;
use super::table::{Slot, Table};
use super::token::Token;
use super::word::Word;
use crate::stack::{Permit, Stack};

/// A task, or the place of a plain thread that waits; see the [module](self).
pub(crate) struct Task {
    pub(super) index: u32,
    pub(super) word: Word,
    pub(super) link: Link,
    pub(super) token: Token,
    /// The number of the home it belongs to; changes only while nobody can wake it.
    home: AtomicU32,
    /// What reports say of it; see [`Task::report`].
    spawned_at: AtomicPtr<Location<'static>>,
    shared_name: Mutex<Option<Arc<str>>>,
    /// How often its timer was set. Atomic because a worker may look at the
    /// slot's next user, to find that an entry of its heap is not needed any more.
    pub(super) timer_count: AtomicU32,
    /// Belongs to whoever took the slot from the table until the task is left for
    /// the workers, then to the one that takes it to run it.
    own: OwnerCell<Own>,
}

/// What only the worker of a task touches.
pub(super) struct Own {
    start: UnsafeCell<Option<Start>>,
    coroutine: UnsafeCell<Option<Running>>,
    /// The stack that the coroutine runs on, and the right to it.
    stack: UnsafeCell<Option<(Stack, Permit)>>,
    /// How the task gets back to its worker; lies on the task's stack.
    yielder: Cell<*const Yielder<(), ()>>,
    /// About where the task's stack ends while it does not run.
    pub(super) stack_pointer: Cell<usize>,
    name: UnsafeCell<Option<Arc<str>>>,
    /// Empty when the slot is taken, and when the task has ended.
    pub(super) locals: Locals,
    /// The place in the worker's list of tasks that have a stack.
    pub(super) place: Cell<u32>,
    /// The deadline of the present wait.
    pub(super) deadline: Cell<Time>,
    /// When the timer in the worker's heap fires.
    pub(super) timer: Cell<Time>,
    /// How many operations it may still do before it gives way.
    pub(super) budget: Cell<u32>,
    /// How many `no_park` calls it is in.
    pub(super) no_park: Cell<u32>,
    /// Whether the present wait ends when the worker's tasks are cancelled.
    pub(super) cancellable: Cell<bool>,
    /// Whether somebody on this thread was unwinding when it was last resumed.
    pub(super) resumed_among_panics: Cell<bool>,
    /// Called once when it is about to park; see `before_next_park`.
    pub(super) about_to_park: Cell<Option<fn()>>,
    /// Whether it was unwinding when it last left its stack.
    pub(super) left_unwinding: Cell<bool>,
    /// The round of the worker's care in which it last ran; see `Local::tend`.
    pub(super) ran_in: Cell<u32>,
    /// Whether what it left below its frames was given back since it last ran.
    pub(super) trimmed: Cell<bool>,
}

/// What a task needs to begin.
pub(crate) struct Start {
    /// Catches its own panics: one that leaves it ends the process.
    pub(crate) body: Box<dyn FnOnce() + Send>,
    pub(crate) name: Option<Arc<str>>,
    /// Where in the program it was spawned.
    pub(crate) spawned_at: &'static Location<'static>,
    /// In bytes.
    pub(crate) stack_size: usize,
    /// Where stacks are counted, the right to one.
    pub(crate) permit: Permit,
}

type Running = Coroutine<(), (), (), Bounds>;

/// The bounds of the stack in `Own::stack`. The coroutine does not own its stack:
/// it gives no access to it while it runs.
struct Bounds {
    base: StackPointer,
    limit: StackPointer,
}

// SAFETY: the bounds are those of a `Stack`, which has a guard, is large enough,
// and is neither reused nor freed before the coroutine has returned.
unsafe impl corosensei::stack::Stack for Bounds {
    fn base(&self) -> StackPointer {
        self.base
    }

    fn limit(&self) -> StackPointer {
        self.limit
    }
}

pub(super) static TASKS: Table<Task> = Table::new();

/// No home: the slot is not in use.
const NOWHERE: u32 = u32::MAX;

/// Operations between two voluntary switches.
pub(super) const BUDGET: u32 = 128;

impl Slot for Task {
    fn new(index: u32) -> Self {
        Self {
            index,
            word: Word::new(),
            link: Link::new(),
            token: Token::new(),
            home: AtomicU32::new(NOWHERE),
            spawned_at: AtomicPtr::new(ptr::null_mut()),
            shared_name: Mutex::new(None),
            timer_count: AtomicU32::new(0),
            own: OwnerCell::new(Own {
                start: UnsafeCell::new(None),
                coroutine: UnsafeCell::new(None),
                stack: UnsafeCell::new(None),
                yielder: Cell::new(ptr::null()),
                stack_pointer: Cell::new(0),
                name: UnsafeCell::new(None),
                locals: Locals::new(),
                place: Cell::new(0),
                deadline: Cell::new(Time::NEVER),
                timer: Cell::new(Time::NEVER),
                budget: Cell::new(0),
                no_park: Cell::new(0),
                cancellable: Cell::new(false),
                resumed_among_panics: Cell::new(false),
                about_to_park: Cell::new(None),
                left_unwinding: Cell::new(false),
                ran_in: Cell::new(0),
                trimmed: Cell::new(true),
            }),
        }
    }
}

/// What a report says of a task.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) spawned_at: Option<&'static Location<'static>>,
}

/// Whether a task that was run is still there.
pub(super) enum Ran {
    Parked,
    /// It returned; its stack can serve another.
    Finished(Stack, Permit),
}

impl Task {
    /// The number of its home.
    #[inline]
    pub(super) fn home(&self) -> u32 {
        self.home.load(Ordering::Relaxed)
    }

    pub(super) fn set_home(&self, home: &Home) {
        self.home.store(home.index, Ordering::Relaxed);
    }

    /// Ends this use of the slot, before it is given back.
    pub(super) fn leave_home(&self) {
        self.token.end();
        self.home.store(NOWHERE, Ordering::Relaxed);
    }

    /// Asks for the parts of the slot that resuming the task begins with.
    #[inline]
    pub(super) fn prefetch(&'static self) {
        prefetch(ptr::from_ref(&self.word).addr());
        // SAFETY: the callers pass tasks of their own queue.
        let own = unsafe { self.own() };
        prefetch(own.coroutine.get().addr());
        prefetch(ptr::from_ref(&own.stack_pointer).addr());
    }

    /// What only its worker touches.
    ///
    /// # Safety
    ///
    /// The calling thread is the worker of this task's home, or it has taken the
    /// slot from the table and not delivered it yet.
    #[inline]
    pub(super) unsafe fn own(&self) -> &Own {
        // SAFETY: the caller promises what the cell asks for.
        unsafe { self.own.get() }
    }

    /// Fills a slot that was just taken from the table.
    ///
    /// # Safety
    ///
    /// The slot was taken by the calling thread and not delivered yet.
    pub(super) unsafe fn prepare(&self, start: Start) {
        // SAFETY: the caller took the slot.
        let own = unsafe { self.own() };
        let spawned_at = ptr::from_ref(start.spawned_at).cast_mut();
        self.spawned_at.store(spawned_at, Ordering::Relaxed);
        if start.name.is_some() {
            self.set_shared_name(start.name.clone());
        }
        // SAFETY: nobody else has a reference into a slot that is not delivered.
        unsafe {
            *own.name.get() = start.name.clone();
            *own.start.get() = Some(start);
        }
    }

    /// Runs the task until it parks, gives way, or ends.
    ///
    /// # Errors
    ///
    /// If there is no memory for its stack. It has not run then, and can be tried again.
    ///
    /// # Safety
    ///
    /// The calling thread is the worker of its home, is not running a task, and
    /// the task is new or has been delivered since it last parked.
    pub(super) unsafe fn run(&'static self, local: &Local) -> std::io::Result<Ran> {
        // SAFETY: the caller is the worker.
        let own = unsafe { self.own() };
        // SAFETY: only this function touches the coroutine from outside, it does
        // not run twice at once, and what runs inside never refers to it.
        let coroutine = unsafe { &mut *own.coroutine.get() };
        let running = match coroutine {
            Some(running) => running,
            // SAFETY: the caller is the worker.
            None => coroutine.insert(unsafe { self.begin(local)? }),
        };
        own.budget.set(BUDGET);
        own.resumed_among_panics.set(std::thread::panicking());
        if let CoroutineResult::Yield(()) = running.resume(()) {
            return Ok(Ran::Parked);
        }
        *coroutine = None;
        own.left_unwinding.set(false);
        // SAFETY: the task has returned: nothing refers to its name, nothing runs
        // on its stack.
        let (name, stack) = unsafe { ((*own.name.get()).take(), (*own.stack.get()).take()) };
        if name.is_some() {
            self.set_shared_name(None);
        }
        let (stack, permit) = stack.expect("it ran on a stack");
        Ok(Ran::Finished(stack, permit))
    }

    fn set_shared_name(&self, name: Option<Arc<str>>) {
        *self
            .shared_name
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = name;
    }

    /// What can be said of the task from any thread. It may have ended meanwhile,
    /// and the slot may be another's.
    pub(super) fn report(&self) -> Report {
        let spawned_at = self.spawned_at.load(Ordering::Relaxed);
        Report {
            name: self
                .shared_name
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
            // SAFETY: it is null, or comes from a `&'static Location`.
            spawned_at: unsafe { spawned_at.as_ref() },
        }
    }

    /// Gives the task a stack and puts its body there.
    ///
    /// # Safety
    ///
    /// The calling thread is the worker of its home.
    unsafe fn begin(&'static self, local: &Local) -> std::io::Result<Running> {
        // SAFETY: the caller is the worker; `start` and `stack` are touched only
        // before delivery, here, and when the task has returned.
        let (start, place) = unsafe {
            let own = self.own();
            (&mut *own.start.get(), &mut *own.stack.get())
        };
        let size = start.as_ref().expect("a task has a beginning").stack_size;
        let stack = local.take_stack(size)?;
        let bounds = Bounds {
            base: stack.base(),
            limit: stack.limit(),
        };
        let Start { body, permit, .. } = start.take().expect("a task has a beginning");
        *place = Some((stack, permit));
        local.enter(self);
        Ok(Coroutine::with_stack(bounds, move |yielder, ()| {
            // SAFETY: what runs on the stack runs on the task's worker.
            let own = unsafe { self.own() };
            own.yielder.set(yielder);
            body();
            own.locals.end();
        }))
    }

    /// Leaves the stack; returns when the worker resumes the task.
    ///
    /// Never inlined: `trim` relies on this frame being the last, so that all of the
    /// callers' lies above the byte whose address is taken here.
    ///
    /// # Safety
    ///
    /// Called on this task's own stack, and somebody will deliver it again.
    #[inline(never)]
    pub(super) unsafe fn switch(&self) {
        // SAFETY: this runs on the task's stack, so on its worker.
        let own = unsafe { self.own() };
        let here = 0_u8;
        own.stack_pointer.set((&raw const here).addr());
        // SAFETY: the yielder was set when the task began, and lies at the base
        // of this stack, which is in use.
        unsafe { (*own.yielder.get()).suspend(()) };
    }

    /// The name that the task was given.
    ///
    /// # Safety
    ///
    /// As for `own`; the reference does not outlive the task.
    pub(super) unsafe fn name(&self) -> Option<&str> {
        // SAFETY: the caller is the worker; the name changes only before the task
        // is delivered and after it has ended.
        unsafe { (*self.own().name.get()).as_deref() }
    }

    /// The name, to keep.
    ///
    /// # Safety
    ///
    /// As for `own`.
    pub(super) unsafe fn shared_name(&self) -> Option<Arc<str>> {
        // SAFETY: as in `name`.
        unsafe { (*self.own().name.get()).clone() }
    }

    /// Gives back what the task left below its frames, if it has a stack.
    ///
    /// # Safety
    ///
    /// The calling thread is the worker of its home, and the task is parked.
    pub(super) unsafe fn trim(&self) {
        // SAFETY: the caller is the worker.
        let own = unsafe { self.own() };
        // SAFETY: the task is parked: its frames end at `stack_pointer`, but for what
        // the switch itself pushed, which is less than what `trim_below` spares.
        unsafe {
            if let Some((stack, _)) = &*own.stack.get() {
                stack.trim_below(own.stack_pointer.get());
            }
        }
        own.trimmed.set(true);
    }
}
