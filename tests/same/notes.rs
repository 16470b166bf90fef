//! What a test wrote down, made comparable.

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use super::common;

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Notes {
    lines: Vec<String>,
    /// What differs from run to run, and what stands for it.
    placeholders: Vec<(String, String)>,
    files: Vec<PathBuf>,
}

impl Notes {
    /// Writes down a value.
    pub(crate) fn note(&mut self, what: &str, value: impl Debug) {
        self.lines.push(format!("{what}: {value:?}"));
    }

    /// Writes down how something ended: the value, or the error's kind and number.
    pub(crate) fn ended<T: Debug>(&mut self, what: &str, result: io::Result<T>) {
        match result {
            Ok(value) => self.note(what, value),
            Err(error) => self.note(what, (error.kind(), error.raw_os_error())),
        }
    }

    /// From now on `name` stands for the descriptor of a socket.
    pub(crate) fn name_fd(&mut self, name: &str, socket: &impl AsRawFd) {
        let text = format!("fd: {}", socket.as_raw_fd());
        self.placeholders.push((text, format!("fd: <{name}>")));
    }

    /// From now on `name` stands for the port of an address.
    pub(crate) fn name_port(&mut self, name: &str, address: SocketAddr) {
        let text = format!(":{}", address.port());
        self.placeholders.push((text, format!(":<{name}>")));
    }

    /// A path that nobody else has, which `name` stands for. Removed at the end.
    pub(crate) fn path(&mut self, name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(self.unique(name));
        self.files.push(path.clone());
        path
    }

    /// A text that nobody else has, which `name` stands for.
    pub(crate) fn unique(&mut self, name: &str) -> String {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let text = format!("netpoll-same-{}-{count}-end", std::process::id());
        self.placeholders.push((text.clone(), format!("<{name}>")));
        text
    }

    fn into_text(self) -> String {
        let mut text = self.lines.join("\n");
        for (what, placeholder) in &self.placeholders {
            text = replace_whole(&text, what, placeholder);
        }
        for file in &self.files {
            let _ = std::fs::remove_file(file);
        }
        text
    }
}

/// Replaces `what` where no further digit follows.
fn replace_whole(text: &str, what: &str, with: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(what) {
        let (before, found) = rest.split_at(at);
        let after = &found[what.len()..];
        let is_whole = !after.starts_with(|c: char| c.is_ascii_digit());
        result.push_str(before);
        result.push_str(if is_whole { with } else { what });
        rest = after;
    }
    result + rest
}

/// Runs both sides and compares what they wrote down.
pub(crate) fn compare(std_side: fn(&mut Notes), our_side: fn(&mut Notes)) {
    let run = |side: fn(&mut Notes)| {
        let mut notes = Notes::default();
        side(&mut notes);
        notes.into_text()
    };
    let expected = run(std_side);
    assert!(!expected.is_empty(), "the test writes nothing down");
    common::everywhere(move || assert_eq!(run(our_side), expected, "ours left, std's right"));
}

#[test]
fn what_differs_is_seen() {
    let differs = std::panic::catch_unwind(|| {
        compare(|notes| notes.note("it", 1), |notes| notes.note("it", 2));
    });
    assert!(differs.is_err());
    assert_eq!(replace_whole("fd: 12, fd: 1", "fd: 1", "x"), "fd: 12, x");
}
