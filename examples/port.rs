//! A program for std, and the same program for netpoll: the `use` lines differ.
//!
//! ```text
//! cargo run --release --example port [CONNECTIONS]      # 10,000 unless it says otherwise
//! ```
//!
//! `port/store.rs` is a server on std with a thread for each connection, on `BufReader`
//! and `lines()`, with scoped threads, a mutex, a channel and a thread-local.
//! `port/ported_store.rs` is what became of it. This shows how they differ, talks to both,
//! and then holds many connections to the second, which runs in a process of its own.

#[path = "port/ported_store.rs"]
mod ported_store;
#[path = "port/store.rs"]
mod store;

use std::process::{Command, Stdio, exit};

use netpoll::io::{self, BufRead, BufReader, Write};
use netpoll::net::{SocketAddr, TcpStream};
use netpoll::thread;

const BEFORE: &str = include_str!("port/store.rs");
const AFTER: &str = include_str!("port/ported_store.rs");

fn main() -> io::Result<()> {
    let argument = std::env::args().nth(1);
    let connections = match argument.as_deref() {
        Some("--serve") => return serve_ported(),
        Some("--smoke") => 300,
        Some(text) => text.parse().unwrap_or_else(|_| {
            eprintln!("usage: port [CONNECTIONS | --smoke]");
            exit(2)
        }),
        None => 10_000,
    };
    show_difference();

    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || store::serve(listener));
    hold(address, 20)?;
    println!("on std:      20 connections, a thread each");

    let mut child = Command::new(std::env::current_exe()?)
        .arg("--serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut told = std::io::BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut next = || {
        told.next()
            .unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()))
    };
    let address = next()?.parse().map_err(io::Error::other)?;
    hold(address, connections)?;
    // The end of its input ends the server, which says how many values were set.
    drop(child.stdin.take());
    let set: usize = next()?.parse().map_err(io::Error::other)?;
    child.wait()?;
    assert_eq!(set, connections, "each connection has set one value");
    println!("on netpoll:  {connections} connections, a task each");
    Ok(())
}

/// Shows the lines that differ. They must be `use` lines, whose order does not count.
fn show_difference() {
    let only_in = |one: &'static str, other: &str| -> Vec<&str> {
        one.lines()
            .filter(|line| !other.lines().any(|same| same == *line))
            .collect()
    };
    let (before, after) = (only_in(BEFORE, AFTER), only_in(AFTER, BEFORE));
    before.iter().for_each(|line| println!("- {line}"));
    after.iter().for_each(|line| println!("+ {line}"));
    println!();
    let ported: Vec<_> = before
        .iter()
        .map(|line| line.replacen("use std::", "use netpoll::", 1))
        .collect();
    assert_eq!(ported, after, "only `use` lines differ");
    let rest = |text: &'static str| -> Vec<&str> {
        text.lines()
            .filter(|line| !line.starts_with("use "))
            .collect()
    };
    assert_eq!(rest(BEFORE), rest(AFTER));
}

fn serve_ported() -> io::Result<()> {
    let listener = netpoll::net::TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    let server = {
        let listener = listener.try_clone()?;
        thread::spawn(|| ported_store::serve(listener))
    };
    // Until the parent has had enough.
    std::io::stdin().lines().for_each(drop);
    listener.close();
    println!("{}", server.join().expect("it serves"));
    Ok(())
}

/// Holds so many connections at once, and talks on each.
fn hold(address: SocketAddr, connections: usize) -> io::Result<()> {
    let mut clients = Vec::with_capacity(connections);
    for client in 0..connections {
        let mut stream = TcpStream::connect(address)?;
        // Each asks before the next comes, so all of them are served at the same time.
        ask(
            &mut stream,
            &format!("SET key{client} value {client}"),
            "OK",
        )?;
        clients.push(stream);
    }
    let clients: Vec<_> = clients
        .into_iter()
        .enumerate()
        .map(|(client, mut stream)| {
            thread::spawn(move || {
                ask(
                    &mut stream,
                    &format!("GET key{client}"),
                    &format!("value {client}"),
                )?;
                ask(&mut stream, "SIZE", &connections.to_string())?;
                ask(&mut stream, "COUNT", "4")?;
                ask(
                    &mut stream,
                    "what?",
                    "ERROR: say SET key value, GET key, SIZE, COUNT or QUIT",
                )?;
                ask(&mut stream, "QUIT", "BYE")
            })
        })
        .collect();
    for client in clients {
        client.join().expect("an answer is right")?;
    }
    Ok(())
}

fn ask(stream: &mut TcpStream, line: &str, answer: &str) -> io::Result<()> {
    stream.write_all(format!("{line}\n").as_bytes())?;
    let mut got = String::new();
    BufReader::new(&mut *stream).read_line(&mut got)?;
    assert_eq!(got.trim_end(), answer, "{line}");
    Ok(())
}
