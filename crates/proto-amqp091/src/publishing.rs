//! Publishing: method, header and body become a message.
//!
//! ```text
//!   Idle ──basic.publish──→ Header ──content header──→ Body ──last body frame──→ Idle
//!                              └──── of an empty body ───────────────────────────→ Idle
//! ```
//!
//! Most messages lie in the input as a whole: those are taken in one step, straight from where they lie into the
//! arena. The machine above is for those that do not.

use broker::{Destined, MessageCounters, Published};
use message::{Draft, Message};
use wire_amqp091::content::{self, Content};
use wire_amqp091::limits::BODY_LEN_MAX;
use wire_amqp091::method::basic;
use wire_amqp091::properties::{self, Scan};
use wire_amqp091::{Code, ContentHeader, Frame, Kind, frame};

use crate::arguments::RawHeaders;
use crate::connection::Connection;
use crate::context::Context;
use crate::errors::Exception;
use crate::labels::Labels;
use crate::rendering::{Counts, shown};

/// How far a message has come in.
#[derive(Debug, Default)]
pub(crate) enum Assembly {
    /// Nothing is under way.
    #[default]
    Idle,
    /// The method is there.
    Header { exchange: Box<[u8]>, routing_key: Box<[u8]>, is_mandatory: bool },
    /// Method and header are there, and some of the body.
    Body { draft: Draft, left_bytes: u64, is_mandatory: bool },
}

impl Assembly {
    /// How many bytes of a body have come.
    pub(crate) const fn held_bytes(&self) -> usize {
        match self {
            Self::Body { draft, .. } => draft.held_bytes(),
            Self::Idle | Self::Header { .. } => 0,
        }
    }
}

impl Connection {
    /// Takes a `basic.publish` whose fields are given. Returns how much of `rest`, which follows the method's frame, it
    /// has taken as well. While an alarm is on, that is nothing: the client is held back in the middle of its message.
    pub(crate) fn publish_method(
        &mut self,
        cx: &mut Context<'_>,
        number: u16,
        fields: &[u8],
        rest: &[u8],
    ) -> Result<usize, Exception> {
        let alarm = cx.broker.alarm();
        let takes_more = alarm.takes_one_more();
        let whole = if takes_more { whole_content(number, rest, self.payload_max) } else { None };
        let publish = basic::Publish::decode(fields)
            .map_err(|malformed| Exception::malformed(&malformed, &[]))?;
        if publish.immediate {
            return Err(refused(Code::NotImplemented, "immediate=true"));
        }
        self.check_publish(cx, number, publish.exchange, publish.routing_key)?;
        let (exchange, key) = (publish.exchange, publish.routing_key);
        if self.waits_to_move(cx, |broker, vhost| broker.target_elsewhere(vhost, exchange, key)) {
            return Ok(0);
        }
        if let Some((header, body, len)) = whole {
            let scan = check_header(&header, self.settings.limits.message_size_max)?;
            let labels = self.labels(cx, number, publish.exchange, &scan)?;
            let address = labels.address(publish.exchange, publish.routing_key, &scan, cx.now_ms);
            let rewritten = labels
                .rewritten(header.properties)
                .map_err(|malformed| Exception::malformed(&malformed, &[]))?;
            let properties = rewritten.as_deref().unwrap_or(header.properties);
            let message = cx.arena.message(&address, properties, body);
            let may_come_again = rewritten.is_none() && !message.has_fields();
            if may_come_again && let Some(channel) = self.channels.get_mut(number) {
                channel.last_publish.keep(number, fields, &message);
                self.repeating = Some(number);
            }
            let headers = RawHeaders { table: scan.headers, properties: header.properties };
            self.publish(cx, number, message, headers, publish.mandatory)?;
            if may_come_again && let Some(channel) = self.channels.get_mut(number) {
                channel.publisher.expect_again();
            }
            return Ok(len);
        }
        if let Some(channel) = self.channels.get_mut(number) {
            channel.assembly = Assembly::Header {
                exchange: publish.exchange.into(),
                routing_key: publish.routing_key.into(),
                is_mandatory: publish.mandatory,
            };
        }
        if !takes_more {
            self.block(alarm);
        }
        Ok(0)
    }

    /// Takes the next frame of a message that is under way.
    pub(crate) fn content_frame(
        &mut self,
        cx: &mut Context<'_>,
        frame: &Frame<'_>,
    ) -> Result<(), Exception> {
        let Some(channel) = self.channels.get_mut(frame.channel) else { return Ok(()) };
        match std::mem::take(&mut channel.assembly) {
            Assembly::Idle => {
                Err(unexpected("expected method frame, got non method frame instead", 0))
            }
            Assembly::Header { exchange, routing_key, is_mandatory } => {
                if frame.kind != Kind::Header {
                    let text = "expected content header for class 60, got non content header frame instead";
                    return Err(unexpected(text, basic::Publish::ID));
                }
                let header = ContentHeader::decode(frame.payload)
                    .map_err(|malformed| Exception::malformed(&malformed, frame.payload))?;
                let scan = check_header(&header, self.settings.limits.message_size_max)?;
                let labels = self.labels(cx, frame.channel, &exchange, &scan)?;
                let address = labels.address(&exchange, &routing_key, &scan, cx.now_ms);
                let rewritten = labels
                    .rewritten(header.properties)
                    .map_err(|malformed| Exception::malformed(&malformed, &[]))?;
                let properties = rewritten.as_deref().unwrap_or(header.properties);
                let draft = Draft::new(&address, properties);
                self.go_on(cx, frame.channel, draft, header.body_len, is_mandatory)
            }
            Assembly::Body { mut draft, left_bytes, is_mandatory } => {
                if frame.kind != Kind::Body {
                    let text = "expected content body, got non content body frame instead";
                    return Err(unexpected(text, basic::Publish::ID));
                }
                let Some(left_bytes) = left_bytes.checked_sub(frame.payload.len() as u64) else {
                    let text = "content body frame exceeds remaining content size";
                    return Err(Exception::new(Code::FrameError, text, basic::Publish::ID));
                };
                draft.push(frame.payload, left_bytes);
                self.go_on(cx, frame.channel, draft, left_bytes, is_mandatory)
            }
        }
    }

    /// What the properties of a message for this exchange say that concerns the broker. That there is no such exchange
    /// is said before anything else is found wrong.
    fn labels<'s>(
        &'s self,
        cx: &Context<'_>,
        number: u16,
        exchange: &[u8],
        scan: &Scan<'s>,
    ) -> Result<Labels<'s>, Exception> {
        let unless_refused = |exception: Exception| {
            let channel = self.channels.get(number);
            match channel.map(|channel| cx.broker.may_publish(&channel.publisher, exchange)) {
                Some(Err(refusal)) => Exception::refused(&refusal, basic::Publish::ID),
                _ => exception,
            }
        };
        let reply_to = self.reply_name(number, scan.reply_to).map_err(unless_refused)?;
        let unfit = |unfit| unless_refused(Exception::unfit(&unfit, basic::Publish::ID));
        let mut labels =
            Labels::read(scan, self.publishes_as(cx, scan.user_id), cx.now_ms).map_err(unfit)?;
        labels.reply_to = reply_to;
        Ok(labels)
    }

    /// Publishes a message that is whole, or waits for the rest of it.
    fn go_on(
        &mut self,
        cx: &mut Context<'_>,
        number: u16,
        draft: Draft,
        left_bytes: u64,
        is_mandatory: bool,
    ) -> Result<(), Exception> {
        if left_bytes > 0 {
            if let Some(channel) = self.channels.get_mut(number) {
                channel.assembly = Assembly::Body { draft, left_bytes, is_mandatory };
            }
            return Ok(());
        }
        let message = draft.finish();
        let again = message.clone();
        let scan = properties::scan(again.properties());
        let scan = scan.map_err(|malformed| Exception::malformed(&malformed, &[]))?;
        let headers = RawHeaders { table: scan.headers, properties: again.properties() };
        self.publish(cx, number, message, headers, is_mandatory)
    }

    /// Publishes a message.
    fn publish(
        &mut self,
        cx: &mut Context<'_>,
        number: u16,
        message: Message,
        headers: RawHeaders<'_>,
        is_mandatory: bool,
    ) -> Result<(), Exception> {
        self.has_published = true;
        if self.watched.is_on {
            self.copy_publish(cx, number, &message, &headers);
        }
        let Some(channel) = self.channels.get_mut(number) else { return Ok(()) };
        if !channel.has_uncounted {
            channel.has_uncounted = true;
            self.story.published.push(number);
        }
        cx.broker.count_size(message.body_len());
        if let Some(transaction) = &mut channel.transaction {
            let destined = cx.broker.destine(&mut channel.publisher, &message, &headers);
            let destined =
                destined.map_err(|refusal| Exception::refused(&refusal, basic::Publish::ID))?;
            transaction.publish(message, destined, is_mandatory, basic::Publish::ID)?;
            channel.count_held(&mut self.channel_bytes);
            return Ok(());
        }
        let kept = is_mandatory.then(|| message.clone());
        let published = cx.broker.publish(&mut channel.publisher, message, &headers);
        let published =
            published.map_err(|refusal| Exception::refused(&refusal, basic::Publish::ID))?;
        let exchange = channel.publisher.last_exchange();
        self.published(cx, (number, exchange), published, kept);
        Ok(())
    }

    /// A message of a transaction that is committed goes where it was destined to go when it was published.
    pub(crate) fn send_destined(
        &mut self,
        cx: &mut Context<'_>,
        number: u16,
        (message, destined, is_mandatory): (Message, Destined, bool),
    ) {
        let Some(channel) = self.channels.get_mut(number) else { return };
        let published = cx.broker.send_destined(&mut channel.publisher, &message, &destined);
        let place = (number, destined.exchange());
        self.published(cx, place, published, is_mandatory.then_some(message));
    }

    /// What became of a message that a channel has sent to an exchange, which is `kept` if its producer wants it back from nowhere.
    fn published(
        &mut self,
        cx: &mut Context<'_>,
        (number, exchange): (u16, u64),
        published: Published,
        kept: Option<Message>,
    ) {
        match published {
            Published::Routed => {}
            Published::Replied => self.confirm_is_due(number),
            Published::Unroutable => {
                let is_returned = u64::from(kept.is_some());
                let counters = MessageCounters {
                    return_unroutable: is_returned,
                    drop_unroutable: 1 - is_returned,
                    ..MessageCounters::ZERO
                };
                if let Some(channel) = self.channels.get_mut(number) {
                    channel.breakdown().count_exchange(exchange, |sum| *sum += counters);
                }
                self.count(number, counters);
                if let Some(message) = kept {
                    self.write_return(number, &message);
                }
                self.confirm_is_due(number);
            }
        }
        let alarm = cx.broker.alarm();
        if alarm.is_store_full {
            self.block(alarm);
        }
    }

    fn write_return(&mut self, number: u16, message: &Message) {
        let returned = basic::Return {
            reply_code: Code::NoRoute.number(),
            reply_text: Code::NoRoute.name(),
            exchange: message.exchange(),
            routing_key: message.routing_key(),
        };
        let shown = shown(message, Counts::default(), self.out.frame_max);
        let properties = shown.as_deref().unwrap_or_else(|| message.properties());
        let content = Content { properties, body: message.body() };
        let frame_max = self.out.frame_max;
        content::write_return(self.out.buffer(), number, &returned, &content, frame_max);
    }
}

/// Whether a content header belongs to a publish, fits the limits, and has properties that make sense.
#[inline]
fn check_header<'h>(
    header: &ContentHeader<'h>,
    message_size_max: u64,
) -> Result<Scan<'h>, Exception> {
    let fits = header.body_len <= message_size_max.min(BODY_LEN_MAX);
    if !header.is_basic() || !fits {
        return Err(bad_header(header, message_size_max));
    }
    properties::scan(header.properties)
        .map_err(|malformed| Exception::malformed(&malformed, header.properties))
}

#[cold]
fn bad_header(header: &ContentHeader<'_>, message_size_max: u64) -> Exception {
    let (class_id, len) = (header.class_id, header.body_len);
    if class_id != basic::CLASS_ID {
        let text =
            format!("expected content header for class 60, got one for class {class_id} instead");
        unexpected(&text, basic::Publish::ID)
    } else if !header.is_basic() {
        let text = "expected content header for class 60, got non content header frame instead";
        unexpected(text, basic::Publish::ID)
    } else if len > BODY_LEN_MAX {
        let text = format!("content body size {len} exceeds maximum allowed size {BODY_LEN_MAX}");
        refused(Code::FrameError, &text)
    } else {
        let text =
            format!("message size {len} is larger than configured max size {message_size_max}");
        refused(Code::PreconditionFailed, &text)
    }
}

/// The header and body behind a method, if both lie in `rest` as a whole and the body is one frame, and how many bytes
/// they take.
#[inline]
fn whole_content(
    number: u16,
    rest: &[u8],
    payload_max: usize,
) -> Option<(ContentHeader<'_>, &[u8], usize)> {
    let (frame, header_len) = frame::parse(rest, payload_max).ok()??;
    if frame.kind != Kind::Header || frame.channel != number {
        return None;
    }
    let header = ContentHeader::decode(frame.payload).ok()?;
    if header.body_len == 0 {
        return Some((header, &[], header_len));
    }
    let (frame, body_len) = frame::parse(&rest[header_len..], payload_max).ok()??;
    let is_whole = frame.kind == Kind::Body
        && frame.channel == number
        && frame.payload.len() as u64 == header.body_len;
    is_whole.then_some((header, frame.payload, header_len + body_len))
}

fn refused(code: Code, text: &str) -> Exception {
    Exception::new(code, text, basic::Publish::ID)
}

fn unexpected(text: &str, method: u32) -> Exception {
    Exception::new(Code::UnexpectedFrame, text, method)
}
