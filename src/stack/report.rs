//! The line that an overflow prints, put together without allocating.
//!
//! It is made in a signal handler, on a small stack, while any lock may be
//! held: a buffer on that stack, and one `write(2)`, so that lines of several
//! threads do not mix.

use std::slice;

/// The name of a task as a signal handler can read it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TaskName {
    start: *const u8,
    len: usize,
}

impl TaskName {
    /// Refers to the bytes of a name.
    ///
    /// # Safety
    ///
    /// `start` is valid for reads of `len` bytes, which do not change, until
    /// the signal handler that asked for the name ends.
    pub(crate) const unsafe fn new(start: *const u8, len: usize) -> TaskName {
        TaskName { start, len }
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: what the caller of `new` promised.
        unsafe { slice::from_raw_parts(self.start, self.len) }
    }
}

/// Of a name, no more than this is printed.
const MAX_NAME: usize = 128;
/// Holds the text, the longest name and the longest number.
const MAX_LINE: usize = 384;

/// A line in the making. What does not fit is cut off.
pub(super) struct Line {
    bytes: [u8; MAX_LINE],
    len: usize,
}

impl Line {
    /// What to print if a task overflowed its stack of so many bytes.
    pub(super) fn overflow(task: Option<TaskName>, stack_size: usize) -> Line {
        let mut line = Line {
            bytes: [0; MAX_LINE],
            len: 0,
        };
        let name = task.as_ref().map_or(&[][..], TaskName::bytes);
        if name.is_empty() {
            line.push(b"netpoll: a task");
        } else {
            line.push(b"netpoll: task '");
            line.push_name(name);
            line.push(b"'");
        }
        line.push(b" overflowed its stack of ");
        line.push_number(stack_size);
        line.push(
            b" bytes; raise it with thread::Builder::stack_size, \
              Builder::stack_size of the runtime, or RUST_MIN_STACK\n",
        );
        line
    }

    /// Writes the line to a file descriptor. There is nobody to tell if that
    /// fails.
    pub(super) fn write_to(&self, fd: libc::c_int) {
        let mut rest = &self.bytes[..self.len];
        while !rest.is_empty() {
            // SAFETY: `rest` is valid for reads of its length.
            let written = unsafe { libc::write(fd, rest.as_ptr().cast(), rest.len()) };
            match usize::try_from(written) {
                Ok(written) => rest = &rest[written.min(rest.len())..],
                // SAFETY: errno of this thread is always there to be read.
                Err(_) if unsafe { *libc::__errno_location() } == libc::EINTR => {}
                Err(_) => return,
            }
        }
    }

    fn push(&mut self, text: &[u8]) {
        let free = &mut self.bytes[self.len..];
        let len = text.len().min(free.len());
        free[..len].copy_from_slice(&text[..len]);
        self.len += len;
    }

    /// A name that breaks the line, or the terminal, is shown without.
    fn push_name(&mut self, name: &[u8]) {
        for &byte in name.iter().take(MAX_NAME) {
            self.push(&[if byte.is_ascii_control() { b'?' } else { byte }]);
        }
    }

    fn push_number(&mut self, mut number: usize) {
        let mut digits = [0; 20];
        let mut first = digits.len();
        loop {
            first -= 1;
            digits[first] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.push(&digits[first..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: Option<&str>, size: usize) -> String {
        // SAFETY: the name outlives the line.
        let name = name.map(|name| unsafe { TaskName::new(name.as_ptr(), name.len()) });
        let line = Line::overflow(name, size);
        String::from_utf8_lossy(&line.bytes[..line.len]).into_owned()
    }

    const REST: &str = "; raise it with thread::Builder::stack_size, \
                        Builder::stack_size of the runtime, or RUST_MIN_STACK\n";

    #[test]
    fn the_line_names_the_task_and_the_size() {
        let expected = "netpoll: task 'ping' overflowed its stack of 65536 bytes";
        assert_eq!(line(Some("ping"), 65536), format!("{expected}{REST}"));
        let expected = "netpoll: a task overflowed its stack of 1073741824 bytes";
        assert_eq!(line(None, 1 << 30), format!("{expected}{REST}"));
        assert_eq!(line(Some(""), 1 << 30), format!("{expected}{REST}"));
    }

    #[test]
    fn a_long_or_strange_name_leaves_one_whole_line() {
        let text = line(Some(&"x".repeat(1000)), usize::MAX);
        assert!(text.contains(&format!("'{}'", "x".repeat(MAX_NAME))));
        assert!(text.ends_with(REST));
        assert!(line(Some("a\nb\x1b[c"), 1).contains("'a?b?[c'"));
        assert_eq!(line(Some("a\nb"), 1).lines().count(), 1);
    }

    #[test]
    fn numbers() {
        for number in [0, 7, 10, 65_536, usize::MAX] {
            assert!(line(None, number).contains(&format!(" of {number} bytes")));
        }
    }
}
