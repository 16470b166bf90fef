//! Data in a shared place that only one thread touches.

/// Holds what belongs to one thread at a time, inside a struct that many share.
///
/// The cell enforces nothing; it marks where the rule applies. Which thread is
/// the owner, and how ownership passes on, is said where the cell is declared.
pub(super) struct OwnerCell<T>(T);

// SAFETY: a shared reference to the cell gives access to the value only through
// `get`, whose caller promises to be the owner. Ownership passes between threads
// (a task is made by one thread and run by another) only through a release and
// acquire pair: the inbox, or the lock of the table.
unsafe impl<T> Sync for OwnerCell<T> {}
// SAFETY: as above: whoever receives the cell and touches the value must be the owner.
unsafe impl<T> Send for OwnerCell<T> {}

impl<T> OwnerCell<T> {
    pub(super) const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value.
    ///
    /// # Safety
    ///
    /// The calling thread is the owner, and stays it while the reference lives.
    #[inline]
    pub(super) unsafe fn get(&self) -> &T {
        &self.0
    }
}
