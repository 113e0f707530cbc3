//! Transactions: what a channel publishes and acknowledges is held back until it is committed.
//!
//! ```text
//!   (none) ──tx.select──→ Gathering ──tx.commit──→ Committing ──all publishes are safe──→ Gathering
//!                             ↑ tx.rollback ↓           └── a queue has rejected one ──→ the channel is closed
//! ```
//!
//! As in RabbitMQ a message is routed when it is published, and a transaction is not atomic across queues: it says when
//! things happen, and its end says that they are safe. While it is committed the connection is not listened to.

use broker::Destined;
use message::{Message, Settlement};
use wire_amqp091::Code;
use wire_amqp091::method::tx;

use crate::connection::Connection;
use crate::context::Context;
use crate::errors::Exception;
use crate::unacked::Taken;

/// What the messages of one transaction may take. They are in no queue, so that nothing else bounds them.
const HELD_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What one held settlement takes.
const DUE_BYTES: usize = size_of::<Taken>();

/// What a channel has said since its transaction began.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    /// Messages, where they go, and whether each is mandatory.
    publishes: Vec<(Message, Destined, bool)>,
    /// Deliveries, and how they are to end.
    settlements: Vec<(Vec<Taken>, Settlement)>,
    held_bytes: usize,
    /// A queue has rejected a message of the transaction that is being committed.
    has_rejected: bool,
}

impl Transaction {
    /// About how much memory it takes.
    pub(crate) const fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// How many messages wait for its end.
    pub(crate) fn publish_count(&self) -> usize {
        self.publishes.len()
    }

    /// How many deliveries wait for their ends.
    pub(crate) fn settlement_count(&self) -> usize {
        self.settlements.iter().map(|(taken, _)| taken.len()).sum()
    }

    /// How many deliveries to consumers wait for their end.
    pub(crate) fn consumed_count(&self) -> usize {
        let taken = self.settlements.iter().flat_map(|(taken, _)| taken);
        taken.filter(|taken| !taken.is_fetched).count()
    }

    /// Holds a message back.
    pub(crate) fn publish(
        &mut self,
        message: Message,
        destined: Destined,
        is_mandatory: bool,
        method: u32,
    ) -> Result<(), Exception> {
        self.held_bytes +=
            message.len_bytes() + destined.held_bytes() + size_of::<(Message, Destined, bool)>();
        if self.held_bytes > HELD_BYTES_MAX {
            let text = format!("a transaction holds at most {HELD_BYTES_MAX} bytes");
            return Err(Exception::new(Code::PreconditionFailed, text, method));
        }
        self.publishes.push((message, destined, is_mandatory));
        Ok(())
    }

    /// Holds the ends of deliveries back.
    pub(crate) fn settle(&mut self, taken: Vec<Taken>, settlement: Settlement) {
        self.held_bytes += taken.len() * DUE_BYTES;
        self.settlements.push((taken, settlement));
    }

    /// Forgets everything. Returns the deliveries that were to end.
    pub(crate) fn take_dues(&mut self) -> Vec<Taken> {
        let forgotten = std::mem::take(self);
        forgotten.settlements.into_iter().flat_map(|(taken, _)| taken).collect()
    }
}

impl Connection {
    /// Begins a transaction; the channel is transactional from here on.
    pub(crate) fn select_transactions(&mut self, number: u16) -> Result<(), Exception> {
        let Some(channel) = self.channels.get_mut(number) else { return Ok(()) };
        if channel.transaction.is_none() {
            if channel.publisher.is_confirming() {
                let text = "cannot switch from confirm to tx mode";
                return Err(Exception::new(Code::PreconditionFailed, text, tx::Select::ID));
            }
            channel.publisher.confirm();
            channel.transaction = Some(Box::default());
        }
        self.out.method(number, &tx::SelectOk {});
        Ok(())
    }

    /// Does what the transaction has gathered: what was published first, then the acknowledgements.
    pub(crate) fn commit(&mut self, cx: &mut Context<'_>, number: u16) -> Result<(), Exception> {
        let id = tx::Commit::ID;
        let Some(channel) = self.channels.get_mut(number) else { return Ok(()) };
        let transaction = channel.transaction.as_mut().ok_or_else(|| no_transaction(id))?;
        let Transaction { publishes, settlements, .. } = std::mem::take(&mut **transaction);
        channel.count_held(&mut self.channel_bytes);
        self.committing = Some(number);
        publishes.into_iter().for_each(|publish| self.send_destined(cx, number, publish));
        for (taken, settlement) in settlements {
            taken.into_iter().for_each(|taken| cx.broker.settle(taken.due, settlement));
        }
        self.look_for_room(cx, number);
        self.look_for_commit(cx);
        Ok(())
    }

    /// Forgets what the transaction has gathered. Its deliveries may be acknowledged once more.
    pub(crate) fn roll_back(&mut self, number: u16) -> Result<(), Exception> {
        let Some(channel) = self.channels.get_mut(number) else { return Ok(()) };
        let transaction = channel.transaction.as_mut();
        let transaction = transaction.ok_or_else(|| no_transaction(tx::Rollback::ID))?;
        channel.unacked.put_back(transaction.take_dues());
        channel.count_held(&mut self.channel_bytes);
        self.out.method(number, &tx::RollbackOk {});
        Ok(())
    }

    /// Ends the transaction that is being committed once its messages are safe.
    pub(crate) fn look_for_commit(&mut self, cx: &mut Context<'_>) {
        let Some(number) = self.committing else { return };
        let Some(channel) = self.channels.get_mut(number) else { return };
        let Some(transaction) = &mut channel.transaction else { return };
        while let Some(confirmation) = channel.publisher.poll_confirmation() {
            transaction.has_rejected |= confirmation.is_rejected;
        }
        if channel.publisher.is_waiting() {
            return;
        }
        self.committing = None;
        if std::mem::take(&mut transaction.has_rejected) {
            let text = "partial tx completion";
            let exception = Exception::new(Code::PreconditionFailed, text, tx::Commit::ID);
            self.fail_on(cx, number, &exception);
        } else {
            self.out.method(number, &tx::CommitOk {});
        }
    }
}

fn no_transaction(method: u32) -> Exception {
    Exception::new(Code::PreconditionFailed, "channel is not transactional", method)
}
