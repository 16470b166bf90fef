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
    assert!(begin.elapsed() < Duration::from_secs(30));
    for case in ["64 B × 1", "64 B × 100"] {
        let table = report
            .split("\n## ")
            .find(|part| part.lines().next() == Some(case))
            .unwrap_or_else(|| panic!("{case}: {report}"));
        for server in ["raw", "raw-again", "netpoll", "tokio", "std"] {
            assert!(
                table.contains(&format!("| `{server}` | **")),
                "{server}: {report}"
            );
        }
    }
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
