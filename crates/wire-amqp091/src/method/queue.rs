//! Class queue: queues and their bindings.

class! { 50
    /// Client → server: create a queue, or see whether it exists.
    Declare<'a> = 10 "queue.declare" {
        /// Reserved; ignored.
        ticket: short,
        /// Its name; empty to let the server choose.
        queue: shortstr<'a>,
        /// Only see whether it exists.
        passive: bit,
        /// Whether it survives a restart.
        durable: bit,
        /// Whether it belongs to this connection and goes with it.
        exclusive: bit,
        /// Whether it goes with its last consumer.
        auto_delete: bit,
        /// No answer wanted.
        no_wait: bit,
        /// `x-message-ttl`, ….
        arguments: table,
    }
    /// Server → client: it exists.
    DeclareOk<'a> = 11 "queue.declare-ok" {
        /// Its name.
        queue: shortstr<'a>,
        /// How many messages are ready.
        message_count: long,
        /// How many consumers it has.
        consumer_count: long,
    }
    /// Client → server: let an exchange route to a queue.
    Bind<'a> = 20 "queue.bind" {
        /// Reserved; ignored.
        ticket: short,
        /// The queue; empty for the one declared last.
        queue: shortstr<'a>,
        /// The exchange.
        exchange: shortstr<'a>,
        /// What the exchange's type matches.
        routing_key: shortstr<'a>,
        /// No answer wanted.
        no_wait: bit,
        /// What the exchange's type matches.
        arguments: table,
    }
    /// Server → client: bound.
    BindOk = 21 "queue.bind-ok" {}
    /// Client → server: throw away what is ready.
    Purge<'a> = 30 "queue.purge" {
        /// Reserved; ignored.
        ticket: short,
        /// The queue; empty for the one declared last.
        queue: shortstr<'a>,
        /// No answer wanted.
        no_wait: bit,
    }
    /// Server → client: thrown away.
    PurgeOk = 31 "queue.purge-ok" {
        /// How many messages.
        message_count: long,
    }
    /// Client → server: delete a queue.
    Delete<'a> = 40 "queue.delete" {
        /// Reserved; ignored.
        ticket: short,
        /// The queue; empty for the one declared last.
        queue: shortstr<'a>,
        /// Only when it has no consumers.
        if_unused: bit,
        /// Only when it has no messages.
        if_empty: bit,
        /// No answer wanted.
        no_wait: bit,
    }
    /// Server → client: it does not exist any more.
    DeleteOk = 41 "queue.delete-ok" {
        /// How many messages went with it.
        message_count: long,
    }
    /// Client → server: undo a binding. Always answered.
    Unbind<'a> = 50 "queue.unbind" {
        /// Reserved; ignored.
        ticket: short,
        /// The queue; empty for the one declared last.
        queue: shortstr<'a>,
        /// The exchange.
        exchange: shortstr<'a>,
        /// As it was bound.
        routing_key: shortstr<'a>,
        /// As they were bound.
        arguments: table,
    }
    /// Server → client: unbound.
    UnbindOk = 51 "queue.unbind-ok" {}
}
