//! What other threads send to a worker: one word, and at most one ring.
//!
//! Tasks that another thread wakes, or starts, on this worker are pushed onto a
//! stack whose links lie in the tasks themselves, so sending allocates nothing
//! and cannot fail. The worker takes the whole stack at once. The same word says
//! whether the worker sleeps: the push that finds it asleep has to ring its bell
//! (write to its eventfd), and every later one finds a list and does not, so a
//! thousand wakers cost one system call.
//!
//! ```text
//!  head:  EMPTY           the worker is awake, nothing was sent
//!         ASLEEP          the worker sleeps in the kernel; who pushes first, rings
//!         number + 2      the task on top; its link leads to the next, or to EMPTY
//! ```
//!
//! This is Treiber's stack without its ABA problem, because nothing pops a
//! single entry. (R. K. Treiber, "Systems Programming: Coping with Parallelism",
//! IBM, 1986.)
//!
//! Orderings: `push` releases, `take` acquires, so that the worker sees what the
//! sender wrote. No fence beside the word is needed: going to sleep is a
//! read-modify-write of the same word, so it either sees the push or is seen by it.

use super::atomic::{AtomicU32, Ordering};

const EMPTY: u32 = 0;
const ASLEEP: u32 = 1;
const FIRST: u32 = 2;

/// See the [module](self).
pub(crate) struct Inbox {
    head: AtomicU32,
}

/// The link to the next task, which lies in each task.
pub(crate) struct Link(AtomicU32);

impl Link {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(EMPTY))
    }
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Self {
            head: AtomicU32::new(EMPTY),
        }
    }

    /// Sends the task of this number, whose link is `link` and which is in no
    /// inbox. Returns whether the worker sleeps and must be rung for.
    #[must_use = "a worker that sleeps must be rung for"]
    pub(crate) fn push(&self, number: u32, link: &Link) -> bool {
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            let next = if head == ASLEEP { EMPTY } else { head };
            link.0.store(next, Ordering::Relaxed);
            match self.head.compare_exchange_weak(
                head,
                number + FIRST,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return head == ASLEEP,
                Err(now) => head = now,
            }
        }
    }

    /// Whether nothing was sent. A hint: a push may be on its way.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head.load(Ordering::Relaxed) < FIRST
    }

    /// Takes all that was sent, first come first, and marks the worker awake.
    /// Worker only.
    pub(crate) fn take<'a>(&self, link_of: impl Fn(u32) -> &'a Link, mut each: impl FnMut(u32)) {
        // Sequentially consistent for the monitor of the workers, which looks whether
        // they sleep; to take the list it would have to acquire.
        let mut head = self.head.swap(EMPTY, Ordering::SeqCst);
        // The list leads from the last to the first; turn its links around.
        let mut first = EMPTY;
        while head >= FIRST {
            let link = link_of(head - FIRST);
            let next = link.0.load(Ordering::Relaxed);
            link.0.store(first, Ordering::Relaxed);
            first = head;
            head = next;
        }
        while first != EMPTY {
            let number = first - FIRST;
            // Before the call: it may send the task on, which uses the link.
            first = link_of(number).0.load(Ordering::Relaxed);
            each(number);
        }
    }

    /// Marks the worker awake if it sleeps; returns whether it did, and must be rung
    /// for. For who has left something for it elsewhere; see `Home::leave_fresh`.
    #[must_use = "a worker that sleeps must be rung for"]
    pub(crate) fn rouse(&self) -> bool {
        self.head
            .compare_exchange(ASLEEP, EMPTY, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Whether the worker sleeps. A moment later it may be otherwise.
    pub(crate) fn is_asleep(&self) -> bool {
        self.head.load(Ordering::SeqCst) == ASLEEP
    }

    /// Marks the worker asleep, unless something was sent. Worker only.
    #[must_use = "a worker with something in its inbox must not sleep"]
    pub(crate) fn fall_asleep(&self) -> bool {
        self.head
            .compare_exchange(EMPTY, ASLEEP, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{Inbox, Link};

    fn take(inbox: &Inbox, links: &[Link]) -> Vec<u32> {
        let mut taken = Vec::new();
        inbox.take(
            |number| &links[number as usize],
            |number| taken.push(number),
        );
        taken
    }

    #[test]
    fn first_come_first_served() {
        let links: Vec<Link> = (0..5).map(|_| Link::new()).collect();
        let inbox = Inbox::new();
        for number in [3, 0, 4] {
            assert!(!inbox.push(number, &links[number as usize]));
        }
        assert!(!inbox.is_empty());
        assert_eq!(take(&inbox, &links), [3, 0, 4]);
        assert!(inbox.is_empty());
        assert_eq!(take(&inbox, &links), []);
    }

    #[test]
    fn only_the_first_push_rings() {
        let links: Vec<Link> = (0..2).map(|_| Link::new()).collect();
        let inbox = Inbox::new();
        assert!(inbox.fall_asleep());
        assert!(inbox.push(0, &links[0]));
        assert!(!inbox.push(1, &links[1]));
        assert!(!inbox.fall_asleep());
        assert_eq!(take(&inbox, &links), [0, 1]);
        assert!(inbox.fall_asleep());
    }
}
