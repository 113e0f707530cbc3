//! What a shard has to say in the log.

use message::ClientId;

/// Something for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Of a client.
    Client {
        /// Which.
        client: ClientId,
        /// What, with how much it matters.
        notice: proto_amqp091::Notice,
    },
    /// Of the shard itself, for an operator to look after.
    Shard {
        /// What, and what to do.
        text: String,
    },
}
