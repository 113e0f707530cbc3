//! One shard of the core: what it owns, and the frame of a turn.
//!
//! ```text
//!   begin_turn → verbs, mail, disk completions → dispatch until dry → poll_mail, poll_submission
//!                                     events are polled all along
//! ```

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use arc_swap::ArcSwap;
use message::{ClientId, Message, QueueId, ShardId, Value};
use metadata::{Change, QueueKind, VhostDefaults};
use queue::{Delivery, DeliveryId, Queue};
use stdx::{Random, Recent, Time};
use store::{Completion, Fault, Store, Submission, Ticket};

use crate::administer::{CONSUMER_TIMEOUT_MS, Ceilings};
use crate::alarm::Alarm;
use crate::census::Census;
use crate::client::Leaving;
use crate::confirm::Decided;
use crate::deadlines::Deadlines;
use crate::deliver::{RULE_BUDGET, Runs};
use crate::event::Event;
use crate::forward::{Forwards, forwarder};
use crate::hosted::Hosted;
use crate::mail::Mail;
use crate::memory::Memory;
use crate::occurrence::Occurred;
use crate::outrun::Outrun;
use crate::peek::Peek;
use crate::publisher::Confirm;
use crate::registry::Errand;
use crate::remains::{Leftover, Leftovers};
use crate::reply::Replies;
use crate::request::{Origin, Reply, Request};
use crate::signal::{Fact, Signals};
use crate::topology::Topology;
use crate::trace::Traces;
use crate::traffic::{Holdings, Traffic};

/// Deliveries handed out before the events are drained: few enough that they stay in the first-level cache.
const DISPATCH_STEP: usize = 256;

/// Empty lists of messages or deliveries that are kept to be used again.
pub(crate) const LISTS_MAX: usize = 64;

/// What all shards of a node look at: the topology in force.
pub type Shared = Arc<ArcSwap<Topology>>;

/// How a message that lies in a queue is read: the words of its front-end are not the core's.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    /// The value of a header, as consumers see it.
    pub header_of: fn(&Message, &str) -> Option<Value>,
    /// The value of a property, by the names that exchanges have for them.
    pub property_of: fn(&Message, &str) -> Option<Value>,
}

/// What waits for the journal to be synced.
#[derive(Debug)]
pub(crate) enum Awaited {
    /// The confirms of so many messages in a row, and that of the first.
    Confirm(Confirm, u64),
    Answer(Origin, Box<Reply>),
    Errand(ShardId, Box<Errand>),
    Publish(Arc<Topology>, Vec<Occurred>),
    Serve(QueueId, Box<Request>),
}

/// The changes of a turn that wait for the disk: they become visible together, and what waits for one of them waits for
/// all.
#[derive(Debug, Default)]
pub(crate) struct Unsealed {
    pub(crate) is_there: bool,
    pub(crate) occurred: Vec<Occurred>,
    /// What is done when they are visible.
    pub(crate) behind: Vec<Awaited>,
}

/// One shard of the core.
#[derive(Debug)]
pub struct Broker {
    pub(crate) shard: ShardId,
    pub(crate) shards: usize,
    pub(crate) shared: Shared,
    pub(crate) topology: Arc<Topology>,
    /// Shard 0's: the topology with the changes that are not on disk yet.
    pub(crate) draft: Arc<Topology>,
    /// Shard 0's: the last note of a change.
    pub(crate) noted: Option<Ticket>,
    pub(crate) queues: Recent<QueueId, Hosted>,
    pub(crate) store: Store,
    pub(crate) random: Random,
    /// Queues with something to dispatch, each once.
    pub(crate) dirty: VecDeque<QueueId>,
    /// How many messages may still expire, become due, make room or be sent on in this turn.
    pub(crate) rule_budget: usize,
    /// Queues with something to do by rule that wait for the next turn, each once.
    pub(crate) put_off: Vec<QueueId>,
    /// Requests that wait for a queue's messages to be read from disk.
    pub(crate) fetches: BTreeMap<QueueId, Vec<Request>>,
    /// Clients that are connected to this shard.
    pub(crate) clients: BTreeSet<ClientId>,
    /// Shard 0's: who is connected where.
    pub(crate) census: Census,
    pub(crate) leaving: BTreeMap<ClientId, Leaving>,
    /// Where clients of this shard take answers.
    pub(crate) replies: Replies,
    /// The exclusive queues of this shard's clients.
    pub(crate) owned: BTreeMap<ClientId, Vec<QueueId>>,
    /// About in the order of their tickets: what rests on an older one may stand behind, and waits for those before it.
    pub(crate) awaiting: VecDeque<(Ticket, Awaited)>,
    /// Shard 0's: the changes of this turn.
    pub(crate) unsealed: Unsealed,
    pub(crate) events: VecDeque<(ClientId, Event)>,
    /// Confirms that are decided and not yet told.
    pub(crate) decided: Option<Decided>,
    /// Pieces of damage found since the start.
    pub(crate) damaged_count: u64,
    pub(crate) outbox: Vec<Vec<Mail>>,
    /// Empty lists, to be used again.
    pub(crate) message_lists: Vec<Vec<Message>>,
    pub(crate) settle_lists: Vec<Vec<DeliveryId>>,
    pub(crate) runs: Runs,
    pub(crate) memory: Memory,
    /// What purged and deleted queues held and nobody wants, to be dropped bit by bit.
    pub(crate) remains: Leftovers,
    lagging_count: usize,
    pub(crate) signals: Signals,
    pub(crate) outrun: Outrun,
    /// What clients have published beyond what they have sent, because it went to several queues.
    pub(crate) copied_bytes: usize,
    /// The shell's word that the file system of the data directory runs out of room.
    pub(crate) is_space_low: bool,
    /// The type of queues that ask for none, where their virtual host has none either.
    pub(crate) default_queue_kind: QueueKind,
    pub(crate) ceilings: Ceilings,
    /// What virtual hosts get when they are made.
    pub(crate) vhost_defaults: Arc<VhostDefaults>,
    /// How long consumers of quorum queues have where nothing else is said.
    pub(crate) consumer_timeout_ms: u64,
    pub(crate) alarm: Alarm,
    /// Milliseconds since 1970, as the shell has last said.
    pub(crate) now_ms: u64,
    pub(crate) reader: Reader,
    pub(crate) deadlines: Deadlines,
    pub(crate) forwards: Forwards,
    /// The relays that live here.
    pub(crate) relays: BTreeSet<QueueId>,
    pub(crate) traffic: Traffic,
    /// Looks at queues that wait for the disk, by the marks of their reads.
    pub(crate) peeks: BTreeMap<u64, Peek>,
    pub(crate) last_peek: u64,
    /// Who watches queues.
    pub(crate) traces: Traces,
    /// Shard 0's: what has happened to declared things and nobody was told.
    pub(crate) occurrences: VecDeque<Occurred>,
    /// How many of them went unheard.
    pub(crate) missed_count: u64,
    /// Shard 0's: who has asked for what is being done.
    pub(crate) actor: Option<Origin>,
}

impl Broker {
    pub(crate) fn new(
        shard: ShardId,
        shards: usize,
        shared: Shared,
        store: Store,
        memory_bytes_max: usize,
        random: Random,
    ) -> Self {
        Self {
            shard,
            shards,
            topology: shared.load_full(),
            draft: shared.load_full(),
            noted: None,
            shared,
            queues: Recent::new(),
            store,
            random,
            dirty: VecDeque::new(),
            rule_budget: RULE_BUDGET,
            put_off: Vec::new(),
            fetches: BTreeMap::new(),
            clients: BTreeSet::new(),
            census: Census::default(),
            leaving: BTreeMap::new(),
            replies: Replies::default(),
            owned: BTreeMap::new(),
            awaiting: VecDeque::new(),
            unsealed: Unsealed::default(),
            events: VecDeque::new(),
            decided: None,
            damaged_count: 0,
            outbox: (0..shards).map(|_| Vec::new()).collect(),
            message_lists: Vec::new(),
            settle_lists: Vec::new(),
            runs: Runs::default(),
            memory: Memory::new(memory_bytes_max),
            remains: Leftovers::default(),
            lagging_count: 0,
            signals: Signals::default(),
            outrun: Outrun::default(),
            copied_bytes: 0,
            is_space_low: false,
            default_queue_kind: QueueKind::Classic,
            ceilings: Ceilings::default(),
            vhost_defaults: Arc::default(),
            consumer_timeout_ms: CONSUMER_TIMEOUT_MS,
            alarm: Alarm::default(),
            now_ms: 0,
            reader: Reader { header_of: |_, _| None, property_of: |_, _| None },
            deadlines: Deadlines::default(),
            forwards: Forwards::default(),
            relays: BTreeSet::new(),
            traffic: Traffic::default(),
            peeks: BTreeMap::new(),
            last_peek: 0,
            traces: Traces::default(),
            occurrences: VecDeque::new(),
            missed_count: 0,
            actor: None,
        }
    }

    /// Takes the time, in milliseconds since 1970, and looks at the topology in force. Call before the mail of a turn
    /// is handled: mail may speak of what its sender has seen declared.
    pub fn begin_turn(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
        self.renew_budget();
        if !self.traces.is_empty() {
            self.end_stale_traces();
        }
        self.look_at_topology();
        self.meet_deadlines();
        self.take_loaded();
    }

    /// Says how stored messages are read. Once, before the first turn.
    pub const fn read_messages_with(&mut self, reader: Reader) {
        self.reader = reader;
    }

    /// The pointer to the topology in force, for whoever looks at it from outside.
    pub fn shared_topology(&self) -> Shared {
        Arc::clone(&self.shared)
    }

    /// The time of this turn, in milliseconds since 1970.
    pub const fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Looks at the topology in force once more in a turn: a client may know of what was declared since it began.
    pub fn look_at_topology(&mut self) {
        let shared = self.shared.load();
        if shared.version() == self.topology.version() {
            return;
        }
        let rules_version = self.topology.definitions().rules_version();
        self.topology = Arc::clone(&shared);
        drop(shared);
        self.follow_topology(rules_version);
    }

    /// Does here what follows from a topology, the one before having had the rules `rules_version`.
    pub(crate) fn follow_topology(&mut self, rules_version: u64) {
        if self.topology.definitions().rules_version() != rules_version {
            self.apply_rules();
        }
        self.drop_relays();
        self.forget_stale_traffic();
    }

    /// Handles a piece of mail from another shard.
    pub fn receive(&mut self, mail: Mail) {
        match mail {
            Mail::Enqueue { queue, messages, confirm, are_alike } => {
                self.enqueue_run(queue, messages, confirm, are_alike);
            }
            Mail::Settle { queue, mut deliveries, settlement } => {
                self.settle_here(queue, deliveries.drain(..), settlement);
                if self.settle_lists.len() < LISTS_MAX {
                    self.settle_lists.push(deliveries);
                }
            }
            Mail::Credit { queue, consumer, bytes } => self.credit_here(queue, consumer, bytes),
            Mail::Outrun { queue, is_outrun } => self.hear_outrun(queue, is_outrun),
            Mail::Pause { queue, consumer, is_paused } => {
                self.pause_here(queue, consumer, is_paused);
            }
            Mail::DropConsumer { queue, consumer } => {
                self.cancel(queue, consumer);
            }
            Mail::Register(request) => self.register(*request),
            Mail::Serve { queue, request } => self.serve(queue, *request),
            Mail::Errand(errand) => self.run(*errand),
            Mail::Owns { client, queue } => self.own(client, queue),
            Mail::Signal { fact, is_true } => self.hear_signal(fact, is_true),
            Mail::Reply { address, message } => self.reply_here(address, message),
            Mail::FindReply { origin, address, vhost } => {
                self.find_reply_here(origin, address, vhost);
            }
            Mail::Tell { client, event } => self.hear(client, event),
        }
    }

    /// Takes what another shard has to tell a client of this one, or this shard itself.
    fn hear(&mut self, client: ClientId, event: Event) {
        match event {
            Event::Confirmed { link, first, last } if client == forwarder(self.shard) => {
                self.forwarded(link, (first, last), false);
            }
            Event::Rejected { link, first, last } if client == forwarder(self.shard) => {
                self.forwarded(link, (first, last), true);
            }
            event => self.events.push_back((client, event)),
        }
    }

    /// Hands some waiting messages to consumers. Returns whether there is more to do: drain the events, then call
    /// again.
    pub fn dispatch(&mut self) -> bool {
        let Some(id) = self.dirty.pop_front() else { return false };
        self.dispatch_queue(id, DISPATCH_STEP);
        !self.dirty.is_empty()
    }

    /// What a client of this shard is told next.
    pub fn poll_event(&mut self) -> Option<(ClientId, Event)> {
        if self.events.is_empty() {
            self.tell_decided();
        }
        self.events.pop_front()
    }

    /// Whether [`Broker::poll_event`] has something.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty() || self.decided.is_some()
    }

    /// The shell's view of this shard: whether it has more than it can put anywhere. The other shards are told.
    pub const fn set_behind(&mut self, is_behind: bool) {
        self.signals.of_mut(Fact::Behind).set(is_behind);
    }

    /// Whether this shard or another one has more than it can put anywhere. Then those that publish have to wait.
    pub const fn is_anyone_behind(&self) -> bool {
        self.signals.of(Fact::Behind).is_anywhere()
    }

    /// Mail for `shard` since the last call, in order.
    pub fn poll_mail(&mut self, shard: ShardId) -> Option<Vec<Mail>> {
        for fact in Fact::ALL {
            if let Some(is_true) = self.signals.of_mut(fact).poll_news() {
                for other in self.others() {
                    self.post(other, Mail::Signal { fact, is_true });
                }
            }
        }
        let box_of_shard = &mut self.outbox[usize::from(shard)];
        (!box_of_shard.is_empty()).then(|| std::mem::take(box_of_shard))
    }

    /// What the disk has to do next. Call at the end of a turn until `None`.
    pub fn poll_submission(&mut self, now: Time) -> Option<Submission> {
        self.seal_changes();
        if self.shard == 0 && self.store.wants_snapshot() {
            self.store.snapshot(Change::list_to_bytes(self.draft.durable_changes()));
        }
        self.store.poll_submission(now)
    }

    /// When the next turn is due without anything else happening.
    pub fn poll_timeout(&self) -> Option<Time> {
        if self.has_rest() { Some(Time::ZERO) } else { self.store.poll_timeout() }
    }

    /// Whether something was left over for the next turn: because it would have made this one too long, or because the store
    /// has answered at once that it has nothing.
    pub fn has_rest(&self) -> bool {
        !self.remains.is_empty() || !self.put_off.is_empty() || self.store.has_loaded()
    }

    /// Handles what the disk has done.
    ///
    /// # Errors
    /// [`Fault`] when the disk failed. Nothing can be promised from here on: the process must stop.
    pub fn complete(&mut self, completion: Completion) -> Result<(), Fault> {
        self.store.complete(completion)?;
        // What has changed since the turn began may wait for this very completion, and no other comes.
        self.seal_changes();
        self.release_synced();
        self.take_loaded();
        Ok(())
    }

    /// Bytes of messages that wait in memory.
    pub const fn resident_bytes(&self) -> usize {
        self.memory.resident_bytes() + self.forwards.bytes()
    }

    /// What connections hold in memory: queues make do with the rest.
    pub const fn set_other_bytes(&mut self, bytes: usize) {
        self.memory.set_other_bytes(bytes);
    }

    /// Queues and connections may hold so many bytes in memory.
    pub const fn set_memory_bytes_max(&mut self, bytes: usize) {
        self.memory.set_bytes_max(bytes);
    }

    /// Bytes that wait to be written to the journal.
    pub fn unwritten_bytes(&self) -> usize {
        self.store.pending_bytes()
    }

    /// Makes the store write and sync everything that it holds; [`Broker::is_flushed`] tells when that is done.
    pub fn flush(&mut self) {
        self.store.close();
    }

    /// Whether everything is on disk.
    pub fn is_flushed(&self) -> bool {
        self.store.is_idle() && self.awaiting.is_empty() && !self.unsealed.is_there
    }

    /// The topology that this shard sees.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// The queue's live state, if it lives here and has been used.
    pub fn queue(&self, id: QueueId) -> Option<&Queue> {
        self.queues.get(id).map(|hosted| &hosted.queue)
    }

    /// Takes back a list that came with an event, to be used again.
    pub fn recycle(&mut self, deliveries: Vec<Delivery>) {
        self.runs.recycle(deliveries);
    }

    pub(crate) fn others(&self) -> impl Iterator<Item = ShardId> + use<> {
        let (own, shards) = (usize::from(self.shard), self.shards);
        let others = (0..shards).filter(move |&shard| shard != own);
        others.map(|shard| ShardId::try_from(shard).expect("a node has at most 256 shards"))
    }

    /// Where a queue lives.
    pub(crate) fn shard_of(&self, queue: QueueId) -> ShardId {
        ShardId::try_from(queue.shard(self.shards)).expect("a node has at most 256 shards")
    }

    pub(crate) fn post(&mut self, shard: ShardId, mail: Mail) {
        self.outbox[usize::from(shard)].push(mail);
    }

    pub(crate) fn tell(&mut self, client: ClientId, event: Event) {
        if client.shard() == self.shard {
            self.tell_decided();
            self.events.push_back((client, event));
        } else {
            self.post(client.shard(), Mail::Tell { client, event });
        }
    }

    pub(crate) fn answer(&mut self, origin: Origin, reply: Reply) {
        let (client, event) = Event::answered(origin, reply);
        self.tell(client, event);
    }

    /// The queue, if it lives here and is not deleted. A queue comes to life when it is first asked for: its declaration
    /// was published before anybody could know of it.
    pub(crate) fn hosted(&mut self, id: QueueId) -> Option<&mut Hosted> {
        if self.queues.get_mut(id).is_none() {
            assert_eq!(self.shard_of(id), self.shard, "mail for a queue goes to its shard");
            let definitions = self.topology.definitions();
            let definition = Arc::clone(definitions.queue_by_id(id)?);
            let queue = Queue::with_lanes(definition.lane_count);
            let hosted =
                Hosted::new(definition, queue, definitions, self.consumer_timeout_ms, self.now_ms);
            if hosted.definition.relay_of.is_some() {
                self.relays.insert(id);
            }
            self.queues.insert(id, hosted);
        }
        self.queues.get_mut(id).filter(|hosted| !hosted.is_deleted)
    }

    pub(crate) fn mark_dirty(&mut self, id: QueueId) {
        if let Some(hosted) = self.queues.get_mut(id)
            && !hosted.is_dirty
        {
            hosted.is_dirty = true;
            hosted.queue.set_room(self.memory.room());
            self.dirty.push_back(id);
        }
    }

    /// Brings the sum of what queues hold in memory up to date, and what is known of those that lag.
    pub(crate) fn count_resident(&mut self, id: QueueId) {
        if let Some(hosted) = self.queues.get_mut(id) {
            let bytes = hosted.resident_bytes();
            self.memory.recount(hosted.counted_bytes, bytes);
            hosted.counted_bytes = bytes;
            let holdings = hosted.holdings();
            self.traffic.recount(&mut hosted.counted, holdings);
            self.lagging_count -= usize::from(hosted.is_lagging);
            self.lagging_count += usize::from(hosted.look_for_lag());
            self.signals.of_mut(Fact::Lagging).set(self.lagging_count > 0);
            self.look_for_outrun(id);
        }
    }

    /// The queue is gone for good, and all that the store has of it.
    pub(crate) fn forget_hosted(&mut self, id: QueueId) {
        if let Some(mut hosted) = self.queues.remove(id) {
            self.traffic.recount(&mut hosted.counted, Holdings::default());
            if hosted.definition.relay_of.is_none() {
                self.count_gone(hosted.kind(), hosted.counters());
            }
            hosted.definition.ids().for_each(|id| self.store.forget(id));
            self.relays.remove(&id);
            self.deadlines.set(id, hosted.deadline_ms, None);
            self.memory.recount(hosted.counted_bytes, 0);
            if hosted.uptake.is_outrun {
                self.tell_outrun(id, false);
            }
            self.lagging_count -= usize::from(hosted.is_lagging);
            self.signals.of_mut(Fact::Lagging).set(self.lagging_count > 0);
            hosted.late.into_iter().for_each(|confirm| self.confirm(Some(confirm)));
            self.drop_slowly(Leftover::Notes(hosted.ledger));
            hosted.dedup.into_iter().for_each(|keys| self.drop_slowly(Leftover::Keys(keys)));
        }
    }

    /// How much more than one copy of each message has gone to queues since the last call, in bytes.
    pub const fn take_copied_bytes(&mut self) -> usize {
        std::mem::replace(&mut self.copied_bytes, 0)
    }

    /// Whether somewhere consumers are willing and do not keep up. Then those that publish should go slower, for their
    /// own good: what is passed on while it is in the cache costs a fraction of what has to wait.
    pub const fn is_lagging(&self) -> bool {
        self.signals.of(Fact::Lagging).is_anywhere()
    }
}
