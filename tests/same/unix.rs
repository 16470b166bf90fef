//! `UnixStream`, `UnixListener` and `UnixDatagram`.

use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::time::Duration;

use super::same;

/// The names are there, under std's paths.
#[test]
fn the_names_of_std_are_there() {
    #[allow(unused_imports)]
    use netpoll::os::{
        fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd},
        linux::{fs::MetadataExt as _, net::SocketAddrExt, net::TcpStreamExt},
        raw::c_int,
        unix::{
            ffi::{OsStrExt, OsStringExt},
            fs::{
                DirBuilderExt, DirEntryExt, FileExt, FileTypeExt, MetadataExt, OpenOptionsExt,
                PermissionsExt, chown, chroot, fchown, lchown, symlink,
            },
            io::{AsFd as _, AsRawFd as _},
            net::{Incoming, SocketAddr, UnixDatagram, UnixListener, UnixStream},
            prelude::*,
            process::{CommandExt, ExitStatusExt, parent_id},
            thread::{JoinHandleExt, RawPthread},
        },
    };
    let _: std::os::unix::net::SocketAddr = SocketAddr::from_pathname("/").unwrap();
}

same! {
    fn addresses_and_debug_text(notes) {
        use os::linux::net::SocketAddrExt;
        use os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
        let path = notes.path("path");
        let listener = UnixListener::bind(&path).unwrap();
        notes.name_fd("listener", &listener);
        notes.note("listener", &listener);
        notes.note("incoming", listener.incoming());
        notes.ended("local", listener.local_addr());
        let client = UnixStream::connect(&path).unwrap();
        notes.name_fd("client", &client);
        let (server, peer) = listener.accept().unwrap();
        notes.name_fd("server", &server);
        notes.note("peer", &peer);
        notes.note("unnamed", (peer.is_unnamed(), peer.as_pathname(), peer.as_abstract_name()));
        notes.note("client", &client);
        notes.note("server", &server);
        notes.ended("peer", client.peer_addr());
        notes.ended("local", client.local_addr());

        let name = notes.unique("name");
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let listener = UnixListener::bind_addr(&address).unwrap();
        notes.name_fd("abstract listener", &listener);
        notes.note("abstract", &listener);
        let client = UnixStream::connect_addr(&address).unwrap();
        notes.name_fd("abstract client", &client);
        notes.note("abstract", &client);
        notes.note("name", client.peer_addr().unwrap().as_abstract_name() == Some(name.as_bytes()));
        let empty = SocketAddr::from_abstract_name("").unwrap();
        notes.note("empty name", &empty);

        let (left, right) = UnixStream::pair().unwrap();
        notes.name_fd("left", &left);
        notes.note("pair", &left);
        notes.note("pair, in lines", format!("{left:#?}"));
        drop(right);
        notes.note("half a pair", &left);

        let datagram = UnixDatagram::unbound().unwrap();
        notes.name_fd("datagram", &datagram);
        notes.note("unbound", &datagram);
        notes.ended("no peer", datagram.peer_addr());
        let path = notes.path("datagram path");
        let bound = UnixDatagram::bind(&path).unwrap();
        notes.name_fd("bound", &bound);
        notes.note("bound", &bound);
        datagram.connect(&path).unwrap();
        notes.note("connected", &datagram);
        let (left, _right) = UnixDatagram::pair().unwrap();
        notes.name_fd("left datagram", &left);
        notes.note("pair", &left);
    }

    fn an_empty_path_asks_the_system_for_a_name(notes) {
        let listener = os::unix::net::UnixListener::bind("").unwrap();
        let address = listener.local_addr().unwrap();
        notes.note("a name", (address.is_unnamed(), address.as_pathname()));
        let client = os::unix::net::UnixStream::connect_addr(&address).unwrap();
        notes.note("found", client.peer_addr().unwrap().is_unnamed());
    }

    fn streams(notes) {
        let (mut left, mut right) = os::unix::net::UnixStream::pair().unwrap();
        notes.ended("write", left.write(b"hello world"));
        notes.ended("flush", left.flush());
        let mut buffer = [0; 5];
        notes.ended("read", right.read_exact(&mut buffer).map(|()| buffer));
        notes.ended("read nothing", right.read(&mut []));
        notes.ended("write nothing", right.write(&[]));
        let slices = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde")];
        notes.ended("vectored", (&left).write_vectored(&slices));
        let (mut first, mut second) = ([0; 3], [0; 64]);
        let mut buffers = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        notes.ended("vectored", (&right).read_vectored(&mut buffers));
        notes.note("what", (first, &second[..8]));
        left.shutdown(std::net::Shutdown::Write).unwrap();
        notes.ended("the end", right.read(&mut buffer));
        notes.ended("write after shutdown", left.write(b"x"));
        notes.ended("the other direction", right.write(b"answer"));
        notes.ended("read", left.read(&mut [0; 64]));
        drop(right);
        notes.ended("the end", left.read(&mut buffer));
        notes.ended("shut down", left.shutdown(std::net::Shutdown::Both));
        let (mut left, right) = os::unix::net::UnixStream::pair().unwrap();
        left.write_all(b"nobody reads this").unwrap();
        drop(right);
        notes.ended("read", left.read(&mut buffer));
        notes.ended("write", left.write(b"x"));
        notes.ended("error", left.take_error().map(|error| error.is_none()));
    }

    fn listeners(notes) {
        use os::unix::net::{UnixListener, UnixStream};
        let path = notes.path("path");
        let listener = UnixListener::bind(&path).unwrap();
        notes.ended("bind again", UnixListener::bind(&path).map(drop));
        let clients: Vec<_> = (0..3).map(|_| UnixStream::connect(&path).unwrap()).collect();
        for stream in (&listener).into_iter().take(2) {
            notes.ended("accept", stream.unwrap().peer_addr());
        }
        notes.ended("a clone", listener.try_clone().unwrap().accept().map(drop));
        listener.set_nonblocking(true).unwrap();
        notes.ended("nonblocking", listener.accept().map(drop));
        notes.ended("error", listener.take_error().map(|error| error.is_none()));
        drop((listener, clients));
        notes.ended("refused", UnixStream::connect(&path).map(drop));
        let nowhere = notes.path("nowhere");
        notes.ended("nowhere", UnixStream::connect(&nowhere).map(drop));
        notes.ended("too long", UnixStream::connect("x".repeat(108)).map(drop));
        notes.ended("NUL", UnixListener::bind("a\0b").map(drop));
        notes.ended("no listener", UnixStream::connect("/dev/null").map(drop));
    }

    fn timeouts_and_nonblocking_mode(notes) {
        let (left, right) = os::unix::net::UnixStream::pair().unwrap();
        notes.ended("none", left.read_timeout());
        notes.ended("zero", left.set_read_timeout(Some(Duration::ZERO)));
        left.set_write_timeout(Some(Duration::from_secs(3))).unwrap();
        notes.ended("write", left.write_timeout());
        left.set_write_timeout(Some(Duration::from_millis(20))).unwrap();
        left.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        notes.ended("read", (&left).read(&mut [0; 8]));
        let error = loop {
            if let Err(error) = (&left).write(&[0; 1 << 16]) {
                break error;
            }
        };
        notes.ended("write", Err::<(), _>(error));
        let clone = right.try_clone().unwrap();
        clone.set_nonblocking(true).unwrap();
        let error = loop {
            if let Err(error) = (&right).read(&mut [0; 1 << 16]) {
                break error;
            }
        };
        notes.ended("read", Err::<(), _>(error));
        let error = loop {
            if let Err(error) = (&right).write(&[0; 1 << 16]) {
                break error;
            }
        };
        notes.ended("write", Err::<(), _>(error));
    }

    fn datagrams(notes) {
        use os::unix::net::{SocketAddr, UnixDatagram};
        let path = notes.path("server");
        let server = UnixDatagram::bind(&path).unwrap();
        let client = UnixDatagram::unbound().unwrap();
        let mut buffer = [0; 8];
        notes.ended("send", client.send_to(b"hello", &path));
        notes.ended("receive", server.recv_from(&mut buffer));
        notes.note("what", buffer);
        let address = SocketAddr::from_pathname(&path).unwrap();
        notes.ended("longer", client.send_to_addr(b"0123456789", &address));
        notes.ended("receive", server.recv(&mut buffer));
        notes.ended("no peer", client.send(b"x"));
        client.connect_addr(&address).unwrap();
        notes.ended("send", client.send(b"abc"));
        notes.ended("nothing", client.send(b""));
        notes.ended("receive", server.recv(&mut buffer));
        notes.ended("receive nothing", server.recv(&mut buffer));
        let named = notes.path("named");
        let named = UnixDatagram::bind(&named).unwrap();
        notes.ended("send", named.send_to(b"x", &path));
        notes.ended("from", server.recv_from(&mut buffer));
        notes.ended("too long", client.send(&vec![0; 1 << 22]));
        notes.ended("nowhere", client.send_to(b"x", "/there/is/no/such/path"));
        notes.ended("nowhere", client.connect("/there/is/no/such/path"));
        notes.ended("bind again", UnixDatagram::bind(&path).map(drop));
        client.shutdown(std::net::Shutdown::Write).unwrap();
        notes.ended("after shutdown", client.send(b"x"));
        drop(server);
        let other = UnixDatagram::unbound().unwrap();
        notes.ended("refused", other.send_to(b"x", &path));
        notes.ended("error", other.take_error().map(|error| error.is_none()));
    }

    fn datagram_timeouts_and_nonblocking_mode(notes) {
        use os::unix::net::UnixDatagram;
        let path = notes.path("server");
        let server = UnixDatagram::bind(&path).unwrap();
        let client = UnixDatagram::unbound().unwrap();
        server.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        notes.ended("timeout", server.try_clone().unwrap().read_timeout());
        notes.ended("zero", server.set_write_timeout(Some(Duration::ZERO)));
        notes.ended("receive", server.recv(&mut [0; 8]));
        notes.ended("receive from", server.recv_from(&mut [0; 8]));
        // Full, by address and by peer.
        client.set_write_timeout(Some(Duration::from_millis(20))).unwrap();
        let by_address = (0..).find_map(|n| client.send_to(b"x", &path).err().map(|e| (n, e))).unwrap();
        notes.note("sent", by_address.0);
        notes.ended("full", Err::<(), _>(by_address.1));
        client.connect(&path).unwrap();
        notes.ended("full", client.send(b"x"));
        client.set_nonblocking(true).unwrap();
        notes.ended("full", client.send(b"x"));
        notes.ended("full", client.send_to(b"x", &path));
        notes.ended("receive", server.recv(&mut [0; 8]));
        notes.ended("room", client.send(b"x"));
    }

    fn descriptors(notes) {
        use os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
        use os::unix::net::{UnixDatagram, UnixListener, UnixStream};
        let (left, mut right) = UnixStream::pair().unwrap();
        let number = left.as_raw_fd();
        notes.note("one number", left.as_fd().as_raw_fd() == number);
        let raw = left.into_raw_fd();
        notes.note("the same number", raw == number);
        // SAFETY: the number was given away just now.
        let left = unsafe { UnixStream::from_raw_fd(raw) };
        let mut left = UnixStream::from(OwnedFd::from(left));
        left.write_all(b"x").unwrap();
        notes.ended("read", right.read(&mut [0; 8]));
        let path = notes.path("path");
        let listener = UnixListener::bind(&path).unwrap();
        let number = listener.as_raw_fd();
        let listener = UnixListener::from(OwnedFd::from(listener));
        notes.note("the same number", listener.as_raw_fd() == number);
        let _client = UnixStream::connect(&path).unwrap();
        notes.ended("accept", listener.accept().map(drop));
        let (left, right) = UnixDatagram::pair().unwrap();
        let left = UnixDatagram::from(OwnedFd::from(left));
        left.send(b"x").unwrap();
        notes.ended("receive", right.recv(&mut [0; 8]));
    }
}
