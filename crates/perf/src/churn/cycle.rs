//! What is repeated: two methods and the answers to them, encoded once.

use wire_amqp091::method::{Encode, basic, channel, exchange, queue};
use wire_amqp091::{Code, Table, frame};

use super::options::Subject;
use crate::client::CHANNEL;

/// The channel that comes and goes; the first one stays open.
const CHANNEL_OF_CHURN: u16 = 2;

/// A method and the one that answers it.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) bytes: Vec<u8>,
    pub(super) answer: u32,
}

/// What one client repeats.
#[derive(Clone, Debug)]
pub(super) struct Cycle {
    pub(super) channel: u16,
    pub(super) make: Step,
    pub(super) unmake: Step,
    /// For people: what the broker refuses when it refuses one of them.
    pub(super) about: String,
}

/// A method that is asked once, and what it wants, for people.
#[derive(Clone, Debug)]
pub(super) struct Preparation {
    pub(super) bytes: Vec<u8>,
    pub(super) answer: u32,
    pub(super) about: String,
}

/// What has to be there before, what each client repeats, and what is removed afterwards.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(super) before: Vec<Preparation>,
    /// One of each client; none when connections come and go.
    pub(super) cycles: Vec<Cycle>,
    pub(super) after: Vec<Preparation>,
}

impl Plan {
    /// The names of what it makes contain `process_id`, so that two runs do not meet.
    pub(super) fn new(subject: Subject, is_durable: bool, clients: u32, process_id: u32) -> Self {
        let mut plan = Self::default();
        let exchange = format!("perf-churn-{process_id}");
        if subject == Subject::Binding {
            plan.before.push(declare_exchange(&exchange, is_durable));
        }
        for number in 1..=clients {
            let queue = format!("perf-churn-{process_id}-{number}");
            match subject {
                Subject::Connection => {}
                Subject::Channel => plan.cycles.push(channel_cycle()),
                Subject::Queue => {
                    plan.cycles.push(queue_cycle(&queue, is_durable));
                    plan.after.push(delete_queue(&queue));
                }
                Subject::Binding | Subject::Consumer => {
                    plan.before.push(declare_queue(&queue, is_durable));
                    plan.cycles.push(match subject {
                        Subject::Binding => binding_cycle(&exchange, &queue),
                        _ => consumer_cycle(&queue),
                    });
                    plan.after.push(delete_queue(&queue));
                }
            }
        }
        if subject == Subject::Binding {
            plan.after.push(delete_exchange(&exchange));
        }
        plan
    }
}

impl Step {
    fn new(channel: u16, method: &impl Encode, answer: u32) -> Self {
        let mut bytes = Vec::new();
        frame::write_method(&mut bytes, channel, method);
        Self { bytes, answer }
    }
}

impl Preparation {
    fn new(method: &impl Encode, answer: u32, about: String) -> Self {
        let Step { bytes, answer } = Step::new(CHANNEL, method, answer);
        Self { bytes, answer, about }
    }
}

fn channel_cycle() -> Cycle {
    let close = channel::Close {
        reply_code: Code::ReplySuccess.number(),
        reply_text: "",
        class_id: 0,
        method_id: 0,
    };
    Cycle {
        channel: CHANNEL_OF_CHURN,
        make: Step::new(CHANNEL_OF_CHURN, &channel::Open { reserved_1: "" }, channel::OpenOk::ID),
        unmake: Step::new(CHANNEL_OF_CHURN, &close, channel::CloseOk::ID),
        about: "opening and closing a channel".to_owned(),
    }
}

fn queue_cycle(name: &str, is_durable: bool) -> Cycle {
    Cycle {
        channel: CHANNEL,
        make: Step::new(CHANNEL, &declaration(name, is_durable), queue::DeclareOk::ID),
        unmake: Step::new(CHANNEL, &deletion(name), queue::DeleteOk::ID),
        about: format!("declaring and deleting queue '{name}'"),
    }
}

fn binding_cycle(exchange: &str, name: &str) -> Cycle {
    let routing_key = name;
    let arguments = Table::new();
    let bind =
        queue::Bind { ticket: 0, queue: name, exchange, routing_key, no_wait: false, arguments };
    let arguments = Table::new();
    let unbind = queue::Unbind { ticket: 0, queue: name, exchange, routing_key, arguments };
    Cycle {
        channel: CHANNEL,
        make: Step::new(CHANNEL, &bind, queue::BindOk::ID),
        unmake: Step::new(CHANNEL, &unbind, queue::UnbindOk::ID),
        about: format!("binding and unbinding queue '{name}'"),
    }
}

fn consumer_cycle(name: &str) -> Cycle {
    let consumer_tag = "perf-churn";
    let consume = basic::Consume {
        ticket: 0,
        queue: name,
        consumer_tag,
        no_local: false,
        no_ack: false,
        exclusive: false,
        no_wait: false,
        arguments: Table::new(),
    };
    let cancel = basic::Cancel { consumer_tag, no_wait: false };
    Cycle {
        channel: CHANNEL,
        make: Step::new(CHANNEL, &consume, basic::ConsumeOk::ID),
        unmake: Step::new(CHANNEL, &cancel, basic::CancelOk::ID),
        about: format!("consuming from queue '{name}' and cancelling"),
    }
}

fn declare_queue(name: &str, is_durable: bool) -> Preparation {
    let about = format!("declaring queue '{name}'");
    Preparation::new(&declaration(name, is_durable), queue::DeclareOk::ID, about)
}

fn delete_queue(name: &str) -> Preparation {
    Preparation::new(&deletion(name), queue::DeleteOk::ID, format!("deleting queue '{name}'"))
}

fn declare_exchange(name: &str, is_durable: bool) -> Preparation {
    let declare = exchange::Declare {
        ticket: 0,
        exchange: name,
        kind: "direct",
        passive: false,
        durable: is_durable,
        auto_delete: false,
        internal: false,
        no_wait: false,
        arguments: Table::new(),
    };
    let about = format!("declaring exchange '{name}'");
    Preparation::new(&declare, exchange::DeclareOk::ID, about)
}

fn delete_exchange(name: &str) -> Preparation {
    let delete = exchange::Delete { ticket: 0, exchange: name, if_unused: false, no_wait: false };
    Preparation::new(&delete, exchange::DeleteOk::ID, format!("deleting exchange '{name}'"))
}

fn declaration(name: &str, is_durable: bool) -> queue::Declare<'_> {
    queue::Declare {
        ticket: 0,
        queue: name,
        passive: false,
        durable: is_durable,
        exclusive: false,
        auto_delete: false,
        no_wait: false,
        arguments: Table::new(),
    }
}

fn deletion(name: &str) -> queue::Delete<'_> {
    queue::Delete { ticket: 0, queue: name, if_unused: false, if_empty: false, no_wait: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_before_is_removed_after() {
        for (subject, before, after) in [
            (Subject::Connection, 0, 0),
            (Subject::Channel, 0, 0),
            (Subject::Queue, 0, 3),
            (Subject::Binding, 4, 4),
            (Subject::Consumer, 3, 3),
        ] {
            let plan = Plan::new(subject, true, 3, 7);
            assert_eq!((plan.before.len(), plan.after.len()), (before, after), "{subject:?}");
            let cycles = if subject == Subject::Connection { 0 } else { 3 };
            assert_eq!(plan.cycles.len(), cycles, "{subject:?}");
        }
    }

    #[test]
    fn each_client_has_a_queue_of_its_own() {
        let plan = Plan::new(Subject::Queue, false, 2, 7);
        assert!(plan.cycles[0].about.ends_with("'perf-churn-7-1'"));
        assert!(plan.cycles[1].about.ends_with("'perf-churn-7-2'"));
    }
}
