//! What bounds a dial: deadlines, timeouts, the end of the runtime.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use netpoll::io::Cancelled;
use netpoll::net::{Dialer, ListenConfig, OpError, Resolver, SystemResolver};
use netpoll::{Builder, thread};

use crate::common::{LONG, everywhere, in_child, kind, on, unix_address, until};
use crate::{V4, V6, listener, silent};

#[test]
fn pain_07_addresses_share_the_deadline() {
    on(2, || {
        let silent = silent(V4);
        let (_listener, good) = listener(V4);
        let start = Instant::now();
        // The first has half of it, which leaves the rest to the second.
        let stream = Dialer::new()
            .timeout(Duration::from_secs(5))
            .fallback_delay(Duration::ZERO)
            .dial_tcp(&[silent.address, good][..])
            .unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
        assert!(start.elapsed() >= Duration::from_secs(2));
        assert!(start.elapsed() < LONG);
    });
}

#[test]
fn pain_07_a_deadline_bounds_every_silent_address() {
    everywhere(|| {
        let silent = [silent(V4), silent(V6), silent(V4), silent(V6)];
        let addresses = silent.each_ref().map(|silent| silent.address);
        for fallback_delay in [Duration::ZERO, Duration::from_millis(1), LONG] {
            let deadline = Instant::now() + Duration::from_millis(30);
            let dialer = Dialer::new()
                .timeout(LONG)
                .deadline(deadline)
                .fallback_delay(fallback_delay);
            assert_eq!(kind(dialer.dial_tcp(&addresses[..])), ErrorKind::TimedOut);
            assert!(Instant::now() >= deadline);
            assert!(Instant::now() < deadline + LONG);
        }
    });
}

#[test]
fn a_past_deadline_and_no_time_at_all_fail_at_once() {
    everywhere(|| {
        let (listener, good) = listener(V4);
        listener.set_nonblocking(true).unwrap();
        let unix = unix_address();
        let _unix_listener = ListenConfig::new().listen_unix(&unix).unwrap();
        for dialer in [
            Dialer::new().deadline(Instant::now()).timeout(LONG),
            Dialer::new().timeout(Duration::ZERO),
        ] {
            assert_eq!(kind(dialer.dial_tcp(good)), ErrorKind::TimedOut);
            assert_eq!(kind(dialer.dial_unix(&unix)), ErrorKind::TimedOut);
        }
        // It did not come to an attempt.
        assert_eq!(kind(listener.accept()), ErrorKind::WouldBlock);
        // What cannot be told is no bound.
        Dialer::new().timeout(Duration::MAX).dial_tcp(good).unwrap();
    });
}

#[test]
fn the_end_of_the_runtime_cancels() {
    for workers in [1, 2, 8] {
        let v4 = silent(V4);
        let v6 = silent(V6);
        let alone = v4.address;
        let both = [v4.address, v6.address];
        let runtime = Builder::new().workers(workers).build().unwrap();
        let dialing = [
            runtime.spawn(move || Dialer::new().dial_tcp(alone).map(drop)),
            runtime.spawn(move || {
                let dialer = Dialer::new().fallback_delay(Duration::from_nanos(1));
                dialer.dial_tcp(&both[..]).map(drop)
            }),
        ];
        let shutdown = runtime.shutdown(Instant::now() + LONG);
        assert!(shutdown.complete, "{shutdown}");
        for task in dialing {
            let error = task.join().unwrap().unwrap_err();
            assert!(Cancelled::is_cause_of(&error), "{error}");
            assert_eq!(error.kind(), ErrorKind::Other);
            assert!(OpError::of(&error).is_some());
        }
    }
}

#[test]
fn a_deadline_bounds_resolution_though_nobody_answers() {
    let test = "bounds::a_deadline_bounds_resolution_though_nobody_answers";
    in_child(test, &[("NETPOLL_BLOCKING_THREADS", "1")], || {
        // The only thread that could ask is busy.
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let has_begun = Arc::new(AtomicBool::new(false));
        let begun = Arc::clone(&has_begun);
        let busy = thread::spawn(move || {
            netpoll::blocking(move || {
                begun.store(true, Ordering::Release);
                ended.recv()
            })
        });
        until("the pool is busy", || has_begun.load(Ordering::Acquire));
        everywhere(|| {
            let dialer = Dialer::new().timeout(Duration::from_millis(10));
            let error = dialer.dial_tcp("localhost:80").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            assert!(
                error
                    .to_string()
                    .starts_with("dial tcp: lookup localhost: "),
                "{error}"
            );
            let soon = Instant::now() + Duration::from_millis(1);
            let bounded = SystemResolver.lookup_host("localhost", 80, Some(soon));
            assert_eq!(kind(bounded), ErrorKind::TimedOut);
        });
        // Cancelling ends it too.
        let runtime = Builder::new().workers(1).build().unwrap();
        let asking = runtime.spawn(|| Dialer::new().dial_tcp("localhost:80").map(drop));
        assert!(runtime.shutdown(Instant::now() + LONG).complete);
        assert!(Cancelled::is_cause_of(&asking.join().unwrap().unwrap_err()));
        // Once there is a thread, names are resolved, and late answers harm nobody.
        end.send(()).unwrap();
        busy.join().unwrap().unwrap();
        let (_listener, good) = listener(V4);
        let dialer = Dialer::new().timeout(LONG);
        dialer.dial_tcp(("localhost", good.port())).unwrap();
    });
}
