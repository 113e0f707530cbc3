//! When which connection wants to be woken.
//!
//! A connection's deadline mostly moves away (it has been heard again), so the entry stays where it is and is looked at
//! when its time comes: a busy connection costs nothing here.

use std::collections::BTreeSet;

use message::ClientId;
use stdx::Time;

/// The deadlines of a shard's connections.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    deadlines: BTreeSet<(Time, ClientId)>,
}

impl Timers {
    /// Sets a connection's entry to `wanted`, if that is earlier than `entry`, or `entry` is none. Returns the entry.
    pub(crate) fn set(
        &mut self,
        client: ClientId,
        entry: Option<Time>,
        wanted: Option<Time>,
    ) -> Option<Time> {
        match (entry, wanted) {
            (_, None) => entry,
            (Some(entry), Some(wanted)) if entry <= wanted => Some(entry),
            (entry, Some(wanted)) => {
                self.remove(client, entry);
                self.deadlines.insert((wanted, client));
                Some(wanted)
            }
        }
    }

    pub(crate) fn remove(&mut self, client: ClientId, entry: Option<Time>) {
        if let Some(entry) = entry {
            self.deadlines.remove(&(entry, client));
        }
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Time> {
        self.deadlines.first().map(|&(time, _)| time)
    }

    /// Takes out a connection whose time has come.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<ClientId> {
        let &(time, client) = self.deadlines.first()?;
        (time <= now).then(|| {
            self.deadlines.pop_first();
            client
        })
    }
}
