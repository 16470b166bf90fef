//! `Command` and `Child`, beside std's.

use std::io::{Read, Write};

use crate::common::{child, is_child, on};
use crate::same::same;

same! {
    fn how_children_end(dir, seen) {
        use unix_process::ExitStatusExt;
        for script in ["exit 0", "exit 3", "exit 255", "kill -9 $$", "kill -TERM $$", "kill -ABRT $$"] {
            let mut child = process::Command::new("sh").args(["-c", script]).spawn().unwrap();
            assert!(child.id() > 0);
            let status = child.wait().unwrap();
            seen.add((status, status.code(), status.signal(), status.success()));
            seen.result(child.wait());
            seen.result(child.try_wait());
            seen.result(child.kill());
        }
        seen.result(process::Command::new("true").status());
        seen.result(process::Command::new("false").status());
    }
}

same! {
    fn killing(dir, seen) {
        let mut child = process::Command::new("sleep").arg("100").spawn().unwrap();
        seen.result(child.try_wait());
        seen.result(child.kill());
        seen.result(child.kill());
        seen.result(child.wait());
        seen.result(child.kill());
        // One that has ended, and was not waited for.
        let mut child = process::Command::new("cat")
            .stdin(process::Stdio::piped())
            .stdout(process::Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdin.take());
        child.stdout.take().unwrap().read_to_end(&mut Vec::new()).unwrap();
        seen.result(child.kill());
        child.wait().unwrap();
    }
}

same! {
    fn what_cannot_be_started(dir, seen) {
        use unix_process::CommandExt;
        let file = dir.join("file");
        fs::write(&file, "").unwrap();
        let new = |program: &std::ffi::OsStr| process::Command::new(program);
        seen.done(new("/no/such/program".as_ref()).spawn());
        seen.done(new("no-such-program".as_ref()).spawn());
        seen.done(new(file.as_ref()).spawn());
        seen.done(new(file.as_ref()).status());
        seen.done(new(dir.as_ref()).output());
        seen.done(new("nul\0byte".as_ref()).spawn());
        seen.done(process::Command::new("true").arg("nul\0byte").spawn());
        seen.done(process::Command::new("true").env("A", "nul\0byte").spawn());
        seen.done(process::Command::new("true").current_dir(dir.join("none")).spawn());
        seen.done(process::Command::new("true").arg("x".repeat(1 << 20)).spawn());
        let mut command = process::Command::new("true");
        // SAFETY: it does nothing.
        unsafe { command.pre_exec(|| Err(std::io::Error::from_raw_os_error(libc::ENOTTY))) };
        seen.done(command.spawn());
    }
}

same! {
    fn what_a_command_says_of_itself(dir, seen) {
        use unix_process::CommandExt;
        let mut command = process::Command::new("program");
        seen.add(&command);
        command.arg("one arg").args(["two", "3"]).arg0("other");
        command.env("A", "1").envs([("B", "2"), ("C", "3")]).env_remove("B");
        command.current_dir("/somewhere").stdin(process::Stdio::piped());
        seen.add(&command);
        seen.add(format!("{command:#?}"));
        seen.add((command.get_program(), command.get_args().collect::<Vec<_>>()));
        seen.add((command.get_envs().collect::<Vec<_>>(), command.get_current_dir()));
        seen.add(command.get_args().len());
        command.env_clear();
        seen.add(&command);
        let mut child = process::Command::new("cat")
            .stdin(process::Stdio::piped())
            .stdout(process::Stdio::piped())
            .stderr(process::Stdio::piped())
            .spawn()
            .unwrap();
        seen.add(&child);
        seen.add(format!("{child:#?}"));
        drop(child.stderr.take());
        seen.add(&child);
        child.wait().unwrap();
        seen.add(&child);
    }
}

same! {
    fn what_a_child_gets(dir, seen) {
        use unix_process::CommandExt;
        let shell = |script: &str| {
            let mut command = process::Command::new("sh");
            command.args(["-c", script, "name", "first", "second arg"]);
            command
        };
        seen.result(shell("echo $0 $# \"$2\"").output());
        seen.result(shell("echo $A $B").env("A", "1").envs([("B", "2")]).output());
        seen.result(shell("echo $A-$B").env("A", "1").env("B", "2").env_remove("A").output());
        seen.result(process::Command::new("/usr/bin/env").env_clear().env("ONLY", "1").output());
        seen.result(shell("pwd").current_dir(dir).output());
        // Pipes, and no input, unless somebody says otherwise.
        seen.result(shell("cat; echo out; echo err >&2").output());
        seen.result(shell("echo out; echo err >&2").stdout(process::Stdio::null()).output());
        seen.result(process::Command::new("sh").arg0("other").args(["-c", "echo $0"]).output());
        seen.result(
            shell("test $(ps -o pgid= -p $$) = $$; echo $?").process_group(0).output(),
        );
        // SAFETY: both only return numbers.
        let (user, group) = unsafe { (libc::getuid(), libc::getgid()) };
        seen.result(shell("id -u; id -g").uid(user).gid(group).output());
        let mut command = shell("ulimit -n");
        // SAFETY: a system call, which is allowed there.
        unsafe {
            command.pre_exec(|| {
                let limit = libc::rlimit { rlim_cur: 77, rlim_max: 77 };
                assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &limit), 0);
                Ok(())
            });
        }
        seen.result(command.output());
        seen.result(command.output());
        // Signals that this process ignores are not ignored there.
        seen.result(shell("trap '' TERM; kill -PIPE $$; echo survived").output());
        assert_eq!(process::id(), std::process::id());
    }
}

same! {
    fn a_command_may_be_started_several_times(dir, seen) {
        let path = dir.join("file");
        let mut command = process::Command::new("sh");
        command.args(["-c", "cat; echo out"]);
        // With a pipe for its output, and then without.
        seen.result(command.output());
        let mut child = command.stdin(process::Stdio::piped()).spawn().unwrap();
        seen.add(child.stdout.is_none());
        child.stdin.take().unwrap().write_all(b"in\n").unwrap();
        seen.result(child.wait());
        command.stdout(fs::File::create(&path).unwrap());
        seen.result(command.status());
        seen.result(command.output());
        seen.result(fs::read_to_string(&path));
    }
}

same! {
    /// Else a child that reads to the end would never come to its own.
    fn waiting_closes_the_input_first(dir, seen) {
        let spawn = || {
            process::Command::new("cat").stdin(process::Stdio::piped()).spawn().unwrap()
        };
        let mut child = spawn();
        seen.result(child.try_wait());
        assert!(child.stdin.is_some());
        seen.result(child.wait());
        assert!(child.stdin.is_none());
        seen.result(spawn().wait_with_output());
    }
}

same! {
    /// Somebody else has waited, or nobody needs to.
    fn a_child_that_is_gone_already(dir, seen) {
        let mut child = process::Command::new("true").spawn().unwrap();
        let mut status = 0;
        // SAFETY: the status is written to a valid place.
        let reaped = unsafe { libc::waitpid(child.id() as i32, &mut status, 0) };
        assert_eq!(reaped as u32, child.id());
        seen.result(child.wait());
        seen.result(child.try_wait());
        seen.result(child.kill());
    }
}

/// In a process of its own: even where it fails, it resets what signals do.
#[test]
fn a_command_takes_the_place_of_the_process() {
    use netpoll::process::Command;
    use netpoll::process::unix::CommandExt;
    let name = "children::a_command_takes_the_place_of_the_process";
    if is_child() {
        return on(2, || {
            let error = Command::new("/no/such/program").exec();
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
            let error = Command::new("sh")
                .args(["-c", "echo replaced; exit 7"])
                .exec();
            panic!("{error}");
        });
    }
    let output = child(name, &[]);
    assert_eq!(output.status.code(), Some(7));
    assert!(output.stdout.ends_with(b"replaced\n"));
}
