//! Thousands of dials at once, and what is left of them.

use std::io::ErrorKind;
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use netpoll::net::Dialer;
use netpoll::{Builder, thread};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::common::{in_child, until};
use crate::{V4, V6, listener, refused, silent};

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// So many dials at once, to good, refused and silent addresses, with both versions, under
/// one deadline. Afterwards everything is as it was before.
fn many_dials(dials: usize) {
    // As many descriptors as this process may have.
    let most = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: most,
        maximum: most,
    };
    setrlimit(Resource::Nofile, limit).unwrap();
    let runtime = Builder::new().workers(2).build().unwrap();
    let (good, address) = listener(V4);
    let silent = [silent(V4), silent(V6)];
    let [v4, v6] = silent.each_ref().map(|silent| silent.address);
    let dead = refused(Ipv6Addr::LOCALHOST);
    let acceptor = good.try_clone().unwrap();
    let accepting = runtime.spawn(move || acceptor.incoming().flatten().count());
    // What is made once and stays, and the epolls that grow.
    // This thread's bell is made when it first has to wait, which joining need not.
    thread::park_timeout(Duration::from_millis(1));
    let warm = runtime.spawn(move || Dialer::new().dial_tcp(&[dead, address][..]).map(drop));
    warm.join().unwrap().unwrap();
    let before = descriptors();

    // While a batch is under way, it has up to three descriptors for each dial.
    let batch = dials.min(500);
    let mut connected = 0;
    let mut timed_out = 0;
    let deadline = Instant::now() + Duration::from_secs(3);
    for _ in 0..dials / batch {
        let dialing: Vec<_> = (0..batch)
            .map(|i| {
                let addresses = match i % 5 {
                    0 => vec![address],
                    1 => vec![dead, address],
                    2 => vec![v6, address],
                    3 => vec![v4, v6],
                    _ => vec![dead],
                };
                runtime.spawn(move || {
                    let dialer = Dialer::new()
                        .deadline(deadline)
                        .timeout(Duration::from_millis(300))
                        .fallback_delay(Duration::from_millis(2));
                    dialer.dial_tcp(&addresses[..]).map(drop)
                })
            })
            .collect();
        for task in dialing {
            match task.join().unwrap() {
                Ok(()) => connected += 1,
                Err(error) if error.kind() == ErrorKind::TimedOut => timed_out += 1,
                Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}"),
            }
        }
    }
    // Of every kind there were some.
    assert!(connected > 0 && timed_out > 0, "{connected} {timed_out}");
    assert!(connected + timed_out < dials);
    until("no descriptor is left", || descriptors() <= before);
    // Whoever joins a task may come a little before it is counted out.
    until("only the acceptor is left", || runtime.tasks() == 1);
    good.close();
    accepting.join().unwrap();
    until("no task is left", || runtime.tasks() == 0);
}

#[test]
fn pain_10_ten_thousand_dials_leave_nothing_behind() {
    // In a process of its own, whose descriptors can be counted.
    let test = "crowd::pain_10_ten_thousand_dials_leave_nothing_behind";
    in_child(test, &[], || many_dials(10_000));
}
