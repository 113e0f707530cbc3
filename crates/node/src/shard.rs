//! A shard: one thread's connections and queues, and the steps of its turn.
//!
//! ```text
//!   begin_turn → deliver_mail, complete, accept, receive, lost …   the shell hands in what happened
//!   work                                                          events and dispatch, until dry
//!   poll_touched → output, sent, work …                           the shell writes to sockets
//!   poll_mail, poll_submission, poll_timeout                      the shell carries away the rest, and waits
//! ```

use std::collections::VecDeque;
use std::sync::Arc;

use auth::{Claim, Inquiry, Logins, Said, Whence};
use broker::{Broker, Event, Mail};
use message::{Arena, ClientId, ShardId};
use proto_amqp091::{Connection, Context, Octets, Peer, Settings, Severity, Subject};
use stdx::{Random, Time};
use store::{Completion, Fault, Submission};

use crate::chronicle::Chronicle;
use crate::clients::Clients;
use crate::notice::Notice;
use crate::observation::Attempts;
use crate::operator::{Operator, operator_of};
use crate::pace::Pace;
use crate::shortage::Shortage;
use crate::timers::Timers;
use crate::warm::Warm;

/// Above this, what waits for the disk holds back those that publish.
const UNWRITTEN_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Above this, mail that other shards have not taken holds back those that publish.
const UNSENT_MAIL_BYTES_MAX: usize = 16 * 1024 * 1024;

/// One shard.
#[derive(Debug)]
pub struct Shard {
    pub(crate) id: ShardId,
    pub(crate) broker: Broker,
    pub(crate) arena: Arena,
    pub(crate) clients: Clients,
    pub(crate) timers: Timers,
    settings: Arc<Settings>,
    random: Random,
    /// Connections that something happened to in this turn, each once.
    touched: Vec<ClientId>,
    pub(crate) warm: Warm,
    /// Connections that wait to be taken to another shard.
    pub(crate) movers: Vec<ClientId>,
    /// Whether connections may ask for that.
    pub(crate) lets_move: bool,
    pub(crate) is_stopping: bool,
    pace: Pace,
    /// That of those who publish to queues whose consumers take fast, and are outrun all the same.
    outrunning_pace: Pace,
    /// A client was not read because of the pace.
    is_pacing: bool,
    unsent_mail_bytes: usize,
    pub(crate) shortage: Shortage,
    logins: Logins,
    /// Passwords that take long to be looked at, and who has sent them. A client has one at most.
    inquiries: VecDeque<(ClientId, Inquiry)>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) chronicle: Chronicle,
    pub(crate) operator: Operator,
    /// What all clients have sent and were sent.
    pub(crate) octets: Octets,
    /// How many have tried to log in.
    pub(crate) attempts: Attempts,
    /// When the turn began, by the clock that only goes on.
    pub(crate) turn_began_at: Time,
}

impl Shard {
    /// A shard around its part of the broker.
    pub fn new(
        id: ShardId,
        broker: Broker,
        settings: Arc<Settings>,
        logins: Logins,
        random: Random,
    ) -> Self {
        let shortage = Shortage::new(settings.limits.memory_bytes_max);
        Self {
            id,
            broker,
            arena: Arena::new(),
            clients: Clients::default(),
            timers: Timers::default(),
            settings,
            random,
            touched: Vec::new(),
            warm: Warm::default(),
            movers: Vec::new(),
            lets_move: false,
            is_stopping: false,
            turn_began_at: Time::ZERO,
            pace: Pace::of_all(),
            outrunning_pace: Pace::of_outrunning(),
            is_pacing: false,
            unsent_mail_bytes: 0,
            shortage,
            logins,
            inquiries: VecDeque::new(),
            notices: Vec::new(),
            chronicle: Chronicle::default(),
            operator: Operator::default(),
            octets: Octets::default(),
            attempts: Attempts::default(),
        }
    }

    /// A turn begins, `now_ms` milliseconds after 1970. Take the other shards' mail before, hand it in after: it may
    /// speak of what they have declared.
    pub fn begin_turn(&mut self, now: Time, now_ms: u64) {
        self.turn_began_at = now;
        self.is_pacing = false;
        self.broker.drop_remains();
        self.broker.begin_turn(now_ms);
        self.go_on_for_operator();
    }

    /// Mail from another shard, in its order.
    pub fn deliver_mail(&mut self, mail: Vec<Mail>) {
        mail.into_iter().for_each(|piece| self.broker.receive(piece));
    }

    /// The disk has done something.
    ///
    /// # Errors
    /// [`Fault`] when it failed: nothing can be promised any more, the process must stop.
    pub fn complete(&mut self, completion: Completion) -> Result<(), Fault> {
        self.broker.complete(completion)
    }

    /// A client has connected.
    pub fn accept(&mut self, peer: Peer, now: Time) -> ClientId {
        let (settings, random) = (Arc::clone(&self.settings), self.random.fork());
        let client = self
            .clients
            .add(self.id, |client| Connection::new(client, peer, settings, random, now));
        self.broker.join(client);
        let now_ms = self.broker.now_ms();
        if let Some(added) = self.clients.get_mut(client) {
            added.connection.set_connected_at(now_ms);
            if self.lets_move {
                added.connection.let_move();
            }
        }
        self.touch(client);
        client
    }

    /// A client has sent bytes.
    pub fn receive(&mut self, client: ClientId, bytes: &[u8], now: Time) {
        // The client may know of what was declared since the turn began.
        self.broker.look_at_topology();
        self.with(client, now, |connection, cx| connection.receive(cx, bytes));
        let copied_bytes = self.broker.take_copied_bytes();
        if self.broker.is_lagging() {
            self.pace.spend(bytes.len() + copied_bytes);
        }
        if self.outruns(client) {
            self.outrunning_pace.spend(bytes.len());
        }
        self.octets.received += bytes.len() as u64;
        self.octets.receive_count += 1;
    }

    /// A client's socket is gone.
    pub fn lost(&mut self, client: ClientId, now: Time) {
        self.with(client, now, |connection, cx| connection.lost(cx));
        self.broker.part(client);
        if let Some(mut client_gone) = self.clients.remove(client) {
            while let Some(notice) = client_gone.connection.poll_notice() {
                self.notices.push(Notice::Client { client, notice });
            }
            let happenings = client_gone.connection.take_happenings();
            self.chronicle_clients(happenings);
            self.timers.remove(client, client_gone.timer);
        }
    }

    /// Tells connections what the broker has for them and dispatches messages, until there is nothing left to do. What
    /// came of that may end a shortage, and those that it held back go on at once.
    pub fn work(&mut self, now: Time) {
        loop {
            while let Some((client, event)) = self.broker.poll_event() {
                self.tell(client, event, now);
            }
            let has_more = self.broker.dispatch() || self.broker.has_events();
            if !has_more && !self.look_for_shortage(now) {
                return;
            }
        }
    }

    /// The next connection that something happened to: see what [`Shard::output`] and [`Shard::is_finished`] say of it.
    /// Call until `None` after [`Shard::work`].
    pub fn poll_touched(&mut self) -> Option<ClientId> {
        self.chronicle_declared();
        while let Some(id) = self.touched.pop() {
            let Some(client) = self.clients.get_mut(id) else { continue };
            client.is_touched = false;
            if let Some((claim, whence)) = client.connection.take_claim() {
                self.look_at_claim(id, claim, whence);
                continue;
            }
            let now_ms = self.broker.now_ms();
            let now = self.turn_began_at;
            let mut cx = Context { broker: &mut self.broker, arena: &mut self.arena, now, now_ms };
            client.connection.end_turn(&mut cx);
            client.timer = self.timers.set(id, client.timer, client.connection.poll_timeout());
            self.warm.note(id, client, now);
            let connection = &mut client.connection;
            if connection.wanted_home().is_some() {
                self.movers.push(id);
            }
            while let Some(notice) = connection.poll_notice() {
                self.notices.push(Notice::Client { client: id, notice });
            }
            let happenings = connection.take_happenings();
            self.chronicle_clients(happenings);
            self.clients.count_held(id);
            return Some(id);
        }
        None
    }

    /// A password that takes too long to be looked at in a turn. The shell has it verified elsewhere and tells with
    /// [`Shard::complete_login`].
    pub fn poll_inquiry(&mut self) -> Option<(ClientId, Inquiry)> {
        self.inquiries.pop_front()
    }

    /// What [`Inquiry::verify`] has said of a client's password.
    pub fn complete_login(&mut self, client: ClientId, inquiry: &Inquiry, is_right: bool) {
        let said = self.logins.answer(inquiry, is_right, self.turn_began_at);
        self.settle_login(client, said);
    }

    /// Somebody says who they are.
    fn look_at_claim(&mut self, id: ClientId, claim: Claim, whence: Whence) {
        let definitions = self.broker.topology().definitions();
        let said = self.logins.ask(claim, whence, definitions, self.turn_began_at);
        self.settle_login(id, said);
    }

    fn settle_login(&mut self, id: ClientId, said: Said) {
        let now = self.turn_began_at;
        match &said {
            Said::Admitted(_) => self.attempts.succeeded += 1,
            Said::Denied(_) => self.attempts.failed += 1,
            Said::Asked(_) => {}
        }
        match said {
            Said::Admitted(user) => self.with(id, now, |client, cx| client.logged_in(cx, &user)),
            Said::Denied(denied) => {
                self.with(id, now, |client, cx| client.login_denied(cx, &denied));
            }
            Said::Asked(inquiry) => {
                self.inquiries.push_back((id, inquiry));
                self.touch(id);
            }
        }
    }

    /// What is to be sent to a client, in pieces of which none is empty.
    pub fn output(&self, client: ClientId) -> impl Iterator<Item = &[u8]> {
        self.clients.get(client).into_iter().flat_map(|client| client.connection.output())
    }

    /// How many bytes that is.
    pub fn output_len(&self, client: ClientId) -> usize {
        self.clients.get(client).map_or(0, |client| client.connection.output_len())
    }

    /// A client's socket has taken `count` bytes of [`Shard::output`].
    pub fn sent(&mut self, client: ClientId, count: usize, now: Time) {
        if let Some(found) = self.clients.get_mut(client) {
            let now_ms = self.broker.now_ms();
            self.octets.sent += count as u64;
            self.octets.send_count += u64::from(count > 0);
            let mut cx = Context { broker: &mut self.broker, arena: &mut self.arena, now, now_ms };
            found.connection.sent(&mut cx, count);
            self.clients.count_held(client);
            if self.is_memory_short() {
                self.shed(client);
            }
            // What was sent may have let the connection go on with what its client had asked before.
            self.touch(client);
        }
    }

    /// Whether a client's socket is to be closed once its output is sent.
    pub fn is_finished(&self, client: ClientId) -> bool {
        self.clients.get(client).is_none_or(|client| client.connection.is_finished())
    }

    /// Whether a client's socket should be read. A client that waits for an answer is not, and one that publishes is
    /// not while the disk, another shard or the consumers are behind.
    pub fn wants_input(&mut self, client: ClientId, now: Time) -> bool {
        let is_behind = self.look_behind();
        let is_outrunning = self.outruns(client) && !self.outrunning_pace.allows(now);
        let is_paced = is_outrunning || (self.broker.is_lagging() && !self.pace.allows(now));
        let Some(client) = self.clients.get_mut(client) else { return false };
        if (is_behind || is_paced) && client.connection.has_published() {
            self.is_pacing |= is_paced;
            client.connection.excuse(now);
            return false;
        }
        client.connection.wants_input()
    }

    /// Whether a client publishes faster than those take it who would have taken everything soon.
    fn outruns(&mut self, client: ClientId) -> bool {
        if !self.broker.is_any_outrun() {
            self.outrunning_pace.forgive();
            return false;
        }
        let client = self.clients.get(client);
        client.is_some_and(|client| client.connection.outruns(&self.broker))
    }

    /// Whether those that publish have to be held back.
    fn look_behind(&mut self) -> bool {
        // What waits for a full disk grows no more, and those that publish shall hear of it.
        let is_disk_behind = !self.broker.is_store_full()
            && (self.broker.unwritten_bytes() > UNWRITTEN_BYTES_MAX
                || self.broker.is_store_crowded());
        let is_behind = is_disk_behind || self.unsent_mail_bytes > UNSENT_MAIL_BYTES_MAX;
        self.broker.set_behind(is_behind);
        self.broker.is_anyone_behind()
    }

    /// The shell tells how many bytes of mail it could not hand over yet.
    pub const fn set_unsent_mail(&mut self, bytes: usize) {
        self.unsent_mail_bytes = bytes;
    }

    /// Mail for another shard.
    pub fn poll_mail(&mut self, to: ShardId) -> Option<Vec<Mail>> {
        self.look_behind();
        self.broker.poll_mail(to)
    }

    /// What the disk has to do next. Call until `None`.
    pub fn poll_submission(&mut self, now: Time) -> Option<Submission> {
        self.broker.poll_submission(now)
    }

    /// When the next turn is due although nothing happens.
    pub fn poll_timeout(&self) -> Option<Time> {
        if self.operator.has_rest() {
            return Some(Time::ZERO);
        }
        let paces = [self.pace.next_period(), self.outrunning_pace.next_period()];
        let pace = paces.into_iter().filter(|&at| self.is_pacing && at > self.turn_began_at).min();
        // The broker's deadlines are the world's, whose clock may be set: they are looked at from the turn's own time.
        let deadline = self.broker.next_deadline_ms().map(|at_ms| {
            self.turn_began_at.plus_millis(at_ms.saturating_sub(self.broker.now_ms()))
        });
        let warm = self.warm.next();
        let times = [self.timers.next(), self.broker.poll_timeout(), deadline, pace, warm];
        times.into_iter().flatten().min()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Time) {
        self.cool(now);
        while let Some(id) = self.timers.pop_due(now) {
            let Some(client) = self.clients.get_mut(id) else { continue };
            client.timer = None;
            if client.connection.poll_timeout().is_some_and(|deadline| deadline <= now) {
                self.with(id, now, |connection, cx| connection.handle_timeout(cx));
            } else {
                self.touch(id);
            }
        }
    }

    /// The shell has something for the log to say of a client.
    pub fn complain(&mut self, client: ClientId, text: String) {
        if let Some(found) = self.clients.get(client) {
            let text = format!("{}: {text}", found.connection.peer_address());
            let (severity, subject) = (Severity::Error, Subject::Connection);
            let notice = proto_amqp091::Notice { severity, subject, text };
            self.notices.push(Notice::Client { client, notice });
        }
    }

    /// Something for the log.
    pub fn poll_notice(&mut self) -> Option<Notice> {
        if let Some(text) = self.broker.poll_damage() {
            return Some(Notice::Shard { text });
        }
        (!self.notices.is_empty()).then(|| self.notices.remove(0))
    }

    /// The server stops: clients are told, and everything goes to disk.
    pub fn stop(&mut self, now: Time) {
        self.is_stopping = true;
        for id in self.clients.ids(self.id) {
            self.dismiss(id, now);
        }
        self.broker.flush();
    }

    /// A client is told that the server stops.
    pub(crate) fn dismiss(&mut self, id: ClientId, now: Time) {
        self.with(id, now, |connection, cx| {
            connection.force_close(cx, "broker forced connection closure with reason 'shutdown'");
        });
    }

    /// How many clients are connected.
    pub const fn client_count(&self) -> usize {
        self.clients.len()
    }

    /// Whether everything is on disk. Only after [`Shard::stop`].
    pub fn is_flushed(&self) -> bool {
        self.is_stopping && self.broker.is_flushed()
    }

    /// Whether something was left over for the next turn, because it would have made this one too long.
    pub fn has_rest(&self) -> bool {
        self.broker.has_rest() || self.operator.has_rest()
    }

    /// This shard's part of the broker, to look at.
    pub const fn broker(&self) -> &Broker {
        &self.broker
    }

    fn tell(&mut self, id: ClientId, event: Event, now: Time) {
        if id == operator_of(self.id) {
            return self.hear_as_operator(event);
        }
        let Some(client) = self.clients.get_mut(id) else {
            return self.broker.take_back(id, event);
        };
        let now_ms = self.broker.now_ms();
        let mut cx = Context { broker: &mut self.broker, arena: &mut self.arena, now, now_ms };
        client.connection.hear(&mut cx, event);
        if !client.is_touched {
            client.is_touched = true;
            self.touched.push(id);
        }
    }

    pub(crate) fn with(
        &mut self,
        id: ClientId,
        now: Time,
        step: impl FnOnce(&mut Connection, &mut Context<'_>),
    ) {
        if let Some(client) = self.clients.get_mut(id) {
            let now_ms = self.broker.now_ms();
            let mut cx = Context { broker: &mut self.broker, arena: &mut self.arena, now, now_ms };
            step(&mut client.connection, &mut cx);
            self.touch(id);
        }
    }

    /// Has a connection looked at in this turn.
    pub fn touch(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(id)
            && !client.is_touched
        {
            client.is_touched = true;
            self.touched.push(id);
        }
    }
}
