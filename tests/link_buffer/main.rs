//! `LinkBuffer` beside a model of it, with all operations interleaved.
//!
//! `fuzz/` runs the same model for as many cases as one likes.

mod model;

use std::sync::mpsc;
use std::thread;

use model::{Choices, Outlived, run};
use proptest::collection::vec;
use proptest::prelude::*;

/// What is sent away, which another thread checks and drops.
fn elsewhere() -> (mpsc::Sender<Outlived>, thread::JoinHandle<usize>) {
    let (sender, receiver) = mpsc::channel();
    let check = move || receiver.into_iter().map(Outlived::check).count();
    (sender, thread::spawn(check))
}

#[test]
fn it_does_what_two_vectors_do() {
    let (cases, length) = if cfg!(miri) { (12, 150) } else { (400, 600) };
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let (away, checked) = elsewhere();
    proptest!(config, |(choices in vec(any::<u8>(), 0..length))| {
        run(&mut Choices(&choices), &away);
    });
    drop(away);
    assert!(checked.join().unwrap() > 0, "nothing was sent away");
}

/// Each step of the model compares something: a buffer that is not what the model says
/// is found.
#[test]
#[should_panic(expected = "assertion")]
fn the_model_finds_what_is_wrong() {
    Outlived::Bytes(b"one thing"[..].into(), b"another".to_vec()).check();
}
