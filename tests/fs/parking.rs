//! What waits for a file does not hold up its worker.

use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use netpoll::fs::unix::FileExt;
use netpoll::{fs, thread};

use crate::common::{everywhere, in_child, on, on_workers, until};
use crate::same::Scratch;

fn make_fifo(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

/// Pain 12: a task that blocks freezes the rest. Opening a FIFO blocks its thread until the other end is opened, here by a task of the
/// same worker.
#[test]
fn pain_12_other_tasks_go_on_while_one_opens_a_fifo() {
    on_workers(|| {
        let scratch = Scratch::new();
        let path = scratch.join("fifo");
        make_fifo(&path);
        let at = path.clone();
        let opened = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&opened);
        let reader = thread::spawn(move || {
            let mut file = fs::File::open(at).unwrap();
            seen.store(true, Ordering::SeqCst);
            // Reading blocks likewise: nothing is written yet.
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            text
        });
        for _ in 0..1000 {
            thread::yield_now();
        }
        assert!(!opened.load(Ordering::SeqCst));
        let mut writer = fs::OpenOptions::new().write(true).open(&path).unwrap();
        until("the reader has opened it", || opened.load(Ordering::SeqCst));
        for word in ["one ", "two ", "three"] {
            thread::yield_now();
            writer.write_all(word.as_bytes()).unwrap();
        }
        drop(writer);
        assert_eq!(reader.join().unwrap(), "one two three");
    });
}

/// What has no position is read and written at the same time.
#[test]
fn one_task_reads_a_fifo_while_another_writes_it() {
    everywhere(|| {
        let scratch = Scratch::new();
        let path = scratch.join("fifo");
        make_fifo(&path);
        let file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        let file = Arc::new(file);
        let clone = Arc::clone(&file);
        let reader = thread::spawn(move || {
            let mut bytes = vec![0; 300_000];
            (&*clone).read_exact(&mut bytes).unwrap();
            bytes
        });
        let bytes: Vec<u8> = (0..300_000).map(|i| i as u8).collect();
        (&*file).write_all(&bytes).unwrap();
        assert_eq!(reader.join().unwrap(), bytes);
    });
}

/// Each chunk is read by one of the tasks, whole.
#[test]
fn tasks_take_turns_with_the_position() {
    everywhere(|| {
        let scratch = Scratch::new();
        let path = scratch.join("numbers");
        let numbers: Vec<u8> = (0..20_000_u32).flat_map(u32::to_ne_bytes).collect();
        fs::write(&path, numbers).unwrap();
        let file = Arc::new(fs::File::open(&path).unwrap());
        let readers: Vec<_> = (0..8)
            .map(|i| {
                let file = Arc::clone(&file);
                thread::spawn(move || {
                    let mut mine = Vec::new();
                    loop {
                        let mut number = [0; 4];
                        match (&*file).read(&mut number).unwrap() {
                            0 => return mine,
                            4 => mine.push(u32::from_ne_bytes(number)),
                            n => panic!("{n} bytes"),
                        }
                        // Some on the pool, which holds the turn meanwhile.
                        if mine.len() % 64 == i {
                            let length = file.metadata().unwrap().len();
                            assert_eq!((&*file).stream_position().unwrap() % 4, 0);
                            let mut last = [0; 4];
                            file.read_exact_at(&mut last, length - 4).unwrap();
                            assert_eq!(u32::from_ne_bytes(last), 19_999);
                        }
                    }
                })
            })
            .collect();
        let mut all: Vec<_> = readers
            .into_iter()
            .flat_map(|reader| reader.join().unwrap())
            .collect();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..20_000));
    });
}

#[test]
fn tasks_append_whole_lines() {
    everywhere(|| {
        let scratch = Scratch::new();
        let path = scratch.join("log");
        let log = fs::OpenOptions::new().append(true).create(true).open(&path);
        let log = Arc::new(log.unwrap());
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let log = Arc::clone(&log);
                thread::spawn(move || {
                    for line in 0..50 {
                        (&*log)
                            .write_all(format!("{writer} {line}\n").as_bytes())
                            .unwrap();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        let mut next = [0; 8];
        for line in BufReader::new(fs::File::open(&path).unwrap()).lines() {
            let line = line.unwrap();
            let (writer, count) = line.split_once(' ').unwrap();
            let next = &mut next[writer.parse::<usize>().unwrap()];
            assert_eq!(count.parse::<usize>().unwrap(), *next);
            *next += 1;
        }
        assert_eq!(next, [50; 8]);
    });
}

/// A reader whose data is always in memory never parks, and gives way all the same.
#[test]
fn a_reader_of_what_is_in_memory_gives_way() {
    on(1, || {
        let scratch = Scratch::new();
        let path = scratch.join("file");
        fs::write(&path, [7; 4096]).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (seen, at) = (Arc::clone(&stop), path.clone());
        let reader = thread::spawn(move || {
            let mut file = fs::File::open(at).unwrap();
            let mut reads = 0_u64;
            while !seen.load(Ordering::SeqCst) {
                file.rewind().unwrap();
                file.read_exact(&mut [0; 64]).unwrap();
                reads += 1;
            }
            reads
        });
        for _ in 0..20 {
            thread::yield_now();
        }
        stop.store(true, Ordering::SeqCst);
        reader.join().unwrap();
    });
}

#[test]
fn inside_of_no_park_nothing_has_begun() {
    on_workers(|| {
        let scratch = Scratch::new();
        let path = scratch.join("file");
        let made = catch_unwind(AssertUnwindSafe(|| {
            thread::no_park(|| fs::write(&path, "x"))
        }));
        assert!(made.is_err());
        assert!(!fs::exists(&path).unwrap());
    });
}

/// In a destructor that runs because of a panic, files work.
#[test]
fn a_destructor_during_a_panic_writes_a_file() {
    struct OnDrop(PathBuf);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            fs::write(&self.0, "last words").unwrap();
        }
    }
    everywhere(|| {
        let scratch = Scratch::new();
        let path = scratch.join("file");
        let bye = OnDrop(path.clone());
        let panicked = catch_unwind(AssertUnwindSafe(move || {
            let _bye = bye;
            panic!("on purpose");
        }));
        assert!(panicked.is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "last words");
    });
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn pain_10_no_descriptor_is_left() {
    in_child("parking::pain_10_no_descriptor_is_left", &[], || {
        on_workers(|| {
            let scratch = Scratch::new();
            let path = scratch.join("file");
            fs::write(&path, "x").unwrap();
            let before = descriptors();
            let failures = Arc::new(AtomicUsize::new(0));
            let tasks: Vec<_> = (0..50)
                .map(|i| {
                    let (path, failures) = (path.clone(), Arc::clone(&failures));
                    thread::spawn(move || {
                        let file = fs::File::open(&path).unwrap();
                        let _clone = file.try_clone().unwrap();
                        let _entries = fs::read_dir(path.parent().unwrap()).unwrap();
                        if i % 2 == 0 && fs::File::create_new(&path).is_err() {
                            failures.fetch_add(1, Ordering::Relaxed);
                        }
                        drop(std::fs::File::from(file));
                    })
                })
                .collect();
            for task in tasks {
                task.join().unwrap();
            }
            assert_eq!(failures.load(Ordering::Relaxed), 25);
            until("the count is back", || descriptors() <= before);
        });
    });
}
