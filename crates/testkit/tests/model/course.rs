//! A run: the node and the model do the same, step by step.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use proto_amqp091::Limits;
use stdx::Random;
use testkit::{Client, Layout, Received, Venue, World};
use wire_amqp091::method::{Method, basic, channel, connection};

use super::generate;
use super::observing::look;
use super::op::{Op, Step, body};
use super::reference::Model;

/// The highest number of a channel.
pub(crate) const CHANNEL_MAX: u16 = 8;

/// How a run is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) layout: Layout,
    pub(crate) connection_count: usize,
    /// Of each connection.
    pub(crate) channel_count: u16,
}

impl Setting {
    /// 1 to 8 channels on 1 to 3 connections.
    pub(crate) fn random(random: &mut Random, layout: Layout) -> Self {
        let connection_count = 1 + random.below(3) as usize;
        let most = u64::from(CHANNEL_MAX) / connection_count as u64;
        Self { layout, connection_count, channel_count: 1 + random.below(most) as u16 }
    }
}

/// How often what has happened.
pub(crate) type Tally = BTreeMap<&'static str, u64>;

/// A run that went wrong.
pub(crate) struct Failure {
    pub(crate) steps: Vec<Step>,
    pub(crate) what: String,
    /// What was said until then, as a transcript.
    pub(crate) listing: String,
}

struct Course {
    world: World,
    clients: Vec<Client>,
    model: Model,
    listing: String,
}

/// What was said in a run that went well, as a transcript.
pub(crate) type Listing = String;

/// Makes up steps and takes them.
pub(crate) fn explore(
    setting: Setting,
    random: &mut Random,
    count: usize,
) -> Result<(Tally, Listing), Failure> {
    let mut steps = Vec::new();
    let mut generator = generate::Generator::new(setting.channel_count);
    play(setting, &mut steps, |model, steps| {
        if steps.len() == count {
            return None;
        }
        Some(generator.next(random, model))
    })
}

/// Takes given steps.
pub(crate) fn replay(setting: Setting, given: &[Step]) -> Result<(Tally, Listing), Failure> {
    let mut steps = Vec::new();
    play(setting, &mut steps, |_, steps| given.get(steps.len()).cloned())
}

fn play(
    setting: Setting,
    steps: &mut Vec<Step>,
    mut next: impl FnMut(&Model, &[Step]) -> Option<Step>,
) -> Result<(Tally, Listing), Failure> {
    let mut listing = String::new();
    let played = catch_unwind(AssertUnwindSafe(|| {
        let mut course = Course::new(setting)?;
        let result = loop {
            let Some(step) = next(&course.model, steps) else { break course.drain() };
            steps.push(step.clone());
            if let Err(what) = course.take(&step) {
                break Err(what);
            }
        };
        listing = std::mem::take(&mut course.listing);
        result.map(|()| course.model.tally)
    }));
    let what = match played {
        Ok(Ok(tally)) => return Ok((tally, listing)),
        Ok(Err(what)) => what,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&it| it.to_owned()));
            for step in &*steps {
                let _ = writeln!(listing, "{step}");
            }
            format!("a panic: {}", text.unwrap_or_default())
        }
    };
    Err(Failure { steps: std::mem::take(steps), what, listing })
}

/// Leaves out steps as long as what is left goes wrong.
pub(crate) fn shrink(setting: Setting, failure: Failure) -> Failure {
    let mut best = failure;
    let mut size = best.steps.len().div_ceil(2);
    while size > 0 {
        let before = best.steps.len();
        let mut start = 0;
        while start < best.steps.len() {
            let end = (start + size).min(best.steps.len());
            let fewer = [&best.steps[..start], &best.steps[end..]].concat();
            match replay(setting, &fewer) {
                Err(failure) => best = failure,
                Ok(_) => start = end,
            }
        }
        if best.steps.len() == before {
            size /= 2;
        }
    }
    best
}

fn connect_line(connection: usize) -> String {
    format!("C{} connect\n", connection + 1)
}

impl Course {
    fn new(setting: Setting) -> Result<Self, String> {
        let mut world = World::new(setting.layout, Limits::default());
        let open = |_| Client::open(&mut world);
        let clients = (0..setting.connection_count).map(open).collect::<Result<_, _>>()?;
        let model = Model::new(setting.connection_count);
        let listing = (0..setting.connection_count).map(connect_line).collect();
        Ok(Self { world, clients, model, listing })
    }

    fn take(&mut self, step: &Step) -> Result<(), String> {
        let _ = writeln!(self.listing, "{step}");
        self.model.count("steps");
        self.model.apply(step);
        let client = &mut self.clients[step.connection];
        match &step.op {
            Op::Pass { ms } => self.world.pass(*ms),
            Op::Restart => {
                self.world.stop();
                self.world.boot();
                return self.reconnect_all();
            }
            Op::Lose => {
                let client = Client::open(&mut self.world)?;
                std::mem::replace(&mut self.clients[step.connection], client)
                    .close(&mut self.world);
                self.world.settle(false);
                self.listing += &connect_line(step.connection);
            }
            Op::Publish(post) => {
                for number in post.first..post.first + post.count {
                    let (method, properties) = (post.method(), post.properties());
                    client.put_publish(step.channel, &method, &properties, &body(number));
                }
                client.speak(&mut self.world, true)?;
            }
            op => {
                let channel = if *op == Op::Leave { 0 } else { step.channel };
                if let Some(method) = op.method() {
                    client.put_method(channel, &method);
                }
                client.speak(&mut self.world, true)?;
            }
        }
        self.hear()?;
        self.model.rest()
    }

    /// Compares all that has come, agrees to the ends of channels and connections.
    fn hear(&mut self) -> Result<(), String> {
        let mut agreed = String::new();
        for connection in 0..self.clients.len() {
            let client = &mut self.clients[connection];
            client.hear(&mut self.world)?;
            let mut is_over = false;
            for channel in 0..=CHANNEL_MAX {
                while let Some(came) = client.next(channel) {
                    if came == Received::Closed {
                        is_over = true;
                        continue;
                    }
                    let _ = writeln!(self.listing, "    S{}[{channel}] {came}", connection + 1);
                    match came.method() {
                        Some(Method::ChannelClose(_)) => {
                            let _ =
                                writeln!(agreed, "C{}[{channel}] channel.close-ok", connection + 1);
                            client.put_method(channel, &channel::CloseOk {});
                        }
                        Some(Method::ConnectionClose(_)) => {
                            is_over = true;
                            let _ = writeln!(agreed, "C{} connection.close-ok", connection + 1);
                            client.put_method(0, &connection::CloseOk {});
                        }
                        _ => {}
                    }
                    self.model.observe((connection, channel), &came)?;
                }
            }
            self.clients[connection].speak(&mut self.world, false)?;
            if is_over {
                let client = Client::open(&mut self.world)?;
                std::mem::replace(&mut self.clients[connection], client).close(&mut self.world);
                agreed += &connect_line(connection);
            }
        }
        self.listing += &agreed;
        self.world.settle(false);
        Ok(())
    }

    fn reconnect_all(&mut self) -> Result<(), String> {
        for (connection, client) in self.clients.iter_mut().enumerate() {
            *client = Client::open(&mut self.world)?;
            self.listing += &connect_line(connection);
        }
        Ok(())
    }

    /// Everybody leaves, and what is left in the queues has to be what the model has there, each message once and in order.
    fn drain(&mut self) -> Result<(), String> {
        for connection in 0..self.clients.len() {
            self.take(&Step { connection, channel: 0, op: Op::Leave })?;
        }
        let mut client = Client::open(&mut self.world)?;
        client.put_method(1, &channel::Open::default());
        client.speak(&mut self.world, true)?;
        client.next(1);
        for queue in self.model.names() {
            let no_ack = true;
            loop {
                client.put_method(1, &basic::Get { queue, no_ack, ..Default::default() });
                client.speak(&mut self.world, true)?;
                let Some(came) = client.next(1) else { return Err("no answer".to_owned()) };
                let Some(look) = look(&came) else { break };
                let found = self.model.queues.get_mut(queue).expect("it is there");
                let first = found.first_place();
                if found.take(&look).is_none_or(|taken| Some(taken.place) != first) {
                    return Err(format!("at the end, {queue} has\n    {came}"));
                }
            }
            let left = &self.model.queues[queue].ready;
            if !left.is_empty() {
                return Err(format!("at the end, {queue} lacks {left:?}"));
            }
        }
        Ok(())
    }
}
