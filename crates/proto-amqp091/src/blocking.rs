//! Holding back a client that publishes while the node is short of something.
//!
//! ```text
//!   heard ──basic.publish, and the alarm is on──→ blocked ──alarm off──→ heard
//!                     connection.blocked               connection.unblocked
//! ```
//!
//! As in RabbitMQ (`rabbit_reader.erl`), a client is blocked when it begins to publish and not before, so that one that
//! only consumes never is; from then on nothing of what it sends is looked at, not even the rest of its message. It is
//! told so if it has said that it can hear it, once, however the reasons change.

use broker::{Alarm, Broker};
use wire_amqp091::method::connection;

use crate::connection::Connection;
use crate::context::Context;

impl Connection {
    /// Whether the client is held back because it publishes while the node is short of something.
    pub const fn is_blocked(&self) -> bool {
        self.is_blocked
    }

    /// Whether it publishes, message after message, to a queue whose consumers are outrun. Who has something new to say with
    /// each message is not that fast.
    pub fn outruns(&self, broker: &Broker) -> bool {
        let channel = self.repeating.and_then(|number| self.channels.get(number));
        channel.is_some_and(|channel| broker.is_outrun_by(&channel.publisher))
    }

    /// Stops listening to the client until the alarm is off.
    #[cold]
    pub(crate) fn block(&mut self, alarm: Alarm) {
        if !std::mem::replace(&mut self.is_blocked, true) && self.abilities.connection_blocked {
            self.out.method(0, &connection::Blocked { reason: reason(alarm) });
        }
    }

    /// Goes on with a client that was held back, if the alarm is off.
    pub fn look_at_alarm(&mut self, cx: &mut Context<'_>) {
        if !self.is_blocked || cx.broker.alarm().is_on() {
            return;
        }
        self.is_blocked = false;
        // Its signs of life lie in its socket.
        self.heartbeat.heard(cx.now);
        if self.abilities.connection_blocked {
            self.out.method(0, &connection::Unblocked {});
        }
        self.resume(cx);
    }
}

/// The words of RabbitMQ.
const fn reason(alarm: Alarm) -> &'static str {
    match (alarm.is_disk_short(), alarm.is_memory_short) {
        (true, true) => "low on disk & memory",
        (true, false) => "low on disk",
        (false, _) => "low on memory",
    }
}
