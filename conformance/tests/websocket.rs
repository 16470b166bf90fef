//! tungstenite on both ends of a connection.

use std::io::{Read, Write};

use netpoll::net::{TcpListener, TcpStream};
use netpoll::thread;
use netpoll_conformance::common::{LONG, on_workers};
use netpoll_conformance::ends::{AnyStream, on_both};
use netpoll_conformance::pattern;
use netpoll_conformance::tls::{self, Authority};
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tungstenite::{Bytes, Error, Message, WebSocket};

fn accept<S: Read + Write>(stream: S) -> WebSocket<S> {
    match tungstenite::accept(stream) {
        Ok(socket) => socket,
        Err(error) => panic!("{error}"),
    }
}

fn connect<S: Read + Write>(stream: S) -> WebSocket<S> {
    match tungstenite::client("ws://localhost/chat", stream) {
        Ok((socket, response)) => {
            assert_eq!(response.status(), 101);
            socket
        }
        Err(error) => panic!("{error}"),
    }
}

/// Sends back what comes, until the peer closes.
fn echo<S: Read + Write>(stream: S) -> S {
    let mut socket = accept(stream);
    loop {
        match socket.read() {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => socket.send(message).unwrap(),
            Ok(_) => {}
            Err(Error::ConnectionClosed) => return socket.into_inner(),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Says goodbye and waits for the peer's.
fn close<S: Read + Write>(mut socket: WebSocket<S>) {
    let goodbye = CloseFrame {
        code: CloseCode::Normal,
        reason: "enough".into(),
    };
    socket.close(Some(goodbye.clone())).unwrap();
    let answer = socket.read().unwrap();
    assert_eq!(answer, Message::Close(Some(goodbye)));
    assert!(matches!(socket.read(), Err(Error::ConnectionClosed)));
}

#[test]
fn text_and_binary() {
    on_both(
        |stream: AnyStream| drop(echo(stream)),
        |stream: AnyStream| {
            let mut socket = connect(stream);
            for length in [0, 1, 125, 126, 127, 65535, 65536, 200_000] {
                let text: String = "äöü".chars().cycle().take(length).collect();
                for message in [
                    Message::text(text),
                    Message::binary(pattern::bytes(1, length)),
                ] {
                    socket.send(message.clone()).unwrap();
                    assert!(socket.read().unwrap() == message, "{length}");
                }
            }
            close(socket);
        },
    );
}

#[test]
fn a_message_in_fragments_with_a_ping_in_between() {
    on_both(
        |stream: AnyStream| drop(echo(stream)),
        |stream: AnyStream| {
            let mut socket = connect(stream);
            let mut fragment = |text: &'static str, code: Data, is_last: bool| {
                let frame = Frame::message(text, OpCode::Data(code), is_last);
                socket.send(Message::Frame(frame)).unwrap();
                if !is_last {
                    socket.send(Message::Ping(text.into())).unwrap();
                }
            };
            fragment("one, ", Data::Text, false);
            fragment("two, ", Data::Continue, false);
            fragment("three", Data::Continue, true);
            // The peer answers pings with the latest, when it gets to writing.
            let mut pongs = 0;
            loop {
                match socket.read().unwrap() {
                    Message::Pong(of) => {
                        assert!([&b"one, "[..], b"two, "].contains(&&of[..]));
                        pongs += 1;
                    }
                    message => {
                        assert_eq!(message, Message::text("one, two, three"));
                        break;
                    }
                }
            }
            assert!(pongs > 0);
            close(socket);
        },
    );
}

#[test]
fn large_messages() {
    const LARGE: usize = 6 << 20;
    on_both(
        |stream: AnyStream| drop(echo(stream)),
        |stream: AnyStream| {
            let mut socket = connect(stream);
            let bytes = Bytes::from(pattern::bytes(2, LARGE));
            for _ in 0..2 {
                socket.send(Message::Binary(bytes.clone())).unwrap();
                assert!(socket.read().unwrap() == Message::Binary(bytes.clone()));
            }
            close(socket);
        },
    );
}

#[test]
fn the_server_closes() {
    on_both(
        |stream: AnyStream| close(accept(stream)),
        |stream: AnyStream| {
            let mut socket = connect(stream);
            let Message::Close(Some(goodbye)) = socket.read().unwrap() else {
                panic!("something else than a goodbye");
            };
            assert_eq!(goodbye.reason, "enough");
            // Sends the answer; the server then ends the connection.
            assert!(matches!(socket.read(), Err(Error::ConnectionClosed)));
        },
    );
}

#[test]
fn a_connection_that_is_cut_is_an_error() {
    on_both(
        |stream: AnyStream| drop(accept(stream)),
        |stream: AnyStream| {
            let mut socket = connect(stream);
            assert!(matches!(
                socket.read(),
                Err(Error::Protocol(_) | Error::Io(_))
            ));
        },
    );
}

#[test]
fn over_tls() {
    let server = Authority::trusted().server();
    let client = Authority::trusted().client(None);
    on_both(
        move |stream: AnyStream| {
            let mut stream = echo(tls::serve(&server, stream));
            tls::finish_server(&mut stream).unwrap();
        },
        move |stream: AnyStream| {
            let mut socket = connect(tls::connect(&client, stream));
            let message = Message::binary(pattern::bytes(3, 1 << 20));
            socket.send(message.clone()).unwrap();
            socket.send(Message::Ping("there?".into())).unwrap();
            assert!(socket.read().unwrap() == message);
            assert_eq!(socket.read().unwrap(), Message::Pong("there?".into()));
            close(socket);
        },
    );
}

/// tungstenite has no halves. Two sockets over clones of one stream are as good, as on
/// std's streams: one task sends while another one receives.
#[test]
fn clones_of_a_stream_read_and_write_at_once() {
    use tungstenite::protocol::Role;
    on_workers(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || drop(echo(listener.accept().unwrap().0)));
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        let socket = connect(stream);
        let clone = socket.get_ref().try_clone().unwrap();
        let reading = thread::spawn(move || {
            let mut socket = WebSocket::from_raw_socket(clone, Role::Client, None);
            for number in 0..500 {
                let expected = pattern::bytes(number, 10_000);
                assert!(socket.read().unwrap() == Message::binary(expected));
            }
        });
        let mut socket = socket;
        for number in 0..500 {
            socket
                .send(Message::binary(pattern::bytes(number, 10_000)))
                .unwrap();
        }
        reading.join().unwrap();
        close(socket);
        server.join().unwrap();
    });
}
