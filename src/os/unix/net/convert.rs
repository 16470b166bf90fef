//! To and from std's types and raw descriptors. Taking a raw descriptor is the one
//! thing in this folder that is unsafe: whose it is, only the caller knows.

use std::os::unix::net;

use super::{UnixDatagram, UnixListener, UnixStream};
use crate::fd::conversions;

conversions!(UnixStream, net::UnixStream, adopt);
conversions!(UnixListener, net::UnixListener, adopt_listener, plain);
conversions!(UnixDatagram, net::UnixDatagram, adopt, plain);
