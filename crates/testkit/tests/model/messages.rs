//! What the reference does with messages.

use super::op::{Op, Post};
use super::reference::{Destined, Mode, Model, Settlement, Side, Unacked, code};
use super::shelf::{Consumer, Entry, Message, Source};

impl Model {
    pub(crate) fn act_on_messages(&mut self, side: Side, op: &Op) -> Result<(), u16> {
        match *op {
            Op::Publish(post) => return self.publish(side, &post),
            Op::Confirm => {
                let mode = &mut self.channel(side).mode;
                match mode {
                    Mode::Transactional { .. } => return Err(code::PRECONDITION_FAILED),
                    Mode::Plain => *mode = Mode::Confirming(0),
                    Mode::Confirming(_) => {}
                }
                self.reply(side, "confirm.select-ok");
            }
            Op::TxSelect => {
                let mode = &mut self.channel(side).mode;
                match mode {
                    Mode::Confirming(_) => return Err(code::PRECONDITION_FAILED),
                    Mode::Plain => *mode = transactional(),
                    Mode::Transactional { .. } => {}
                }
                self.reply(side, "tx.select-ok");
            }
            Op::Commit => return self.commit(side),
            Op::Rollback => {
                let (_, held) = self.take_transaction(side)?;
                let unacked = held.into_iter().map(|(tag, due, _)| (tag, due));
                self.channel(side).unacked.extend(unacked);
                self.reply(side, "tx.rollback-ok");
            }
            Op::Get { queue, no_ack } => {
                self.find(side, queue)?;
                self.expire(queue, self.now_ms);
                match self.queues[queue].ready.len() {
                    0 => self.reply(side, "basic.get-empty"),
                    count => self.expect(side).fetch = Some((queue, !no_ack, count - 1)),
                }
            }
            Op::Consume { queue, tag, no_ack, exclusive } => {
                self.consume(side, queue, tag, no_ack, exclusive)?;
                self.reply(side, format!("basic.consume-ok {tag}"));
            }
            Op::Cancel { tag } => {
                self.cancel(|it| (it.connection, it.channel) == side && it.tag == tag);
                self.reply(side, format!("basic.cancel-ok {tag}"));
            }
            Op::Qos { count, global } => {
                let channel = self.channel(side);
                let bound =
                    if global { &mut channel.shared_prefetch } else { &mut channel.prefetch };
                *bound = count;
                self.reply(side, "basic.qos-ok");
            }
            Op::Ack { tag, multiple } => self.end(side, tag, multiple, Settlement::Accept)?,
            Op::Nack { tag, multiple, requeue } => self.end(side, tag, multiple, back(requeue))?,
            Op::Reject { tag, requeue } => self.end(side, tag, false, back(requeue))?,
            Op::Recover { requeue: false } => return Err(code::NOT_IMPLEMENTED),
            Op::Recover { requeue: true } => {
                let unacked = std::mem::take(&mut self.channel(side).unacked);
                unacked.into_values().for_each(|due| self.settle(due, Settlement::Requeue));
                self.reply(side, "basic.recover-ok");
            }
            _ => unreachable!("the other ones are not about messages"),
        }
        Ok(())
    }

    fn publish(&mut self, side: Side, post: &Post) -> Result<(), u16> {
        for number in post.first..post.first + post.count {
            let message = Message {
                number,
                exchange: post.exchange,
                key: post.key,
                persistent: post.persistent,
                priority: post.priority.unwrap_or(0),
                received_at_ms: self.now_ms,
                expires_at_ms: post.expiration_ms.map(|ms| self.now_ms + u64::from(ms)),
                rejected: false,
            };
            let targets = self.route(post.exchange, post.key).ok_or(code::NOT_FOUND)?;
            let serials = targets.into_iter().map(|name| (name, self.queues[name].serial));
            let (targets, mandatory) = (serials.collect(), post.mandatory);
            let destined = Destined { message, targets, mandatory };
            let confirm = match &mut self.channel(side).mode {
                Mode::Plain => None,
                Mode::Confirming(count) => {
                    *count += 1;
                    Some(*count)
                }
                Mode::Transactional { publishes, .. } => {
                    publishes.push(destined);
                    continue;
                }
            };
            let is_taken = self.send(side, destined, confirm);
            if let Some(confirm) = confirm {
                self.expect(side).confirms.insert(confirm, !is_taken);
            }
        }
        Ok(())
    }

    /// Gives a message to its queues. Returns whether all of them have taken it.
    fn send(&mut self, side: Side, destined: Destined, confirm: Option<u64>) -> bool {
        let Destined { message, targets, mandatory } = destined;
        if targets.is_empty() && mandatory {
            self.expect(side).returns.push_back((message.number, confirm));
        }
        let mut is_taken = true;
        for (name, serial) in targets {
            if self.queues.get(name).is_some_and(|queue| queue.serial == serial) {
                is_taken &= self.enqueue(name, message.clone(), None);
            }
        }
        is_taken
    }

    fn enqueue(&mut self, name: &'static str, message: Message, source: Source) -> bool {
        let moment = (self.step, self.now_ms);
        let Some(queue) = self.queues.get_mut(name) else { return true };
        if queue.admits() {
            queue.arrive(message, moment, source);
            return true;
        }
        if queue.form.overflow == Some("reject-publish-dlx") {
            self.die("refused", name, message, Some(false));
        } else {
            self.count("refused without letter");
        }
        false
    }

    /// A message leaves its queue without having been accepted.
    fn die(
        &mut self,
        why: &'static str,
        name: &'static str,
        message: Message,
        was_had: Option<bool>,
    ) {
        self.count(why);
        let Some((exchange, key)) = self.queues.get(name).and_then(|it| it.form.dead_letter) else {
            return;
        };
        let key = key.unwrap_or(message.key);
        let received_at_ms = self.now_ms;
        let letter = Message { exchange, key, received_at_ms, expires_at_ms: None, ..message };
        for target in self.route(exchange, key).unwrap_or_default() {
            self.count("dead letter");
            self.enqueue(target, letter.clone(), Some((name, was_had)));
        }
    }

    fn commit(&mut self, side: Side) -> Result<(), u16> {
        let (publishes, settlements) = self.take_transaction(side)?;
        let mut is_taken = true;
        for mut destined in publishes {
            let message = &mut destined.message;
            let waited_ms = self.now_ms - message.received_at_ms;
            message.received_at_ms += waited_ms;
            message.expires_at_ms = message.expires_at_ms.map(|at_ms| at_ms + waited_ms);
            is_taken &= self.send(side, destined, None);
        }
        for (_, due, settlement) in settlements {
            self.settle(due, settlement);
        }
        if !is_taken {
            return Err(code::PRECONDITION_FAILED);
        }
        self.reply(side, "tx.commit-ok");
        Ok(())
    }

    #[allow(clippy::type_complexity)]
    fn take_transaction(
        &mut self,
        side: Side,
    ) -> Result<(Vec<Destined>, Vec<(u64, Unacked, Settlement)>), u16> {
        let mode = &mut self.channel(side).mode;
        if !matches!(mode, Mode::Transactional { .. }) {
            return Err(code::PRECONDITION_FAILED);
        }
        match std::mem::replace(mode, transactional()) {
            Mode::Transactional { publishes, settlements } => Ok((publishes, settlements)),
            Mode::Plain | Mode::Confirming(_) => unreachable!("it has just been looked at"),
        }
    }

    fn consume(
        &mut self,
        side: Side,
        name: &'static str,
        tag: &'static str,
        no_ack: bool,
        exclusive: bool,
    ) -> Result<(), u16> {
        let is_own = |it: &Consumer| (it.connection, it.channel) == side && it.tag == tag;
        if self.queues.values().flat_map(|queue| &queue.consumers).any(is_own) {
            return Err(code::NOT_ALLOWED);
        }
        self.find(side, name)?;
        let prefetch = if no_ack { 0 } else { self.channel(side).prefetch };
        let serial = self.next_serial();
        let (connection, channel) = side;
        let consumer = Consumer { serial, connection, channel, tag, no_ack, exclusive, prefetch };
        let Some(queue) = self.queues.get_mut(name) else { return Ok(()) };
        let is_taken = queue.consumers.iter().any(|it| it.exclusive);
        if is_taken || (exclusive && !queue.consumers.is_empty()) {
            return Err(code::ACCESS_REFUSED);
        }
        queue.consumers.push(consumer);
        Ok(())
    }

    /// Ends consumers. An auto-delete queue goes with its last one.
    fn cancel(&mut self, is_meant: impl Fn(&Consumer) -> bool) {
        let names: Vec<&'static str> = self.queues.keys().copied().collect();
        for name in names {
            let Some(queue) = self.queues.get_mut(name) else { continue };
            let before = queue.consumers.len();
            queue.consumers.retain(|consumer| !is_meant(consumer));
            let is_unused = queue.consumers.is_empty() && before > 0;
            if is_unused && queue.form.auto_delete {
                self.drop_queue(name);
            }
        }
    }

    /// The client has done with a delivery, or with all up to it.
    fn end(
        &mut self,
        side: Side,
        tag: u64,
        multiple: bool,
        settlement: Settlement,
    ) -> Result<(), u16> {
        let channel = self.channel(side);
        let is_all = multiple && tag == 0;
        if !is_all && !channel.unacked.contains_key(&tag) {
            return Err(code::PRECONDITION_FAILED);
        }
        let is_meant = |it: u64| if multiple { tag == 0 || it <= tag } else { it == tag };
        let (ended, left) = std::mem::take(&mut channel.unacked)
            .into_iter()
            .partition::<Vec<_>, _>(|(it, _)| is_meant(*it));
        channel.unacked = left.into_iter().collect();
        if let Mode::Transactional { settlements, .. } = &mut channel.mode {
            settlements.extend(ended.into_iter().map(|(tag, due)| (tag, due, settlement)));
        } else {
            ended.into_iter().for_each(|(_, due)| self.settle(due, settlement));
        }
        Ok(())
    }

    fn settle(&mut self, due: Unacked, settlement: Settlement) {
        let now_ms = self.now_ms;
        let queue = self.queues.get_mut(due.queue).filter(|it| it.serial == due.queue_serial);
        let Some(queue) = queue else { return };
        let entry = due.entry;
        let is_over = queue.deadline_ms(&entry.message).is_some_and(|at_ms| at_ms <= now_ms);
        match settlement {
            Settlement::Accept => {}
            Settlement::Requeue if !is_over => {
                queue.put(Entry { redelivered: Some(true), ..entry });
            }
            Settlement::Requeue => self.die("expired", due.queue, entry.message, Some(true)),
            Settlement::Discard => {
                let message = Message { rejected: true, ..entry.message };
                self.die("rejected", due.queue, message, Some(true));
            }
        }
    }

    /// What has outlived its time up to `through_ms` goes.
    pub(crate) fn expire(&mut self, name: &'static str, through_ms: u64) {
        let expired = self.queues.get_mut(name).map(|queue| queue.expire(through_ms));
        for entry in expired.unwrap_or_default() {
            let was_had = entry.redelivered;
            self.die("expired", name, entry.message, was_had);
        }
    }

    /// What is too much goes.
    pub(crate) fn trim(&mut self, name: &'static str) {
        let trimmed = self.queues.get_mut(name).map(|queue| queue.trim());
        for entry in trimmed.unwrap_or_default() {
            let was_had = entry.redelivered;
            self.die("too many", name, entry.message, was_had);
        }
    }

    /// Time passes, from one deadline to the next.
    pub(crate) fn pass(&mut self, ms: u64) {
        let end_ms = self.now_ms + ms;
        let next =
            |model: &Self| model.queues.values().filter_map(|it| it.next_deadline_ms()).min();
        while let Some(due_ms) = next(self).filter(|&due_ms| due_ms <= end_ms) {
            self.now_ms = due_ms.max(self.now_ms);
            for name in self.names() {
                self.expire(name, due_ms);
            }
        }
        self.now_ms = end_ms;
    }

    /// The names of all queues, those first whose dead letters may go to others.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<&'static str> = self.queues.keys().copied().collect();
        names.sort_by_key(|name| self.queues[name].form.dead_letter.is_none());
        names
    }

    /// The server ends a channel, or the connection.
    pub(crate) fn fail(&mut self, side: Side, code: u16, method: u32) {
        let is_hard =
            matches!(code, code::CHANNEL_ERROR | code::NOT_ALLOWED | code::NOT_IMPLEMENTED);
        if is_hard {
            self.reply((side.0, 0), format!("connection.close {code} {method:#x}"));
            return self.lose(side.0);
        }
        self.reply(side, format!("channel.close {code} {method:#x}"));
        self.release_channel(side);
        self.connections[side.0].channels.remove(&side.1);
    }

    /// All that a channel has goes back.
    pub(crate) fn release_channel(&mut self, side: Side) {
        self.cancel(|consumer| (consumer.connection, consumer.channel) == side);
        let channel = self.channel(side);
        let mut unacked = std::mem::take(&mut channel.unacked);
        if let Mode::Transactional { settlements, .. } = std::mem::take(&mut channel.mode) {
            unacked.extend(settlements.into_iter().map(|(tag, due, _)| (tag, due)));
        }
        unacked.into_values().for_each(|due| self.settle(due, Settlement::Requeue));
    }

    /// A connection is gone. There is another one at once. Its own queues go first: what would come back to them is not theirs
    /// any more.
    pub(crate) fn lose(&mut self, connection: usize) {
        let serial = self.connections[connection].serial;
        for name in self.names() {
            let queue = self.queues.get_mut(name).filter(|it| it.owner == Some(serial));
            if let Some(queue) = queue {
                queue.consumers.clear();
                self.drop_queue(name);
            }
        }
        let numbers: Vec<u16> = self.connections[connection].channels.keys().copied().collect();
        for number in numbers {
            self.release_channel((connection, number));
        }
        self.connections[connection].channels.clear();
        self.connections[connection].serial = self.next_serial();
    }

    /// What is durable comes again.
    pub(crate) fn restart(&mut self) {
        for connection in 0..self.connections.len() {
            self.lose(connection);
        }
        // What came back may be too much or too late.
        for name in self.names() {
            self.expire(name, self.now_ms);
            self.trim(name);
        }
        for name in self.names() {
            let Some(queue) = self.queues.get_mut(name) else { continue };
            if queue.form.durable {
                queue.ready.retain(|entry| entry.message.persistent);
                queue.ready.iter_mut().for_each(|entry| entry.redelivered = None);
            } else {
                self.queues.remove(name);
                self.bindings.retain(|binding| binding.queue != name);
            }
        }
        self.expected.clear();
    }
}

const fn transactional() -> Mode {
    Mode::Transactional { publishes: Vec::new(), settlements: Vec::new() }
}

const fn back(requeue: bool) -> Settlement {
    if requeue { Settlement::Requeue } else { Settlement::Discard }
}
