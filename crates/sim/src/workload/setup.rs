//! The users that declare what the plan wants, after each start: first of all they ask for what must have survived.
//! A queue lives where it is declared, so that there are several, on shards of their own.

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

/// How many there are.
pub(crate) const SETUPS: usize = 2;

/// Declares, one thing at a time.
#[derive(Debug)]
pub(crate) struct Setup {
    /// Which of them this is: it declares every other queue.
    part: usize,
    /// What has to be declared since the last start.
    steps: Vec<Step>,
    /// What the node has said is declared, ever.
    known: Vec<Step>,
}

impl Setup {
    pub(crate) const fn new(part: usize) -> Self {
        Self { part, steps: Vec::new(), known: Vec::new() }
    }

    fn go_on(&mut self, scene: &mut Scene<'_>) {
        let Some(&step) = self.steps.last() else {
            *scene.set_up_count += 1;
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
        let is_own = |queue: usize| queue % SETUPS == self.part;
        let queues = (0..plan.queues.len()).filter(|&index| is_own(index)).map(Step::Queue);
        let bindings = plan.bindings.iter().enumerate();
        let bindings = bindings.filter(|(_, binding)| is_own(binding.queue));
        let bindings = bindings.map(|(index, _)| Step::Bind(index));
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
