//! The benchmark as CI runs it: that every server works, and the report has them all.

use std::process::Command;
use std::time::{Duration, Instant};

fn bench(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_netpoll-bench"))
        .args(arguments)
        // Other tests may run beside this one.
        .arg("--no-realtime")
        .output()
        .unwrap();
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    (output.status.success(), text)
}

#[test]
fn a_quick_run_is_quick_and_every_server_returns_every_byte() {
    let begin = Instant::now();
    let (success, report) = bench(&["--quick"]);
    // The client ends with an error if a byte is missing or another.
    assert!(success, "{report}");
    assert!(begin.elapsed() < Duration::from_secs(120));
    for case in ["64 B × 1", "64 B × 100", "16 KiB × 100, 16 in flight"] {
        let table = report
            .split("\n## ")
            .find(|part| part.lines().next() == Some(case))
            .unwrap_or_else(|| panic!("{case}: {report}"));
        for server in [
            "raw",
            "raw-again",
            "raw-phases",
            "netpoll",
            "tokio",
            "tokio-shared",
            "monoio-epoll",
            "may",
            "smol",
            "std",
        ] {
            assert!(
                table.contains(&format!("| `{server}` | **")),
                "{server}: {report}"
            );
        }
    }
    for case in [
        "latency at 80 %",
        "connect, echo, close",
        "one request in a hundred computes for 10 ms",
    ] {
        assert!(
            report.contains(&format!("\n## {case}\n")),
            "{case}: {report}"
        );
    }
    // What cannot run here is said.
    for server in ["monoio", "compio", "go", "go-2"] {
        assert!(
            report.contains(&format!("- `{server}`")),
            "{server}: {report}"
        );
    }
}

#[test]
fn the_raw_data_and_the_chart_are_where_they_are_asked_for() {
    let folder = std::env::temp_dir().join(format!("netpoll-bench-{}", std::process::id()));
    let (success, report) = bench(&[
        "--only",
        "netpoll",
        "--cases",
        "64x1,idle",
        "--quick",
        "--out",
        folder.to_str().unwrap(),
    ]);
    let read = |name| std::fs::read_to_string(folder.join(name)).unwrap();
    let (raw, chart, text) = (read("raw.jsonl"), read("chart.svg"), read("report.md"));
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(success, "{report}");
    // Three servers: three rounds each, and their memory.
    assert_eq!(raw.lines().count(), 3 * 3 + 3, "{raw}");
    assert!(
        raw.contains(r#""server":"netpoll","start":0,"round":2"#),
        "{raw}"
    );
    assert!(chart.contains(">netpoll</text>"));
    assert!(report.contains(&text));
}

#[test]
fn a_case_and_a_server_can_be_chosen() {
    let (success, report) = bench(&[
        "--only",
        "netpoll-heap",
        "--cases",
        "16kx100",
        "--rounds",
        "1",
    ]);
    assert!(success, "{report}");
    assert!(report.contains("| `netpoll-heap` | **"), "{report}");
    assert!(report.contains("| `raw` | **1.00**"), "{report}");
    assert!(!report.contains("`tokio`"), "{report}");
}

#[test]
fn names_that_do_not_exist_are_refused() {
    let (success, text) = bench(&["--only", "none"]);
    assert!(!success);
    assert!(text.contains("netpoll-heap"), "{text}");
}

#[test]
fn proxies_that_are_not_there_are_left_out_loudly() {
    let output = Command::new(env!("CARGO_BIN_EXE_netpoll-bench"))
        .args(["proxy", "--rounds", "1", "--netpoll", "/nowhere/netpoll"])
        .env("PATH", "/nowhere")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let complaints = String::from_utf8(output.stderr).unwrap();
    for rival in ["netpoll: no /nowhere/netpoll", "haproxy: ", "nginx: "] {
        let complaint = format!("NOT MEASURED: {rival}");
        assert!(complaints.contains(&complaint), "{rival}: {complaints}");
    }
}

#[test]
fn a_proxy_that_does_not_listen_is_left_out_loudly() {
    let output = Command::new(env!("CARGO_BIN_EXE_netpoll-bench"))
        .args(["proxy", "--rounds", "1", "--netpoll", "/bin/true"])
        .env("PATH", "/nowhere")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let complaints = String::from_utf8(output.stderr).unwrap();
    assert!(
        complaints.contains("NOT MEASURED: netpoll: it ended"),
        "{complaints}"
    );
}
