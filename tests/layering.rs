//! The layers of the crate, as a test. Arrows only go down.
//!
//! This is a statement of policy: when it fails, move the code, not the table.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each module at the root of the crate and its layer. A module imports from
/// lower layers, and from its own folder.
const LAYERS: &[(&str, u32)] = &[
    ("sys", 0),
    ("buf", 0),
    ("stack", 1),
    ("task", 2),
    ("poll", 3),
    ("sched", 4),
    ("fd", 5),
    ("sync", 6),
    ("thread", 6),
    ("time", 6),
    ("io", 7),
    ("fs", 7),
    ("process", 7),
    ("signal", 7),
    ("os", 8),
    // Dials and listens for the sockets of Unix as well.
    ("net", 9),
    ("event", 10),
    ("mux", 11),
];

/// The folders, and files, that may contain unsafe code.
const UNSAFE: &[&str] = &[
    "sys",
    "stack",
    "task",
    "poll",
    "fd",
    "buf",
    "sync/mutex.rs",
    "sync/rw_lock.rs",
    "thread/scope.rs",
    "fs/raw.rs",
    "process/unix.rs",
    // Conversions from raw descriptors.
    "net/convert.rs",
    "os/unix/net/convert.rs",
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The modules at the root that a text refers to by `crate::`, documentation aside.
fn imports(text: &str) -> BTreeSet<String> {
    let code: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap())
        .collect::<Vec<_>>()
        .join("\n");
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let list = list.split('}').next().unwrap();
            found.extend(list.split(',').filter_map(first_name));
        } else {
            found.extend(first_name(rest));
        }
    }
    found
}

fn first_name(path: &str) -> Option<String> {
    let name: String = path
        .trim_start()
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    (!name.is_empty()).then_some(name)
}

/// Which root modules each root module imports.
fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in rust_files(&source()) {
        let relative = file.strip_prefix(source()).unwrap();
        let module = relative.iter().next().unwrap().to_str().unwrap();
        let module = module.trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        let imported = imports(&fs::read_to_string(&file).unwrap());
        arrows
            .entry(module.to_owned())
            .or_default()
            .extend(imported);
    }
    arrows
}

#[test]
fn every_module_has_a_layer() {
    let known: BTreeSet<&str> = LAYERS.iter().map(|(name, _)| *name).collect();
    let found = arrows();
    let found: BTreeSet<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(known, found);
}

#[test]
fn arrows_only_go_down() {
    let layers: BTreeMap<&str, u32> = LAYERS.iter().copied().collect();
    let mut seen = 0;
    for (module, imported) in arrows() {
        for other in imported.iter().filter(|other| **other != module) {
            let (Some(from), Some(to)) = (layers.get(&*module), layers.get(&**other)) else {
                panic!("{module} imports crate::{other}, which has no layer");
            };
            assert!(
                to < from,
                "{module} (layer {from}) imports {other} (layer {to})"
            );
            seen += 1;
        }
    }
    assert!(
        seen > 10,
        "only {seen} arrows were found: does the test still read imports?"
    );
}

#[test]
fn unsafe_code_stays_where_it_belongs() {
    for file in rust_files(&source()) {
        let relative = file.strip_prefix(source()).unwrap();
        let module = relative.iter().next().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&file).unwrap();
        let has_unsafe = text
            .lines()
            .map(|line| line.split("//").next().unwrap())
            .any(|line| {
                line.split(|c: char| !c.is_alphanumeric() && c != '_')
                    .any(|word| word == "unsafe")
            });
        assert!(
            !has_unsafe || UNSAFE.iter().any(|place| relative.starts_with(place)),
            "{} has unsafe code",
            relative.display()
        );
        let is_root = relative.ends_with("mod.rs") && relative.iter().count() == 2;
        if is_root && !UNSAFE.contains(&module) {
            // What is forbidden cannot be allowed to one file.
            let inside = format!("{module}/");
            let attribute = if UNSAFE.iter().any(|place| place.starts_with(&inside)) {
                "#![deny(unsafe_code)]"
            } else {
                "#![forbid(unsafe_code)]"
            };
            assert!(
                text.lines().any(|line| line == attribute),
                "{} must say {attribute}",
                relative.display()
            );
        }
    }
}

#[test]
fn imports_are_read() {
    let text = "use crate::task::{self, Time};\nuse crate::{poll, sys::socket};\n// crate::net\nlet x = crate::fd::Fd;";
    let expected = ["fd", "poll", "sys", "task"].map(String::from);
    assert_eq!(imports(text), BTreeSet::from(expected));
}
