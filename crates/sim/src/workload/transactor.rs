//! A user that publishes in transactions.

use wire_amqp091::method::{channel, tx};

use crate::client::Heard;
use crate::fact::{Fact, MessageId};
use crate::workload::line::Draft;
use crate::workload::{Next, Role, Scene};

const CHANNEL: u16 = 1;

/// Publishes some messages, and commits them or takes them back.
#[derive(Debug, Default)]
pub(crate) struct Transactor {
    line: u64,
    last_number: u64,
    /// The messages of the transaction.
    sent: Vec<MessageId>,
}

impl Role for Transactor {
    fn begin(&mut self, scene: &mut Scene<'_>) {
        scene.client.ask(CHANNEL, &channel::Open::default(), channel::OpenOk::ID);
        scene.client.ask(CHANNEL, &tx::Select {}, tx::SelectOk::ID);
        (self.line, self.last_number) = (scene.next_line(), 0);
    }

    fn act(&mut self, scene: &mut Scene<'_>) -> Next {
        if scene.client.is_waiting(CHANNEL) {
            return Next::Stay;
        }
        match scene.random.below(100) {
            0 => return Next::Leave,
            1 => return Next::Break,
            2..10 => drop(scene.client.ask(CHANNEL, &tx::Rollback {}, tx::RollbackOk::ID)),
            10..40 => drop(scene.client.ask(CHANNEL, &tx::Commit {}, tx::CommitOk::ID)),
            _ => {
                for _ in 0..1 + scene.random.below(4) {
                    self.last_number += 1;
                    let id = MessageId { line: self.line, number: self.last_number };
                    let draft = Draft::some(scene).quiet();
                    draft.send(scene, CHANNEL, id);
                    self.sent.push(id);
                }
            }
        }
        Next::Stay
    }

    fn hear(&mut self, heard: Heard, scene: &mut Scene<'_>) {
        match heard {
            Heard::Answered { method: tx::CommitOk::ID, .. } => {
                for id in std::mem::take(&mut self.sent) {
                    scene.hear(&Fact::Confirmed { id });
                }
            }
            Heard::Answered { method: tx::RollbackOk::ID, .. } => {
                for id in std::mem::take(&mut self.sent) {
                    scene.hear(&Fact::Withdrawn { id });
                }
            }
            Heard::Answered { .. } => {}
            other => scene.refuse(format!("one who publishes in transactions hears {other:?}")),
        }
    }

    fn waiting(&self) -> Option<String> {
        None
    }

    fn reset(&mut self) {
        *self = Self::default();
    }
}
