//! What is left when children have ended, or could not be started.

use std::io::{Read, Write};

use netpoll::process::{Command, Stdio};
use netpoll::thread;

use crate::common::{everywhere, in_child, on_workers, until};

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Children of this process that nobody has waited for.
fn zombies() -> bool {
    // SAFETY: it asks, and takes nothing away; the result is written to a valid place.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        libc::waitid(libc::P_ALL, 0, &mut info, flags) == 0
    }
}

#[test]
fn pain_10_nothing_is_left_of_200_children() {
    in_child(
        "scarce::pain_10_nothing_is_left_of_200_children",
        &[],
        || {
            on_workers(|| {
                Command::new("true").output().unwrap();
                let before = descriptors();
                for round in 0..10 {
                    let tasks: Vec<_> = (0..20)
                        .map(|i| {
                            thread::spawn(move || match (round + i) % 4 {
                                0 => assert!(Command::new("true").status().unwrap().success()),
                                1 => drop(Command::new("echo").output().unwrap()),
                                2 => {
                                    let mut child = Command::new("sleep");
                                    let child = child.arg("100").stdin(Stdio::piped());
                                    let mut child = child.stderr(Stdio::piped()).spawn().unwrap();
                                    child.kill().unwrap();
                                    child.wait().unwrap();
                                }
                                _ => assert!(Command::new("/no/such/program").spawn().is_err()),
                            })
                        })
                        .collect();
                    for task in tasks {
                        task.join().unwrap();
                    }
                }
                until("the count is back", || descriptors() <= before);
                assert!(!zombies());
            });
        },
    );
}

/// With so many descriptors to spare, for each number: either the child runs, and all of
/// it works, or there is an error, and nothing is left.
#[test]
fn without_descriptors_nothing_is_lost() {
    in_child("scarce::without_descriptors_nothing_is_lost", &[], || {
        let limit = libc::rlimit {
            rlim_cur: 64,
            rlim_max: 64,
        };
        // SAFETY: the limit is read from a valid place.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
        everywhere(|| {
            // What is opened once is open now.
            let mut child = Command::new("true").spawn().unwrap();
            child.wait().unwrap();
            let (mut failed, mut ran) = (0, 0);
            for spare in 0..12 {
                let mut taken = Vec::new();
                while let Ok(file) = std::fs::File::open("/dev/null") {
                    taken.push(file);
                }
                taken.truncate(taken.len() - spare);
                let spawned = Command::new("cat")
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .spawn();
                match spawned {
                    Ok(mut child) => {
                        ran += 1;
                        child.stdin.as_mut().unwrap().write_all(b"hello").unwrap();
                        let mut bytes = [0; 5];
                        child
                            .stdout
                            .as_mut()
                            .unwrap()
                            .read_exact(&mut bytes)
                            .unwrap();
                        assert_eq!(&bytes, b"hello");
                        assert_eq!(child.try_wait().unwrap(), None);
                        assert!(child.wait().unwrap().success());
                    }
                    Err(error) => {
                        failed += 1;
                        assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{error}");
                    }
                }
                let left = taken.len() + spare;
                drop(taken);
                let mut again = Vec::new();
                while let Ok(file) = std::fs::File::open("/dev/null") {
                    again.push(file);
                }
                assert_eq!(again.len(), left);
            }
            assert!(failed > 0 && ran > 0, "{failed} failed, {ran} ran");
            assert!(!zombies());
        });
    });
}
