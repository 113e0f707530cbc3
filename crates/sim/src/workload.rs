//! The users of the node: each has a connection, a role, and a will of its own.

use std::fmt;

use stdx::Random;

use crate::checkers::Judge;
use crate::client::{Client, Heard};
use crate::fact::{Fact, MessageId};
use crate::plan::Plan;

mod auditor;
mod consumer;
mod line;
mod meddler;
mod publisher;
mod setup;
mod transactor;

pub(crate) use auditor::Auditor;
pub(crate) use consumer::Consumer;
pub(crate) use meddler::Meddler;
pub(crate) use publisher::Publisher;
pub(crate) use setup::{SETUPS, Setup};
pub(crate) use transactor::Transactor;

/// What a role sees of the world when it does something.
pub(crate) struct Scene<'a> {
    pub(crate) connection: u64,
    /// In milliseconds since the world began.
    pub(crate) now_ms: u64,
    pub(crate) client: &'a mut Client,
    pub(crate) judge: &'a mut Judge,
    pub(crate) plan: &'a Plan,
    pub(crate) random: &'a mut Random,
    /// The last number that was given to a publishing channel or a queue that comes and goes.
    pub(crate) last_line: &'a mut u64,
    /// How many of those who declare have done so.
    pub(crate) set_up_count: &'a mut usize,
}

impl Scene<'_> {
    /// A number that nothing else in the world has.
    pub(crate) const fn next_line(&mut self) -> u64 {
        *self.last_line += 1;
        *self.last_line
    }

    pub(crate) fn hear(&mut self, fact: &Fact) {
        self.judge.hear(fact);
    }

    /// The node has answered a request: it has read what was sent before.
    pub(crate) fn was_read(&mut self, before: u64) {
        self.hear(&Fact::Read { connection: self.connection, before });
    }

    /// The node sent something that it may not send.
    pub(crate) fn refuse(&mut self, what: String) {
        self.hear(&Fact::Nonsense { connection: self.connection, what });
    }
}

/// How a user goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Stay,
    /// Closes the connection as the protocol wants it.
    Leave,
    /// Is cut off.
    Break,
}

/// What a user is up to.
pub(crate) trait Role: fmt::Debug {
    /// The connection is open.
    fn begin(&mut self, scene: &mut Scene<'_>);
    /// Does something of its own accord.
    fn act(&mut self, scene: &mut Scene<'_>) -> Next;
    /// The node has told something.
    fn hear(&mut self, heard: Heard, scene: &mut Scene<'_>);
    /// What it waits for besides answers.
    fn waiting(&self) -> Option<String>;
    /// The connection is gone, and everything that belongs to it.
    fn reset(&mut self);
}

/// The body of a message: it follows from the message's name, so that it can be checked by itself.
pub(crate) fn body(id: MessageId, len: usize) -> Vec<u8> {
    let mut random = Random::new(id.line << 32 ^ id.number);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        bytes.extend_from_slice(&random.next_u64().to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}
