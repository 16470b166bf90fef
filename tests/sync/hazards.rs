//! What must not park, a child that was forked, and a runtime that ends.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use netpoll::Builder;
use netpoll::sync::mpsc::{channel, sync_channel};
use netpoll::sync::{Arc, Barrier, Condvar, Mutex, Once, OnceLock, RwLock};
use netpoll::thread;

use crate::common::{LONG, in_child, on, on_workers, until};

fn panics<R>(f: impl FnOnce() -> R) -> bool {
    catch_unwind(AssertUnwindSafe(|| thread::no_park(f))).is_err()
}

/// What has to wait panics there and leaves everything as it was; what need not, works.
#[test]
fn inside_of_no_park_only_waiting_panics() {
    on_workers(|| {
        let (mutex, rw_lock, condvar) = (Mutex::new(0), RwLock::new(0), Condvar::new());
        thread::no_park(|| {
            for _ in 0..1000 {
                *mutex.lock().unwrap() += 1;
                let read = *rw_lock.read().unwrap();
                *rw_lock.write().unwrap() += read;
                condvar.notify_all();
            }
        });
        let guard = mutex.lock().unwrap();
        assert!(panics(|| mutex.lock().is_ok()));
        drop(guard);
        assert!(!mutex.is_poisoned());
        assert!(panics(|| condvar.wait(mutex.lock().unwrap()).is_ok()));
        assert!(mutex.is_poisoned(), "it panicked with the guard");
        mutex.clear_poison();
        let reader = rw_lock.read().unwrap();
        assert!(panics(|| rw_lock.write().is_ok()));
        drop(reader);
        let writer = rw_lock.write().unwrap();
        assert!(panics(|| rw_lock.read().is_ok()));
        drop(writer);
        assert!(rw_lock.try_write().is_ok() && mutex.try_lock().is_ok());

        let (sender, receiver) = channel();
        assert!(panics(|| receiver.recv()));
        thread::no_park(|| sender.send(1).unwrap());
        assert_eq!(thread::no_park(|| receiver.recv()), Ok(1));
        let (sender, receiver) = sync_channel(1);
        thread::no_park(|| sender.send(1).unwrap());
        assert!(panics(|| sender.send(2)));
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [1]);

        let (once, lock) = (Once::new(), OnceLock::<u8>::new());
        assert!(panics(|| once.wait()) && panics(|| *lock.wait()));
        thread::no_park(|| once.call_once(|| {}));
        assert_eq!(thread::no_park(|| *lock.get_or_init(|| 7)), 7);
        assert!(panics(|| Barrier::new(2).wait().is_leader()));
        assert!(thread::no_park(|| Barrier::new(1).wait().is_leader()));
    });
}

#[test]
fn a_forked_child_waits_for_nobody() {
    in_child("hazards::a_forked_child_waits_for_nobody", &[], || {
        on(1, || {
            let mutex = Mutex::new(1);
            let other = RwLock::new(1);
            let _held = other.write().unwrap();
            let (sender, receiver) = channel();
            // SAFETY: the child calls nothing that another thread may have locked, and
            // ends without running anything of the parent's.
            let child = unsafe { libc::fork() };
            if child == 0 {
                let works = catch_unwind(AssertUnwindSafe(|| {
                    sender.send(1).unwrap();
                    *mutex.lock().unwrap() + receiver.recv().unwrap() == 2
                }));
                let waits = [
                    catch_unwind(AssertUnwindSafe(|| receiver.recv().is_ok())),
                    catch_unwind(AssertUnwindSafe(|| other.read().is_ok())),
                ];
                let right = works.unwrap_or(false) && waits.iter().all(Result::is_err);
                // SAFETY: it ends the process at once.
                unsafe { libc::_exit(if right { 42 } else { 1 }) }
            }
            let mut status = 0;
            until("the child has ended", || {
                // SAFETY: the status is written to a valid place.
                unsafe { libc::waitpid(child, &mut status, libc::WNOHANG) == child }
            });
            assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 42);
        });
    });
}

/// None of these waits can fail, so the end of a runtime does not end them.
#[test]
fn the_end_of_a_runtime_cancels_no_wait() {
    let runtime = Builder::new().workers(1).build().unwrap();
    let mutex = Arc::new(Mutex::new(0));
    let (sender, receiver) = channel::<u8>();
    let (other, held) = (Arc::clone(&mutex), mutex.lock().unwrap());
    let locks = runtime.spawn(move || *other.lock().unwrap());
    let receives = runtime.spawn(move || receiver.recv());
    let remaining =
        std::thread::spawn(move || runtime.shutdown(Instant::now() + Duration::from_millis(20)));
    let remaining = remaining.join().unwrap();
    assert!(
        !locks.is_finished() && !receives.is_finished(),
        "{remaining:?}"
    );
    drop(held);
    sender.send(7).unwrap();
    assert_eq!(locks.join().unwrap(), 0);
    assert_eq!(receives.join().unwrap(), Ok(7));
}

/// Tasks of several runtimes and threads, all on the same locks.
#[test]
fn tasks_of_several_runtimes_meet() {
    let runtimes = [1, 2].map(|workers| Builder::new().workers(workers).build().unwrap());
    let shared = Arc::new((Mutex::new(0_u64), RwLock::new(0_u64), Condvar::new()));
    let work = {
        let shared = Arc::clone(&shared);
        move || {
            for _ in 0..200 {
                *shared.1.write().unwrap() += 1;
                let read = *shared.1.read().unwrap();
                assert!(read > 0);
                *shared.0.lock().unwrap() += 1;
                shared.2.notify_all();
            }
        }
    };
    let tasks: Vec<_> = (0..10)
        .map(|i| runtimes[i % 2].spawn(work.clone()))
        .collect();
    let thread = std::thread::spawn(work);
    let guard = shared.0.lock().unwrap();
    let (total, result) = shared
        .2
        .wait_timeout_while(guard, LONG, |total| *total < 11 * 200)
        .unwrap();
    assert!(!result.timed_out());
    assert_eq!(*total, 11 * 200);
    drop(total);
    for task in tasks {
        task.join().unwrap();
    }
    thread.join().unwrap();
    assert_eq!(*shared.1.read().unwrap(), 11 * 200);
}
