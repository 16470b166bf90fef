//! Servers that do something wrong, on std's threads.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// Serves each connection on a thread, with its number, for as long as the test runs.
pub fn serve(connection: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let connection = Arc::new(connection);
    thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let connection = Arc::clone(&connection);
            thread::spawn(move || connection(number, stream));
        }
    });
    address
}

/// Echoes what comes in on all connections; on the first one, after `change` has had
/// its way with all of it from this place on.
pub fn serve_changed(
    place: usize,
    change: impl Fn(&mut Vec<u8>) + Send + Sync + 'static,
) -> SocketAddr {
    serve(move |number, mut stream| {
        let mut passed = 0;
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            let mut bytes = buffer[..length].to_vec();
            if number == 0 && (passed..passed + length).contains(&place) {
                let mut rest = bytes.split_off(place - passed);
                change(&mut rest);
                bytes.append(&mut rest);
            }
            passed += length;
            if stream.write_all(&bytes).is_err() {
                return;
            }
        }
    })
}

/// Reads until the client says no more.
pub fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    bytes
}
