//! Events of any descriptor.

use std::io::{self, Read, Write};
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use netpoll::event::{Operate, Operator, Then};
use netpoll::io::{PipeReader, pipe};
use netpoll::os::unix::net::UnixStream;
use netpoll::thread;

use crate::common::{LONG, on_workers, until};

/// Tells what is called.
struct Telling {
    said: Sender<String>,
    parks: bool,
}

fn read_all(mut from: impl Read) -> io::Result<Vec<u8>> {
    let (mut all, mut buffer) = (Vec::new(), [0; 64]);
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(all),
            Ok(n) => all.extend_from_slice(&buffer[..n]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(all),
            Err(error) => return Err(error),
        }
    }
}

impl Operate<UnixStream> for Telling {
    fn on_read(&mut self, stream: &UnixStream) -> io::Result<Then> {
        let all = read_all(stream)?;
        if self.parks {
            thread::sleep(Duration::from_millis(2));
        }
        if all == b"panic" {
            std::panic::resume_unwind(Box::new("as asked"));
        }
        let text = String::from_utf8(all).unwrap();
        self.said.send(format!("read {text}")).unwrap();
        Ok(Then::Wait)
    }

    fn on_write(&mut self, mut stream: &UnixStream) -> io::Result<Then> {
        let _ = stream.write(b"!");
        Ok(Then::Wait)
    }

    fn on_hup(self, _: UnixStream, error: Option<&io::Error>) {
        let said = self.said.send(format!("hup {}", error.is_some()));
        said.unwrap();
    }
}

#[test]
fn an_operator_is_called_for_what_happens_and_then_no_more() {
    on_workers(|| {
        for parks in [false, true] {
            let (ours, mut theirs) = UnixStream::pair().unwrap();
            ours.set_nonblocking(true).unwrap();
            let (said, heard) = mpsc::channel();
            let operator = Operator::new(ours, Telling { said, parks }).unwrap();
            let mut byte = [0];
            theirs.read_exact(&mut byte).unwrap();
            assert_eq!(byte, *b"!", "there was room to write");
            let mut came = String::new();
            for word in ["one", "two", "three"] {
                theirs.write_all(word.as_bytes()).unwrap();
                until("it is read", || {
                    let news: Vec<_> = heard.try_iter().collect();
                    came.extend(news.iter().map(|news| news.strip_prefix("read ").unwrap()));
                    came.ends_with(word)
                });
            }
            assert!(operator.is_active());
            drop(theirs);
            until("it is over", || !operator.is_active());
            let mut last = String::new();
            until("it says so", || {
                last.extend(heard.try_iter());
                // An error, where the peer has left something unread.
                last.contains("hup ")
            });
        }
    });
}

/// Its callbacks may park, though not for their own descriptor.
#[test]
fn a_callback_that_would_wait_for_its_own_descriptor_is_told_why_it_cannot() {
    struct Waiting(Sender<String>);

    impl Operate<UnixStream> for Waiting {
        fn on_read(&mut self, mut stream: &UnixStream) -> io::Result<Then> {
            loop {
                stream.read_exact(&mut [0])?;
            }
        }

        fn on_hup(self, _: UnixStream, error: Option<&io::Error>) {
            let error = error.expect("it could not go on");
            self.0.send(format!("{:?}: {error}", error.kind())).unwrap();
        }
    }

    on_workers(|| {
        // Nobody has said `set_nonblocking`.
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let (said, heard) = mpsc::channel();
        let operator = Operator::new(ours, Waiting(said)).unwrap();
        theirs.write_all(b"one").unwrap();
        until("it is over", || !operator.is_active());
        let mut why = String::new();
        until("it says so", || {
            why.extend(heard.try_iter());
            !why.is_empty()
        });
        assert!(why.starts_with("AlreadyExists: "), "{why}");
        assert!(why.contains("non-blocking"), "{why}");
    });
}

#[test]
fn an_operator_ends_by_a_panic_and_when_it_is_dropped() {
    on_workers(|| {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let (said, heard) = mpsc::channel();
        let operator = Operator::new(ours, Telling { said, parks: false }).unwrap();
        theirs.write_all(b"panic").unwrap();
        until("it is over", || !operator.is_active());
        until("it says so", || {
            heard.try_iter().any(|news| news == "hup true")
        });

        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let (said, heard) = mpsc::channel();
        drop(Operator::new(ours, Telling { said, parks: false }).unwrap());
        // The descriptor is closed.
        let mut rest = Vec::new();
        theirs.read_to_end(&mut rest).unwrap();
        until("it says so", || {
            heard.try_iter().any(|news| news == "hup false")
        });
    });
}

/// Parks when there is something to read, until it cannot.
struct Parking(Telling, (UnixStream, UnixStream));

impl Operate<UnixStream> for Parking {
    fn on_read(&mut self, stream: &UnixStream) -> io::Result<Then> {
        let all = read_all(stream)?;
        self.0.said.send(format!("read {}", all.len())).unwrap();
        if !all.is_empty() {
            self.1.0.read_exact(&mut [0])?;
        }
        Ok(Then::Wait)
    }

    fn on_hup(self, stream: UnixStream, error: Option<&io::Error>) {
        self.0.on_hup(stream, error);
    }
}

#[test]
fn a_runtime_that_ends_tells_operators_once() {
    for workers in [1, 2, 8] {
        let (said, heard) = mpsc::channel();
        let runtime = netpoll::Builder::new().workers(workers).build().unwrap();
        let made = runtime
            .spawn(move || {
                let mut made = Vec::new();
                for n in 0..20 {
                    let (ours, mut theirs) = UnixStream::pair().unwrap();
                    ours.set_nonblocking(true).unwrap();
                    let (said, parks) = (said.clone(), false);
                    let operate = Parking(Telling { said, parks }, UnixStream::pair().unwrap());
                    made.push((
                        Operator::new(ours, operate).unwrap(),
                        theirs.try_clone().unwrap(),
                    ));
                    if n % 2 == 0 {
                        theirs.write_all(b"it parks").unwrap();
                    }
                }
                made
            })
            .join()
            .unwrap();
        let mut parked = 0;
        until("they are parked", || {
            parked += heard.try_iter().filter(|news| news == "read 8").count();
            parked == 10
        });
        let shutdown = runtime.shutdown(std::time::Instant::now() + LONG);
        assert_eq!(shutdown.unfinished, 0);
        let ends = heard.try_iter().filter(|news| news.starts_with("hup"));
        assert_eq!(ends.count(), 20);
        assert!(made.iter().all(|(operator, _)| !operator.is_active()));
    }
}

struct Piped(Sender<usize>);

impl Operate<PipeReader> for Piped {
    fn on_read(&mut self, pipe: &PipeReader) -> io::Result<Then> {
        let mut buffer = [0; 10];
        // One read that does not wait for each event.
        let n = (&*pipe).read(&mut buffer)?;
        self.0.send(n).unwrap();
        Ok(Then::Wait)
    }
}

#[test]
fn a_pipe_has_events_and_a_file_has_none() {
    on_workers(|| {
        let (reader, mut writer) = pipe().unwrap();
        let (send, receive) = mpsc::channel();
        let operator = Operator::new(reader, Piped(send)).unwrap();
        writer.write_all(b"abc").unwrap();
        until("it is read", || receive.try_iter().any(|n| n == 3));
        drop(operator);

        struct Nothing;
        impl Operate<std::fs::File> for Nothing {
            fn on_read(&mut self, _: &std::fs::File) -> io::Result<Then> {
                Ok(Then::Wait)
            }
        }
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        let operator = Operator::new(file, Nothing).unwrap();
        until("it cannot be watched", || !operator.is_active());
    });
}
