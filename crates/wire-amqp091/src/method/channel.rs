//! Class channel: the start and end of a channel, and its flow.

class! { 20
    /// Client → server: open the channel that the frame names.
    Open<'a> = 10 "channel.open" {
        /// Reserved; once out-of-band settings.
        reserved_1: shortstr<'a>,
    }
    /// Server → client: the channel is open.
    OpenOk<'a> = 11 "channel.open-ok" {
        /// Reserved; once a channel identifier.
        reserved_1: longstr<'a>,
    }
    /// Either way: stop or go on sending content.
    Flow = 20 "channel.flow" {
        /// Whether content may flow.
        active: bit,
    }
    /// Either way: the flow changed.
    FlowOk = 21 "channel.flow-ok" {
        /// Whether content flows.
        active: bit,
    }
    /// Either way: the channel ends.
    Close<'a> = 40 "channel.close" {
        /// See [`crate::Code`].
        reply_code: short,
        /// The code's name and an explanation.
        reply_text: shortstr<'a>,
        /// The class of the method that failed, or 0.
        class_id: short,
        /// The method that failed, or 0.
        method_id: short,
    }
    /// Either way: the end was noticed.
    CloseOk = 41 "channel.close-ok" {}
}
