//! Length-prefixed messages, as `serve echo --framed` and `load --framed`
//! have them.
//!
//! ```text
//!  0       4                4 + length
//! +--------+----- .. ------+
//! | length |    message    |
//! +--------+----- .. ------+
//! ```
//!
//! The length is in big-endian, and does not count itself. A message may be empty.

/// Bytes in front of a message.
pub(crate) const HEADER: usize = 4;

/// The longest message.
pub(crate) const LONGEST: usize = 16 << 20;
