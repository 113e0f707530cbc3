//! What an operator changes: virtual hosts, users, permissions, policies, limits and parameters.

use std::sync::Arc;

use message::Name;
use metadata::{
    Change, DEFAULT_VHOST, Permissions, QueueKind, User, Vhost, VhostDefaults, VhostDefinition,
    VhostSettings,
};
use store::Ticket;

use crate::broker::Broker;
use crate::event::Gone;
use crate::mail::Mail;
use crate::refusal::{Limit, Object, Refusal};
use crate::registry::{After, Errand};

/// RabbitMQ's default of `consumer_timeout`, in milliseconds.
pub const CONSUMER_TIMEOUT_MS: u64 = 1_800_000;

/// How many of what the node may have; `None` for as many as come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ceilings {
    /// Clients that have opened a virtual host.
    pub connections_max: Option<u64>,
    /// Virtual hosts that operators make.
    pub vhosts_max: Option<u64>,
}

impl Broker {
    /// How long consumers of quorum queues have to acknowledge where neither policy nor argument says it, in milliseconds.
    pub fn set_consumer_timeout_ms(&mut self, timeout_ms: u64) {
        if self.consumer_timeout_ms != timeout_ms {
            self.consumer_timeout_ms = timeout_ms;
            self.apply_rules();
        }
    }

    /// How many of what there may be.
    pub const fn set_ceilings(&mut self, ceilings: Ceilings) {
        self.ceilings = ceilings;
    }

    /// What virtual hosts get when they are made, beside what all of them have.
    pub fn set_vhost_defaults(&mut self, defaults: Arc<VhostDefaults>) {
        self.vhost_defaults = defaults;
    }

    /// The type of queues that ask for none, where their virtual host has none either.
    pub const fn set_default_queue_kind(&mut self, kind: QueueKind) {
        self.default_queue_kind = kind;
    }

    /// Makes the first user, and the virtual host that they may use, on a node that has no users yet; on one `is_fresh`,
    /// which has never run, in place of the virtual host that it would have otherwise. Only on shard 0, and before
    /// anything else. It is in force at once: on a node that forgets it again, nothing else has happened.
    pub fn found(&mut self, vhost: &Name, user: User, permissions: Permissions, is_fresh: bool) {
        let mut changes = Vec::new();
        if is_fresh && vhost.as_str() != DEFAULT_VHOST {
            changes.push(Change::RemoveVhost { name: Name::fixed(DEFAULT_VHOST) });
        }
        let is_there = self.draft.definitions().vhost(vhost.as_str()).is_some();
        if !is_there {
            changes.push(Change::SetVhost(VhostDefinition {
                name: vhost.clone(),
                first_exchange_id: self.draft.definitions().next_id(),
                settings: VhostSettings::of_default(),
            }));
        }
        let (home, name) = (vhost.clone(), user.name.clone());
        changes.push(Change::SetPermissions { vhost: home, user: name.clone(), permissions });
        // Behind all of this, because it tells the next start that it is there.
        changes.push(Change::SetUser(user));
        if is_fresh || !is_there {
            let defaults = self.vhost_defaults.changes(vhost, self.draft.definitions());
            changes.extend(defaults.into_iter().filter(|change| match change {
                Change::SetUser(user) => user.name != name,
                Change::SetPermissions { user, .. } => *user != name,
                _ => true,
            }));
        }
        self.change(&changes).expect("users and virtual hosts have no bindings");
        self.publish_topology(Arc::clone(&self.draft));
    }

    /// Takes away what a node that has never run would have: users and virtual hosts come from a file. Only on shard 0,
    /// and before anything else.
    pub fn found_nothing(&mut self) {
        let change = Change::RemoveVhost { name: Name::fixed(DEFAULT_VHOST) };
        self.change(&[change]).expect("a virtual host has no bindings");
        self.publish_topology(Arc::clone(&self.draft));
    }

    /// Applies an operator's change if it makes sense. Only on shard 0.
    pub(crate) fn administer(&mut self, mut change: Change) -> Result<Option<Ticket>, Refusal> {
        match &mut change {
            Change::SetVhost(vhost) => {
                self.look_for_room(&vhost.name)?;
                vhost.first_exchange_id = self.draft.definitions().next_id();
                let name = vhost.name.clone();
                return self.set_vhost(&name, change);
            }
            Change::RemoveVhost { name } => {
                let name = name.clone();
                return self.remove_vhost(&name);
            }
            Change::SetPolicy { policy, is_operator } => {
                self.named_vhost(&policy.vhost)?;
                policy.check(*is_operator).map_err(Refusal::InvalidPolicy)?;
            }
            Change::ClearPolicy { vhost, .. }
            | Change::SetVhostLimits { vhost, .. }
            | Change::SetTracing { vhost, .. }
            | Change::SetParameter { vhost, .. }
            | Change::ClearParameter { vhost, .. } => {
                self.named_vhost(vhost)?;
            }
            Change::SetUser(user) => {
                if !user.is_hash_readable() {
                    return Err(Refusal::UnreadableHash { user: user.name.clone() });
                }
            }
            Change::RemoveUser { name } => {
                let name = name.clone();
                return self.remove_user(&name);
            }
            Change::SetUserLimits { user, .. } => {
                self.named_user(user)?;
            }
            Change::SetPermissions { vhost, user, permissions } => {
                self.named_vhost(vhost)?;
                self.named_user(user)?;
                permissions.check().map_err(Refusal::InvalidPattern)?;
            }
            Change::ClearPermissions { vhost, user }
            | Change::ClearTopicPermissions { vhost, user, .. } => {
                self.named_vhost(vhost)?;
                self.named_user(user)?;
            }
            Change::SetTopicPermissions { vhost, user, exchange, permissions } => {
                self.named_vhost(vhost)?;
                self.named_user(user)?;
                self.named_exchange(vhost, exchange)?;
                permissions.check().map_err(Refusal::InvalidPattern)?;
            }
            Change::SetGlobalParameter { .. } | Change::ClearGlobalParameter { .. } => {}
            Change::AddExchange(_)
            | Change::RemoveExchange { .. }
            | Change::AddQueue(_)
            | Change::RemoveQueue { .. }
            | Change::Bind(_)
            | Change::Unbind(_)
            | Change::ReserveIds(_) => unreachable!("clients ask for these with verbs"),
        }
        self.change(&[change]).map_err(Refusal::InvalidBinding)
    }

    /// Makes a virtual host with all that it gets then, or says something else of one that is there.
    fn set_vhost(&mut self, name: &Name, change: Change) -> Result<Option<Ticket>, Refusal> {
        let definitions = self.draft.definitions();
        let mut changes = vec![change];
        if definitions.vhost(name.as_str()).is_none() {
            changes.extend(self.vhost_defaults.changes(name, definitions));
        }
        self.change(&changes).map_err(Refusal::InvalidBinding)
    }

    /// Whether a virtual host may be made, or is there already.
    fn look_for_room(&self, name: &Name) -> Result<(), Refusal> {
        let definitions = self.draft.definitions();
        match self.ceilings.vhosts_max {
            Some(max)
                if definitions.vhost(name.as_str()).is_none()
                    && definitions.vhosts().count() as u64 >= max =>
            {
                Err(Refusal::Limit(Limit::Vhosts { name: name.clone(), max }))
            }
            _ => Ok(()),
        }
    }

    /// The virtual host of this name, or the refusal of who asked for something in it.
    pub(crate) fn named_vhost(&self, name: &Name) -> Result<&Vhost, Refusal> {
        let vhost = self.draft.definitions().vhost(name.as_str());
        vhost.ok_or_else(|| Refusal::NoVhost { name: name.clone() })
    }

    /// The user of this name, or the refusal of who said something of them.
    fn named_user(&self, name: &Name) -> Result<&User, Refusal> {
        let user = self.draft.definitions().user(name.as_str());
        user.map(|user| &**user).ok_or_else(|| Refusal::NoUser { name: name.clone() })
    }

    fn named_exchange(&self, vhost: &Name, name: &Name) -> Result<(), Refusal> {
        let exchange = self.draft.exchange(vhost.as_str(), name.as_str());
        exchange.map(|_| ()).ok_or_else(|| Refusal::NotFound {
            object: Object::Exchange,
            name: name.clone(),
            vhost: vhost.clone(),
        })
    }

    /// Removes a virtual host. Once that is on disk, its clients are sent away and its queues end.
    fn remove_vhost(&mut self, name: &Name) -> Result<Option<Ticket>, Refusal> {
        let vhost = self.named_vhost(name)?;
        if vhost.settings.is_protected {
            return Err(Refusal::ProtectedVhost { name: name.clone() });
        }
        let mut queues: Vec<_> = vhost.queues.values().map(|queue| queue.id).collect();
        queues.extend(vhost.exchanges.values().filter_map(|exchange| exchange.relay));
        let queue_count = vhost.queues.len() as u64;
        let change = Change::RemoveVhost { name: name.clone() };
        let ticket = self.change(&[change]).map_err(Refusal::InvalidBinding)?;
        self.traffic.churn.queue_deleted += queue_count;
        let errand = Errand::EmptyVhost { name: name.clone(), queues };
        self.run_after(ticket, self.shard, errand);
        Ok(ticket)
    }

    /// Removes a user. Once that is on disk, their clients are sent away.
    fn remove_user(&mut self, name: &Name) -> Result<Option<Ticket>, Refusal> {
        self.named_user(name)?;
        let change = Change::RemoveUser { name: name.clone() };
        let ticket = self.change(&[change]).map_err(Refusal::InvalidBinding)?;
        self.run_after(ticket, self.shard, Errand::EvictUser { name: name.clone() });
        Ok(ticket)
    }

    /// Ends what lived in a virtual host that is gone.
    pub(crate) fn empty_vhost(&mut self, name: &Name, queues: Vec<message::QueueId>) {
        self.evict(&Gone::Vhost(name.clone()));
        for id in queues {
            let shard = self.shard_of(id);
            if shard == self.shard {
                self.run(Errand::DropQueue { id });
            } else {
                self.post(shard, Mail::Errand(Box::new(Errand::DropQueue { id })));
            }
        }
    }

    /// Ends a queue whose virtual host is gone.
    pub(crate) fn drop_orphan(&mut self, id: message::QueueId) {
        if self.queues.get_mut(id).is_some_and(|hosted| !hosted.is_deleted) {
            self.drop_queue(id, After::Nothing);
        } else {
            self.end_queue(id, After::Nothing);
        }
    }
}
