//! What is done once.
//!
//! Tasks are threads here, and each word, waker and list that they wait with is the
//! file that is shipped.

use std::sync::Arc;

use loom::thread::JoinHandle;

use crate::data::Data;
use crate::sync::Once;
use crate::task;

struct Done {
    once: Once,
    data: Data,
}

impl Done {
    fn new() -> Arc<Self> {
        task::start();
        Arc::new(Self {
            once: Once::new(),
            data: Data::new(),
        })
    }

    fn call(&self) {
        self.once
            .call(false, |_| self.data.write(self.data.read() + 1))
            .expect("nobody panics");
        assert_eq!(self.data.read(), 1);
    }

    fn caller(self: &Arc<Self>, number: u32) -> JoinHandle<()> {
        let this = self.clone();
        task::spawn(number, move || this.call())
    }

    fn waiter(self: &Arc<Self>, number: u32) -> JoinHandle<()> {
        let this = self.clone();
        task::spawn(number, move || {
            this.once.wait(false).expect("nobody panics");
            assert_eq!(this.data.read(), 1);
        })
    }
}

/// Of two that come, one does it, and both see it done.
pub fn one_does_it() {
    let done = Done::new();
    let other = done.caller(1);
    done.call();
    other.join().unwrap();
}

/// Of three, too; who waits is not forgotten.
pub fn all_who_come_see_it() {
    let done = Done::new();
    let others = [done.caller(1), done.caller(2)];
    done.call();
    for other in others {
        other.join().unwrap();
    }
}

/// Who waits before anybody has begun is woken when it is done.
pub fn who_waits_early_is_woken() {
    let done = Done::new();
    let waiter = done.waiter(1);
    done.call();
    waiter.join().unwrap();
}

/// Who only looks sees what was done.
pub fn who_looks_sees_it() {
    let done = Done::new();
    let other = done.caller(1);
    if done.once.is_complete() {
        assert_eq!(done.data.read(), 1);
    }
    other.join().unwrap();
}
