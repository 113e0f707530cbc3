//! Nothing is delivered before its time.

use crate::checkers::Checker;
use crate::fact::Fact;
use crate::model::Model;

/// What is held back, by an exchange or by its queue, waits as long as it was asked to, over all starts of the node.
#[derive(Debug)]
pub(crate) struct Early;

impl Checker for Early {
    fn promise(&self) -> &'static str {
        "nothing is delivered before its time"
    }

    fn hear(&mut self, model: &Model, fact: &Fact) -> Result<(), String> {
        let Fact::Delivered(delivery) = fact else { return Ok(()) };
        let sent = model.sent(delivery.copy.id);
        match sent.and_then(|sent| sent.publication.not_before_ms) {
            Some(due_ms) if delivery.at_ms < due_ms => Err(format!(
                "{} of queue '{}' is delivered at {} ms and was due at {due_ms} ms",
                delivery.copy.id, delivery.copy.queue, delivery.at_ms
            )),
            _ => Ok(()),
        }
    }
}
