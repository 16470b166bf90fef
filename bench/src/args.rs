//! What the command line may say.
#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand};

use crate::cases::CASES;
use crate::load::Shape;
use crate::place::Place;
use crate::proxy;
use crate::servers;

/// What a request costs on netpoll, beside a hand-written epoll server and rivals.
#[derive(Debug, Parser)]
#[command(name = "netpoll-bench", args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) options: Options,
}

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A short run of a few cases: whether everything works, not how fast it is.
    #[arg(long)]
    pub(crate) quick: bool,

    /// Servers to run beside `raw` and its control [default: all but the variants].
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = servers())]
    pub(crate) only: Vec<String>,

    /// Cases to run [default: all].
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = cases())]
    pub(crate) cases: Vec<String>,

    /// Rounds of each case [default: 25, or 3 with --quick].
    #[arg(long, value_name = "N")]
    pub(crate) rounds: Option<NonZeroU32>,

    /// How often each server is started anew; the rounds are divided among the starts
    /// [default: 3, or 1 with --quick].
    #[arg(long, value_name = "N")]
    pub(crate) starts: Option<NonZeroU32>,

    /// How long a slice lasts, in milliseconds [default: 120, more in some cases, less
    /// with --quick].
    #[arg(long, value_name = "MS")]
    pub(crate) slice: Option<NonZeroU32>,

    /// The folder for raw data, report and chart [default: a new one in target/bench].
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Leave the two cores to others as well: no real-time priority.
    #[arg(long)]
    pub(crate) no_realtime: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run one server, which says its address (the benchmark starts these itself).
    Server {
        name: String,
        /// The size of the buffers that belong to a connection; for servers with two
        /// workers, the steps of the work that some requests ask for; for those of RPC,
        /// the size of a frame.
        #[arg(long, default_value_t = 4096)]
        number: usize,
        #[command(flatten)]
        place: Place,
    },
    /// Run one load client, which obeys its standard input.
    #[command(hide = true)]
    Load {
        address: SocketAddr,
        #[command(flatten)]
        shape: Shape,
        #[command(flatten)]
        place: Place,
    },
    /// Compare what `cargo bench -p netpoll-bench` has measured.
    Micro,
    /// What a byte and a connection cost in `netpoll serve proxy`, haproxy and nginx.
    Proxy(proxy::Options),
    /// Become another program, in a place.
    #[command(hide = true)]
    Exec {
        #[command(flatten)]
        place: Place,
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
}

fn servers() -> PossibleValuesParser {
    PossibleValuesParser::new(servers::all().map(|server| server.name))
}

fn cases() -> PossibleValuesParser {
    PossibleValuesParser::new(CASES.iter().map(|case| case.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }
}
