//! What is taken away from a scene, to show that it relies on it.

use std::cell::Cell;

use loom::sync::atomic::Ordering;

/// Something that a scene may rely on, and has to do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weakening {
    /// Nothing: the scene runs as it is, and has to hold.
    Nothing,
    /// No operation releases.
    Release,
    /// No operation acquires.
    Acquire,
    /// A read-modify-write is a load, and a store a little later.
    Split,
    /// A read-modify-write that would not change the word does not write it.
    Silent,
    /// A word that comes to rest forgets its epoch.
    Epoch,
    /// There is no fence.
    Fence,
    /// Who gives up a wait does not notice that it was ended.
    Cancel,
    /// Two steps are made the other way round; the scene says which.
    Order,
    /// A lock keeps others out, and publishes nothing.
    Lock,
    /// Who leaves a task for a worker does not rouse it.
    Rouse,
    /// Who has marked itself asleep does not look again whether something was left.
    Look,
}

thread_local! {
    // Loom runs all threads of a model on one thread of the system.
    static NOW: Cell<Weakening> = const { Cell::new(Weakening::Nothing) };
}

impl Weakening {
    /// Makes it the one that scenes on this thread run under.
    pub(crate) fn set(self) {
        NOW.set(self);
    }

    /// Whether the scene runs under this one.
    pub(crate) fn is_set(self) -> bool {
        NOW.get() == self
    }
}

/// The ordering that is left of this one. (Loom takes a load that releases, or a
/// store that acquires, for a relaxed one.)
pub(crate) fn ordering(wanted: Ordering) -> Ordering {
    match (NOW.get(), wanted) {
        (Weakening::Release, Ordering::Release) => Ordering::Relaxed,
        (Weakening::Release, Ordering::AcqRel | Ordering::SeqCst) => Ordering::Acquire,
        (Weakening::Acquire, Ordering::Acquire) => Ordering::Relaxed,
        (Weakening::Acquire, Ordering::AcqRel | Ordering::SeqCst) => Ordering::Release,
        (_, wanted) => wanted,
    }
}
