//! What connections cost.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use netpoll::buf::LinkBuffer;
use netpoll::event::{Connection, Handler, Next};

use crate::common::{bytes_of, in_child, until};
use crate::support::{Server, echo};

const CONNECTIONS: usize = 400;

fn resident() -> usize {
    bytes_of("VmRSS")
}

/// What each of many connections costs that have sent something and do nothing.
fn cost(handler: impl Handler) -> usize {
    let server = Server::new(handler);
    cost_of(&server, || TcpStream::connect(server.address).unwrap())
}

/// The same of connections that somebody else has accepted, and keeps no handle of.
fn cost_of_adopted() -> usize {
    let server = Server::new(echo);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    cost_of(&server, || {
        let client = TcpStream::connect(address).unwrap();
        let (stream, _) = listener.accept().unwrap();
        drop(server.event_loop.adopt(stream, LinkBuffer::new()).unwrap());
        client
    })
}

fn cost_of<H: Handler>(server: &Server<H>, connect: impl Fn() -> TcpStream) -> usize {
    let exchange = || {
        let mut client = connect();
        client.write_all(b"it is said once").unwrap();
        let mut reply = [0; 12];
        client.read_exact(&mut reply).unwrap();
        client
    };
    // What comes once for all.
    let mut clients: Vec<_> = (0..CONNECTIONS).map(|_| exchange()).collect();
    clients.reserve(CONNECTIONS);
    let before = resident();
    clients.extend((0..CONNECTIONS).map(|_| exchange()));
    let there = || {
        server
            .event_loop
            .metrics()
            .connections
            .iter()
            .sum::<usize>()
    };
    until("all are there", || there() == 2 * CONNECTIONS);
    resident().saturating_sub(before) / CONNECTIONS
}

/// PAINS 3: idle connections cost a task and buffers.
#[test]
fn pain_03_an_idle_connection_costs_no_page_whatever_it_has_begun() {
    in_child(
        "memory::pain_03_an_idle_connection_costs_no_page_whatever_it_has_begun",
        &[],
        || {
            // No task: the peers block their thread. Of the address sanitizer's own
            // memory nothing is said.
            if std::env::var_os("ASAN_OPTIONS").is_none() {
                // What a process takes once, for whatever comes first.
                cost(echo);
                let idle = cost(echo);
                let begun = cost(|connection: &mut Connection| {
                    let most = connection.reader().len() - 3;
                    let said = connection.reader().next(most)?;
                    connection.writer().write_binary(said);
                    Ok(Next::Need(100))
                });
                let adopted = cost_of_adopted();
                // Pages are counted as a whole, hence the bounds.
                assert!(idle < 256, "{idle} bytes for an idle connection");
                assert!(adopted < 256, "{adopted} bytes for one that was adopted");
                assert!(begun < 600, "{begun} bytes for three bytes of a frame");
            }
        },
    );
}
