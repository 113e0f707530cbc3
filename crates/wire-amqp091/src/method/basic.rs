//! Class basic: messages come and go.
//!
//! Exchange and routing key of a message are plain bytes here, while they are UTF-8 in methods that declare and
//! bind: RabbitMQ checks the latter only.

class! { 60
    /// Client → server: how much may be underway to consumers.
    Qos = 10 "basic.qos" {
        /// In bytes; only 0 is supported anywhere.
        prefetch_size: long,
        /// In messages; 0 for no limit.
        prefetch_count: short,
        /// For the whole channel rather than each consumer to come.
        global: bit,
    }
    /// Server → client: it holds.
    QosOk = 11 "basic.qos-ok" {}
    /// Client → server: start a consumer.
    Consume<'a> = 20 "basic.consume" {
        /// Reserved; ignored.
        ticket: short,
        /// The queue; empty for the one declared last.
        queue: shortstr<'a>,
        /// The consumer's name on its channel; empty to let the server choose.
        consumer_tag: shortstr<'a>,
        /// Not what the connection published itself; RabbitMQ ignores it.
        no_local: bit,
        /// Deliveries count as acknowledged when they are sent.
        no_ack: bit,
        /// No other consumer beside this one.
        exclusive: bit,
        /// No answer wanted.
        no_wait: bit,
        /// `x-priority`, ….
        arguments: table,
    }
    /// Server → client: the consumer exists; deliveries come after this.
    ConsumeOk<'a> = 21 "basic.consume-ok" {
        /// The consumer's name.
        consumer_tag: shortstr<'a>,
    }
    /// Either way: a consumer ends.
    Cancel<'a> = 30 "basic.cancel" {
        /// The consumer's name.
        consumer_tag: shortstr<'a>,
        /// No answer wanted.
        no_wait: bit,
    }
    /// Either way: the end was noticed.
    CancelOk<'a> = 31 "basic.cancel-ok" {
        /// The consumer's name.
        consumer_tag: shortstr<'a>,
    }
    /// Client → server: a message; content follows.
    Publish<'a> = 40 "basic.publish" {
        /// Reserved; ignored.
        ticket: short,
        /// The exchange; empty for the default exchange.
        exchange: shortbytes<'a>,
        /// The routing key.
        routing_key: shortbytes<'a>,
        /// Return it when no queue gets it.
        mandatory: bit,
        /// Return it when no consumer is free; RabbitMQ refuses it.
        immediate: bit,
    }
    /// Server → client: a message comes back; content follows.
    Return<'a> = 50 "basic.return" {
        /// See [`crate::Code`].
        reply_code: short,
        /// The code's name.
        reply_text: shortstr<'a>,
        /// The exchange it was published to.
        exchange: shortbytes<'a>,
        /// The routing key it was published with.
        routing_key: shortbytes<'a>,
    }
    /// Server → client: a message for a consumer; content follows.
    Deliver<'a> = 60 "basic.deliver" {
        /// The consumer's name.
        consumer_tag: shortstr<'a>,
        /// The delivery's number on its channel.
        delivery_tag: longlong,
        /// It may have been delivered before.
        redelivered: bit,
        /// The exchange it was published to.
        exchange: shortbytes<'a>,
        /// The routing key it was published with.
        routing_key: shortbytes<'a>,
    }
    /// Client → server: one message, please.
    Get<'a> = 70 "basic.get" {
        /// Reserved; ignored.
        ticket: short,
        /// The queue; empty for the one declared last.
        queue: shortstr<'a>,
        /// It counts as acknowledged when it is sent.
        no_ack: bit,
    }
    /// Server → client: here it is; content follows.
    GetOk<'a> = 71 "basic.get-ok" {
        /// The delivery's number on its channel.
        delivery_tag: longlong,
        /// It may have been delivered before.
        redelivered: bit,
        /// The exchange it was published to.
        exchange: shortbytes<'a>,
        /// The routing key it was published with.
        routing_key: shortbytes<'a>,
        /// How many more are ready.
        message_count: long,
    }
    /// Server → client: there is none.
    GetEmpty<'a> = 72 "basic.get-empty" {
        /// Reserved; once a cluster identifier.
        reserved_1: shortstr<'a>,
    }
    /// Client → server: messages are dealt with. Server → client: messages are safe.
    Ack = 80 "basic.ack" {
        /// The number of the delivery, or of the published message.
        delivery_tag: longlong,
        /// All up to this one.
        multiple: bit,
    }
    /// Client → server: a message is refused.
    Reject = 90 "basic.reject" {
        /// The number of the delivery.
        delivery_tag: longlong,
        /// Back to the queue with it.
        requeue: bit,
    }
    /// Client → server: deliver again what is not acknowledged; not answered.
    RecoverAsync = 100 "basic.recover-async" {
        /// To whomever; otherwise to the same consumer.
        requeue: bit,
    }
    /// Client → server: deliver again what is not acknowledged.
    Recover = 110 "basic.recover" {
        /// To whomever; otherwise to the same consumer.
        requeue: bit,
    }
    /// Server → client: it will be.
    RecoverOk = 111 "basic.recover-ok" {}
    /// Client → server: messages are refused. Server → client: messages are not safe.
    Nack = 120 "basic.nack" {
        /// The number of the delivery, or of the published message.
        delivery_tag: longlong,
        /// All up to this one.
        multiple: bit,
        /// Back to the queue with them; means nothing from the server.
        requeue: bit,
    }
}
