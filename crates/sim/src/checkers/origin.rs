//! What is delivered was published, to that queue, with these bytes.

use crate::checkers::Checker;
use crate::fact::{Fact, MessageId};
use crate::model::Model;
use crate::workload::body;

/// Nothing comes from nowhere, and nothing is changed on its way.
#[derive(Debug)]
pub(crate) struct Origin;

impl Checker for Origin {
    fn promise(&self) -> &'static str {
        "what is delivered was published like this"
    }

    fn hear(&mut self, model: &Model, fact: &Fact) -> Result<(), String> {
        let Fact::Delivered(delivery) = fact else { return Ok(()) };
        let (id, queue) = (delivery.copy.id, &delivery.copy.queue);
        let Some(sent) = model.sent(id) else { return Err(format!("nobody published {id}")) };
        let publication = &sent.publication;
        if model.is_planned(queue) && !publication.targets.contains(queue) {
            return Err(format!("{id} was not published to queue '{queue}'"));
        }
        let is_address_kept = delivery.exchange == publication.exchange.as_bytes()
            && delivery.key == publication.key.as_bytes();
        if !is_address_kept || !is_body_of(id, publication.body_len, &delivery.body) {
            return Err(format!("{id} of queue '{queue}' is not what was published"));
        }
        Ok(())
    }
}

fn is_body_of(id: MessageId, len: usize, bytes: &[u8]) -> bool {
    bytes.len() == len && body(id, len) == bytes
}
