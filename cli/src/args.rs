//! What the command line may say.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::load;
use crate::place::{self, Place};

const DEFAULT_ADDRESS: &str = "127.0.0.1:7000";
const DEFAULT_GRACE: Duration = Duration::from_secs(10);
/// As many as a runtime can have.
const WORKERS_MOST: u64 = 1024;

/// Servers on the netpoll runtime, and a load for them.
///
/// Without a command: an echo server on 127.0.0.1:7000.
#[derive(Debug, Parser)]
#[command(name = "netpoll", version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a server until Ctrl-C.
    Serve {
        #[command(subcommand)]
        protocol: Protocol,
    },
    /// Load an echo server, check every byte, and measure.
    ///
    /// Opens the connections, then sends requests on all of them: bytes that differ from
    /// connection to connection and from place to place, so that none can be changed,
    /// lost, repeated or swapped without being noticed. At the end each connection
    /// says that it sends no more, and reads what is outstanding.
    ///
    /// Progress goes to stderr, figures to stdout. Ctrl-C ends early, with the figures
    /// so far. The exit status is 0 if all went well, 1 if a byte was wrong, a
    /// connection failed, or the figures could not be written, 2 for wrong options.
    ///
    /// Each connection takes a descriptor here and one in the server: for thousands of
    /// them raise the limit with `ulimit -n` for both.
    Load(load::Plan),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Protocol {
    /// Send back what comes in.
    ///
    /// While something happens it shows, once a second: open connections, bytes and
    /// requests a second, tasks, and resident memory. A request is a frame with
    /// --framed, and otherwise what came at once and was sent back: the server knows of
    /// no other boundaries then.
    Echo(ServeEcho),
    /// Pass connections on to other servers.
    ///
    /// Bytes are moved inside of the kernel where they come in bulk. One side's end is
    /// passed to the other side, and the way back goes on; a failure of one side resets
    /// the other. A target that does not take a connection rests for a while, and the next
    /// one is tried at once: the client learns of it only if all fail.
    ///
    /// While something happens it shows, once a second: open connections, bytes a second,
    /// and for each target its connections, and whether it rests.
    Proxy(ServeProxy),
}

/// The options of all servers.
#[derive(Debug, Args)]
pub(crate) struct Serving {
    /// Address to listen on; with port 0 the system chooses one. Also unix:/path and
    /// unix:@name.
    #[arg(long, value_name = "ADDR", default_value = DEFAULT_ADDRESS, value_parser = place::own)]
    pub(crate) listen: Place,

    /// Worker threads [default: one for each processor, or NETPOLL_WORKERS].
    #[arg(long, value_name = "N", value_parser = workers)]
    pub(crate) workers: Option<NonZeroUsize>,

    /// Show no live figures: only where it listens, and the totals at the end.
    #[arg(long, short)]
    pub(crate) quiet: bool,

    /// How long connections may go on after Ctrl-C or SIGTERM.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) grace: Duration,
}

/// The options of `serve echo`.
#[derive(Debug, Default, Args)]
pub(crate) struct ServeEcho {
    #[command(flatten)]
    pub(crate) serving: Serving,

    /// What serves a connection.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) mode: Mode,

    /// Expect length-prefixed messages, and send back whole ones.
    ///
    /// The length is 4 bytes in big-endian, which do not count themselves. One of more
    /// than 16M ends the connection, and so does the client's end in the middle of a
    /// message; neither is answered.
    #[arg(long)]
    pub(crate) framed: bool,
}

/// What serves a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// A function that its worker calls when something has come. A connection on which
    /// nothing happens is a struct of about a hundred bytes. When the server stops,
    /// those that owe no answer end at once, and the others when they have given it.
    #[default]
    Handler,
    /// A task of its own, which costs a page of memory while it waits. When the server
    /// stops, connections go on until their clients close.
    Task,
}

/// The options of `serve proxy`.
#[derive(Debug, Args)]
pub(crate) struct ServeProxy {
    #[command(flatten)]
    pub(crate) serving: Serving,

    /// Target: an IP address or a name, and a port; or unix:/path, or unix:@name. Give it
    /// several times for several targets.
    ///
    /// Names are looked up for each connection.
    #[arg(long, value_name = "ADDR", required = true, value_parser = place::other)]
    pub(crate) to: Vec<Place>,

    /// Which target gets a connection.
    #[arg(long, value_enum, default_value_t = Balance::RoundRobin)]
    pub(crate) balance: Balance,

    /// How long a target gets no connections after one to it could not be opened. When
    /// all rest, the one that has rested the longest is tried.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = decimal_seconds)]
    pub(crate) rest: Duration,

    /// How long opening a connection to a target may take, before the next is tried.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = some_seconds)]
    pub(crate) connect_timeout: Duration,

    /// End a connection on which nothing was moved, either way, for so long [default:
    /// never].
    #[arg(long, value_name = "SECONDS", value_parser = some_seconds)]
    pub(crate) idle_timeout: Option<Duration>,

    /// Expect clients to begin with a header of the PROXY protocol, version 1 or 2, and
    /// reset those that do not.
    #[arg(long)]
    pub(crate) accept_proxy: bool,

    /// How long a client may take for that header.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = some_seconds,
        requires = "accept_proxy")]
    pub(crate) header_timeout: Duration,

    /// Begin connections to targets with a header of the PROXY protocol, which tells
    /// whose connection it is.
    #[arg(long, value_name = "VERSION", value_enum)]
    pub(crate) send_proxy: Option<Version>,
}

/// Which target gets a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Balance {
    /// One after the other.
    RoundRobin,
    /// The one with the fewest that are open.
    LeastConnections,
}

/// A version of the PROXY protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Version {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

impl Default for Serving {
    fn default() -> Self {
        Self {
            listen: Place::Tcp(DEFAULT_ADDRESS.into()),
            workers: None,
            quiet: false,
            grace: DEFAULT_GRACE,
        }
    }
}

pub(crate) fn workers(text: &str) -> Result<NonZeroUsize, String> {
    text.parse()
        .ok()
        .filter(|number| (1..=WORKERS_MOST).contains(number))
        .and_then(|number| usize::try_from(number).ok())
        .and_then(NonZeroUsize::new)
        .ok_or_else(|| format!("write a number from 1 to {WORKERS_MOST}"))
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        // More than anybody waits, and far from where clocks overflow.
        Ok(seconds @ 0..=31_536_000) => Ok(Duration::from_secs(seconds)),
        _ => Err("write a whole number of seconds, at most a year".into()),
    }
}

/// Seconds with or without decimals.
pub(crate) fn decimal_seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=31_536_000.0).contains(&seconds) => {
            Ok(Duration::from_secs_f64(seconds))
        }
        _ => Err("write a number of seconds, as in 10 or 0.5, at most a year".into()),
    }
}

/// The same, but not zero.
pub(crate) fn some_seconds(text: &str) -> Result<Duration, String> {
    match decimal_seconds(text)? {
        Duration::ZERO => Err("write more than no time".into()),
        length => Ok(length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn no_options_mean_the_same_as_no_command() {
        let parsed = Arguments::parse_from(["netpoll", "serve", "echo"]);
        let Some(Command::Serve {
            protocol: Protocol::Echo(options),
        }) = parsed.command
        else {
            panic!("{parsed:?}");
        };
        assert_eq!(
            format!("{options:?}"),
            format!("{:?}", ServeEcho::default())
        );
    }
}
