//! Moving a deadline to later, as a connection does with every request: of a socket that
//! nobody waits on, of one that a task waits on, and of a timer that is set.

use std::future::poll_fn;
use std::io::Read;
use std::task::Poll;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion};
use netpoll::net::{TcpListener, TcpStream};

use crate::runtimes;

/// Longer than the measurement takes.
const FAR: Duration = Duration::from_secs(600);

pub(crate) fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("move a deadline");
    let mut bench = |who, run: fn(u64) -> Duration| {
        group.bench_function(BenchmarkId::new(who, 1), |bencher| {
            bencher.iter_custom(run);
        });
    };
    bench("netpoll", unused);
    bench("netpoll, waited on", waited_on);
    bench("tokio", tokio);
    group.finish();
}

/// Two ends of a connection.
fn pair() -> (TcpStream, TcpStream) {
    let connect = || {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let client = TcpStream::connect(listener.local_addr()?)?;
        Ok::<_, std::io::Error>((client, listener.accept()?.0))
    };
    connect().expect("loopback connects")
}

fn move_it(stream: &TcpStream, operations: u64) -> Duration {
    let begin = Instant::now();
    for _ in 0..operations {
        stream
            .set_read_deadline(Some(Instant::now() + FAR))
            .expect("it is a socket");
    }
    begin.elapsed()
}

fn unused(operations: u64) -> Duration {
    runtimes::in_netpoll(move || {
        let (stream, _peer) = pair();
        move_it(&stream, operations)
    })
}

fn waited_on(operations: u64) -> Duration {
    runtimes::in_netpoll(move || {
        let (stream, peer) = pair();
        move_it(&stream, 1);
        netpoll::thread::scope(|scope| {
            let waiting = scope.spawn(|| (&stream).read(&mut [0]));
            // It waits by then: there is one worker.
            netpoll::thread::yield_now();
            let time = move_it(&stream, operations);
            drop(peer);
            waiting.join().unwrap().expect("the peer has gone");
            time
        })
    })
}

fn tokio(operations: u64) -> Duration {
    runtimes::tokio().block_on(async move {
        let mut sleep = std::pin::pin!(tokio::time::sleep(FAR));
        // It is set when it has been waited for once.
        let once = poll_fn(|context| Poll::Ready(sleep.as_mut().poll(context)));
        assert_eq!(once.await, Poll::Pending);
        let begin = Instant::now();
        for _ in 0..operations {
            sleep.as_mut().reset(tokio::time::Instant::now() + FAR);
        }
        begin.elapsed()
    })
}
