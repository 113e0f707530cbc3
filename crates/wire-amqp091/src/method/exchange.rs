//! Class exchange: exchanges, and bindings between them (an extension of RabbitMQ).

class! { 40
    /// Client → server: create an exchange, or see whether it exists.
    Declare<'a> = 10 "exchange.declare" {
        /// Reserved; ignored.
        ticket: short,
        /// Its name.
        exchange: shortstr<'a>,
        /// How it routes: `direct`, `fanout`, ….
        kind: shortstr<'a>,
        /// Only see whether it exists.
        passive: bit,
        /// Whether it survives a restart.
        durable: bit,
        /// Whether it goes with its last binding.
        auto_delete: bit,
        /// Whether only other exchanges may publish to it.
        internal: bit,
        /// No answer wanted.
        no_wait: bit,
        /// `alternate-exchange`, and what the type wants.
        arguments: table,
    }
    /// Server → client: it exists.
    DeclareOk = 11 "exchange.declare-ok" {}
    /// Client → server: delete an exchange.
    Delete<'a> = 20 "exchange.delete" {
        /// Reserved; ignored.
        ticket: short,
        /// Its name.
        exchange: shortstr<'a>,
        /// Only when nothing is bound to it.
        if_unused: bit,
        /// No answer wanted.
        no_wait: bit,
    }
    /// Server → client: it does not exist any more.
    DeleteOk = 21 "exchange.delete-ok" {}
    /// Client → server: let one exchange route to another.
    Bind<'a> = 30 "exchange.bind" {
        /// Reserved; ignored.
        ticket: short,
        /// The exchange that messages go to.
        destination: shortstr<'a>,
        /// The exchange that messages come from.
        source: shortstr<'a>,
        /// What the source's type matches.
        routing_key: shortstr<'a>,
        /// No answer wanted.
        no_wait: bit,
        /// What the source's type matches.
        arguments: table,
    }
    /// Server → client: bound.
    BindOk = 31 "exchange.bind-ok" {}
    /// Client → server: undo a binding.
    Unbind<'a> = 40 "exchange.unbind" {
        /// Reserved; ignored.
        ticket: short,
        /// The exchange that messages went to.
        destination: shortstr<'a>,
        /// The exchange that messages came from.
        source: shortstr<'a>,
        /// As it was bound.
        routing_key: shortstr<'a>,
        /// No answer wanted.
        no_wait: bit,
        /// As they were bound.
        arguments: table,
    }
    /// Server → client: unbound. The identifier is 51 indeed, not 41.
    UnbindOk = 51 "exchange.unbind-ok" {}
}
