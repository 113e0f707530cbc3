//! Class access: tickets of AMQP 0-8, which old clients still ask for and servers ignore.

class! { 30
    /// Client → server: ask for a ticket.
    Request<'a> = 10 "access.request" {
        /// What for.
        realm: shortstr<'a>,
        /// For oneself.
        exclusive: bit,
        /// Whether to go without an answer when it is taken.
        passive: bit,
        /// For defining things.
        active: bit,
        /// For publishing.
        write: bit,
        /// For consuming.
        read: bit,
    }
    /// Server → client: a ticket.
    RequestOk = 11 "access.request-ok" {
        /// Its number; RabbitMQ always says 1.
        ticket: short,
    }
}
