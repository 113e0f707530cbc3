//! One connection with one channel: login, requests one after the other, and the end.
//!
//! ```text
//!             start          tune            open-ok            last answer
//!   Greeting ───────▶ Tuning ──────▶ Opening ─────────▶ Asking ─────────────▶ Ready
//!                                                          ▲   ask             │  │ close
//!                                                          └───────────────────┘  ▼
//!                                                                  Closed ◀── Closing
//!                                                                       close-ok
//! ```
//!
//! A close from the broker in any state is a [`Failure`] that names what was being asked for, with one exception: a
//! question whether something exists may be answered by 404, which closes the channel; it is opened again.

use std::collections::VecDeque;

use wire_amqp091::limits::{FRAME_MAX_DEFAULT, payload_max};
use wire_amqp091::method::{Encode, basic, channel, confirm, connection, queue};
use wire_amqp091::{Code, Frame, Kind, Method, frame, protocol_header};

use super::CHANNEL;
use super::handshake::Login;
use crate::failure::Failure;

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Greeting,
    Tuning,
    Opening,
    Asking,
    Ready,
    Closing,
    Closed,
}

/// What the broker said, where the owner of the connection has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// The queue that was asked about exists, with this many messages ready.
    Found { messages: u32 },
    /// The queue that was asked about does not exist.
    Absent,
    /// The broker stops reading from this connection, or goes on.
    Blocked { is_blocked: bool },
}

/// A method that is waiting for its answer, or for its turn.
#[derive(Debug)]
struct Request {
    bytes: Vec<u8>,
    /// The method that answers it.
    answer: u32,
    /// For people: what the broker refuses when it refuses this.
    about: String,
    /// Whether 404 is an answer.
    may_be_absent: bool,
}

/// The state of one connection.
pub(crate) struct Connection {
    login: Login,
    phase: Phase,
    /// The first one was sent while the phase is [`Phase::Asking`].
    requests: VecDeque<Request>,
    out: Vec<u8>,
    sent_len: usize,
    frame_max: u32,
    /// For people: what goes on when nothing is being asked for.
    purpose: &'static str,
}

impl Connection {
    /// A connection whose protocol header waits to be sent; `purpose` is told when it breaks later on.
    pub(crate) fn new(login: Login, purpose: &'static str) -> Self {
        let open = channel::Open { reserved_1: "" };
        let opening = Request::new(&open, channel::OpenOk::ID, "a channel".to_owned());
        Self {
            login,
            phase: Phase::Greeting,
            requests: VecDeque::from([opening]),
            out: protocol_header::AMQP_0_9_1.to_vec(),
            sent_len: 0,
            frame_max: FRAME_MAX_DEFAULT,
            purpose,
        }
    }

    /// Puts a method in line that is answered by the method `answer`; `about` says for people what it wants.
    pub(crate) fn ask(&mut self, method: &impl Encode, answer: u32, about: impl Into<String>) {
        self.put_in_line(Request::new(method, answer, about.into()));
    }

    /// Asks for confirms of what is published.
    pub(crate) fn ask_for_confirms(&mut self) {
        let select = confirm::Select { no_wait: false };
        self.ask(&select, confirm::SelectOk::ID, "publisher confirms");
    }

    /// Asks whether a queue exists; the answer is [`News::Found`] or [`News::Absent`].
    pub(crate) fn ask_about_queue(&mut self, name: &str) {
        let passive = queue::Declare {
            ticket: 0,
            queue: name,
            passive: true,
            durable: false,
            exclusive: false,
            auto_delete: false,
            no_wait: false,
            arguments: wire_amqp091::Table::new(),
        };
        let about = format!("a look at queue '{name}'");
        let request = Request::new(&passive, queue::DeclareOk::ID, about);
        self.put_in_line(Request { may_be_absent: true, ..request });
    }

    fn put_in_line(&mut self, request: Request) {
        self.requests.push_back(request);
        if self.phase == Phase::Ready {
            self.ask_next();
        }
    }

    /// Bytes to be sent.
    pub(crate) fn output(&self) -> &[u8] {
        &self.out[self.sent_len..]
    }

    /// Where to append bytes to be sent.
    pub(crate) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// The first `len` bytes of the output are on their way.
    pub(crate) fn sent(&mut self, len: usize) {
        self.sent_len += len;
        assert!(self.sent_len <= self.out.len(), "no more is sent than there was");
        if self.sent_len == self.out.len() {
            self.out.clear();
            self.sent_len = 0;
        }
    }

    /// Whether everything that was asked for is there.
    pub(crate) fn is_ready(&self) -> bool {
        self.phase == Phase::Ready
    }

    /// Whether [`Connection::close`] was called.
    pub(crate) fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing | Phase::Closed)
    }

    /// Whether the broker agreed to the end.
    pub(crate) fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// The largest frame that may be sent, in bytes.
    pub(crate) fn frame_max(&self) -> u32 {
        self.frame_max
    }

    /// The largest payload to be accepted, in bytes.
    pub(crate) fn payload_max(&self) -> usize {
        payload_max(self.frame_max)
    }

    /// For people: what is going on.
    pub(crate) fn activity(&self) -> &str {
        match self.phase {
            Phase::Greeting | Phase::Tuning | Phase::Opening => "the login",
            Phase::Asking => self.requests.front().map_or(self.purpose, |first| &first.about),
            Phase::Ready => self.purpose,
            Phase::Closing | Phase::Closed => "the end of the connection",
        }
    }

    /// Says goodbye; deliveries that are still underway do not matter.
    pub(crate) fn close(&mut self) {
        if self.is_closing() {
            return;
        }
        let goodbye = connection::Close {
            reply_code: Code::ReplySuccess.number(),
            reply_text: "the load is over",
            class_id: 0,
            method_id: 0,
        };
        frame::write_method(&mut self.out, 0, &goodbye);
        self.phase = Phase::Closing;
    }

    /// Takes a frame that is not content.
    ///
    /// # Errors
    /// The broker closes, or says what it may not.
    pub(crate) fn receive(&mut self, frame: Frame<'_>) -> Result<Option<News>, Failure> {
        match frame.kind {
            Kind::Heartbeat => Ok(None),
            _ if self.is_closing() => {
                self.receive_closing(frame);
                Ok(None)
            }
            Kind::Method => self.receive_method(&Method::decode(frame.payload)?),
            Kind::Header | Kind::Body => {
                Err(Failure::Unexpected("content that belongs to no method".to_owned()))
            }
        }
    }

    fn receive_closing(&mut self, frame: Frame<'_>) {
        match Method::decode(frame.payload) {
            Ok(Method::ConnectionCloseOk(_)) if frame.kind == Kind::Method => {
                self.phase = Phase::Closed;
            }
            _ => {} // What was underway before the broker read the goodbye.
        }
    }

    fn receive_method(&mut self, method: &Method<'_>) -> Result<Option<News>, Failure> {
        match (self.phase, method) {
            (Phase::Greeting, Method::ConnectionStart(start)) => {
                self.login.answer_start(start, &mut self.out)?;
                self.phase = Phase::Tuning;
            }
            (Phase::Tuning, Method::ConnectionTune(tune)) => {
                self.frame_max = self.login.answer_tune(tune, &mut self.out);
                self.phase = Phase::Opening;
            }
            (Phase::Opening, Method::ConnectionOpenOk(_)) => self.ask_next(),
            (_, Method::ConnectionClose(close)) => {
                return Err(self.closed(close.reply_code, close.reply_text));
            }
            (_, Method::ChannelClose(close)) => {
                return self.receive_channel_close(close).map(Some);
            }
            (_, Method::ConnectionBlocked(_)) => {
                return Ok(Some(News::Blocked { is_blocked: true }));
            }
            (_, Method::ConnectionUnblocked(_)) => {
                return Ok(Some(News::Blocked { is_blocked: false }));
            }
            (Phase::Asking, answer) if self.is_answer(answer.id()) => {
                let answered = self.requests.pop_front();
                self.ask_next();
                if let (Some(Request { may_be_absent: true, .. }), Method::QueueDeclareOk(found)) =
                    (answered, answer)
                {
                    return Ok(Some(News::Found { messages: found.message_count }));
                }
            }
            (_, Method::BasicCancel(basic::Cancel { consumer_tag, .. })) => {
                let what = format!("the end of consumer '{consumer_tag}'; was its queue deleted?");
                return Err(Failure::Unexpected(what));
            }
            (_, method) => {
                let what = format!("{} during {}", method.name(), self.activity());
                return Err(Failure::Unexpected(what));
            }
        }
        Ok(None)
    }

    fn is_answer(&self, id: u32) -> bool {
        self.requests.front().is_some_and(|request| request.answer == id)
    }

    fn receive_channel_close(&mut self, close: &channel::Close<'_>) -> Result<News, Failure> {
        let may_be_absent = self.requests.front().is_some_and(|request| request.may_be_absent);
        if self.phase != Phase::Asking
            || !may_be_absent
            || close.reply_code != Code::NotFound.number()
        {
            return Err(self.closed(close.reply_code, close.reply_text));
        }
        frame::write_method(&mut self.out, CHANNEL, &channel::CloseOk {});
        let open = channel::Open { reserved_1: "" };
        let again = Request::new(&open, channel::OpenOk::ID, "a channel".to_owned());
        if let Some(first) = self.requests.front_mut() {
            *first = again;
        }
        self.ask_next();
        Ok(News::Absent)
    }

    fn ask_next(&mut self) {
        match self.requests.front_mut() {
            Some(request) => {
                self.out.append(&mut request.bytes);
                self.phase = Phase::Asking;
            }
            None => self.phase = Phase::Ready,
        }
    }

    fn closed(&self, code: u16, text: &str) -> Failure {
        Failure::Closed { during: self.activity().to_owned(), code, text: text.to_owned() }
    }
}

impl Request {
    fn new(method: &impl Encode, answer: u32, about: String) -> Self {
        let mut bytes = Vec::new();
        frame::write_method(&mut bytes, CHANNEL, method);
        Self { bytes, answer, about, may_be_absent: false }
    }
}
