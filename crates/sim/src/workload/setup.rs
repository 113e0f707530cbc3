//! The user that declares what the plan wants, after each start: first of all it asks for what must have survived.

use wire_amqp091::method::{channel, exchange, queue};

use crate::client::Heard;
use wire_amqp091::Table;

use crate::plan::{DELAYED, EXCHANGES};
use crate::workload::{Next, Role, Scene};

const CHANNEL: u16 = 1;

/// A declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Exchange(usize),
    Queue(usize),
    Bind(usize),
}

/// Declares, one thing at a time.
#[derive(Debug, Default)]
pub(crate) struct Setup {
    /// What has to be declared since the last start.
    steps: Vec<Step>,
    /// What the node has said is declared, ever.
    known: Vec<Step>,
}

impl Setup {
    fn go_on(&mut self, scene: &mut Scene<'_>) {
        let Some(&step) = self.steps.last() else {
            *scene.is_set_up = true;
            return;
        };
        let is_known = self.known.contains(&step);
        let plan = scene.plan;
        match step {
            Step::Exchange(index) => {
                let (exchange, kind) = EXCHANGES.get(index).copied().unwrap_or(DELAYED);
                let arguments = match kind == DELAYED.1 {
                    true => Table::new().with("x-delayed-type", "direct"),
                    false => Table::new(),
                };
                let declare = exchange::Declare {
                    exchange,
                    kind,
                    durable: true,
                    passive: is_known,
                    arguments,
                    ..Default::default()
                };
                scene.client.ask(CHANNEL, &declare, exchange::DeclareOk::ID);
            }
            Step::Queue(index) => {
                let wanted = &plan.queues[index];
                let declare = queue::Declare {
                    queue: &wanted.name,
                    durable: wanted.is_durable,
                    passive: is_known && wanted.is_durable,
                    arguments: wanted.arguments.clone(),
                    ..Default::default()
                };
                scene.client.ask(CHANNEL, &declare, queue::DeclareOk::ID);
            }
            Step::Bind(index) => {
                let binding = &plan.bindings[index];
                let target = &plan.queues[binding.queue];
                if is_known && target.is_durable {
                    // It must have survived: messages will tell.
                    self.steps.pop();
                    return self.go_on(scene);
                }
                let bind = queue::Bind {
                    queue: &target.name,
                    exchange: binding.exchange,
                    routing_key: binding.key,
                    ..Default::default()
                };
                scene.client.ask(CHANNEL, &bind, queue::BindOk::ID);
            }
        }
    }
}

impl Role for Setup {
    fn begin(&mut self, scene: &mut Scene<'_>) {
        scene.client.ask(CHANNEL, &channel::Open::default(), channel::OpenOk::ID);
        let plan = scene.plan;
        let exchanges = (0..EXCHANGES.len() + usize::from(plan.has_delays())).map(Step::Exchange);
        let queues = (0..plan.queues.len()).map(Step::Queue);
        let bindings = (0..plan.bindings.len()).map(Step::Bind);
        self.steps = exchanges.chain(queues).chain(bindings).rev().collect();
    }

    fn act(&mut self, _: &mut Scene<'_>) -> Next {
        Next::Stay
    }

    fn hear(&mut self, heard: Heard, scene: &mut Scene<'_>) {
        match heard {
            Heard::Answered { method: channel::OpenOk::ID, .. } => self.go_on(scene),
            Heard::Answered { .. } => {
                self.known.extend(self.steps.pop());
                self.go_on(scene);
            }
            Heard::ChannelClosed { text, .. } => {
                let step = self.steps.last();
                scene.refuse(format!("what was declared is not there: {step:?}: {text}"));
            }
            other => scene.refuse(format!("the one who declares hears {other:?}")),
        }
    }

    fn waiting(&self) -> Option<String> {
        (!self.steps.is_empty()).then(|| "declarations".to_owned())
    }

    fn reset(&mut self) {
        self.steps.clear();
    }
}
