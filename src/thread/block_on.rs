//! Waiting for futures.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use super::signal::Signal;
use crate::task::{self, Reason};

/// Waits for a future, and returns what comes of it.
///
/// Polls the future here, at once and whenever it was woken, and parks the task
/// meanwhile, or blocks the thread. No deadline bounds it: where there has to be one,
/// it is part of the future.
///
/// The future needs neither `Send` nor `'static`, and may be of any ecosystem, as
/// long as it needs no executor around it: one that does I/O through tokio needs
/// tokio's context, as it does everywhere. Its waker may be used from any thread,
/// also when `block_on` has returned; waking often before the future is polled
/// again is waking once. It has nothing to do with [`park`](super::park) and
/// [`unpark`](super::Thread::unpark). A future that is always ready again does not
/// starve the other tasks of the worker.
///
/// In a destructor that runs because of a panic it parks the task too, as
/// [`join`](super::JoinHandle::join) does; the worker's other tasks see
/// [`std::thread::panicking`] meanwhile.
///
/// # Panics
///
/// If the future does. If it has to wait inside of [`no_park`](super::no_park), or in
/// a process that was forked from one with a runtime.
///
/// # Examples
///
/// ```
/// use std::future::poll_fn;
/// use std::task::Poll;
///
/// let mut polls = 0;
/// let future = poll_fn(|context| {
///     polls += 1;
///     if polls == 3 {
///         return Poll::Ready("done");
///     }
///     // Somebody will wake it, on any thread.
///     let waker = context.waker().clone();
///     netpoll::thread::spawn(move || waker.wake());
///     Poll::Pending
/// });
/// assert_eq!(netpoll::block_on(async { future.await.len() }), 4);
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let woken = Arc::new(Woken(Signal::new()));
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    loop {
        task::spend();
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        woken.0.wait(Reason::Park);
    }
}

struct Woken(Signal);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.give();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.give();
    }
}
