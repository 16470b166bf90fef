//! Readiness of a descriptor, and who waits for it.
//!
//! The kernel is a number that is set before the event about it is delivered. It is
//! stored and loaded without any ordering: what is seen after an event is seen
//! because of the direction's word.

use std::sync::Arc;

use loom::sync::atomic::AtomicU32;

use crate::Weakening;
use crate::atomic::{Ordering, fence};
use crate::poll::{Direction, Registered};
use crate::task::{self, Outcome, Reason, Time, Wait};

struct Socket {
    direction: Direction,
    /// Whether an operation would succeed.
    possible: AtomicU32,
    /// A deadline lies beside the word as well: whether it has come.
    past: AtomicU32,
}

/// How a wait ended, or why there was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Ready,
    Closed,
    Deadline,
}

impl Socket {
    /// One of which nothing is known.
    fn new() -> Arc<Self> {
        task::start();
        Arc::new(Self {
            direction: Direction::new(),
            possible: AtomicU32::new(0),
            past: AtomicU32::new(0),
        })
    }

    /// The steps of netpoll's `Descriptor::wait_for`.
    fn wait(&self) -> End {
        let wait = Wait::begin(Reason::Read);
        let waker = wait.waker();
        match self.direction.register(waker) {
            Registered::Waits => {}
            Registered::IsReady => return End::Ready,
            Registered::IsClosed => return End::Closed,
        }
        let outcome = if self.past.load(Ordering::Relaxed) != 0 {
            drop(wait);
            Outcome::Deadline
        } else {
            wait.park(Time::NEVER)
        };
        self.direction.deregister(waker);
        match outcome {
            Outcome::Woken => End::Ready,
            Outcome::Closed => End::Closed,
            _ => End::Deadline,
        }
    }

    /// Waits, and gives up at once.
    fn wait_not(&self) {
        let wait = Wait::begin(Reason::Read);
        let waker = wait.waker();
        if self.direction.register(waker) == Registered::Waits {
            drop(wait);
            self.direction.deregister(waker);
        }
    }

    /// Tries an operation.
    fn attempt(&self) -> bool {
        self.possible.load(Ordering::Relaxed) != 0
    }

    /// The steps of netpoll's `Fd::read_with`, of an operation that leaves something.
    fn read(&self) {
        loop {
            self.direction.consume();
            if self.attempt() {
                self.direction.set_ready(false);
                return;
            }
            assert_eq!(self.wait(), End::Ready);
        }
    }

    /// The kernel makes an operation possible, and then says so.
    fn event(&self) {
        self.possible.store(1, Ordering::Relaxed);
        self.direction.set_ready(false);
    }
}

/// An event that comes at any moment of consuming, trying and waiting is not lost.
pub fn no_edge_is_lost() {
    let socket = Socket::new();
    socket.direction.open();
    let kernel = task::spawn(1, {
        let socket = socket.clone();
        move || socket.event()
    });
    socket.read();
    kernel.join().unwrap();
}

/// Of two who read, the one that consumes the event leaves something, and so wakes
/// the other.
pub fn readiness_is_restored() {
    let socket = Socket::new();
    socket.direction.open();
    let second = task::spawn(1, {
        let socket = socket.clone();
        move || socket.read()
    });
    let kernel = task::spawn(2, {
        let socket = socket.clone();
        move || socket.event()
    });
    socket.read();
    second.join().unwrap();
    kernel.join().unwrap();
}

/// An event that comes while an attempt is made is there afterwards.
pub fn readiness_is_kept() {
    let socket = Socket::new();
    socket.direction.open();
    let kernel = task::spawn(1, {
        let socket = socket.clone();
        move || socket.event()
    });
    // What a short read does: only the kernel sets it ready again.
    socket.direction.consume();
    let seen = socket.attempt();
    kernel.join().unwrap();
    assert!(seen || socket.direction.is_ready(), "the event is lost");
}

/// All who wait are woken by one event.
pub fn an_event_wakes_all() {
    let socket = Socket::new();
    let second = task::spawn(1, {
        let socket = socket.clone();
        move || assert_eq!(socket.wait(), End::Ready)
    });
    let kernel = task::spawn(2, {
        let socket = socket.clone();
        move || socket.event()
    });
    assert_eq!(socket.wait(), End::Ready);
    second.join().unwrap();
    kernel.join().unwrap();
}

/// Who waits when it is closed, first or in the list, is told; who comes later does
/// not wait.
pub fn closing_ends_every_wait() {
    let socket = Socket::new();
    let second = task::spawn(1, {
        let socket = socket.clone();
        move || assert_eq!(socket.wait(), End::Closed)
    });
    let closer = task::spawn(2, {
        let socket = socket.clone();
        move || socket.direction.close()
    });
    assert_eq!(socket.wait(), End::Closed);
    second.join().unwrap();
    closer.join().unwrap();
    assert_eq!(socket.wait(), End::Closed);
}

/// An event, or an operation that consumes it, does not reopen what is closed.
pub fn closed_stays_closed() {
    let socket = Socket::new();
    let kernel = task::spawn(1, {
        let socket = socket.clone();
        move || socket.event()
    });
    let reader = task::spawn(2, {
        let socket = socket.clone();
        move || {
            socket.direction.consume();
        }
    });
    socket.direction.close();
    kernel.join().unwrap();
    reader.join().unwrap();
    assert!(socket.direction.is_closed(), "it is open again");
}

/// A deadline that another task moves is seen by who comes to wait, or wakes who
/// waits already.
pub fn a_moved_deadline_is_noticed() {
    let socket = Socket::new();
    let mover = task::spawn(1, {
        let socket = socket.clone();
        move || move_deadline(&socket)
    });
    // Woken for the deadline, it looks again.
    while socket.wait() != End::Deadline {}
    mover.join().unwrap();
}

/// The same for one who waits in the list, because another waits already.
pub fn a_moved_deadline_is_noticed_in_the_list() {
    let socket = Socket::new();
    // A waiter that does not move, of a task without a thread.
    let wait = Wait::begin(Reason::Read);
    assert_eq!(socket.direction.register(wait.waker()), Registered::Waits);
    let waiter = task::spawn(1, {
        let socket = socket.clone();
        move || while socket.wait() != End::Deadline {}
    });
    move_deadline(&socket);
    waiter.join().unwrap();
    drop(wait);
}

fn move_deadline(socket: &Socket) {
    if Weakening::Order.is_set() {
        socket.direction.rouse();
        socket.past.store(1, Ordering::Relaxed);
    } else {
        socket.past.store(1, Ordering::Relaxed);
        socket.direction.rouse();
    }
}

/// Who gives up its wait takes nobody along: the other one is woken by the event,
/// whichever of them was first.
pub fn giving_up_forgets_nobody() {
    let socket = Socket::new();
    let other = task::spawn(1, {
        let socket = socket.clone();
        move || socket.wait_not()
    });
    let kernel = task::spawn(2, {
        let socket = socket.clone();
        move || socket.event()
    });
    assert_eq!(socket.wait(), End::Ready);
    other.join().unwrap();
    kernel.join().unwrap();
}

/// The same where both are in the list, behind a third.
pub fn giving_up_forgets_nobody_in_the_list() {
    let socket = Socket::new();
    let wait = Wait::begin(Reason::Read);
    assert_eq!(socket.direction.register(wait.waker()), Registered::Waits);
    let stays = task::spawn(1, {
        let socket = socket.clone();
        move || assert_eq!(socket.wait(), End::Ready)
    });
    let leaves = task::spawn(2, {
        let socket = socket.clone();
        move || socket.wait_not()
    });
    socket.event();
    stays.join().unwrap();
    leaves.join().unwrap();
    assert_eq!(wait.park(Time::NEVER), Outcome::Woken);
}

/// A writer consumes only when the socket was full, and tries once more; the event
/// that finds the direction ready does nothing. The steps are those of netpoll's
/// `Fd::write_with` and of `dispatch`. The kernel, between making room and telling,
/// has the barrier that its locks are.
pub fn an_event_may_only_look() {
    let socket = Socket::new();
    socket.direction.open();
    let kernel = task::spawn(1, {
        let socket = socket.clone();
        move || {
            socket.possible.store(1, Ordering::Relaxed);
            loom::sync::atomic::fence(Ordering::SeqCst);
            if !socket.direction.is_ready() {
                socket.direction.set_ready(false);
            }
        }
    });
    while !socket.attempt() {
        socket.direction.consume();
        fence(Ordering::SeqCst);
        if socket.attempt() {
            break;
        }
        assert_eq!(socket.wait(), End::Ready);
    }
    kernel.join().unwrap();
}
