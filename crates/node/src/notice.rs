//! What a shard has to say in the log.

/// Something for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Of a client.
    Client {
        /// Its address.
        address: String,
        /// What.
        text: String,
    },
    /// Of the shard itself, for an operator to look after.
    Shard {
        /// What, and what to do.
        text: String,
    },
}
