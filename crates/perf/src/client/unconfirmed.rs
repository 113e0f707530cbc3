//! Which published messages wait for their confirm.
//!
//! ```text
//!      low                    next
//!       │                      │          a confirm of "all up to" moves `low` past what it covers;
//!   ────┴──┬──┬──┬──┬──┬──┬────┴───▶      one of a single message above `low` leaves a mark,
//!    done  │  │ x│  │ x│  │   not yet     so that nothing is counted twice
//! ```

use crate::failure::Failure;

/// How far behind the oldest unconfirmed message may be, in windows, before publishing waits for it even though
/// younger ones are confirmed. It bounds the marks.
const SPAN_WINDOWS: u64 = 4;
const WORD_BITS: u64 = u64::BITS as u64;

/// The messages of one channel in confirm mode; the first has the tag 1.
#[derive(Debug)]
pub(crate) struct Unconfirmed {
    window: u64,
    low: u64,
    next: u64,
    /// One bit per tag from `low` to `next`, in a ring.
    marks: Vec<u64>,
    marked: u64,
}

impl Unconfirmed {
    /// At most `window` messages are to be unconfirmed.
    pub(crate) fn new(window: u32) -> Self {
        let window = u64::from(window);
        let words = (window * SPAN_WINDOWS).div_ceil(WORD_BITS).next_power_of_two();
        let words = usize::try_from(words).expect("a window is a 32-bit number");
        Self { window, low: 1, next: 1, marks: vec![0; words], marked: 0 }
    }

    /// How many more messages may be published.
    pub(crate) fn room(&self) -> u64 {
        let span = self.next - self.low;
        let outstanding = span - self.marked;
        (self.window - outstanding).min(self.marks.len() as u64 * WORD_BITS - span)
    }

    /// `messages` were published; no more than there was room for.
    pub(crate) fn publish(&mut self, messages: u64) {
        assert!(messages <= self.room(), "what is published keeps to the window");
        self.next += messages;
    }

    /// The broker settled the message `tag`, or all up to it (`tag` 0: all there are). Tells how many that were.
    ///
    /// # Errors
    /// The message was never published, or is settled already.
    pub(crate) fn settle(&mut self, tag: u64, multiple: bool) -> Result<u64, Failure> {
        let tag = if multiple && tag == 0 { self.next - 1 } else { tag };
        let is_underway = (self.low..self.next).contains(&tag);
        if multiple && tag < self.low {
            return Ok(0);
        }
        if !is_underway || (!multiple && self.is_marked(tag)) {
            return Err(Failure::Unexpected(format!(
                "a confirm of message {tag}, which waits for none"
            )));
        }
        let settled = if multiple {
            self.settle_up_to(tag)
        } else {
            if tag == self.low {
                self.low += 1
            } else {
                self.mark(tag)
            }
            1
        };
        while self.marked > 0 && self.is_marked(self.low) {
            self.unmark(self.low);
            self.low += 1;
        }
        Ok(settled)
    }

    fn settle_up_to(&mut self, tag: u64) -> u64 {
        let mut settled = tag - self.low + 1;
        let mut covered = self.low;
        while self.marked > 0 && covered <= tag {
            if self.is_marked(covered) {
                self.unmark(covered);
                settled -= 1;
            }
            covered += 1;
        }
        self.low = tag + 1;
        settled
    }

    fn place(&self, tag: u64) -> (usize, u64) {
        let words = self.marks.len();
        let word = usize::try_from(tag / WORD_BITS).expect("64-bit machines only") & (words - 1);
        (word, 1 << (tag % WORD_BITS))
    }

    fn is_marked(&self, tag: u64) -> bool {
        let (word, bit) = self.place(tag);
        self.marks[word] & bit != 0
    }

    fn mark(&mut self, tag: u64) {
        let (word, bit) = self.place(tag);
        self.marks[word] |= bit;
        self.marked += 1;
    }

    fn unmark(&mut self, tag: u64) {
        let (word, bit) = self.place(tag);
        self.marks[word] &= !bit;
        self.marked -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(window: u32, messages: u64) -> Unconfirmed {
        let mut unconfirmed = Unconfirmed::new(window);
        unconfirmed.publish(messages);
        unconfirmed
    }

    fn settle(unconfirmed: &mut Unconfirmed, tag: u64, multiple: bool) -> u64 {
        unconfirmed.settle(tag, multiple).expect("a confirm that is due")
    }

    #[test]
    fn the_window_is_the_most_that_is_unconfirmed() {
        let mut unconfirmed = published(3, 3);
        assert_eq!(unconfirmed.room(), 0);
        assert_eq!(settle(&mut unconfirmed, 1, false), 1);
        assert_eq!(unconfirmed.room(), 1);
        assert_eq!(settle(&mut unconfirmed, 3, true), 2);
        assert_eq!(unconfirmed.room(), 3);
    }

    #[test]
    fn a_message_confirmed_on_its_own_is_not_counted_again() {
        let mut unconfirmed = published(10, 10);
        for tag in [2, 5, 7] {
            assert_eq!(settle(&mut unconfirmed, tag, false), 1);
        }
        assert_eq!(settle(&mut unconfirmed, 6, true), 4);
        assert_eq!(unconfirmed.low, 8);
        assert_eq!(settle(&mut unconfirmed, 0, true), 3);
        assert_eq!(unconfirmed.room(), 10);
    }

    #[test]
    fn the_marks_bound_how_far_one_message_may_be_left_behind() {
        let mut unconfirmed = Unconfirmed::new(16);
        unconfirmed.publish(1);
        let mut tag = 1;
        while unconfirmed.room() > 0 {
            unconfirmed.publish(1);
            tag += 1;
            assert_eq!(settle(&mut unconfirmed, tag, false), 1);
        }
        assert_eq!(tag, 64);
        assert_eq!(settle(&mut unconfirmed, 1, false), 1);
        assert_eq!((unconfirmed.low, unconfirmed.marked, unconfirmed.room()), (65, 0, 16));
    }

    #[test]
    fn a_confirm_that_nobody_waits_for_is_refused() {
        let mut unconfirmed = published(4, 2);
        assert!(unconfirmed.settle(3, true).is_err());
        assert!(unconfirmed.settle(0, false).is_err());
        assert_eq!(settle(&mut unconfirmed, 2, false), 1);
        assert!(unconfirmed.settle(2, false).is_err());
        assert_eq!(settle(&mut unconfirmed, 2, true), 1);
        assert!(unconfirmed.settle(2, false).is_err());
        assert_eq!(settle(&mut unconfirmed, 2, true), 0);
    }
}
