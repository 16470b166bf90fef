//! Sending a file to a socket without reading it.
//!
//! `sendfile` waits for the disk, so it runs on a thread of the pool; it does not wait for
//! the socket. Handing it over costs about as much as copying [`LEAST`] bytes.

use std::io;
use std::os::fd::AsFd;

use super::File;
use crate::fd::{End, Endpoint, Fd, Sends};
use crate::sched::run_blocking;
use crate::sys::splice;

/// So little that it is read and written, in bytes.
const LEAST: u64 = 128 * 1024;

impl Endpoint for File {
    fn end(&self) -> Option<End<'_>> {
        Some(End::File(self))
    }
}

impl Sends for File {
    fn send_to(&self, socket: &Fd, most: usize) -> io::Result<usize> {
        if !self.open_file.is_regular(&self.file)? || splice::left_in(self.file.as_fd()) < LEAST {
            return Ok(0);
        }
        // Why it was not even tried.
        let mut refused = None;
        let sent = socket.send_file(|socket| {
            // The turn ends before the socket is waited for.
            let sent = self.turn().and_then(|_turn| {
                run_blocking(|| splice::send_file(socket, self.file.as_fd(), most))
            });
            sent.unwrap_or_else(|error| {
                refused = Some(error);
                Ok(0)
            })
        })?;
        match refused {
            None => Ok(sent),
            Some(error) => Err(error),
        }
    }
}
