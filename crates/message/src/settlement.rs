//! What a consumer may say of a delivery.

/// How a delivery ends. The union of what the protocols in view can say, so that none needs a special case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// The work is done: the message is gone (AMQP 0-9-1 `basic.ack`).
    Accept,
    /// Give it to somebody else: it goes back to its place in the queue, marked as redelivered, and nobody has failed
    /// (`basic.nack` with `requeue`, `basic.recover`).
    Requeue,
    /// The work on it has failed: as [`Settlement::Requeue`], and counted (`basic.reject` with `requeue`, a channel or
    /// connection that is gone).
    Failed,
    /// It has never reached the client: back to its place, as if it had never left it.
    Undelivered,
    /// It cannot be worked on: it leaves the queue as a dead letter (`basic.nack` without `requeue`).
    Discard,
}
