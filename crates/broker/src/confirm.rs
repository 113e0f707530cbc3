//! Confirming and rejecting: telling producers what became of their messages, only once it is true.
//!
//! The only way from the journal to a producer leads through [`Broker::release_synced`], and what it compares with
//! can be made by nobody but the completion of a sync ([`store::Synced`]).

use store::{Bug, is_seeded};

use crate::broker::{Awaited, Broker};
use crate::event::Event;
use crate::forward::forwarder;
use crate::mail::Mail;
use crate::publisher::Confirm;

/// Confirms of one conversation in a row that have the same outcome.
#[derive(Debug)]
pub(crate) struct Decided {
    first: Confirm,
    last: u64,
    is_rejected: bool,
}

impl Broker {
    /// Everything that waited for a sync which has happened.
    pub(crate) fn release_synced(&mut self) {
        let synced = self.store.synced();
        while let Some((ticket, _)) = self.awaiting.front() {
            let is_safe = synced.covers(*ticket) || is_seeded(Bug::ConfirmBeforeSync);
            if !is_safe {
                return;
            }
            let Some((_, awaited)) = self.awaiting.pop_front() else { return };
            match awaited {
                Awaited::Confirm(first, count) => self.confirm_run(Some(first), count),
                Awaited::Answer(origin, reply) => self.answer(origin, *reply),
                Awaited::Publish(topology, occurred) => {
                    self.publish_topology(topology);
                    self.note_occurrences(occurred);
                }
                Awaited::Serve(queue, request) => self.send_to_queue(queue, *request),
                Awaited::Errand(shard, errand) if shard == self.shard => self.run(*errand),
                Awaited::Errand(shard, errand) => self.post(shard, Mail::Errand(errand)),
            }
        }
    }

    /// A message is safe in one of its queues.
    pub(crate) fn confirm(&mut self, confirm: Option<Confirm>) {
        self.decide(confirm, false);
    }

    /// As many messages in a row are safe in one of their queues.
    pub(crate) fn confirm_run(&mut self, first: Option<Confirm>, count: u64) {
        if let Some(first) = first.filter(|_| count > 0) {
            self.confirm(Some(first));
            if let Some(decided) = &mut self.decided {
                decided.last += count - 1;
            }
        }
    }

    /// One of its queues does not take a message. Nobody is told if nobody asked to be.
    pub(crate) fn reject(&mut self, confirm: Option<Confirm>) {
        self.decide(confirm, true);
    }

    /// Runs of one conversation's numbers with the same outcome are told as one event.
    fn decide(&mut self, confirm: Option<Confirm>, is_rejected: bool) {
        let Some(confirm) = confirm else { return };
        if let Some(Decided { first, last, is_rejected: same }) = &mut self.decided
            && first.client == confirm.client
            && first.link == confirm.link
            && confirm.number == *last + 1
            && *same == is_rejected
        {
            *last = confirm.number;
            return;
        }
        self.tell_decided();
        self.decided = Some(Decided { first: confirm, last: confirm.number, is_rejected });
    }

    /// Tells the run of confirms that has been gathered.
    pub(crate) fn tell_decided(&mut self) {
        let Some(Decided { first, last, is_rejected }) = self.decided.take() else { return };
        let Confirm { client, link, number: first } = first;
        let event = if is_rejected {
            Event::Rejected { link, first, last }
        } else {
            Event::Confirmed { link, first, last }
        };
        if client == forwarder(self.shard) {
            self.forwarded(link, (first, last), is_rejected);
        } else if client.shard() == self.shard {
            self.events.push_back((client, event));
        } else {
            self.post(client.shard(), Mail::Tell { client, event });
        }
    }
}
