//! `netpoll serve echo` with too few descriptors.

mod support;

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use support::{NETPOLL, Server, bytes, eventually, round_trip, with_modes};

#[test]
fn it_neither_spins_nor_gives_up() {
    with_modes(|workers, mode| {
        let mut command = Command::new("sh");
        command
            .args(["-c", "ulimit -n 64; exec \"$0\" serve echo --listen 127.0.0.1:0 --quiet --workers \"$1\" --mode \"$2\""])
            .args([NETPOLL, workers, mode]);
        let mut server = Server::start(command);

        // All of them connect: the system does that, as long as its queue has room.
        let mut streams: Vec<_> = (0..150).map(|_| server.connect()).collect();
        let complaint = server.complains("accepting failed");
        assert!(complaint.contains("ulimit -n"), "{complaint}");

        let (start, before) = (Instant::now(), server.processor_time());
        for _ in 0..4 {
            // Those that were there first go on.
            thread::sleep(Duration::from_millis(500));
            round_trip(&mut streams[0], &bytes(1, 2000));
        }
        let used = server.processor_time() - before;
        let passed = start.elapsed();
        assert!(used < passed / 2, "{used:?} of {passed:?}");

        // As they close, those that wait are served, and so are new ones.
        for mut stream in streams.drain(..) {
            round_trip(&mut stream, b"my turn");
        }
        for seed in 0..10 {
            round_trip(&mut server.connect(), &bytes(seed, 1000));
        }
        eventually(
            "open connections",
            || open_sockets(&server),
            |open| *open < 20,
        );

        server.signal("TERM");
        let ended = server.end();
        assert_eq!(ended.status.code(), Some(0));
        ended.assert_totals(&["160 connections accepted", "0 cut off"]);
        let totals = ended.stdout.last().unwrap();
        assert!(!totals.contains(" 0 failures"), "{totals}");
        // One line a second or so.
        let lines = ended.stderr.len() as u64;
        assert!(lines <= start.elapsed().as_secs() + 3, "{ended:?}");
    });
}

fn open_sockets(server: &Server) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", server.id()))
        .unwrap()
        .count()
}
