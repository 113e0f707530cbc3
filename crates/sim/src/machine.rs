//! The machine that the node runs on: threads, sockets, mailboxes and disk threads, all of them faked.
//!
//! ```text
//!   ToNode ─▶ socket ─▶ receive ─▶ shard ─▶ output ─▶ socket ─▶ ToClient
//!                          Mail ⇅   │ ⇅ Execute, Completed
//!                       other shards  SimDisk
//! ```
//!
//! A turn is what `server`'s reactor does in one. Everything that a turn sets off happens later, at times that the
//! seed decides; what has an order keeps it (the bytes of a connection, the mail from one shard to another).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use broker::Mail;
use message::{ClientId, ShardId};
use node::{Mover, Shard};
use proto_amqp091::{Limits, Peer, Settings};
use stdx::{Random, Time};
use store::{Completion, Lane, Submission};

use crate::SimDisk;
use crate::agenda::{Agenda, Event};
use crate::disk::Tape;
use crate::plan::{Pace, Plan, delay_us};

/// How often work and writing alternate in a turn, as in the reactor.
const WORK_ROUNDS_MAX: usize = 8;
/// What the clocks on the wall show when a world begins, in milliseconds since 1970.
pub(crate) const EPOCH_MS: u64 = 1_700_000_000_000;
/// How much slower a slow client is.
const SLOW_LAG: u32 = 30;
/// What one read takes at most.
const READ_BYTES_MAX: usize = 256 * 1024;

/// Why the machine has stopped by itself.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// The disk failed; a server would have ended its process.
    Disk,
    /// The node could not start because the disk failed.
    Boot,
    /// Something is wrong that no disk excuses.
    Wrong(String),
}

/// What a turn left behind, for those who check bounds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load {
    /// The most that lies unsent for any client.
    pub(crate) output_bytes: usize,
    /// Messages in memory.
    pub(crate) resident_bytes: usize,
    /// What waits for the journal.
    pub(crate) unwritten_bytes: usize,
}

#[derive(Debug)]
struct Station {
    shard: Shard,
    /// By sender.
    mail: Vec<VecDeque<Vec<Mail>>>,
    /// When the last mail to each shard arrives.
    mail_at: Vec<Time>,
    completions: VecDeque<Completion>,
    /// Connections that wait to be accepted.
    arriving: Vec<u64>,
    /// Connections that come from other shards.
    migrants: Vec<(u64, Mover)>,
    turn_at: Option<Time>,
}

#[derive(Debug)]
struct Socket {
    shard: usize,
    /// None before it is accepted, and when the node has closed it.
    client: Option<ClientId>,
    input: VecDeque<u8>,
    is_hung_up: bool,
    /// How many bytes more the network takes.
    room: usize,
    /// How many times as long as usual the client takes to read.
    lag: u32,
    /// When the last bytes arrive on either side.
    to_node_at: Time,
    to_client_at: Time,
}

/// The machine.
#[derive(Debug)]
pub(crate) struct Machine {
    settings: Arc<Settings>,
    pace: Pace,
    pub(crate) disk: SimDisk,
    stations: Vec<Station>,
    sockets: BTreeMap<u64, Socket>,
    random: Random,
    /// What the last turn left behind.
    pub(crate) load: Load,
}

impl Machine {
    pub(crate) fn new(plan: &Plan, disk: SimDisk, random: Random) -> Self {
        let mechanisms = auth::Mechanism::ALL.to_vec();
        let limits = Limits { memory_bytes_max: plan.memory_bytes_max, ..Limits::default() };
        let mut settings = Settings::new(
            limits,
            mechanisms,
            "leveret@sim",
            auth::Secret::new([7; auth::Secret::BYTES]),
        );
        // A hash that is quick to make and to verify.
        settings.logins.hashing = metadata::Hashing::Sha256;
        Self {
            settings: Arc::new(settings),
            pace: plan.pace,
            disk,
            stations: Vec::new(),
            sockets: BTreeMap::new(),
            random,
            load: Load::default(),
        }
    }

    /// Starts the node from what is on the disk.
    pub(crate) fn boot(
        &mut self,
        shards: usize,
        options: &store::Options,
        now: Time,
        agenda: &mut Agenda,
    ) -> Result<(), Stopped> {
        let seed = self.random.next_u64();
        let booted = {
            let (settings, now_ms) = (&self.settings, EPOCH_MS + now.millis());
            node::boot(&mut self.disk, shards, settings, seed, now_ms, options.clone())
        };
        let booted = match booted {
            Ok(booted) => booted,
            Err(_) if self.disk.is_off() => return Err(Stopped::Boot),
            Err(error) => return Err(Stopped::Wrong(format!("the node does not start: {error}"))),
        };
        // A disk that lies does damage, which a store sees. Who was promised something must see it too.
        let is_honest = self.disk.lies.is_empty();
        if let Some(damage) = booted.damage.first().filter(|_| is_honest) {
            return Err(Stopped::Wrong(format!("a crash is no damage: {damage}")));
        }
        let station = |mut shard: Shard| Station {
            shard: {
                shard.let_clients_move();
                shard
            },
            mail: (0..shards).map(|_| VecDeque::new()).collect(),
            mail_at: vec![now; shards],
            completions: VecDeque::new(),
            arriving: Vec::new(),
            migrants: Vec::new(),
            turn_at: None,
        };
        self.stations = booted.shards.into_iter().map(station).collect();
        (0..shards).for_each(|shard| self.wake(shard, now, agenda));
        Ok(())
    }

    /// The power goes, or the process is killed. `work` is what the disk was asked and has not done: some of it is begun.
    pub(crate) fn crash(&mut self, work: Vec<Submission>, keeps_power: bool) {
        self.stations.clear();
        self.sockets.clear();
        if !self.disk.is_off() {
            self.begin_some(work);
        }
        let disk =
            if keeps_power { self.disk.kill() } else { self.disk.crash(&mut self.random.fork()) };
        self.disk = disk;
    }

    /// The calls of different pieces of work mix, and each piece ends anywhere.
    fn begin_some(&mut self, work: Vec<Submission>) {
        let mut begun = Vec::new();
        for submission in work {
            if self.random.chance(1, 2) {
                let mut scratch = self.disk.clone();
                let mut tape = Tape::new(&mut scratch);
                drop(submission.execute(&mut tape));
                let count = self.random.below(tape.calls.len() as u64 + 1) as usize;
                begun.push(tape.calls.into_iter().take(count));
            }
        }
        while !begun.is_empty() {
            let at = self.random.below(begun.len() as u64) as usize;
            let Some(call) = begun[at].next() else {
                drop(begun.swap_remove(at));
                continue;
            };
            if call.execute(&mut self.disk).is_err() {
                return;
            }
        }
    }

    /// The node is told to stop: its clients hear of it, and everything goes to disk.
    pub(crate) fn stop(&mut self, now: Time, agenda: &mut Agenda) {
        for index in 0..self.stations.len() {
            self.stations[index].shard.stop(now);
            self.wake(index, now, agenda);
        }
    }

    /// Whether the node has stopped, and everything is on disk.
    pub(crate) fn is_flushed(&self) -> bool {
        self.stations.iter().all(|station| station.shard.is_flushed())
    }

    /// A client connects; the node sees it a little later.
    pub(crate) fn connect(&mut self, connection: u64, now: Time, agenda: &mut Agenda) {
        let shard = self.random.below(self.stations.len() as u64) as usize;
        let socket = Socket {
            shard,
            client: None,
            input: VecDeque::new(),
            is_hung_up: false,
            room: self.pace.socket_bytes,
            lag: if self.random.chance(1, 8) { SLOW_LAG } else { 1 },
            to_node_at: now,
            to_client_at: now,
        };
        self.sockets.insert(connection, socket);
        self.stations[shard].arriving.push(connection);
        self.wake(shard, now, agenda);
    }

    /// A client sends bytes: they arrive in pieces.
    pub(crate) fn send(&mut self, connection: u64, bytes: &[u8], now: Time, agenda: &mut Agenda) {
        let Some(socket) = self.sockets.get_mut(&connection) else { return };
        for piece in pieces(bytes, self.pace.cuts, &mut self.random) {
            let at = now.plus_micros(delay_us(&mut self.random, self.pace.network));
            socket.to_node_at = socket.to_node_at.max(at);
            agenda.push(socket.to_node_at, Event::ToNode { connection, bytes: piece.to_vec() });
        }
    }

    /// A client is gone; the node sees it behind the bytes that were on their way.
    pub(crate) fn hang_up(&mut self, connection: u64, now: Time, agenda: &mut Agenda) {
        let Some(socket) = self.sockets.get_mut(&connection) else { return };
        let at = now.plus_micros(delay_us(&mut self.random, self.pace.network));
        agenda.push(at.max(socket.to_node_at), Event::HangUp { connection });
    }

    /// Bytes of a client arrive.
    pub(crate) fn arrive(&mut self, connection: u64, bytes: &[u8], now: Time, agenda: &mut Agenda) {
        if let Some(socket) = self.sockets.get_mut(&connection) {
            socket.input.extend(bytes);
            let shard = socket.shard;
            self.wake(shard, now, agenda);
        }
    }

    /// The end of a client's bytes arrives.
    pub(crate) fn end_input(&mut self, connection: u64, now: Time, agenda: &mut Agenda) {
        if let Some(socket) = self.sockets.get_mut(&connection) {
            socket.is_hung_up = true;
            let (shard, client) = (socket.shard, socket.client);
            if let Some(client) = client {
                self.stations[shard].shard.touch(client);
            }
            self.wake(shard, now, agenda);
        }
    }

    /// A client has taken bytes: there is room for more.
    pub(crate) fn taken(&mut self, connection: u64, count: usize, now: Time, agenda: &mut Agenda) {
        let Some(socket) = self.sockets.get_mut(&connection) else { return };
        socket.room += count;
        if let Some(client) = socket.client {
            let shard = socket.shard;
            self.stations[shard].shard.touch(client);
            self.wake(shard, now, agenda);
        }
    }

    /// Mail arrives.
    pub(crate) fn post(
        &mut self,
        (from, to): (usize, usize),
        batch: Vec<Mail>,
        now: Time,
        agenda: &mut Agenda,
    ) {
        self.stations[to].mail[from].push_back(batch);
        self.wake(to, now, agenda);
    }

    /// A client arrives at another shard.
    pub(crate) fn moved(
        &mut self,
        to: usize,
        connection: u64,
        mover: Mover,
        now: Time,
        agenda: &mut Agenda,
    ) {
        self.stations[to].migrants.push((connection, mover));
        self.wake(to, now, agenda);
    }

    /// Hands clients over to the shards of their queues, behind their mail; now and then one has to stay.
    fn hand_over(&mut self, index: usize, now: Time, agenda: &mut Agenda) {
        while let Some((client, home)) = self.stations[index].shard.poll_mover() {
            let found = self.clients(index).into_iter().find(|(_, here)| *here == client);
            let station = &mut self.stations[index];
            let may_go = station.shard.may_hand_over(client) && !self.random.chance(1, 4);
            let Some((connection, _)) = found.filter(|_| may_go) else {
                station.shard.stay(client, now);
                self.wake(index, now, agenda);
                continue;
            };
            let Some(mover) = station.shard.hand_over(client) else { continue };
            if let Some(socket) = self.sockets.get_mut(&connection) {
                socket.client = None;
            }
            let at = now.plus_micros(delay_us(&mut self.random, self.pace.mail));
            let (to, mover) = (usize::from(home), Box::new(mover));
            agenda.push(at, Event::Moved { to, connection, mover });
        }
    }

    /// The disk does a piece of work.
    pub(crate) fn execute(
        &mut self,
        shard: usize,
        submission: Submission,
        now: Time,
        agenda: &mut Agenda,
    ) {
        let completion = submission.execute(&mut self.disk);
        let at = now.plus_micros(delay_us(&mut self.random, self.pace.turn));
        agenda.push(at, Event::Completed { shard, completion });
    }

    /// A shard hears of it.
    pub(crate) fn completed(
        &mut self,
        shard: usize,
        completion: Completion,
        now: Time,
        agenda: &mut Agenda,
    ) {
        self.stations[shard].completions.push_back(completion);
        self.wake(shard, now, agenda);
    }

    /// Runs a turn of a shard, if it is still due.
    pub(crate) fn turn(
        &mut self,
        index: usize,
        now: Time,
        agenda: &mut Agenda,
    ) -> Result<(), Stopped> {
        if self.stations[index].turn_at != Some(now) {
            return Ok(());
        }
        let station = &mut self.stations[index];
        station.turn_at = None;
        station.shard.begin_turn(now, EPOCH_MS + now.millis());
        for batch in station.mail.iter_mut().flat_map(|mail| mail.drain(..)) {
            station.shard.deliver_mail(batch);
        }
        while let Some(completion) = station.completions.pop_front() {
            station.shard.complete(completion).map_err(|_| Stopped::Disk)?;
        }
        for connection in std::mem::take(&mut station.arriving) {
            let peer = Peer {
                address: format!("client {connection}"),
                is_loopback: true,
                ..Peer::default()
            };
            let client = station.shard.accept(peer, now);
            if let Some(socket) = self.sockets.get_mut(&connection) {
                socket.client = Some(client);
            }
        }
        for (connection, mover) in std::mem::take(&mut self.stations[index].migrants) {
            let client = self.stations[index].shard.adopt(mover, now);
            if let Some(socket) = self.sockets.get_mut(&connection) {
                (socket.client, socket.shard) = (Some(client), index);
            }
        }
        self.read(index, now);
        self.stations[index].shard.handle_timeout(now);
        let is_busy = self.work(index, now, agenda);
        self.carry_away(index, now, agenda);
        self.hand_over(index, now, agenda);
        self.measure(index);
        if is_busy || self.has_input(index, now) {
            self.wake(index, now, agenda);
        } else if let Some(due) = self.stations[index].shard.poll_timeout() {
            self.wake_at(index, due.max(now.plus_micros(1)), agenda);
        }
        Ok(())
    }

    /// Connections of a shard, and the clients that they stand for.
    fn clients(&self, index: usize) -> Vec<(u64, ClientId)> {
        let here = self.sockets.iter().filter(|(_, socket)| socket.shard == index);
        here.filter_map(|(&connection, socket)| Some((connection, socket.client?))).collect()
    }

    fn read(&mut self, index: usize, now: Time) {
        for (connection, client) in self.clients(index) {
            let shard = &mut self.stations[index].shard;
            if !shard.wants_input(client, now) {
                continue;
            }
            let Some(socket) = self.sockets.get_mut(&connection) else { continue };
            if !socket.input.is_empty() {
                let count = socket.input.len().min(READ_BYTES_MAX);
                let bytes: Vec<u8> = socket.input.drain(..count).collect();
                shard.receive(client, &bytes, now);
            } else if socket.is_hung_up {
                shard.lost(client, now);
                self.sockets.remove(&connection);
            }
        }
    }

    fn has_input(&mut self, index: usize, now: Time) -> bool {
        let clients = self.clients(index);
        clients.into_iter().any(|(connection, client)| {
            let socket = &self.sockets[&connection];
            let has_input = !socket.input.is_empty() || socket.is_hung_up;
            has_input && self.stations[index].shard.wants_input(client, now)
        })
    }

    /// Works and writes in turns, as the reactor does. Returns whether there is more to do.
    fn work(&mut self, index: usize, now: Time, agenda: &mut Agenda) -> bool {
        for _ in 0..WORK_ROUNDS_MAX {
            self.stations[index].shard.work(now);
            let mut has_sent = false;
            while let Some(client) = self.stations[index].shard.poll_touched() {
                has_sent |= self.write(index, client, now, agenda);
            }
            let shard = &mut self.stations[index].shard;
            while let Some((client, inquiry)) = shard.poll_inquiry() {
                shard.complete_login(client, &inquiry, inquiry.verify());
                has_sent = true;
            }
            if !has_sent {
                return false;
            }
        }
        true
    }

    fn write(&mut self, index: usize, client: ClientId, now: Time, agenda: &mut Agenda) -> bool {
        let shard = &mut self.stations[index].shard;
        let found = self
            .sockets
            .iter_mut()
            .find(|(_, socket)| socket.shard == index && socket.client == Some(client));
        let Some((&connection, socket)) = found else { return false };
        if socket.is_hung_up && shard.output_len(client) > 0 {
            self.sockets.remove(&connection);
            shard.lost(client, now);
            return true;
        }
        let count = shard.output_len(client).min(socket.room);
        let output: Vec<u8> = shard.output(client).flatten().take(count).copied().collect();
        for piece in pieces(&output, self.pace.cuts, &mut self.random) {
            let usual = self.pace.network * socket.lag;
            let at = now.plus_micros(delay_us(&mut self.random, usual));
            socket.to_client_at = socket.to_client_at.max(at);
            agenda.push(socket.to_client_at, Event::ToClient { connection, bytes: piece.to_vec() });
        }
        socket.room -= count;
        if count > 0 {
            shard.sent(client, count, now);
        }
        if shard.is_finished(client) && shard.output_len(client) == 0 {
            agenda.push(socket.to_client_at.max(now), Event::Closed { connection });
            self.sockets.remove(&connection);
            shard.lost(client, now);
            return true;
        }
        count > 0
    }

    /// Sends mail and hands the disk its work.
    fn carry_away(&mut self, index: usize, now: Time, agenda: &mut Agenda) {
        let (random, pace) = (&mut self.random, self.pace);
        for to in 0..self.stations.len() {
            let shard = ShardId::try_from(to).expect("a node has at most 256 shards");
            let station = &mut self.stations[index];
            while let Some(batch) = station.shard.poll_mail(shard) {
                let at = now.plus_micros(delay_us(random, pace.mail)).max(station.mail_at[to]);
                station.mail_at[to] = at;
                agenda.push(at, Event::Mail { from: index, to, batch });
            }
        }
        while let Some(submission) = self.stations[index].shard.poll_submission(now) {
            let usual = match submission.lane() {
                Lane::Journal => pace.journal,
                Lane::Read | Lane::Background => pace.background,
            };
            let at = now.plus_micros(delay_us(random, usual));
            agenda.push(at, Event::Execute { shard: index, submission });
        }
        while self.stations[index].shard.poll_notice().is_some() {}
    }

    fn measure(&mut self, index: usize) {
        let clients = self.clients(index);
        let shard = &self.stations[index].shard;
        let unsent = clients.into_iter().map(|(_, client)| shard.output_len(client));
        self.load = Load {
            output_bytes: unsent.max().unwrap_or(0),
            resident_bytes: shard.broker().resident_bytes(),
            unwritten_bytes: shard.broker().unwritten_bytes(),
        };
    }

    fn wake(&mut self, shard: usize, now: Time, agenda: &mut Agenda) {
        let at = now.plus_micros(delay_us(&mut self.random, self.pace.turn));
        self.wake_at(shard, at, agenda);
    }

    fn wake_at(&mut self, shard: usize, at: Time, agenda: &mut Agenda) {
        let turn_at = &mut self.stations[shard].turn_at;
        if turn_at.is_none_or(|earlier| at < earlier) {
            *turn_at = Some(at);
            agenda.push(at, Event::Turn { shard });
        }
    }
}

/// Bytes as the network hands them over: mostly whole, or cut at a few random places.
fn pieces<'a>(bytes: &'a [u8], cuts: bool, random: &mut Random) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let is_cut = cuts && pieces.len() < 4 && random.chance(1, 2);
        let len = if is_cut { 1 + random.below(rest.len() as u64) as usize } else { rest.len() };
        let (piece, left) = rest.split_at(len);
        pieces.push(piece);
        rest = left;
    }
    pieces
}
