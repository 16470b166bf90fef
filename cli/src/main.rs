//! The `netpoll` command: servers to try the runtime with, and a load for them.
//!
//! ```text
//! netpoll                                     an echo server on 127.0.0.1:7000
//! netpoll serve echo --listen 127.0.0.1:0 --quiet --mode task --framed
//! netpoll serve proxy --listen 127.0.0.1:8000 --to 127.0.0.1:7000
//! netpoll load 127.0.0.1:7000 --connections 1000
//! ```
//!
//! | file | idea |
//! |---|---|
//! | `args` | what the command line may say |
//! | `console` | what the command says |
//! | `failure` | errors that say what to do |
//! | `signals` | Ctrl-C, once and twice |
//! | `place` | where to listen and to connect |
//! | `units` | figures for people |
//! | `frames` | length-prefixed messages |
//! | `buffers` | big buffers for tasks that need one at the moment |
//! | `serve/` | the servers |
//! | `load/` | the load generator |

#![forbid(unsafe_code)]

mod args;
mod buffers;
mod console;
mod failure;
mod frames;
mod load;
mod place;
mod serve;
mod signals;
mod units;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use args::{Arguments, Command, Protocol, ServeEcho};
use failure::Failure;
use load::Verdict;

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(status) => status,
        Err(failure) => {
            console::complain(&failure.to_string());
            ExitCode::FAILURE
        }
    }
}

fn run(command: Option<Command>) -> Result<ExitCode, Failure> {
    match command {
        None => serve::echo(&ServeEcho::default(), serve::Hints::Shown)?,
        Some(Command::Serve { protocol }) => match protocol {
            Protocol::Echo(options) => serve::echo(&options, serve::Hints::Hidden)?,
            Protocol::Proxy(options) => serve::proxy(&options)?,
        },
        Some(Command::Load(plan)) => {
            if let Err(conflict) = plan.check() {
                Arguments::command()
                    .error(ErrorKind::ArgumentConflict, conflict)
                    .exit();
            }
            if load::run(plan)? == Verdict::Bad {
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
