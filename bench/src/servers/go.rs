//! Go's `net`: a program of ours in `bench/go`, which is built before the first case.
//!
//! The process settles in its place like every other server, and then becomes the Go
//! program, which inherits that place.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Server;

/// See the [module](self).
pub(super) const SERVER: Server = Server {
    name: "go",
    about: "Go's net, a goroutine with a buffer of its own for each connection",
    usual: true,
    most: usize::MAX,
    run: |buffer| become_go("-buffer", buffer),
};

/// With a second processor, and requests that ask for work.
pub(super) const MIXED: Server = Server {
    name: "go-2",
    about: "Go, which preempts what computes for long",
    run: |steps| become_go("-work", steps),
    ..SERVER
};

/// With requests that are answered each in a goroutine of its own.
pub(super) const RPC: Server = Server {
    name: "go-rpc",
    about: "Go, a goroutine for each request; a channel, and a goroutine that writes",
    run: |size| become_go("-rpc", size),
    ..SERVER
};

fn become_go(option: &str, number: usize) -> io::Result<()> {
    Err(Command::new(program()?)
        .args([option, &number.to_string()])
        .exec())
}

/// Where the program is when it has been built: beside this one.
fn program() -> io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("netpoll-bench-go"))
}

/// Builds the program.
pub(super) fn build() -> Result<(), String> {
    let failed = |error: io::Error| format!("no `go` that runs is on the PATH ({error})");
    let program = program().map_err(failed)?;
    let output = Command::new("go")
        .args(["build", "-o"])
        .arg(program)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("go"))
        .stdin(Stdio::null())
        .output()
        .map_err(failed)?;
    if output.status.success() {
        Ok(())
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("`go build` fails: {}", said.trim()))
    }
}

/// What `go version` says.
pub(super) fn version() -> Option<String> {
    let output = Command::new("go").arg("version").output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    said.split(' ').nth(2).map(str::to_owned)
}
