//! The `netpoll` command.
fn main() {}
