//! Collecting what children put out.

use crate::same::same;

const BOTH: &str = "
    i=0
    while [ $i -lt 40 ]; do
        head -c 50000 /dev/zero
        head -c 50000 /dev/zero >&2
        i=$((i + 1))
    done
    echo end";

same! {
    /// Each of the pipes is full many times over; who reads one after the other would
    /// wait for ever.
    fn much_through_both_pipes(dir, seen) {
        let output = process::Command::new("sh").args(["-c", BOTH]).output().unwrap();
        seen.add((output.status, output.stdout.len(), output.stderr.len()));
        seen.add(output.stdout.ends_with(b"\0end\n"));
        // The error output first, all of it.
        let script = "head -c 1000000 /dev/zero >&2; echo out";
        let output = process::Command::new("sh").args(["-c", script]).output().unwrap();
        seen.add((output.status, output.stdout, output.stderr.len()));
    }
}

same! {
    fn one_pipe_or_none(dir, seen) {
        let shell = || {
            let mut command = process::Command::new("sh");
            command.args(["-c", "head -c 300000 /dev/zero; head -c 200000 /dev/zero >&2"]);
            command.stdout(process::Stdio::null()).stderr(process::Stdio::null());
            command
        };
        let lengths = |child: std::io::Result<process::Child>| {
            let output = child.unwrap().wait_with_output().unwrap();
            (output.status, output.stdout.len(), output.stderr.len())
        };
        seen.add(lengths(shell().spawn()));
        seen.add(lengths(shell().stdout(process::Stdio::piped()).spawn()));
        seen.add(lengths(shell().stderr(process::Stdio::piped()).spawn()));
        // What was taken is not collected.
        let mut child = shell().stdout(process::Stdio::piped()).spawn().unwrap();
        let mut taken = child.stdout.take().unwrap();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut taken, &mut bytes).unwrap();
        seen.add(bytes.len());
        seen.add(lengths(Ok(child)));
    }
}
