//! How many mappings stacks take, and what happens when there are no more.

use std::process::Command;
use std::{env, io, ptr, thread};

use super::super::guard::{self, Kind};
use super::super::{Pool, acquire, figures};
use super::{SIZE, assert_succeeded, is_child};
use crate::sys::memory;

#[test]
fn ten_thousand_stacks_take_few_mappings() {
    const STACKS: usize = 10_000;
    if is_child() {
        let mut pool = Pool::new();
        let before = memory::mappings().unwrap();
        let stacks: Vec<_> = (0..STACKS).map(|_| pool.take(SIZE).unwrap()).collect();
        for stack in &stacks {
            assert!(!memory::is_readable(stack.limit().get()));
        }
        let more = memory::mappings().unwrap() - before;
        match guard::kind() {
            Kind::Advised => assert!(more < 20, "{more} mappings"),
            Kind::Protected => {
                assert!((2 * STACKS - 50..2 * STACKS + 50).contains(&more));
                assert_eq!(figures().costing_mappings, STACKS);
            }
        }
        return;
    }
    assert_succeeded("tests::mappings::ten_thousand_stacks_take_few_mappings");
}

#[test]
fn permits_end_before_the_mappings_do() {
    if is_child() {
        let Ok(most) = memory::max_mappings() else {
            return;
        };
        let mut pool = Pool::new();
        let mut permits = Vec::new();
        let error = loop {
            match acquire() {
                Ok(permit) => permits.push(permit),
                Err(error) => break Some(error),
            }
            if permits.len() > most {
                break None;
            }
        };
        assert_eq!(error.is_some(), guard::kind() == Kind::Protected);
        let Some(error) = error else { return };
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
        let text = error.to_string();
        for part in [
            format!("{} stacks live", permits.len()),
            format!("vm.max_map_count is {most}"),
        ] {
            assert!(text.contains(&part), "{text}");
        }
        assert!(permits.len() > most / 4 && permits.len() < most / 2);

        // Every permit finds a stack, and mappings are left for the rest. (Not
        // for all, where the limit was raised to millions.)
        let stacks: Vec<_> = permits
            .iter()
            .take(40_000)
            .map(|_| pool.take(SIZE).unwrap())
            .collect();
        thread::spawn(|| {}).join().unwrap();
        stacks.into_iter().for_each(|stack| pool.put(stack));

        let live = figures().permits;
        drop(permits.pop());
        assert_eq!(figures().permits, live - 1);
        drop(acquire().unwrap());
        return;
    }
    assert_succeeded("tests::mappings::permits_end_before_the_mappings_do");
}

#[test]
fn a_stack_that_is_taken_apart_gives_back_mappings_and_pages() {
    if is_child() {
        if guard::kind() == Kind::Protected {
            let mut pool = Pool::new();
            let before = memory::mappings().unwrap();
            let stacks: Vec<_> = (0..10).map(|_| pool.take(SIZE).unwrap()).collect();
            assert!(memory::mappings().unwrap() - before >= 20);
            for stack in stacks {
                let top: *mut u64 = ptr::with_exposed_provenance_mut(stack.base().get() - 64);
                // SAFETY: the address lies on the stack, which nobody runs on.
                unsafe { top.write(1) };
                let end = stack.base().get().next_multiple_of(memory::page_size());
                let slot = stack.retire().unwrap();
                assert_eq!(memory::resident_pages(slot, end - slot), 0);
            }
            assert!(memory::mappings().unwrap() - before <= 2);
        }
        return;
    }
    assert_succeeded("tests::mappings::a_stack_that_is_taken_apart_gives_back_mappings_and_pages");
}

/// What `pool::tests` holds for the kind of guard of this run holds for both.
#[test]
fn the_pool_works_with_both_kinds_of_guard() {
    for fallback in ["", "guard"] {
        let output = Command::new(env::current_exe().unwrap())
            .arg("stack::pool::")
            .env("NETPOLL_FALLBACK", fallback)
            .output()
            .unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{stdout}");
        assert!(!stdout.contains("running 0 tests"), "{stdout}");
    }
}
