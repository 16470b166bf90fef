//! What a load consists of: the options of `netpoll load`.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::Args;

use crate::args::{decimal_seconds, some_seconds, workers};
use crate::frames::{HEADER, LONGEST};
use crate::place::host_and_port;

/// See the [module](self).
#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// Echo server to load: an IP address or a name, and a port.
    #[arg(value_name = "ADDR", default_value = "127.0.0.1:7000", value_parser = host_and_port)]
    pub(super) target: String,

    /// Connections to open.
    #[arg(long, short, value_name = "N", default_value = "100",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) connections: u32,

    /// Bytes of a request; K and M stand for 1024 and 1024².
    #[arg(long, short, value_name = "BYTES", default_value = "64", value_parser = bytes)]
    pub(super) size: u64,

    /// Send each request as a length-prefixed message, as `netpoll serve echo --framed`
    /// expects it.
    ///
    /// The length is 4 bytes in big-endian, which do not count themselves. The same must come back, the length included. --size is that of the message, and
    /// at most 16M.
    #[arg(long)]
    pub(super) framed: bool,

    /// Requests in flight on each connection: so many are sent before the first must
    /// have been answered.
    #[arg(long, short = 'f', value_name = "N", default_value = "1",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) in_flight: u32,

    /// How long to measure, after the warm-up [default: 10, unless --requests is
    /// given].
    #[arg(long, short, value_name = "SECONDS", value_parser = decimal_seconds)]
    duration: Option<Duration>,

    /// End after so many requests, the warm-up's not counted. With --duration too,
    /// whichever comes first.
    #[arg(long, short = 'n', value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) requests: Option<u64>,

    /// Open loop: requests a second, over all connections together, at moments that
    /// are fixed in advance.
    ///
    /// A latency counts from the moment at which the request was due, also when it
    /// could not be sent then because the connection still waited for earlier ones. A
    /// server that stalls thus shows with all the requests that it held up
    /// (coordinated omission is accounted for).
    ///
    /// Without this option the loop is closed: a request is sent as soon as an earlier
    /// one has been answered, and its latency counts from its sending.
    #[arg(long, short, value_name = "R", value_parser = rate)]
    pub(super) rate: Option<f64>,

    /// Closed loop only: also show latencies corrected for coordinated omission.
    ///
    /// In a closed loop a stall of the server is a single slow request of each
    /// connection, because none is sent meanwhile. This adds those that would have
    /// been sent had they come every so many seconds on each connection (the
    /// correction of HdrHistogram). It is a guess, as good as the interval; --rate
    /// measures instead. With more than one request in flight it has no meaning.
    #[arg(long, value_name = "SECONDS", conflicts_with = "rate", value_parser = interval)]
    pub(super) expected_interval: Option<Duration>,

    /// Load the server this long before measuring. All bytes are checked there, too.
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = decimal_seconds)]
    pub(super) warm_up: Duration,

    /// Give a connection up when no byte has come for so long although an answer is
    /// due. Answers that are missing at the end get as long.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = some_seconds)]
    pub(super) timeout: Duration,

    /// How long opening a connection may take.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = some_seconds)]
    pub(super) connect_timeout: Duration,

    /// Worker threads [default: one for each processor].
    #[arg(long, value_name = "N", env = "NETPOLL_WORKERS", value_parser = workers)]
    workers: Option<NonZeroUsize>,

    /// Write the figures as JSON.
    #[arg(long)]
    pub(super) json: bool,

    /// Show no progress.
    #[arg(long, short)]
    pub(super) quiet: bool,
}

impl Plan {
    /// What no single option can be blamed for.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.expected_interval.is_some() && self.in_flight > 1 {
            return Err("--expected-interval has a meaning only with one request in flight");
        }
        if self.framed && self.size > LONGEST as u64 {
            return Err("--size must be 16M or less with --framed");
        }
        Ok(())
    }

    /// Bytes of a request on the wire.
    pub(super) fn unit(&self) -> u64 {
        match self.framed {
            true => HEADER as u64 + self.size,
            false => self.size,
        }
    }

    /// How long is measured, if that is bounded.
    pub(super) fn duration(&self) -> Option<Duration> {
        match (self.duration, self.requests) {
            (None, None) => Some(Duration::from_secs(10)),
            (duration, _) => duration,
        }
    }

    pub(super) fn workers(&self) -> usize {
        let processors = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.workers.map_or_else(processors, NonZeroUsize::get)
    }
}

fn bytes(text: &str) -> Result<u64, String> {
    const MOST: u64 = 1 << 30;
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 1 << 10),
        Some(b'm' | b'M') => (&text[..text.len() - 1], 1 << 20),
        _ => (text, 1),
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit))
        .filter(|bytes| (1..=MOST).contains(bytes))
        .ok_or_else(|| "write a number of bytes from 1 to 1024M, as in 64, 16K or 1M".into())
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.001..=1e9).contains(&rate) => Ok(rate),
        _ => Err("write a number of requests a second, from 0.001 to 1000000000".into()),
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    // A shorter one would add requests by the million for each second of a stall.
    const LEAST: Duration = Duration::from_micros(100);
    match decimal_seconds(text)? {
        length if length >= LEAST => Ok(length),
        _ => Err("write a number of seconds from 0.0001".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_may_have_a_unit() {
        for (text, size) in [
            ("1", 1),
            ("16K", 16 << 10),
            ("2m", 2 << 20),
            ("1024M", 1 << 30),
        ] {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for text in ["", "0", "K", "-1", "1.5K", "1025M", "99999999999999999999"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
