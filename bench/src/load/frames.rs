//! Responses in any order, as where each request of a connection has a task of its own:
//! which of the requests it is that a response belongs to.

use std::collections::VecDeque;
use std::io;

use super::text::Text;
use super::wrong;

/// What has come back of a connection whose requests are answered in any order.
#[derive(Default)]
pub(super) struct Frames {
    /// All before this were answered.
    first: u64,
    /// Which ones from there on were.
    answered: VecDeque<bool>,
    /// The beginning of a response.
    partial: Vec<u8>,
}

impl Frames {
    /// The first was answered when the connection was opened.
    pub(super) fn new() -> Self {
        Self {
            first: 1,
            ..Self::default()
        }
    }

    /// Takes what came; so many requests of so many bytes were sent from `start` on.
    pub(super) fn take(
        &mut self,
        mut came: &[u8],
        size: usize,
        sent: u64,
        start: u64,
        text: &Text,
    ) -> io::Result<()> {
        while self.partial.len() + came.len() >= size {
            let (rest, after) = came.split_at(size - self.partial.len());
            came = after;
            if self.partial.is_empty() {
                self.answer(rest, sent, start, text)?;
            } else {
                let mut frame = std::mem::take(&mut self.partial);
                frame.extend_from_slice(rest);
                self.answer(&frame, sent, start, text)?;
                frame.clear();
                self.partial = frame;
            }
        }
        self.partial.extend_from_slice(came);
        Ok(())
    }

    fn answer(&mut self, frame: &[u8], sent: u64, start: u64, text: &Text) -> io::Result<()> {
        let size = frame.len();
        self.answered.resize((sent - self.first) as usize, false);
        let request = |place: usize| {
            let number = self.first + place as u64;
            text.part(start + number * size as u64, size)
        };
        let place = (0..self.answered.len())
            .find(|place| !self.answered[*place] && request(*place) == frame)
            .ok_or_else(|| wrong("a response came to none of the requests"))?;
        self.answered[place] = true;
        while self.answered.front() == Some(&true) {
            self.answered.pop_front();
            self.first += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_belong_to_requests_in_any_order_and_once() {
        let text = Text::new();
        let mut frames = Frames::new();
        let part = |number: u64| text.part(5 + number * 10, 10).to_vec();
        let came = [part(3), part(1)].concat();
        for piece in came.chunks(7) {
            frames.take(piece, 10, 4, 5, &text).unwrap();
        }
        assert!(frames.take(&part(3), 10, 4, 5, &text).is_err());
        frames.take(&part(2), 10, 4, 5, &text).unwrap();
        assert_eq!((frames.first, frames.answered.len()), (4, 0));
        assert!(frames.take(&part(4), 10, 4, 5, &text).is_err());
    }
}
