//! What the command line may say.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::load;

const DEFAULT_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7000);
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
    /// so far. The exit status is 0 if all went well, 1 if a byte was wrong or a
    /// connection failed, 2 for wrong options.
    ///
    /// Each connection takes a descriptor here and one in the server: for thousands of
    /// them raise the limit with `ulimit -n` for both.
    Load(load::Plan),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Protocol {
    /// Send back what comes in, on a task for each connection.
    ///
    /// While something happens it shows, once a second: open connections, bytes and
    /// requests a second, tasks, and resident memory. A request is what one read
    /// brought and was sent back; the server knows of no other boundaries.
    Echo(ServeEcho),
}

/// The options of `serve echo`.
#[derive(Debug, Args)]
pub(crate) struct ServeEcho {
    /// Address to listen on; with port 0 the system chooses one.
    #[arg(long, value_name = "ADDR", default_value_t = DEFAULT_ADDRESS, value_parser = address)]
    pub(crate) listen: SocketAddr,

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

impl Default for ServeEcho {
    fn default() -> Self {
        Self {
            listen: DEFAULT_ADDRESS,
            workers: None,
            quiet: false,
            grace: DEFAULT_GRACE,
        }
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "write an IP address and a port, as in 127.0.0.1:7000, 0.0.0.0:7000 or [::1]:7000".into()
    })
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
