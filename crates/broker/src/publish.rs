//! Publishing: route, enqueue, remember the confirm.

use std::vec::Drain;

use message::{ClientId, Headers, Message, QueueId};
use queue::Facts;

use crate::broker::{Awaited, Broker, LISTS_MAX};
use crate::forward::{is_forwarder, without_room};
use crate::mail::Mail;
use crate::publisher::{Confirm, Publisher, Way};
use crate::refusal::Refusal;
use crate::relay::Relays;
use crate::reply::ReplyAddress;
use crate::trace::{Arrival, Obstacle, Step};

/// Messages in one piece of mail at most: a list is used again, and should not grow without end.
const RUN_MAX: usize = 512;

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// It went to at least one queue.
    Routed,
    /// It went straight to a client, or to where a client was: nobody will hear more of it.
    Replied,
    /// It went nowhere. A producer that asked for it (`mandatory`) gets it back, before its confirm.
    Unroutable,
}

/// Where a message goes when its transaction is committed.
#[derive(Debug)]
pub struct Destined {
    exchange: u64,
    queues: Box<[QueueId]>,
    relays: Relays,
    addresses: Box<[ReplyAddress]>,
    delay_ms: u64,
}

impl Destined {
    /// The exchange that it was published to, by its number.
    pub const fn exchange(&self) -> u64 {
        self.exchange
    }

    /// The queues that it goes to.
    pub fn queues(&self) -> &[QueueId] {
        &self.queues
    }

    /// How much memory it takes, beside itself.
    pub fn held_bytes(&self) -> usize {
        let relays = self.relays.histories.capacity() + self.relays.delays.capacity();
        (self.queues.len() + relays) * size_of::<QueueId>() + size_of_val(&*self.addresses)
    }
}

/// What messages that are alike have in common, as far as a queue wants to know it.
#[derive(Clone, Copy, Debug)]
struct Likeness {
    is_persistent: bool,
    head_len: usize,
}

impl Likeness {
    fn of(message: &Message) -> Self {
        Self { is_persistent: message.is_persistent(), head_len: message.head().len() }
    }
}

impl Broker {
    /// Takes a message from a producer. `headers` is asked only if an exchange needs them.
    ///
    /// # Errors
    /// [`Refusal`] when the exchange does not exist or takes no messages from clients. The message is dropped and
    /// has no confirm number.
    pub fn publish(
        &mut self,
        publisher: &mut Publisher,
        message: Message,
        headers: &dyn Headers,
    ) -> Result<Published, Refusal> {
        let delay_ms = self.delay_ms(&message, headers);
        let (topology, random) = (&self.topology, &mut self.random);
        let way = publisher.begin(topology, &message, headers, random, delay_ms > 0)?;
        Ok(self.send_along(way, message, delay_ms))
    }

    /// Whether a conversation may [publish a run](Broker::publish_run) of messages with the exchange and keys of the one that
    /// it [expects again](Publisher::expect_again): some queue gets them, and nothing has changed since.
    #[inline]
    pub fn expects(&self, publisher: &Publisher) -> bool {
        publisher.knows_way(&self.topology)
    }

    /// An empty list of messages.
    pub fn message_list(&mut self) -> Vec<Message> {
        self.message_lists.pop().unwrap_or_default()
    }

    /// Publishes messages that have the exchange and keys of the one that their conversation [expects again](Broker::expects),
    /// and nothing else that their way hangs on. They are routed.
    ///
    /// # Panics
    /// When it does not expect them, or there are none.
    pub fn publish_run(&mut self, publisher: &mut Publisher, messages: Vec<Message>) {
        let Way { queues, confirm, .. } = publisher.begin_run(messages.len());
        let (&last, others) = queues.split_last().expect("a way that is known leads somewhere");
        if !others.is_empty() {
            let bytes: usize = messages.iter().map(Message::len_bytes).sum();
            self.copied_bytes += bytes * others.len();
        }
        for &queue in others {
            let mut copies = self.message_list();
            copies.extend_from_slice(&messages);
            self.send_run(queue, copies, confirm);
        }
        self.send_run(last, messages, confirm);
    }

    /// Finds the way of a message that is published now and sent later, at the end of a transaction.
    ///
    /// # Errors
    /// [`Refusal`] as [`Broker::publish`].
    pub fn destine(
        &mut self,
        publisher: &mut Publisher,
        message: &Message,
        headers: &dyn Headers,
    ) -> Result<Destined, Refusal> {
        let delay_ms = self.delay_ms(message, headers);
        let (topology, random) = (&self.topology, &mut self.random);
        let way = publisher.find_way(topology, message, headers, random, delay_ms > 0)?;
        let queues = way.queues.into();
        let (relays, addresses) = (way.relays.clone(), way.addresses.into());
        let exchange = publisher.last_exchange();
        Ok(Destined { exchange, queues, relays, addresses, delay_ms })
    }

    /// Sends a message where it was destined to go. Its time begins here.
    pub fn send_destined(
        &mut self,
        publisher: &mut Publisher,
        message: &Message,
        destined: &Destined,
    ) -> Published {
        let Destined { queues, relays, addresses, delay_ms, .. } = destined;
        let confirm = publisher.next_confirm(queues.len() + relays.len());
        let way = Way { queues, relays, addresses, confirm };
        self.send_along(way, message.renewed(self.now_ms), *delay_ms)
    }

    fn send_along(&mut self, way: Way<'_>, message: Message, delay_ms: u64) -> Published {
        let Way { queues, relays, addresses, confirm } = way;
        if !relays.is_empty() {
            self.keep(relays, &message, delay_ms, |_| confirm);
            if queues.is_empty() && !relays.delays.is_empty() {
                return Published::Routed;
            }
        }
        addresses.iter().for_each(|&address| self.reply(address, message.clone()));
        let Some((&last, others)) = queues.split_last() else {
            return if addresses.is_empty() { Published::Unroutable } else { Published::Replied };
        };
        self.copied_bytes += message.len_bytes() * others.len();
        for &queue in others {
            self.send(queue, message.clone(), confirm);
        }
        self.send(last, message, confirm);
        Published::Routed
    }

    /// Whether an exchange takes messages from clients.
    ///
    /// # Errors
    /// [`Refusal`] as [`Broker::publish`].
    pub fn may_publish(&self, publisher: &Publisher, exchange: &[u8]) -> Result<(), Refusal> {
        publisher.exchange(&self.topology, exchange).map(|_| ())
    }

    /// Gives a message to a queue, wherever it lives. Messages for one queue of another shard go as one piece of mail.
    pub(crate) fn send(&mut self, queue: QueueId, message: Message, confirm: Option<Confirm>) {
        let shard = self.shard_of(queue);
        if shard == self.shard {
            return self.enqueue(queue, message, confirm);
        }
        let mail = &mut self.outbox[usize::from(shard)];
        if let Some(Mail::Enqueue { queue: same, messages, confirm: first, are_alike }) =
            mail.last_mut()
            && *same == queue
            && messages.len() < RUN_MAX
            && follows(*first, messages.len(), confirm)
        {
            *are_alike = false;
            return messages.push(message);
        }
        let mut messages = self.message_lists.pop().unwrap_or_default();
        messages.push(message);
        mail.push(Mail::Enqueue { queue, messages, confirm, are_alike: true });
    }

    /// Gives messages to a queue, wherever it lives.
    fn send_run(&mut self, queue: QueueId, mut messages: Vec<Message>, confirm: Option<Confirm>) {
        let shard = self.shard_of(queue);
        if shard == self.shard {
            return self.enqueue_run(queue, messages, confirm, true);
        }
        let mail = &mut self.outbox[usize::from(shard)];
        if let Some(Mail::Enqueue { queue: same, messages: before, confirm: first, are_alike }) =
            mail.last_mut()
            && *same == queue
            && before.len() + messages.len() <= RUN_MAX
            && follows(*first, before.len(), confirm)
        {
            *are_alike &= before.last().zip(messages.first()).is_some_and(|(a, b)| a.is_like(b));
            before.append(&mut messages);
            return self.keep_list(messages);
        }
        mail.push(Mail::Enqueue { queue, messages, confirm, are_alike: true });
    }

    /// Keeps an empty list to be used again.
    fn keep_list(&mut self, messages: Vec<Message>) {
        if self.message_lists.len() < LISTS_MAX {
            self.message_lists.push(messages);
        }
    }

    /// Puts messages into a queue of this shard. Of those that `are_alike` only the first one is looked at: the others may have
    /// been written on another core, and are best read when they are sent.
    pub(crate) fn enqueue_run(
        &mut self,
        queue: QueueId,
        mut messages: Vec<Message>,
        mut confirm: Option<Confirm>,
        are_alike: bool,
    ) {
        let mut rest = messages.drain(..);
        while let Some(message) = rest.next() {
            // The first one says that the queue is open and has something to do.
            let likeness = (are_alike && !message.has_fields()).then(|| Likeness::of(&message));
            self.enqueue(queue, message, confirm);
            confirm = confirm.map(Confirm::next);
            if let Some(likeness) = likeness {
                let count = self.enqueue_alike(queue, &mut rest, likeness, confirm);
                confirm = confirm.map(|confirm| confirm.after(count));
            }
        }
        drop(rest);
        self.keep_list(messages);
    }

    /// Puts messages behind one that is like them, and has just been put there, as long as nothing is to be noted of them but
    /// that they are there. Returns how many these were.
    fn enqueue_alike(
        &mut self,
        id: QueueId,
        messages: &mut Drain<'_, Message>,
        likeness: Likeness,
        confirm: Option<Confirm>,
    ) -> u64 {
        let Some(hosted) = self.queues.get_mut(id) else { return 0 };
        let is_plain = !hosted.is_deleted && !hosted.is_examined && !hosted.is_traced;
        if !is_plain || hosted.definition.lane_count > 1 {
            return 0;
        }
        if hosted.keeps.keeps_if(likeness.is_persistent) {
            return self.enqueue_kept(id, messages, likeness, confirm);
        }
        let count = hosted.queue.enqueue_alike(messages, likeness.head_len, self.now_ms) as u64;
        self.confirm_run(confirm, count);
        count
    }

    /// The same of messages that the queue keeps on disk. All of them are safe when the last one is.
    fn enqueue_kept(
        &mut self,
        id: QueueId,
        messages: &mut Drain<'_, Message>,
        likeness: Likeness,
        confirm: Option<Confirm>,
    ) -> u64 {
        let Some(hosted) = self.queues.get_mut(id) else { return 0 };
        let (queue, lane_id) = (&mut hosted.queue, hosted.definition.lane_id(0));
        let (mut count, mut last) = (0, None);
        while !self.store.is_full() {
            let Some(message) = messages.next() else { break };
            let (seq, is_awaited) = (queue.next_seq(), confirm.is_some());
            last = Some(self.store.enqueue(lane_id, seq, message.as_bytes(), is_awaited));
            queue.enqueue_plain(message, likeness.head_len, true, self.now_ms);
            count += 1;
        }
        hosted.tally.disk_writes += count;
        self.traffic.disk.disk_writes += count;
        if let (Some(first), Some(ticket)) = (confirm, last) {
            self.awaiting.push_back((ticket, Awaited::Confirm(first, count)));
        }
        count
    }

    /// Puts a message into a queue of this shard. It is safe when it needs no disk, or when the journal is synced
    /// behind it; a queue that was deleted meanwhile has nothing to keep. While the store is full, it takes nothing of
    /// which somebody would have to be told that it is safe; the rest goes into memory, where no promise is broken. What
    /// need not be kept goes to the store all the same when memory is short.
    pub(crate) fn enqueue(&mut self, id: QueueId, message: Message, confirm: Option<Confirm>) {
        let is_open = self.queues.get_mut(id).is_some_and(|hosted| !hosted.is_deleted);
        if !is_open && self.hosted(id).is_none() {
            return match self.queues.get_mut(id) {
                Some(deleted) => deleted.late.extend(confirm),
                None => self.confirm(confirm),
            };
        }
        let Some(hosted) = self.queues.get_mut(id) else { return };
        let (message, key) = if hosted.is_examined {
            let Some(admitted) = self.examine(id, message, confirm) else { return };
            (admitted.message, admitted.key)
        } else {
            (message, None)
        };
        let Some(hosted) = self.queues.get_mut(id) else { return };
        let mut is_stored = hosted.keeps.keeps(&message);
        if is_stored && self.store.is_full() {
            match confirm {
                Some(confirm) => return self.refuse_without_room(id, &message, confirm),
                None => is_stored = false,
            }
        }
        if !hosted.is_dirty {
            hosted.is_dirty = true;
            hosted.used_at_ms = self.now_ms;
            hosted.queue.set_room(self.memory.room());
            self.dirty.push_back(id);
        }
        let (lane, seq) = (hosted.queue.lane_of(&message), hosted.queue.next_seq());
        hosted.inflow.note(message.exchange(), seq);
        let lane_id = hosted.definition.lane_id(lane);
        if hosted.is_traced {
            let (step, place, client) = (Step::Published, Some((lane, seq)), publisher_of(confirm));
            let arrival = Arrival { step, place, client, message: &message };
            self.traces.record_arrival(id, arrival, self.now_ms);
        }
        if is_stored {
            hosted.tally.disk_writes += 1;
            self.traffic.disk.disk_writes += 1;
            // A note on a message that is not there is void; a message without its note would be delivered before its time.
            if let Some(facts) = Facts::of(&message, lane, seq) {
                self.note_facts(id, &facts);
            }
            let mut ticket =
                self.store.enqueue(lane_id, seq, message.as_bytes(), confirm.is_some());
            if let Some(hosted) = self.queues.get_mut(id) {
                hosted.queue.enqueue(message, is_stored, self.now_ms);
            }
            if let Some(key) = key {
                ticket = self.remember_key(id, key, Some(ticket)).unwrap_or(ticket);
            }
            if let Some(confirm) = confirm {
                self.awaiting.push_back((ticket, Awaited::Confirm(confirm, 1)));
            }
        } else {
            let is_spilled = hosted.queue.wants_store() && !self.store.is_full();
            if is_spilled {
                self.store.spill(lane_id, seq, message.as_bytes());
            }
            hosted.queue.enqueue(message, is_spilled, self.now_ms);
            self.confirm(confirm);
            if let Some(key) = key {
                self.remember_key(id, key, None);
            }
        }
    }

    /// There is no room on the disk for a message of which somebody wants to hear that it is safe.
    #[inline(never)]
    fn refuse_without_room(&mut self, id: QueueId, message: &Message, confirm: Confirm) {
        self.trace_refusal(id, message, Some(confirm), Obstacle::NoRoom);
        let is_forwarded = is_forwarder(confirm.client);
        self.reject(Some(if is_forwarded { without_room(confirm) } else { confirm }));
    }

    /// Tells whoever watches a queue that it does not take a message.
    #[inline(never)]
    pub(crate) fn trace_refusal(
        &mut self,
        id: QueueId,
        message: &Message,
        confirm: Option<Confirm>,
        obstacle: Obstacle,
    ) {
        if self.queues.get(id).is_some_and(|hosted| hosted.is_traced) {
            let (step, client) = (Step::Refused(obstacle), publisher_of(confirm));
            let arrival = Arrival { step, place: None, client, message };
            self.traces.record_arrival(id, arrival, self.now_ms);
        }
    }
}

/// The client that waits to hear what becomes of a message.
fn publisher_of(confirm: Option<Confirm>) -> Option<ClientId> {
    confirm.map(|confirm| confirm.client).filter(|&client| !is_forwarder(client))
}

/// Whether a message can join a run of `len` that begins with the confirm `first`.
fn follows(first: Option<Confirm>, len: usize, confirm: Option<Confirm>) -> bool {
    match (first, confirm) {
        (None, None) => true,
        (Some(first), Some(confirm)) => {
            first.client == confirm.client
                && first.link == confirm.link
                && first.number + len as u64 == confirm.number
        }
        _ => false,
    }
}
