//! The processes that the benchmark starts: servers and load clients.
#![forbid(unsafe_code)]

use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::load::{Done, Order, Shape};
use crate::place::Place;
use crate::servers::Server;

/// A process that is killed when this is dropped.
struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn start(place: Place, arguments: &[String]) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .args(place.to_arguments())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        Ok(Self {
            input: child.stdin.take().expect("it is piped"),
            output: BufReader::new(child.stdout.take().expect("it is piped")),
            child,
        })
    }

    fn say(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.input, "{line}")
    }

    /// The next line, without its end; an error if the process has ended.
    fn hear(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            let status = self.child.wait()?;
            return Err(io::Error::other(format!("the process ended with {status}")));
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server that listens.
pub(crate) struct ServerProcess {
    process: Process,
    address: SocketAddr,
}

impl ServerProcess {
    /// Starts a server, and waits until it listens.
    pub(crate) fn start(server: &Server, number: usize, place: Place) -> io::Result<Self> {
        let arguments = [
            "server".to_owned(),
            server.name.to_owned(),
            format!("--number={number}"),
        ];
        let mut process = Process::start(place, &arguments)?;
        let address = process.hear()?.parse().map_err(io::Error::other)?;
        Ok(Self { process, address })
    }

    /// The number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.process.child.id()
    }
}

/// A load client that is connected.
pub(crate) struct LoadProcess {
    process: Process,
}

impl LoadProcess {
    /// Starts a client, and waits until all of its connections have echoed once.
    pub(crate) fn start(server: &ServerProcess, shape: Shape, place: Place) -> io::Result<Self> {
        let mut arguments = vec![
            "load".to_owned(),
            server.address.to_string(),
            format!("--connections={}", shape.connections),
            format!("--size={}", shape.size),
            format!("--depth={}", shape.depth),
        ];
        if shape.any_order {
            arguments.push("--any-order".to_owned());
        }
        let mut process = Process::start(place, &arguments)?;
        process.hear()?;
        Ok(Self { process })
    }

    /// Runs a slice.
    pub(crate) fn run(&mut self, order: &Order) -> io::Result<Done> {
        self.process.say(&serde_json::to_string(order)?)?;
        Ok(serde_json::from_str(&self.process.hear()?)?)
    }

    /// The number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.process.child.id()
    }
}
