//! Runs of `netpoll load`.

use std::process::Output;

use serde_json::Value;

use super::run;

/// Runs it to its end.
pub fn load(arguments: &[&str]) -> Output {
    run(&[&["load"], arguments].concat())
}

/// Runs it to its end, and returns its figures, which add up and agree with the exit
/// status.
#[track_caller]
pub fn load_json(arguments: &[&str]) -> Value {
    let output = load(&[arguments, &["--json", "--quiet"]].concat());
    let figures = json(&output);
    assert_adds_up(&figures);
    let status = if figures["ok"] == true { 0 } else { 1 };
    assert_eq!(output.status.code(), Some(status), "{figures:#}");
    figures
}

/// The figures that it has written.
#[track_caller]
pub fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// Whether the parts are what the sums say.
#[track_caller]
pub fn assert_adds_up(figures: &Value) {
    let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{figures:#}"));
    let of = |key: &str| number(&figures[key]);
    let connections = |key: &str| number(&figures["connections"][key]);

    let header = if figures["framed"] == true { 4 } else { 0 };
    let unit = header + of("size");
    assert_eq!(of("bytes"), of("requests") * unit, "{figures:#}");
    assert_eq!(of("sent"), of("requests") + of("unanswered"), "{figures:#}");
    assert!(of("bytes_checked") >= of("bytes"), "{figures:#}");
    if of("requests") > 0 {
        let latency = &figures["latency_ns"];
        assert_eq!(latency["count"], figures["requests"], "{figures:#}");
        let quantiles = ["min", "p50", "p90", "p99", "p99_9", "max"];
        let quantiles = quantiles.map(|name| number(&latency[name]));
        assert!(quantiles.is_sorted(), "{figures:#}");
        let rate = figures["requests_per_second"].as_f64().unwrap();
        let seconds = figures["seconds"].as_f64().unwrap();
        let product = rate * seconds / of("requests") as f64;
        assert!((0.999..1.001).contains(&product), "{figures:#}");
    }

    let errors = figures["errors"].as_object().unwrap();
    let failed: u64 = errors.values().map(number).sum();
    assert_eq!(failed, connections("failed"), "{figures:#}");
    assert_eq!(
        connections("wanted"),
        connections("completed") + failed + connections("not_tried"),
        "{figures:#}"
    );
    assert!(connections("established") >= connections("completed"));
    for (kind, count) in errors {
        let said = figures["first_errors"].get(kind).is_some();
        assert_eq!(said, number(count) > 0, "{kind}: {figures:#}");
    }
    let good = failed + connections("not_tried") == 0;
    assert_eq!(figures["ok"], good, "{figures:#}");
}
