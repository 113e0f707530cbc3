//! A client that declares the queues before the load and deletes them after it.
//!
//! ```text
//!   for each queue:   is it there? ── yes ─▶ declare it, which checks its properties; it is kept afterwards
//!                          └───────── no ──▶ declare it; it is ours to delete
//!                     bind it, when messages go through an exchange
//! ```

use wire_amqp091::method::queue;
use wire_amqp091::{Table, frame};

use super::connection::News;
use super::{Client, Connection, Login};
use crate::failure::Failure;
use crate::ledger::Ledger;

/// What the queues of a run have in common.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) queues: Vec<String>,
    pub(crate) is_durable: bool,
    /// `x-queue-type`.
    pub(crate) queue_type: Option<String>,
    /// The exchange to bind them to; `None` for the default exchange, which knows every queue.
    pub(crate) exchange: Option<String>,
    /// The key to bind them with; `None`: each with its own name.
    pub(crate) routing_key: Option<String>,
}

/// The client and what it found.
pub(crate) struct Topology {
    connection: Connection,
    layout: Layout,
    /// How many queues were looked at.
    examined: usize,
    /// The place of queues that this run made.
    ours: Vec<usize>,
    /// Messages that were there before.
    backlog: u64,
}

impl Topology {
    pub(crate) fn new(login: Login, layout: Layout) -> Self {
        let connection = Connection::new(login, "waiting for the load to end");
        let mut topology = Self { connection, layout, examined: 0, ours: Vec::new(), backlog: 0 };
        topology.examine_next();
        topology
    }

    /// Messages that were in the queues before the load.
    pub(crate) fn backlog(&self) -> u64 {
        self.backlog
    }

    /// How many of the queues existed before.
    pub(crate) fn found(&self) -> usize {
        self.layout.queues.len() - self.ours.len()
    }

    /// Deletes the queues that this run made.
    pub(crate) fn delete_ours(&mut self) {
        for index in std::mem::take(&mut self.ours) {
            let name = &self.layout.queues[index];
            let delete = queue::Delete {
                ticket: 0,
                queue: name,
                if_unused: false,
                if_empty: false,
                no_wait: false,
            };
            self.connection.ask(&delete, queue::DeleteOk::ID, format!("deleting queue '{name}'"));
        }
    }

    fn examine_next(&mut self) {
        if let Some(name) = self.layout.queues.get(self.examined) {
            self.connection.ask_about_queue(name);
        }
    }

    /// The answer to the question of [`Topology::examine_next`].
    fn settle_queue(&mut self, messages: Option<u32>) {
        match messages {
            Some(messages) => self.backlog += u64::from(messages),
            None => self.ours.push(self.examined),
        }
        self.declare(self.examined);
        self.bind(self.examined);
        self.examined += 1;
        self.examine_next();
    }

    fn declare(&mut self, index: usize) {
        let name = &self.layout.queues[index];
        let arguments = match &self.layout.queue_type {
            Some(queue_type) => Table::new().with("x-queue-type", queue_type.as_str()),
            None => Table::new(),
        };
        let declare = queue::Declare {
            ticket: 0,
            queue: name,
            passive: false,
            durable: self.layout.is_durable,
            exclusive: false,
            auto_delete: false,
            no_wait: false,
            arguments,
        };
        self.connection.ask(&declare, queue::DeclareOk::ID, format!("declaring queue '{name}'"));
    }

    fn bind(&mut self, index: usize) {
        let Some(exchange) = &self.layout.exchange else { return };
        let name = &self.layout.queues[index];
        let bind = queue::Bind {
            ticket: 0,
            queue: name,
            exchange,
            routing_key: self.layout.routing_key.as_ref().unwrap_or(name),
            no_wait: false,
            arguments: Table::new(),
        };
        let about = format!("binding queue '{name}' to exchange '{exchange}'");
        self.connection.ask(&bind, queue::BindOk::ID, about);
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Absent => self.settle_queue(None),
            News::Found { messages } => self.settle_queue(Some(messages)),
            News::Blocked { .. } => {}
        }
    }
}

impl Client for Topology {
    fn receive(
        &mut self,
        bytes: &[u8],
        _now_ns: u64,
        _ledger: &mut Ledger,
    ) -> Result<usize, Failure> {
        let mut taken = 0;
        while let Some((frame, len)) = frame::parse(&bytes[taken..], self.connection.payload_max())?
        {
            taken += len;
            if let Some(news) = self.connection.receive(frame)? {
                self.hear(news);
            }
        }
        Ok(taken)
    }

    fn output(&mut self, _now_ns: u64, _ledger: &mut Ledger) -> &[u8] {
        self.connection.output()
    }

    fn sent(&mut self, len: usize) {
        self.connection.sent(len);
    }

    fn start(&mut self, _at_ns: u64) {}

    fn connection(&self) -> &Connection {
        &self.connection
    }

    fn close(&mut self) {
        self.connection.close();
    }
}
