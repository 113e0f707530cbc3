//! A client that consumes, counts, times and acknowledges.
//!
//! ```text
//!              basic.deliver            header, body_len > 0          body, the last of it
//!   Method ──────────────────▶ Header ─────────────────────▶ Body ─────────────────────────▶ Method
//!                                │ body_len = 0                ▲ │ body, not the last              ▲
//!                                └─────────────────────────────┼─┴─────────────────────────────────┘
//! ```
//!
//! Of a delivery it reads the tag (when it has to acknowledge), of the header the body's length, and of the body the
//! stamp. All acknowledgements of one read leave with one write.

use wire_amqp091::content::write_ack;
use wire_amqp091::method::{self, basic};
use wire_amqp091::{ContentHeader, Frame, Kind, Malformed, Table, frame};

use super::batch::STAMP_BYTES;
use super::{CHANNEL, Client, Connection, Login};
use crate::failure::Failure;
use crate::ledger::Ledger;

/// How deliveries are settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acknowledge {
    /// By being sent.
    Automatically,
    /// By one acknowledgement for this many.
    Every(u64),
}

/// What is consumed, and how.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    pub(crate) queue: String,
    pub(crate) acknowledge: Acknowledge,
    /// Unacknowledged deliveries at a time; 0 for no limit.
    pub(crate) prefetch: u16,
    /// Whether deliveries begin with the load rather than before it.
    pub(crate) waits_for_start: bool,
}

/// What the next frame has to be.
#[derive(Clone, Copy, Debug)]
enum Expected {
    Method,
    Header,
    Body {
        /// How many bytes are missing.
        left: u64,
        /// Whether this is the frame that carries the stamp.
        is_first: bool,
    },
}

/// One consumer.
pub(crate) struct Consumer {
    connection: Connection,
    subscription: Subscription,
    expected: Expected,
    /// The tag of the delivery that is arriving.
    tag: u64,
    unacknowledged: u64,
}

impl Consumer {
    pub(crate) fn new(login: Login, subscription: Subscription) -> Self {
        let mut connection = Connection::new(login, "consuming");
        if subscription.acknowledge != Acknowledge::Automatically && subscription.prefetch > 0 {
            let prefetch_count = subscription.prefetch;
            let qos = basic::Qos { prefetch_size: 0, prefetch_count, global: false };
            connection.ask(&qos, basic::QosOk::ID, format!("a prefetch of {prefetch_count}"));
        }
        let mut consumer = Self {
            connection,
            subscription,
            expected: Expected::Method,
            tag: 0,
            unacknowledged: 0,
        };
        if !consumer.subscription.waits_for_start {
            consumer.subscribe();
        }
        consumer
    }

    fn subscribe(&mut self) {
        let Subscription { queue, acknowledge, .. } = &self.subscription;
        let consume = basic::Consume {
            ticket: 0,
            queue,
            consumer_tag: "",
            no_local: false,
            no_ack: *acknowledge == Acknowledge::Automatically,
            exclusive: false,
            no_wait: false,
            arguments: Table::new(),
        };
        let about = format!("consuming from queue '{queue}'");
        self.connection.ask(&consume, basic::ConsumeOk::ID, about);
    }

    /// Takes a frame; tells whether a message is complete with it.
    #[inline]
    fn receive_frame(
        &mut self,
        frame: Frame<'_>,
        now_ns: u64,
        ledger: &mut Ledger,
    ) -> Result<bool, Failure> {
        match (self.expected, frame.kind) {
            (Expected::Method, Kind::Method) => {
                let (id, fields) = method::split(frame.payload)?;
                if id == basic::Deliver::ID {
                    self.tag = delivery_tag(fields)?;
                    self.expected = Expected::Header;
                } else {
                    self.connection.receive(frame)?;
                }
                Ok(false)
            }
            (Expected::Header, Kind::Header) => {
                let left = ContentHeader::decode(frame.payload)?.body_len;
                self.expected = Expected::Body { left, is_first: true };
                Ok(left == 0)
            }
            (Expected::Body { left, is_first }, Kind::Body) => {
                if let (true, Some(stamp)) = (is_first, frame.payload.first_chunk::<STAMP_BYTES>())
                {
                    ledger.time(u64::from_le_bytes(*stamp), now_ns);
                }
                let left = left.checked_sub(frame.payload.len() as u64).ok_or_else(|| {
                    Failure::Unexpected("more of a body than its header promised".to_owned())
                })?;
                self.expected = Expected::Body { left, is_first: false };
                Ok(left == 0)
            }
            (_, Kind::Heartbeat) => Ok(false),
            (_, Kind::Method) if frame.channel != CHANNEL => {
                self.connection.receive(frame)?;
                Ok(false)
            }
            (expected, kind) => {
                Err(Failure::Unexpected(format!("a {kind:?} frame in the place of {expected:?}")))
            }
        }
    }

    #[inline]
    fn acknowledge(&mut self) {
        let Acknowledge::Every(every) = self.subscription.acknowledge else { return };
        self.unacknowledged += 1;
        if self.unacknowledged == every {
            self.unacknowledged = 0;
            write_ack(self.connection.out(), CHANNEL, self.tag, every > 1);
        }
    }

    /// Acknowledges what does not make a full count any more.
    fn acknowledge_rest(&mut self) {
        if self.unacknowledged > 0 {
            self.unacknowledged = 0;
            write_ack(self.connection.out(), CHANNEL, self.tag, true);
        }
    }
}

/// The second field of basic.deliver: it stands behind the consumer's tag, a short string.
#[inline]
fn delivery_tag(fields: &[u8]) -> Result<u64, Malformed> {
    let behind = fields.split_first().and_then(|(&len, rest)| rest.get(usize::from(len)..));
    match behind.and_then(<[u8]>::first_chunk) {
        Some(tag) => Ok(u64::from_be_bytes(*tag)),
        None => basic::Deliver::decode(fields).map(|deliver| deliver.delivery_tag),
    }
}

impl Client for Consumer {
    fn receive(
        &mut self,
        bytes: &[u8],
        now_ns: u64,
        ledger: &mut Ledger,
    ) -> Result<usize, Failure> {
        let payload_max = self.connection.payload_max();
        let (mut taken, mut messages) = (0, 0);
        while let Some((frame, len)) = frame::parse(&bytes[taken..], payload_max)? {
            taken += len;
            if self.connection.is_closing() {
                self.connection.receive(frame)?;
            } else if self.receive_frame(frame, now_ns, ledger)? {
                self.expected = Expected::Method;
                self.acknowledge();
                messages += 1;
            }
        }
        ledger.consume(messages, now_ns);
        Ok(taken)
    }

    fn output(&mut self, _now_ns: u64, _ledger: &mut Ledger) -> &[u8] {
        self.connection.output()
    }

    fn sent(&mut self, len: usize) {
        self.connection.sent(len);
    }

    fn start(&mut self, _at_ns: u64) {
        if self.subscription.waits_for_start {
            self.subscribe();
        }
    }

    fn connection(&self) -> &Connection {
        &self.connection
    }

    fn close(&mut self) {
        if !self.connection.is_closing() {
            self.acknowledge_rest();
        }
        self.connection.close();
    }
}
