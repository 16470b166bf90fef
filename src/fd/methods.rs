//! What the public sockets have in common, written once.
//!
//! std gives every socket type methods of its own, and no trait that they share, so
//! that a program which names only the type can call them. Hence macros: each puts
//! a group of methods, with their documentation, onto a type whose field `socket` is a
//! [`Socket`](super::Socket).
//!
//! | | TCP, Unix stream | UDP, Unix datagram | listeners |
//! |---|---|---|---|
//! | `socket_methods`, `conversions` | yes | yes | yes |
//! | `transfer_methods` | yes | yes | |
//! | `stream_io` | yes | | |
//! | `listener_methods` | | | yes |
//!
//! `example` is how an example begins: it makes a socket by the name of `socket`.

mod conversions;
mod listener;
mod socket;
mod stream;
mod transfer;

pub(crate) use conversions::conversions;
pub(crate) use listener::listener_methods;
pub(crate) use socket::socket_methods;
pub(crate) use stream::stream_io;
pub(crate) use transfer::transfer_methods;
