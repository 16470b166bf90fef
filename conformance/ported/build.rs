//! Ports a crate by its `use` lines.
//!
//! The source is the one that cargo has fetched, unmodified. A copy of it goes to
//! `OUT_DIR`, where `use std::net`, and so on, become `use netpoll::net`; what was
//! changed is written to `uses.diff`. `src/lib.rs` includes the result. So nothing of
//! the crate is in this repository, and nothing of it is patched by hand.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// What is ported.
const CRATE: &str = "oxhttp";

/// The modules of std that netpoll has in their place.
const MODULES: [&str; 2] = ["net", "thread"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../../Cargo.lock");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    let ported = out.join("source");
    let _ = fs::remove_dir_all(&ported);
    let mut diff = String::new();
    port(&source(&out), &ported, CRATE, &mut diff);
    assert!(!diff.is_empty(), "no line of {CRATE} uses std's sockets");
    fs::write(out.join("uses.diff"), diff).unwrap();
}

/// Where cargo keeps the crate's source.
///
/// It is asked about a package that depends on this crate alone, at the version that the
/// workspace has locked: all that takes is here when this runs, so it works offline.
fn source(out: &Path) -> PathBuf {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap());
    let question = out.join("question");
    fs::create_dir_all(question.join("src")).unwrap();
    fs::write(question.join("src/lib.rs"), "").unwrap();
    let manifest = question.join("Cargo.toml");
    let text = format!(
        "[package]\nname = \"question\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n\
         [dependencies]\n{CRATE} = {{ version = \"*\", default-features = false }}\n\n\
         [workspace]\n"
    );
    fs::write(&manifest, text).unwrap();
    fs::copy(here.join("../../Cargo.lock"), question.join("Cargo.lock")).unwrap();
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
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            name.split('-').next() == Some(CRATE)
        });
    let Some(folder) = found else {
        panic!(
            "cargo does not say where {CRATE} is: {}",
            String::from_utf8_lossy(&answer.stderr)
        );
    };
    folder.join("src")
}

/// Copies a folder, with other `use` lines.
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
        for (number, line) in fs::read_to_string(&from).unwrap().lines().enumerate() {
            let other = rewritten(line);
            if other != line {
                changed += &format!("@@ {} @@\n-{line}\n+{other}\n", number + 1);
            }
            text += &other;
            text.push('\n');
        }
        if !changed.is_empty() {
            *diff += &format!("--- {name}\n{changed}");
        }
        if name == format!("{CRATE}/lib.rs") {
            text = without_inner_attributes(&text);
        }
        fs::write(&to, text).unwrap();
    }
}

/// A line as it is with netpoll.
fn rewritten(line: &str) -> String {
    let Some((before, after)) = line.split_once("use std::") else {
        return line.to_owned();
    };
    let module = after
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .next()
        .unwrap_or_default();
    if before.trim().is_empty() && MODULES.contains(&module) {
        format!("{before}use netpoll::{after}")
    } else {
        line.to_owned()
    }
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
