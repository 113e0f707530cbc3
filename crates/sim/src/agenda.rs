//! What is going to happen, and when.

use std::collections::BTreeMap;

use broker::Mail;
use node::Mover;
use stdx::Time;
use store::{Completion, Submission};

/// Something that happens at one moment.
#[derive(Debug)]
pub(crate) enum Event {
    /// A shard wakes up.
    Turn { shard: usize },
    /// Mail arrives at a shard.
    Mail { from: usize, to: usize, batch: Vec<Mail> },
    /// A client arrives at the shard of its queue.
    Moved { to: usize, connection: u64, mover: Box<Mover> },
    /// The disk does what it was asked.
    Execute { shard: usize, submission: Submission },
    /// A shard hears of what the disk did.
    Completed { shard: usize, completion: Completion },
    /// Bytes of a client arrive at the node.
    ToNode { connection: u64, bytes: Vec<u8> },
    /// The node sees that a client has gone.
    HangUp { connection: u64 },
    /// Bytes of the node arrive at a client.
    ToClient { connection: u64, bytes: Vec<u8> },
    /// A client sees that the node has closed the connection.
    Closed { connection: u64 },
    /// A client does something of its own accord.
    Act { client: usize },
}

/// Events in the order of their times; at the same time, in the order in which they were put in.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    events: BTreeMap<(Time, u64), Event>,
    last: u64,
}

impl Agenda {
    pub(crate) fn push(&mut self, at: Time, event: Event) {
        self.last += 1;
        self.events.insert((at, self.last), event);
    }

    /// Takes the next event, if it is not later than `end`.
    pub(crate) fn pop(&mut self, end: Time) -> Option<(Time, Event)> {
        let entry = self.events.first_entry()?;
        let (at, _) = *entry.key();
        (at <= end).then(|| (at, entry.remove()))
    }

    /// Everything stops: nothing of what was going to happen does. Returns the work that the disk was about to do.
    pub(crate) fn clear(&mut self) -> Vec<Submission> {
        let events = std::mem::take(&mut self.events);
        let work = events.into_values().filter_map(|event| match event {
            Event::Execute { submission, .. } => Some(submission),
            _ => None,
        });
        work.collect()
    }
}
