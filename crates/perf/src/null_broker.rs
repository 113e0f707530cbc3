//! A broker that does nothing: what is published it forgets, and what is consumed it has encoded before. Load against it
//! shows what the load tool could do if a broker cost nothing.
//!
//! ```text
//!   connection ──▶ listener thread: frames ─▶ answers; publishes counted, confirmed once a read
//!                       │ basic.consume
//!                       └─▶ feeder thread: the same deliveries again and again, as far as the prefetch allows
//! ```
//!
//! It understands what the load tool says, and hangs up at anything else.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use clap::{Args, value_parser};
use wire_amqp091::limits::{FRAME_HEAD_BYTES, FRAME_MAX_DEFAULT, payload_max};
use wire_amqp091::method::{self, Encode, basic, channel, confirm, connection, queue};
use wire_amqp091::{Kind, Method, Table, content, frame, properties, protocol_header};

use crate::failure::Failure;
use crate::run::{EXIT_REFUSED, complain};

/// What is read at once, and the longest beginning of a frame that is kept.
const READ_BYTES: usize = 256 * 1024;
/// The deliveries that are written at once.
const BATCH_BYTES: usize = 64 * 1024;
/// How long a feeder that may not go on waits before it looks again; acknowledgements wake it.
const PATIENCE: Duration = Duration::from_millis(20);
/// Where the tag of a delivery is: behind the frame's head, the identifiers, and the consumer's tag.
const TAG_AT: usize = FRAME_HEAD_BYTES + 4 + 1;

/// Listens until it is ended, and takes part in loads as a broker that costs nothing.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5690")]
    listen: SocketAddr,

    /// Bytes of the body of each delivery
    #[arg(long, value_name = "BYTES", default_value_t = 16, value_parser = value_parser!(u32).range(0..=100_000))]
    size: u32,
}

/// Serves for ever.
pub(crate) fn run(options: &Options) -> ExitCode {
    let listener = match TcpListener::bind(options.listen) {
        Ok(listener) => listener,
        Err(fault) => {
            complain(&Failure::System { during: "listening", fault }.to_string());
            return ExitCode::from(EXIT_REFUSED);
        }
    };
    let body_len = options.size as usize;
    for stream in listener.incoming().flatten() {
        thread::spawn(move || {
            // A load tool that goes away has seen what it wanted.
            let _ = serve(stream, body_len);
        });
    }
    ExitCode::SUCCESS
}

/// What a connection is about.
struct Conversation {
    stream: TcpStream,
    body_len: usize,
    has_confirms: bool,
    published: u64,
    confirmed: u64,
    prefetch: u64,
    feeder: Option<Feeder>,
}

/// Whoever writes deliveries.
struct Feeder {
    thread: thread::JoinHandle<()>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    acknowledged: AtomicU64,
    is_over: AtomicBool,
}

fn serve(mut stream: TcpStream, body_len: usize) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut header = [0; protocol_header::AMQP_0_9_1.len()];
    stream.read_exact(&mut header)?;
    let start = connection::Start {
        version_major: 0,
        version_minor: 9,
        server_properties: Table::new().with("product", "nothing"),
        mechanisms: b"PLAIN",
        locales: b"en_US",
    };
    stream.write_all(&encoded(0, &start))?;
    let mut conversation = Conversation {
        stream: stream.try_clone()?,
        body_len,
        has_confirms: false,
        published: 0,
        confirmed: 0,
        prefetch: 0,
        feeder: None,
    };
    let mut buffer = vec![0; READ_BYTES];
    let mut filled = 0;
    let outcome = loop {
        let len = match stream.read(&mut buffer[filled..]) {
            Ok(0) => break Ok(()),
            Ok(len) => len,
            Err(fault) => break Err(fault),
        };
        filled += len;
        match conversation.hear(&buffer[..filled]) {
            Ok(Some(taken)) => {
                buffer.copy_within(taken..filled, 0);
                filled -= taken;
            }
            Ok(None) => break Ok(()),
            Err(fault) => break Err(fault),
        }
    };
    conversation.end_feeder();
    outcome
}

impl Conversation {
    /// Deals with the frames in `bytes` and tells how many bytes these were; `None` at the end.
    fn hear(&mut self, bytes: &[u8]) -> io::Result<Option<usize>> {
        let mut taken = 0;
        let max = payload_max(FRAME_MAX_DEFAULT);
        while let Some((frame, len)) = frame::parse(&bytes[taken..], max).map_err(unclear)? {
            taken += len;
            if frame.kind != Kind::Method {
                continue;
            }
            let (id, fields) = method::split(frame.payload).map_err(unclear)?;
            if id == basic::Publish::ID {
                self.published += 1;
            } else if id == basic::Ack::ID {
                let ack = basic::Ack::decode(fields).map_err(unclear)?;
                if let Some(feeder) = &self.feeder {
                    feeder.shared.acknowledged.store(ack.delivery_tag, Relaxed);
                }
            } else {
                let method = Method::decode(frame.payload).map_err(unclear)?;
                if !self.answer(frame.channel, &method)? {
                    return Ok(None);
                }
            }
        }
        if let Some(feeder) = &self.feeder {
            feeder.thread.thread().unpark();
        }
        if self.has_confirms && self.published > self.confirmed {
            self.confirmed = self.published;
            let mut ack = Vec::new();
            content::write_ack(&mut ack, 1, self.confirmed, true);
            self.stream.write_all(&ack)?;
        }
        Ok(Some(taken))
    }

    /// Answers a method; false at the end.
    fn answer(&mut self, channel: u16, method: &Method<'_>) -> io::Result<bool> {
        let bytes = match method {
            Method::ConnectionStartOk(_) => {
                let tune =
                    connection::Tune { channel_max: 0, frame_max: FRAME_MAX_DEFAULT, heartbeat: 0 };
                encoded(channel, &tune)
            }
            Method::ConnectionOpen(_) => encoded(channel, &connection::OpenOk { reserved_1: "" }),
            Method::ChannelOpen(_) => encoded(channel, &channel::OpenOk { reserved_1: b"" }),
            Method::QueueDeclare(declare) => {
                let found =
                    queue::DeclareOk { queue: declare.queue, message_count: 0, consumer_count: 0 };
                encoded(channel, &found)
            }
            Method::QueueBind(_) => encoded(channel, &queue::BindOk {}),
            Method::QueueDelete(_) => encoded(channel, &queue::DeleteOk { message_count: 0 }),
            Method::ConfirmSelect(_) => {
                self.has_confirms = true;
                encoded(channel, &confirm::SelectOk {})
            }
            Method::BasicQos(qos) => {
                self.prefetch = u64::from(qos.prefetch_count);
                encoded(channel, &basic::QosOk {})
            }
            Method::BasicConsume(consume) => {
                let ok = encoded(channel, &basic::ConsumeOk { consumer_tag: consume.consumer_tag });
                self.stream.write_all(&ok)?;
                let limit = if consume.no_ack { 0 } else { self.prefetch };
                self.feed(consume.consumer_tag, limit)?;
                return Ok(true);
            }
            Method::ConnectionClose(_) => {
                self.end_feeder();
                self.stream.write_all(&encoded(0, &connection::CloseOk {}))?;
                return Ok(false);
            }
            Method::ConnectionTuneOk(_) => return Ok(true),
            _ => return Err(io::Error::other("the load tool says nothing else")),
        };
        self.stream.write_all(&bytes)?;
        Ok(true)
    }

    fn feed(&mut self, consumer_tag: &str, prefetch: u64) -> io::Result<()> {
        let shared = Arc::new(Shared::default());
        let deliveries = Deliveries::new(consumer_tag.as_bytes(), self.body_len, prefetch);
        let (stream, ours) = (self.stream.try_clone()?, Arc::clone(&shared));
        let thread = thread::spawn(move || {
            // It ends when the connection does.
            let _ = deliveries.write_to(stream, prefetch, &ours);
        });
        self.feeder = Some(Feeder { thread, shared });
        Ok(())
    }

    fn end_feeder(&mut self) {
        if let Some(Feeder { thread, shared }) = self.feeder.take() {
            shared.is_over.store(true, Relaxed);
            thread.thread().unpark();
            // A feeder that panicked has written what it could.
            let _ = thread.join();
        }
    }
}

/// Deliveries that are encoded once.
struct Deliveries {
    bytes: Vec<u8>,
    delivery_len: usize,
    tag_at: usize,
}

impl Deliveries {
    fn new(consumer_tag: &[u8], body_len: usize, prefetch: u64) -> Self {
        let delivery = content::Delivery {
            consumer_tag,
            delivery_tag: 0,
            redelivered: false,
            exchange: b"",
            routing_key: b"perf",
        };
        let body = vec![0; body_len];
        let content = content::Content { properties: properties::NONE, body: &body };
        let mut bytes = Vec::new();
        content::write_deliver(&mut bytes, 1, &delivery, &content, FRAME_MAX_DEFAULT);
        let delivery_len = bytes.len();
        let wanted = if prefetch == 0 { u64::MAX } else { prefetch };
        let copies =
            (BATCH_BYTES / delivery_len).min(usize::try_from(wanted).unwrap_or(usize::MAX));
        Self {
            bytes: bytes.repeat(copies.max(1)),
            delivery_len,
            tag_at: TAG_AT + consumer_tag.len(),
        }
    }

    /// Writes deliveries; of those that want to be acknowledged at most `prefetch` (0: no limit) are underway.
    fn write_to(mut self, mut stream: TcpStream, prefetch: u64, shared: &Shared) -> io::Result<()> {
        let capacity = (self.bytes.len() / self.delivery_len) as u64;
        let mut written = 0;
        while !shared.is_over.load(Relaxed) {
            let mut room = capacity;
            if prefetch > 0 {
                let underway = written - shared.acknowledged.load(Relaxed).min(written);
                room = room.min(prefetch.saturating_sub(underway));
                if room == 0 {
                    thread::park_timeout(PATIENCE);
                    continue;
                }
            }
            let len = usize::try_from(room).expect("at most the capacity") * self.delivery_len;
            if prefetch > 0 {
                let deliveries = self.bytes[..len].chunks_exact_mut(self.delivery_len);
                for (delivery, tag) in deliveries.zip(written + 1..) {
                    delivery[self.tag_at..self.tag_at + 8].copy_from_slice(&tag.to_be_bytes());
                }
            }
            stream.write_all(&self.bytes[..len])?;
            written += room;
        }
        Ok(())
    }
}

fn encoded(channel: u16, method: &impl Encode) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::write_method(&mut bytes, channel, method);
    bytes
}

fn unclear(malformed: wire_amqp091::Malformed) -> io::Error {
    io::Error::other(malformed.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_has_its_tag_where_it_is_patched() {
        let deliveries = Deliveries::new(b"perf", 16, 3);
        assert_eq!(deliveries.bytes.len(), 3 * deliveries.delivery_len);
        let mut bytes = deliveries.bytes[..deliveries.delivery_len].to_vec();
        bytes[deliveries.tag_at..deliveries.tag_at + 8].copy_from_slice(&7_u64.to_be_bytes());
        let (frame, _) = frame::parse(&bytes, 4096).expect("a frame").expect("whole");
        let Ok(Method::BasicDeliver(deliver)) = Method::decode(frame.payload) else {
            panic!("{bytes:?}")
        };
        assert_eq!((deliver.delivery_tag, deliver.consumer_tag), (7, "perf"));
    }

    #[test]
    fn a_batch_of_deliveries_is_as_large_as_a_write() {
        let deliveries = Deliveries::new(b"perf", 16, 0);
        assert!(deliveries.bytes.len() > BATCH_BYTES / 2 && deliveries.bytes.len() <= BATCH_BYTES);
        assert!(Deliveries::new(b"perf", 100_000, 0).bytes.len() > 100_000);
    }
}
