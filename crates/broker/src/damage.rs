//! Stored bytes that are not what they were: told to the operator by the names that an operator knows.
//!
//! Only what is damaged is left out. The queue serves all other messages, and everything else goes on.

use store::Damage;

use crate::broker::Broker;

impl Broker {
    /// The next piece of damage that was found while messages were read, as a line for the log.
    pub fn poll_damage(&mut self) -> Option<String> {
        let damage = self.store.poll_damage()?;
        self.damaged_count += 1;
        Some(self.damage_text(&damage))
    }

    /// How many pieces of damage were found since the start, for whoever counts.
    pub const fn damaged_count(&self) -> u64 {
        self.damaged_count
    }

    /// What a piece of damage means: which queue, which messages, and what to do.
    pub fn damage_text(&self, damage: &Damage) -> String {
        let Damage { path, messages, reason } = damage;
        let remedy = "all else is served; `leveret fsck` tells more, and can move the damage aside";
        let Some((queue, first, last)) = messages else {
            return format!("{path}: {reason}: {remedy}");
        };
        let which = match self.topology.definitions().queue_by_companion(*queue) {
            Some(found) => format!("queue '{}' in vhost '{}'", found.name, found.vhost),
            None => format!("queue {:x}, which is not declared", queue.number()),
        };
        format!("{which}, messages {first} to {last}: {reason} ({path}): {remedy}")
    }
}
