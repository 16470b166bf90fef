//! One body, run with std's modules and with netpoll's: what they see must agree.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A directory that is empty at first, and removed at the end.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("netpoll-{}-{count}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl std::ops::Deref for Scratch {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a body has seen, one line for each thing.
#[derive(Default, Debug, PartialEq)]
pub struct Seen(Vec<String>);

impl Seen {
    pub fn add(&mut self, what: impl Debug) {
        self.0.push(format!("{what:?}"));
    }

    /// A result: of an error what a program can go by.
    pub fn result<T: Debug>(&mut self, result: io::Result<T>) {
        match result {
            Ok(value) => self.add(value),
            Err(error) => self.add((error.kind(), error.raw_os_error(), error.to_string())),
        }
    }

    /// As `result`, of what cannot be compared.
    pub fn done<T>(&mut self, result: io::Result<T>) {
        self.result(result.map(drop));
    }
}

/// Runs a body in a directory of its own; paths are the same in all.
pub fn look(body: fn(&Path, &mut Seen)) -> Seen {
    let scratch = Scratch::new();
    let mut seen = Seen::default();
    body(&scratch, &mut seen);
    let path = scratch.display().to_string();
    for line in &mut seen.0 {
        *line = line.replace(&path, "SCRATCH");
    }
    seen
}

/// A test whose body is instantiated twice, with `fs`, `process`, `unix_fs` and
/// `unix_process` of std and of netpoll, and sees the same everywhere.
macro_rules! same {
    ($(#[$meta:meta])* fn $name:ident($dir:ident, $seen:ident) $body:block) => {
        $(#[$meta])*
        #[test]
        #[allow(
            unused_imports,
            unused_variables,
            clippy::useless_conversion,
            reason = "a body uses a part, and converts what is std's already on std"
        )]
        fn $name() {
            fn on_std($dir: &std::path::Path, $seen: &mut $crate::same::Seen) {
                use std::os::unix::{fs as unix_fs, process as unix_process};
                use std::{fs, process};
                $body
            }
            fn on_netpoll($dir: &std::path::Path, $seen: &mut $crate::same::Seen) {
                use netpoll::fs::unix as unix_fs;
                use netpoll::process::unix as unix_process;
                use netpoll::{fs, process};
                $body
            }
            $crate::common::everywhere(|| {
                let (ours, expected) =
                    ($crate::same::look(on_netpoll), $crate::same::look(on_std));
                assert_ne!(expected, Default::default(), "nothing was looked at");
                assert_eq!(ours, expected);
            });
        }
    };
}

pub(crate) use same;
