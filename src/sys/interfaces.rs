//! The interfaces of this host, from `getifaddrs`.

use std::ffi::CStr;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libc::{ifaddrs, sockaddr};
use rustix::net::{AddressFamily, SocketFlags, SocketType, netdevice};

/// What the list says once for each address, and once for each interface.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// `IFF_UP` and the like.
    pub(crate) flags: u32,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    Ip {
        address: IpAddr,
        scope_id: u32,
        mask: Option<IpAddr>,
        /// Where datagrams go that are for everybody, or, if the interface has but two
        /// ends, the other one.
        other: Option<IpAddr>,
    },
    /// The card: its number, and its address, whose length depends on what it is.
    Card { index: u32, address: Vec<u8> },
    /// Of no family that we know.
    Nothing,
}

/// Asks the kernel, which answers at once.
pub(crate) fn list() -> io::Result<Vec<Entry>> {
    let mut first: *mut ifaddrs = std::ptr::null_mut();
    // SAFETY: `first` is valid for a write.
    if unsafe { libc::getifaddrs(&raw mut first) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let list = List(first);
    let mut entries = Vec::new();
    let mut next = list.0;
    // SAFETY: each pointer in the list is null or valid until the list is freed, which is
    // when `list` is dropped.
    while let Some(entry) = unsafe { next.as_ref() } {
        next = entry.ifa_next;
        // SAFETY: the name is a string that is as valid.
        let name = unsafe { CStr::from_ptr(entry.ifa_name) };
        // SAFETY: the addresses are null or as valid, each as long as its family says.
        let what = unsafe { what(entry) };
        entries.push(Entry {
            name: name.to_string_lossy().into_owned(),
            flags: entry.ifa_flags,
            what,
        });
    }
    Ok(entries)
}

struct List(*mut ifaddrs);

impl Drop for List {
    fn drop(&mut self) {
        // SAFETY: it came from `getifaddrs`, and nothing refers to it any more.
        unsafe { libc::freeifaddrs(self.0) };
    }
}

/// # Safety
///
/// The entry's addresses are null, or point to addresses as long as their families say.
unsafe fn what(entry: &ifaddrs) -> What {
    // SAFETY: as the caller promises.
    let Some(family) = (unsafe { family(entry.ifa_addr) }) else {
        return What::Nothing;
    };
    if family == libc::AF_PACKET {
        // SAFETY: of this family the address is a `sockaddr_ll`; the C library aligns it.
        let card = unsafe { &*entry.ifa_addr.cast::<libc::sockaddr_ll>() };
        let length = usize::from(card.sll_halen).min(card.sll_addr.len());
        return What::Card {
            index: card.sll_ifindex.cast_unsigned(),
            address: card.sll_addr[..length].to_vec(),
        };
    }
    // SAFETY: as the caller promises.
    let [address, mask, other] =
        [entry.ifa_addr, entry.ifa_netmask, entry.ifa_ifu].map(|pointer| unsafe { ip(pointer) });
    match address {
        None => What::Nothing,
        Some((address, scope_id)) => What::Ip {
            address,
            scope_id,
            mask: mask.map(|(mask, _)| mask),
            other: other.map(|(other, _)| other),
        },
    }
}

/// # Safety
///
/// The pointer is null, or points to an address.
unsafe fn family(address: *const sockaddr) -> Option<i32> {
    // SAFETY: as the caller promises.
    unsafe { address.as_ref() }.map(|address| address.sa_family.into())
}

/// # Safety
///
/// The pointer is null, or points to an address as long as its family says.
unsafe fn ip(address: *const sockaddr) -> Option<(IpAddr, u32)> {
    // SAFETY: as the caller promises.
    match unsafe { family(address) }? {
        libc::AF_INET => {
            // SAFETY: of this family it is a `sockaddr_in`; the C library aligns it.
            let v4 = unsafe { &*address.cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes());
            Some((ip.into(), 0))
        }
        libc::AF_INET6 => {
            // SAFETY: of this family it is a `sockaddr_in6`; the C library aligns it.
            let v6 = unsafe { &*address.cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some((ip.into(), v6.sin6_scope_id))
        }
        _ => None,
    }
}

/// A socket to ask about interfaces.
fn asker() -> io::Result<std::os::fd::OwnedFd> {
    Ok(rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        None,
    )?)
}

/// The number of the interface of this name.
pub(crate) fn index_of(name: &str) -> io::Result<u32> {
    Ok(netdevice::name_to_index(asker()?, name)?)
}

/// The name of the interface of this number.
pub(crate) fn name_of(index: u32) -> io::Result<String> {
    Ok(netdevice::index_to_name(asker()?, index)?)
}

/// How many bytes a packet has at most that goes by the interface of this name.
pub(crate) fn mtu_of(name: &str) -> io::Result<u32> {
    use std::os::fd::AsRawFd;
    // SAFETY: of its parts, all may be zero.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last byte stays zero.
    let room = request.ifr_name.len() - 1;
    if name.len() > room {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (place, byte) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *place = byte as _;
    }
    let asker = asker()?;
    // SAFETY: this request reads the name of an `ifreq`, and writes its `ifru_mtu`.
    let result = unsafe { libc::ioctl(asker.as_raw_fd(), libc::SIOCGIFMTU as _, &raw mut request) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it was written just now, and before that it was zero.
    Ok(unsafe { request.ifr_ifru.ifru_mtu }.cast_unsigned())
}
