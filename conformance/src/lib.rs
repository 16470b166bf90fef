//! What the conformance tests share.
//!
//! The promise under test: a crate that was written for blocking sockets, and takes any
//! stream that is `Read + Write`, works on netpoll's sockets as it is. The crates are
//! dependencies here and not of `netpoll`, so that who develops netpoll itself builds
//! none of them.
//!
//! The protocols' code in the tests is generic over the stream, so that the same code
//! runs on tasks over netpoll's sockets, on threads over std's, and across.

#![forbid(unsafe_code)]

#[path = "../../tests/common/mod.rs"]
pub mod common;
pub mod ends;
pub mod pattern;
pub mod ported;
pub mod process;
pub mod tls;
