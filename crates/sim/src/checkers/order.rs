//! Messages of one publisher arrive in order.

use std::collections::BTreeMap;

use crate::checkers::Checker;
use crate::fact::{Consumer, Fact};
use crate::model::Model;

/// How long it may take until the node knows that a consumer is gone, and others have got what it sent them before:
/// slow clients see it late.
const GONE_MS: u64 = 1_500;

/// What one channel published to one queue, with one priority, one consumer gets in the order of publishing, unless it was
/// delivered before, or held back, or has died, or was on its way to a consumer that is gone.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// The highest number so far, by consumer, queue, publishing channel and priority.
    last: BTreeMap<(Consumer, String, u64, Option<u8>), u64>,
    now_ms: u64,
    /// When a consumer was last gone: what never reached it comes late, and is not marked.
    gone_at_ms: Option<u64>,
}

impl Checker for Order {
    fn promise(&self) -> &'static str {
        "messages of one publisher arrive in order"
    }

    fn hear(&mut self, model: &Model, fact: &Fact) -> Result<(), String> {
        let delivery = match fact {
            Fact::Delivered(delivery) => delivery,
            Fact::ConsumerGone | Fact::ChannelGone { .. } | Fact::ConnectionGone { .. } => {
                self.gone_at_ms = Some(self.now_ms);
                return Ok(());
            }
            _ => return Ok(()),
        };
        self.now_ms = delivery.at_ms;
        if delivery.is_redelivered {
            return Ok(());
        }
        let (id, queue) = (delivery.copy.id, &delivery.copy.queue);
        let Some(sent) = model.sent(id) else { return Ok(()) };
        let publication = &sent.publication;
        if publication.not_before_ms.is_some() || model.source(&delivery.copy).is_some() {
            return Ok(());
        }
        let place = (delivery.consumer.clone(), queue.clone(), id.line, publication.priority);
        let last = self.last.entry(place).or_default();
        let is_late_allowed = self.gone_at_ms.is_some_and(|at_ms| self.now_ms < at_ms + GONE_MS);
        if id.number <= *last && is_late_allowed {
            return Ok(());
        }
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
