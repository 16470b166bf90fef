//! Layer 0: the only system calls, and what is asked of the processor.
pub(crate) mod alarm;
pub(crate) mod busy_time;
pub(crate) mod cached;
pub mod epoll;
pub(crate) mod eventfd;
pub(crate) mod fallback;
pub(crate) mod fork;
pub(crate) mod inherited;
pub(crate) mod interfaces;
pub(crate) mod memory;
pub(crate) mod pidfd;
pub(crate) mod pipe;
pub(crate) mod poll;
pub(crate) mod prefetch;
pub(crate) mod socket;
pub(crate) mod splice;
