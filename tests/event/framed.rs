//! Frames: what a handler of them may do.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use netpoll::buf::LinkBuffer;
use netpoll::event::{Connection, EventLoop, FrameHandler, Framed, Next, Options};
use netpoll::net::TcpStream;
use netpoll::os::unix::net::UnixStream;
use netpoll::thread;

use crate::common::{LONG, on_workers, until};
use crate::support::{Server, frame, rest};

/// How long the frames of [`frame`] are.
fn length(header: &[u8]) -> io::Result<usize> {
    Ok(2 + usize::from(u16::from_be_bytes([header[0], header[1]])))
}

fn framed<H: FrameHandler>(
    handler: H,
) -> Framed<impl Fn(&[u8]) -> io::Result<usize> + Send + Sync + 'static, H> {
    Framed::new(2, length, handler)
}

fn frames(contents: &[&str]) -> Vec<u8> {
    let frames = contents.iter().map(|content| frame(content.as_bytes()));
    frames.collect::<Vec<_>>().concat()
}

#[test]
fn frames_of_all_sizes_arrive_in_pieces_and_many_at_once() {
    on_workers(|| {
        let server = Server::new(framed(|connection: &mut Connection, frame: &[u8]| {
            // What is in front of the reader is what follows, not the frame.
            let follows = connection.reader().len();
            connection.writer().write_binary(frame);
            assert_eq!(connection.reader().len(), follows);
            Ok(Next::Again)
        }));
        let contents = (0..300_usize).map(|n| vec![n as u8; n * n % 9001]);
        let all: Vec<u8> = contents.flat_map(|content| frame(&content)).collect();
        for piece in [1, 7, 1000, 100_000, all.len()] {
            let client = server.connect();
            let mut writer = client.try_clone().unwrap();
            let sent = if piece == 1 {
                all[..5000].to_vec()
            } else {
                all.clone()
            };
            let whole = sent.clone();
            let writing = thread::spawn(move || {
                for piece in sent.chunks(piece) {
                    writer.write_all(piece).unwrap();
                }
                writer
            });
            // The frames that have come as a whole.
            let mut end = 0;
            while end + 2 <= whole.len() && end + length(&whole[end..]).unwrap() <= whole.len() {
                end += length(&whole[end..]).unwrap();
            }
            let mut reply = vec![0; end];
            (&client).read_exact(&mut reply).unwrap();
            assert!(reply == whole[..end], "in pieces of {piece}");
            drop(writing.join().unwrap());
        }
    });
}

/// Greets, and does what a frame says.
struct Told {
    ended: Arc<Mutex<Vec<String>>>,
}

impl FrameHandler for Told {
    type Context = String;

    fn prepare(&self, connection: &mut Connection) -> io::Result<String> {
        let ended = Arc::clone(&self.ended);
        connection.on_close(move || ended.lock().unwrap().push("closed".into()));
        Ok(String::new())
    }

    fn connect(&self, connection: &mut Connection, said: &mut String) -> io::Result<()> {
        connection.writer().write_string("hello");
        said.push_str("connect");
        Ok(())
    }

    fn frame(
        &self,
        connection: &mut Connection,
        frame: &[u8],
        said: &mut String,
    ) -> io::Result<Next> {
        let word = str::from_utf8(&frame[2..]).unwrap();
        said.push_str(&format!(" {word}"));
        match word {
            "hurry" => {
                let soon = Some(Duration::from_millis(20));
                connection.set_timeouts(None, None, soon);
            }
            "close" => {
                connection.writer().write_string("bye");
                return Ok(Next::Close);
            }
            "body" => {
                // It parks, for the rest comes when the flushed line was seen.
                connection.writer().write_string("go on");
                connection.flush()?;
                let body = connection.reader().read_string(4)?;
                said.push_str(&format!(" {body} behind {word}"));
                connection.writer().write_string(&body);
            }
            "detach" => {
                connection.writer().write_string("taken");
                let (mut stream, received) = connection.detach::<TcpStream>()?;
                let word = word.to_owned();
                thread::spawn(move || -> io::Result<()> {
                    write!(stream, "{word} left {}, ", received.len())?;
                    stream.write_all(received.as_bytes())
                });
                assert_eq!(frame.len(), 8, "the frame stays");
            }
            "pair" => {
                connection.writer().write_string("wait");
                return Ok(Next::Need(10));
            }
            _ => connection.writer().write_binary(&frame[2..]),
        }
        Ok(Next::Again)
    }

    fn disconnect(&self, connection: &mut Connection, said: String) {
        let why = connection.error().map(io::Error::kind);
        self.ended.lock().unwrap().push(format!("{said}: {why:?}"));
    }
}

impl Told {
    fn server() -> (
        Server<impl netpoll::event::Handler>,
        Arc<Mutex<Vec<String>>>,
    ) {
        let ended = Arc::<Mutex<Vec<String>>>::default();
        let told = Told {
            ended: Arc::clone(&ended),
        };
        (Server::new(framed(told)), ended)
    }
}

/// Sends frames, and returns all that comes, and what was said of the end.
fn tell(contents: &[&str]) -> (String, Vec<String>) {
    let (server, ended) = Told::server();
    let mut client = server.connect();
    client.write_all(&frames(contents)).unwrap();
    if contents.contains(&"body") {
        client.read_exact(&mut [0; 10]).unwrap();
        client.write_all(b"body").unwrap();
        client.write_all(&frames(&["close"])).unwrap();
    }
    let all = String::from_utf8(rest(&client)).unwrap();
    until("it is closed", || ended.lock().unwrap().len() == 2);
    let ended = ended.lock().unwrap().clone();
    (all, ended)
}

#[test]
fn connect_greets_and_close_sends_first_and_handles_no_more() {
    on_workers(|| {
        let (all, ended) = tell(&["one", "two", "close", "never"]);
        assert_eq!(all, "helloonetwobye");
        assert_eq!(ended, ["connect one two close: None", "closed"]);
    });
}

#[test]
fn a_frame_sets_timeouts() {
    on_workers(|| {
        let (all, ended) = tell(&["one", "hurry"]);
        assert_eq!(all, "helloone");
        let why = Some(ErrorKind::TimedOut);
        assert_eq!(
            ended,
            [format!("connect one hurry: {why:?}"), "closed".into()]
        );
    });
}

#[test]
fn a_frame_is_there_while_its_body_is_waited_for() {
    on_workers(|| {
        let (all, ended) = tell(&["body"]);
        assert_eq!(all, "bodybye");
        let said = "connect body body behind body close: None";
        assert_eq!(ended, [said, "closed"]);
    });
}

#[test]
fn a_frame_takes_the_connection_away_with_what_follows() {
    on_workers(|| {
        let (all, ended) = tell(&["one", "detach", "frame", "other"]);
        let follows = frames(&["frame", "other"]);
        let follows = str::from_utf8(&follows).unwrap();
        assert_eq!(all, format!("helloonetakendetach left 14, {follows}"));
        assert_eq!(ended, ["connect one detach: None", "closed"]);
    });
}

#[test]
fn the_next_frame_waits_for_as_much_as_was_said() {
    on_workers(|| {
        let (server, ended) = Told::server();
        let mut client = server.connect();
        // The second frame is there, and less than ten bytes.
        client.write_all(&frames(&["pair", "one"])).unwrap();
        client.read_exact(&mut [0; 9]).unwrap();
        client
            .set_read_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        assert!(client.read(&mut [0; 1]).is_err(), "it was handled at once");
        client
            .set_deadline(Some(Instant::now() + crate::common::LONG))
            .unwrap();
        client.write_all(&frames(&["two", "close"])).unwrap();
        assert_eq!(rest(&client), b"onetwobye");
        until("it is closed", || ended.lock().unwrap().len() == 2);
    });
}

#[test]
fn lengths_that_cannot_be_end_the_connection() {
    on_workers(|| {
        let handler = |connection: &mut Connection, frame: &[u8]| {
            connection.writer().write_binary(frame);
            Ok(Next::Again)
        };
        // The length is what the byte says, the header of two included.
        let length = |header: &[u8]| match header[0] {
            0xff => Err(io::Error::other("no such frame")),
            n => Ok(usize::from(n) * 100),
        };
        let options = Options::new().frame_limit(1000);
        let server = Server::with_options(Framed::new(2, length, handler), options);
        for first in [0, 11, 0xff] {
            let mut client = server.connect();
            client
                .write_all(&[[1; 100].as_slice(), &[first, 0]].concat())
                .unwrap();
            assert_eq!(rest(&client), [1; 100], "{first}");
        }
    });
}

#[test]
fn a_frame_above_the_limit_is_refused_also_when_it_has_come_as_a_whole() {
    on_workers(|| {
        let errors = Arc::new(Mutex::new(Vec::new()));
        let options = Options::new().frame_limit(1000);
        let handler = framed(Reporting(Arc::clone(&errors)));
        let event_loop = EventLoop::with_options(handler, options);
        // What was received at once is handled at once.
        let received = [frame(&[1; 998]), frame(&[2; 999])].concat();
        let (ours, theirs) = UnixStream::pair().unwrap();
        theirs.set_deadline(Some(Instant::now() + LONG)).unwrap();
        let received = LinkBuffer::from(received);
        event_loop.adopt(ours, received).unwrap();
        assert_eq!(rest(&theirs), frame(&[1; 998]));
        until("it is closed", || !errors.lock().unwrap().is_empty());
        let error = errors.lock().unwrap().pop().unwrap();
        assert!(error.contains("1001 bytes"), "{error}");
        assert!(error.contains("limit is 1000"), "{error}");
    });
}

/// Sends frames back, and notes why the connection has ended.
struct Reporting(Arc<Mutex<Vec<String>>>);

impl FrameHandler for Reporting {
    type Context = ();

    fn prepare(&self, _: &mut Connection) -> io::Result<()> {
        Ok(())
    }

    fn frame(&self, connection: &mut Connection, frame: &[u8], (): &mut ()) -> io::Result<Next> {
        connection.writer().write_binary(frame);
        Ok(Next::Again)
    }

    fn disconnect(&self, connection: &mut Connection, (): ()) {
        let error = connection.error().map(ToString::to_string);
        self.0.lock().unwrap().push(error.unwrap_or_default());
    }
}
