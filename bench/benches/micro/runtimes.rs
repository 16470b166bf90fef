//! The runtimes, with one worker each.

use std::sync::OnceLock;

/// netpoll's, which runs from the first need on.
pub(crate) fn netpoll() -> &'static netpoll::Runtime {
    static RUNTIME: OnceLock<netpoll::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        netpoll::Builder::new()
            .workers(1)
            .build()
            .expect("a runtime starts")
    })
}

/// Runs something in a task of netpoll.
pub(crate) fn in_netpoll<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    let task = netpoll().spawn(f);
    task.join().expect("the task does not panic")
}

/// Runs something in a coroutine of may.
pub(crate) fn in_may<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    may::config().set_workers(1);
    may::go!(f).join().expect("the coroutine does not panic")
}

/// tokio's for one thread, which runs while something blocks on it.
pub(crate) fn tokio() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts")
}
