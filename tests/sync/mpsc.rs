//! `mpsc`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use netpoll::sync::Arc;
use netpoll::sync::mpsc::{
    Receiver, RecvTimeoutError, SendError, SyncSender, TryRecvError, TrySendError, channel,
    sync_channel,
};
use netpoll::thread;

use crate::common::{LONG, on, on_workers, until};

same! {
    a_channel_does_as_in_std |log| {
        use std::time::Duration;
        use sync::mpsc::channel;
        let (sender, receiver) = channel();
        note!(log, sender, receiver, receiver.iter(), receiver.try_iter());
        note!(log, receiver.try_recv(), receiver.recv_timeout(Duration::from_millis(1)));
        note!(log, sender.send(1), sender.clone().send(2), sender.send(3), sender.send(4));
        note!(log, receiver.recv(), receiver.try_recv(), receiver.recv_timeout(Duration::ZERO));
        note!(log, receiver.try_iter().collect::<Vec<_>>());
        note!(log, sender.send(5), sender.send(6));
        drop(sender);
        note!(log, receiver.iter().collect::<Vec<_>>());
        note!(log, receiver.recv(), receiver.try_recv());
        note!(log, receiver.recv_timeout(Duration::from_secs(1)), receiver.into_iter());

        let (sender, receiver) = channel();
        note!(log, sender.send(1), sender.send(2));
        let mut sum = 0;
        for value in &receiver {
            sum += value;
            if sum == 3 { break; }
        }
        drop(receiver);
        note!(log, sum, sender.send(3));
    }
    a_bounded_channel_does_as_in_std |log| {
        use std::time::Duration;
        use sync::mpsc::sync_channel;
        let (sender, receiver) = sync_channel(2);
        note!(log, sender, receiver.try_recv());
        note!(log, sender.send(1), sender.try_send(2), sender.try_send(3));
        note!(log, receiver.recv(), sender.clone().try_send(4), sender.try_send(5));
        note!(log, receiver.try_iter().collect::<Vec<_>>(), receiver.try_recv());
        note!(log, sender.send(6));
        drop(receiver);
        note!(log, sender.send(7), sender.try_send(8));

        let (sender, receiver) = sync_channel(1);
        note!(log, sender.send(1));
        drop(sender);
        note!(log, receiver.recv(), receiver.recv(), receiver.recv_timeout(Duration::ZERO));
    }
    a_channel_without_room_does_as_in_std |log| {
        use std::time::Duration;
        use sync::mpsc::sync_channel;
        let (sender, receiver) = sync_channel(0);
        note!(log, sender.try_send(1), receiver.try_recv());
        note!(log, receiver.recv_timeout(Duration::from_millis(1)));
        let other = sender.clone();
        let task = thread::spawn(move || (0..5).map(|i| other.send(i)).collect::<Vec<_>>());
        note!(log, receiver.iter().take(4).collect::<Vec<_>>());
        note!(log, receiver.recv_timeout(Duration::from_secs(20)));
        note!(log, task.join().unwrap());
        let task = thread::spawn(move || sender.send(7));
        drop(receiver);
        note!(log, task.join().unwrap());
    }
    errors_of_channels_are_those_of_std |log| {
        use std::time::Duration;
        let (sender, receiver) = sync::mpsc::sync_channel::<&str>(1);
        note!(log, receiver.try_recv().unwrap_err().to_string());
        note!(log, receiver.recv_timeout(Duration::ZERO).unwrap_err().to_string());
        sender.send("x").unwrap();
        note!(log, sender.try_send("y").unwrap_err().to_string());
        drop(receiver);
        note!(log, sender.send("y").unwrap_err().to_string());
        note!(log, sender.try_send("y").unwrap_err().to_string());
        let (sender, receiver) = sync::mpsc::channel::<u8>();
        drop(sender);
        note!(log, receiver.recv().unwrap_err().to_string());
        note!(log, receiver.try_recv().unwrap_err().to_string());
        note!(log, receiver.recv_timeout(Duration::ZERO).unwrap_err().to_string());
    }
    traits_of_channels_are_those_of_std |log| {
        use std::cell::Cell;
        use std::rc::Rc;
        use sync::mpsc::{IntoIter, Iter, Receiver, Sender, SyncSender, TryIter};
        note_traits!(log, Sender<u8>, Sender<Cell<u8>>, Sender<Rc<u8>>, SyncSender<u8>,
            SyncSender<Cell<u8>>, SyncSender<Rc<u8>>, Receiver<u8>, Receiver<Cell<u8>>,
            Receiver<Rc<u8>>, Iter<'static, u8>, TryIter<'static, u8>, IntoIter<u8>, IntoIter<Rc<u8>>);
    }
    values_that_are_not_received_are_dropped |log| {
        let value = sync::Arc::new(());
        let (sender, receiver) = sync::mpsc::channel();
        for _ in 0..3 {
            sender.send(sync::Arc::clone(&value)).unwrap();
        }
        drop(receiver.recv());
        note!(log, sync::Arc::strong_count(&value));
        drop(receiver);
        note!(log, sync::Arc::strong_count(&value));
        note!(log, sender.send(sync::Arc::clone(&value)).is_err());
        note!(log, sync::Arc::strong_count(&value));
        let (sender, receiver) = sync::mpsc::channel();
        sender.send(sync::Arc::clone(&value)).unwrap();
        drop(sender);
        drop(receiver);
        note!(log, sync::Arc::strong_count(&value));
    }
}

/// Tasks and threads send; each sender's values arrive in order, and none is lost.
#[test]
fn many_send_and_one_receives() {
    on_workers(|| {
        const EACH: u64 = 1000;
        for bound in [None, Some(0), Some(1), Some(7)] {
            let (send, receiver): (Arc<dyn Fn(u64, u64) -> bool + Send + Sync>, _) = match bound {
                None => {
                    let (sender, receiver) = channel();
                    (
                        Arc::new(move |who, i| sender.send((who, i)).is_ok()),
                        receiver,
                    )
                }
                Some(bound) => {
                    let (sender, receiver) = sync_channel(bound);
                    (
                        Arc::new(move |who, i| sender.send((who, i)).is_ok()),
                        receiver,
                    )
                }
            };
            let work = |who, send: Arc<dyn Fn(u64, u64) -> bool + Send + Sync>| {
                move || (0..EACH).for_each(|i| assert!(send(who, i)))
            };
            let tasks: Vec<_> = (0..4)
                .map(|who| thread::spawn(work(who, Arc::clone(&send))))
                .collect();
            let threads: Vec<_> = (4..6)
                .map(|who| std::thread::spawn(work(who, Arc::clone(&send))))
                .collect();
            drop(send);
            let mut next = BTreeMap::new();
            for (who, i) in &receiver {
                let expected: &mut u64 = next.entry(who).or_default();
                assert_eq!(i, *expected, "of {who}");
                *expected += 1;
            }
            assert_eq!(next.len(), 6);
            assert!(next.values().all(|sent| *sent == EACH));
            for task in tasks {
                task.join().unwrap();
            }
            netpoll::blocking(|| {
                threads
                    .into_iter()
                    .for_each(|thread| thread.join().unwrap())
            });
        }
    });
}

/// A thread receives what a task sends, and a task what a thread sends.
#[test]
fn tasks_and_threads_answer_each_other() {
    on_workers(|| {
        for bound in [0, 1] {
            let (ask, asked) = sync_channel::<u32>(bound);
            let (answer, answered) = sync_channel::<u32>(bound);
            let thread = std::thread::spawn(move || {
                for number in asked {
                    answer.send(number + 1).unwrap();
                }
            });
            for i in 0..500 {
                ask.send(i).unwrap();
                assert_eq!(answered.recv(), Ok(i + 1));
            }
            drop(ask);
            netpoll::blocking(|| thread.join().unwrap());
        }
    });
}

/// Who sends more than there is room for goes on when its value is accepted, and not
/// before.
#[test]
fn senders_wait_for_room_in_their_order() {
    on(1, || {
        let (sender, receiver) = sync_channel(1);
        let sent = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..4)
            .map(|i| {
                let (sender, sent) = (sender.clone(), Arc::clone(&sent));
                let task = thread::spawn(move || {
                    sender.send(i).unwrap();
                    sent.fetch_add(1, Ordering::Relaxed);
                });
                thread::yield_now();
                task
            })
            .collect();
        for i in 0..4 {
            thread::sleep(Duration::from_millis(1));
            assert_eq!(sent.load(Ordering::Relaxed), i + 1);
            // Others that wait are before it.
            assert_eq!(sender.try_send(9), Err(TrySendError::Full(9)));
            assert_eq!(receiver.recv(), Ok(i));
        }
        sender.try_send(9).unwrap();
        for task in tasks {
            task.join().unwrap();
        }
    });
}

#[test]
fn without_room_a_value_is_handed_over_in_person() {
    on(1, || {
        let (sender, receiver) = sync_channel(0);
        let sent = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&sent);
        let other = sender.clone();
        let task = thread::spawn(move || {
            other.send(1).unwrap();
            seen.store(true, Ordering::Relaxed);
        });
        for _ in 0..10 {
            thread::yield_now();
        }
        assert!(!sent.load(Ordering::Relaxed), "nobody has taken it");
        assert_eq!(receiver.recv(), Ok(1));
        task.join().unwrap();
        // Who only tries succeeds if somebody waits.
        let task = thread::spawn(move || receiver.recv());
        until("it waits", || match sender.try_send(2) {
            Ok(()) => true,
            Err(error) => {
                assert_eq!(error, TrySendError::Full(2));
                false
            }
        });
        assert_eq!(task.join().unwrap(), Ok(2));
    });
}

/// What was handed to a receiver that waits is received, also if its time is up at
/// that moment.
#[test]
fn no_value_is_lost_to_a_deadline() {
    on_workers(|| {
        for bound in [0, 1] {
            let (sender, receiver) = sync_channel(bound);
            let task = thread::spawn(move || {
                let mut sent = 0;
                for i in 0..2000 {
                    match sender.try_send(i) {
                        Ok(()) => sent += 1,
                        Err(error) => assert_eq!(error, TrySendError::Full(i)),
                    }
                    if i % 3 == 0 {
                        thread::sleep(Duration::from_micros(20));
                    }
                }
                sent
            });
            let mut received = 0;
            loop {
                match receiver.recv_timeout(Duration::from_micros(20)) {
                    Ok(_) => received += 1,
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
            assert_eq!(received, task.join().unwrap());
        }
    });
}

#[test]
fn who_waits_to_send_gets_its_value_back_when_the_receiver_goes() {
    on_workers(|| {
        for bound in [0, 2] {
            let (sender, receiver) = sync_channel(bound);
            let accepted = Arc::new(());
            for _ in 0..bound {
                sender.send((usize::MAX, Arc::clone(&accepted))).unwrap();
            }
            let tasks: Vec<_> = (0..5)
                .map(|i| {
                    let (sender, value) = (sender.clone(), Arc::clone(&accepted));
                    thread::spawn(move || sender.send((i, value)))
                })
                .collect();
            let thread = std::thread::spawn({
                let (sender, value) = (sender.clone(), Arc::clone(&accepted));
                move || sender.send((5, value))
            });
            thread::sleep(Duration::from_millis(2));
            drop(receiver);
            let results = tasks.into_iter().map(|task| task.join().unwrap());
            for (i, result) in results.enumerate() {
                let SendError((back, _)) = result.unwrap_err();
                assert_eq!(back, i);
            }
            let SendError((back, _)) = netpoll::blocking(|| thread.join().unwrap()).unwrap_err();
            assert_eq!(back, 5);
            assert_eq!(Arc::strong_count(&accepted), 1);
        }
    });
}

#[test]
fn the_last_sender_wakes_the_receiver() {
    on_workers(|| {
        let (sender, receiver) = channel::<()>();
        let task = thread::spawn(move || receiver.recv_timeout(LONG));
        let senders = [(); 4].map(|()| sender.clone());
        drop(sender);
        let tasks = senders.map(|sender| thread::spawn(move || drop(sender)));
        for task in tasks {
            task.join().unwrap();
        }
        assert_eq!(task.join().unwrap(), Err(RecvTimeoutError::Disconnected));
    });
}

#[test]
fn deadlines_end_waits_for_values() {
    on_workers(|| {
        let (sender, receiver) = channel::<u8>();
        let timeout = Duration::from_millis(5);
        let before = Instant::now();
        assert_eq!(
            receiver.recv_timeout(timeout),
            Err(RecvTimeoutError::Timeout)
        );
        assert!(before.elapsed() >= timeout);
        assert_eq!(
            receiver.recv_deadline(before + 3 * timeout),
            Err(RecvTimeoutError::Timeout)
        );
        assert!(before.elapsed() >= 3 * timeout);
        sender.send(1).unwrap();
        assert_eq!(receiver.recv_deadline(before), Ok(1));
        // What was left behind by those waits is in nobody's way.
        let task = thread::spawn(move || receiver.recv_timeout(Duration::MAX));
        sender.send(2).unwrap();
        assert_eq!(task.join().unwrap(), Ok(2));
    });
}

#[test]
fn a_channel_in_a_scope() {
    on_workers(|| {
        let names = ["a", "b", "c"].map(String::from);
        let (sender, receiver) = sync_channel(0);
        let mut received = thread::scope(|s| {
            for name in &names {
                let sender = sender.clone();
                s.spawn(move || sender.send(name.as_str()).unwrap());
            }
            drop(sender);
            receiver.iter().collect::<Vec<_>>()
        });
        received.sort_unstable();
        assert_eq!(received, ["a", "b", "c"]);
    });
}

/// A task that always finds a value does not keep its worker for itself.
#[test]
fn who_always_finds_a_value_gives_way() {
    on(1, || {
        let (sender, receiver) = channel();
        sender.send(0_u64).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let busy = thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                let value = receiver.recv().unwrap();
                sender.send(value + 1).unwrap();
            }
        });
        thread::sleep(Duration::from_millis(1));
        stop.store(true, Ordering::Relaxed);
        busy.join().unwrap();
    });
}

/// A receiver cannot be shared among threads, but among the tasks of a worker.
#[test]
fn two_tasks_of_a_worker_may_receive_at_once() {
    use std::cell::RefCell;
    use std::rc::Rc;
    std::thread_local!(static SHARED: RefCell<Option<Rc<Receiver<u32>>>> = const { RefCell::new(None) });
    on(1, || {
        for bound in [0, 1, 3] {
            let (sender, receiver): (SyncSender<u32>, _) = sync_channel(bound);
            let mut receiver = Some(receiver);
            let tasks = [(); 3].map(|()| {
                let mine = receiver.take();
                let task = thread::spawn(move || {
                    if let Some(receiver) = mine {
                        SHARED.set(Some(Rc::new(receiver)));
                    }
                    let shared = SHARED.with_borrow(Option::clone).unwrap();
                    shared.iter().sum::<u32>()
                });
                thread::yield_now();
                task
            });
            for i in 0..100 {
                sender.send(i).unwrap();
                if i % 7 == 0 {
                    let _ = sender.try_send(0);
                }
            }
            drop(sender);
            let sums = tasks.map(|task| task.join().unwrap());
            assert_eq!(sums.iter().sum::<u32>(), 4950);
        }
    });
}

#[test]
fn try_recv_tells_empty_from_over() {
    on_workers(|| {
        let (sender, receiver) = channel();
        let task = thread::spawn(move || {
            for i in 0..100 {
                sender.send(i).unwrap();
                thread::yield_now();
            }
        });
        let mut received = Vec::new();
        loop {
            match receiver.try_recv() {
                Ok(i) => received.push(i),
                Err(TryRecvError::Empty) => thread::yield_now(),
                Err(TryRecvError::Disconnected) => break,
            }
        }
        assert_eq!(received, (0..100).collect::<Vec<_>>());
        task.join().unwrap();
    });
}

/// A burst leaves nothing behind that would be in the way of the next.
#[test]
fn bursts_come_and_go() {
    on_workers(|| {
        let (sender, receiver) = channel();
        for burst in [10_000, 1, 5000] {
            (0..burst).for_each(|i| sender.send(i).unwrap());
            assert!(receiver.try_iter().eq(0..burst));
        }
    });
}
