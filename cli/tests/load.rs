//! `netpoll load` against `netpoll serve echo`.

mod support;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use support::faulty::{read_all, serve};
use support::load::{assert_adds_up, json, load, load_json};
use support::target::Target;
use support::{NETPOLL, Server, with_modes, with_workers};

/// Connections, the size of a request, requests in flight, and how many in all.
const LOADS: [(u32, &str, u32, u64); 9] = [
    (1, "1", 1, 1),
    (1, "1", 1000, 5000),
    (50, "64", 1, 5000),
    (50, "64", 16, 20_000),
    (500, "64", 1, 5000),
    (7, "513", 3, 2000),
    (10, "16K", 4, 500),
    (10, "20001", 7, 1000),
    // More than all buffers on the way hold, and as much as a frame may have.
    (2, "16M", 2, 4),
];

/// Has the command load its own server, which has these options too.
fn every_byte_comes_back(both: &[&str]) {
    with_modes(|workers, mode| {
        for (connections, size, in_flight, requests) in LOADS {
            let server = Server::echo_by(workers, mode, &[both, &["--quiet"]].concat());
            let own = [
                server.address.to_string(),
                format!("--connections={connections}"),
                format!("--size={size}"),
                format!("--in-flight={in_flight}"),
                format!("--requests={requests}"),
                format!("--workers={workers}"),
                "--timeout=60".into(),
            ];
            let own: Vec<&str> = own.iter().map(String::as_str).collect();
            let figures = load_json(&[both, &own].concat());
            assert_eq!(figures["ok"], true, "{figures:#}");
            assert_eq!(figures["framed"], both.contains(&"--framed"));
            assert_eq!(figures["requests"], requests);
            assert_eq!(figures["sent"], requests);
            assert_eq!(figures["connections"]["completed"], connections);
            assert_eq!(figures["bytes_checked"], figures["bytes"]);
            server.signal("TERM");
            let many = |number: &serde_json::Value, what| match number.as_u64() {
                Some(1) => format!("1 {what}"),
                _ => format!("{number} {what}s"),
            };
            server.end().assert_totals(&[
                &many(&figures["bytes"], "byte"),
                &many(&figures["connections"]["completed"], "connection"),
                "0 cut off",
            ]);
        }
    });
}

#[test]
fn every_byte_of_every_size_comes_back() {
    every_byte_comes_back(&[]);
}

#[test]
fn every_byte_of_every_frame_comes_back() {
    every_byte_comes_back(&["--framed"]);
}

#[test]
fn frames_are_said_and_are_bytes_to_whom_they_mean_nothing() {
    let server = Server::echo("1", &["--quiet"]);
    let options = ["--framed", "--size=1", "--requests=1000", "--quiet"];
    let output = load(&[&[&server.address.to_string()[..]], &options[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "1 byte a request with a length prefix",
        "5000 bytes came back as sent",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn the_warm_up_is_checked_and_not_measured() {
    with_workers(|workers| {
        let server = Server::echo(workers, &["--quiet"]);
        let figures = load_json(&[
            &server.address.to_string(),
            "--connections=10",
            "--warm-up=0.5",
            "--duration=0.5",
            "--workers",
            workers,
        ]);
        assert_eq!(figures["ok"], true, "{figures:#}");
        assert_eq!(figures["warm_up_seconds"], 0.5);
        assert!(figures["seconds"].as_f64().unwrap() >= 0.5, "{figures:#}");
        assert!(figures["requests"].as_u64().unwrap() > 0, "{figures:#}");
        assert!(figures["bytes_checked"].as_u64() > figures["bytes"].as_u64());
        assert_eq!(figures["sent"], figures["requests"]);
    });
}

#[test]
fn an_open_loop_keeps_its_pace() {
    with_workers(|workers| {
        let server = Server::echo(workers, &["--quiet"]);
        for connections in ["1", "10"] {
            let figures = load_json(&[
                &server.address.to_string(),
                "--rate=1000",
                "--duration=1",
                "--connections",
                connections,
                "--workers",
                workers,
            ]);
            assert_eq!(figures["ok"], true, "{figures:#}");
            assert_eq!(figures["loop"], "open");
            // What was due is fixed, whatever the server does.
            let [sent, behind] = ["sent", "behind"].map(|key| figures[key].as_u64().unwrap());
            assert_eq!(sent + behind, 1000, "{figures:#}");
            assert!(figures["seconds"].as_f64().unwrap() >= 1.0, "{figures:#}");
        }
    });
}

#[test]
fn the_first_end_ends_it() {
    let server = Server::echo("1", &["--quiet"]);
    let address = server.address.to_string();
    let few = load_json(&[&address, "--duration=600", "--requests=10"]);
    assert_eq!(few["requests"], 10);
    let short = load_json(&[&address, "--duration=0.2", "--requests=1000000000"]);
    assert!(short["requests"].as_u64().unwrap() < 1_000_000_000);
    assert_eq!(short["ok"], true, "{short:#}");
}

#[test]
fn figures_for_people_have_units_and_say_that_all_was_right() {
    let server = Server::echo("1", &["--quiet"]);
    let output = load(&[&server.address.to_string(), "--requests=1000", "--quiet"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "100 connections",
        "64 bytes a request",
        "closed loop",
        "1000 answered in",
        "requests/s",
        "B/s each way",
        "p50 ",
        "p90 ",
        "p99 ",
        "p99.9 ",
        "max ",
        "s\n",
        "failed      no connection",
        "64000 bytes came back as sent",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_name_is_as_good_as_an_address() {
    let server = Server::echo("1", &["--quiet"]);
    let target = format!("localhost:{}", server.address.port());
    let figures = load_json(&[&target, "--requests=100", "--connections=3"]);
    // Also where it stands for an IPv6 address first, at which nobody listens.
    assert_eq!(figures["target"], server.address.to_string());
    assert_eq!(figures["requests"], 100);
}

/// A load that runs, and shows its progress. Killed when it is dropped.
struct Running {
    child: Child,
    progress: BufReader<ChildStderr>,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(NETPOLL)
            .arg("load")
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let progress = BufReader::new(child.stderr.take().unwrap());
        Self { child, progress }
    }

    /// Waits for a line with this on stderr.
    fn says(&mut self, part: &str) {
        let mut said = String::new();
        while self.progress.read_line(&mut said).unwrap() > 0 {
            if said.contains(part) {
                return;
            }
        }
        panic!("no {part:?} in {said}");
    }

    fn interrupt(&self) {
        let kill = format!("kill -s INT {}", self.child.id());
        let status = Command::new("sh").args(["-c", &kill]).status();
        assert!(status.unwrap().success());
    }

    fn end(mut self) -> Output {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        self.progress.read_to_end(&mut stderr).unwrap();
        let mut figures = self.child.stdout.take().unwrap();
        figures.read_to_end(&mut stdout).unwrap();
        Output {
            status: self.child.wait().unwrap(),
            stdout,
            stderr,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn ctrl_c_ends_it_early_with_the_figures_so_far() {
    with_workers(|workers| {
        let server = Server::echo(workers, &["--quiet"]);
        let address = server.address.to_string();
        for pace in [&["--in-flight=4"][..], &["--rate=100"]] {
            let mut running = Running::start(
                &[
                    &[
                        &address[..],
                        "--duration=600",
                        "--json",
                        "--workers",
                        workers,
                    ],
                    pace,
                ]
                .concat(),
            );
            running.says("requests/s");
            running.interrupt();
            let output = running.end();
            assert_eq!(output.status.code(), Some(0), "{output:?}");
            let figures = json(&output);
            assert_eq!(figures["interrupted"], true, "{figures:#}");
            assert!(figures["requests"].as_u64().unwrap() > 0);
            assert!(figures["seconds"].as_f64().unwrap() < 590.0);
            assert_eq!(figures["unanswered"], 0);
            assert_adds_up(&figures);
        }
    });
}

#[test]
fn a_second_ctrl_c_ends_it_where_it_is() {
    // Never answers, and does not close.
    let deaf = serve(|_, mut stream| {
        drop(read_all(&mut stream));
        std::thread::park();
    });
    let mut running = Running::start(&[&deaf.to_string(), "--timeout=600"]);
    running.says("requests/s");
    running.interrupt();
    running.says("again to stop at once");
    // The same signal twice in a moment is taken for one.
    std::thread::sleep(Duration::from_millis(200));
    running.interrupt();
    let output = running.end();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
}

#[test]
fn after_ctrl_c_the_last_answers_are_waited_for_and_judged() {
    // Takes it all, and closes without an answer.
    let address = serve(|_, mut stream| drop(read_all(&mut stream)));
    let mut running = Running::start(&[
        &address.to_string(),
        "--timeout=600",
        "--in-flight=3",
        "--connections=10",
        "--json",
    ]);
    running.says("requests/s");
    running.interrupt();
    let output = running.end();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let figures = json(&output);
    assert_eq!(figures["interrupted"], true);
    assert_eq!(figures["errors"]["wrong_bytes"], 10, "{figures:#}");
    assert_eq!(figures["unanswered"], 30, "{figures:#}");
    assert_adds_up(&figures);
}

#[test]
fn progress_is_plain_lines_and_not_among_the_figures() {
    let server = Server::echo("1", &["--quiet"]);
    let output = load(&[
        &server.address.to_string(),
        "--duration=2.5",
        "--warm-up=0.1",
        "--json",
        "--connections=3",
    ]);
    let figures = json(&output);
    assert_eq!(figures["ok"], true);
    let progress = String::from_utf8(output.stderr).unwrap();
    assert!(progress.lines().count() >= 2, "{progress}");
    assert!(!progress.contains('\x1b'), "{progress:?}");
    for line in progress.lines() {
        assert!(line.contains("requests/s"), "{line}");
        assert!(line.contains("3 connections"), "{line}");
    }
}

#[test]
fn too_few_descriptors_are_said_and_the_rest_goes_on() {
    let server = Server::echo("1", &["--quiet"]);
    let script = "ulimit -n 100; exec \"$0\" load \"$1\" --connections 500 --requests 1000";
    for json_wanted in [false, true] {
        let mut command = Command::new("sh");
        command.args([
            "-c",
            &format!("{script}{}", if json_wanted { " --json" } else { "" }),
        ]);
        let output = command
            .args([NETPOLL, &server.address.to_string()])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        if !json_wanted {
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(text.contains("`ulimit -n`"), "{text}");
            assert!(text.contains("1000 answered"), "{text}");
            continue;
        }
        let figures = json(&output);
        assert!(figures["errors"]["descriptors"].as_u64().unwrap() > 0);
        assert!(figures["connections"]["established"].as_u64().unwrap() > 50);
        assert!(figures["connections"]["not_tried"].as_u64().unwrap() > 0);
        assert_eq!(figures["requests"], 1000);
        assert_adds_up(&figures);
    }
}

#[test]
fn a_server_that_is_not_there_is_said_in_one_line() {
    let address = Target::refusing().to_string();
    let output = load(&[&address]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    for part in [&address[..], "is the server running?", "netpoll serve echo"] {
        assert!(text.contains(part), "{part}: {text}");
    }

    let output = load(&[&address, "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let figures = json(&output);
    assert_eq!(figures["errors"]["refused"], 1, "{figures:#}");
    assert_eq!(figures["connections"]["not_tried"], 99);
    assert_eq!(figures["latency_ns"], Value::Null);
    assert_adds_up(&figures);
}

#[test]
fn nobody_reading_its_output_is_no_failure() {
    let server = Server::echo("1", &["--quiet"]);
    let mut child = Command::new(NETPOLL)
        .args(["load", &server.address.to_string(), "--requests=100"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut complaint = String::new();
    let mut stderr = child.stderr.take().unwrap();
    stderr.read_to_string(&mut complaint).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{complaint}");
}

/// A disk that is full, say: figures that are lost are no success.
#[test]
fn figures_that_cannot_be_written_are_a_failure_that_says_so() {
    let server = Server::echo("1", &["--quiet"]);
    for options in [&["--json"][..], &[]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
        let output = Command::new(NETPOLL)
            .args(["load", &server.address.to_string()])
            .args(["--requests=100", "--quiet"])
            .args(options)
            .stdout(full.unwrap())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
            .wait_with_output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("figures"), "{text}");
        assert!(text.contains("No space left"), "{text}");
    }
}
