//! The user that in the end consumes all that is left.

use std::collections::BTreeMap;

use wire_amqp091::method::{basic, channel};

use crate::client::Heard;
use crate::fact::{self, Delivery, Fact, Placed};
use crate::workload::line::message_id;
use crate::workload::{Next, Role, Scene};

const CHANNEL: u16 = 1;

/// Consumes from every queue of the plan, and acknowledges nothing.
#[derive(Debug, Default)]
pub(crate) struct Auditor {
    /// Queues by the tags of their consumers.
    queues: BTreeMap<String, String>,
}

impl Role for Auditor {
    fn begin(&mut self, scene: &mut Scene<'_>) {
        scene.client.ask(CHANNEL, &channel::Open::default(), channel::OpenOk::ID);
        for (index, queue) in scene.plan.queues.iter().enumerate() {
            let tag = format!("audit{index}");
            let consume =
                basic::Consume { queue: &queue.name, consumer_tag: &tag, ..Default::default() };
            scene.client.ask(CHANNEL, &consume, basic::ConsumeOk::ID);
            self.queues.insert(tag, queue.name.clone());
        }
    }

    fn act(&mut self, _: &mut Scene<'_>) -> Next {
        Next::Stay
    }

    fn hear(&mut self, heard: Heard, scene: &mut Scene<'_>) {
        let parcel = match heard {
            Heard::Delivered { parcel, .. } => parcel,
            Heard::Answered { .. } => return,
            other => return scene.refuse(format!("the auditor hears {other:?}")),
        };
        let found = message_id(&parcel).zip(self.queues.get(&parcel.consumer_tag));
        let Some((id, queue)) = found else {
            return scene.refuse("the auditor gets a message that nobody sent".to_owned());
        };
        let tag = parcel.consumer_tag;
        let consumer = fact::Consumer { connection: scene.connection, channel: CHANNEL, tag };
        scene.hear(&Fact::Delivered(Delivery {
            copy: Placed { queue: queue.clone(), id },
            consumer,
            is_redelivered: parcel.is_redelivered,
            settles: true,
            unsettled_count: 0,
            unsettled_max: None,
            exchange: parcel.exchange,
            key: parcel.key,
            body: parcel.body,
            at_ms: scene.now_ms,
        }));
    }

    fn waiting(&self) -> Option<String> {
        None
    }

    fn reset(&mut self) {
        self.queues.clear();
    }
}
