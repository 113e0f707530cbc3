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
        let is_letter = model.source(&delivery.copy).is_some();
        let is_target = is_letter || publication.targets.contains(queue);
        if model.is_planned(queue) && !is_target {
            return Err(format!("{id} was not published to queue '{queue}'"));
        }
        // A dead letter's new key is the name of its queue.
        let (exchange, key) =
            if is_letter { ("", queue) } else { (publication.exchange, &publication.key) };
        let is_address_kept =
            delivery.exchange == exchange.as_bytes() && delivery.key == key.as_bytes();
        if !is_address_kept || !is_body_of(id, publication.body_len, &delivery.body) {
            return Err(format!("{id} of queue '{queue}' is not what was published"));
        }
        Ok(())
    }
}

fn is_body_of(id: MessageId, len: usize, bytes: &[u8]) -> bool {
    bytes.len() == len && body(id, len) == bytes
}
