//! Confirming: telling producers, only once it is true.
//!
//! The only way from the journal to a producer leads through [`Broker::release_synced`], and what it compares with
//! can be made by nobody but the completion of a sync ([`store::Synced`]).

use crate::broker::{Awaited, Broker};
use crate::event::Event;
use crate::mail::Mail;
use crate::publisher::Confirm;

impl Broker {
    /// Everything that waited for a sync which has happened.
    pub(crate) fn release_synced(&mut self) {
        let synced = self.store.synced();
        while let Some((ticket, _)) = self.awaiting.front() {
            let is_safe = synced.covers(*ticket) || cfg!(feature = "seeded-bugs");
            if !is_safe {
                return;
            }
            let Some((_, awaited)) = self.awaiting.pop_front() else { return };
            match awaited {
                Awaited::Confirm(confirm) => self.confirm(Some(confirm)),
                Awaited::Answer(origin, reply) => self.answer(origin, *reply),
                Awaited::Publish(topology) => self.publish_topology(topology),
                Awaited::Serve(queue, request) => self.send_to_queue(queue, *request),
                Awaited::Errand(shard, errand) if shard == self.shard => self.run(*errand),
                Awaited::Errand(shard, errand) => self.post(shard, Mail::Errand(errand)),
            }
        }
    }

    /// A message is safe in one of its queues. Runs of one conversation's numbers are told as one event.
    pub(crate) fn confirm(&mut self, confirm: Option<Confirm>) {
        let Some(confirm) = confirm else { return };
        if let Some((first, last)) = &mut self.confirmed
            && first.client == confirm.client
            && first.link == confirm.link
            && confirm.number == *last + 1
        {
            *last = confirm.number;
            return;
        }
        self.tell_confirmed();
        self.confirmed = Some((confirm, confirm.number));
    }

    /// Tells the run of confirms that has been gathered.
    pub(crate) fn tell_confirmed(&mut self) {
        let Some((Confirm { client, link, number: first }, last)) = self.confirmed.take() else {
            return;
        };
        let event = Event::Confirmed { link, first, last };
        if client.shard() == self.shard {
            self.events.push_back((client, event));
        } else {
            self.post(client.shard(), Mail::Tell { client, event });
        }
    }
}
