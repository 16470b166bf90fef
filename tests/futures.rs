//! `block_on`: futures of any making, on tasks and on plain threads.

mod common;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, pending, poll_fn, ready};
use std::io::{Read, Write};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use common::{everywhere, on, on_workers, pair_with_std, until};
use netpoll::{block_on, thread};

/// An event that happens once, of which a future tells.
#[derive(Clone, Default)]
struct Event(Arc<Mutex<(bool, Option<Waker>)>>);

impl Event {
    fn happen(&self) {
        let waker = {
            let mut state = self.0.lock().unwrap();
            state.0 = true;
            state.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn is_awaited(&self) -> bool {
        self.0.lock().unwrap().1.is_some()
    }
}

impl Future for Event {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.lock().unwrap();
        if state.0 {
            return Poll::Ready(());
        }
        state.1 = Some(context.waker().clone());
        Poll::Pending
    }
}

/// A channel without a bound, whose receiver is a future.
struct Channel<T>(RefCell<(VecDeque<T>, Option<Waker>)>);

impl<T> Channel<T> {
    fn new() -> Rc<Self> {
        Rc::new(Self(RefCell::default()))
    }

    fn send(&self, value: T) {
        let mut state = self.0.borrow_mut();
        state.0.push_back(value);
        if let Some(waker) = state.1.take() {
            waker.wake();
        }
    }

    async fn receive(&self) -> T {
        poll_fn(|context| {
            let mut state = self.0.borrow_mut();
            match state.0.pop_front() {
                Some(value) => Poll::Ready(value),
                None => {
                    state.1 = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

/// Both, whichever comes first.
async fn join<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    let (mut first, mut second) = (None, None);
    poll_fn(|context| {
        if first.is_none()
            && let Poll::Ready(value) = a.as_mut().poll(context)
        {
            first = Some(value);
        }
        if second.is_none()
            && let Poll::Ready(value) = b.as_mut().poll(context)
        {
            second = Some(value);
        }
        match (first.is_some(), second.is_some()) {
            (true, true) => Poll::Ready((first.take().unwrap(), second.take().unwrap())),
            _ => Poll::Pending,
        }
    })
    .await
}

#[test]
fn a_future_that_is_ready_does_not_wait() {
    everywhere(|| {
        assert_eq!(block_on(ready(5)), 5);
        assert_eq!(thread::no_park(|| block_on(async { ready(6).await })), 6);
        // Neither `Send` nor `'static`.
        let local = Rc::new(Cell::new(0));
        let borrowed = &local;
        block_on(async { borrowed.set(ready(7).await) });
        assert_eq!(local.get(), 7);
    });
}

#[test]
fn a_thread_wakes_the_future() {
    everywhere(|| {
        for _ in 0..100 {
            let event = Event::default();
            let other = event.clone();
            let waker = std::thread::spawn(move || {
                until("it waits", || other.is_awaited());
                other.happen();
            });
            block_on(event);
            waker.join().unwrap();
        }
    });
}

#[test]
fn a_wake_before_parking_is_not_lost() {
    everywhere(|| {
        let mut polls = 0;
        let polls = block_on(poll_fn(|context| {
            polls += 1;
            if polls < 1000 {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(polls)
        }));
        assert_eq!(polls, 1000);
        // From another thread, during the poll.
        let mut woken = false;
        block_on(poll_fn(|context| {
            if woken {
                return Poll::Ready(());
            }
            woken = true;
            let waker = context.waker().clone();
            std::thread::spawn(move || waker.wake()).join().unwrap();
            Poll::Pending
        }));
    });
}

#[test]
fn many_wakes_are_one() {
    everywhere(|| {
        let event = Event::default();
        let mut polls = 0;
        let mut inner = event.clone();
        block_on(poll_fn(|context| {
            polls += 1;
            let poll = Pin::new(&mut inner).poll(context);
            if polls == 1 {
                for _ in 0..100 {
                    context.waker().wake_by_ref();
                }
            } else if polls == 2 {
                // The wakes have been used up: it is polled again for this one alone.
                let other = event.clone();
                std::thread::spawn(move || other.happen());
            }
            poll
        }));
        assert_eq!(polls, 3);
    });
}

#[test]
fn unpark_and_the_future_have_nothing_to_do_with_each_other() {
    everywhere(|| {
        let me = thread::current();
        me.unpark();
        let event = Event::default();
        let other = event.clone();
        let waker = std::thread::spawn(move || {
            until("it waits", || other.is_awaited());
            for _ in 0..100 {
                me.unpark();
            }
            other.happen();
        });
        let mut polls = 0;
        let mut event = event;
        block_on(poll_fn(|context| {
            polls += 1;
            Pin::new(&mut event).poll(context)
        }));
        assert_eq!(polls, 2);
        waker.join().unwrap();
        // The token is still there.
        thread::park();
        // And the future left none.
        let start = Instant::now();
        thread::park_timeout(Duration::from_millis(5));
        assert!(start.elapsed() >= Duration::from_millis(5));
    });
}

#[test]
fn a_waker_that_comes_late_does_nothing() {
    everywhere(|| {
        let stop = Arc::new(AtomicBool::new(false));
        let kept = Arc::new(Mutex::new(Vec::<Waker>::new()));
        let late = {
            let (stop, kept) = (Arc::clone(&stop), Arc::clone(&kept));
            std::thread::spawn(move || {
                let mut wakes = 0_usize;
                while !stop.load(Ordering::Relaxed) {
                    let wakers = kept.lock().unwrap().clone();
                    wakers.iter().for_each(Waker::wake_by_ref);
                    wakes += wakers.len();
                    std::thread::yield_now();
                }
                wakes
            })
        };
        for _ in 0..20 {
            let mut first = true;
            block_on(poll_fn(|context| {
                if std::mem::take(&mut first) {
                    // It is this thread that wakes it, early or late.
                    kept.lock().unwrap().push(context.waker().clone());
                    return Poll::Pending;
                }
                Poll::Ready(())
            }));
            // Waits of other kinds go on for as long as they shall.
            let start = Instant::now();
            thread::park_timeout(Duration::from_millis(1));
            assert!(start.elapsed() >= Duration::from_millis(1));
            let (mut server, mut client) = pair_with_std();
            let writer = std::thread::spawn(move || client.write_all(b"abc").map(|()| client));
            let mut bytes = [0; 3];
            server.read_exact(&mut bytes).unwrap();
            assert_eq!(&bytes, b"abc");
            writer.join().unwrap().unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        assert!(late.join().unwrap() >= 20);
        // Its task has gone, perhaps its runtime too.
        let task =
            thread::spawn(|| block_on(poll_fn(|context| Poll::Ready(context.waker().clone()))));
        task.join().unwrap().wake();
    });
}

#[test]
fn two_futures_are_joined() {
    everywhere(|| {
        let (a, b) = (Event::default(), Event::default());
        let (other_a, other_b) = (a.clone(), b.clone());
        // One from a thread, one from a task, in both orders.
        let order = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&order);
        let one = thread::spawn(move || {
            until("it waits", || other_a.is_awaited());
            other_a.happen();
            seen.store(1, Ordering::Release);
        });
        let seen = Arc::clone(&order);
        let two = std::thread::spawn(move || {
            until("the first has come", || seen.load(Ordering::Acquire) == 1);
            other_b.happen();
        });
        let ends = block_on(join(
            async {
                a.await;
                "a"
            },
            async {
                b.await;
                "b"
            },
        ));
        assert_eq!(ends, ("a", "b"));
        one.join().unwrap();
        two.join().unwrap();
    });
}

#[test]
fn futures_talk_to_each_other_within_one_task() {
    everywhere(|| {
        let (there, back) = (Channel::new(), Channel::new());
        let sum = block_on(join(
            async {
                let mut sum = 0;
                for i in 0..1000 {
                    there.send(i);
                    sum += back.receive().await;
                }
                sum
            },
            async {
                for _ in 0..1000 {
                    back.send(there.receive().await * 2);
                }
            },
        ))
        .0;
        assert_eq!(sum, 999 * 1000);
    });
}

#[test]
fn a_thousand_tasks_wait_for_futures_at_once() {
    on_workers(|| {
        let events: Vec<_> = (0..1000).map(|_| Event::default()).collect();
        let tasks: Vec<_> = events
            .iter()
            .cloned()
            .map(|event| thread::spawn(move || block_on(event)))
            .collect();
        until("all wait", || events.iter().all(Event::is_awaited));
        let waker = std::thread::spawn(move || events.iter().rev().for_each(Event::happen));
        for task in tasks {
            task.join().unwrap();
        }
        waker.join().unwrap();
    });
}

#[test]
fn inside_a_future_one_may_wait_for_another() {
    everywhere(|| {
        let (outer, inner) = (Event::default(), Event::default());
        let (other_outer, other_inner) = (outer.clone(), inner.clone());
        let waker = std::thread::spawn(move || {
            until("the inner waits", || other_inner.is_awaited());
            // The outer one is woken while the inner one is waited for.
            other_outer.happen();
            other_inner.happen();
        });
        let mut outer = outer;
        let mut inner = Some(inner);
        block_on(poll_fn(|context| {
            let poll = Pin::new(&mut outer).poll(context);
            if let Some(inner) = inner.take() {
                block_on(inner);
            }
            poll
        }));
        waker.join().unwrap();
    });
}

#[test]
fn a_panic_of_the_future_comes_out() {
    everywhere(|| {
        let dropped = Cell::new(false);
        struct OnDrop<'a>(&'a Cell<bool>);
        impl Drop for OnDrop<'_> {
            fn drop(&mut self) {
                self.0.set(true);
            }
        }
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let held = OnDrop(&dropped);
            block_on(async {
                let _held = held;
                ready(()).await;
                panic!("in the future");
            });
        }));
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"in the future"));
        assert!(dropped.get());
        assert_eq!(block_on(ready(1)), 1);
    });
}

#[test]
fn no_park_panics_where_the_future_has_to_wait() {
    on_workers(|| {
        let caught = std::panic::catch_unwind(|| thread::no_park(|| block_on(pending::<()>())));
        assert!(caught.is_err());
        // As before.
        let event = Event::default();
        let other = event.clone();
        thread::spawn(move || other.happen());
        block_on(event);
    });
}

#[test]
fn a_future_that_is_always_ready_again_does_not_starve_others() {
    on(1, || {
        let done = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&done);
        let task = thread::spawn(move || seen.store(true, Ordering::Relaxed));
        block_on(poll_fn(|context| {
            if done.load(Ordering::Relaxed) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        }));
        task.join().unwrap();
        // Nor does one that is ready each time.
        let done = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&done);
        let task = thread::spawn(move || seen.store(true, Ordering::Relaxed));
        while !done.load(Ordering::Relaxed) {
            block_on(ready(()));
        }
        task.join().unwrap();
    });
}

#[test]
fn a_destructor_during_a_panic_may_wait_for_a_future() {
    everywhere(|| {
        let event = Event::default();
        let other = event.clone();
        let done = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&done);
        struct Bye(Option<Event>, Arc<AtomicBool>);
        impl Drop for Bye {
            fn drop(&mut self) {
                assert!(std::thread::panicking());
                block_on(self.0.take().unwrap());
                self.1.store(true, Ordering::Relaxed);
            }
        }
        let task = thread::spawn(move || {
            let _bye = Bye(Some(event), seen);
            panic!("on purpose");
        });
        let waker = thread::spawn(move || {
            until("it waits", || other.is_awaited());
            other.happen();
        });
        assert!(task.join().is_err());
        waker.join().unwrap();
        assert!(done.load(Ordering::Relaxed));
    });
}
