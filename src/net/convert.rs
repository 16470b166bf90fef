//! To and from std's types and raw descriptors. Taking a raw descriptor is the one
//! thing in this folder that is unsafe: whose it is, only the caller knows.

use super::{TcpListener, TcpStream, UdpSocket};
use crate::fd::conversions;

conversions!(TcpStream, std::net::TcpStream, adopt);
conversions!(TcpListener, std::net::TcpListener, adopt_listener, plain);
conversions!(UdpSocket, std::net::UdpSocket, adopt, plain);
