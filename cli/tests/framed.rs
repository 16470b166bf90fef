//! `netpoll serve echo --framed`: whole messages go back.

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use support::{Server, bytes, comes, eventually, frame, round_trip, with_modes};

/// Runs a test with a server of each kind.
fn with_servers(body: impl Fn(&mut Server) + Sync) {
    with_modes(|workers, mode| {
        let mut server = Server::echo_by(workers, mode, &["--framed", "--quiet"]);
        body(&mut server);
    });
}

/// What still comes, and that it is the end.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut came = Vec::new();
    stream.read_to_end(&mut came).unwrap();
    came
}

#[test]
fn the_first_line_says_what_it_is() {
    with_modes(|workers, mode| {
        let server = Server::echo_by(workers, mode, &["--framed"]);
        server.signal("TERM");
        let ended = server.end();
        let what = format!("(framed echo by {mode}, {workers} worker");
        assert!(ended.stdout[0].contains(&what), "{ended:?}");
    });
}

#[test]
fn frames_of_every_size_come_back() {
    with_servers(|server| {
        let mut stream = server.connect();
        // Around the sizes at which the server changes its ways, and an empty one.
        for length in [0, 1, 507, 508, 509, 4092, 4093, 8188, 8189, 70_000, 0] {
            round_trip(&mut stream, &frame(&bytes(length, length)));
        }
        let much = frame(&bytes(1, 1 << 20));
        let mut writer = stream.try_clone().unwrap();
        let writing = thread::spawn({
            let much = much.clone();
            move || writer.write_all(&much).unwrap()
        });
        comes(&mut stream, &much);
        writing.join().unwrap();
    });
}

#[test]
fn pipelined_frames_come_back_in_order() {
    with_servers(|server| {
        let lengths = [0, 0, 3, 500, 0, 9000, 1, 64, 64, 20_000];
        let frames = lengths.map(|length| frame(&bytes(length, length)));
        // With more than is looked at, at once: of small ones, and of empty ones.
        let sent = [frames.concat().repeat(20), frame(b"").repeat(10_000)].concat();
        let mut stream = server.connect();
        let mut writer = stream.try_clone().unwrap();
        let writing = thread::spawn({
            let sent = sent.clone();
            move || {
                writer.write_all(&sent).unwrap();
                writer.shutdown(Shutdown::Write).unwrap();
            }
        });
        let came = rest(&mut stream);
        writing.join().unwrap();
        assert!(came == sent, "{} of {} bytes", came.len(), sent.len());
    });
}

#[test]
fn frames_may_come_byte_by_byte() {
    with_servers(|server| {
        let mut stream = server.connect();
        stream.set_nodelay(true).unwrap();
        let sent = [frame(b"cut"), frame(b""), frame(b"to pieces")].concat();
        for byte in &sent {
            stream.write_all(&[*byte]).unwrap();
            thread::yield_now();
        }
        comes(&mut stream, &sent);
    });
}

#[test]
fn nothing_comes_back_of_a_frame_that_is_not_whole() {
    with_servers(|server| {
        let (one, other) = (frame(b"one"), frame(&bytes(1, 20_000)));
        for length in [1, 3, 4, 5, 600, other.len() - 1] {
            for before in [&[][..], &one] {
                let mut stream = server.connect();
                stream
                    .write_all(&[before, &other[..length]].concat())
                    .unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
                assert_eq!(rest(&mut stream), before, "{length} bytes");
            }
        }
    });
}

#[test]
fn requests_are_frames() {
    with_modes(|workers, mode| {
        let mut server = Server::echo_by(workers, mode, &["--framed"]);
        let mut stream = server.connect();
        // So many at once that a second's rate shows them, however long the second is.
        let sent = frame(b"").repeat(1000);
        round_trip(&mut stream, &sent);
        let line = server.says_other_than(" 0 requests/s");
        let rate = line.split(" requests/s").next().unwrap();
        let rate: u64 = rate.rsplit(' ').next().unwrap().parse().unwrap();
        assert!((2..=1000).contains(&rate), "{line}");
    });
}

#[test]
fn a_frame_that_is_too_long_ends_its_connection_and_is_complained_about() {
    with_servers(|server| {
        let mut other = server.connect();
        round_trip(&mut other, &frame(b"before"));
        let longest = (16_u32 << 20).to_be_bytes();
        let too_long = ((16_u32 << 20) + 1).to_be_bytes();
        for header in [too_long, *b"GET ", [0xff; 4]] {
            for before in [&[][..], &frame(b"one")] {
                let mut stream = server.connect();
                round_trip(&mut stream, before);
                stream.write_all(&header).unwrap();
                assert_eq!(stream.read(&mut [0; 10]).unwrap(), 0, "{header:?}");
            }
        }
        let complaint = server.complains("reading a frame failed");
        assert!(complaint.contains("16777216 is the most"), "{complaint}");
        // As long as may be is no failure, and gets its answer as soon as it is there.
        let mut stream = server.connect();
        stream.write_all(&longest).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert!(rest(&mut stream).is_empty());
        round_trip(&mut other, &frame(b"after"));
    });
}

#[test]
fn a_length_that_comes_in_two_parts_is_complained_about_too() {
    with_servers(|server| {
        let one = frame(b"one");
        let mut stream = server.connect();
        // When the first is answered, the beginning of the second was received with it.
        stream.write_all(&[&one[..], &[0xff; 2]].concat()).unwrap();
        comes(&mut stream, &one);
        stream.write_all(&[0xff; 2]).unwrap();
        assert_eq!(stream.read(&mut [0; 10]).unwrap(), 0);
        server.complains("reading a frame failed: its length is said to be 4294967295");
    });
}

#[test]
fn what_is_in_front_of_a_frame_that_is_too_long_is_answered() {
    with_servers(|server| {
        let before = frame(b"one").repeat(3);
        let mut stream = server.connect();
        stream
            .write_all(&[&before, &[0xff; 4][..]].concat())
            .unwrap();
        comes(&mut stream, &before);
    });
}

/// A server that just closed would send a reset, which overtakes them.
#[test]
fn replies_are_not_lost_to_what_comes_behind_a_frame_that_is_too_long() {
    with_servers(|server| {
        let before = frame(&bytes(1, 20_000)).repeat(20);
        let mut stream = server.connect();
        // The replies fit what the system keeps for a client that is slow to read.
        stream.write_all(&before).unwrap();
        stream.write_all(&[0xff; 100_000]).unwrap();
        server.complains("reading a frame failed");
        // Also what comes after the end.
        stream.write_all(&[0xff; 100_000]).unwrap();
        let came = rest(&mut stream);
        assert!(came == before, "{} of {} bytes", came.len(), before.len());
    });
}

#[test]
fn nobody_is_listened_to_for_ever_after_a_frame_that_is_too_long() {
    with_servers(|server| {
        let descriptors = format!("/proc/{}/fd", server.id());
        let open = || std::fs::read_dir(&descriptors).unwrap().count();
        let before = open();
        let mut stream = server.connect();
        let mut sent = 0;
        while stream.write_all(&[0xff; 100_000]).is_ok() {
            sent += 100_000;
            assert!(sent < 1 << 30, "it takes whatever comes");
        }
        // And one that says nothing more.
        let mut silent = server.connect();
        silent.write_all(&[0xff; 4]).unwrap();
        assert!(rest(&mut silent).is_empty());
        eventually("descriptors of the server", open, |open| *open <= before);
    });
}

#[test]
fn many_connections_at_once_get_their_frames_back() {
    with_servers(|server| {
        let mut streams: Vec<_> = (0..75).map(|_| server.connect()).collect();
        for length in [1, 600, 2000] {
            for (seed, stream) in streams.iter_mut().enumerate() {
                stream.write_all(&frame(&bytes(seed, length))).unwrap();
            }
            for (seed, stream) in streams.iter_mut().enumerate() {
                comes(stream, &frame(&bytes(seed, length)));
            }
        }
    });
}
