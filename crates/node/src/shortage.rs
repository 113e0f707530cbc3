//! What a shard knows of memory and disk, and how its clients are told.

use broker::Alarm;
use message::ClientId;
use stdx::Time;

use crate::budget::Budget;
use crate::chronicle::{EventKind, Resource};
use crate::notice::Notice;
use crate::shard::Shard;

/// What a shard knows of shortages.
#[derive(Debug)]
pub(crate) struct Shortage {
    budget: Budget,
    is_space_low: bool,
    is_store_full: bool,
    /// What the connections were last told.
    told: Alarm,
}

impl Shortage {
    pub(crate) fn new(memory_bytes_max: usize) -> Self {
        Self {
            budget: Budget::new(memory_bytes_max),
            is_space_low: false,
            is_store_full: false,
            told: Alarm::default(),
        }
    }
}

impl Shard {
    /// The shell tells whether the file system of the data directory has too little room. It tells all shards.
    pub const fn set_space_low(&mut self, is_low: bool) {
        self.shortage.is_space_low = is_low;
    }

    /// Messages and connections of this shard may take so many bytes in memory, from its next turn on.
    pub const fn set_memory_bytes_max(&mut self, bytes: usize) {
        self.shortage.budget.set_bytes_max(bytes);
        self.broker.set_memory_bytes_max(bytes);
    }

    /// Bytes of messages and of what connections hold in memory.
    pub const fn memory_bytes(&self) -> usize {
        self.broker.resident_bytes() + self.clients.held_bytes()
    }

    /// Looks what is short. Returns whether clients that were held back go on, so that there is work again.
    pub(crate) fn look_for_shortage(&mut self, now: Time) -> bool {
        self.broker.set_other_bytes(self.clients.held_bytes());
        let memory_bytes = self.memory_bytes();
        if self.shortage.budget.look(memory_bytes) {
            self.notice_memory(memory_bytes);
            if self.is_memory_short() {
                self.clients.ids(self.id).into_iter().for_each(|id| self.shed(id));
            }
        }
        let is_store_full = self.broker.is_store_full();
        if std::mem::replace(&mut self.shortage.is_store_full, is_store_full) != is_store_full {
            self.notice_store();
        }
        let Shortage { budget, is_space_low, .. } = &self.shortage;
        self.broker.look_for_shortage(*is_space_low, budget.is_exceeded());
        let alarm = self.broker.alarm();
        let told = std::mem::replace(&mut self.shortage.told, alarm);
        self.tell_alarm(told, alarm);
        let has_ended = told.is_on() && !alarm.is_on();
        if has_ended {
            for id in self.clients.ids(self.id) {
                if self.clients.get(id).is_some_and(|client| client.connection.is_blocked()) {
                    self.with(id, now, |connection, cx| connection.look_at_alarm(cx));
                }
            }
        }
        has_ended
    }

    /// Whether this shard holds more than its share.
    pub(crate) const fn is_memory_short(&self) -> bool {
        self.shortage.budget.is_exceeded()
    }

    /// Has a connection give back memory that it keeps only to be fast.
    pub(crate) fn shed(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(id) {
            client.connection.shed();
            self.clients.count_held(id);
        }
    }

    /// What the node is short of all shards know, and one tells.
    fn tell_alarm(&mut self, before: Alarm, now: Alarm) {
        let memory = (Resource::Memory, before.is_memory_short, now.is_memory_short);
        let disk = (Resource::Disk, before.is_disk_short(), now.is_disk_short());
        for (resource, was_set, is_set) in [memory, disk] {
            if self.id == 0 && was_set != is_set {
                let kind = EventKind::Alarm { resource, is_set };
                self.chronicle.add(self.broker.now_ms(), kind);
            }
        }
    }

    fn notice_memory(&mut self, bytes: usize) {
        let bytes_max = self.shortage.budget.bytes_max();
        let text = if self.shortage.budget.is_exceeded() {
            format!(
                "memory is short: messages and connections of this shard hold {bytes} bytes, its share of \
                 vm_memory_high_watermark is {bytes_max}; publishers wait until messages have been consumed"
            )
        } else {
            format!(
                "memory suffices again: {bytes} bytes of {bytes_max} are held; publishers go on"
            )
        };
        self.notices.push(Notice::Shard { text });
    }

    fn notice_store(&mut self) {
        let text = if self.shortage.is_store_full {
            "the disk is full: persistent messages are rejected and publishers wait; make room on the file system \
             of the data directory, or consume messages"
        } else {
            "the disk has room again: publishers go on"
        };
        self.notices.push(Notice::Shard { text: text.to_owned() });
    }
}
