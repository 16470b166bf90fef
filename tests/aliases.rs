//! Who knows CloudWeGo's netpoll finds its names here: each is in `docs/checklist.md`, and
//! a search in the documentation leads to what does the same.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What it exports; what its `mux` does is listed by the tests of `mux`.
const NAMES: &str = "
    NewEventLoop EventLoop Configure PollerNum SetNumLoops BufferSize Runner DisableGopool
    LoggerOutput SetLoggerOutput LoadBalance SetLoadBalance Initialize Serve Shutdown
    CreateListener ConvertListener Listener
    NewDialer Dialer DialConnection DialTimeout DialTCP DialUnix NewFDConnection
    ResolveTCPAddr ResolveUnixAddr
    NewLinkBuffer LinkBuffer NewReader NewWriter NewReadWriter
    NewIOReader NewIOWriter NewIOReadWriter
    ErrConnClosed ErrReadTimeout ErrDialTimeout ErrDialNoDeadline ErrUnsupported ErrEOF
    ErrWriteTimeout ErrConcurrentAccess Timeout Temporary
    BinaryInplaceThreshold LinkBufferCap
    WithOnPrepare WithOnConnect WithOnDisconnect
    WithReadTimeout WithWriteTimeout WithIdleTimeout
    OnPrepare OnConnect OnRequest OnDisconnect CloseCallback
    Connection Read Write Close LocalAddr RemoteAddr
    SetDeadline SetReadDeadline SetWriteDeadline Reader Writer IsActive
    SetReadTimeout SetWriteTimeout SetIdleTimeout
    SetOnRequest SetOnConnect SetOnDisconnect AddCloseCallback Fd Detach SetKeepAlive
    Next Peek Skip Until ReadString ReadBinary ReadByte Slice Release Len
    Malloc WriteString WriteBinary WriteByte WriteDirect MallocAck Append Flush MallocLen
    IsEmpty WriteBuffer Bytes GetBytes
    Poll Wait Trigger Control Alloc Free
    FDOperator FD OnRead OnWrite OnHup Inputs InputAck Outputs OutputAck
    gopool mcache
";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn text_of(folder: &str) -> String {
    let mut files = Vec::new();
    rust_files(&root().join(folder), &mut files);
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
    texts.collect::<Vec<_>>().join("\n")
}

/// What a search in the documentation finds.
fn findable(source: &str) -> BTreeSet<&str> {
    let aliases = source.split("doc(alias = \"").skip(1);
    let mut found: BTreeSet<&str> = aliases.filter_map(|rest| rest.split('"').next()).collect();
    for kind in ["pub struct ", "pub trait ", "pub enum "] {
        for rest in source.split(kind).skip(1) {
            found.extend(rest.split(|c: char| !c.is_alphanumeric()).next());
        }
    }
    found
}

/// The rows of the part about CloudWeGo: names, and what is said of their tests.
fn rows(checklist: &str) -> Vec<(&str, &str)> {
    let part = checklist.split("## CloudWeGo's netpoll").nth(1).unwrap();
    let part = part.split("\n## ").next().unwrap();
    let rows = part.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split_once(" | ").unwrap()).collect()
}

/// What is between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_name_of_cloudwego_s_is_listed_and_found() {
    let source = text_of("src");
    let found = findable(&source);
    let checklist = fs::read_to_string(root().join("docs/checklist.md")).unwrap();
    // The first backtick was taken away with the bar.
    let listed: BTreeSet<&str> = rows(&checklist)
        .into_iter()
        .flat_map(|(names, _)| names.split('`').step_by(2))
        .filter(|name| !name.is_empty())
        .collect();
    for name in NAMES.split_whitespace() {
        assert!(listed.contains(name), "{name} is not in docs/checklist.md");
    }
    for name in listed {
        assert!(found.contains(name), "a search for {name} finds nothing");
    }
}

/// Tests that the list names are there.
#[test]
fn the_tests_that_are_listed_exist() {
    let tests = text_of("tests");
    let checklist = fs::read_to_string(root().join("docs/checklist.md")).unwrap();
    let mut seen = 0;
    let part = checklist.split("## CloudWeGo's netpoll").nth(1).unwrap();
    let part = part.split("\n## ").next().unwrap();
    let names = part
        .lines()
        .filter_map(|line| line.split("`event`: ").nth(1));
    for name in names.flat_map(quoted).filter(|name| name.len() > 20) {
        assert!(tests.contains(&format!("fn {name}(")), "no test is {name}");
        seen += 1;
    }
    assert!(seen > 20, "only {seen} were found");
}
