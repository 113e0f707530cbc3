//! Who is connected where: shard 0 counts, because limits hold for all shards together.
//!
//! ```text
//!   client's shard                          shard 0
//!   Enter (virtual host, user)     ──→   limits, count      ──→ answered
//!   OpenChannel, channel opened or closed ──→ count
//!   Departed                       ──→   count
//! ```

use std::collections::BTreeMap;

use message::{ClientId, Name};
use metadata::Definitions;

use crate::broker::Broker;
use crate::event::{Answer, Event, Gone};
use crate::mail::Mail;
use crate::refusal::{Limit, Refusal};
use crate::registry::Errand;
use crate::request::Origin;

/// A client in a virtual host.
#[derive(Debug)]
struct Presence {
    vhost: Name,
    user: Name,
    /// Below 0 for a moment if it has gone to another shard, which tells sooner of what is closed than the old one of
    /// what was opened.
    channel_count: i64,
    /// Who it was before it went to another shard.
    before: Option<ClientId>,
}

/// What a user has.
#[derive(Debug, Default)]
struct Holdings {
    connection_count: u64,
    /// The sum of its clients' counts.
    channel_count: i64,
}

/// All clients of a node that have opened a virtual host. Only shard 0's is in use.
#[derive(Debug, Default)]
pub(crate) struct Census {
    clients: BTreeMap<ClientId, Presence>,
    /// Who those are now that went to another shard: what the old one had to tell may come later.
    renamed: BTreeMap<ClientId, ClientId>,
    vhosts: BTreeMap<Name, u64>,
    users: BTreeMap<Name, Holdings>,
}

impl Census {
    /// Whether a client of `user` may open `vhost`. RabbitMQ looks in this order.
    fn admits(&self, definitions: &Definitions, vhost: &Name, user: &Name) -> Result<(), Refusal> {
        let Some(found) = definitions.vhost(vhost.as_str()) else {
            return Err(Refusal::NoVhost { name: vhost.clone() });
        };
        let (vhost, user) = (vhost.clone(), user.clone());
        let count = self.vhosts.get(&vhost).copied().unwrap_or_default();
        if let Some(max) = found.limits.connections_max
            && count >= max
        {
            return Err(Refusal::Limit(Limit::VhostConnections { vhost, user, max }));
        }
        let count = self.users.get(&user).map_or(0, |held| held.connection_count);
        match definitions.user_limits(user.as_str()).connections_max {
            Some(max) if count >= max => {
                return Err(Refusal::Limit(Limit::UserConnections { user, max }));
            }
            _ => {}
        }
        // A user who was removed while they logged in has no permissions either.
        if definitions.permissions(vhost.as_str(), user.as_str()).is_none() {
            return Err(Refusal::VhostAccess { vhost, user });
        }
        Ok(())
    }

    fn add(&mut self, client: ClientId, vhost: Name, user: Name) {
        *self.vhosts.entry(vhost.clone()).or_default() += 1;
        self.users.entry(user.clone()).or_default().connection_count += 1;
        self.clients.insert(client, Presence { vhost, user, channel_count: 0, before: None });
    }

    fn remove(&mut self, client: ClientId) {
        let Some(presence) = self.clients.remove(&client) else { return };
        let Presence { vhost, user, channel_count, before } = presence;
        before.map(|before| self.renamed.remove(&before));
        if let Some(count) = self.vhosts.get_mut(&vhost) {
            *count -= 1;
            if *count == 0 {
                self.vhosts.remove(&vhost);
            }
        }
        if let Some(held) = self.users.get_mut(&user) {
            held.connection_count -= 1;
            held.channel_count -= channel_count;
            if held.connection_count == 0 {
                self.users.remove(&user);
            }
        }
    }

    /// Counts a channel of a client, if its user may have one more.
    fn open_channel(&mut self, definitions: &Definitions, client: ClientId) -> Result<(), Refusal> {
        // A client that is gone already is told nothing, and has nothing to be counted.
        let Some(presence) = self.clients.get_mut(&client) else { return Ok(()) };
        let held = self.users.entry(presence.user.clone()).or_default();
        match definitions.user_limits(presence.user.as_str()).channels_max {
            Some(max) if held.channel_count >= i64::try_from(max).unwrap_or(i64::MAX) => {
                Err(Refusal::Limit(Limit::Channels { user: presence.user.clone(), max }))
            }
            _ => {
                presence.channel_count += 1;
                held.channel_count += 1;
                Ok(())
            }
        }
    }

    fn rename(&mut self, client: ClientId, before: ClientId) {
        if let Some(mut presence) = self.clients.remove(&before) {
            presence.before = Some(before);
            self.clients.insert(client, presence);
            self.renamed.insert(before, client);
        }
    }

    fn count_channel(&mut self, client: ClientId, is_open: bool) {
        let client = self.renamed.get(&client).copied().unwrap_or(client);
        let Some(presence) = self.clients.get_mut(&client) else { return };
        let held = self.users.entry(presence.user.clone()).or_default();
        for count in [&mut presence.channel_count, &mut held.channel_count] {
            *count += if is_open { 1 } else { -1 };
        }
    }

    fn clients_of(&self, gone: &Gone) -> Vec<ClientId> {
        let stands_on = |presence: &Presence| match gone {
            Gone::Vhost(vhost) => presence.vhost == *vhost,
            Gone::User(user) => presence.user == *user,
        };
        let found = self.clients.iter().filter(|(_, presence)| stands_on(presence));
        found.map(|(&client, _)| client).collect()
    }
}

impl Broker {
    /// A client has opened or closed a channel. One whose opening was asked for with [`Verb::OpenChannel`] is counted.
    ///
    /// [`Verb::OpenChannel`]: crate::Verb::OpenChannel
    pub fn count_channel(&mut self, client: ClientId, is_open: bool) {
        self.tell_census(Errand::CountChannel { client, is_open });
    }

    /// Whether the channels of a user are limited, so that one more has to be asked for.
    pub fn limits_channels(&self, user: &str) -> bool {
        self.topology.definitions().user_limits(user).channels_max.is_some()
    }

    /// Lets a client into a virtual host. Only on shard 0.
    pub(crate) fn enter(&mut self, origin: Origin, vhost: Name, user: Name) {
        let max = self.ceilings.connections_max;
        let reply = match max.filter(|max| self.census.clients.len() as u64 >= *max) {
            Some(max) => Err(Refusal::Limit(Limit::NodeConnections { max })),
            None => self.census.admits(self.draft.definitions(), &vhost, &user),
        };
        // A virtual host that was made a moment ago waits for the disk.
        let is_published = self.topology.definitions().vhost(vhost.as_str()).is_some();
        let ticket = self.pending_note().filter(|_| !is_published);
        if reply.is_ok() {
            self.census.add(origin.client, vhost, user);
        }
        self.answer_after(ticket, origin, reply.map(|()| Answer::Done));
    }

    /// Counts a client's channel and lets it be opened. Only on shard 0.
    pub(crate) fn admit_channel(&mut self, origin: Origin) {
        let reply = self.census.open_channel(self.draft.definitions(), origin.client);
        self.answer(origin, reply.map(|()| Answer::Done));
    }

    /// A client of this shard is gone.
    pub(crate) fn depart(&mut self, client: ClientId) {
        self.tell_census(Errand::Depart { client });
    }

    pub(crate) fn note_departure(&mut self, client: ClientId) {
        self.census.remove(client);
    }

    /// A client has gone to another shard. If what it stands on has gone meanwhile, it was told where it is no more.
    pub(crate) fn note_rename(&mut self, client: ClientId, before: ClientId) {
        self.census.rename(client, before);
        let Some(Presence { vhost, user, .. }) = self.census.clients.get(&client) else { return };
        let definitions = self.draft.definitions();
        let gone = if definitions.vhost(vhost.as_str()).is_none() {
            Gone::Vhost(vhost.clone())
        } else if definitions.user(user.as_str()).is_none() {
            Gone::User(user.clone())
        } else {
            return;
        };
        self.tell(client, Event::Evicted { gone });
    }

    pub(crate) fn note_channel(&mut self, client: ClientId, is_open: bool) {
        self.census.count_channel(client, is_open);
    }

    /// Has all clients leave that stand on what is gone. Only on shard 0.
    pub(crate) fn evict(&mut self, gone: &Gone) {
        for client in self.census.clients_of(gone) {
            self.tell(client, Event::Evicted { gone: gone.clone() });
        }
    }

    pub(crate) fn tell_census(&mut self, errand: Errand) {
        if self.shard == 0 {
            self.run(errand);
        } else {
            self.post(0, Mail::Errand(Box::new(errand)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_old_shard_tells_late_is_counted_for_the_client_that_went() {
        let (before, client) = (ClientId::new(7, 1), ClientId::new(9, 0));
        let mut census = Census::default();
        census.add(before, Name::fixed("/"), Name::fixed("guest"));
        census.rename(client, before);
        census.count_channel(client, false);
        census.count_channel(before, true);
        assert_eq!(census.users[&Name::fixed("guest")].channel_count, 0);
        census.remove(client);
        assert!(census.users.is_empty() && census.renamed.is_empty());
        census.count_channel(before, true);
        assert!(census.users.is_empty(), "it is gone");
    }
}
