//! AMQP 0-9-1 clients that touch no socket: bytes go in, bytes come out.
//!
//! ```text
//!   socket ──▶ receive ──▶ Topology │ Publisher │ Consumer ──▶ output ──▶ socket
//!                              └────────┼──────────┘  └──▶ Ledger: what was counted and measured
//!                                   Connection: login, channel 1, one request after the other, the end
//! ```
//!
//! A client has one connection with one channel. It keeps its bytes until [`Client::sent`] says that they are gone, and
//! composes more only when it is asked and nothing is left, so what it holds is bounded by one batch.

mod batch;
mod connection;
mod consumer;
mod handshake;
mod publisher;
mod topology;
mod unconfirmed;

#[cfg(test)]
pub(crate) mod script;

pub(crate) use batch::message_len;
pub(crate) use connection::Connection;
pub(crate) use consumer::{Acknowledge, Consumer, Subscription};
pub(crate) use handshake::Login;
pub(crate) use publisher::{Numbers, Pace, Publication, Publisher};
pub(crate) use topology::{Layout, Topology};

use crate::failure::Failure;
use crate::ledger::Ledger;

/// The one channel of a connection.
pub(crate) const CHANNEL: u16 = 1;

/// What a [`crate::reactor::Drive`] drives.
pub(crate) trait Client {
    /// Takes what arrived at `now_ns` and tells how many of the bytes it dealt with. The rest, less than a frame, has
    /// to be handed in again with what follows.
    ///
    /// # Errors
    /// The conversation is over.
    fn receive(&mut self, bytes: &[u8], now_ns: u64, ledger: &mut Ledger)
    -> Result<usize, Failure>;

    /// What can be sent at this moment; who has more to say than its connection composes the next batch when the last one is
    /// gone.
    fn output(&mut self, _now_ns: u64, _ledger: &mut Ledger) -> &[u8] {
        self.connection().output()
    }

    /// `len` bytes of the last [`Client::output`] are on their way.
    fn sent(&mut self, len: usize);

    /// The load begins at `at_ns`.
    fn start(&mut self, _at_ns: u64) {}

    /// When there will be more to send although nothing arrives; `None` when that is not known.
    fn due_ns(&self) -> Option<u64> {
        None
    }

    /// The machine below: how far the conversation is.
    fn connection(&self) -> &Connection;

    /// Ends the conversation.
    fn close(&mut self);

    /// The conversation has ended at `now_ns`, as it was meant to. Whether the client begins another one, for which it
    /// needs another socket.
    fn begin_again(&mut self, _now_ns: u64) -> bool {
        false
    }
}
