//! Ports a crate: std's modules in its source become netpoll's.
//!
//! The source is the one that cargo has fetched, unmodified. A copy of it goes to
//! `OUT_DIR`, where `use std::net`, and so on, become `use netpoll::net`; what was
//! changed is written to `uses.diff`. `src/lib.rs` includes the result. So nothing of
//! the crate is in this repository, and nothing of it is patched by hand.
//!
//! This is the build script of each package here; which crate it ports is what the
//! package's name ends with.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The modules of std that netpoll has in their place.
const MODULES: [&str; 6] = ["io", "net", "os", "sync", "thread", "time"];

fn main() {
    println!("cargo::rerun-if-changed=../port.rs");
    println!("cargo::rerun-if-changed=../../../Cargo.lock");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    let package = env::var("CARGO_PKG_NAME").unwrap();
    let name = package.strip_prefix("netpoll-ported-").unwrap();
    let ported = out.join("source");
    let _ = fs::remove_dir_all(&ported);
    let mut diff = String::new();
    port(&source(name, &out), &ported, name, &mut diff);
    // Packages of an older edition build this too, where a message needs an argument.
    assert!(!diff.is_empty(), "nothing in {} has a counterpart", name);
    fs::write(out.join("uses.diff"), diff).unwrap();
}

/// Where cargo keeps the crate's source.
///
/// It is asked about a package that depends on this crate alone, at the version that the
/// workspace has locked: all that takes is here when this runs, so it works offline.
fn source(name: &str, out: &Path) -> PathBuf {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap());
    let question = out.join("question");
    fs::create_dir_all(question.join("src")).unwrap();
    fs::write(question.join("src/lib.rs"), "").unwrap();
    let manifest = question.join("Cargo.toml");
    let text = format!(
        "[package]\nname = \"question\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n\
         [dependencies]\n{name} = {{ version = \"*\", default-features = false }}\n\n\
         [workspace]\n"
    );
    fs::write(&manifest, text).unwrap();
    fs::copy(
        here.join("../../../Cargo.lock"),
        question.join("Cargo.lock"),
    )
    .unwrap();
    let answer = Command::new(env::var_os("CARGO").unwrap())
        .args(["metadata", "--offline", "--format-version", "1"])
        .args(["--filter-platform", &env::var("TARGET").unwrap()])
        .arg("--manifest-path")
        .arg(&manifest)
        // The settings that apply here, such as where crates come from.
        .current_dir(&here)
        .output()
        .unwrap();
    let text = String::from_utf8(answer.stdout).unwrap();
    let found = text
        .split("\"manifest_path\":\"")
        .skip(1)
        .filter_map(|rest| Path::new(rest.split('"').next()?).parent())
        .find(|folder| {
            let folder = folder.file_name().unwrap_or_default().to_string_lossy();
            folder.split('-').next() == Some(name)
        });
    let Some(folder) = found else {
        panic!(
            "cargo does not say where {name} is: {}",
            String::from_utf8_lossy(&answer.stderr)
        );
    };
    folder.join("src")
}

/// Copies a folder, with netpoll in it. The name is the folder's, from the crate's on.
fn port(from: &Path, to: &Path, name: &str, diff: &mut String) {
    fs::create_dir_all(to).unwrap();
    let mut entries: Vec<_> = fs::read_dir(from).unwrap().map(Result::unwrap).collect();
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        let file = entry.file_name().into_string().unwrap();
        let (from, to, name) = (from.join(&file), to.join(&file), format!("{name}/{file}"));
        if from.is_dir() {
            port(&from, &to, &name, diff);
            continue;
        }
        let mut text = String::new();
        let mut changed = String::new();
        let whole = fs::read_to_string(&from).unwrap();
        let mut lines = whole.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            let mut old = vec![line];
            let new = if line.trim_start().starts_with("use std::{") {
                while !old.last().unwrap().ends_with("};") {
                    old.push(lines.next().unwrap().1);
                }
                split(&old.join("\n"))
            } else {
                vec![rewritten(line)]
            };
            if new != old {
                changed += &format!("@@ {} @@\n", number + 1);
                changed.extend(old.iter().map(|line| format!("-{line}\n")));
                changed.extend(new.iter().map(|line| format!("+{line}\n")));
            }
            text += &new.join("\n");
            text.push('\n');
        }
        if !changed.is_empty() {
            *diff += &format!("--- {name}\n{changed}");
        }
        if name
            .split_once('/')
            .is_some_and(|(_, rest)| rest == "lib.rs")
        {
            text = without_inner_attributes(&text);
        }
        fs::write(&to, text).unwrap();
    }
}

/// A line as it is with netpoll: in `use`, and in paths that are written out.
fn rewritten(line: &str) -> String {
    if line.trim_start().starts_with("//") {
        return line.to_owned();
    }
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let mut parts = line.split("std::");
    let mut text = parts.next().unwrap().to_owned();
    for rest in parts {
        let module = rest.split(|c| !is_part(c) || c == ':').next().unwrap();
        let is_whole = !text.ends_with(is_part);
        let root = if is_whole && MODULES.contains(&module) {
            "netpoll"
        } else {
            "std"
        };
        text += &format!("{root}::{rest}");
    }
    text
}

/// A `use` of several modules at once, as one of std and one of netpoll.
fn split(group: &str) -> Vec<String> {
    let (before, rest) = group.split_once("use std::{").unwrap();
    let inside = rest.strip_suffix("};").unwrap();
    let mut depth = 0;
    let items = inside.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    let items = items.map(str::trim).filter(|item| !item.is_empty());
    let (ours, stds): (Vec<_>, Vec<_>) = items.partition(|item| {
        let module = item.split("::").next().unwrap();
        MODULES.contains(&module)
    });
    if ours.is_empty() {
        return group.lines().map(str::to_owned).collect();
    }
    let mut lines = vec![format!("{before}use netpoll::{{{}}};", ours.join(", "))];
    if !stds.is_empty() {
        lines.push(format!("{before}use std::{{{}}};", stds.join(", ")));
    }
    lines
}

/// The root of the crate, so that it can be included: lints and documentation of the
/// whole crate can only stand at the head of the file that includes it.
fn without_inner_attributes(text: &str) -> String {
    let mut kept = String::new();
    let mut depth = 0;
    for line in text.lines() {
        let begins = depth == 0 && line.starts_with("#![");
        if begins || depth > 0 {
            depth += line.matches('[').count();
            depth -= line.matches(']').count();
        } else if !line.starts_with("//!") {
            kept += line;
            kept.push('\n');
        }
    }
    kept
}
