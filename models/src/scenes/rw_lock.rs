//! The lock that readers share.
//!
//! Tasks are threads here, and each word, waker and list that they wait with is the
//! file that is shipped.

use std::sync::Arc;

use loom::thread::JoinHandle;

use crate::Weakening;
use crate::data::Data;
use crate::sync::RwLock;
use crate::task;

struct Guarded {
    lock: RwLock,
    data: Data,
}

impl Guarded {
    fn new() -> Arc<Self> {
        task::start();
        Arc::new(Self {
            lock: RwLock::new(),
            data: Data::new(),
        })
    }

    fn add(&self) {
        self.data.write(self.data.read() + 1);
    }

    fn write_once(&self) {
        self.lock.write();
        self.add();
        self.lock.unlock_write();
    }

    fn read_once(&self) -> u32 {
        self.lock.read();
        let value = self.data.read();
        self.lock.unlock_read();
        value
    }

    fn writer(self: &Arc<Self>, number: u32) -> JoinHandle<()> {
        let this = self.clone();
        task::spawn(number, move || this.write_once())
    }

    fn reader(self: &Arc<Self>, number: u32) -> JoinHandle<()> {
        let this = self.clone();
        task::spawn(number, move || {
            this.read_once();
        })
    }
}

/// Of two writers, each has it alone, and sees what the other did.
pub fn writers_exclude_each_other() {
    let guarded = Guarded::new();
    let other = guarded.writer(1);
    guarded.write_once();
    other.join().unwrap();
    assert_eq!(guarded.read_once(), 2);
}

/// A reader and a writer exclude each other, and nobody is forgotten.
pub fn readers_exclude_writers() {
    let guarded = Guarded::new();
    let writer = guarded.writer(1);
    guarded.read_once();
    writer.join().unwrap();
    assert_eq!(guarded.read_once(), 1);
}

/// A writer that comes while two read is roused by the last of them.
pub fn the_last_reader_rouses_a_writer() {
    let guarded = Guarded::new();
    guarded.lock.read();
    let writer = guarded.writer(1);
    let reader = guarded.reader(2);
    guarded.data.read();
    guarded.lock.unlock_read();
    writer.join().unwrap();
    reader.join().unwrap();
    assert_eq!(guarded.read_once(), 1);
}

/// Readers that wait for a writer are granted the lock, and see what it did.
pub fn a_writer_grants_to_all_readers() {
    let guarded = Guarded::new();
    guarded.lock.write();
    let readers = [guarded.reader(1), guarded.reader(2)];
    guarded.add();
    guarded.lock.unlock_write();
    for reader in readers {
        reader.join().unwrap();
    }
    assert_eq!(guarded.read_once(), 1);
}

/// A reader and a writer that wait for a writer both get it, also if another writer is
/// faster than they are.
pub fn nobody_is_forgotten() {
    let guarded = Guarded::new();
    guarded.lock.write();
    let writer = guarded.writer(1);
    let reader = guarded.reader(2);
    guarded.add();
    guarded.lock.unlock_write();
    if guarded.lock.try_write() {
        guarded.add();
        guarded.lock.unlock_write();
    }
    writer.join().unwrap();
    reader.join().unwrap();
}

/// Two writers that wait both get it.
pub fn the_second_writer_is_not_forgotten() {
    let guarded = Guarded::new();
    guarded.lock.write();
    let writers = [guarded.writer(1), guarded.writer(2)];
    guarded.add();
    guarded.lock.unlock_write();
    for writer in writers {
        writer.join().unwrap();
    }
    assert_eq!(guarded.read_once(), 3);
}

/// Who stops writing and reads on shares the lock with a reader that waits, and a
/// writer gets it after both.
pub fn who_downgrades_shares() {
    let guarded = Guarded::new();
    guarded.lock.write();
    let reader = guarded.reader(1);
    let writer = guarded.writer(2);
    guarded.add();
    if Weakening::Order.is_set() {
        guarded.lock.unlock_write();
        guarded.lock.read();
    } else {
        guarded.lock.downgrade();
    }
    assert_eq!(guarded.data.read(), 1, "somebody wrote in between");
    guarded.lock.unlock_read();
    reader.join().unwrap();
    writer.join().unwrap();
}
