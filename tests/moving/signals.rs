//! `netpoll::signal`.

use std::io::ErrorKind;
use std::time::Instant;

use netpoll::io::Closed;
use netpoll::signal::{Signal, Signals, ctrl_c};
use netpoll::thread;

use crate::common::{everywhere, in_child, kind, on_workers, until};

fn send(signal: Signal) {
    // SAFETY: plain C.
    assert_eq!(unsafe { libc::kill(libc::getpid(), signal.as_raw()) }, 0);
}

#[test]
fn each_signal_reaches_who_asked_for_it() {
    in_child("signals::each_signal_reaches_who_asked_for_it", &[], || {
        everywhere(|| {
            let both = Signals::new([Signal::USER_1, Signal::HANGUP]).unwrap();
            let one = Signals::new([Signal::HANGUP, Signal::HANGUP]).unwrap();
            assert_eq!(both.try_recv(), None);
            let waits = thread::spawn(move || (one.recv(), one));
            send(Signal::HANGUP);
            let (signal, one) = waits.join().unwrap();
            assert_eq!(signal.unwrap(), Signal::HANGUP);
            assert_eq!(both.recv().unwrap(), Signal::HANGUP);
            send(Signal::USER_1);
            assert_eq!(both.recv().unwrap(), Signal::USER_1);
            assert_eq!(one.try_recv(), None);
            // One after the other, each is seen.
            for _ in 0..50 {
                send(Signal::USER_1);
                assert_eq!(both.recv().unwrap(), Signal::USER_1);
            }
        });
    });
}

#[test]
fn waits_for_signals_end_by_deadline_and_close() {
    in_child(
        "signals::waits_for_signals_end_by_deadline_and_close",
        &[],
        || {
            everywhere(|| {
                let signals = Signals::new([Signal::USER_2]).unwrap();
                signals.set_deadline(Some(Instant::now())).unwrap();
                assert_eq!(kind(signals.recv()), ErrorKind::TimedOut);
                signals.set_deadline(None).unwrap();
                thread::scope(|s| {
                    let waits = s.spawn(|| signals.recv());
                    signals.close();
                    assert!(Closed::is_cause_of(&waits.join().unwrap().unwrap_err()));
                });
            });
        },
    );
}

#[test]
fn ctrl_c_ends_a_wait_and_not_the_process() {
    in_child(
        "signals::ctrl_c_ends_a_wait_and_not_the_process",
        &[],
        || {
            on_workers(|| {
                // So that one that comes too early ends nothing.
                let early = Signals::new([Signal::INTERRUPT]).unwrap();
                let waits = thread::spawn(ctrl_c);
                until("Ctrl-C is noticed", || {
                    send(Signal::INTERRUPT);
                    waits.is_finished()
                });
                waits.join().unwrap().unwrap();
                assert_eq!(early.recv().unwrap(), Signal::INTERRUPT);
            });
        },
    );
}

#[test]
fn signals_have_the_names_of_the_system() {
    assert_eq!(Signal::INTERRUPT.to_string(), "SIGINT");
    assert_eq!(
        format!("{:?}", Signal::from_raw(libc::SIGTERM)),
        "Signal(SIGTERM)"
    );
    assert_eq!(Signal::from_raw(40).to_string(), "signal 40");
    for refused in [libc::SIGKILL, libc::SIGSEGV, 0, 4711] {
        let error = Signals::new([Signal::from_raw(refused)]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{refused}");
    }
}

#[test]
fn pain_10_signals_give_their_descriptors_back() {
    in_child(
        "signals::pain_10_signals_give_their_descriptors_back",
        &[],
        || {
            let count = || std::fs::read_dir("/proc/self/fd").unwrap().count();
            let before = count();
            for _ in 0..50 {
                drop(Signals::new([Signal::USER_1, Signal::USER_2]).unwrap());
            }
            assert_eq!(count(), before);
        },
    );
}
