//! What the command says when it cannot do what it is told.

mod support;

use std::process::{Command, Output};

use support::{NETPOLL, Server, round_trip, run, with_workers};

fn first_line(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    text.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn wrong_options_are_named() {
    for (arguments, flag) in [
        (&["--nonsense"][..], "--nonsense"),
        (&["serve", "echo", "--nonsense"], "--nonsense"),
        (&["serve", "echo", "--workers", "0"], "--workers"),
        (&["serve", "echo", "--workers", "1025"], "--workers"),
        (
            &["serve", "echo", "--workers", "99999999999999999999"],
            "--workers",
        ),
        (&["serve", "echo", "--workers", "many"], "--workers"),
        (&["serve", "echo", "--workers"], "--workers"),
        (&["serve", "echo", "--listen", "nowhere"], "--listen"),
        (&["serve", "echo", "--listen", "127.0.0.1"], "--listen"),
        (
            &["serve", "echo", "--listen", "127.0.0.1:65536"],
            "--listen",
        ),
        (&["serve", "echo", "--grace", "-1"], "-1"),
        (&["serve", "echo", "--grace", "99999999999"], "--grace"),
        (&["serve", "echo", "--mode"], "--mode"),
        (&["serve", "echo", "--mode", "thread"], "--mode"),
        (&["serve", "echo", "--framed", "4"], "'4'"),
        (
            &["serve", "proxy", "--to", "127.0.0.1:1", "--mode", "task"],
            "--mode",
        ),
        (
            &["serve", "proxy", "--to", "127.0.0.1:1", "--framed"],
            "--framed",
        ),
        (&["serve", "chargen"], "chargen"),
        (&["load", "nowhere"], "nowhere"),
        (&["load", "127.0.0.1"], "127.0.0.1"),
        (&["load", "127.0.0.1:0"], "127.0.0.1:0"),
        (&["load", "127.0.0.1:65536"], "65536"),
        (&["load", "--connections", "0"], "--connections"),
        (&["load", "--connections", "1000001"], "--connections"),
        (&["load", "--size", "0"], "--size"),
        (&["load", "--size", "2G"], "--size"),
        (&["load", "--framed", "--size", "16385K"], "16M or less"),
        (&["load", "--framed", "--size", "17M"], "--size"),
        (&["load", "--mode", "task"], "--mode"),
        (&["load", "--in-flight", "0"], "--in-flight"),
        (&["load", "--in-flight", "few"], "--in-flight"),
        (&["load", "--duration", "soon"], "--duration"),
        (&["load", "--duration", "NaN"], "--duration"),
        (&["load", "--duration", "1e300"], "--duration"),
        (&["load", "--requests", "0"], "--requests"),
        (&["load", "--rate", "0"], "--rate"),
        (&["load", "--rate", "inf"], "--rate"),
        (&["load", "--timeout", "0"], "--timeout"),
        (&["load", "--connect-timeout", "0"], "--connect-timeout"),
        (&["load", "--workers", "0"], "--workers"),
        (
            &["load", "--expected-interval", "0.00001"],
            "--expected-interval",
        ),
        (
            &["load", "--expected-interval", "0.01", "--rate", "5"],
            "--expected-interval",
        ),
        (
            &["load", "--expected-interval", "0.01", "--in-flight", "2"],
            "--expected-interval",
        ),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}: {output:?}");
        let line = first_line(&output);
        assert!(line.starts_with("error: "), "{arguments:?}: {line}");
        assert!(line.contains(flag), "{arguments:?}: {line}");
    }
}

#[test]
fn help_and_version_are_no_errors() {
    for (arguments, part) in [
        (&["--help"][..], "serve"),
        (&["serve", "echo", "--help"], "--grace"),
        (&["serve", "echo", "--help"], "owe no answer"),
        (&["serve", "echo", "--help"], "[default: handler]"),
        (&["serve", "echo", "-h"], "--framed"),
        (&["load", "--help"], "--framed"),
        (&["load", "--help"], "coordinated omission"),
        (&["--version"], "netpoll 0"),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(String::from_utf8(output.stdout).unwrap().contains(part));
    }
}

/// Fails with status 1, nothing on stdout, and one line.
#[track_caller]
fn assert_fails(output: &Output, parts: &[&str]) {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    for part in parts {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn an_address_in_use_is_named() {
    with_workers(|workers| {
        let server = Server::echo(workers, &["--quiet"]);
        let address = server.address.to_string();
        let output = run(&["serve", "echo", "--listen", &address]);
        assert_fails(&output, &[&address, "in use", "--listen"]);
    });
}

#[test]
fn an_address_of_another_machine_is_named() {
    // For documentation (RFC 5737), so nobody has it.
    let output = run(&["serve", "echo", "--listen", "192.0.2.1:7000"]);
    assert_fails(&output, &["192.0.2.1:7000", "--listen"]);
}

#[test]
fn too_few_descriptors_to_start_with_is_an_error_that_says_so() {
    for limit in 5..=12 {
        let script = format!(
            "ulimit -n {limit}; exec \"$0\" serve echo --listen 127.0.0.1:0 --workers 4 --quiet"
        );
        let output = Command::new("sh").args(["-c", &script, NETPOLL]).output();
        assert_fails(&output.unwrap(), &["cannot start", "ulimit -n"]);
    }
}

#[test]
fn a_wrong_variable_is_named() {
    let output = Command::new(NETPOLL)
        .args(["serve", "echo", "--listen", "127.0.0.1:0"])
        .env("NETPOLL_WORKERS", "many")
        .output();
    assert_fails(&output.unwrap(), &["NETPOLL_WORKERS=many"]);
}

#[test]
fn a_wrong_variable_is_named_by_the_load_too() {
    let mut command = Command::new(NETPOLL);
    let output = command.arg("load").env("NETPOLL_WORKERS", "many").output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(first_line(&output).contains("many"), "{output:?}");
}

#[test]
fn a_name_that_does_not_exist_is_named() {
    // Reserved, so that it never does (RFC 2606).
    let output = run(&["load", "netpoll.invalid:7000"]);
    assert_fails(&output, &["netpoll.invalid:7000"]);
}

#[test]
fn without_a_command_it_serves_and_says_what_to_try() {
    const DEFAULT: &str = "127.0.0.1:7000";
    if std::net::TcpListener::bind(DEFAULT).is_err() {
        eprintln!("not tested: {DEFAULT} is in use");
        return;
    }
    let mut server = Server::start(Command::new(NETPOLL));
    assert_eq!(server.address.to_string(), DEFAULT);
    for hint in ["nc 127.0.0.1 7000", "netpoll --help", "Ctrl-C"] {
        server.says(hint);
    }
    round_trip(&mut server.connect(), b"hello");
    server.signal("INT");
    let ended = server.end();
    assert_eq!(ended.status.code(), Some(0));
    assert!(ended.stdout[0].contains("(echo by handler, "), "{ended:?}");
}
