//! What a queue's arguments and policies ask for, applied to the queue as it lives here.
//!
//! They may change while it lives: a policy comes or goes. The topology says when (`rules_version`), and each shard then
//! looks at the queues that it hosts.

use std::sync::Arc;

use message::QueueId;
use metadata::{Overflow, QueueKind, QueueRules, RetryKind};
use queue::Rules;

use crate::broker::Broker;
use crate::dead_letter::DeadLetters;
use crate::dedup::{Deduplication, Window};
use crate::hosted::Hosted;
use crate::registry::After;

/// The lane of a quorum queue's messages that have no priority.
const QUORUM_DEFAULT_PRIORITY: u8 = 4;

/// A queue that goes when nobody has used it for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    /// For how long nobody may have used it.
    pub(crate) expires_ms: u64,
    /// When somebody last did.
    pub(crate) used_at_ms: u64,
}

impl Hosted {
    /// Has the rules hold from here on.
    pub(crate) fn apply(&mut self, rules: &QueueRules, consumer_timeout_ms: u64, now_ms: u64) {
        self.queue.set_rules(&queue_rules(rules, &self.definition, consumer_timeout_ms));
        self.rejects = rules.overflow != Overflow::DropHead
            && (rules.length_max.is_some() || rules.bytes_max.is_some());
        self.has_dead_overflow = rules.overflow == Overflow::RejectPublishAndDeadLetter;
        self.dead_letters = rules.dead_letter_exchange.clone().map(|exchange| DeadLetters {
            exchange,
            key: rules.dead_letter_key.clone(),
            strategy: rules.dead_letter_strategy,
        });
        self.lease = rules.expires_ms.map(|expires_ms| Lease {
            expires_ms,
            used_at_ms: self.lease.map_or(now_ms, |lease| lease.used_at_ms),
        });
        if self.definition.relay_of.is_none() {
            self.set_window(rules.deduplication.as_ref());
        }
        self.is_quorum = rules.kind == QueueKind::Quorum;
        self.is_examined =
            self.rejects || self.dedup.is_some() || self.definition.relay_of.is_some();
    }

    pub(crate) fn set_window(&mut self, deduplication: Option<&metadata::Deduplication>) {
        let window = deduplication.map(|asked| Window {
            header: asked.header.clone(),
            count_max: usize::try_from(asked.count_max).unwrap_or(usize::MAX),
            ttl_ms: asked.ttl_ms,
        });
        match (&mut self.dedup, window) {
            (Some(dedup), Some(window)) => dedup.window = window,
            (dedup, window) => *dedup = window.map(Deduplication::new),
        }
    }

    /// When something is due: a message's time, or the queue's own.
    pub(crate) fn next_deadline_ms(&self) -> Option<u64> {
        let lease = self.lease.filter(|_| self.queue.consumer_count() == 0);
        let lease_ms = lease.map(|lease| lease.used_at_ms.saturating_add(lease.expires_ms));
        let overdue_ms = self.queue.next_overdue_ms();
        [self.queue.next_deadline_ms(), overdue_ms, lease_ms].into_iter().flatten().min()
    }

    /// Somebody uses the queue: its lease begins anew.
    pub(crate) const fn renew(&mut self, now_ms: u64) {
        if let Some(lease) = &mut self.lease {
            lease.used_at_ms = now_ms;
        }
    }

    fn is_lease_over(&self, now_ms: u64) -> bool {
        self.queue.consumer_count() == 0
            && self
                .lease
                .is_some_and(|lease| lease.used_at_ms.saturating_add(lease.expires_ms) <= now_ms)
    }
}

/// `consumer_timeout_ms` is for quorum queues of which nothing else is said.
fn queue_rules(
    rules: &QueueRules,
    definition: &metadata::Queue,
    consumer_timeout_ms: u64,
) -> Rules {
    let overflow = match rules.overflow {
        Overflow::DropHead => queue::Overflow::DropHead,
        Overflow::RejectPublish => queue::Overflow::Reject,
        Overflow::RejectPublishAndDeadLetter => queue::Overflow::RejectAndDeadLetter,
    };
    let retry = rules.retry.map(|retry| queue::Retry {
        kind: match retry.kind {
            RetryKind::All => queue::RetryKind::All,
            RetryKind::Failed => queue::RetryKind::Failed,
            RetryKind::Returned => queue::RetryKind::Returned,
        },
        min_ms: retry.min_ms,
        max_ms: retry.max_ms,
    });
    let is_quorum = rules.kind == QueueKind::Quorum;
    Rules {
        ttl_ms: rules.message_ttl_ms,
        length_max: rules.length_max,
        bytes_max: rules.bytes_max,
        overflow,
        // A quorum queue counts deliveries, and shows how many, also without a limit.
        delivery_limit: rules.delivery_limit.or_else(|| is_quorum.then_some(u32::MAX)),
        retry,
        consumer_timeout_ms: rules
            .consumer_timeout_ms
            .or_else(|| is_quorum.then_some(consumer_timeout_ms)),
        keeps_dead: rules.dead_letter_exchange.is_some() && definition.relay_of.is_none(),
        default_lane: if is_quorum { QUORUM_DEFAULT_PRIORITY } else { 0 },
    }
}

impl Broker {
    /// Has each queue of this shard follow the rules in force.
    pub(crate) fn apply_rules(&mut self) {
        let topology = Arc::clone(&self.topology);
        let ids: Vec<QueueId> = self.queues.iter().map(|(id, _)| id).collect();
        for id in ids {
            let Some(hosted) = self.queues.get_mut(id).filter(|hosted| !hosted.is_deleted) else {
                continue;
            };
            let rules = topology.definitions().queue_rules(&hosted.definition);
            hosted.apply(&rules, self.consumer_timeout_ms, self.now_ms);
            self.mark_dirty(id);
        }
        self.wake_leased();
    }

    /// Brings those queues to life whose time may run out before anybody asks for them.
    pub(crate) fn wake_leased(&mut self) {
        let topology = Arc::clone(&self.topology);
        let definitions = topology.definitions();
        let queues = definitions.vhosts().flat_map(|(_, vhost)| vhost.queues.values());
        for queue in queues {
            let is_asleep =
                self.shard_of(queue.id) == self.shard && self.queues.get(queue.id).is_none();
            if is_asleep && definitions.queue_rules(queue).expires_ms.is_some() {
                self.hosted(queue.id);
                self.set_deadline(queue.id);
            }
        }
    }

    /// Ends a queue that nobody has used for as long as it was given. Returns whether it has ended.
    pub(crate) fn end_if_unused(&mut self, id: QueueId) -> bool {
        let now_ms = self.now_ms;
        let is_over = self.queues.get(id).is_some_and(|hosted| hosted.is_lease_over(now_ms));
        if is_over {
            self.drop_queue(id, After::Nothing);
        }
        is_over
    }
}
