//! Clients and servers of a proxy: tasks of one worker.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use netpoll::net::{TcpListener, TcpStream};
use netpoll::thread::{self, JoinHandle};
use netpoll::{Builder, Runtime};

const PIECE: usize = 256 * 1024;
/// As long as a request for an echo is. One for a stream begins with its length instead.
const ECHO: usize = 64;

/// See the [module](self).
pub(super) struct Load {
    runtime: Runtime,
    /// Where its server listens.
    pub(super) address: SocketAddr,
}

impl Load {
    /// Starts the server: a request is a number of bytes, which it sends; with zero, it
    /// sends the rest of the request back.
    pub(super) fn new() -> io::Result<Self> {
        let runtime = Builder::new().workers(1).build()?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        drop(runtime.spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || _ = serve(&stream));
            }
        }));
        Ok(Self { runtime, address })
    }

    /// Receives streams of so many bytes, so many at a time; returns how many bytes.
    pub(super) fn stream(&self, entrance: SocketAddr, lanes: u64, length: u64) -> io::Result<u64> {
        // About as much in all, however long each is.
        let each = ((64 << 20) / length).clamp(1, 128);
        self.lanes(lanes, move |_| {
            let mut buffer = vec![0; PIECE];
            for _ in 0..each {
                let mut stream = TcpStream::connect(entrance)?;
                stream.write_all(&length.to_be_bytes())?;
                let mut left = length;
                while left > 0 {
                    match stream.read(&mut buffer)? {
                        0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                        n => left -= n as u64,
                    }
                }
            }
            Ok(each * length)
        })
    }

    /// Connects, echoes and closes, so often in all, so many at a time; returns how often.
    pub(super) fn connections(
        &self,
        entrance: SocketAddr,
        lanes: u64,
        count: u64,
    ) -> io::Result<u64> {
        let next = Arc::new(AtomicU64::new(0));
        self.lanes(lanes, move |lane| {
            let mut done = 0;
            while next.fetch_add(1, Ordering::Relaxed) < count {
                let mut stream = TcpStream::connect(entrance)?;
                let mut request = [lane as u8; ECHO];
                request[..8].fill(0);
                stream.write_all(&request)?;
                let mut reply = [0; ECHO - 8];
                stream.read_exact(&mut reply)?;
                if reply != request[8..] {
                    return Err(io::Error::other("other bytes came back"));
                }
                stream.shutdown(Shutdown::Write)?;
                if stream.read(&mut reply)? != 0 {
                    return Err(io::Error::other("more came back than was sent"));
                }
                done += 1;
            }
            Ok(done)
        })
    }

    /// Runs so many tasks, and adds up what they return.
    fn lanes(
        &self,
        count: u64,
        body: impl Fn(u64) -> io::Result<u64> + Clone + Send + 'static,
    ) -> io::Result<u64> {
        let tasks: Vec<JoinHandle<io::Result<u64>>> = (0..count)
            .map(|lane| {
                let body = body.clone();
                self.runtime.spawn(move || body(lane))
            })
            .collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.join().map_err(|_| io::Error::other("a panic"))??;
        }
        Ok(sum)
    }
}

fn serve(mut stream: &TcpStream) -> io::Result<()> {
    let mut length = [0; 8];
    stream.read_exact(&mut length)?;
    let mut left = u64::from_be_bytes(length);
    if left == 0 {
        stream.set_nodelay(true)?;
        let mut rest = [0; ECHO - 8];
        stream.read_exact(&mut rest)?;
        stream.write_all(&rest)?;
        // The client says when it is over.
        return stream.read(&mut rest).map(drop);
    }
    static BYTES: [u8; PIECE] = [b'x'; PIECE];
    while left > 0 {
        let piece = left.min(PIECE as u64);
        stream.write_all(&BYTES[..piece as usize])?;
        left -= piece;
    }
    Ok(())
}
