//! What clients do, as methods and as lines of a transcript.

use std::fmt;

use testkit::{Content, Received};
use wire_amqp091::method::{
    Encode, Method, basic, channel, confirm, connection, exchange, queue, tx,
};
use wire_amqp091::{Properties, Table};

/// One thing that somebody does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) connection: usize,
    pub(crate) channel: u16,
    pub(crate) op: Op,
}

/// How a queue is declared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) durable: bool,
    pub(crate) exclusive: bool,
    pub(crate) auto_delete: bool,
    pub(crate) length_max: Option<u32>,
    pub(crate) overflow: Option<&'static str>,
    pub(crate) priority_max: Option<u8>,
    pub(crate) ttl_ms: Option<u32>,
    /// The exchange, and the key if it is to be another one.
    pub(crate) dead_letter: Option<(&'static str, Option<&'static str>)>,
}

/// A message, or several that differ in their numbers only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Post {
    pub(crate) exchange: &'static str,
    pub(crate) key: &'static str,
    pub(crate) mandatory: bool,
    pub(crate) persistent: bool,
    pub(crate) priority: Option<u8>,
    pub(crate) expiration_ms: Option<u32>,
    /// The number of the first one. No two messages of a run have the same.
    pub(crate) first: u32,
    pub(crate) count: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Open,
    Close,
    DeclareQueue {
        queue: &'static str,
        form: Form,
        passive: bool,
    },
    DeleteQueue {
        queue: &'static str,
        if_unused: bool,
        if_empty: bool,
    },
    Purge {
        queue: &'static str,
    },
    Bind {
        queue: &'static str,
        exchange: &'static str,
        key: &'static str,
    },
    Unbind {
        queue: &'static str,
        exchange: &'static str,
        key: &'static str,
    },
    DeclareExchange {
        exchange: &'static str,
        kind: &'static str,
        auto_delete: bool,
        passive: bool,
    },
    DeleteExchange {
        exchange: &'static str,
        if_unused: bool,
    },
    Publish(Post),
    Confirm,
    TxSelect,
    Commit,
    Rollback,
    Get {
        queue: &'static str,
        no_ack: bool,
    },
    Consume {
        queue: &'static str,
        tag: &'static str,
        no_ack: bool,
        exclusive: bool,
    },
    Cancel {
        tag: &'static str,
    },
    Qos {
        count: u16,
        global: bool,
    },
    Ack {
        tag: u64,
        multiple: bool,
    },
    Nack {
        tag: u64,
        multiple: bool,
        requeue: bool,
    },
    Reject {
        tag: u64,
        requeue: bool,
    },
    Recover {
        requeue: bool,
    },
    /// The client closes the connection.
    Leave,
    /// The socket is gone.
    Lose,
    /// Time passes.
    Pass {
        ms: u64,
    },
    /// The node stops, and starts from what is on disk.
    Restart,
}

impl Form {
    fn arguments(&self) -> Table {
        let mut table = Table::new();
        if let Some(max) = self.length_max {
            table.push("x-max-length", i64::from(max));
        }
        if let Some(overflow) = self.overflow {
            table.push("x-overflow", overflow);
        }
        if let Some(max) = self.priority_max {
            table.push("x-max-priority", i64::from(max));
        }
        if let Some(ttl_ms) = self.ttl_ms {
            table.push("x-message-ttl", i64::from(ttl_ms));
        }
        if let Some((exchange, key)) = self.dead_letter {
            table.push("x-dead-letter-exchange", exchange);
            if let Some(key) = key {
                table.push("x-dead-letter-routing-key", key);
            }
        }
        table
    }
}

impl Post {
    pub(crate) fn method(&self) -> basic::Publish<'static> {
        basic::Publish {
            exchange: self.exchange.as_bytes(),
            routing_key: self.key.as_bytes(),
            mandatory: self.mandatory,
            ..basic::Publish::default()
        }
    }

    pub(crate) fn properties(&self) -> Vec<u8> {
        let expiration = self.expiration_ms.map(|ms| ms.to_string());
        let properties = Properties {
            delivery_mode: self.persistent.then_some(2),
            priority: self.priority,
            expiration: expiration.as_deref().map(str::as_bytes),
            ..Properties::default()
        };
        properties.to_bytes()
    }
}

/// The body by which a message is known.
pub(crate) fn body(number: u32) -> Vec<u8> {
    format!("m{number}").into_bytes()
}

/// The number of the message that has this body.
pub(crate) fn number(body: &[u8]) -> Option<u32> {
    std::str::from_utf8(body).ok()?.strip_prefix('m')?.parse().ok()
}

impl Op {
    /// What is said; nothing is when a socket goes or time passes.
    pub(crate) fn method(&self) -> Option<Method<'static>> {
        Some(match *self {
            Self::Open => channel::Open::default().into(),
            Self::Close => channel::Close { reply_code: 200, ..Default::default() }.into(),
            Self::Publish(post) => post.method().into(),
            Self::Confirm => confirm::Select::default().into(),
            Self::TxSelect => tx::Select {}.into(),
            Self::Commit => tx::Commit {}.into(),
            Self::Rollback => tx::Rollback {}.into(),
            Self::Leave => connection::Close { reply_code: 200, ..Default::default() }.into(),
            Self::Lose | Self::Pass { .. } | Self::Restart => return None,
            _ => return self.queue_method().or_else(|| self.basic_method()),
        })
    }

    fn queue_method(&self) -> Option<Method<'static>> {
        Some(match *self {
            Self::DeclareQueue { queue, form, passive } => queue::Declare {
                queue,
                passive,
                durable: form.durable,
                exclusive: form.exclusive,
                auto_delete: form.auto_delete,
                arguments: form.arguments(),
                ..Default::default()
            }
            .into(),
            Self::DeleteQueue { queue, if_unused, if_empty } => {
                queue::Delete { queue, if_unused, if_empty, ..Default::default() }.into()
            }
            Self::Purge { queue } => queue::Purge { queue, ..Default::default() }.into(),
            Self::Bind { queue, exchange, key } => {
                queue::Bind { queue, exchange, routing_key: key, ..Default::default() }.into()
            }
            Self::Unbind { queue, exchange, key } => {
                queue::Unbind { queue, exchange, routing_key: key, ..Default::default() }.into()
            }
            Self::DeclareExchange { exchange, kind, auto_delete, passive } => {
                let durable = true;
                exchange::Declare {
                    exchange,
                    kind,
                    durable,
                    auto_delete,
                    passive,
                    ..Default::default()
                }
                .into()
            }
            Self::DeleteExchange { exchange, if_unused } => {
                exchange::Delete { exchange, if_unused, ..Default::default() }.into()
            }
            _ => return None,
        })
    }

    fn basic_method(&self) -> Option<Method<'static>> {
        Some(match *self {
            Self::Get { queue, no_ack } => {
                basic::Get { queue, no_ack, ..Default::default() }.into()
            }
            Self::Consume { queue, tag, no_ack, exclusive } => {
                basic::Consume { queue, consumer_tag: tag, no_ack, exclusive, ..Default::default() }
                    .into()
            }
            Self::Cancel { tag } => {
                basic::Cancel { consumer_tag: tag, ..Default::default() }.into()
            }
            Self::Qos { count, global } => {
                basic::Qos { prefetch_count: count, global, ..Default::default() }.into()
            }
            Self::Ack { tag, multiple } => basic::Ack { delivery_tag: tag, multiple }.into(),
            Self::Nack { tag, multiple, requeue } => {
                basic::Nack { delivery_tag: tag, multiple, requeue }.into()
            }
            Self::Reject { tag, requeue } => basic::Reject { delivery_tag: tag, requeue }.into(),
            Self::Recover { requeue } => basic::Recover { requeue }.into(),
            _ => return None,
        })
    }

    /// Class and method, 0 for none.
    pub(crate) fn method_id(&self) -> u32 {
        self.method().map_or(0, |method| method.id())
    }
}

/// As a transcript would write it.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let client = self.connection + 1;
        match &self.op {
            Op::Pass { ms } => return write!(f, "   time +{ms}ms"),
            Op::Restart => return write!(f, "   restart"),
            Op::Lose => return write!(f, "C{client} close"),
            Op::Publish(post) => {
                for number in post.first..post.first + post.count {
                    let content = Content {
                        properties: post.properties(),
                        body: body(number),
                        body_frames: 1,
                    };
                    let said = said(&post.method(), Some(content));
                    let is_last = number + 1 == post.first + post.count;
                    let end = if is_last { "" } else { " +\n" };
                    write!(f, "C{client}[{}] {said}{end}", self.channel)?;
                }
                return Ok(());
            }
            _ => {}
        }
        let Some(method) = self.op.method() else { return Ok(()) };
        let channel = if self.op == Op::Leave { 0 } else { self.channel };
        write!(f, "C{client}[{channel}] {}", said(&method, None))
    }
}

fn said(method: &impl Encode, content: Option<Content>) -> Received {
    let mut payload = Vec::new();
    method.encode(&mut payload);
    Received::Method { payload, content }
}
