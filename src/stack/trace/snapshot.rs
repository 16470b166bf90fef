//! A copy of a thread's registers and of the upper part of its stack.
//!
//! There is one place for a copy, and it is never freed, so that a handler which
//! comes late finds it. Its word says whose turn it is:
//!
//! ```text
//!            asks               handler begins        handler ends
//!   IDLE ───────────▶ ASKED ───────────────▶ COPYING ─────────────▶ COPIED
//!    ▲                  │ gives up                                    │
//!    └──────────────────┴────────────────────── has read it ◀─────────┘
//! ```
//!
//! Who asks holds a lock, so there is one who asks. Only the handler leaves ASKED
//! for COPYING, and while it is COPYING nobody else touches the copy.

use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::stack::handler;
use crate::stack::slab;

/// Ignored by default, hence harmless where it goes astray, and used by next to
/// nobody: it tells of urgent data, and only those who asked for that. Go stops its
/// goroutines with it.
const SIGNAL: libc::c_int = libc::SIGURG;

/// Of a stack, no more than this is copied.
const STACK_MOST: usize = 64 << 10;
/// How long the thread may take to answer: it may wait for a processor, or hold the
/// signal off.
const PATIENCE: Duration = Duration::from_millis(100);

const IDLE: u32 = 0;
const ASKED: u32 = 1;
const COPYING: u32 = 2;
const COPIED: u32 = 3;

static PLACE: Place = Place {
    state: AtomicU32::new(IDLE),
    thread: AtomicI32::new(0),
    copy: UnsafeCell::new(Snapshot::EMPTY),
};
static ASKING: Mutex<()> = Mutex::new(());
/// What handled [`SIGNAL`] before.
static BEFORE: OnceLock<libc::sigaction> = OnceLock::new();

struct Place {
    state: AtomicU32,
    thread: AtomicI32,
    copy: UnsafeCell<Snapshot>,
}

// SAFETY: `copy` is touched by one thread at a time; see the module's head.
unsafe impl Sync for Place {}

/// What the handler copies.
pub(super) struct Snapshot {
    pub(super) registers: Registers,
    /// How much of `stack` was copied; zero if the thread was not on a task's stack.
    len: usize,
    stack: [u8; STACK_MOST],
}

/// The registers that unwinding begins with.
#[derive(Clone, Copy)]
pub(super) struct Registers {
    pub(super) instruction: u64,
    pub(super) stack: u64,
    pub(super) frame: u64,
    /// Where the return address is if not on the stack.
    #[cfg(target_arch = "aarch64")]
    pub(super) link: u64,
}

impl Snapshot {
    const EMPTY: Snapshot = Snapshot {
        registers: Registers {
            instruction: 0,
            stack: 0,
            frame: 0,
            #[cfg(target_arch = "aarch64")]
            link: 0,
        },
        len: 0,
        stack: [0; STACK_MOST],
    };

    /// The word that was at an address of the stack.
    pub(super) fn word(&self, address: u64) -> Option<u64> {
        let start = usize::try_from(address.checked_sub(self.registers.stack)?).ok()?;
        let bytes = self.stack[..self.len].get(start..start.checked_add(8)?)?;
        Some(u64::from_ne_bytes(bytes.try_into().ok()?))
    }
}

/// Installs the handler for the whole process, where that was not done yet.
pub(crate) fn install() {
    let before = handler::current(SIGNAL);
    // Known before the handler is there, which passes on to it.
    if BEFORE.set(before).is_ok() {
        // SA_RESTART, so that a call which the task waits in goes on where it can.
        handler::install(SIGNAL, &before, libc::SA_RESTART, on_signal);
    }
}

/// Has a thread of this process copied, and looks at the copy.
pub(super) fn take<R>(thread: i32, look: impl FnOnce(&Snapshot) -> R) -> Option<R> {
    BEFORE.get()?;
    let _asking = ASKING.lock().unwrap_or_else(PoisonError::into_inner);
    PLACE.thread.store(thread, Ordering::Relaxed);
    // Pairs with the acquire in the handler, which reads `thread`.
    PLACE.state.store(ASKED, Ordering::Release);
    // SAFETY: tgkill has no preconditions; the thread may be gone.
    let sent = unsafe { libc::syscall(libc::SYS_tgkill, std::process::id(), thread, SIGNAL) };
    let given_up = Instant::now() + PATIENCE;
    while sent == 0 && PLACE.state.load(Ordering::Acquire) != COPIED {
        if Instant::now() >= given_up {
            break;
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    let asked = PLACE
        .state
        .compare_exchange(ASKED, IDLE, Ordering::Relaxed, Ordering::Relaxed);
    if asked.is_ok() {
        return None;
    }
    // It has begun to copy, which takes no time unless it lost its processor.
    // Pairs with the release in the handler: what it wrote is seen.
    while PLACE.state.load(Ordering::Acquire) != COPIED {
        std::thread::yield_now();
    }
    // SAFETY: the handler is done with it, and whoever else asks waits for the lock.
    let copy = unsafe { &*PLACE.copy.get() };
    let seen = (copy.len > 0).then(|| look(copy));
    PLACE.state.store(IDLE, Ordering::Relaxed);
    seen
}

extern "C" fn on_signal(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: gettid has no preconditions and is async-signal-safe.
    let own = unsafe { libc::syscall(libc::SYS_gettid) };
    let is_ours = libc::c_long::from(PLACE.thread.load(Ordering::Relaxed)) == own
        && PLACE
            .state
            .compare_exchange(ASKED, COPYING, Ordering::Acquire, Ordering::Relaxed)
            .is_ok();
    if is_ours {
        // SAFETY: the kernel passes the thread's context, which is valid during the
        // handler; the copy is the handler's while the word says COPYING.
        unsafe { copy(&*context.cast(), &mut *PLACE.copy.get()) };
        PLACE.state.store(COPIED, Ordering::Release);
    } else if let Some(before) = BEFORE.get() {
        // SAFETY: these are what the kernel gave this handler.
        unsafe { handler::call(before, signal, info, context) };
    }
}

/// Async-signal-safe.
fn copy(context: &libc::ucontext_t, copy: &mut Snapshot) {
    copy.registers = registers(context);
    copy.len = 0;
    let start = copy.registers.stack as usize;
    let Some(place) = slab::find(start).filter(|place| !place.in_guard) else {
        return;
    };
    let top = slab::usable_start(place.slot) + place.usable;
    let len = (top - start).min(STACK_MOST);
    // SAFETY: the bytes from the stack pointer to the top of the stack are mapped and
    // stay as they are: the thread that uses the stack is in this handler, on its
    // alternate stack. The copy has room for so many, and does not overlap.
    unsafe {
        let source = ptr::with_exposed_provenance::<u8>(start);
        ptr::copy_nonoverlapping(source, copy.stack.as_mut_ptr(), len);
    }
    copy.len = len;
}

#[cfg(target_arch = "x86_64")]
fn registers(context: &libc::ucontext_t) -> Registers {
    let register = |number: libc::c_int| context.uc_mcontext.gregs[number as usize] as u64;
    Registers {
        instruction: register(libc::REG_RIP),
        stack: register(libc::REG_RSP),
        frame: register(libc::REG_RBP),
    }
}

#[cfg(target_arch = "aarch64")]
fn registers(context: &libc::ucontext_t) -> Registers {
    let machine = &context.uc_mcontext;
    Registers {
        instruction: machine.pc,
        stack: machine.sp,
        frame: machine.regs[29],
        link: machine.regs[30],
    }
}
