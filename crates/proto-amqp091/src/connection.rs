//! The machine of one connection.
//!
//! ```text
//!   Greeting ─header→ Starting ─start-ok→ Verifying ─right→ Tuning ─tune-ok→ Opening ─open→ Running
//!      │                                     │                                      │    │
//!      │ other protocol                      │ wrong password    their close ──────┘    └─ our close
//!      ↓                                     ↓                        ↓                       ↓
//!   Finished                              Closing                  Leaving ──→ Finished ←── Closing
//! ```
//!
//! Input is parsed as long as nothing is asked of the broker: a request (a declaration, say) has to be answered
//! before what follows it on the connection is looked at. Publishing and acknowledging ask nothing.

use std::sync::Arc;

use broker::{Event, Gone};
use message::{ClientId, Name};
use stdx::{Random, Recent, Time};
use wire_amqp091::limits::{FRAME_HEAD_BYTES, FRAME_OVERHEAD_BYTES, payload_max};
use wire_amqp091::{Frame, Kind, frame, protocol_header};

use crate::asking::Asked;
use crate::channel::Channel;
use crate::consumers::Consumers;
use crate::context::Context;
use crate::counting::Story;
use crate::errors::Exception;
use crate::firehose::Watched;
use crate::happening::{Happening, Identity};
use crate::heartbeat::{Due, Heartbeat};
use crate::moving::Residence;
use crate::notice::{Notice, Severity};
use crate::outgoing::Outgoing;
use crate::peer::Peer;
use crate::piece::Torn;
use crate::settings::Settings;

/// Memory for a partly received frame above this is given back when the frame is whole.
const KEPT_BYTES: usize = 4 * 1024;

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Greeting,
    Starting,
    /// It is being found out whether the client is who it says. It is not listened to.
    Verifying,
    Tuning,
    Opening,
    Running,
    /// We have sent connection.close. If the client's bytes make no sense any more, nothing of them is read.
    Closing {
        until: Time,
        is_deaf: bool,
    },
    /// The client has sent connection.close, and its queues are being deleted.
    Leaving,
    Finished,
}

/// What a client said that it can do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Abilities {
    pub(crate) authentication_failure_close: bool,
    pub(crate) connection_blocked: bool,
    pub(crate) consumer_cancel_notify: bool,
}

/// One AMQP 0-9-1 connection.
#[derive(Debug)]
pub struct Connection {
    pub(crate) client: ClientId,
    /// The number that it was accepted with, by which the log calls it.
    pub(crate) first_client: ClientId,
    pub(crate) residence: Residence,
    pub(crate) peer: Peer,
    pub(crate) settings: Arc<Settings>,
    pub(crate) stage: Stage,
    pub(crate) abilities: Abilities,
    pub(crate) channel_max: u16,
    pub(crate) vhost: Name,
    pub(crate) user: String,
    /// Who the client says it is, until the shard takes it.
    pub(crate) claim: Option<Box<auth::Claim>>,
    /// Input that waits for its rest, or for an answer.
    incoming: Vec<u8>,
    /// How much of `incoming` has been handled.
    handled: usize,
    /// The body frame of which some has been taken: `incoming` goes on in the middle of it.
    pub(crate) torn: Option<Torn>,
    pub(crate) payload_max: usize,
    pub(crate) out: Outgoing,
    pub(crate) channels: Recent<u16, Channel>,
    pub(crate) consumers: Consumers,
    pub(crate) asked: Option<Asked>,
    /// The channel whose transaction is being committed.
    pub(crate) committing: Option<u16>,
    /// Channels with confirms to write, each once.
    pub(crate) confirm_due: Vec<u16>,
    pub(crate) heartbeat: Heartbeat,
    handshake_until: Time,
    pub(crate) random: Random,
    pub(crate) notices: Vec<Notice>,
    pub(crate) happenings: Vec<Happening>,
    pub(crate) watched: Watched,
    /// Whose it is, once it is open.
    pub(crate) identity: Option<Arc<Identity>>,
    pub(crate) accepted_at: Time,
    /// When something was heard of it, as far as the log wants to know.
    pub(crate) seen_at: Time,
    pub(crate) has_published: bool,
    /// The channel whose next messages may be like its last one.
    pub(crate) repeating: Option<u16>,
    /// It publishes while the node is short of something: it is not listened to.
    pub(crate) is_blocked: bool,
    /// What its channels hold, as far as that is counted.
    pub(crate) channel_bytes: usize,
    /// How many channels have been opened.
    pub(crate) opened_count: u64,
    /// How often a channel has asked to take answers.
    pub(crate) reply_count: u64,
    pub(crate) story: Story,
}

impl Connection {
    /// A connection that has just been accepted. `random` names consumers.
    pub fn new(
        client: ClientId,
        peer: Peer,
        settings: Arc<Settings>,
        random: Random,
        now: Time,
    ) -> Self {
        let limits = settings.limits;
        let mut connection = Self {
            client,
            first_client: client,
            residence: Residence::default(),
            peer,
            stage: Stage::Greeting,
            abilities: Abilities::default(),
            channel_max: limits.channel_max,
            vhost: Name::fixed("/"),
            user: String::new(),
            claim: None,
            incoming: Vec::new(),
            handled: 0,
            torn: None,
            payload_max: payload_max(limits.initial_frame_max),
            out: Outgoing::default(),
            channels: Recent::new(),
            consumers: Consumers::default(),
            asked: None,
            committing: None,
            confirm_due: Vec::new(),
            heartbeat: Heartbeat::new(now),
            handshake_until: now.plus_millis(limits.handshake_timeout_ms),
            random,
            notices: Vec::new(),
            happenings: Vec::new(),
            watched: Watched::default(),
            identity: None,
            accepted_at: now,
            seen_at: now,
            has_published: false,
            repeating: None,
            is_blocked: false,
            channel_bytes: 0,
            opened_count: 0,
            reply_count: 0,
            story: Story::default(),
            settings,
        };
        connection.notice_accepted();
        connection
    }

    /// Takes bytes that the client sent.
    pub fn receive(&mut self, cx: &mut Context<'_>, mut bytes: &[u8]) {
        self.heartbeat.heard(cx.now);
        self.seen_at = cx.now;
        self.story.octets.received += bytes.len() as u64;
        self.story.octets.receive_count += 1;
        self.look_for_watchers(cx);
        self.incoming.drain(..std::mem::take(&mut self.handled));
        while !self.incoming.is_empty() && !bytes.is_empty() && !self.is_held() {
            bytes = self.complete_frame(cx, bytes);
        }
        if self.incoming.is_empty() {
            let used = self.consume(cx, bytes);
            bytes = &bytes[used..];
        }
        if self.stage != Stage::Finished {
            self.incoming.extend_from_slice(bytes);
        }
    }

    /// Takes something that the broker has to tell.
    pub fn hear(&mut self, cx: &mut Context<'_>, event: Event) {
        match event {
            Event::Deliver { queue, deliveries } => self.deliver(cx, queue, deliveries),
            Event::Confirmed { link, first, last } => {
                self.decided(cx, link, |publisher| publisher.confirmed(first, last));
            }
            Event::Rejected { link, first, last } => {
                self.decided(cx, link, |publisher| publisher.rejected(first, last));
            }
            Event::Answered { link, reply } => {
                self.answered(cx, link, *reply);
                self.resume(cx);
            }
            Event::Reply { link, message } => self.deliver_reply(link, &message),
            Event::Evicted { gone: Gone::Vhost(vhost) } => {
                self.force_close(cx, &format!("vhost '{vhost}' is deleted"));
            }
            Event::Evicted { gone: Gone::User(user) } => {
                self.force_close(cx, &format!("user '{user}' is deleted"));
            }
            Event::Cancelled { consumer, reason } => {
                self.cancelled(cx, consumer, reason);
                self.resume(cx);
            }
        }
    }

    /// Ends a turn: writes what is better said once than many times.
    pub fn end_turn(&mut self, cx: &mut Context<'_>) {
        self.write_confirms();
        self.tell_counts(cx);
    }

    /// When the client has connected, in milliseconds since 1970.
    pub const fn set_connected_at(&mut self, now_ms: u64) {
        self.story.connected_at_ms = now_ms;
    }

    /// Bytes for the client, in pieces of which none is empty.
    pub fn output(&self) -> impl Iterator<Item = &[u8]> {
        self.out.pieces()
    }

    /// How many these are.
    pub const fn output_len(&self) -> usize {
        self.out.pending_len()
    }

    /// The socket has taken `count` bytes of [`Connection::output`].
    pub fn sent(&mut self, cx: &mut Context<'_>, count: usize) {
        self.heartbeat.spoke(cx.now);
        self.story.octets.sent += count as u64;
        self.story.octets.send_count += u64::from(count > 0);
        if count > 0 && self.is_held() {
            // We do not listen to it at the moment; that it takes what it is sent is the sign of life there is.
            self.heartbeat.heard(cx.now);
        }
        self.out.advance(count);
        if self.out.is_low() {
            self.consumers.pay(self.client, cx.broker);
            self.resume(cx);
        }
    }

    /// Whether more bytes of the client are wanted. While not, the socket is not read, and the client is held back by
    /// its own full socket.
    pub fn wants_input(&self) -> bool {
        !self.is_held()
    }

    /// The shell does not read the socket for reasons of its own: the client's silence means nothing.
    pub const fn excuse(&mut self, now: Time) {
        self.heartbeat.heard(now);
    }

    /// Whether the socket is to be closed once [`Connection::output`] is sent.
    pub fn is_finished(&self) -> bool {
        self.stage == Stage::Finished
    }

    /// Whether the client has published anything.
    pub const fn has_published(&self) -> bool {
        self.has_published
    }

    /// About how much memory it holds: what waits to be sent, what has come in and waits for its rest, and its list of
    /// deliveries that are not acknowledged. Messages in queues are not counted here.
    pub const fn held_bytes(&self) -> usize {
        self.out.held_bytes() + self.incoming.capacity() + self.channel_bytes
    }

    /// Gives back memory that is kept to be used again.
    pub fn shed(&mut self) {
        if self.out.is_empty() {
            self.out.drop_all();
        }
        if self.incoming.is_empty() {
            self.incoming = Vec::new();
        }
        self.confirm_due.shrink_to_fit();
        self.notices.shrink_to_fit();
        self.story.published.shrink_to_fit();
        self.channels.values_mut().for_each(Channel::shed);
    }

    /// The address of the client, for people.
    pub fn peer_address(&self) -> &str {
        &self.peer.address
    }

    /// Something for the log.
    pub fn poll_notice(&mut self) -> Option<Notice> {
        (!self.notices.is_empty()).then(|| self.notices.remove(0))
    }

    /// When [`Connection::handle_timeout`] has to be called at the latest.
    pub fn poll_timeout(&self) -> Option<Time> {
        match self.stage {
            Stage::Greeting
            | Stage::Starting
            | Stage::Verifying
            | Stage::Tuning
            | Stage::Opening => Some(self.handshake_until),
            Stage::Running | Stage::Leaving => self.heartbeat.deadline(),
            Stage::Closing { until, .. } => Some(until),
            Stage::Finished => (!self.out.is_empty()).then(|| self.heartbeat.gone()),
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, cx: &mut Context<'_>) {
        self.seen_at = cx.now;
        match self.stage {
            Stage::Greeting
            | Stage::Starting
            | Stage::Verifying
            | Stage::Tuning
            | Stage::Opening => {
                if cx.now >= self.handshake_until {
                    self.notice_lost(Severity::Error, "handshake_timeout");
                    self.end();
                }
            }
            // Whoever is not listened to cannot show that it lives.
            Stage::Running if self.is_blocked && self.heartbeat.is_overdue(cx.now) => {
                self.heartbeat.heard(cx.now);
            }
            Stage::Running | Stage::Leaving => match self.heartbeat.due(cx.now) {
                Due::Nothing => {}
                Due::Speak => {
                    if self.out.is_empty() {
                        frame::write_heartbeat(self.out.buffer());
                    }
                    self.heartbeat.spoke(cx.now);
                }
                Due::PeerIsDead => {
                    let interval_s = self.heartbeat.interval_s();
                    let why = format!("missed heartbeats from client, timeout: {interval_s}s");
                    self.notice_lost(Severity::Error, &why);
                    self.abandon(cx);
                    self.out.drop_all();
                }
            },
            Stage::Closing { until, .. } => {
                if cx.now >= until {
                    self.finish();
                    self.out.drop_all();
                }
            }
            Stage::Finished => {
                if cx.now >= self.heartbeat.gone() {
                    self.out.drop_all();
                }
            }
        }
    }

    /// It is over, and both sides know.
    pub(crate) fn finish(&mut self) {
        if self.stage != Stage::Finished {
            self.notice_closing();
        }
        self.end();
    }

    /// It is over, and why has been said.
    pub(crate) fn end(&mut self) {
        self.stage = Stage::Finished;
        self.incoming = Vec::new();
        self.handled = 0;
    }

    /// Whether input has to wait: for an answer, for the end of an alarm, or for the client to take what it has asked
    /// for.
    fn is_held(&self) -> bool {
        self.stage == Stage::Verifying || self.is_stalled()
    }

    /// The same, of a connection that knows its client.
    fn is_stalled(&self) -> bool {
        self.asked.is_some() || self.has_to_pause()
    }

    /// Whether input has to wait for something else than an answer.
    fn has_to_pause(&self) -> bool {
        self.committing.is_some() || self.is_blocked || self.out.is_full()
    }

    /// Whether what comes next need not wait for the answer that everything else waits for.
    fn goes_on(&self, cx: &Context<'_>, bytes: &[u8]) -> bool {
        self.torn.is_none() && !self.has_to_pause() && self.asks_the_same(cx, bytes)
    }

    /// Goes on with what had to wait for an answer.
    pub(crate) fn resume(&mut self, cx: &mut Context<'_>) {
        if !self.is_held() && self.handled < self.incoming.len() {
            let bytes = std::mem::take(&mut self.incoming);
            self.handled += self.consume(cx, &bytes[self.handled..]);
            let is_done = self.handled == bytes.len() || self.stage == Stage::Finished;
            if is_done {
                self.handled = 0;
            } else {
                self.incoming = bytes;
            }
        }
    }

    /// Adds to a partly received frame what it lacks, and handles it. Returns what is left of `bytes`.
    fn complete_frame<'b>(&mut self, cx: &mut Context<'_>, mut bytes: &'b [u8]) -> &'b [u8] {
        // At first perhaps the head is not whole, so that the frame's length is not known.
        for _ in 0..2 {
            let missing = self.first_frame_len().saturating_sub(self.incoming.len());
            let (taken, rest) = bytes.split_at(missing.min(bytes.len()));
            self.incoming.extend_from_slice(taken);
            bytes = rest;
        }
        if self.incoming.len() < self.first_frame_len() {
            return bytes;
        }
        let mut whole = std::mem::take(&mut self.incoming);
        let used = self.consume(cx, &whole);
        whole.drain(..used);
        if self.stage != Stage::Finished && (!whole.is_empty() || whole.capacity() <= KEPT_BYTES) {
            self.incoming = whole;
        }
        bytes
    }

    /// How long the first frame of `incoming` is, as far as is known. One that claims more than is allowed is as long as
    /// its head: that is all that has to be there to refuse it.
    fn first_frame_len(&self) -> usize {
        if self.stage == Stage::Greeting {
            return protocol_header::LEN;
        }
        if let Some(torn) = &self.torn {
            return torn.missing_bytes();
        }
        match frame::split_head(&self.incoming) {
            Some((head, _)) if head.payload_len as usize <= self.payload_max => {
                head.payload_len as usize + FRAME_OVERHEAD_BYTES
            }
            _ => FRAME_HEAD_BYTES,
        }
    }

    /// Handles frames from the start of `bytes`: whole ones, and of a long body what is there. Returns how many bytes it has used.
    fn consume(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> usize {
        let mut used = 0;
        if self.stage == Stage::Greeting {
            match self.greet(bytes) {
                Some(len) => used = len,
                None => return 0,
            }
        }
        let mut frame_start = used;
        while !self.is_stalled() || self.goes_on(cx, &bytes[used..]) {
            frame_start = used;
            match self.stage {
                Stage::Verifying => break,
                Stage::Finished | Stage::Closing { is_deaf: true, .. } => return bytes.len(),
                _ => {}
            }
            if self.torn.is_some() {
                used += self.take_piece(cx, &bytes[used..]);
                if self.torn.is_some() {
                    break;
                }
                continue;
            }
            let mut run_len = self.publish_run(cx, &bytes[used..]);
            if run_len == 0 {
                run_len = self.acknowledge_run(cx, &bytes[used..]);
            }
            if run_len > 0 {
                used += run_len;
                continue;
            }
            let rest = &bytes[used..];
            match frame::parse(rest, self.payload_max) {
                Ok(Some((frame, len))) => {
                    used += len + self.handle_frame(cx, &frame, &rest[len..]);
                }
                Ok(None) => {
                    used += self.tear(cx, rest);
                    break;
                }
                Err(malformed) => {
                    self.fail_deaf(cx, &Exception::malformed(&malformed, &[]));
                    return bytes.len();
                }
            }
        }
        // What shows where it belongs is looked at again when it is there.
        if self.wanted_home().is_some() { frame_start } else { used }
    }

    /// Handles a frame. `rest` is what follows it; returns how much of that was used too.
    pub(crate) fn handle_frame(
        &mut self,
        cx: &mut Context<'_>,
        frame: &Frame<'_>,
        rest: &[u8],
    ) -> usize {
        match self.stage {
            Stage::Running if frame.channel != 0 => {
                return self.channel_frame(cx, frame, rest);
            }
            Stage::Running | Stage::Closing { .. } | Stage::Leaving
                if frame.kind == Kind::Heartbeat && frame.channel == 0 => {}
            Stage::Running => self.connection_frame(cx, frame),
            Stage::Closing { .. } => self.closing_frame(frame),
            Stage::Starting | Stage::Verifying | Stage::Tuning | Stage::Opening => {
                self.handshake_frame(cx, frame)
            }
            Stage::Leaving | Stage::Greeting | Stage::Finished => {}
        }
        0
    }
}
