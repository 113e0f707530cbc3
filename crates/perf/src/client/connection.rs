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

use wire_amqp091::limits::{CHANNEL_OF_CONNECTION, FRAME_MAX_DEFAULT, payload_max};
use wire_amqp091::method::{self, Encode, basic, channel, confirm, connection, queue};
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

    /// Puts the frame of a method in line that is answered by the method `answer`.
    pub(crate) fn ask_encoded(&mut self, bytes: Vec<u8>, answer: u32, about: String) {
        self.put_in_line(Request { bytes, answer, about, may_be_absent: false });
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

    /// How many questions have no answer yet.
    pub(crate) fn questions(&self) -> usize {
        self.requests.len()
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
        frame::write_method(&mut self.out, CHANNEL_OF_CONNECTION, &goodbye);
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

    /// What was underway before the broker read the goodbye does not matter, and may be millions of deliveries.
    fn receive_closing(&mut self, frame: Frame<'_>) {
        let is_close_ok = frame.kind == Kind::Method
            && frame.channel == CHANNEL_OF_CONNECTION
            && method::split(frame.payload).is_ok_and(|(id, _)| id == connection::CloseOk::ID);
        if is_close_ok {
            self.phase = Phase::Closed;
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

#[cfg(test)]
mod tests {
    use super::super::script::{self, method};
    use super::*;

    fn connection() -> Connection {
        Connection::new(script::login(), "idling")
    }

    fn hear(connection: &mut Connection, bytes: &[u8]) -> Result<Option<News>, Failure> {
        let (frame, _) = frame::parse(bytes, 4096)?.expect("a whole frame");
        connection.receive(frame)
    }

    /// What the client says, which then counts as sent.
    fn said(connection: &mut Connection) -> Vec<String> {
        let names = script::names(connection.output());
        connection.sent(connection.output().len());
        names
    }

    fn open(connection: &mut Connection) {
        for bytes in script::login_answers() {
            hear(connection, &bytes).expect("a broker that lets everybody in");
        }
        connection.sent(connection.output().len());
    }

    #[test]
    fn the_login_goes_step_by_step() {
        let mut connection = connection();
        assert_eq!(connection.output(), b"AMQP\x00\x00\x09\x01");
        connection.sent(8);
        let expected: [&[&str]; 4] = [
            &["connection.start-ok"],
            &["connection.tune-ok", "connection.open"],
            &["channel.open"],
            &[],
        ];
        for (bytes, expected) in script::login_answers().iter().zip(expected) {
            assert!(!connection.is_ready());
            hear(&mut connection, bytes).expect("a broker that lets everybody in");
            assert_eq!(said(&mut connection), expected);
        }
        assert!(connection.is_ready());
    }

    #[test]
    fn requests_are_asked_one_after_the_other() {
        let mut connection = connection();
        connection.ask_for_confirms();
        connection.ask_about_queue("q");
        open(&mut connection);
        assert!(!connection.is_ready());
        let answer = method(CHANNEL, &confirm::SelectOk {});
        assert!(matches!(hear(&mut connection, &answer), Ok(None)));
        assert_eq!(said(&mut connection), ["queue.declare"]);
        let found = queue::DeclareOk { queue: "q", message_count: 7, consumer_count: 0 };
        let news = hear(&mut connection, &method(CHANNEL, &found)).expect("an answer");
        assert_eq!(news, Some(News::Found { messages: 7 }));
        assert!(connection.is_ready());
    }

    #[test]
    fn what_is_absent_closes_the_channel_and_it_is_opened_again() {
        let mut connection = connection();
        open(&mut connection);
        connection.ask_about_queue("q");
        connection.ask_for_confirms();
        assert_eq!(said(&mut connection), ["queue.declare"]);
        let news = hear(&mut connection, &script::channel_close(404, "NOT_FOUND - no queue 'q'"));
        assert!(matches!(news, Ok(Some(News::Absent))));
        assert_eq!(said(&mut connection), ["channel.close-ok", "channel.open"]);
        let opened = method(CHANNEL, &channel::OpenOk { reserved_1: b"" });
        hear(&mut connection, &opened).expect("an answer");
        assert_eq!(said(&mut connection), ["confirm.select"]);
    }

    #[test]
    fn a_close_names_what_was_asked_for() {
        let mut opened = connection();
        open(&mut opened);
        opened.ask_about_queue("q");
        let failure = hear(&mut opened, &script::channel_close(403, "ACCESS_REFUSED - no"));
        let text = failure.expect_err("a refusal").to_string();
        assert_eq!(text, "the broker refused a look at queue 'q': 403 ACCESS_REFUSED - no");

        let mut greeting = connection();
        let close = script::connection_close(530, "NOT_ALLOWED - vhost v not found");
        let text = hear(&mut greeting, &close).expect_err("a refusal").to_string();
        assert!(text.starts_with("the broker refused the login: 530 NOT_ALLOWED"), "{text}");
    }

    #[test]
    fn a_method_out_of_place_is_a_failure() {
        let mut connection = connection();
        open(&mut connection);
        let failure = hear(&mut connection, &method(CHANNEL, &basic::QosOk {}));
        let text = failure.expect_err("nobody asked").to_string();
        assert_eq!(text, "the broker sent basic.qos-ok during idling");
    }

    #[test]
    fn after_the_goodbye_only_its_answer_matters() {
        let mut connection = connection();
        open(&mut connection);
        connection.close();
        connection.close();
        assert_eq!(said(&mut connection), ["connection.close"]);
        for bytes in [method(CHANNEL, &basic::QosOk {}), script::channel_close(404, "NOT_FOUND")] {
            assert!(matches!(hear(&mut connection, &bytes), Ok(None)));
            assert!(!connection.is_closed());
        }
        let close_ok = method(CHANNEL_OF_CONNECTION, &connection::CloseOk {});
        hear(&mut connection, &close_ok).expect("the end");
        assert!(connection.is_closed());
    }

    #[test]
    fn a_blocked_connection_is_news() {
        let mut connection = connection();
        open(&mut connection);
        let blocked = method(CHANNEL_OF_CONNECTION, &connection::Blocked { reason: "memory" });
        let news = hear(&mut connection, &blocked).expect("news");
        assert_eq!(news, Some(News::Blocked { is_blocked: true }));
    }
}
