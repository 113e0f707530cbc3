//! Bytes on their way to the client.

use wire_amqp091::frame;
use wire_amqp091::method::Encode;

/// Memory above this is given back when everything has been sent, so that an idle connection holds next to nothing.
const KEPT_BYTES: usize = 4 * 1024;

/// A client that leaves so much lying is not listened to: what it asks for would only be added.
const FULL_BYTES: usize = 1024 * 1024;

/// A client that has taken all but this may be sent more.
const LOW_BYTES: usize = 64 * 1024;

/// What waits to be sent.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    bytes: Vec<u8>,
    sent: usize,
    /// How much of what waits is deliveries, at most.
    delivery_bytes: usize,
    /// The largest frame that the client takes; 0 before that is known.
    pub(crate) frame_max: u32,
}

impl Outgoing {
    /// What is not sent.
    pub(crate) fn pending(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// Whether the client has to take something before it may ask for more. Deliveries do not count: they have bounds of
    /// their own, and a client that is slow to take them must still be heard when it acknowledges.
    pub(crate) fn is_full(&self) -> bool {
        self.pending().len().saturating_sub(self.delivery_bytes) >= FULL_BYTES
    }

    /// `bytes` of what was appended are deliveries.
    pub(crate) const fn count_deliveries(&mut self, bytes: usize) {
        self.delivery_bytes += bytes;
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.sent == self.bytes.len()
    }

    /// How much memory it takes.
    pub(crate) const fn held_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// `count` more bytes are sent.
    pub(crate) fn advance(&mut self, count: usize) {
        self.sent += count;
        self.delivery_bytes = self.delivery_bytes.saturating_sub(count);
        assert!(self.sent <= self.bytes.len(), "no more is sent than there was");
        if !self.is_empty() {
            // A client that always leaves something lying must not make us keep all that it took.
            if self.sent >= FULL_BYTES {
                self.bytes.drain(..self.sent);
                self.sent = 0;
            }
        } else if self.bytes.capacity() > KEPT_BYTES && self.bytes.len() <= KEPT_BYTES {
            self.drop_all();
        } else {
            self.bytes.clear();
            self.sent = 0;
        }
    }

    /// Whether so little waits that more may come.
    pub(crate) fn is_low(&self) -> bool {
        self.pending().len() <= LOW_BYTES
    }

    /// Nobody will take what waits.
    pub(crate) fn drop_all(&mut self) {
        self.bytes = Vec::new();
        self.sent = 0;
        self.delivery_bytes = 0;
    }

    /// Where frames are appended.
    pub(crate) const fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    pub(crate) fn method(&mut self, channel: u16, method: &impl Encode) {
        frame::write_method(&mut self.bytes, channel, method);
    }
}
