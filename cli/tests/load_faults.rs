//! `netpoll load` against servers that do something wrong: the exit status and the
//! figures tell what.

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::faulty::{read_all, serve, serve_changed};
use support::load::load_json;
use support::{side_by_side, with_workers};

/// Loads it with five connections: for a second, unless an option says otherwise.
fn load(address: SocketAddr, workers: &str, options: &[&str]) -> Value {
    let address = address.to_string();
    let mut arguments = vec![&address[..], "--connections=5", "--workers", workers];
    let ends = ["--duration", "--requests"];
    if !options
        .iter()
        .any(|option| ends.iter().any(|end| option.starts_with(end)))
    {
        arguments.push("--duration=1");
    }
    load_json(&[&arguments, options].concat())
}

/// Whether connections failed in one way, so many of them, and the first one's error
/// says this.
#[track_caller]
fn assert_failed(figures: &Value, kind: &str, count: u64, part: &str) {
    assert_eq!(figures["ok"], false, "{figures:#}");
    assert_eq!(figures["errors"][kind], count, "{figures:#}");
    assert_eq!(figures["connections"]["failed"], count, "{figures:#}");
    let said = figures["first_errors"][kind].as_str().unwrap();
    assert!(said.contains(part), "{part}: {figures:#}");
}

#[test]
fn a_byte_that_is_changed_is_found() {
    with_workers(|workers| {
        side_by_side(&[0, 1, 300, 5000], |&place| {
            let address = serve_changed(place, |bytes| bytes[0] ^= 0x20);
            let figures = load(address, workers, &["--in-flight=8", "--requests=2000"]);
            assert_failed(&figures, "wrong_bytes", 1, &format!("byte {place} is not"));
            // The others go on.
            assert_eq!(figures["connections"]["completed"], 4);
            assert!(figures["requests"].as_u64().unwrap() > 4);
        });
        let address = serve_changed(130, |bytes| bytes[0] ^= 1);
        let figures = load(address, workers, &["--size=1000"]);
        assert_failed(&figures, "wrong_bytes", 1, "one byte was changed");
    });
}

#[test]
fn a_header_that_is_changed_is_found() {
    with_workers(|workers| {
        // Each byte of the first, and of one later on.
        side_by_side(&[0, 1, 2, 3, 10 * 68, 10 * 68 + 3], |&place| {
            let address = serve_changed(place, |bytes| bytes[0] ^= 0x20);
            let options = ["--framed", "--in-flight=16", "--requests=2000"];
            let figures = load(address, workers, &options);
            assert_failed(&figures, "wrong_bytes", 1, &format!("byte {place} is not"));
            assert_eq!(figures["connections"]["completed"], 4);
        });
        // It is told from a message that is shorter.
        let address = serve_changed(0, |bytes| bytes[3] = 63);
        let figures = load(address, workers, &["--framed"]);
        assert_failed(
            &figures,
            "wrong_bytes",
            1,
            "byte 3 is not the one sent: one byte was",
        );
        // Or a server that answers without headers.
        let address = serve_changed(0, |bytes| drop(bytes.drain(..4)));
        let figures = load(address, workers, &["--framed"]);
        assert_failed(
            &figures,
            "wrong_bytes",
            1,
            "byte 0 is not the one sent: 4 bytes were lost",
        );
    });
}

#[test]
fn a_byte_that_is_lost_is_found() {
    with_workers(|workers| {
        // With more behind it.
        let lost = || {
            serve_changed(130, |bytes| {
                bytes.remove(0);
            })
        };
        let figures = load(lost(), workers, &["--size=1000"]);
        assert_failed(&figures, "wrong_bytes", 1, "one byte was lost");
        // As the last one: nothing is wrong, but one byte never comes.
        let figures = load(
            serve_changed(63, |bytes| {
                bytes.remove(0);
            }),
            workers,
            &[],
        );
        assert_failed(&figures, "wrong_bytes", 1, "1 of 64 bytes never came back");
        assert_eq!(figures["unanswered"], 1);
    });
}

#[test]
fn a_byte_that_comes_twice_is_found() {
    with_workers(|workers| {
        let twice = |place| serve_changed(place, |bytes| bytes.insert(0, bytes[0]));
        let figures = load(twice(130), workers, &["--size=1000"]);
        assert_failed(&figures, "wrong_bytes", 1, "came again");
        // As the last one that was sent. The connections share the requests, so the one
        // that it happens to may have had none.
        let mut runs = (0..100).map(|_| load(twice(63), workers, &["--requests=5"]));
        let figures = runs.find(|figures| figures["ok"] == false).unwrap();
        assert_failed(
            &figures,
            "wrong_bytes",
            1,
            "more came back than the 64 bytes sent",
        );
    });
}

#[test]
fn bytes_that_are_swapped_are_found() {
    with_workers(|workers| {
        let address = serve_changed(128, |bytes| bytes.swap(0, 1));
        let figures = load(address, workers, &["--size=1000"]);
        assert_failed(&figures, "wrong_bytes", 1, "2 bytes were changed");
    });
}

#[test]
fn bytes_of_another_connection_are_found() {
    with_workers(|workers| {
        // Each of two gets what the other one says.
        let first: Mutex<Option<TcpStream>> = Mutex::new(None);
        let address = serve(move |_, stream| {
            let mut first = first.lock().unwrap();
            let Some(mut one) = first.take() else {
                *first = Some(stream);
                return;
            };
            let mut other = stream;
            let (mut to_other, mut to_one) = (other.try_clone().unwrap(), one.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut one, &mut to_other));
            let _ = std::io::copy(&mut other, &mut to_one);
        });
        let figures = load_json(&[
            &address.to_string(),
            "--connections=2",
            "--duration=5",
            "--workers",
            workers,
        ]);
        let errors = &figures["errors"];
        // When one has found out and closed, the other one may only notice that.
        assert_ne!(errors["wrong_bytes"], 0, "{figures:#}");
        let said = figures["first_errors"]["wrong_bytes"].as_str().unwrap();
        assert!(said.contains("it belongs to connection"), "{said}");
    });
}

#[test]
fn more_than_was_sent_is_found_at_the_end() {
    with_workers(|workers| {
        let address = serve(|_, mut stream| {
            let mut bytes = read_all(&mut stream);
            bytes.push(7);
            let _ = stream.write_all(&bytes);
        });
        let figures = load(address, workers, &[]);
        assert_failed(&figures, "wrong_bytes", 5, "more came back than");
    });
}

#[test]
fn a_server_that_closes_early_is_found() {
    with_workers(|workers| {
        let address = serve(|_, mut stream| {
            let mut request = [0; 64];
            for _ in 0..3 {
                stream.read_exact(&mut request).unwrap();
                stream.write_all(&request).unwrap();
            }
            stream.read_exact(&mut request).unwrap();
        });
        let figures = load(address, workers, &["--duration=600"]);
        assert_failed(
            &figures,
            "closed_early",
            5,
            "after 192 bytes, 64 of those sent",
        );
        assert_eq!(figures["requests"], 15);
        assert_eq!(figures["unanswered"], 5);
    });
}

#[test]
fn a_server_that_closes_while_nothing_is_due_is_found() {
    with_workers(|workers| {
        let address = serve(|_, mut stream| {
            let mut request = [0; 64];
            stream.read_exact(&mut request).unwrap();
            stream.write_all(&request).unwrap();
        });
        // The next request of each would be due in two and a half seconds.
        let figures = load(address, workers, &["--duration=600", "--rate=2"]);
        assert_failed(
            &figures,
            "closed_early",
            5,
            "after 64 bytes, 0 of those sent",
        );
        assert_eq!(figures["requests"], 5);
    });
}

#[test]
fn a_reset_is_found() {
    with_workers(|workers| {
        let address = serve(|_, mut stream| {
            // Closing with something unread resets the connection.
            let _ = stream.read(&mut [0; 10]);
        });
        let figures = load(address, workers, &["--duration=600"]);
        assert_failed(&figures, "reset", 5, "after 0 bytes");
    });
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    with_workers(|workers| {
        let silent = || {
            serve(|_, mut stream| {
                drop(read_all(&mut stream));
                thread::park();
            })
        };
        // While it runs, when its requests are used up, and at its end.
        for (end, timeout, sent) in [
            ("--duration=600", "0.5", 5),
            ("--requests=3", "0.5", 3),
            ("--duration=2", "4", 5),
        ] {
            let figures = load(silent(), workers, &[end, "--timeout", timeout]);
            assert_failed(
                &figures,
                "unanswered",
                sent,
                &format!("none within {timeout} s"),
            );
            assert_eq!(figures["sent"], sent);
            assert_eq!(figures["unanswered"], sent);
            assert_eq!(figures["requests"], 0);
            assert_eq!(figures["latency_ns"], Value::Null);
        }
    });
}

#[test]
fn a_server_that_takes_nothing_is_given_up() {
    with_workers(|workers| {
        let address = serve(|_, stream| {
            thread::park();
            drop(stream);
        });
        // More than all buffers on the way hold, so that the writer waits, too.
        let each = [
            ["--duration=600", "--timeout=1"],
            ["--duration=4", "--timeout=6"],
        ];
        side_by_side(&each, |options| {
            let options = [&options[..], &["--size=64M"]].concat();
            let figures = load(address, workers, &options);
            assert_failed(&figures, "unanswered", 5, "after 0 bytes");
        });
    });
}

#[test]
fn a_slow_server_is_slow_and_not_wrong() {
    with_workers(|workers| {
        const SLOW: Duration = Duration::from_millis(60);
        let address = serve(|_, mut stream| {
            let mut request = [0; 64];
            while stream.read_exact(&mut request).is_ok() {
                // In pieces, at that.
                for piece in request.chunks(20) {
                    thread::sleep(SLOW / 4);
                    let _ = stream.write_all(piece);
                }
            }
        });
        let figures = load(address, workers, &[]);
        assert_eq!(figures["ok"], true, "{figures:#}");
        let least = figures["latency_ns"]["min"].as_u64().unwrap();
        // What is kept has three digits.
        assert!(least >= SLOW.as_nanos() as u64 * 999 / 1000, "{figures:#}");
    });
}

#[test]
fn answers_after_the_last_request_are_counted() {
    with_workers(|workers| {
        // Says nothing before the client has said all.
        let address = serve(|_, mut stream| {
            let bytes = read_all(&mut stream);
            let _ = stream.write_all(&bytes);
        });
        let figures = load(address, workers, &["--in-flight=8", "--duration=2"]);
        assert_eq!(figures["ok"], true, "{figures:#}");
        assert_eq!(figures["requests"], 5 * 8);
        assert_eq!(figures["unanswered"], 0);
    });
}

#[test]
fn a_server_that_does_not_close_is_no_failure() {
    with_workers(|workers| {
        let address = serve(|_, mut stream| {
            let mut copy = stream.try_clone().unwrap();
            let _ = std::io::copy(&mut stream, &mut copy);
            thread::park();
        });
        let figures = load(address, workers, &["--timeout=1"]);
        assert_eq!(figures["ok"], true, "{figures:#}");
        assert_eq!(figures["unanswered"], 0);
    });
}

#[test]
fn a_listener_that_goes_away_is_counted() {
    with_workers(|workers| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            // What waits to be accepted is reset, what comes later refused.
            drop(listener);
            let mut copy = stream.try_clone().unwrap();
            let _ = std::io::copy(&mut &stream, &mut copy);
        });
        let figures = load_json(&[
            &address.to_string(),
            "--connections=300",
            "--duration=0.5",
            "--workers",
            workers,
        ]);
        server.join().unwrap();
        assert_eq!(figures["ok"], false, "{figures:#}");
        assert_eq!(figures["connections"]["completed"], 1, "{figures:#}");
        assert!(figures["requests"].as_u64().unwrap() > 0);
    });
}

/// An echo that does nothing for a while, once, beginning half a second after the
/// first request.
fn serve_with_a_stall() -> SocketAddr {
    let first = OnceLock::new();
    serve(move |_, mut stream| {
        let mut request = [0; 64];
        while stream.read_exact(&mut request).is_ok() {
            let stall = *first.get_or_init(Instant::now) + Duration::from_millis(500);
            let end = stall + STALL;
            let now = Instant::now();
            if now > stall && now < end {
                thread::sleep(end - now);
            }
            if stream.write_all(&request).is_err() {
                return;
            }
        }
        let _ = stream.shutdown(Shutdown::Write);
    })
}

const STALL: Duration = Duration::from_millis(800);

#[test]
fn an_open_loop_shows_what_a_stall_held_up() {
    with_workers(|workers| {
        let address = serve_with_a_stall().to_string();
        let figures = load_json(&[
            &address,
            "--connections=4",
            "--rate=400",
            "--duration=2",
            "--workers",
            workers,
        ]);
        assert_eq!(figures["ok"], true, "{figures:#}");
        let [sent, behind] = ["sent", "behind"].map(|key| figures[key].as_u64().unwrap());
        assert_eq!(sent + behind, 800, "{figures:#}");
        // Two in five are due during the stall, and wait for half of it on average:
        // one in five for more than that, and nearly one in ten for three quarters.
        let latency = |name: &str| figures["latency_ns"][name].as_u64().unwrap();
        let stall = STALL.as_nanos() as u64;
        assert!(latency("max") > stall * 9 / 10, "{figures:#}");
        assert!(latency("p99") > stall * 3 / 4, "{figures:#}");
        assert!(latency("p90") > stall / 4, "{figures:#}");
    });
}

#[test]
fn a_closed_loop_shows_a_stall_once_and_can_be_corrected() {
    with_workers(|workers| {
        let address = serve_with_a_stall().to_string();
        let figures = load_json(&[
            &address,
            "--connections=4",
            "--duration=2",
            "--expected-interval=0.01",
            "--workers",
            workers,
        ]);
        assert_eq!(figures["ok"], true, "{figures:#}");
        let of = |which: &str, name: &str| figures[which][name].as_u64().unwrap();
        // One slow request of each connection, and so many in its place.
        let added = of("corrected_latency_ns", "count") - of("latency_ns", "count");
        let missed = 4 * (STALL.as_millis() as u64 / 10);
        assert!(added > missed / 2, "{added} of {missed}: {figures:#}");
        assert_eq!(of("corrected_latency_ns", "max"), of("latency_ns", "max"));
        assert!(of("latency_ns", "max") > STALL.as_nanos() as u64 * 9 / 10);
    });
}

#[test]
fn an_open_loop_that_falls_behind_says_so() {
    with_workers(|workers| {
        let address = serve(|_, mut stream| {
            let mut request = [0; 64];
            while stream.read_exact(&mut request).is_ok() {
                thread::sleep(Duration::from_millis(100));
                let _ = stream.write_all(&request);
            }
        });
        let figures = load_json(&[
            &address.to_string(),
            "--connections=2",
            "--rate=1000",
            "--duration=1",
            "--workers",
            workers,
        ]);
        assert_eq!(figures["ok"], true, "{figures:#}");
        let [sent, behind] = ["sent", "behind"].map(|key| figures[key].as_u64().unwrap());
        assert_eq!(sent + behind, 1000, "{figures:#}");
        // No more than ten a second go over each connection.
        assert!(sent <= 22, "{figures:#}");
    });
}
