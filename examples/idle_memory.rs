//! What an idle connection costs, by what its task waits in, beside a thread of std's.
//!
//! ```text
//! cargo run --release --example idle_memory [CONNECTIONS | --smoke]
//! ```
//!
//! Each way of serving runs in a process of its own: it takes the connections, and
//! answers one line on each, and then they idle. The figure is by how much the resident
//! memory of that process has grown since its first connection, divided by their number.
//! What the kernel keeps for a socket is not in it. In debug builds frames are larger.
//!
//! `--smoke` checks, with few connections, that netpoll's `copy` and `BufReader` keep no
//! buffer, which those of std do.
//!
//! A connection takes two descriptors, since its other end is in the same process.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// A way to serve.
struct Way {
    name: &'static str,
    what: &'static str,
    serve: fn() -> io::Result<SocketAddr>,
}

const WAYS: [Way; 8] = [
    Way {
        name: "event",
        what: "handler, nothing left to handle",
        serve: handlers::all,
    },
    Way {
        name: "event-begun",
        what: "handler, three bytes of a frame there, and the rest awaited",
        serve: handlers::all_but_three_bytes,
    },
    Way {
        name: "read",
        what: "task, `read` into 1 KiB on the stack",
        serve: tasks::read,
    },
    Way {
        name: "copy",
        what: "task, netpoll::io::copy",
        serve: tasks::copy,
    },
    Way {
        name: "lines",
        what: "task, netpoll::io::BufReader and lines()",
        serve: tasks::lines,
    },
    Way {
        name: "std-copy",
        what: "task, std::io::copy",
        serve: tasks::std_copy,
    },
    Way {
        name: "std-lines",
        what: "task, std::io::BufReader and lines()",
        serve: tasks::std_lines,
    },
    Way {
        name: "threads",
        what: "thread of std's, std::io::BufReader and lines()",
        serve: threads::lines,
    },
];

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let count = |text: &str| text.parse().ok().filter(|count| *count > 0);
    match *arguments {
        [] => table(10_000).map(drop),
        ["--smoke"] => check(&table(200)?),
        ["--way", name, connections] => {
            let way = WAYS.iter().find(|way| way.name == name);
            measure(way.expect("a way"), count(connections).expect("a number"))
        }
        [text] if count(text).is_some() => table(count(text).unwrap_or_default()).map(drop),
        _ => {
            eprintln!("usage: idle_memory [CONNECTIONS | --smoke]");
            std::process::exit(2);
        }
    }
}

/// Prints what a connection costs in each way, and returns it.
fn table(wanted: usize) -> io::Result<Vec<usize>> {
    let connections = wanted.min(descriptors()?.saturating_sub(100) / 2);
    println!("{connections} idle connections, bytes resident for each:");
    let mut figures = Vec::new();
    for way in &WAYS {
        let output = std::process::Command::new(std::env::current_exe()?)
            .args(["--way", way.name, &connections.to_string()])
            .output()?;
        if !output.status.success() {
            io::stderr().write_all(&output.stderr)?;
            return Err(io::Error::other(format!("{}: {}", way.name, output.status)));
        }
        let bytes = String::from_utf8_lossy(&output.stdout);
        println!("{:>8}  {}", bytes.trim(), way.what);
        figures.push(bytes.trim().parse().map_err(io::Error::other)?);
    }
    Ok(figures)
}

fn check(figures: &[usize]) -> io::Result<()> {
    let [event, begun, _, copy, lines, std_copy, std_lines, _] = figures else {
        unreachable!("as many as there are ways");
    };
    if event.max(begun) >= copy {
        return Err(io::Error::other("a handler costs as much as a task"));
    }
    if copy + 4096 <= *std_copy && lines + 4096 <= *std_lines {
        return Ok(());
    }
    Err(io::Error::other("a buffer is kept while nothing is there"))
}

/// Serves, lets so many connections become idle, and prints what each costs.
fn measure(way: &Way, connections: usize) -> io::Result<()> {
    descriptors()?;
    let address = (way.serve)()?;
    // What comes once for all is there after the first.
    let mut streams = vec![exchange(address)?];
    streams.reserve_exact(connections);
    let before = resident()?;
    for _ in 0..connections {
        streams.push(exchange(address)?);
    }
    println!("{}", resident()?.saturating_sub(before) / connections);
    Ok(())
}

/// Connects, sends a line, and reads the answer.
fn exchange(address: SocketAddr) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"a line of thirty-two characters\n")?;
    let mut answer = [0; 32];
    stream.read_exact(&mut answer)?;
    Ok(stream)
}

/// The resident memory of this process, in bytes.
fn resident() -> io::Result<usize> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let kibibytes = text
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"))
        .and_then(|kibibytes| kibibytes.trim().parse::<usize>().ok());
    Ok(kibibytes.unwrap_or_default() * 1024)
}

/// How many descriptors this process may have; as many as the system allows.
fn descriptors() -> io::Result<usize> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the kernel writes the structure that it is given.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: the kernel reads the structure that it is given.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX))
}

/// Answers each line with itself.
fn echo_lines<S: Copy + Read + Write>(
    stream: S,
    lines: impl Iterator<Item = io::Result<String>>,
) -> io::Result<()> {
    let mut writer = stream;
    for line in lines {
        let mut line = line?;
        line.push('\n');
        writer.write_all(line.as_bytes())?;
    }
    Ok(())
}

/// A task for each connection.
mod tasks {
    use super::*;
    use netpoll::net::{TcpListener, TcpStream};

    fn serve(task: fn(TcpStream) -> io::Result<()>) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        netpoll::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                netpoll::thread::spawn(move || task(stream));
            }
        });
        Ok(address)
    }

    pub(super) fn read() -> io::Result<SocketAddr> {
        serve(|mut stream| {
            let mut buffer = [0; 1024];
            while let n @ 1.. = stream.read(&mut buffer)? {
                stream.write_all(&buffer[..n])?;
            }
            Ok(())
        })
    }

    pub(super) fn copy() -> io::Result<SocketAddr> {
        serve(|stream| netpoll::io::copy(&mut &stream, &mut &stream).map(drop))
    }

    pub(super) fn lines() -> io::Result<SocketAddr> {
        serve(|stream| echo_lines(&stream, netpoll::io::BufReader::new(&stream).lines()))
    }

    pub(super) fn std_copy() -> io::Result<SocketAddr> {
        serve(|stream| io::copy(&mut &stream, &mut &stream).map(drop))
    }

    pub(super) fn std_lines() -> io::Result<SocketAddr> {
        serve(|stream| echo_lines(&stream, BufReader::new(&stream).lines()))
    }
}

/// Handlers, without a task for each connection.
mod handlers {
    use super::*;
    use netpoll::event::{Connection, EventLoop, Handler, Next};
    use netpoll::net::TcpListener;

    fn serve(handler: impl Handler) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        netpoll::thread::spawn(move || EventLoop::new(handler).serve(listener));
        Ok(address)
    }

    pub(super) fn all() -> io::Result<SocketAddr> {
        serve(|connection: &mut Connection| {
            let all = connection.reader().next(connection.reader().len())?;
            connection.writer().write_binary(all);
            Ok(Next::Again)
        })
    }

    pub(super) fn all_but_three_bytes() -> io::Result<SocketAddr> {
        serve(|connection: &mut Connection| {
            let Some(most) = connection.reader().len().checked_sub(3) else {
                return Ok(Next::Need(4));
            };
            connection
                .writer()
                .write_binary(connection.reader().next(most)?);
            connection.writer().write_binary(b"...");
            Ok(Next::Need(100))
        })
    }
}

/// A thread for each connection.
mod threads {
    use super::*;
    use std::net::TcpListener;

    pub(super) fn lines() -> io::Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || echo_lines(&stream, BufReader::new(&stream).lines()));
            }
        });
        Ok(address)
    }
}
