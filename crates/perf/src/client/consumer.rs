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

/// The consumer's name on its channel, which comes back with every delivery: short, and the same from every broker.
const CONSUMER_TAG: &str = "perf";

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
            consumer_tag: CONSUMER_TAG,
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

#[cfg(test)]
mod tests {
    use wire_amqp091::Method;

    use super::super::script::{self, hear, log_in, method, said};
    use super::*;

    fn subscription(acknowledge: Acknowledge) -> Subscription {
        Subscription { queue: "q".to_owned(), acknowledge, prefetch: 10, waits_for_start: false }
    }

    fn subscribed(acknowledge: Acknowledge, ledger: &mut Ledger) -> Consumer {
        let mut consumer = Consumer::new(script::login(), subscription(acknowledge));
        log_in(&mut consumer, ledger);
        if acknowledge != Acknowledge::Automatically {
            hear(&mut consumer, &method(CHANNEL, &basic::QosOk {}), 0, ledger);
        }
        let said = said(&mut consumer, 0, ledger);
        let is_subscribing = matches!(&script::methods(&said)[..], [Method::BasicConsume(it)] if
            it.queue == "q" && it.no_ack == (acknowledge == Acknowledge::Automatically));
        assert!(is_subscribing || said.is_empty(), "{said:?}");
        let consume_ok = method(CHANNEL, &basic::ConsumeOk { consumer_tag: "perf" });
        hear(&mut consumer, &consume_ok, 0, ledger);
        assert!(consumer.connection.is_ready());
        consumer
    }

    fn acks(said: &[u8]) -> Vec<(u64, bool)> {
        let ack = |method: &Method<'_>| match method {
            Method::BasicAck(ack) => (ack.delivery_tag, ack.multiple),
            other => panic!("{}", other.name()),
        };
        script::methods(said).iter().map(ack).collect()
    }

    #[test]
    fn each_delivery_is_counted_timed_and_acknowledged() {
        let mut ledger = script::ledger();
        let mut consumer = subscribed(Acknowledge::Every(1), &mut ledger);
        let body = [&5_000_u64.to_le_bytes()[..], b"sequence"].concat();
        let bytes = [script::delivery(1, &body), script::delivery(2, &body)].concat();
        hear(&mut consumer, &bytes, 12_000, &mut ledger);
        assert_eq!(ledger.consumed, 2);
        assert_eq!(ledger.latency.quantile_us(1.0).map(f64::round), Some(7.0));
        assert_eq!(acks(&said(&mut consumer, 0, &mut ledger)), [(1, false), (2, false)]);
    }

    #[test]
    fn one_acknowledgement_covers_many_and_the_goodbye_the_rest() {
        let mut ledger = script::ledger();
        let mut consumer = subscribed(Acknowledge::Every(3), &mut ledger);
        let bytes: Vec<u8> = (1..=7).flat_map(|tag| script::delivery(tag, b"")).collect();
        hear(&mut consumer, &bytes, 0, &mut ledger);
        assert_eq!(ledger.consumed, 7);
        assert_eq!(acks(&said(&mut consumer, 0, &mut ledger)), [(3, true), (6, true)]);
        consumer.close();
        let said = said(&mut consumer, 0, &mut ledger);
        assert_eq!(script::names(&said), ["basic.ack", "connection.close"]);
        // Whatever else arrives is not counted.
        hear(&mut consumer, &script::delivery(8, b"x"), 0, &mut ledger);
        assert_eq!(ledger.consumed, 7);
    }

    #[test]
    fn without_acknowledgements_nothing_is_sent() {
        let mut ledger = script::ledger();
        let mut consumer = subscribed(Acknowledge::Automatically, &mut ledger);
        hear(&mut consumer, &script::delivery(1, b"short"), 0, &mut ledger);
        assert_eq!(ledger.consumed, 1);
        assert!(said(&mut consumer, 0, &mut ledger).is_empty());
        assert_eq!(ledger.latency.quantile_us(1.0), None, "five bytes hold no stamp");
    }

    #[test]
    fn it_does_not_matter_how_the_bytes_are_cut() {
        let body = [&7_u64.to_le_bytes()[..], &[b'.'; 10_000]].concat();
        let bytes =
            [script::delivery(1, &body), script::delivery(2, b""), script::delivery(3, b"x")];
        let bytes = bytes.concat();
        for cut_len in [1, 7, 100, 4_095, 4_097] {
            let mut ledger = script::ledger();
            let mut consumer = subscribed(Acknowledge::Every(1), &mut ledger);
            let mut carry = Vec::new();
            for cut in bytes.chunks(cut_len) {
                carry.extend_from_slice(cut);
                let taken = consumer.receive(&carry, 9, &mut ledger).expect("good bytes");
                carry.drain(..taken);
            }
            assert_eq!((ledger.consumed, carry.len()), (3, 0), "cut after {cut_len}");
            assert_eq!(consumer.tag, 3);
        }
    }

    #[test]
    fn frames_out_of_order_are_a_failure() {
        let mut ledger = script::ledger();
        let mut consumer = subscribed(Acknowledge::Every(1), &mut ledger);
        let mut body_alone = Vec::new();
        frame::write_body(&mut body_alone, CHANNEL, b"body", 4096);
        let failure = consumer.receive(&body_alone, 0, &mut ledger).expect_err("out of order");
        assert!(failure.to_string().contains("Body frame in the place of Method"), "{failure}");

        let mut consumer = subscribed(Acknowledge::Every(1), &mut ledger);
        let mut bytes = script::delivery(1, b"");
        let header_len = {
            let mut header = Vec::new();
            frame::write_header(&mut header, CHANNEL, 0, &[0, 0]);
            header.len()
        };
        bytes.truncate(bytes.len() - header_len);
        frame::write_header(&mut bytes, CHANNEL, 3, &[0, 0]);
        bytes.extend_from_slice(&body_alone);
        let failure = consumer.receive(&bytes, 0, &mut ledger).expect_err("too much");
        assert!(failure.to_string().contains("more of a body"), "{failure}");
    }

    #[test]
    fn a_drain_begins_with_the_load() {
        let mut ledger = script::ledger();
        let subscription =
            Subscription { waits_for_start: true, ..subscription(Acknowledge::Automatically) };
        let mut consumer = Consumer::new(script::login(), subscription);
        log_in(&mut consumer, &mut ledger);
        assert!(consumer.connection.is_ready());
        consumer.start(0);
        assert_eq!(script::names(&said(&mut consumer, 0, &mut ledger)), ["basic.consume"]);
    }

    #[test]
    fn a_consumer_that_the_broker_ends_is_a_failure() {
        let mut ledger = script::ledger();
        let mut consumer = subscribed(Acknowledge::Every(1), &mut ledger);
        let cancel = method(CHANNEL, &basic::Cancel { consumer_tag: "perf", no_wait: true });
        let failure = consumer.receive(&cancel, 0, &mut ledger).expect_err("a cancel");
        assert!(failure.to_string().contains("was its queue deleted?"), "{failure}");
    }
}
