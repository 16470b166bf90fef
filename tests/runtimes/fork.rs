//! A child of the process, which has none of its threads.

use std::io::{Read, Write};

use netpoll::thread;

use crate::common::{in_child, pair_with_std};
use crate::runtime;

#[test]
fn a_forked_child_leaves_its_parents_sockets_alone() {
    in_child(
        "fork::a_forked_child_leaves_its_parents_sockets_alone",
        &[],
        || {
            let runtime = runtime(1);
            let (server, mut client) = pair_with_std();
            let clone = server.try_clone().unwrap();
            let echo = runtime.spawn(move || {
                let mut server = server;
                let mut byte = [0];
                while let Ok(1) = server.read(&mut byte) {
                    server.write_all(&byte).unwrap();
                }
            });
            let mut round = |byte: u8| {
                client.write_all(&[byte]).unwrap();
                let mut reply = [0];
                client.read_exact(&mut reply).unwrap();
                assert_eq!(reply, [byte]);
            };
            round(1);
            // SAFETY: the child only does what this test is about, and ends.
            let child = unsafe { libc::fork() };
            assert!(child >= 0);
            if child == 0 {
                let refused = std::panic::catch_unwind(|| thread::spawn(|| ()));
                let waited = std::panic::catch_unwind(|| (&clone).read(&mut [0]));
                drop(clone);
                drop(runtime);
                let right = refused.is_err() && waited.is_err();
                // SAFETY: ends the child at once, as it should after a fork.
                unsafe { libc::_exit(i32::from(!right)) };
            }
            let mut status = 0;
            // SAFETY: the child is ours, and the status is written to a valid place.
            assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
            assert_eq!(
                status, 0,
                "the child did what it must not, or could not drop"
            );
            // The parent's registration is still there.
            for byte in 2..50 {
                round(byte);
            }
            drop(clone);
            drop(client);
            echo.join().unwrap();
        },
    );
}
