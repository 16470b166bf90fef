//! Every stable name of `std::sync` is there.

/// The same list, from both.
macro_rules! names {
    ($($name:ident: $krate:ident),+ $(,)?) => { $(
        #[allow(unused_imports, deprecated)]
        mod $name {
            use ::$krate::sync::{
                Arc, Barrier, BarrierWaitResult, Condvar, LazyLock, LockResult, Mutex, MutexGuard,
                ONCE_INIT, Once, OnceLock, OnceState, PoisonError, RwLock, RwLockReadGuard,
                RwLockWriteGuard, TryLockError, TryLockResult, WaitTimeoutResult, Weak, atomic, mpsc,
            };
            use ::$krate::sync::mpsc::{
                IntoIter, Iter, Receiver, RecvError, RecvTimeoutError, SendError, Sender, SyncSender,
                TryIter, TryRecvError, TrySendError, channel, sync_channel,
            };
            use ::$krate::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
        }
    )+ };
}

names!(of_std: std, of_netpoll: netpoll);

/// What both have is one and the same, so that code of others goes on as it is.
#[test]
fn what_needs_no_replacement_is_stds_own() {
    fn same<T>(_: fn(T), _: fn(T)) {}
    same::<std::sync::Arc<u8>>(|_: netpoll::sync::Arc<u8>| {}, |_: std::sync::Arc<u8>| {});
    same(
        |_: netpoll::sync::PoisonError<u8>| {},
        |_: std::sync::PoisonError<u8>| {},
    );
    same(
        |_: netpoll::sync::mpsc::SendError<u8>| {},
        |_: std::sync::mpsc::SendError<u8>| {},
    );
}
