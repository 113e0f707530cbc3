//! Messages of one publisher arrive in order.

use std::collections::BTreeMap;

use crate::checkers::Checker;
use crate::fact::{Consumer, Fact};
use crate::model::Model;

/// What one channel published to one queue, one consumer gets in the order of publishing, unless it was delivered before.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// The highest number so far, by consumer, queue and publishing channel.
    last: BTreeMap<(Consumer, String, u64), u64>,
}

impl Checker for Order {
    fn promise(&self) -> &'static str {
        "messages of one publisher arrive in order"
    }

    fn hear(&mut self, _: &Model, fact: &Fact) -> Result<(), String> {
        let Fact::Delivered(delivery) = fact else { return Ok(()) };
        if delivery.is_redelivered {
            return Ok(());
        }
        let (id, queue) = (delivery.copy.id, &delivery.copy.queue);
        let place = (delivery.consumer.clone(), queue.clone(), id.line);
        let last = self.last.entry(place).or_default();
        if id.number <= *last {
            return Err(format!(
                "{id} of queue '{queue}' reaches {:?} after number {last}",
                delivery.consumer
            ));
        }
        *last = id.number;
        Ok(())
    }
}
