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
use std::mem;
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

use super::table::{LargeTable, Slot};
use super::token::Token;
use super::word::Word;
use crate::stack::{Permit, Stack};
use crate::sys::prefetch::prefetch;

/// A task, or the place of a plain thread that waits; see the [module](self).
///
/// A wake-up and the switch touch the first cache line, a wait the second, the beginning
/// and the end of a task the rest. With thousands of tasks each line that a request touches
/// costs it more than the instructions do.
#[repr(C, align(64))]
pub(crate) struct Task {
    pub(super) word: Word,
    pub(super) link: Link,
    pub(super) index: u32,
    /// The number of the home it belongs to; changes only while nobody can wake it.
    home: AtomicU32,
    /// Belongs to whoever took the slot from the table until the task is left for
    /// the workers, then to the one that takes it to run it.
    own: OwnerCell<Own>,
    pub(super) token: Token,
    /// What reports say of it; see [`Task::report`].
    spawned_at: AtomicPtr<Location<'static>>,
    shared_name: Mutex<Option<Arc<str>>>,
    /// How often its timer was set. Atomic because a worker may look at the
    /// slot's next user, to find that an entry of its heap is not needed any more.
    pub(super) timer_count: AtomicU32,
}

/// What only the worker of a task touches.
#[repr(C)]
pub(super) struct Own {
    coroutine: UnsafeCell<Option<Running>>,
    /// About where the task's stack ends while it does not run.
    pub(super) stack_pointer: Cell<usize>,

    /// How the task gets back to its worker; lies on the task's stack.
    pub(super) yielder: Cell<*const Yielder<(), ()>>,
    /// The address of what it will look at first when its present wait ends.
    pub(super) beside: Cell<usize>,
    /// The deadline of the present wait.
    pub(super) deadline: Cell<Time>,
    /// When the timer in the worker's heap fires.
    pub(super) timer: Cell<Time>,
    /// Called once when it is about to park; see `before_next_park`.
    pub(super) about_to_park: Cell<Option<fn()>>,
    /// How many operations it may still do before it gives way.
    pub(super) budget: Cell<u32>,
    /// How many `no_park` calls it is in.
    pub(super) no_park: Cell<u32>,
    /// The round of the worker's care in which it last ran; see `Local::tend`.
    pub(super) ran_in: Cell<u32>,
    /// Whether the present wait ends when the worker's tasks are cancelled.
    pub(super) cancellable: Cell<bool>,
    /// Whether somebody on this thread was unwinding when it was last resumed.
    pub(super) resumed_among_panics: Cell<bool>,
    /// Whether it was unwinding when it last left its stack.
    pub(super) left_unwinding: Cell<bool>,
    /// Whether what it left below its frames was given back since it last ran.
    pub(super) trimmed: Cell<bool>,

    /// The place in the worker's list of tasks that have a stack.
    pub(super) place: Cell<u32>,
    /// Empty when the slot is taken, and when the task has ended.
    pub(super) locals: Locals,
    stage: UnsafeCell<Stage>,
    name: UnsafeCell<Option<Arc<str>>>,
}

/// What a task is made of beside its coroutine.
enum Stage {
    /// It is none yet, or none any more.
    Vacant,
    New(Beginning),
    /// The stack that the coroutine runs on, and the right to it.
    Begun(Stack, Permit),
}

/// What is kept of a [`Start`] until the task begins.
struct Beginning {
    body: Box<dyn FnOnce() + Send>,
    stack_size: usize,
    permit: Permit,
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

/// The bounds of the stack in [`Stage::Begun`]. The coroutine does not own its stack:
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

pub(super) static TASKS: LargeTable<Task> = LargeTable::new();

/// No home: the slot is not in use.
const NOWHERE: u32 = u32::MAX;

/// Operations between two voluntary switches.
pub(super) const BUDGET: u32 = 128;

impl Slot for Task {
    fn new(index: u32) -> Self {
        Self {
            word: Word::new(),
            link: Link::new(),
            index,
            home: AtomicU32::new(NOWHERE),
            own: OwnerCell::new(Own {
                coroutine: UnsafeCell::new(None),
                stack_pointer: Cell::new(0),
                yielder: Cell::new(ptr::null()),
                beside: Cell::new(0),
                deadline: Cell::new(Time::NEVER),
                timer: Cell::new(Time::NEVER),
                about_to_park: Cell::new(None),
                budget: Cell::new(0),
                no_park: Cell::new(0),
                ran_in: Cell::new(0),
                cancellable: Cell::new(false),
                resumed_among_panics: Cell::new(false),
                left_unwinding: Cell::new(false),
                trimmed: Cell::new(true),
                place: Cell::new(0),
                locals: Locals::new(),
                stage: UnsafeCell::new(Stage::Vacant),
                name: UnsafeCell::new(None),
            }),
            token: Token::new(),
            spawned_at: AtomicPtr::new(ptr::null_mut()),
            shared_name: Mutex::new(None),
            timer_count: AtomicU32::new(0),
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

    /// Asks for the lines that waking and resuming the task touch.
    #[inline]
    pub(super) fn prefetch(&'static self) {
        prefetch(ptr::from_ref(self).addr(), 0..2);
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
        let beginning = Beginning {
            body: start.body,
            stack_size: start.stack_size,
            permit: start.permit,
        };
        // SAFETY: nobody else has a reference into a slot that is not delivered.
        unsafe {
            *own.name.get() = start.name;
            *own.stage.get() = Stage::New(beginning);
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
        let (name, stage) = unsafe {
            let stage = mem::replace(&mut *own.stage.get(), Stage::Vacant);
            ((*own.name.get()).take(), stage)
        };
        if name.is_some() {
            self.set_shared_name(None);
        }
        let Stage::Begun(stack, permit) = stage else {
            unreachable!("it ran on a stack");
        };
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
        // SAFETY: the caller is the worker; the stage is touched only before delivery,
        // here, when the task is parked, and when it has returned.
        let stage = unsafe { &mut *self.own().stage.get() };
        let Stage::New(beginning) = &*stage else {
            unreachable!("a task has a beginning");
        };
        // It stays new where there is no memory.
        let stack = local.take_stack(beginning.stack_size)?;
        let bounds = Bounds {
            base: stack.base(),
            limit: stack.limit(),
        };
        let Stage::New(Beginning { body, permit, .. }) = mem::replace(stage, Stage::Vacant) else {
            unreachable!("it was so just now");
        };
        *stage = Stage::Begun(stack, permit);
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
            if let Stage::Begun(stack, _) = &*own.stage.get() {
                stack.trim_below(own.stack_pointer.get());
            }
        }
        own.trimmed.set(true);
    }
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::{Own, Task};

    #[test]
    fn a_wake_up_and_a_wait_touch_a_line_each() {
        let own = offset_of!(Task, own);
        assert_eq!(own + offset_of!(Own, yielder), 64);
        assert!(own + offset_of!(Own, place) <= 128);
        assert_eq!(size_of::<Task>(), 256);
    }
}
