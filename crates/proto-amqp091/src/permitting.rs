//! Whether the user of a connection may do what it asks for: RabbitMQ's rules, in its order.
//!
//! ```text
//!   declare, delete          configure; passively: anything     a queue or exchange that is not there yet and names
//!                                                               another exchange in its arguments: read, write on that
//!   bind, unbind             write on the destination, read on the source, read for the key of a topic exchange
//!   consume, get, purge      read
//!   publish                  write, and write for the key of a topic exchange
//! ```
//!
//! What the broker refuses whoever asks (reserved names, unknown types, the default exchange) it refuses before anybody's
//! permissions are looked at, as RabbitMQ does.

use metadata::{Access, Definitions, Need, Subject};
use routing::Kind;
use wire_amqp091::method::{Method, basic, exchange, queue};
use wire_amqp091::{FieldValue, Table};

use crate::connection::Connection;
use crate::context::Context;
use crate::errors::{Denial, Exception};
use crate::replying::is_reply_to;

/// How many exchanges a channel remembers that its user may publish to.
const GRANTS_MAX: usize = 12;

/// Who may publish in the name of others.
const IMPERSONATOR: &str = "impersonator";

/// What a channel remembers of what its user may do, as long as nobody's permissions change.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    /// [`Definitions::access_version`] when it was asked.
    version: u64,
    /// Exchanges that the user may publish to, and whether that depends on the key.
    exchanges: Vec<(Box<[u8]>, bool)>,
}

impl Grants {
    /// Whether nobody's permissions have changed.
    #[inline]
    pub(crate) const fn is_current(&self, version: u64) -> bool {
        self.version == version
    }
}

impl Connection {
    /// Whether the user may do what a method asks for.
    ///
    /// # Errors
    /// ACCESS_REFUSED, with what the user may not do.
    pub(crate) fn check_permitted(
        &mut self,
        cx: &Context<'_>,
        number: u16,
        method: &Method<'_>,
    ) -> Result<(), Exception> {
        let id = method.id();
        let definitions = cx.broker.topology().definitions();
        match method {
            Method::ExchangeDeclare(declare) => self.check_exchange_declare(definitions, declare),
            Method::ExchangeDelete(delete) => {
                let is_system = delete.exchange.is_empty() || delete.exchange.starts_with("amq.");
                let wish = (Access::Configure, Subject::Exchange(delete.exchange));
                if is_system { Ok(()) } else { self.check(definitions, wish, id) }
            }
            Method::ExchangeBind(bind) => {
                let destination = Subject::Exchange(bind.destination);
                self.check_binding(definitions, destination, (bind.source, bind.routing_key), id)
            }
            Method::ExchangeUnbind(unbind) => {
                let (destination, key) =
                    (Subject::Exchange(unbind.destination), unbind.routing_key);
                self.check_binding(definitions, destination, (unbind.source, key), id)
            }
            Method::QueueDeclare(declare) => self.check_queue_declare(definitions, declare),
            Method::QueueBind(bind) => {
                let name = self.queue_name(number, bind.queue, id)?;
                let destination = Subject::Queue(name.as_str());
                self.check_binding(definitions, destination, (bind.exchange, bind.routing_key), id)
            }
            Method::QueueUnbind(unbind) => {
                let name = self.queue_name(number, unbind.queue, id)?;
                let (destination, key) = (Subject::Queue(name.as_str()), unbind.routing_key);
                self.check_binding(definitions, destination, (unbind.exchange, key), id)
            }
            Method::QueueDelete(delete) => {
                let name = self.queue_name(number, delete.queue, id)?;
                self.check(definitions, (Access::Configure, Subject::Queue(name.as_str())), id)
            }
            Method::QueuePurge(queue::Purge { queue, .. })
            | Method::BasicGet(basic::Get { queue, .. })
            | Method::BasicConsume(basic::Consume { queue, .. }) => {
                if is_reply_to(queue) {
                    return Ok(());
                }
                let name = self.queue_name(number, queue, id)?;
                self.check(definitions, (Access::Read, Subject::Queue(name.as_str())), id)
            }
            // These concern what the user has already, or nothing that has a name.
            _ => Ok(()),
        }
    }

    fn check_exchange_declare(
        &self,
        definitions: &Definitions,
        declare: &exchange::Declare<'_>,
    ) -> Result<(), Exception> {
        let (name, id) = (declare.exchange, exchange::Declare::ID);
        let is_strange =
            name.is_empty() || (!declare.passive && Kind::parse(declare.kind).is_none());
        if is_strange {
            return Ok(());
        }
        let target = Subject::Exchange(name);
        if declare.passive {
            return self.check_any(definitions, target, id);
        }
        let alternate = text(&declare.arguments, b"alternate-exchange");
        let mut needs =
            definitions.needs_of_declaring(self.vhost.as_str(), target, alternate.as_deref());
        needs.try_for_each(|need| self.check(definitions, need, id))
    }

    fn check_queue_declare(
        &mut self,
        definitions: &Definitions,
        declare: &queue::Declare<'_>,
    ) -> Result<(), Exception> {
        let id = queue::Declare::ID;
        if is_reply_to(declare.queue) {
            return Ok(());
        }
        if declare.passive {
            return self.check_any(definitions, Subject::Queue(declare.queue), id);
        }
        let is_there = definitions.queue(self.vhost.as_str(), declare.queue).is_some();
        if !is_there && declare.queue.starts_with("amq.") {
            return Ok(());
        }
        // The broker will make a name of that kind.
        let generated =
            declare.queue.is_empty().then(|| format!("amq.gen-{}", self.random.token(22)));
        let target = Subject::Queue(generated.as_deref().unwrap_or(declare.queue));
        let goal = text(&declare.arguments, b"x-dead-letter-exchange");
        let mut needs =
            definitions.needs_of_declaring(self.vhost.as_str(), target, goal.as_deref());
        needs.try_for_each(|need| self.check(definitions, need, id))
    }

    fn check_binding(
        &self,
        definitions: &Definitions,
        destination: Subject<'_>,
        (source, key): (&str, &str),
        method: u32,
    ) -> Result<(), Exception> {
        self.check(definitions, (Access::Write, destination), method)?;
        if source.is_empty() || matches!(destination, Subject::Exchange("")) {
            return Ok(());
        }
        self.check(definitions, (Access::Read, Subject::Exchange(source)), method)?;
        self.check_topic(definitions, Access::Read, (source, key), method)
    }

    fn check(
        &self,
        definitions: &Definitions,
        (access, subject): Need<'_>,
        method: u32,
    ) -> Result<(), Exception> {
        let name = subject.name().replace(['\r', '\n'], "");
        let (user, vhost) = (self.user.as_str(), self.vhost.as_str());
        if definitions.may(user, vhost, access, &name) {
            return Ok(());
        }
        let object = match subject {
            Subject::Queue(_) => broker::Object::Queue,
            Subject::Exchange(_) => broker::Object::Exchange,
        };
        let denial = Denial { access: access.as_str(), user, vhost };
        Err(Exception::denied(&denial, object, &name, method))
    }

    fn check_any(
        &self,
        definitions: &Definitions,
        target: Subject<'_>,
        method: u32,
    ) -> Result<(), Exception> {
        let wishes = Access::ALL.map(|access| self.check(definitions, (access, target), method));
        if wishes.iter().any(Result::is_ok) {
            return Ok(());
        }
        wishes.into_iter().next().unwrap_or(Ok(()))
    }

    /// Keys matter to topic exchanges only.
    fn check_topic(
        &self,
        definitions: &Definitions,
        access: Access,
        (exchange, key): (&str, &str),
        method: u32,
    ) -> Result<(), Exception> {
        let (user, vhost) = (self.user.as_str(), self.vhost.as_str());
        let found = definitions.exchange(vhost, exchange);
        let is_topic = found.is_some_and(|found| found.kind.as_str() == "topic");
        if !is_topic || definitions.may_topic((user, vhost, None), access, exchange, key) {
            return Ok(());
        }
        let denial = Denial { access: access.as_str(), user, vhost };
        Err(Exception::denied_topic(&denial, exchange, key, method))
    }

    /// Whether the user may publish to an exchange with a key. What a channel knows of that, it forgets as soon as
    /// anybody's permissions change.
    pub(crate) fn check_publish(
        &mut self,
        cx: &Context<'_>,
        number: u16,
        exchange: &[u8],
        key: &[u8],
    ) -> Result<(), Exception> {
        let definitions = cx.broker.topology().definitions();
        let version = definitions.access_version();
        let Some(channel) = self.channels.get_mut(number) else { return Ok(()) };
        if !channel.grants.is_current(version) {
            channel.grants = Grants { version, exchanges: Vec::new() };
            channel.last_publish.forget();
        }
        let known = channel.grants.exchanges.iter().find(|(name, _)| **name == *exchange);
        let has_keys = known.map(|&(_, has_keys)| has_keys);
        if has_keys == Some(false) {
            return Ok(());
        }
        let id = basic::Publish::ID;
        let name = String::from_utf8_lossy(exchange);
        if has_keys.is_none() {
            self.check(definitions, (Access::Write, Subject::Exchange(&name)), id)?;
            let mut topics = definitions.topic_permissions(self.vhost.as_str(), self.user.as_str());
            let has_keys = topics.any(|(topic, _)| topic.as_str() == name);
            if let Some(channel) = self.channels.get_mut(number) {
                if channel.grants.exchanges.len() >= GRANTS_MAX {
                    channel.grants.exchanges.clear();
                }
                channel.grants.exchanges.push((exchange.into(), has_keys));
            }
            if !has_keys {
                return Ok(());
            }
        }
        let found = definitions.exchange(self.vhost.as_str(), &name);
        if found.is_some_and(|found| found.is_internal) {
            return Ok(());
        }
        self.check_topic(definitions, Access::Write, (&name, &String::from_utf8_lossy(key)), id)
    }

    /// In whose name the user may publish: their own, or that of anybody who is named.
    pub(crate) fn publishes_as<'s>(
        &'s self,
        cx: &Context<'_>,
        user_id: Option<&'s [u8]>,
    ) -> &'s str {
        let Some(user_id) = user_id.filter(|user_id| *user_id != self.user.as_bytes()) else {
            return &self.user;
        };
        let user = cx.broker.topology().definitions().user(&self.user);
        match std::str::from_utf8(user_id) {
            Ok(named) if user.is_some_and(|user| user.has_tag(IMPERSONATOR)) => named,
            _ => &self.user,
        }
    }
}

fn text(arguments: &Table, name: &[u8]) -> Option<String> {
    match arguments.value(name) {
        Some(FieldValue::LongString(bytes)) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    }
}
