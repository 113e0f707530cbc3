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
    /// The keys to bind each of them with; none: each with its own name.
    pub(crate) binding_keys: Vec<String>,
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

    /// A client that deletes queues, whether they exist or not, and makes none.
    pub(crate) fn sweeping(login: Login, queues: Vec<String>) -> Self {
        let mut connection = Connection::new(login, "deleting queues");
        for name in &queues {
            ask_to_delete(&mut connection, name);
        }
        let examined = queues.len();
        let layout = Layout {
            queues,
            is_durable: false,
            queue_type: None,
            exchange: None,
            binding_keys: Vec::new(),
        };
        Self { connection, layout, examined, ours: Vec::new(), backlog: 0 }
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
            ask_to_delete(&mut self.connection, &self.layout.queues[index]);
        }
    }

    /// Deletes all queues, also those that were there before.
    pub(crate) fn delete_all(&mut self) {
        self.ours = (0..self.layout.queues.len()).collect();
        self.delete_ours();
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
        let own = std::slice::from_ref(name);
        let keys =
            if self.layout.binding_keys.is_empty() { own } else { &self.layout.binding_keys };
        for routing_key in keys {
            let bind = queue::Bind {
                ticket: 0,
                queue: name,
                exchange,
                routing_key,
                no_wait: false,
                arguments: Table::new(),
            };
            let about = format!("binding queue '{name}' to exchange '{exchange}'");
            self.connection.ask(&bind, queue::BindOk::ID, about);
        }
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Absent => self.settle_queue(None),
            News::Found { messages } => self.settle_queue(Some(messages)),
            News::Blocked { .. } => {}
        }
    }
}

fn ask_to_delete(connection: &mut Connection, name: &str) {
    let delete =
        queue::Delete { ticket: 0, queue: name, if_unused: false, if_empty: false, no_wait: false };
    connection.ask(&delete, queue::DeleteOk::ID, format!("deleting queue '{name}'"));
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

    fn sent(&mut self, len: usize) {
        self.connection.sent(len);
    }

    fn connection(&self) -> &Connection {
        &self.connection
    }

    fn close(&mut self) {
        self.connection.close();
    }
}

#[cfg(test)]
mod tests {
    use super::super::CHANNEL;
    use super::super::script::{self, hear, log_in, method, said};
    use wire_amqp091::method::channel;

    use super::*;

    fn layout(exchange: Option<&str>) -> Layout {
        Layout {
            queues: vec!["q-1".to_owned(), "q-2".to_owned()],
            is_durable: false,
            queue_type: None,
            exchange: exchange.map(str::to_owned),
            binding_keys: Vec::new(),
        }
    }

    fn exists(messages: u32) -> Vec<u8> {
        let found = queue::DeclareOk { queue: "q", message_count: messages, consumer_count: 0 };
        method(CHANNEL, &found)
    }

    /// Lets the topology hear something and tells what it says.
    fn answer(topology: &mut Topology, bytes: &[u8]) -> Vec<String> {
        let mut ledger = script::ledger();
        hear(topology, bytes, 0, &mut ledger);
        script::names(&said(topology, 0, &mut ledger))
    }

    #[test]
    fn a_queue_that_was_there_is_checked_and_kept() {
        let mut topology = Topology::new(script::login(), layout(None));
        log_in(&mut topology, &mut script::ledger());
        // The first exists, the second does not.
        assert_eq!(answer(&mut topology, &exists(3)), ["queue.declare"]);
        assert_eq!(answer(&mut topology, &exists(3)), ["queue.declare"]);
        let absent = script::channel_close(404, "NOT_FOUND - no queue 'q-2' in vhost 'v'");
        assert_eq!(answer(&mut topology, &absent), ["channel.close-ok", "channel.open"]);
        let opened = method(CHANNEL, &channel::OpenOk { reserved_1: b"" });
        assert_eq!(answer(&mut topology, &opened), ["queue.declare"]);
        assert!(answer(&mut topology, &exists(0)).is_empty());
        assert!(topology.connection.is_ready());
        assert_eq!((topology.found(), topology.backlog()), (1, 3));

        topology.delete_ours();
        let mut ledger = script::ledger();
        let goodbye = said(&mut topology, 0, &mut ledger);
        let methods = script::methods(&goodbye);
        let [wire_amqp091::Method::QueueDelete(delete)] = &methods[..] else {
            panic!("{methods:?}")
        };
        assert_eq!(delete.queue, "q-2");
        let deleted = method(CHANNEL, &queue::DeleteOk { message_count: 0 });
        assert!(answer(&mut topology, &deleted).is_empty());
        assert!(topology.connection.is_ready());
    }

    #[test]
    fn queues_are_bound_to_the_exchange() {
        let mut topology = Topology::new(script::login(), layout(Some("amq.fanout")));
        log_in(&mut topology, &mut script::ledger());
        assert_eq!(answer(&mut topology, &exists(0)), ["queue.declare"]);
        assert_eq!(answer(&mut topology, &exists(0)), ["queue.bind"]);
        let bound = method(CHANNEL, &queue::BindOk {});
        assert_eq!(answer(&mut topology, &bound), ["queue.declare"]);
    }

    #[test]
    fn other_properties_are_a_failure_that_names_the_queue() {
        let mut topology = Topology::new(script::login(), layout(None));
        let mut ledger = script::ledger();
        log_in(&mut topology, &mut ledger);
        answer(&mut topology, &exists(0));
        let text = "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q-1' in vhost 'v'";
        let failure = topology
            .receive(&script::channel_close(406, text), 0, &mut ledger)
            .expect_err("a refusal")
            .to_string();
        assert!(
            failure.contains("declaring queue 'q-1'") && failure.contains("--durable"),
            "{failure}"
        );
    }
}
