//! `netpoll serve proxy`: what comes in goes on.

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use support::target::{Both, Silent, Target, UnixTarget, path, reset};
use support::{LONG, Server, bytes, eventually, run, with_workers};

/// More than sockets take at once.
const MUCH: usize = 6 << 20;

/// The bytes that come until the end, or the kind of error that it is.
fn drain(mut stream: impl Read) -> Result<Vec<u8>, ErrorKind> {
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Ok(_) => Ok(all),
        Err(error) => Err(error.kind()),
    }
}

/// How a connection ends by itself; a reset may come before `connect` has returned.
fn end_of(server: &Server) -> Result<Vec<u8>, ErrorKind> {
    let stream = TcpStream::connect_timeout(&server.address, LONG);
    let stream = stream.map_err(|error| error.kind())?;
    stream.set_read_timeout(Some(LONG)).unwrap();
    drain(stream)
}

/// A few bytes each way.
#[track_caller]
fn speak(client: &mut impl Both, target: &mut impl Both) {
    client.write_all(b"ping").unwrap();
    let mut came = [0; 4];
    target.read_exact(&mut came).unwrap();
    assert_eq!(&came, b"ping");
    target.write_all(b"pong").unwrap();
    client.read_exact(&mut came).unwrap();
    assert_eq!(&came, b"pong");
}

/// Everything in every order: who ends first has the other still write much.
fn half_close(client: &mut dyn Both, target: &mut dyn Both) {
    for (first, second) in [(1, 2), (3, 4)] {
        // Much in flight both ways at once.
        let mut writers = Vec::new();
        for (end, seed) in [(&*client, first), (&*target, second)] {
            let mut end = end.twin();
            writers.push(thread::spawn(move || {
                end.write_all(&bytes(seed, MUCH)).unwrap();
            }));
        }
        for (end, seed) in [(client.twin(), second), (target.twin(), first)] {
            let mut end = end;
            writers.push(thread::spawn(move || {
                let mut came = vec![0; MUCH];
                end.read_exact(&mut came).unwrap();
                assert!(came == bytes(seed, MUCH), "other bytes came");
            }));
        }
        for writer in writers {
            writer.join().unwrap();
        }
    }
    ends_first(client, target);
}

/// One says all that it has to say, and then hears the other out.
fn ends_first(first: &mut dyn Both, second: &mut dyn Both) {
    let mut saying = first.twin();
    let said = thread::spawn(move || {
        saying.write_all(&bytes(5, MUCH)).unwrap();
        saying.end_writing();
    });
    assert!(drain(&mut *second).unwrap() == bytes(5, MUCH));
    said.join().unwrap();
    let mut answering = second.twin();
    let answered = thread::spawn(move || {
        answering.write_all(&bytes(6, MUCH)).unwrap();
        answering.end_writing();
    });
    assert!(drain(first).unwrap() == bytes(6, MUCH));
    answered.join().unwrap();
}

#[test]
fn each_side_may_end_first_with_much_in_flight() {
    with_workers(|workers| {
        let target = Target::new();
        let proxy = Server::proxy(workers, &["--to", &target.text(), "--quiet"]);
        for client_first in [true, false] {
            let mut client = proxy.connect();
            let mut far = target.accept();
            if client_first {
                half_close(&mut client, &mut far);
            } else {
                half_close(&mut far, &mut client);
            }
        }
        proxy.signal("TERM");
        let totals = format!("{} bytes to targets", 6 * MUCH);
        proxy.end().assert_totals(&[
            "2 connections accepted",
            &totals,
            "0 idle",
            "0 broken",
            "0 without a target",
            "0 cut off",
        ]);
    });
}

#[test]
fn unix_sockets_on_either_side() {
    with_workers(|workers| {
        let tcp = Target::new();
        let unix = UnixTarget::new(&format!("target-{workers}"));
        let own = path(&format!("own-{workers}"));
        let listen = format!("unix:{}", own.display());
        for from_unix in [true, false] {
            for to_unix in [true, false] {
                let to = if to_unix { unix.text() } else { tcp.text() };
                let mut options = vec!["--to", &*to, "--quiet"];
                if from_unix {
                    options.extend(["--listen", &*listen]);
                }
                let proxy = Server::proxy(workers, &options);
                for client_first in [true, false] {
                    let mut client: Box<dyn Both> = match from_unix {
                        true => Box::new(UnixStream::connect(&own).unwrap()),
                        false => Box::new(proxy.connect()),
                    };
                    let mut far: Box<dyn Both> = match to_unix {
                        true => Box::new(unix.accept()),
                        false => Box::new(tcp.accept()),
                    };
                    if client_first {
                        ends_first(&mut *client, &mut *far);
                    } else {
                        ends_first(&mut *far, &mut *client);
                    }
                }
                proxy.signal("TERM");
                let ended = proxy.end();
                assert_eq!(ended.status.code(), Some(0), "{ended:?}");
                ended.assert_totals(&["2 connections accepted", "0 broken"]);
                assert!(!own.exists(), "it leaves its path behind");
            }
        }
    });
}

#[test]
fn abstract_names_on_both_sides() {
    let name = format!("@netpoll-proxy-{}", std::process::id());
    let to = format!("unix:{name}-to");
    let listen = format!("unix:{name}");
    let mut echo = Server::start({
        let mut command = std::process::Command::new(support::NETPOLL);
        command.args(["serve", "echo", "--listen", &to]);
        command
    });
    let proxy = Server::proxy("1", &["--to", &to, "--listen", &listen, "--quiet"]);
    let address = netpoll::net::resolve_unix_addr(&name).unwrap();
    let mut client = netpoll::os::unix::net::UnixStream::connect_addr(&address).unwrap();
    client.set_read_timeout(Some(LONG)).unwrap();
    client.write_all(b"there and back").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(drain(client).unwrap(), b"there and back");
    echo.says("requests/s");
    drop(proxy);
}

#[test]
fn one_after_the_other() {
    with_workers(|workers| {
        let targets = [Target::new(), Target::new(), Target::new()];
        let texts: Vec<_> = targets.iter().map(Target::text).collect();
        let options: Vec<_> = texts.iter().flat_map(|text| ["--to", text]).collect();
        let proxy = Server::proxy(workers, &[&options[..], &["--quiet"]].concat());
        for target in targets.iter().cycle().take(9) {
            let mut client = proxy.connect();
            speak(&mut client, &mut target.accept());
        }
        proxy.signal("TERM");
        let ended = proxy.end();
        for text in &texts {
            let line = format!("  {text}: 3 connections, 0 failures");
            assert!(ended.stdout.contains(&line), "{ended:?}");
        }
    });
}

#[test]
fn the_one_with_the_fewest_connections() {
    with_workers(|workers| {
        let (one, two) = (Target::new(), Target::new());
        let options = ["--to", &one.text(), "--to", &two.text()];
        let mut proxy = Server::proxy(
            workers,
            &[&options[..], &["--balance", "least-connections"]].concat(),
        );
        let mut open = Vec::new();
        for target in [&one, &two, &one, &two] {
            let mut client = proxy.connect();
            let mut far = target.accept();
            speak(&mut client, &mut far);
            open.push((client, far));
        }
        // The two of the second go.
        open.remove(3);
        open.remove(1);
        proxy.says(&format!("{}: 0", two.text()));
        for _ in 0..2 {
            let mut client = proxy.connect();
            let mut far = two.accept();
            speak(&mut client, &mut far);
            open.push((client, far));
        }
        let line = proxy.says(&format!("{}: 2", two.text()));
        assert!(line.contains(&format!("{}: 2", one.text())), "{line}");
        assert!(line.contains("4 connections"), "{line}");
    });
}

#[test]
fn a_target_that_refuses_rests_and_others_are_tried_at_once() {
    with_workers(|workers| {
        let (dead, alive) = (Target::refusing(), Target::new());
        let options = ["--to", &dead.to_string(), "--to", &alive.text()];
        let mut proxy = Server::proxy(workers, &[&options[..], &["--rest", "3600"]].concat());
        for _ in 0..10 {
            let mut client = proxy.connect();
            speak(&mut client, &mut alive.accept());
        }
        let complaint = proxy.complains("failed");
        for part in [&dead.to_string(), "onnection refused"] {
            assert!(complaint.contains(part), "{complaint}");
        }
        proxy.says("(rests)");
        proxy.signal("TERM");
        let ended = proxy.end();
        ended.assert_totals(&["10 connections accepted", "0 without a target"]);
        // Once was enough.
        let line = format!("  {dead}: 0 connections, 1 failure");
        assert!(ended.stdout.contains(&line), "{ended:?}");
    });
}

#[test]
fn a_target_that_has_rested_is_tried_again() {
    with_workers(|workers| {
        let (back, alive) = (Target::refusing(), Target::new());
        let options = ["--to", &back.to_string(), "--to", &alive.text()];
        let proxy = Server::proxy(workers, &[&options[..], &["--rest", "0.1"]].concat());
        let mut client = proxy.connect();
        speak(&mut client, &mut alive.accept());
        let back = Target::at(back);
        eventually(
            "a connection to the one that is back",
            || {
                drop(proxy.connect());
                back.has_one()
            },
            |came| *came,
        );
    });
}

#[test]
fn when_all_fail_the_client_is_reset_and_none_waits_for_the_rest_to_end() {
    with_workers(|workers| {
        let (one, two) = (Target::refusing(), Target::refusing());
        let options = ["--to", &one.to_string(), "--to", &two.to_string()];
        let proxy = Server::proxy(
            workers,
            &[&options[..], &["--rest", "3600", "--quiet"]].concat(),
        );
        for _ in 0..3 {
            assert_eq!(end_of(&proxy), Err(ErrorKind::ConnectionReset));
        }
        let back = Target::at(two);
        speak(&mut proxy.connect(), &mut back.accept());
        proxy.signal("TERM");
        let ended = proxy.end();
        ended.assert_totals(&["4 connections accepted", "3 without a target"]);
    });
}

#[test]
fn a_silent_target_is_given_up_after_the_connect_timeout() {
    with_workers(|workers| {
        let (silent, alive) = (Silent::new(), Target::new());
        let silent_text = silent.address.to_string();
        let proxy = Server::proxy(
            workers,
            &[
                "--to",
                &silent_text,
                "--to",
                &alive.text(),
                "--connect-timeout",
                "0.2",
                "--quiet",
            ],
        );
        let start = Instant::now();
        let mut client = proxy.connect();
        speak(&mut client, &mut alive.accept());
        assert!(start.elapsed() >= Duration::from_millis(200));
        proxy.signal("TERM");
        drop(client);
        let ended = proxy.end();
        let line = format!("  {silent_text}: 0 connections, 1 failure");
        assert!(ended.stdout.contains(&line), "{ended:?}");

        let alone = Server::proxy(
            workers,
            &["--to", &silent_text, "--connect-timeout", "0.1", "--quiet"],
        );
        assert_eq!(end_of(&alone), Err(ErrorKind::ConnectionReset));
    });
}

#[test]
fn a_name_is_looked_up_and_one_that_is_none_is_a_failure() {
    let target = Target::new();
    let localhost = format!("localhost:{}", target.address().port());
    let mut proxy = Server::proxy(
        "1",
        &["--to", "netpoll.invalid:80", "--to", &localhost, "--quiet"],
    );
    for _ in 0..2 {
        let mut client = proxy.connect();
        speak(&mut client, &mut target.accept());
    }
    proxy.complains("netpoll.invalid:80");
}

#[test]
fn a_reset_of_either_side_resets_the_other() {
    with_workers(|workers| {
        let target = Target::new();
        let proxy = Server::proxy(workers, &["--to", &target.text(), "--quiet"]);
        for client_first in [true, false] {
            let mut client = proxy.connect();
            let mut far = target.accept();
            speak(&mut client, &mut far);
            let (gone, left) = match client_first {
                true => (client, far),
                false => (far, client),
            };
            reset(gone);
            assert_eq!(drain(left), Err(ErrorKind::ConnectionReset));
        }
        // With much in flight: nobody takes a part for all of it.
        for client_first in [true, false] {
            let (client, far) = (proxy.connect(), target.accept());
            let (gone, left) = match client_first {
                true => (client, far),
                false => (far, client),
            };
            let mut saying = gone.try_clone().unwrap();
            let said = thread::spawn(move || saying.write_all(&bytes(1, MUCH)));
            (&left).read_exact(&mut [0; 1000]).unwrap();
            // Its reading end only is gone until its writer is stopped as well.
            gone.shutdown(Shutdown::Read).unwrap();
            reset(gone);
            proxy_is_told(&left);
            drop(left);
            let _ = said.join().unwrap();
        }
        proxy.signal("TERM");
        let ended = proxy.end();
        ended.assert_totals(&["4 connections accepted", "0 cut off", "0 idle"]);
    });
}

/// Reads until it is over, one way or the other.
fn proxy_is_told(mut stream: &TcpStream) {
    stream.shutdown(Shutdown::Write).unwrap();
    let mut buffer = vec![0; 1 << 16];
    while let Ok(1..) = stream.read(&mut buffer) {}
}

#[test]
fn a_connection_on_which_nothing_moves_is_ended() {
    with_workers(|workers| {
        let target = Target::new();
        let proxy = Server::proxy(
            workers,
            &["--to", &target.text(), "--idle-timeout", "0.5", "--quiet"],
        );
        let mut idle = proxy.connect();
        let mut idle_far = target.accept();
        speak(&mut idle, &mut idle_far);
        // The target of this one says something now and then; its client, nothing.
        let mut busy = proxy.connect();
        let mut busy_far = target.accept();
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(1500) {
            busy_far.write_all(b"x").unwrap();
            busy.read_exact(&mut [0]).unwrap();
            thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(drain(idle), Err(ErrorKind::ConnectionReset));
        assert_eq!(drain(idle_far), Err(ErrorKind::ConnectionReset));
        speak(&mut busy, &mut busy_far);
        drop((busy, busy_far));
        proxy.signal("TERM");
        proxy.end().assert_totals(&["1 idle", "0 broken"]);
    });
}

#[test]
fn an_idle_connection_holds_two_descriptors_and_no_more() {
    with_workers(|workers| {
        let target = Target::new();
        let proxy = Server::proxy(workers, &["--to", &target.text(), "--quiet"]);
        let descriptors = || {
            std::fs::read_dir(format!("/proc/{}/fd", proxy.id()))
                .unwrap()
                .count()
        };
        let before = descriptors();
        let mut open = Vec::new();
        for seed in 0..50 {
            let mut client = proxy.connect();
            let mut far = target.accept();
            // Enough for the kernel to move it.
            let sent = bytes(seed, 1 << 20);
            let mut saying = client.try_clone().unwrap();
            let sending = sent.clone();
            let said = thread::spawn(move || saying.write_all(&sending).unwrap());
            let mut came = vec![0; sent.len()];
            far.read_exact(&mut came).unwrap();
            assert!(came == sent);
            said.join().unwrap();
            speak(&mut client, &mut far);
            open.push((client, far));
        }
        // Pipes that are empty wait for the next who needs one: a few for each worker.
        let most = before + 2 * open.len() + 2 * 8 * workers.parse::<usize>().unwrap();
        assert!(descriptors() <= most, "{} of {most}", descriptors());
    });
}

#[test]
fn a_stop_lets_connections_go_on_and_then_cuts_them_off() {
    with_workers(|workers| {
        let target = Target::new();
        let mut proxy = Server::proxy(workers, &["--to", &target.text(), "--grace", "2"]);
        let mut pairs: Vec<_> = (0..4)
            .map(|_| {
                let mut client = proxy.connect();
                let mut far = target.accept();
                speak(&mut client, &mut far);
                (client, far)
            })
            .collect();
        // One waits only for its target.
        pairs[1].0.shutdown(Shutdown::Write).unwrap();
        // And one only for its client.
        pairs[2].1.shutdown(Shutdown::Write).unwrap();
        proxy.signal("TERM");
        proxy.says("stopping: 4 connections open");
        let (mut client, mut far) = pairs.remove(0);
        speak(&mut client, &mut far);
        drop(client);
        assert_eq!(drain(&far).unwrap(), b"");
        drop(far);
        let ended = proxy.end();
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        ended.assert_totals(&[
            "4 connections accepted",
            "20 bytes to targets",
            "20 bytes to clients",
            "3 cut off",
            "0 broken",
        ]);
        assert!(TcpStream::connect(proxy_address(&ended.stdout)).is_err());
    });
}

fn proxy_address(lines: &[String]) -> String {
    lines[0].split(' ').nth(2).unwrap().to_owned()
}

#[test]
fn wrong_options_are_named() {
    for (arguments, part) in [
        (&[][..], "--to"),
        (&["--to", "nowhere"], "nowhere"),
        (&["--to", "127.0.0.1:0"], "127.0.0.1:0"),
        (&["--to", "unix:"], "unix:"),
        (&["--to", "a:1", "--balance", "best"], "best"),
        (&["--to", "a:1", "--rest", "-1"], "-1"),
        (
            &["--to", "a:1", "--connect-timeout", "0"],
            "--connect-timeout",
        ),
        (&["--to", "a:1", "--idle-timeout", "0"], "--idle-timeout"),
        (&["--to", "a:1", "--idle-timeout", "soon"], "--idle-timeout"),
        (&["--to", "a:1", "--send-proxy", "v3"], "v3"),
        (&["--to", "a:1", "--header-timeout", "1"], "--accept-proxy"),
        (&["--to", "a:1", "--listen", "localhost:1"], "--listen"),
        (&["--to", "a:1", "--listen", "unix:"], "--listen"),
    ] {
        let output = run(&[&["serve", "proxy"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}: {output:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.starts_with("error: "), "{arguments:?}: {text}");
        assert!(text.contains(part), "{arguments:?}: {text}");
    }
    let output = run(&["serve", "proxy", "--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stdout).unwrap().contains("PROXY"));
}

#[test]
fn a_path_that_exists_is_named() {
    let target = UnixTarget::new("exists");
    let output = run(&["serve", "proxy", "--to", "a:1", "--listen", &target.text()]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains(&target.text()) && text.contains("remove"),
        "{text}"
    );
}
