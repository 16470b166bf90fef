//! What a task leaves to who joins it.

use std::sync::Arc;

use loom::thread::JoinHandle;

use crate::bell::wait_until;
use crate::data::Data;
use crate::task::{self, Packet};

struct Spawned {
    packet: Packet<u32>,
    /// What the task did besides.
    data: Data,
}

impl Spawned {
    fn new() -> Arc<Self> {
        task::start();
        Arc::new(Self {
            packet: Packet::new(),
            data: Data::new(),
        })
    }

    /// The task that ends.
    fn run(self: &Arc<Self>) -> JoinHandle<()> {
        let this = self.clone();
        task::spawn(1, move || {
            this.data.write(7);
            this.packet.end(Ok(8));
        })
    }

    fn join(&self) {
        assert_eq!(self.packet.join().ok(), Some(8));
        assert_eq!(self.data.read(), 7);
    }
}

/// Who joins a task is woken when it ends, or does not wait, and sees all it did.
pub fn joining_sees_all() {
    let spawned = Spawned::new();
    let task = spawned.run();
    spawned.join();
    task.join().unwrap();
}

/// Who only looks whether it has ended sees that as well.
pub fn looking_sees_all() {
    let spawned = Spawned::new();
    let task = spawned.run();
    wait_until(|| spawned.packet.has_ended());
    assert_eq!(spawned.data.read(), 7);
    spawned.join();
    task.join().unwrap();
}

/// Another one that looks meanwhile, also when the result has been taken, does not
/// keep it from the one that joins.
pub fn who_looks_does_not_disturb() {
    let spawned = Spawned::new();
    let task = spawned.run();
    let looking = task::spawn(2, {
        let spawned = spawned.clone();
        move || {
            if spawned.packet.has_ended() {
                assert_eq!(spawned.data.read(), 7);
                assert!(spawned.packet.has_ended(), "it has ended for good");
            }
        }
    });
    spawned.join();
    assert!(spawned.packet.has_ended());
    task.join().unwrap();
    looking.join().unwrap();
}
