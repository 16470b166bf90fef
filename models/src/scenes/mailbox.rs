//! What other threads send to a loop.
//!
//! The first task is the driver of the loop. What is sent are numbers, each with
//! something that its sender wrote before.

use std::sync::Arc;

use loom::thread::JoinHandle;

use crate::atomic::in_order;
use crate::data::Data;
use crate::event::Mailbox;
use crate::task::{self, Outcome, Reason, Time, Wait};

struct Loop {
    mailbox: Mailbox<usize>,
    data: Vec<Data>,
}

impl Loop {
    fn new(items: usize) -> Arc<Self> {
        task::start();
        Arc::new(Self {
            mailbox: Mailbox::new(),
            data: (0..items).map(|_| Data::new()).collect(),
        })
    }

    fn send(&self, number: usize) {
        self.data[number].write(number as u32 + 7);
        let sent = self.mailbox.send(number);
        assert!(sent.is_ok(), "it is open");
    }

    fn sender(self: &Arc<Self>, task: u32, numbers: &'static [usize]) -> JoinHandle<()> {
        let this = self.clone();
        task::spawn(task, move || {
            numbers.iter().for_each(|&number| this.send(number))
        })
    }

    /// The driver, until so many came.
    fn drive(&self, items: usize) -> Vec<usize> {
        let mut taken = Vec::new();
        loop {
            let news = self.mailbox.take();
            for &number in &news {
                assert_eq!(self.data[number].read(), number as u32 + 7);
            }
            taken.extend(news);
            if taken.len() >= items {
                return taken;
            }
            let wait = Wait::begin(Reason::Events);
            let waker = wait.waker();
            in_order(|| {
                if self.mailbox.listen(waker) {
                    waker.wake(Outcome::Woken);
                }
            });
            wait.park(Time::NEVER);
        }
    }

    fn driver(self: &Arc<Self>, items: usize, check: fn(&[usize])) -> JoinHandle<()> {
        let this = self.clone();
        task::spawn(1, move || check(&this.drive(items)))
    }
}

/// A driver that is about to wait while something is sent is woken, or does not wait.
pub fn nobody_sleeps_over_what_is_sent() {
    let here = Loop::new(1);
    let driver = here.driver(1, |taken| assert_eq!(taken, [0]));
    here.send(0);
    driver.join().unwrap();
}

/// Of what two send, one of them two things, nothing is lost, nothing comes twice, and
/// each one's comes in order.
pub fn everything_comes_in_order() {
    let here = Loop::new(3);
    let driver = here.driver(3, |taken| {
        let of_first: Vec<usize> = taken.iter().copied().filter(|&n| n < 2).collect();
        assert_eq!(of_first, [0, 1], "first come, first served");
        assert_eq!(taken.len(), 3, "nothing comes twice");
    });
    let sender = here.sender(2, &[0, 1]);
    here.send(2);
    driver.join().unwrap();
    sender.join().unwrap();
}

/// What is sent to a mailbox that is being closed is taken, or comes back.
pub fn a_closed_mailbox_keeps_nothing() {
    let here = Loop::new(1);
    let sender = loom::thread::spawn({
        let here = here.clone();
        move || here.mailbox.send(0).is_ok()
    });
    let taken = here.mailbox.close();
    let sent = sender.join().unwrap();
    assert_eq!(taken.len(), usize::from(sent), "it is in one of both");
}
