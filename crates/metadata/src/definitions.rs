//! All that is declared, at one moment.
//!
//! The maps are persistent: a clone is a snapshot that costs nothing, and one change costs O(log n) however
//! much is declared. Bindings are not here: they live with the router, which needs them in its own shape.

use std::sync::Arc;

use imbl::OrdMap;
use message::{Arguments, Name, QueueId};

use crate::change::Change;
use crate::object::{Exchange, Queue, principal};
use crate::parameter::ParameterValue;
use crate::policy::{Policies, Policy};
use crate::rules::{ExchangeRules, QueueKind, QueueRules, Said};
use crate::user::User;
use crate::vhost::{DEFAULT_VHOST, PREDECLARED, UserLimits, Vhost, VhostDefinition, VhostSettings};

/// How many lists of arguments are remembered to be shared.
const ASKED_LATELY: usize = 4;

/// All that is declared.
#[derive(Clone, Debug)]
pub struct Definitions {
    vhosts: OrdMap<Name, Vhost>,
    queues: OrdMap<QueueId, Arc<Queue>>,
    exchanges: OrdMap<u64, Arc<Exchange>>,
    /// The relays, by the numbers of their exchanges.
    relays: OrdMap<u64, QueueId>,
    next_id: u64,
    rules_version: u64,
    pub(crate) users: OrdMap<Name, Arc<User>>,
    pub(crate) user_limits: OrdMap<Name, UserLimits>,
    pub(crate) access_version: u64,
    global_parameters: OrdMap<String, ParameterValue>,
    /// What queues have asked for lately: the next one mostly asks for the same.
    asked_lately: [Arc<Arguments>; ASKED_LATELY],
    /// Which of them is forgotten next.
    asked_first: usize,
}

impl Default for Definitions {
    fn default() -> Self {
        Self::new()
    }
}

impl Definitions {
    /// What a fresh node has: the default virtual host and its predeclared exchanges, numbered from 1.
    pub fn new() -> Self {
        let mut definitions = Self {
            vhosts: OrdMap::new(),
            queues: OrdMap::new(),
            exchanges: OrdMap::new(),
            relays: OrdMap::new(),
            next_id: 1,
            rules_version: 0,
            users: OrdMap::new(),
            user_limits: OrdMap::new(),
            access_version: 0,
            global_parameters: OrdMap::new(),
            asked_lately: Default::default(),
            asked_first: 0,
        };
        definitions.set_vhost(&VhostDefinition {
            name: Name::fixed(DEFAULT_VHOST),
            first_exchange_id: 1,
            settings: VhostSettings::of_default(),
        });
        definitions
    }

    /// The virtual host of this name.
    pub fn vhost(&self, name: &str) -> Option<&Vhost> {
        self.vhosts.get(name)
    }

    /// The same, with its name as it is kept.
    pub fn named_vhost(&self, name: &str) -> Option<(&Name, &Vhost)> {
        self.vhosts.get_key_value(name)
    }

    /// The exchange of this name.
    pub fn exchange(&self, vhost: &str, name: &str) -> Option<&Arc<Exchange>> {
        self.vhosts.get(vhost)?.exchanges.get(name)
    }

    /// The queue of this name.
    pub fn queue(&self, vhost: &str, name: &str) -> Option<&Arc<Queue>> {
        self.vhosts.get(vhost)?.queues.get(name)
    }

    /// The queue with this number.
    pub fn queue_by_id(&self, id: QueueId) -> Option<&Arc<Queue>> {
        self.queues.get(&id)
    }

    /// The queue that this number belongs to: its own, or that of its ledger, its deduplication or one of its lanes.
    pub fn queue_by_companion(&self, id: QueueId) -> Option<&Arc<Queue>> {
        self.queues.get(&principal(id))
    }

    /// The exchange with this number.
    pub fn exchange_by_id(&self, id: u64) -> Option<&Arc<Exchange>> {
        self.exchanges.get(&id)
    }

    /// All virtual hosts, by name.
    pub fn vhosts(&self) -> impl Iterator<Item = (&Name, &Vhost)> {
        self.vhosts.iter()
    }

    /// What holds for a queue.
    pub fn queue_rules(&self, queue: &Queue) -> QueueRules {
        QueueRules::of(queue, self.said_of_queue(queue))
    }

    /// What holds for an exchange.
    pub fn exchange_rules(&self, exchange: &Exchange) -> ExchangeRules {
        ExchangeRules::of(exchange, self.said_of_exchange(exchange))
    }

    /// The policy and the operator policy that count for a queue.
    pub fn policies_of_queue(&self, queue: &Queue) -> (Option<&Policy>, Option<&Policy>) {
        let said = self.said_of_queue(queue);
        (said.policy, said.operator)
    }

    /// The policy and the operator policy that count for an exchange.
    pub fn policies_of_exchange(&self, exchange: &Exchange) -> (Option<&Policy>, Option<&Policy>) {
        let said = self.said_of_exchange(exchange);
        (said.policy, said.operator)
    }

    /// A user's limits.
    pub fn user_limits(&self, user: &str) -> UserLimits {
        self.user_limits.get(user).copied().unwrap_or_default()
    }

    /// All users that have limits.
    pub fn all_user_limits(&self) -> impl Iterator<Item = (&Name, &UserLimits)> {
        self.user_limits.iter()
    }

    /// The parameters of the whole node, by name.
    pub fn global_parameters(&self) -> impl Iterator<Item = (&String, &serde_json::Value)> {
        self.global_parameters.iter().map(|(name, value)| (name, &**value))
    }

    /// Grows whenever the rules of what is declared already may have changed.
    pub const fn rules_version(&self) -> u64 {
        self.rules_version
    }

    /// Whether any exchange has a relay.
    #[inline]
    pub fn has_relays(&self) -> bool {
        !self.relays.is_empty()
    }

    fn remove_relay(&mut self, exchange: u64) {
        if let Some(relay) = self.relays.remove(&exchange) {
            self.queues.remove(&relay);
        }
    }

    /// A number that no exchange or queue has had.
    pub const fn next_id(&self) -> u64 {
        self.next_id
    }

    /// Numbers below `id` count as used: there may be messages on disk under them.
    pub fn reserve_ids(&mut self, id: u64) {
        self.next_id = self.next_id.max(id);
    }

    /// A queue's number, or that of what the store keeps apart for it, counts as used.
    pub fn reserve_queue(&mut self, id: QueueId) {
        self.reserve_ids(principal(id).serial() + 1);
    }

    /// Applies a change. One that changes nothing (an object that is there, or gone, already) is fine: after a crash
    /// a log may tell what a snapshot told before.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::AddExchange(exchange) => {
                self.reserve_ids(exchange.id + 1);
                let exchange = Arc::new(exchange.clone());
                if let Some(relay) = exchange.relay_queue() {
                    self.reserve_ids(relay.id.serial() + 1);
                    self.relays.insert(exchange.id, relay.id);
                    self.queues.insert(relay.id, Arc::new(relay));
                }
                self.exchanges.insert(exchange.id, Arc::clone(&exchange));
                self.vhost_mut(&exchange.vhost).exchanges.insert(exchange.name.clone(), exchange);
            }
            Change::RemoveExchange { vhost, name } => {
                if let Some(exchange) = self.vhost_mut(vhost).exchanges.remove(name) {
                    self.exchanges.remove(&exchange.id);
                    self.remove_relay(exchange.id);
                }
            }
            Change::AddQueue(queue) => {
                self.reserve_queue(queue.id);
                let queue = Arc::new(self.sharing(queue.clone()));
                self.queues.insert(queue.id, Arc::clone(&queue));
                self.vhost_mut(&queue.vhost).queues.insert(queue.name.clone(), queue);
            }
            Change::RemoveQueue { id } => {
                if let Some(queue) = self.queues.remove(id).filter(|queue| queue.relay_of.is_none())
                {
                    self.vhost_mut(&queue.vhost).queues.remove(&queue.name);
                }
            }
            Change::ReserveIds(id) => self.reserve_ids(*id),
            Change::Bind(_) | Change::Unbind(_) => {}
            Change::SetUser(_)
            | Change::RemoveUser { .. }
            | Change::SetPermissions { .. }
            | Change::ClearPermissions { .. }
            | Change::SetTopicPermissions { .. }
            | Change::ClearTopicPermissions { .. } => self.apply_access(change),
            Change::SetVhost(vhost) => self.set_vhost(vhost),
            Change::RemoveVhost { name } => self.remove_vhost(name),
            Change::SetVhostLimits { vhost, limits } => self.vhost_mut(vhost).limits = *limits,
            Change::SetTracing { vhost, is_on } => self.vhost_mut(vhost).is_traced = *is_on,
            Change::SetUserLimits { user, limits } => {
                self.user_limits.insert(user.clone(), *limits);
                if *limits == UserLimits::default() {
                    self.user_limits.remove(user);
                }
            }
            Change::SetPolicy { policy, is_operator } => {
                self.policies_mut(&policy.vhost, *is_operator).set(policy);
            }
            Change::ClearPolicy { vhost, name, is_operator } => {
                self.policies_mut(vhost, *is_operator).clear(name.as_str());
            }
            Change::SetParameter { vhost, component, name, value } => {
                let key = (component.clone(), name.clone());
                self.vhost_mut(vhost).parameters.insert(key, value.clone());
            }
            Change::ClearParameter { vhost, component, name } => {
                self.vhost_mut(vhost).parameters.remove(&(component.clone(), name.clone()));
            }
            Change::SetGlobalParameter { name, value } => {
                self.global_parameters.insert(name.clone(), value.clone());
            }
            Change::ClearGlobalParameter { name } => {
                self.global_parameters.remove(name);
            }
        }
    }

    /// The same queue, with what others have as well shared with them: a million queues are declared one like the other.
    fn sharing(&mut self, mut queue: Queue) -> Queue {
        if let Some((vhost, _)) = self.vhosts.get_key_value(&queue.vhost) {
            queue.vhost = vhost.clone();
        }
        if let Some(same) = self.asked_lately.iter().find(|asked| **asked == queue.arguments) {
            queue.arguments = Arc::clone(same);
        } else {
            self.asked_lately[self.asked_first] = Arc::clone(&queue.arguments);
            self.asked_first = (self.asked_first + 1) % ASKED_LATELY;
        }
        queue
    }

    /// Makes a virtual host with its exchanges, or says something else of it.
    fn set_vhost(&mut self, wanted: &VhostDefinition) {
        let is_there = self.vhosts.contains_key(&wanted.name);
        let vhost = self.vhost_mut(&wanted.name);
        vhost.settings.clone_from(&wanted.settings);
        if is_there {
            return;
        }
        vhost.first_exchange_id = wanted.first_exchange_id;
        for (id, (name, kind, is_internal)) in (wanted.first_exchange_id..).zip(PREDECLARED) {
            self.apply(&Change::AddExchange(Exchange {
                id,
                vhost: wanted.name.clone(),
                name: Name::fixed(name),
                kind: Name::fixed(kind),
                is_durable: true,
                is_auto_delete: false,
                is_internal,
                relay: None,
                arguments: Arguments::new(),
            }));
        }
    }

    fn remove_vhost(&mut self, name: &Name) {
        let Some(vhost) = self.vhosts.remove(name) else { return };
        self.access_version += 1;
        for exchange in vhost.exchanges.values() {
            self.exchanges.remove(&exchange.id);
            self.remove_relay(exchange.id);
        }
        for queue in vhost.queues.values() {
            self.queues.remove(&queue.id);
        }
    }

    /// Policies that are about to change.
    fn policies_mut(&mut self, vhost: &Name, is_operator: bool) -> &mut Policies {
        self.rules_version += 1;
        let vhost = self.vhost_mut(vhost);
        if is_operator { &mut vhost.operator_policies } else { &mut vhost.policies }
    }

    fn said_of_queue(&self, queue: &Queue) -> Said<'_> {
        // A relay is its exchange's own, and has its name only to be found.
        let vhost = self.vhosts.get(&queue.vhost).filter(|_| queue.relay_of.is_none());
        let Some(vhost) = vhost else { return Said::default() };
        let (name, kind) = (queue.name.as_str(), QueueKind::of(&queue.arguments));
        Said {
            policy: vhost.policies.of_queue(name, kind),
            operator: vhost.operator_policies.of_queue(name, kind),
        }
    }

    fn said_of_exchange(&self, exchange: &Exchange) -> Said<'_> {
        let Some(vhost) = self.vhosts.get(&exchange.vhost) else { return Said::default() };
        let name = exchange.name.as_str();
        Said {
            policy: vhost.policies.of_exchange(name),
            operator: vhost.operator_policies.of_exchange(name),
        }
    }

    pub(crate) fn vhost_mut(&mut self, name: &Name) -> &mut Vhost {
        self.vhosts.entry(name.clone()).or_default()
    }

    /// Changes that make the virtual hosts, users, policies, limits and parameters of these definitions out of
    /// [`Definitions::new`]; what else is declared in the virtual hosts comes behind them.
    pub fn durable_settings(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        let fresh = Self::new();
        for (name, born) in fresh.vhosts() {
            let found = self.vhosts.get(name);
            if found.is_none_or(|found| found.first_exchange_id != born.first_exchange_id) {
                changes.push(Change::RemoveVhost { name: name.clone() });
            }
        }
        for (name, vhost) in &self.vhosts {
            vhost.tell(name, &mut changes);
        }
        self.tell_access(&mut changes);
        for (user, limits) in &self.user_limits {
            changes.push(Change::SetUserLimits { user: user.clone(), limits: *limits });
        }
        for (name, value) in &self.global_parameters {
            let (name, value) = (name.clone(), value.clone());
            changes.push(Change::SetGlobalParameter { name, value });
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_fresh_node_has_the_predeclared_exchanges() {
        let definitions = Definitions::new();
        for (name, kind, is_internal) in PREDECLARED {
            let exchange = definitions.exchange("/", name).unwrap();
            assert_eq!((exchange.kind.as_str(), exchange.is_internal), (kind, is_internal));
        }
        assert_eq!(definitions.next_id(), 1 + PREDECLARED.len() as u64);
    }

    #[test]
    fn every_number_of_a_queue_leads_to_it_and_none_is_given_again() {
        let mut definitions = Definitions::new();
        let mut queues = Vec::new();
        for (name, lane_count, home) in [("a", 1, 3), ("b", 32, 0), ("c", 256, 255)] {
            let queue = Queue {
                id: QueueId::new(definitions.next_id(), home),
                vhost: Name::fixed("/"),
                name: Name::fixed(name),
                is_durable: true,
                is_auto_delete: false,
                owner: None,
                relay_of: None,
                lane_count,
                arguments: Arc::default(),
            };
            definitions.apply(&Change::AddQueue(queue.clone()));
            queues.push(queue);
        }
        let mut seen = BTreeSet::new();
        for queue in &queues {
            let lanes = (0..queue.lane_count).map(|lane| queue.lane_id(lane as u8));
            let ids: Vec<_> = lanes.chain([queue.ledger_id(), queue.dedup_id()]).collect();
            for &id in &ids {
                assert!(seen.insert(id), "a number belongs to one queue");
                let found = definitions.queue_by_companion(id).map(|found| found.name.clone());
                assert_eq!(found, Some(queue.name.clone()));
                let before = definitions.next_id();
                definitions.reserve_queue(id);
                assert_eq!(definitions.next_id(), before);
            }
            let (all, ids): (BTreeSet<_>, BTreeSet<_>) =
                (queue.ids().collect(), ids.into_iter().collect());
            assert_eq!(all, ids);
            assert_eq!(queue.lane_id(0), queue.id);
        }
        let next = QueueId::new(definitions.next_id(), 0);
        assert!(definitions.queue_by_companion(next).is_none());
    }

    #[test]
    fn a_snapshot_is_not_touched_by_later_changes() {
        let mut definitions = Definitions::new();
        let before = definitions.clone();
        definitions.apply(&Change::RemoveExchange {
            vhost: Name::fixed("/"),
            name: Name::fixed("amq.topic"),
        });
        assert!(definitions.exchange("/", "amq.topic").is_none());
        assert!(before.exchange("/", "amq.topic").is_some());
    }

    fn queue(vhost: &'static str) -> Queue {
        Queue {
            id: QueueId::new(20, 0),
            vhost: Name::fixed(vhost),
            name: Name::fixed("q"),
            is_durable: true,
            is_auto_delete: false,
            owner: None,
            lane_count: 1,
            relay_of: None,
            arguments: Arc::default(),
        }
    }

    #[test]
    fn a_virtual_host_comes_with_exchanges_and_goes_with_all_that_is_in_it() {
        let mut definitions = Definitions::new();
        let name = Name::fixed("v");
        definitions.apply(&Change::SetVhost(VhostDefinition {
            name: name.clone(),
            first_exchange_id: 8,
            settings: VhostSettings::default(),
        }));
        definitions.apply(&Change::AddQueue(queue("v")));
        assert_eq!(definitions.exchange("v", "amq.direct").unwrap().id, 9);
        assert!(definitions.next_id() >= 21);
        definitions.apply(&Change::RemoveVhost { name });
        assert!(definitions.vhost("v").is_none());
        assert!(definitions.queue_by_id(QueueId::new(20, 0)).is_none());
        assert!(definitions.exchange_by_id(9).is_none());
        assert!(definitions.exchange_by_id(2).is_some());
    }

    #[test]
    fn rules_follow_the_policies_as_they_come_and_go() {
        let mut definitions = Definitions::new();
        let queue = queue("/");
        let policy = |ttl_ms: u64| Policy {
            vhost: Name::fixed("/"),
            name: Name::fixed("p"),
            pattern: "^q$".to_owned(),
            apply_to: crate::ApplyTo::Queues,
            priority: 0,
            definition: [("message-ttl".to_owned(), ttl_ms.into())].into(),
        };
        let before = definitions.rules_version();
        definitions.apply(&Change::SetPolicy { policy: policy(100), is_operator: false });
        definitions.apply(&Change::SetPolicy { policy: policy(50), is_operator: true });
        assert!(definitions.rules_version() > before);
        assert_eq!(definitions.queue_rules(&queue).message_ttl_ms, Some(50));
        let (vhost, name) = (Name::fixed("/"), Name::fixed("p"));
        definitions.apply(&Change::ClearPolicy { vhost, name, is_operator: true });
        assert_eq!(definitions.queue_rules(&queue).message_ttl_ms, Some(100));
    }

    #[test]
    fn settings_return_from_their_changes() {
        let mut definitions = Definitions::new();
        let v = Name::fixed("v");
        let policy = Policy {
            vhost: v.clone(),
            name: Name::fixed("p"),
            pattern: "^q".to_owned(),
            apply_to: crate::ApplyTo::All,
            priority: 3,
            definition: [("expires".to_owned(), 5.into())].into(),
        };
        let settings = VhostSettings { is_protected: true, ..VhostSettings::default() };
        for change in [
            Change::RemoveVhost { name: Name::fixed("/") },
            Change::SetVhost(VhostDefinition { name: v.clone(), first_exchange_id: 30, settings }),
            Change::SetVhostLimits {
                vhost: v.clone(),
                limits: crate::VhostLimits { queues_max: Some(7), connections_max: None },
            },
            Change::SetPolicy { policy: policy.clone(), is_operator: false },
            Change::SetPolicy { policy, is_operator: true },
            Change::SetParameter {
                vhost: v,
                component: "shovel".to_owned(),
                name: "s".to_owned(),
                value: serde_json::json!({"src-uri": "amqp://"}).into(),
            },
            Change::SetGlobalParameter { name: "g".to_owned(), value: 5.into() },
            Change::SetUserLimits {
                user: Name::fixed("guest"),
                limits: UserLimits { channels_max: Some(2), connections_max: None },
            },
        ] {
            definitions.apply(&Change::from_bytes(&change.to_bytes()).unwrap());
        }
        let told = definitions.durable_settings();
        assert_eq!(told.len(), 8);
        let mut again = Definitions::new();
        for change in &told {
            again.apply(change);
        }
        assert_eq!(again.durable_settings(), told);
        assert!(again.vhost("/").is_none());
        assert_eq!(again.exchange("v", "").unwrap().id, 30);
        assert_eq!(again.vhost("v").unwrap().policies.named("p").unwrap().priority, 3);
    }
}
