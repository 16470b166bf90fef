//! The `netpoll` command: servers to try the runtime with.
//!
//! ```text
//! netpoll                                     an echo server on 127.0.0.1:7000
//! netpoll serve echo --listen 127.0.0.1:0 --quiet
//! ```
//!
//! | file | idea |
//! |---|---|
//! | `args` | what the command line may say |
//! | `console` | what the command says |
//! | `failure` | errors that say what to do |
//! | `signals` | Ctrl-C, once and twice |
//! | `units` | figures for people |
//! | `buffers` | big buffers for tasks that need one at the moment |
//! | `serve/` | the servers |

#![forbid(unsafe_code)]

mod args;
mod buffers;
mod console;
mod failure;
mod serve;
mod signals;
mod units;

use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Command, Protocol, ServeEcho};

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        None => serve::echo(&ServeEcho::default(), serve::Hints::Shown),
        Some(Command::Serve { protocol }) => match protocol {
            Protocol::Echo(options) => serve::echo(&options, serve::Hints::Hidden),
        },
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            console::complain(&failure.to_string());
            ExitCode::FAILURE
        }
    }
}
