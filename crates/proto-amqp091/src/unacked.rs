//! Delivery tags of one channel, and what they stand for.
//!
//! Tags count up from 1. What is not acknowledged lies in their order; what was acknowledged out of order leaves a hole
//! that is closed when it reaches the front, or when there are more holes than deliveries.

use std::collections::{BTreeSet, VecDeque};

use broker::Due;
use message::QueueId;

/// Holes that are not worth closing.
const HOLES_MAX: usize = 64;

/// A delivery that was taken out.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) tag: u64,
    pub(crate) due: Due,
    /// Whether it was fetched, and so counts towards no consumer's bound.
    pub(crate) is_fetched: bool,
}

/// The channel's deliveries that the client has not acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Unacked {
    last_tag: u64,
    /// By tag. `None` for what was acknowledged out of order.
    due: VecDeque<(u64, Option<Due>)>,
    hole_count: usize,
    /// The tags of what was fetched, not delivered to a consumer.
    fetched: BTreeSet<u64>,
}

impl Unacked {
    /// The tag of the next delivery; `due` is `None` when there is nothing to acknowledge.
    pub(crate) fn push(&mut self, due: Option<Due>) -> u64 {
        self.last_tag += 1;
        if due.is_some() {
            self.due.push_back((self.last_tag, due));
        }
        self.last_tag
    }

    /// The tag of a message that was fetched outside of any consumer.
    pub(crate) fn push_fetched(&mut self, due: Option<Due>) -> u64 {
        let is_due = due.is_some();
        let tag = self.push(due);
        if is_due {
            self.fetched.insert(tag);
        }
        tag
    }

    /// How many tags were given.
    pub(crate) const fn last_tag(&self) -> u64 {
        self.last_tag
    }

    /// How many deliveries there are.
    pub(crate) fn len(&self) -> usize {
        self.due.len() - self.hole_count
    }

    /// How many of the deliveries went to consumers.
    pub(crate) fn consumed_count(&self) -> usize {
        self.len() - self.fetched.len()
    }

    /// About how much memory the list takes. The messages themselves are their queues'.
    pub(crate) fn held_bytes(&self) -> usize {
        self.due.len() * size_of::<(u64, Option<Due>)>()
    }

    /// Gives back memory that is kept to be used again.
    pub(crate) fn shed(&mut self) {
        self.due.shrink_to_fit();
    }

    /// Takes out the delivery with this tag; `None` when there is none.
    pub(crate) fn take(&mut self, tag: u64) -> Option<Taken> {
        let place = self.place(tag)?;
        let due = self.due[place].1.take()?;
        let is_fetched = !self.fetched.is_empty() && self.fetched.remove(&tag);
        self.hole_count += 1;
        self.close_holes();
        Some(Taken { tag, due, is_fetched })
    }

    /// The same, if the delivery came from this queue.
    pub(crate) fn take_from(&mut self, queue: QueueId, tag: u64) -> Option<Taken> {
        let place = self.place(tag)?;
        self.due[place].1.filter(|due| due.queue == queue)?;
        self.take(tag)
    }

    /// Takes out everything up to and including `tag`, in order; `None` when that delivery is not there. Tag 0 stands for
    /// all that is out.
    pub(crate) fn take_through(&mut self, tag: u64) -> Option<Vec<Taken>> {
        let count = if tag == 0 {
            self.due.len()
        } else {
            let place = self.place(tag)?;
            self.due[place].1.as_ref()?;
            place + 1
        };
        let fetched = &mut self.fetched;
        let taken = self.due.drain(..count).filter_map(|(tag, due)| {
            let is_fetched = !fetched.is_empty() && fetched.remove(&tag);
            Some(Taken { tag, due: due?, is_fetched })
        });
        let taken: Vec<Taken> = taken.collect();
        self.hole_count -= count - taken.len();
        self.close_holes();
        Some(taken)
    }

    /// Takes back deliveries that were taken out, in any order.
    pub(crate) fn put_back(&mut self, taken: Vec<Taken>) {
        for Taken { tag, due, is_fetched } in taken {
            if is_fetched {
                self.fetched.insert(tag);
            }
            match self.due.binary_search_by_key(&tag, |&(tag, _)| tag) {
                Ok(place) => {
                    self.due[place].1 = Some(due);
                    self.hole_count -= 1;
                }
                Err(place) => self.due.insert(place, (tag, Some(due))),
            }
        }
    }

    fn place(&self, tag: u64) -> Option<usize> {
        match self.due.front() {
            Some(&(first, _)) if first == tag => Some(0),
            _ => self.due.binary_search_by_key(&tag, |&(tag, _)| tag).ok(),
        }
    }

    fn close_holes(&mut self) {
        while let Some((_, None)) = self.due.front() {
            self.due.pop_front();
            self.hole_count -= 1;
        }
        if self.hole_count > HOLES_MAX && self.hole_count > self.due.len() / 2 {
            self.due.retain(|(_, due)| due.is_some());
            self.hole_count = 0;
        }
    }
}
