//! Delivery tags of one channel, and what they stand for.
//!
//! Tags count up from 1, so what is not acknowledged is a ring: the tag is the place. An acknowledgement
//! costs the same however many are out.

use std::collections::VecDeque;

use broker::Due;

/// The channel's deliveries that the client has not acknowledged.
#[derive(Debug)]
pub(crate) struct Unacked {
    first_tag: u64,
    /// `None` for what was acknowledged out of order.
    due: VecDeque<Option<Due>>,
}

impl Default for Unacked {
    fn default() -> Self {
        Self { first_tag: 1, due: VecDeque::new() }
    }
}

impl Unacked {
    /// The tag of the next delivery; `due` is `None` when there is nothing to acknowledge.
    pub(crate) fn push(&mut self, due: Option<Due>) -> u64 {
        let tag = self.first_tag + self.due.len() as u64;
        if due.is_none() && self.due.is_empty() {
            self.first_tag += 1;
        } else {
            self.due.push_back(due);
        }
        tag
    }

    /// Takes out the delivery with this tag; `None` when there is none.
    pub(crate) fn take(&mut self, tag: u64) -> Option<Due> {
        let place = usize::try_from(tag.checked_sub(self.first_tag)?).ok()?;
        let due = self.due.get_mut(place)?.take()?;
        self.trim();
        Some(due)
    }

    /// Takes out everything up to and including `tag`, in order; `None` when that delivery is not there. Tag 0 stands for
    /// all that is out.
    pub(crate) fn take_through(&mut self, tag: u64) -> Option<Vec<Due>> {
        let count = if tag == 0 {
            self.due.len()
        } else {
            let place = usize::try_from(tag.checked_sub(self.first_tag)?).ok()?;
            self.due.get(place)?.as_ref()?;
            place + 1
        };
        let taken: Vec<Due> = self.due.drain(..count).flatten().collect();
        self.first_tag += count as u64;
        self.trim();
        Some(taken)
    }

    fn trim(&mut self) {
        while let Some(None) = self.due.front() {
            self.due.pop_front();
            self.first_tag += 1;
        }
    }
}
