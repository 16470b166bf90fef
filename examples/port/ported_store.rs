//! A store of words, served with a thread for each connection.
//!
//! One line asks, one line answers:
//!
//! ```text
//! SET key value    OK
//! GET key          the value, or NONE
//! SIZE             how many keys there are
//! COUNT            how many lines this connection has sent
//! QUIT             BYE
//! ```

use netpoll::io::{self, BufRead, BufReader, Write};
use netpoll::net::{TcpListener, TcpStream};
use netpoll::sync::mpsc::{self, Sender};
use netpoll::sync::{Arc, Mutex};
use netpoll::thread;
use netpoll::thread_local;
use std::cell::Cell;
use std::collections::HashMap;

const SHARDS: usize = 4;

#[derive(Default)]
struct Store {
    shards: [Mutex<HashMap<String, String>>; SHARDS],
}

impl Store {
    fn shard(&self, key: &str) -> &Mutex<HashMap<String, String>> {
        let sum: usize = key.bytes().map(usize::from).sum();
        &self.shards[sum % SHARDS]
    }

    /// Counts each shard on a thread of its own, which borrows it.
    fn size(&self) -> usize {
        thread::scope(|s| {
            let count = |shard: &Mutex<HashMap<_, _>>| shard.lock().unwrap().len();
            let counts = self
                .shards
                .each_ref()
                .map(|shard| s.spawn(move || count(shard)));
            counts.map(|count| count.join().unwrap()).iter().sum()
        })
    }
}

// What there is for `thread_local!` to do: every connection has its thread.
thread_local!(static LINES: Cell<u64> = const { Cell::new(0) });

/// Serves until the listener fails. Returns how many values were set.
pub(crate) fn serve(listener: TcpListener) -> u64 {
    let store = Arc::new(Store::default());
    let (tell, told) = mpsc::channel::<()>();
    let counter = thread::spawn(move || told.iter().count() as u64);
    for stream in listener.incoming() {
        let Ok(stream) = stream else { break };
        let (store, tell) = (Arc::clone(&store), tell.clone());
        thread::spawn(move || {
            // A client that goes away is no reason to stop.
            let _gone = converse(stream, &store, &tell);
        });
    }
    drop(tell);
    counter.join().unwrap()
}

fn converse(stream: TcpStream, store: &Store, tell: &Sender<()>) -> io::Result<()> {
    let mut output = stream.try_clone()?;
    for line in BufReader::new(stream).lines() {
        let line = line?;
        LINES.set(LINES.get() + 1);
        let answer = match line.splitn(3, ' ').collect::<Vec<_>>()[..] {
            ["SET", key, value] => {
                let mut shard = store.shard(key).lock().unwrap();
                shard.insert(key.to_owned(), value.to_owned());
                tell.send(())
                    .expect("it counts until the last of these is gone");
                "OK".to_owned()
            }
            ["GET", key] => {
                let shard = store.shard(key).lock().unwrap();
                shard.get(key).cloned().unwrap_or("NONE".to_owned())
            }
            ["SIZE"] => store.size().to_string(),
            ["COUNT"] => LINES.get().to_string(),
            ["QUIT"] => {
                return output.write_all(b"BYE\n");
            }
            _ => "ERROR: say SET key value, GET key, SIZE, COUNT or QUIT".to_owned(),
        };
        output.write_all(format!("{answer}\n").as_bytes())?;
    }
    Ok(())
}
