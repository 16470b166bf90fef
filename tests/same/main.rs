//! One body, two libraries: each test here is compiled once with `use std::..` and
//! once with `use netpoll::..`, runs with both, and what it wrote down has to agree:
//! results, kinds of errors, raw error numbers and Debug text. Ours runs on a plain
//! thread and on tasks of 1, 2 and 8 workers.
//!
//! Numbers of descriptors, ports and names of files differ from run to run; [`Notes`]
//! puts placeholders in their place.

#[path = "../common/mod.rs"]
mod common;
mod notes;
mod tcp;
mod udp;
mod unix;

/// Compiles the modules' bodies once for each library. Inside, `net`, `os` and `thread`
/// are those of the library, and `notes` is where to write down what happens.
macro_rules! same {
    ($($(#[$doc:meta])* fn $name:ident($notes:ident) $body:block)*) => {
        mod std_side {
            #[allow(unused_imports)]
            use {super::*, std::{net, os, thread}};
            $(pub(super) fn $name($notes: &mut crate::notes::Notes) $body)*
        }

        mod our_side {
            #[allow(unused_imports)]
            use {super::*, netpoll::{net, os, thread}};
            $(pub(super) fn $name($notes: &mut crate::notes::Notes) $body)*
        }

        $(
            $(#[$doc])*
            #[test]
            fn $name() {
                crate::notes::compare(std_side::$name, our_side::$name);
            }
        )*
    };
}

pub(crate) use same;
