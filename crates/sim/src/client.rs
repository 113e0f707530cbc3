//! The client's half of an AMQP 0-9-1 connection: bytes in and out, and what was asked and not answered.
//!
//! ```text
//!   Greeting ─start→ Starting ─tune→ Opening ─open-ok→ Running ─close→ Leaving ─close-ok→ Over
//! ```
//!
//! It knows nothing of what its owner is up to.

use std::collections::{BTreeMap, VecDeque};

use wire_amqp091::content::{self, Content};
use wire_amqp091::limits::FRAME_OVERHEAD_BYTES;
use wire_amqp091::method::{Encode, Method, basic, channel, connection, queue};
use wire_amqp091::{ContentHeader, Frame, Kind, Table, frame, protocol_header};

/// A message from the node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parcel {
    /// Empty for an answer to basic.get, and for a message that comes back.
    pub(crate) consumer_tag: String,
    pub(crate) delivery_tag: u64,
    pub(crate) is_redelivered: bool,
    pub(crate) exchange: Vec<u8>,
    pub(crate) key: Vec<u8>,
    pub(crate) properties: Vec<u8>,
    pub(crate) body: Vec<u8>,
}

/// What the node has told.
#[derive(Clone, Debug)]
pub(crate) enum Heard {
    Opened,
    /// The answer to the request with this number; `method` is the answer's.
    Answered {
        channel: u16,
        method: u32,
        request: u64,
        name: String,
    },
    Delivered {
        parcel: Parcel,
    },
    Got {
        request: u64,
        parcel: Parcel,
    },
    Returned {
        channel: u16,
        parcel: Parcel,
    },
    Confirmed {
        channel: u16,
        tag: u64,
        is_multiple: bool,
    },
    /// A consumer's queue is gone.
    Cancelled,
    ChannelClosed {
        code: u16,
        text: String,
    },
    Closed {
        text: String,
    },
    /// Something that nobody may send.
    Nonsense(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Handshake,
    Running,
    Leaving,
    Over,
}

#[derive(Clone, Copy, Debug)]
enum Purpose {
    Deliver,
    Get,
    Return,
}

/// A message that is not there as a whole.
#[derive(Debug)]
struct Underway {
    purpose: Purpose,
    parcel: Parcel,
    left_bytes: Option<u64>,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Client {
    stage: Stage,
    frame_max: u32,
    out: Vec<u8>,
    incoming: Vec<u8>,
    underway: BTreeMap<u16, Underway>,
    /// Requests that wait, in order: the answer's method and the request's number.
    asked: BTreeMap<u16, VecDeque<(u32, u64)>>,
    /// Methods sent so far: the number of the last one.
    sent: u64,
}

impl Client {
    /// A connection that begins.
    pub(crate) fn new(frame_max: u32) -> Self {
        Self {
            stage: Stage::Handshake,
            frame_max,
            out: protocol_header::AMQP_0_9_1.to_vec(),
            incoming: Vec::new(),
            underway: BTreeMap::new(),
            asked: BTreeMap::new(),
            sent: 0,
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.stage == Stage::Running
    }

    /// Whether the connection has ended the way that both sides agreed on.
    pub(crate) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// Whether the channel waits for an answer.
    pub(crate) fn is_waiting(&self, channel: u16) -> bool {
        self.asked.get(&channel).is_some_and(|asked| !asked.is_empty())
    }

    /// Requests that wait for an answer.
    pub(crate) fn asked_count(&self) -> usize {
        self.asked.values().map(VecDeque::len).sum()
    }

    /// Bytes to be sent.
    pub(crate) fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Sends a method that has no answer. Returns its number.
    pub(crate) fn tell(&mut self, channel: u16, method: &impl Encode) -> u64 {
        frame::write_method(&mut self.out, channel, method);
        self.sent += 1;
        self.sent
    }

    /// Sends a method that is answered by `answer`.
    pub(crate) fn ask(&mut self, channel: u16, method: &impl Encode, answer: u32) -> u64 {
        let request = self.tell(channel, method);
        self.asked.entry(channel).or_default().push_back((answer, request));
        request
    }

    /// Sends a message. Returns the number of the method.
    pub(crate) fn publish(
        &mut self,
        channel: u16,
        publish: &basic::Publish<'_>,
        properties: &[u8],
        body: &[u8],
    ) -> u64 {
        let content = Content { properties, body };
        content::write_publish(&mut self.out, channel, publish, &content, self.frame_max);
        self.sent += 1;
        self.sent
    }

    /// Ends the connection.
    pub(crate) fn leave(&mut self) {
        self.stage = Stage::Leaving;
        self.asked.clear();
        let close = connection::Close { reply_code: 200, ..Default::default() };
        self.ask(0, &close, connection::CloseOk::ID);
    }

    /// Takes bytes of the node.
    pub(crate) fn receive(&mut self, bytes: &[u8], heard: &mut Vec<Heard>) {
        self.incoming.extend_from_slice(bytes);
        let incoming = std::mem::take(&mut self.incoming);
        let mut rest = incoming.as_slice();
        loop {
            // The node keeps to what was agreed on.
            let payload_max = self.frame_max as usize - FRAME_OVERHEAD_BYTES;
            match frame::parse(rest, payload_max) {
                Ok(Some((frame, len))) => {
                    self.take_frame(&frame, heard);
                    rest = &rest[len..];
                }
                Ok(None) => break,
                Err(malformed) => {
                    heard.push(Heard::Nonsense(malformed.to_string()));
                    return;
                }
            }
        }
        self.incoming = rest.to_vec();
    }

    fn take_frame(&mut self, frame: &Frame<'_>, heard: &mut Vec<Heard>) {
        // What was on its way when the connection ended; perhaps both sides ended it.
        let is_late = frame.channel != 0 && self.stage != Stage::Running;
        if is_late || self.stage == Stage::Over {
            return;
        }
        let result = match frame.kind {
            Kind::Method => self.take_method(frame, heard),
            Kind::Header => self.take_header(frame, heard),
            Kind::Body => self.take_body(frame, heard),
            Kind::Heartbeat => Ok(()),
        };
        if let Err(nonsense) = result {
            heard.push(Heard::Nonsense(nonsense));
        }
    }

    fn take_method(&mut self, frame: &Frame<'_>, heard: &mut Vec<Heard>) -> Result<(), String> {
        let channel = frame.channel;
        if self.underway.contains_key(&channel) {
            return Err("a method amid a message".to_owned());
        }
        let method = Method::decode(frame.payload).map_err(|malformed| malformed.to_string())?;
        if channel == 0 {
            return self.take_connection_method(&method, heard);
        }
        match &method {
            Method::BasicDeliver(deliver) => {
                let parcel = Parcel {
                    consumer_tag: deliver.consumer_tag.to_owned(),
                    delivery_tag: deliver.delivery_tag,
                    is_redelivered: deliver.redelivered,
                    exchange: deliver.exchange.to_vec(),
                    key: deliver.routing_key.to_vec(),
                    ..Parcel::default()
                };
                self.expect_content(channel, Purpose::Deliver, parcel);
            }
            Method::BasicGetOk(got) => {
                let parcel = Parcel {
                    delivery_tag: got.delivery_tag,
                    is_redelivered: got.redelivered,
                    exchange: got.exchange.to_vec(),
                    key: got.routing_key.to_vec(),
                    ..Parcel::default()
                };
                self.expect_content(channel, Purpose::Get, parcel);
            }
            Method::BasicReturn(returned) => {
                let parcel = Parcel {
                    exchange: returned.exchange.to_vec(),
                    key: returned.routing_key.to_vec(),
                    ..Parcel::default()
                };
                self.expect_content(channel, Purpose::Return, parcel);
            }
            Method::BasicAck(ack) => {
                let (tag, is_multiple) = (ack.delivery_tag, ack.multiple);
                heard.push(Heard::Confirmed { channel, tag, is_multiple });
            }
            Method::BasicCancel(_) => heard.push(Heard::Cancelled),
            Method::ChannelClose(close) => {
                let (code, text) = (close.reply_code, close.reply_text.to_owned());
                self.asked.remove(&channel);
                self.tell(channel, &channel::CloseOk {});
                heard.push(Heard::ChannelClosed { code, text });
            }
            _ => self.take_answer(channel, &method, heard)?,
        }
        Ok(())
    }

    fn take_answer(
        &mut self,
        channel: u16,
        method: &Method<'_>,
        heard: &mut Vec<Heard>,
    ) -> Result<(), String> {
        let asked = self.asked.entry(channel).or_default().pop_front();
        let id = method.id();
        let is_empty_get = id == basic::GetEmpty::ID;
        match asked {
            Some((answer, request))
                if answer == id || (is_empty_get && answer == basic::GetOk::ID) =>
            {
                let name = match method {
                    Method::QueueDeclareOk(queue::DeclareOk { queue, .. }) => (*queue).to_owned(),
                    Method::BasicConsumeOk(basic::ConsumeOk { consumer_tag })
                    | Method::BasicCancelOk(basic::CancelOk { consumer_tag }) => {
                        (*consumer_tag).to_owned()
                    }
                    _ => String::new(),
                };
                heard.push(Heard::Answered { channel, method: id, request, name });
                Ok(())
            }
            Some((answer, _)) => {
                Err(format!("{} where an answer {answer:#x} was due", method.name()))
            }
            None => Err(format!("{} that nobody asked for", method.name())),
        }
    }

    fn take_connection_method(
        &mut self,
        method: &Method<'_>,
        heard: &mut Vec<Heard>,
    ) -> Result<(), String> {
        match method {
            Method::ConnectionStart(_) => {
                let capabilities = Table::new().with("consumer_cancel_notify", true);
                let start_ok = connection::StartOk {
                    client_properties: Table::new().with("capabilities", capabilities),
                    mechanism: "PLAIN",
                    response: b"\0guest\0guest",
                    locale: "en_US",
                };
                self.tell(0, &start_ok);
            }
            Method::ConnectionTune(tune) => {
                self.frame_max = self.frame_max.min(tune.frame_max);
                let (channel_max, frame_max) = (tune.channel_max, self.frame_max);
                self.tell(0, &connection::TuneOk { channel_max, frame_max, heartbeat: 0 });
                let open = connection::Open { virtual_host: "/", ..Default::default() };
                self.ask(0, &open, connection::OpenOk::ID);
            }
            Method::ConnectionOpenOk(_) => {
                self.asked.clear();
                self.stage = Stage::Running;
                heard.push(Heard::Opened);
            }
            Method::ConnectionClose(close) => {
                self.tell(0, &connection::CloseOk {});
                let text = close.reply_text.to_owned();
                (self.stage, self.asked) = (Stage::Over, BTreeMap::new());
                heard.push(Heard::Closed { text });
            }
            Method::ConnectionCloseOk(_) if self.stage == Stage::Leaving => {
                (self.stage, self.asked) = (Stage::Over, BTreeMap::new());
            }
            _ => return Err(format!("{} on the connection itself", method.name())),
        }
        Ok(())
    }

    fn expect_content(&mut self, channel: u16, purpose: Purpose, parcel: Parcel) {
        self.underway.insert(channel, Underway { purpose, parcel, left_bytes: None });
    }

    fn take_header(&mut self, frame: &Frame<'_>, heard: &mut Vec<Heard>) -> Result<(), String> {
        let header = ContentHeader::decode(frame.payload).map_err(|flaw| flaw.to_string())?;
        let underway = self.underway.get_mut(&frame.channel);
        let underway = underway.filter(|underway| underway.left_bytes.is_none());
        let underway = underway.ok_or("a header without a method")?;
        underway.parcel.properties = header.properties.to_vec();
        underway.left_bytes = Some(header.body_len);
        self.finish_content(frame.channel, heard)
    }

    fn take_body(&mut self, frame: &Frame<'_>, heard: &mut Vec<Heard>) -> Result<(), String> {
        let underway = self.underway.get_mut(&frame.channel).ok_or("a body without a method")?;
        let left_bytes = underway.left_bytes.ok_or("a body without a header")?;
        let left_bytes = left_bytes.checked_sub(frame.payload.len() as u64);
        underway.left_bytes = Some(left_bytes.ok_or("a body that is too long")?);
        underway.parcel.body.extend_from_slice(frame.payload);
        self.finish_content(frame.channel, heard)
    }

    fn finish_content(&mut self, channel: u16, heard: &mut Vec<Heard>) -> Result<(), String> {
        if self.underway.get(&channel).is_none_or(|underway| underway.left_bytes != Some(0)) {
            return Ok(());
        }
        let Some(Underway { purpose, parcel, .. }) = self.underway.remove(&channel) else {
            return Ok(());
        };
        match purpose {
            Purpose::Deliver => heard.push(Heard::Delivered { parcel }),
            Purpose::Return => heard.push(Heard::Returned { channel, parcel }),
            Purpose::Get => match self.asked.entry(channel).or_default().pop_front() {
                Some((basic::GetOk::ID, request)) => {
                    heard.push(Heard::Got { request, parcel });
                }
                _ => return Err("basic.get-ok that nobody asked for".to_owned()),
            },
        }
        Ok(())
    }
}
