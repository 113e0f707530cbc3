//! A node without threads, sockets and clock.
//!
//! ```text
//!   send ─▶ socket ─▶ receive ─▶ shard ─▶ output ─▶ socket ─▶ take_output
//!                        mail ⇅  │ ⇅ submissions, completions
//!                     other shards  MemoryDisk
//! ```
//!
//! Everything stands still until [`World::run_turns`] runs turns, shard after shard, until nothing is left to do.

use std::collections::VecDeque;
use std::sync::Arc;

use broker::{Answer, Mail, Refusal, Topology, Verb};
use message::{ClientId, Name, ShardId};
use metadata::{Change, Permissions};
use node::{Notice, Shard};
use proto_amqp091::{Limits, Peer, Settings};
use stdx::Time;
use store::{Completion, Options, Submission};

use crate::layout::Layout;
use crate::memory_disk::MemoryDisk;
use crate::venue::{Circumstance, SocketId, Venue};

/// A node that has not come to rest after this many turns never will.
const TURNS_MAX: usize = 10_000_000;
/// What the clock on the wall shows when a world begins, in milliseconds since 1970.
const EPOCH_MS: u64 = 1_700_000_000_000;

/// In how many pieces input comes at most, so that a large message in small pieces does not take for ever.
const PIECES_MAX: usize = 1_000;

#[derive(Debug)]
struct Socket {
    shard: usize,
    client: ClientId,
    to_node: VecDeque<u8>,
    to_client: Vec<u8>,
    is_open: bool,
}

/// What passes between one shard and the rest.
#[derive(Debug, Default)]
struct Post {
    mail: VecDeque<Vec<Mail>>,
    completions: VecDeque<Completion>,
}

/// A node in memory.
#[derive(Debug)]
pub struct World {
    layout: Layout,
    settings: Arc<Settings>,
    disk: MemoryDisk,
    shards: Vec<Shard>,
    posts: Vec<Post>,
    sockets: Vec<Socket>,
    next_shard: usize,
    /// What the disk has been asked while it was held, with the shard that asked.
    held: Vec<(usize, Submission)>,
    is_disk_held: bool,
    is_space_low: bool,
    now: Time,
    boots: u64,
    turn_count: u64,
    notices: Vec<String>,
}

impl World {
    /// A fresh node with an empty disk.
    pub fn new(layout: Layout, limits: Limits) -> Self {
        Self::with(layout, limits, |_| {})
    }

    /// The same with other settings.
    pub fn with(layout: Layout, limits: Limits, adapt: impl FnOnce(&mut Settings)) -> Self {
        let mechanisms = vec![auth::Mechanism::Plain, auth::Mechanism::Amqplain];
        let mut settings = Settings::new(
            limits,
            mechanisms,
            "leveret@memory",
            auth::Secret::new([7; auth::Secret::BYTES]),
        );
        // A hash that is quick to make and to verify.
        settings.logins.hashing = metadata::Hashing::Sha256;
        settings.logins.anonymous =
            settings.founder.as_ref().map(|founder| founder.credentials.clone());
        adapt(&mut settings);
        let mut world = Self {
            layout,
            settings: Arc::new(settings),
            disk: MemoryDisk::new(),
            shards: Vec::new(),
            posts: Vec::new(),
            sockets: Vec::new(),
            next_shard: layout.first_shard,
            held: Vec::new(),
            is_disk_held: false,
            is_space_low: false,
            now: Time::ZERO,
            boots: 0,
            turn_count: 0,
            notices: Vec::new(),
        };
        world.boot();
        world
    }

    /// Runs turns until there is nothing left to do.
    ///
    /// # Panics
    /// When the node does not come to rest.
    pub fn run_turns(&mut self) {
        for _ in 0..TURNS_MAX {
            let mut is_busy = false;
            self.turn_count += 1;
            for shard in 0..self.shards.len() {
                is_busy |= self.turn(shard);
            }
            if !is_busy {
                return;
            }
        }
        panic!("the node does not come to rest");
    }

    /// A shard does an errand in a turn of its own, and the node comes to rest.
    pub fn run_errand(&mut self, shard: usize, errand: node::Errand) {
        self.shards[shard].begin_turn(self.now, EPOCH_MS + self.now.millis());
        errand.run(&mut self.shards[shard]);
        self.run_turns();
    }

    /// The pointer to what is declared.
    pub fn shared_topology(&self) -> broker::Shared {
        self.shards[0].broker().shared_topology()
    }

    /// How many turns each shard has had.
    pub const fn turn_count(&self) -> u64 {
        self.turn_count
    }

    /// What the disk is asked is not done before [`World::release_disk`].
    pub const fn hold_disk(&mut self) {
        self.is_disk_held = true;
    }

    /// The disk does what it has been asked.
    pub fn release_disk(&mut self) {
        self.is_disk_held = false;
        for (shard, submission) in std::mem::take(&mut self.held) {
            self.execute(shard, submission);
        }
    }

    /// Nothing on the disk can grow from here on, or it can again. No shard is told; they find out.
    pub const fn set_disk_full(&mut self, is_full: bool) {
        self.disk.set_full(is_full);
    }

    /// The file system of the data directory has too little room, or enough again. Every shard is told in its next turn.
    pub const fn set_space_low(&mut self, is_low: bool) {
        self.is_space_low = is_low;
    }

    /// Time passes. What is due on the way is done when it is due.
    pub fn pass(&mut self, ms: u64) {
        let end = self.now.plus_millis(ms);
        self.run_turns();
        while let Some(due) = self.shards.iter().filter_map(Shard::poll_timeout).min()
            && due <= end
        {
            // What is due and waits for a held disk stays due; time must not stand still with it.
            self.now = due.max(self.now.plus_millis(1)).min(end);
            self.run_turns();
            if self.now == end {
                return;
            }
        }
        self.now = end;
        self.run_turns();
    }

    /// An operator changes something.
    ///
    /// # Errors
    /// When it is refused and should not be, or is not and should.
    pub fn administer(&mut self, change: &Change, is_refused: bool) -> Result<(), String> {
        // Answers that came after the disk was let go are nobody's.
        while self.shards[0].poll_administered().is_some() {}
        self.shards[0].administer(change.clone());
        if let Change::SetVhost(vhost) = change {
            // Whoever makes a virtual host with RabbitMQ's HTTP API may do everything in it.
            let (vhost, user) = (vhost.name.clone(), Name::fixed("guest"));
            let permissions = Permissions::all();
            self.shards[0].administer(Change::SetPermissions { vhost, user, permissions });
        }
        Venue::settle(self, false);
        let heard = self.shards[0].poll_administered();
        match (heard, is_refused) {
            (Some(Err(_)), true) | (Some(Ok(())), false) => Ok(()),
            // The disk is held.
            (None, false) => Ok(()),
            (reply, _) => Err(format!("the operator hears {reply:?}")),
        }
    }

    /// An operator asks for these, one after the other without waiting. How each ends, in their order.
    ///
    /// # Panics
    /// When one has no end: while the disk is held.
    pub fn operate(&mut self, verbs: Vec<Verb>) -> Vec<Result<Answer, Refusal>> {
        let count = verbs.len();
        let (sender, receiver) = std::sync::mpsc::channel();
        for (index, verb) in verbs.into_iter().enumerate() {
            let sender = sender.clone();
            let answer = move |end| drop(sender.send((index, end)));
            self.shards[0].operate(verb, Box::new(answer));
        }
        self.run_turns();
        let mut ends: Vec<_> = receiver.try_iter().collect();
        assert_eq!(ends.len(), count, "everything that an operator asks for has an end");
        ends.sort_by_key(|(index, _)| *index);
        ends.into_iter().map(|(_, end)| end).collect()
    }

    /// What is declared.
    pub fn topology(&self) -> &Topology {
        self.shards[0].broker().topology()
    }

    /// Has a shard run an errand in its next turn, and comes to rest.
    ///
    /// # Panics
    /// When there is no such shard.
    pub fn errand<T>(&mut self, shard: usize, what: impl FnOnce(&mut Shard) -> T) -> T {
        let shard = &mut self.shards[shard];
        shard.begin_turn(self.now, EPOCH_MS + self.now.millis());
        let result = what(shard);
        self.run_turns();
        result
    }

    /// How many shards there are.
    pub const fn shard_count(&self) -> usize {
        self.layout.shard_count
    }

    /// The server is told to stop: clients hear of it, and everything goes to disk.
    ///
    /// # Panics
    /// When it does not get everything to disk.
    pub fn stop(&mut self) {
        self.release_disk();
        for shard in &mut self.shards {
            shard.stop(self.now);
        }
        self.run_turns();
        assert!(self.shards.iter().all(Shard::is_flushed), "a stopped node is on disk");
    }

    /// The process is gone, with all that it had in memory and all that the disk has not done.
    pub fn crash(&mut self) {
        self.held.clear();
        self.is_disk_held = false;
        self.sockets.iter_mut().for_each(|socket| socket.is_open = false);
        self.shards.clear();
    }

    /// The process starts from what is on disk.
    ///
    /// # Panics
    /// When it cannot.
    pub fn boot(&mut self) {
        self.crash();
        self.boots += 1;
        let shard_count = self.layout.shard_count;
        let (seed, now_ms) = (self.boots, EPOCH_MS + self.now.millis());
        let settings = &self.settings;
        let booted = node::boot(&mut self.disk, shard_count, settings, seed, now_ms, options())
            .expect("a disk that never fails can be read");
        assert!(booted.damage.is_empty(), "nothing is damaged: {:?}", booted.damage);
        self.shards = booted.shards;
        self.posts = (0..shard_count).map(|_| Post::default()).collect();
        self.run_turns();
    }

    /// What the node would have logged since the last call.
    pub fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }

    /// One turn of one shard. Returns whether anything happened.
    pub fn turn(&mut self, index: usize) -> bool {
        let Self { shards, posts, now, .. } = self;
        let (shard, post) = (&mut shards[index], &mut posts[index]);
        let mut is_busy = !post.mail.is_empty() || !post.completions.is_empty();
        shard.begin_turn(*now, EPOCH_MS + now.millis());
        shard.set_space_low(self.is_space_low);
        post.mail.drain(..).for_each(|batch| shard.deliver_mail(batch));
        for completion in post.completions.drain(..) {
            shard.complete(completion).expect("a disk that never fails");
        }
        shard.handle_timeout(*now);
        is_busy |= self.read(index);
        is_busy |= self.work(index);
        is_busy |= self.send_mail(index);
        while let Some(submission) = self.shards[index].poll_submission(self.now) {
            is_busy = true;
            if self.is_disk_held {
                self.held.push((index, submission));
            } else {
                self.execute(index, submission);
            }
        }
        while let Some(notice) = self.shards[index].poll_notice() {
            self.notices.push(match notice {
                Notice::Client { notice, .. } => notice.text,
                Notice::Shard { text } => text,
            });
        }
        is_busy || self.shards[index].has_rest() || self.has_input(index)
    }

    /// Whether a client has sent what the shard would read.
    fn has_input(&mut self, index: usize) -> bool {
        let Self { shards, sockets, now, .. } = self;
        sockets.iter().any(|socket| {
            let is_waiting = socket.is_open && socket.shard == index && !socket.to_node.is_empty();
            is_waiting && shards[index].wants_input(socket.client, *now)
        })
    }

    fn execute(&mut self, shard: usize, submission: Submission) {
        self.posts[shard].completions.push_back(submission.execute(&mut self.disk));
    }

    /// One piece of input for every client that may speak.
    fn read(&mut self, index: usize) -> bool {
        let mut is_busy = false;
        let shard = &mut self.shards[index];
        for socket in self.sockets.iter_mut().filter(|socket| socket.shard == index) {
            let wants_input = socket.is_open && shard.wants_input(socket.client, self.now);
            if wants_input && !socket.to_node.is_empty() {
                let waiting = socket.to_node.len();
                let count = waiting.min(self.layout.piece_bytes.max(waiting / PIECES_MAX));
                shard.receive(socket.client, &socket.to_node.make_contiguous()[..count], self.now);
                socket.to_node.drain(..count);
                is_busy = true;
            }
        }
        is_busy
    }

    /// Works and writes in turns: what is written makes room for more to be delivered.
    fn work(&mut self, index: usize) -> bool {
        let mut is_busy = false;
        loop {
            let shard = &mut self.shards[index];
            shard.work(self.now);
            let mut has_sent = false;
            while let Some(client) = shard.poll_touched() {
                let socket = self.sockets.iter_mut().find(|socket| {
                    socket.is_open && socket.shard == index && socket.client == client
                });
                let Some(socket) = socket else { continue };
                let count = shard.output_len(client);
                if count > 0 {
                    let pieces = shard.output(client);
                    pieces.for_each(|piece| socket.to_client.extend_from_slice(piece));
                    shard.sent(client, count, self.now);
                    has_sent = true;
                }
                if shard.is_finished(client) && shard.output_len(client) == 0 {
                    socket.is_open = false;
                    shard.lost(client, self.now);
                    has_sent = true;
                }
            }
            while let Some((client, inquiry)) = shard.poll_inquiry() {
                shard.complete_login(client, &inquiry, inquiry.verify());
                has_sent = true;
            }
            if !has_sent {
                return is_busy;
            }
            is_busy = true;
        }
    }

    fn send_mail(&mut self, from: usize) -> bool {
        let mut is_busy = false;
        for to in 0..self.posts.len() {
            let shard = ShardId::try_from(to).expect("a node has at most 256 shards");
            while let Some(batch) = self.shards[from].poll_mail(shard) {
                self.posts[to].mail.push_back(batch);
                is_busy = true;
            }
        }
        is_busy
    }
}

/// The venue of conversations in memory.
impl Venue for World {
    fn connect(&mut self, is_loopback: bool) -> Result<SocketId, String> {
        let peer =
            Peer { address: "a client in memory".to_owned(), is_loopback, ..Peer::default() };
        let shard = self.next_shard % self.layout.shard_count;
        self.next_shard += 1;
        let client = self.shards[shard].accept(peer, self.now);
        let (to_node, to_client) = (VecDeque::new(), Vec::new());
        self.sockets.push(Socket { shard, client, to_node, to_client, is_open: true });
        Ok(SocketId(self.sockets.len() - 1))
    }

    fn send(&mut self, socket: SocketId, bytes: &[u8]) {
        self.sockets[socket.0].to_node.extend(bytes);
    }

    fn take_output(&mut self, socket: SocketId) -> Vec<u8> {
        std::mem::take(&mut self.sockets[socket.0].to_client)
    }

    fn is_open(&self, socket: SocketId) -> bool {
        self.sockets[socket.0].is_open
    }

    fn close(&mut self, socket: SocketId) {
        let socket = &mut self.sockets[socket.0];
        if std::mem::take(&mut socket.is_open) {
            self.shards[socket.shard].lost(socket.client, self.now);
        }
    }

    fn settle(&mut self, _is_answered: bool) {
        self.run_turns();
    }

    /// Everything that can come without a change of circumstances has come.
    fn wait(&mut self, _attempt: u32) -> bool {
        false
    }

    fn happen(&mut self, circumstance: &Circumstance) -> Result<(), String> {
        match *circumstance {
            Circumstance::Limits(limits) => *self = Self::new(self.layout, limits),
            Circumstance::HoldDisk => self.hold_disk(),
            Circumstance::ReleaseDisk => self.release_disk(),
            Circumstance::FillDisk => self.set_disk_full(true),
            Circumstance::ClearDisk => self.set_disk_full(false),
            Circumstance::FreeSpace { is_low } => self.set_space_low(is_low),
            Circumstance::Pass { ms } => self.pass(ms),
            Circumstance::Administer { ref change, is_refused } => {
                return self.administer(change, is_refused);
            }
            Circumstance::Stop => self.stop(),
            Circumstance::Restart => {
                self.stop();
                self.boot();
            }
            Circumstance::Crash => self.boot(),
        }
        Ok(())
    }

    fn virtual_host(&self, name: &str) -> String {
        name.to_owned()
    }

    fn translate(&self, _payload: &mut [u8]) {}
}

/// Small files, so that a conversation of a few messages sees the journal roll and a start costs little.
fn options() -> Options {
    Options {
        journal_file_bytes: 4 << 20,
        fill_step_bytes: 64 << 10,
        segment_bytes: 1 << 20,
        ..Options::default()
    }
}
