//! Methods that ask something of the broker, and the answers.
//!
//! A connection asks one thing at a time. Until the answer is there, no further input is looked at: what a client
//! sends behind a declaration may depend on it. Only the same again, of which the client waits for no answer and which
//! the broker has no reason to refuse, goes along: a thousand declarations then cost the disk one sync, and not a thousand.

use broker::{
    Answer, Broker, Event, ExchangeDeclaration, Origin, QueueDeclaration, Refusal, Request, Verb,
};
use message::{Name, QueueId};
use metadata::{Binding, BindingEnd};
use queue::{Consumer, ConsumerId};
use wire_amqp091::method::{Method, basic, channel, connection, exchange, queue as wire_queue};
use wire_amqp091::{Code, Kind, Table, frame};

use crate::arguments::arguments;
use crate::channel::{Channel, channel_of};
use crate::closing::CONNECTION_LINK;
use crate::connection::{Connection, Stage};
use crate::consumers::Terms;
use crate::context::Context;
use crate::errors::Exception;
use crate::happening::NewConsumer;
use crate::moving::Residence;
use crate::replying::{check_bindable, is_reply_to};

/// How many requests of the same kind may be underway at once. More would make a turn too long for others.
const MORE_MAX: u32 = 63;

/// What was asked, and how to answer.
#[derive(Debug)]
pub(crate) struct Asked {
    channel: u16,
    /// The method that asked, as `ID` of the methods has it.
    method: u32,
    /// The client wants to hear of failure only.
    no_wait: bool,
    /// What it is part of, if several of the kind may be underway.
    series: Option<Series>,
    /// How many more of the same are underway.
    more: u32,
    /// The queue that the last one of them declares, by the name that the client has given it.
    last: Option<Name>,
    wish: Wish,
}

impl Asked {
    const fn new(channel: u16, method: u32, no_wait: bool, wish: Wish) -> Self {
        Self { channel, method, no_wait, series: None, more: 0, last: None, wish }
    }

    /// What is underway when one is answered.
    fn rest(&self) -> Option<Self> {
        let more = self.more.checked_sub(1)?;
        let wish =
            if self.method == wire_queue::Declare::ID { Wish::DeclareQueue } else { Wish::Plain };
        let last = self.last.clone();
        let same = Self::new(self.channel, self.method, self.no_wait, wish);
        Some(Self { more, last, series: self.series, ..same })
    }
}

/// Requests of which one after the other may go to the broker before any is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Series {
    /// Of queues that are not there yet, all alike: if one is named twice, it is found as it was asked for.
    Declare { is_durable: bool, is_auto_delete: bool },
    /// Of queues that are anybody's, whatever is in them.
    Delete,
}

#[derive(Debug)]
enum Wish {
    Plain,
    OpenChannel { link: u64 },
    DeclareQueue,
    Consume { number: u32, tag: Box<str>, settles: bool, terms: Box<Terms> },
    Cancel { number: u32, tag: Box<str> },
}

impl Asked {
    /// A connection that waits to be taken to another shard waits for no answer, and is not listened to either.
    pub(crate) const fn to_move() -> Self {
        Self::new(0, 0, true, Wish::Plain)
    }
}

impl Connection {
    /// Puts a method into the broker's words and asks.
    pub(crate) fn ask(
        &mut self,
        cx: &mut Context<'_>,
        number: u16,
        method: &Method<'_>,
    ) -> Result<(), Exception> {
        let id = method.id();
        self.check_permitted(cx, number, method)?;
        if let Method::BasicConsume(basic::Consume { queue, .. })
        | Method::BasicGet(basic::Get { queue, .. }) = method
            && self.residence != Residence::Settled
        {
            let name = self.queue_name(number, queue, id)?;
            // Answers come to where they are asked for.
            let is_reply_to = is_reply_to(queue);
            let home = |broker: &Broker, vhost: &Name| {
                broker.home_elsewhere(vhost, name.as_str()).filter(|_| !is_reply_to)
            };
            if self.waits_to_move(cx, home) {
                return Ok(());
            }
        }
        let (verb, no_wait, wish) = match method {
            Method::BasicConsume(consume) => return self.consume_from(cx, number, consume),
            Method::BasicCancel(cancel) => return self.cancel(cx, number, cancel),
            Method::BasicGet(get) => {
                let name = self.queue_name(number, get.queue, id)?;
                let vhost = self.vhost.clone();
                (Verb::Fetch { vhost, name, settles: !get.no_ack }, false, Wish::Plain)
            }
            Method::QueueDeclare(declare) if is_reply_to(declare.queue) => {
                self.declare_reply_to(number, declare.no_wait);
                return Ok(());
            }
            Method::QueueDeclare(declare) => {
                let declaration = self.queue_declaration(declare)?;
                self.check_deprecated(declare)?;
                (Verb::DeclareQueue(declaration), declare.no_wait, Wish::DeclareQueue)
            }
            Method::QueueBind(_)
            | Method::QueueUnbind(_)
            | Method::QueuePurge(_)
            | Method::QueueDelete(_) => {
                let (verb, no_wait) = self.queue_verb(number, method)?;
                (verb, no_wait, Wish::Plain)
            }
            _ => {
                let (verb, no_wait) = self.exchange_verb(method)?;
                (verb, no_wait, Wish::Plain)
            }
        };
        let series = self.series_of(cx, method);
        self.send(cx, Asked { series, ..Asked::new(number, id, no_wait, wish) }, verb);
        Ok(())
    }

    /// Whether the frame at the start of `bytes` asks for the same that is underway once more, on the same channel.
    pub(crate) fn asks_the_same(&self, cx: &Context<'_>, bytes: &[u8]) -> bool {
        let Some(asked) = &self.asked else { return false };
        let Some(series) = asked.series else { return false };
        if asked.more >= MORE_MAX || self.stage != Stage::Running {
            return false;
        }
        let Ok(Some((frame, _))) = frame::parse(bytes, self.payload_max) else { return false };
        let is_there = frame.kind == Kind::Method && frame.channel == asked.channel;
        let method = if is_there { Method::decode(frame.payload).ok() } else { None };
        method.is_some_and(|method| self.series_of(cx, &method) == Some(series))
    }

    /// The series that a request may be part of: its client waits for no answer, and nothing in it can be refused because of
    /// what the broker has. If one of a series were refused, those behind it would have to be as if never asked.
    fn series_of(&self, cx: &Context<'_>, method: &Method<'_>) -> Option<Series> {
        let topology = cx.broker.topology();
        match method {
            // A queue without a name has one only when the broker has answered.
            Method::QueueDeclare(declare) if declare.no_wait && !declare.passive => {
                let is_new = topology.queue(self.vhost.as_str(), declare.queue).is_none();
                let is_plain = !declare.exclusive && declare.arguments.is_empty();
                let is_free = !declare.queue.is_empty() && !declare.queue.starts_with("amq.");
                let (is_durable, is_auto_delete) = (declare.durable, declare.auto_delete);
                let series = Series::Declare { is_durable, is_auto_delete };
                (is_new && is_plain && is_free).then_some(series)
            }
            Method::QueueDelete(delete) if delete.no_wait && !delete.queue.is_empty() => {
                let found = topology.queue(self.vhost.as_str(), delete.queue);
                let is_common = found.is_none_or(|queue| queue.owner.is_none());
                let is_sure = !delete.if_unused && !delete.if_empty;
                (is_common && is_sure).then_some(Series::Delete)
            }
            _ => None,
        }
    }

    /// Whether a channel is closed, or is about to be.
    fn has_failed(&self, number: u16) -> bool {
        self.channels.get(number).is_none_or(|channel| channel.is_closing)
    }

    /// What a method of class exchange asks, and whether it waits for no answer.
    fn exchange_verb(&self, method: &Method<'_>) -> Result<(Verb, bool), Exception> {
        let id = method.id();
        Ok(match method {
            Method::ExchangeDeclare(declare) => {
                (Verb::DeclareExchange(self.exchange_declaration(declare)?), declare.no_wait)
            }
            Method::ExchangeDelete(delete) => {
                let (vhost, name) = (self.vhost.clone(), name(delete.exchange, id)?);
                let if_unused = delete.if_unused;
                (Verb::DeleteExchange { vhost, name, if_unused }, delete.no_wait)
            }
            Method::ExchangeBind(bind) => {
                let ends = (bind.source, bind.destination);
                let binding = self.exchange_binding(ends, bind.routing_key, &bind.arguments, id)?;
                (Verb::Bind(binding), bind.no_wait)
            }
            Method::ExchangeUnbind(unbind) => {
                let ends = (unbind.source, unbind.destination);
                let key = unbind.routing_key;
                let binding = self.exchange_binding(ends, key, &unbind.arguments, id)?;
                (Verb::Unbind(binding), unbind.no_wait)
            }
            _ => return Err(Exception::new(Code::CommandInvalid, "unimplemented method", id)),
        })
    }

    /// What a method of class queue asks, and whether it waits for no answer.
    fn queue_verb(&self, number: u16, method: &Method<'_>) -> Result<(Verb, bool), Exception> {
        let id = method.id();
        let vhost = self.vhost.clone();
        Ok(match method {
            Method::QueueBind(bind) => {
                check_bindable(bind.queue, id)?;
                let ends = (bind.exchange, bind.queue);
                let key = bind.routing_key;
                let binding = self.queue_binding(number, ends, key, &bind.arguments, id)?;
                (Verb::Bind(binding), bind.no_wait)
            }
            Method::QueueUnbind(unbind) => {
                check_bindable(unbind.queue, id)?;
                let ends = (unbind.exchange, unbind.queue);
                let key = unbind.routing_key;
                let binding = self.queue_binding(number, ends, key, &unbind.arguments, id)?;
                (Verb::Unbind(binding), false)
            }
            Method::QueuePurge(purge) => {
                let name = self.queue_name(number, purge.queue, id)?;
                (Verb::PurgeQueue { vhost, name }, purge.no_wait)
            }
            Method::QueueDelete(delete) => {
                let name = self.queue_name(number, delete.queue, id)?;
                let (if_unused, if_empty) = (delete.if_unused, delete.if_empty);
                (Verb::DeleteQueue { vhost, name, if_unused, if_empty }, delete.no_wait)
            }
            _ => return Err(Exception::new(Code::CommandInvalid, "unimplemented method", id)),
        })
    }

    /// The broker answers.
    pub(crate) fn answered(
        &mut self,
        cx: &mut Context<'_>,
        link: u64,
        reply: Result<Answer, Refusal>,
    ) {
        if link == CONNECTION_LINK {
            return self.answered_itself(cx, reply);
        }
        let Some(asked) = self.asked.take() else {
            // The connection has been closed since it asked.
            let reply = Box::new(reply);
            return cx.broker.take_back(self.client, Event::Answered { link, reply });
        };
        assert_eq!(channel_of(link), asked.channel, "the broker answers what was asked");
        self.asked = asked.rest();
        match reply {
            Ok(answer) => self.grant(cx, asked, answer),
            // Another one of the same has failed before.
            Err(_) if asked.series.is_some() && self.has_failed(asked.channel) => {}
            Err(refusal) => {
                let exception = Exception::refused(&refusal, asked.method);
                self.fail_on(cx, asked.channel, &exception);
            }
        }
    }

    /// The broker answers what the connection asked for itself: to come in, or to leave.
    fn answered_itself(&mut self, cx: &mut Context<'_>, reply: Result<Answer, Refusal>) {
        if self.stage != Stage::Opening || self.asked.take().is_none() {
            return self.left();
        }
        match reply {
            Ok(_) => self.entered(),
            Err(refusal) => {
                self.fail(cx, &Exception::refused(&refusal, connection::Open::ID));
            }
        }
    }

    /// Asks to use a virtual host.
    pub(crate) fn ask_to_enter(&mut self, cx: &mut Context<'_>, verb: Verb) {
        let method = connection::Open::ID;
        self.asked = Some(Asked::new(0, method, false, Wish::Plain));
        let origin = Origin { client: self.client, link: CONNECTION_LINK };
        cx.broker.request(Request { origin, verb });
    }

    /// Asks to open a channel, because its user's channels are limited.
    pub(crate) fn ask_for_channel(&mut self, cx: &mut Context<'_>, number: u16, link: u64) {
        let method = channel::Open::ID;
        self.asked = Some(Asked::new(number, method, false, Wish::OpenChannel { link }));
        let origin = Origin { client: self.client, link };
        cx.broker.request(Request { origin, verb: Verb::OpenChannel });
    }

    fn send(&mut self, cx: &mut Context<'_>, mut asked: Asked, verb: Verb) {
        let Some(channel) = self.channels.get(asked.channel) else { return };
        let origin = Origin { client: self.client, link: channel.link };
        if let Verb::DeclareQueue(declaration) = &verb
            && !declaration.name.is_empty()
        {
            asked.last = Some(declaration.name.clone());
        }
        if let Some(before) = self.asked.take() {
            let is_same = (before.channel, before.method, true)
                == (asked.channel, asked.method, before.no_wait && asked.no_wait);
            assert!(is_same, "a connection asks one thing at a time, or the same once more");
            asked.more = before.more + 1;
        }
        self.asked = Some(asked);
        cx.broker.request(Request { origin, verb });
    }

    fn grant(&mut self, cx: &mut Context<'_>, asked: Asked, answer: Answer) {
        let Asked { channel: number, method, no_wait, wish, last, .. } = asked;
        match (wish, answer) {
            (Wish::OpenChannel { link }, _) => self.add_channel(number, link),
            (
                Wish::Consume { number: consumer, tag, settles, terms },
                Answer::Consuming { queue, .. },
            ) => {
                if !no_wait {
                    self.out.method(number, &basic::ConsumeOk { consumer_tag: &tag });
                }
                self.start_consumer(number, (consumer, tag), queue, settles, terms);
                if self.channels.get(number).is_some_and(Channel::is_paused) {
                    self.pause(cx, number, consumer);
                }
            }
            (Wish::Cancel { number: consumer, tag }, _) => {
                if let Some(gone) = self.consumers.remove(consumer) {
                    self.tell_consumer_deleted(gone);
                }
                self.write_cancel_ok(number, &tag, no_wait);
            }
            (Wish::DeclareQueue, Answer::QueueDeclared { name, ready_count, consumer_count }) => {
                if !no_wait {
                    let declare_ok = wire_queue::DeclareOk {
                        queue: name.as_str(),
                        message_count: count(ready_count),
                        consumer_count: count(consumer_count),
                    };
                    self.out.method(number, &declare_ok);
                }
                if let Some(channel) = self.channels.get_mut(number) {
                    // Of several, the last one that was asked for counts, not the last one that was answered.
                    channel.last_queue = last.or(Some(name));
                }
            }
            (_, Answer::Fetched { queue, delivery, ready_count }) => {
                self.got(cx, number, queue, delivery, ready_count);
            }
            (_, answer) if !no_wait => self.write_ok(number, method, &answer),
            _ => {}
        }
    }

    fn write_ok(&mut self, number: u16, method: u32, answer: &Answer) {
        let removed = match answer {
            Answer::Removed { count: removed } => count(*removed),
            _ => 0,
        };
        let out = &mut self.out;
        match method {
            exchange::Declare::ID => out.method(number, &exchange::DeclareOk {}),
            exchange::Delete::ID => out.method(number, &exchange::DeleteOk {}),
            exchange::Bind::ID => out.method(number, &exchange::BindOk {}),
            exchange::Unbind::ID => out.method(number, &exchange::UnbindOk {}),
            wire_queue::Bind::ID => out.method(number, &wire_queue::BindOk {}),
            wire_queue::Unbind::ID => out.method(number, &wire_queue::UnbindOk {}),
            wire_queue::Purge::ID => {
                out.method(number, &wire_queue::PurgeOk { message_count: removed });
            }
            wire_queue::Delete::ID => {
                out.method(number, &wire_queue::DeleteOk { message_count: removed });
            }
            _ => unreachable!("every method that asks has an answer"),
        }
    }

    fn consume_from(
        &mut self,
        cx: &mut Context<'_>,
        number: u16,
        consume: &basic::Consume<'_>,
    ) -> Result<(), Exception> {
        let id = basic::Consume::ID;
        let name = self.queue_name(number, consume.queue, id)?;
        let Some(channel) = self.channels.get_mut(number) else { return Ok(()) };
        let tag: Box<str> = if consume.consumer_tag.is_empty() {
            generated_tag(&mut self.random)
        } else {
            consume.consumer_tag.into()
        };
        if channel.consumers.contains_key(&tag) {
            let text = format!("attempt to reuse consumer tag '{tag}'");
            return Err(Exception::new(Code::NotAllowed, text, id));
        }
        let max = self.settings.limits.consumers_per_channel_max;
        if let Some(max) = max.filter(|&max| channel.consumers.len() as u64 >= max) {
            let text = format!("reached maximum ({max}) of consumers per channel");
            return Err(Exception::new(Code::NotAllowed, text, id));
        }
        if is_reply_to(consume.queue) {
            return self.consume_replies(cx, number, tag, consume);
        }
        let consumer_number = self.consumers.next_number();
        let prefetch_count = u32::from(channel.prefetch_count);
        let settles = !consume.no_ack;
        let consumer = Consumer {
            id: ConsumerId { client: self.client, number: consumer_number },
            credit_max: (settles && prefetch_count > 0).then_some(prefetch_count),
            settles,
            is_exclusive: consume.exclusive,
            priority: 0,
            timeout_ms: None,
        };
        let arguments = arguments(&consume.arguments);
        let terms = Box::new(Terms {
            is_exclusive: consume.exclusive,
            prefetch_count: channel.prefetch_count,
            arguments: arguments.clone(),
            queue: name.clone(),
        });
        let verb = Verb::Consume { vhost: self.vhost.clone(), name, consumer, arguments };
        let wish = Wish::Consume { number: consumer_number, tag, settles, terms };
        self.send(cx, Asked::new(number, id, consume.no_wait, wish), verb);
        Ok(())
    }

    fn start_consumer(
        &mut self,
        number: u16,
        (consumer, tag): (u32, Box<str>),
        queue: QueueId,
        settles: bool,
        terms: Box<Terms>,
    ) {
        if let Some(channel) = self.channels.get_mut(number) {
            channel.consumers.insert(tag.clone(), consumer);
            let told = NewConsumer {
                channel: number,
                tag: tag.clone(),
                queue: terms.queue.clone(),
                settles,
                is_exclusive: terms.is_exclusive,
                prefetch_count: terms.prefetch_count,
                arguments: terms.arguments.clone(),
            };
            self.consumers.add(consumer, number, tag, queue, settles, terms);
            self.tell_consumer_created(told);
        }
    }

    /// Ends a consumer. One that does not exist, or ended before the client knew, is fine.
    fn cancel(
        &mut self,
        cx: &mut Context<'_>,
        number: u16,
        cancel: &basic::Cancel<'_>,
    ) -> Result<(), Exception> {
        let Some(channel) = self.channels.get_mut(number) else { return Ok(()) };
        let consumer = channel.consumers.remove(cancel.consumer_tag);
        let found = consumer.and_then(|n| Some((n, self.consumers.get(n)?.queue)));
        let Some((consumer, queue)) = found else {
            self.cancel_replies(cx, number, Some(cancel.consumer_tag));
            self.write_cancel_ok(number, cancel.consumer_tag, cancel.no_wait);
            return Ok(());
        };
        let wish = Wish::Cancel { number: consumer, tag: cancel.consumer_tag.into() };
        let asked = Asked::new(number, basic::Cancel::ID, cancel.no_wait, wish);
        self.send(cx, asked, Verb::Cancel { queue, consumer });
        Ok(())
    }

    fn write_cancel_ok(&mut self, number: u16, tag: &str, no_wait: bool) {
        if !no_wait {
            self.out.method(number, &basic::CancelOk { consumer_tag: tag });
        }
    }

    fn exchange_declaration(
        &self,
        declare: &exchange::Declare<'_>,
    ) -> Result<ExchangeDeclaration, Exception> {
        Ok(ExchangeDeclaration {
            vhost: self.vhost.clone(),
            name: name(declare.exchange, exchange::Declare::ID)?,
            kind: declare.kind.to_owned(),
            is_passive: declare.passive,
            is_durable: declare.durable,
            is_auto_delete: declare.auto_delete,
            is_internal: declare.internal,
            arguments: arguments(&declare.arguments),
        })
    }

    /// An empty name asks the broker to find one, or, passively, for a queue that cannot exist.
    fn queue_declaration(
        &self,
        declare: &wire_queue::Declare<'_>,
    ) -> Result<QueueDeclaration, Exception> {
        Ok(QueueDeclaration {
            vhost: self.vhost.clone(),
            name: name(declare.queue, wire_queue::Declare::ID)?,
            is_passive: declare.passive,
            is_durable: declare.durable,
            is_exclusive: declare.exclusive,
            is_auto_delete: declare.auto_delete,
            arguments: arguments(&declare.arguments),
        })
    }

    /// Refuses a queue that neither survives a restart nor belongs to the connection, if the operator wants that. RabbitMQ
    /// has already forgotten a queue of that kind after a restart, so that one that is there was permitted.
    fn check_deprecated(&self, declare: &wire_queue::Declare<'_>) -> Result<(), Exception> {
        let is_transient = !declare.durable && !declare.exclusive && !declare.passive;
        if is_transient && !self.settings.limits.permits_transient_queues {
            return Err(Exception::deprecated("transient_nonexcl_queues", wire_queue::Declare::ID));
        }
        Ok(())
    }

    fn exchange_binding(
        &self,
        (source, destination): (&str, &str),
        key: &str,
        table: &Table,
        method: u32,
    ) -> Result<Binding, Exception> {
        Ok(Binding {
            vhost: self.vhost.clone(),
            source: name(source, method)?,
            destination: BindingEnd::Exchange(name(destination, method)?),
            key: key.to_owned(),
            arguments: arguments(table),
        })
    }

    /// An empty queue name stands for the queue declared last; together with an empty key, the key is its name too.
    fn queue_binding(
        &self,
        number: u16,
        (source, queue): (&str, &str),
        key: &str,
        table: &Table,
        method: u32,
    ) -> Result<Binding, Exception> {
        let destination = self.queue_name(number, queue, method)?;
        let key = if queue.is_empty() && key.is_empty() { destination.as_str() } else { key };
        Ok(Binding {
            vhost: self.vhost.clone(),
            source: name(source, method)?,
            key: key.to_owned(),
            destination: BindingEnd::Queue(destination),
            arguments: arguments(table),
        })
    }

    pub(crate) fn queue_name(
        &self,
        number: u16,
        text: &str,
        method: u32,
    ) -> Result<Name, Exception> {
        if !text.is_empty() {
            return name(text, method);
        }
        let last = self.channels.get(number).and_then(|channel| channel.last_queue.clone());
        last.ok_or_else(|| Exception::new(Code::NotFound, "no previously declared queue", method))
    }
}

/// A name from the wire; RabbitMQ takes line breaks out.
fn name(text: &str, method: u32) -> Result<Name, Exception> {
    let stripped = text.replace(['\r', '\n'], "");
    Name::new(&stripped)
        .map_err(|too_long| Exception::new(Code::SyntaxError, too_long.to_string(), method))
}

fn count(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// `amq.ctag-` and 22 characters of the URL-safe alphabet, as RabbitMQ makes them.
fn generated_tag(random: &mut stdx::Random) -> Box<str> {
    format!("amq.ctag-{}", random.token(22)).into()
}
