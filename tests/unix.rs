//! Unix sockets: what is theirs alone. What they share with std's is in `same`, what
//! bounds them in `bounds`.

mod common;

use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use common::{LONG, everywhere, on, on_workers, unix_address};
use netpoll::net::Shutdown;
use netpoll::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use netpoll::thread;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};

/// Sends bytes, and a descriptor with them.
fn send_with_a_descriptor(stream: &UnixStream, bytes: &[u8]) {
    let descriptors = [stream.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
    let sent = rustix::net::sendmsg(
        stream,
        &[IoSlice::new(bytes)],
        &mut control,
        SendFlags::empty(),
    );
    assert_eq!(sent.unwrap(), bytes.len());
}

/// Ancillary data splits reads: the first is short although more is there, and no
/// event follows. Who took it for a drained socket would wait for ever.
#[test]
fn ancillary_data_that_splits_reads_hangs_nobody() {
    on_workers(|| {
        for parked_first in [false, true] {
            let (mut reader, writer) = UnixStream::pair().unwrap();
            reader.set_read_timeout(Some(LONG)).unwrap();
            let (go, gone) = std::sync::mpsc::channel();
            let reading = thread::spawn(move || {
                let mut buffer = [0; 4096];
                if parked_first {
                    reader.read_exact(&mut buffer[..3]).unwrap();
                }
                // Everything is queued before the rest is read.
                gone.recv().unwrap();
                let (mut received, mut reads) = (0, 0);
                while received < 30 {
                    received += reader.read(&mut buffer).unwrap();
                    reads += 1;
                }
                (received, reads)
            });
            if parked_first {
                thread::sleep(Duration::from_millis(1));
                (&writer).write_all(b"abc").unwrap();
            }
            (&writer).write_all(b"0123456789").unwrap();
            send_with_a_descriptor(&writer, b"0123456789");
            (&writer).write_all(b"0123456789").unwrap();
            go.send(()).unwrap();
            let (received, reads) = reading.join().unwrap();
            assert_eq!(received, 30);
            assert!(reads > 1, "nothing was split, so nothing was shown");
        }
    });
}

#[test]
fn many_clients_get_back_every_byte() {
    on_workers(|| {
        let address = unix_address();
        let listener = UnixListener::bind_addr(&address).unwrap();
        let acceptor = listener.try_clone().unwrap();
        thread::spawn(move || {
            for stream in &acceptor {
                let mut stream = stream.unwrap();
                thread::spawn(move || {
                    let mut clone = stream.try_clone().unwrap();
                    std::io::copy(&mut clone, &mut stream).unwrap();
                });
            }
        });
        let clients: Vec<_> = (0..100_u32)
            .map(|client| {
                let address = address.clone();
                thread::spawn(move || {
                    let mut stream = UnixStream::connect_addr(&address).unwrap();
                    for round in 0..20 {
                        let sent: Vec<u8> =
                            (0..1 + round * 97).map(|i| (i ^ client) as u8).collect();
                        stream.write_all(&sent).unwrap();
                        let mut received = vec![0; sent.len()];
                        stream.read_exact(&mut received).unwrap();
                        assert_eq!(sent, received);
                    }
                    stream.shutdown(Shutdown::Write).unwrap();
                    assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
                })
            })
            .collect();
        for client in clients {
            client.join().unwrap();
        }
        listener.close();
    });
}

/// A datagram of no bytes is not the end, on a task that waits either.
#[test]
fn empty_datagrams_are_datagrams() {
    on_workers(|| {
        let (left, right) = UnixDatagram::pair().unwrap();
        let receiving = thread::spawn(move || {
            let mut buffer = [0; 8];
            [(); 3].map(|()| right.recv(&mut buffer).unwrap())
        });
        thread::sleep(Duration::from_millis(1));
        left.send(b"").unwrap();
        thread::sleep(Duration::from_millis(1));
        left.send(b"").unwrap();
        left.send(b"abc").unwrap();
        assert_eq!(receiving.join().unwrap(), [0, 0, 3]);
    });
}

/// Many senders to one queue, which is full nearly all the time: each datagram arrives
/// once, and those of one sender in order.
#[test]
fn senders_wait_for_a_full_queue_and_nothing_is_lost() {
    on_workers(|| {
        for connected in [true, false] {
            let address = unix_address();
            let receiver = UnixDatagram::bind_addr(&address).unwrap();
            receiver.set_read_timeout(Some(LONG)).unwrap();
            let senders: Vec<_> = (0..8_u8)
                .map(|sender| {
                    let address = address.clone();
                    thread::spawn(move || {
                        let socket = UnixDatagram::unbound().unwrap();
                        if connected {
                            socket.connect_addr(&address).unwrap();
                        }
                        for number in 0..100 {
                            let sent = if connected {
                                socket.send(&[sender, number])
                            } else {
                                socket.send_to_addr(&[sender, number], &address)
                            };
                            assert_eq!(sent.unwrap(), 2);
                        }
                    })
                })
                .collect();
            let mut next = [0; 8];
            for _ in 0..800 {
                let mut datagram = [0; 2];
                assert_eq!(receiver.recv(&mut datagram).unwrap(), 2);
                let [sender, number] = datagram;
                assert_eq!(number, next[usize::from(sender)]);
                next[usize::from(sender)] += 1;
            }
            for sender in senders {
                sender.join().unwrap();
            }
        }
    });
}

/// A peer may have a name that std cannot express; that is no reason to fail.
#[test]
fn a_peer_with_the_longest_name_is_accepted() {
    everywhere(|| {
        let address = unix_address();
        let listener = UnixListener::bind_addr(&address).unwrap();
        let folder = std::env::temp_dir();
        let mut name = folder.join(format!("netpoll-{}-", std::process::id()));
        while name.as_os_str().len() < 108 {
            name.as_mut_os_string().push("x");
        }
        let socket = rustix::net::socket(
            rustix::net::AddressFamily::UNIX,
            rustix::net::SocketType::STREAM,
            None,
        )
        .unwrap();
        let longest = rustix::net::SocketAddrUnix::new(name.as_path()).unwrap();
        let _ = std::fs::remove_file(&name);
        rustix::net::bind(&socket, &longest).unwrap();
        let ours = listener.local_addr().unwrap();
        let ours = std::os::linux::net::SocketAddrExt::as_abstract_name(&ours).unwrap();
        let ours = rustix::net::SocketAddrUnix::new_abstract_name(ours).unwrap();
        rustix::net::connect(&socket, &ours).unwrap();
        let (stream, peer) = listener.accept().unwrap();
        std::fs::remove_file(&name).unwrap();
        assert!(peer.is_unnamed());
        assert!(stream.peer_addr().unwrap().is_unnamed());
        assert_eq!(name.as_os_str().as_bytes().len(), 108);
    });
}

#[test]
fn paths_stay_and_abstract_names_go() {
    on(1, || {
        let path = std::env::temp_dir().join(format!("netpoll-unix-{}", std::process::id()));
        drop(UnixListener::bind(&path).unwrap());
        assert!(Path::new(&path).exists());
        std::fs::remove_file(&path).unwrap();
        let address = unix_address();
        drop(UnixListener::bind_addr(&address).unwrap());
        UnixListener::bind_addr(&address).unwrap();
    });
}
