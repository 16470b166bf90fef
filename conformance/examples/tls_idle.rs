//! What an idle TLS connection costs a server, on tasks and on threads.
//!
//! ```text
//! cargo run --release -p netpoll-conformance --example tls_idle [CONNECTIONS [SECONDS]]
//! ```
//!
//! A server in a process of its own, once with a netpoll task for each connection and
//! once with a std thread, both with the same code around `rustls::StreamOwned`. Each
//! connection makes its handshake, has one message echoed, and then waits in `read`. What
//! is reported is the growth of the server's resident memory: when the last connection
//! has become idle, and some seconds later, when the runtime has given back the pages
//! below the frames of parked tasks, which the handshake has touched. In the end each
//! connection echoes once more.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use netpoll_conformance::process::{raise_file_limit, resident};
use netpoll_conformance::tls::{self, Authority};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};

fn main() -> io::Result<()> {
    raise_file_limit();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| -> usize {
        text.parse().unwrap_or_else(|_| {
            eprintln!("usage: tls_idle [CONNECTIONS [SECONDS] | --smoke]");
            std::process::exit(2);
        })
    };
    let (connections, seconds) = match words[..] {
        ["--serve", kind] => return serve(kind),
        [] => (3000, 30),
        ["--smoke"] => (60, 1),
        [connections] => (number(connections), 30),
        [connections, seconds, ..] => (number(connections), number(seconds)),
    };
    println!("{connections} idle TLS connections; resident bytes of the server for each:");
    for kind in ["netpoll", "threads"] {
        let [at_once, later] = measure(kind, connections, seconds as u64)?;
        println!("{kind:>8}: {at_once:>6} at once, {later:>6} after {seconds} s");
    }
    Ok(())
}

// The server.

/// Serves, and says on demand how much memory is resident.
fn serve(kind: &str) -> io::Result<()> {
    let config = Authority::trusted().server();
    let address = match kind {
        "netpoll" => {
            let listener = netpoll::net::TcpListener::bind("127.0.0.1:0")?;
            let address = listener.local_addr()?;
            netpoll::thread::spawn(move || {
                for stream in listener.incoming() {
                    let (config, stream) = (Arc::clone(&config), stream.unwrap());
                    netpoll::thread::spawn(move || echo(&config, stream));
                }
            });
            address
        }
        _ => {
            let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
            let address = listener.local_addr()?;
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    let (config, stream) = (Arc::clone(&config), stream.unwrap());
                    std::thread::spawn(move || echo(&config, stream));
                }
            });
            address
        }
    };
    let root = Authority::trusted().certificate();
    println!("{address}");
    println!(
        "{}",
        root.iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    );
    for _ in io::stdin().lines() {
        println!("{}", resident());
    }
    Ok(())
}

/// The same code on both.
fn echo(config: &Arc<ServerConfig>, stream: impl Read + Write) -> io::Result<()> {
    let mut stream = tls::serve(config, stream);
    let mut buffer = [0; 64];
    while let n @ 1.. = stream.read(&mut buffer)? {
        stream.write_all(&buffer[..n])?;
        stream.flush()?;
    }
    Ok(())
}

// The clients.

type Client = StreamOwned<ClientConnection, netpoll::net::TcpStream>;

/// The server's process.
struct Server {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Server {
    fn start(kind: &str) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--serve", kind])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let questions = child.stdin.take().expect("it is a pipe");
        let answers = BufReader::new(child.stdout.take().expect("it is a pipe"));
        Ok(Self {
            child,
            questions,
            answers,
        })
    }

    fn answer(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }

    fn resident(&mut self) -> io::Result<usize> {
        writeln!(self.questions)?;
        self.answer()?.parse().map_err(io::Error::other)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn measure(kind: &str, connections: usize, seconds: u64) -> io::Result<[usize; 2]> {
    let mut server = Server::start(kind)?;
    let address: SocketAddr = server.answer()?.parse().map_err(io::Error::other)?;
    let certificate = server.answer()?;
    let config = trusting(&certificate);
    let before = server.resident()?;
    let each = |resident: usize| resident.saturating_sub(before) / connections;

    // Some handshakes at a time: a server sees few at once and has many that are idle.
    let tasks: Vec<_> = (0..connections)
        .step_by(connections.div_ceil(16))
        .map(|first| {
            let many = connections.div_ceil(16).min(connections - first);
            let config = Arc::clone(&config);
            netpoll::thread::spawn(move || -> io::Result<Vec<Client>> {
                let one = |_| {
                    let mut client = tls::connect(&config, connected(address)?);
                    ping(&mut client)?;
                    Ok(client)
                };
                (0..many).map(one).collect()
            })
        })
        .collect();
    let mut clients = Vec::new();
    for task in tasks {
        clients.extend(task.join().expect("no task panics")?);
    }
    assert_eq!(clients.len(), connections);
    let at_once = each(server.resident()?);
    std::thread::sleep(Duration::from_secs(seconds));
    let later = each(server.resident()?);
    for client in &mut clients {
        ping(client)?;
    }
    Ok([at_once, later])
}

fn connected(address: SocketAddr) -> io::Result<netpoll::net::TcpStream> {
    let stream = netpoll::net::TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn ping(client: &mut Client) -> io::Result<()> {
    client.write_all(b"are you there?")?;
    client.flush()?;
    let mut reply = [0; 14];
    client.read_exact(&mut reply)?;
    assert_eq!(&reply, b"are you there?");
    Ok(())
}

/// For clients that trust who signed the server's certificate, in hexadecimal digits.
fn trusting(certificate: &str) -> Arc<ClientConfig> {
    let digits = certificate.as_bytes().chunks(2);
    let bytes: Vec<u8> = digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    let mut roots = RootCertStore::empty();
    roots.add(bytes.into()).expect("a certificate");
    tls::client(Arc::new(roots))
}
