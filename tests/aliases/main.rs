//! Who knows CloudWeGo's netpoll finds its names here: each is in `docs/checklist.md`, and
//! a search in the documentation leads to what does the same.

mod public;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use public::{Files, findable};

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
    PollEvent PollReadable PollWritable PollDetach PollR2RW PollRW2R
    FDOperator FD OnRead OnWrite OnHup Inputs InputAck Outputs OutputAck
    gopool mcache
";

/// Some of gnet's and of tokio's, for who comes from there: see `docs/handler-mode.md`.
const OTHERS: &str = "
    OnTraffic OnOpen OnClose AsyncWrite Peek Discard
    LengthDelimitedCodec Codec Decoder
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

/// The source of the crate.
fn files() -> Files {
    let mut files = Vec::new();
    let source = root().join("src");
    rust_files(&source, &mut files);
    let text = |file: PathBuf| {
        let name = file.strip_prefix(&source).unwrap().to_str().unwrap();
        (name.to_owned(), fs::read_to_string(&file).unwrap())
    };
    files.into_iter().map(text).collect()
}

#[test]
fn every_name_of_cloudwego_s_is_listed_and_found() {
    let files = files();
    let found = findable(&files);
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

/// An alias stands above what it is found by, whosever name it is: an item or its `pub use`.
#[test]
fn no_alias_of_an_item_is_lost() {
    let files = files();
    let found = findable(&files);
    let aliases = files.iter().flat_map(|(file, text)| {
        let aliases = text.split("\n#[doc(alias = \"").skip(1);
        aliases.map(move |rest| (file, rest.split('"').next().unwrap()))
    });
    let lost: Vec<_> = aliases
        .filter(|(_, alias)| !found.contains(alias))
        .collect();
    assert!(lost.is_empty(), "a search does not find {lost:?}");
}

#[test]
fn names_of_others_are_found() {
    let files = files();
    let found = findable(&files);
    for name in OTHERS.split_whitespace() {
        assert!(found.contains(name), "a search for {name} finds nothing");
    }
}

/// A crate with things that rustdoc shows, and things that it does not. Each file follows
/// the line with its name.
const SMALL: &str = r#"
== lib.rs
pub mod open;
mod shut;
#[doc(alias = "of a use")]
pub use shut::Shown;
pub use shut::{deep::{Deep, Renamed as Other}, moved};
#[doc(alias = "exported")]
#[macro_export]
macro_rules! shown {
== open/mod.rs
mod inner;
pub use inner::Inner;
#[doc(alias = "type")]
#[derive(Debug)]
pub struct Open {
    #[doc(alias = "private field")]
    field: u8,
}
#[doc(alias = "hidden type")]
pub(crate) struct Hidden;
impl Open {
    #[doc(alias = "method")]
    #[expect(
        unused,
        reason = "none"
    )]
    pub fn method(&self) {}
    #[doc(alias = "private method")]
    fn private(&self) {}
}
impl<T: Into<Vec<u8>>> From<T> for Hidden {
    #[doc(alias = "method of a hidden type")]
    pub fn method(&self) {}
}
== open/inner.rs
pub struct Inner;
pub struct Reachable;
impl Reachable {
    #[doc(alias = "method of a type without a public name")]
    pub fn method(&self) {}
}
impl<'a> super::Open {
    #[doc(alias = "method elsewhere")]
    pub const fn other(&self) {}
}
== shut/mod.rs
pub(crate) mod deep;
mod far;
pub mod moved;
pub(crate) use far::Shown;
#[doc(alias = "shut trait")]
pub trait Shut {
    #[doc(alias = "method of a shut trait")]
    fn method(&self);
}
== shut/deep.rs
pub struct Deep;
pub enum Renamed {
    #[doc(alias = "variant")]
    One,
}
pub struct Not;
== shut/far.rs
#[doc(alias = "of an item that is named elsewhere")]
pub trait Shown {
    #[doc(alias = "required")]
    fn method(&self);
}
== shut/moved.rs
pub fn within() {}
"#;

/// Nothing is found that rustdoc does not show.
#[test]
fn what_is_not_public_is_not_found() {
    let parts = SMALL.split("\n== ").skip(1);
    let files = parts.map(|part| part.split_once('\n').unwrap());
    let files: Files = files
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .collect();
    let found: Vec<&str> = findable(&files).into_iter().collect();
    let shown = [
        "Deep",
        "Inner",
        "Open",
        "Renamed",
        "Shown",
        "exported",
        "method",
        "method elsewhere",
        "of a use",
        "required",
        "type",
        "variant",
        "within",
    ];
    assert_eq!(found, shown);
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
