//! An echo server of UDP, in three ways: a datagram at a time, in batches, and with the
//! system joining what comes and taking apart what goes.
//!
//! ```text
//! cargo run --release --example udp_echo               then: nc -u 127.0.0.1 7000
//! cargo run --release --example udp_echo -- --smoke    all three against clients, and exit
//! cargo run --release --example udp_echo -- --measure  how many datagrams each echoes in a
//!                                                      second of the server's processor time
//! ```
//!
//! For `--measure` the process starts itself as the server, so that its time counts alone.

use netpoll::net::{Batch, Transmit, UdpSocket};
use netpoll::thread;
use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// As long as the datagrams of most protocols are.
const LENGTH: usize = 1200;

/// The longest datagram there is, and so the longest that the system makes of several.
const LONGEST: usize = 65_535;

const WAYS: [&str; 3] = ["one at a time", "batches", "segments"];

fn echo(socket: &UdpSocket, way: &str) -> io::Result<()> {
    if way == "one at a time" {
        let mut buffer = vec![0; LONGEST];
        loop {
            let (length, client) = socket.recv_from(&mut buffer)?;
            socket.send_to(&buffer[..length], client)?;
        }
    }
    // What was joined goes back in segments, as `reply` says.
    let size = if way == "segments" {
        socket.set_gro(true)?;
        LONGEST
    } else {
        2048
    };
    let mut batch = Batch::new(32, size);
    loop {
        socket.recv_batch(&mut batch)?;
        batch.reply();
        // Who cannot be reached does not hold up the others.
        while !batch.is_empty() {
            let sent = socket.send_batch(&batch).unwrap_or(0);
            if sent == batch.len() {
                break;
            }
            batch.drop_first(sent + 1);
        }
    }
}

fn main() -> io::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--smoke"] => smoke(),
        ["--measure"] => measure(),
        ["--serve", way] => serve("127.0.0.1:0", way),
        _ => serve("127.0.0.1:7000", "batches"),
    }
}

fn serve(address: &str, way: &str) -> io::Result<()> {
    let socket = UdpSocket::bind(address)?;
    socket.set_recv_buffer_size(4 << 20)?;
    println!("{}", socket.local_addr()?);
    io::stdout().flush()?;
    let way = way.to_owned();
    thread::spawn(move || echo(&socket, &way))
        .join()
        .expect("an echo does not panic")
}

fn smoke() -> io::Result<()> {
    const EACH: usize = 500;
    for way in WAYS {
        let server = UdpSocket::bind("127.0.0.1:0")?;
        let address = server.local_addr()?;
        let clone = server.try_clone()?;
        let serving = thread::spawn(move || echo(&clone, way));
        let clients: Vec<_> = (0..20)
            .map(|client| {
                thread::spawn(move || -> io::Result<usize> {
                    let socket = UdpSocket::bind("127.0.0.1:0")?;
                    socket.connect(address)?;
                    socket.set_read_timeout(Some(Duration::from_secs(20)))?;
                    let mut buffer = [0; LENGTH + 1];
                    for number in 0..EACH {
                        let sent: Vec<u8> =
                            (0..number % LENGTH).map(|i| (i ^ client) as u8).collect();
                        socket.send(&sent)?;
                        let length = socket.recv(&mut buffer)?;
                        assert_eq!(buffer[..length], sent);
                    }
                    Ok(EACH)
                })
            })
            .collect();
        let mut datagrams = 0;
        for client in clients {
            datagrams += client.join().expect("what comes back is what was sent")?;
        }
        server.close();
        assert!(serving.join().expect("an echo does not panic").is_err());
        println!("{way}: {datagrams} datagrams came back");
    }
    Ok(())
}

/// Each way in turn, three times; the middle one counts.
fn measure() -> io::Result<()> {
    let mut figures = WAYS.map(|_| Vec::new());
    for _ in 0..3 {
        for (way, figures) in WAYS.iter().zip(&mut figures) {
            figures.push(measure_one(way)?);
        }
    }
    for (way, mut figures) in WAYS.iter().zip(figures) {
        figures.sort_by(f64::total_cmp);
        println!(
            "{way:>14}: {:>9.0} datagrams a second of processor time",
            figures[1]
        );
    }
    Ok(())
}

fn measure_one(way: &str) -> io::Result<f64> {
    let mut server = Server::start(way)?;
    let client = UdpSocket::bind("127.0.0.1:0")?;
    client.connect(server.address)?;
    client.set_recv_buffer_size(4 << 20)?;
    client.set_gro(true)?;
    client.set_read_timeout(Some(Duration::from_millis(100)))?;
    // As many on the way as the buffers have room for: 48 at once.
    let bytes = vec![7; 48 * LENGTH];
    let mut batch = Batch::new(32, LONGEST);
    let before = server.processor_time()?;
    let (start, mut echoed) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_secs(2) {
        client.send_segments(&bytes, LENGTH, &Transmit::to_peer())?;
        let mut came = 0;
        // What is lost is not waited for.
        while came < bytes.len() && client.recv_batch(&mut batch).is_ok() {
            for one in batch.iter() {
                came += one.bytes().len();
                echoed += one.segments().count();
            }
        }
    }
    let spent = server.processor_time()? - before;
    server.process.kill()?;
    server.process.wait()?;
    Ok(echoed as f64 / spent)
}

struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start(way: &str) -> io::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["--serve", way])
            .env("NETPOLL_WORKERS", "1")
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("it is piped")).read_line(&mut line)?;
        let address = line.trim().parse().expect("the server says where it is");
        Ok(Self { process, address })
    }

    /// In seconds, of all its threads, as the scheduler counts them.
    fn processor_time(&self) -> io::Result<f64> {
        let mut nanoseconds = 0;
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.process.id()))? {
            let text = std::fs::read_to_string(thread?.path().join("schedstat"))?;
            let first = text.split(' ').next().unwrap_or_default();
            nanoseconds += first.parse::<u64>().unwrap_or_default();
        }
        Ok(nanoseconds as f64 / 1e9)
    }
}
