//! Class confirm: publisher confirms, an extension of RabbitMQ.

class! { 85
    /// Client → server: confirm what is published on this channel.
    Select = 10 "confirm.select" {
        /// No answer wanted.
        no_wait: bit,
    }
    /// Server → client: the first message published after this has number 1.
    SelectOk = 11 "confirm.select-ok" {}
}
