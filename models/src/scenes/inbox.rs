//! What other threads send to a worker.
//!
//! The first thread is the worker. The tasks that are sent are numbers, each with a
//! link, and with something that its sender wrote before.

use std::sync::Arc;

use loom::sync::atomic::AtomicU32;
use loom::thread::{self, JoinHandle};

use crate::atomic::{Ordering, fence};
use crate::bell::Bell;
use crate::data::Data;
use crate::task::{Inbox, Link};

struct Worker {
    inbox: Inbox,
    bell: Bell,
    tasks: Vec<(Link, Data)>,
}

impl Worker {
    fn new(tasks: usize) -> Arc<Self> {
        Arc::new(Self {
            inbox: Inbox::new(),
            bell: Bell::new(),
            tasks: (0..tasks).map(|_| (Link::new(), Data::new())).collect(),
        })
    }

    fn send(&self, number: u32) {
        let (link, data) = &self.tasks[number as usize];
        data.write(number + 7);
        if self.inbox.push(number, link) {
            self.bell.ring();
        }
    }

    fn sender(self: &Arc<Self>, numbers: &'static [u32]) -> JoinHandle<()> {
        let this = self.clone();
        thread::spawn(move || numbers.iter().for_each(|&number| this.send(number)))
    }

    /// Moves what was sent to the end of `taken`.
    fn take(&self, taken: &mut Vec<u32>) {
        self.inbox.take(
            |number| &self.tasks[number as usize].0,
            |number| {
                assert_eq!(self.tasks[number as usize].1.read(), number + 7);
                taken.push(number);
            },
        );
    }

    /// The loop of a worker, until so many came.
    fn work(&self, number: usize) -> Vec<u32> {
        let mut taken = Vec::new();
        loop {
            self.take(&mut taken);
            if taken.len() >= number {
                return taken;
            }
            if self.inbox.fall_asleep() {
                self.bell.sleep();
            }
        }
    }
}

/// Of what two send, one of them two tasks, nothing is lost, nothing comes twice, each
/// one's comes in order, and each sleep is ended by one ring.
pub fn everything_arrives() {
    let worker = Worker::new(3);
    let senders = [worker.sender(&[0, 1]), worker.sender(&[2])];
    let taken = worker.work(3);
    let from_first: Vec<u32> = taken.iter().copied().filter(|&n| n < 2).collect();
    assert_eq!(from_first, [0, 1], "first come, first served");
    assert_eq!(taken.iter().filter(|&&n| n == 2).count(), 1);
    assert_eq!(taken.len(), 3, "nothing comes twice");
    for sender in senders {
        sender.join().unwrap();
    }
    assert!(worker.inbox.is_empty());
    assert_eq!(worker.bell.take(), 0, "nobody rings who need not");
}

/// A worker does not fall asleep over what is sent at the same moment.
pub fn nobody_sleeps_over_a_task() {
    let worker = Worker::new(1);
    let sender = worker.sender(&[0]);
    if worker.inbox.fall_asleep() {
        worker.bell.sleep();
    }
    let mut taken = Vec::new();
    worker.take(&mut taken);
    assert_eq!(taken, [0], "it slept, or was rung, for nothing");
    sender.join().unwrap();
}

/// A worker whose sleep something else ends takes what was sent meanwhile. Of those
/// who send to it no more than one rings.
pub fn a_sleep_may_end_otherwise() {
    let worker = Worker::new(2);
    assert!(worker.inbox.fall_asleep());
    let senders = [worker.sender(&[0]), worker.sender(&[1])];
    // The timer that ends the sleep.
    let mut taken = Vec::new();
    worker.take(&mut taken);
    for sender in senders {
        sender.join().unwrap();
    }
    worker.take(&mut taken);
    taken.sort_unstable();
    assert_eq!(taken, [0, 1], "everything arrives");
    assert!(worker.bell.take() <= 1, "one rings for all");
}

/// What is taken may be sent again at once, by the worker or by others.
pub fn a_link_is_used_again() {
    let worker = Worker::new(2);
    let sender = worker.sender(&[1]);
    worker.send(0);
    let mut taken = Vec::new();
    while taken.iter().filter(|&&n| n == 0).count() < 2 {
        worker.inbox.take(
            |number| &worker.tasks[number as usize].0,
            |number| {
                if number == 0 && !taken.contains(&0) {
                    worker.send(0);
                }
                taken.push(number);
            },
        );
    }
    sender.join().unwrap();
    worker.take(&mut taken);
    taken.sort_unstable();
    assert_eq!(taken, [0, 0, 1], "everything arrives");
}

/// A task that has not started is left beside the inbox, and who leaves it rouses a
/// worker that sleeps. The steps are those of netpoll's `Home::leave_fresh` and
/// `Home::fall_asleep`.
pub fn nobody_sleeps_over_a_fresh_task() {
    let worker = Worker::new(0);
    let fresh = Arc::new(AtomicU32::new(0));
    let sender = {
        let (worker, fresh) = (worker.clone(), fresh.clone());
        thread::spawn(move || {
            fresh.store(1, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            if worker.inbox.is_asleep() && worker.inbox.rouse() {
                worker.bell.ring();
            }
        })
    };
    while fresh.load(Ordering::Relaxed) == 0 {
        if worker.inbox.fall_asleep() {
            fence(Ordering::SeqCst);
            if fresh.load(Ordering::Relaxed) == 0 || !worker.inbox.rouse() {
                worker.bell.sleep();
                worker.take(&mut Vec::new());
            }
        }
    }
    sender.join().unwrap();
    assert_eq!(worker.bell.take(), 0, "nobody rings who need not");
}
