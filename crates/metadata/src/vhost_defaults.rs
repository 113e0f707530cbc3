//! What virtual hosts get when they are made, beside what all of them have: an operator's word for many at once.

use fancy_regex::Regex;
use message::Name;

use crate::change::Change;
use crate::definitions::Definitions;
use crate::permissions::Permissions;
use crate::policy::{Policy, compile};
use crate::user::User;
use crate::vhost::VhostLimits;

/// What virtual hosts get when they are made, by patterns for their names. Those that exist keep what they have.
#[derive(Clone, Debug, Default)]
pub struct VhostDefaults {
    limits: Vec<(Regex, VhostLimits)>,
    policies: Vec<(Regex, Policy)>,
    users: Vec<(Regex, User, Permissions)>,
}

impl VhostDefaults {
    /// Adds limits, which count where no limits before them do.
    ///
    /// # Errors
    /// What is wrong with the pattern.
    pub fn add_limits(&mut self, pattern: &str, limits: VhostLimits) -> Result<(), String> {
        self.limits.push((compile(pattern)?, limits));
        Ok(())
    }

    /// Adds an operator policy. Its virtual host is of no account.
    ///
    /// # Errors
    /// What is wrong with the pattern, or the policy.
    pub fn add_policy(&mut self, pattern: &str, policy: Policy) -> Result<(), String> {
        policy.check(true).map_err(|invalid| invalid.to_string())?;
        self.policies.push((compile(pattern)?, policy));
        Ok(())
    }

    /// Adds a user, who is made where there is none of the name, and gets permissions in any case.
    ///
    /// # Errors
    /// What is wrong with a pattern.
    pub fn add_user(
        &mut self,
        pattern: &str,
        user: User,
        permissions: Permissions,
    ) -> Result<(), String> {
        permissions.check().map_err(|invalid| invalid.to_string())?;
        self.users.push((compile(pattern)?, user, permissions));
        Ok(())
    }

    /// What has to follow when a virtual host is made, in this order; `definitions` are those before.
    pub fn changes(&self, vhost: &Name, definitions: &Definitions) -> Vec<Change> {
        let is_for = |pattern: &Regex| pattern.is_match(vhost.as_str()).unwrap_or(false);
        let mut changes = Vec::new();
        if let Some((_, limits)) = self.limits.iter().find(|(pattern, _)| is_for(pattern)) {
            changes.push(Change::SetVhostLimits { vhost: vhost.clone(), limits: *limits });
        }
        for (_, policy) in self.policies.iter().filter(|(pattern, _)| is_for(pattern)) {
            let policy = Policy { vhost: vhost.clone(), ..policy.clone() };
            changes.push(Change::SetPolicy { policy, is_operator: true });
        }
        for (_, user, permissions) in self.users.iter().filter(|(pattern, ..)| is_for(pattern)) {
            if definitions.user(user.name.as_str()).is_none() {
                changes.push(Change::SetUser(user.clone()));
            }
            changes.push(Change::SetPermissions {
                vhost: vhost.clone(),
                user: user.name.clone(),
                permissions: permissions.clone(),
            });
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{ApplyTo, PolicyDefinition};
    use crate::user::Hashing;

    fn defaults() -> VhostDefaults {
        let mut defaults = VhostDefaults::default();
        let limits = |queues| VhostLimits { connections_max: None, queues_max: Some(queues) };
        defaults.add_limits("^tenant-", limits(5)).unwrap();
        defaults.add_limits("", limits(9)).unwrap();
        let policy = Policy {
            vhost: Name::fixed(""),
            name: Name::fixed("bounded"),
            pattern: String::new(),
            apply_to: ApplyTo::Queues,
            priority: 0,
            definition: PolicyDefinition::from([("max-length".to_owned(), 7.into())]),
        };
        defaults.add_policy("^tenant-", policy).unwrap();
        let user = User {
            name: Name::fixed("watcher"),
            password_hash: String::new(),
            hashing: Hashing::Sha256,
            tags: vec!["monitoring".to_owned()],
        };
        defaults.add_user("^tenant-", user, Permissions::all()).unwrap();
        defaults
    }

    #[test]
    fn a_virtual_host_gets_what_is_for_its_name() {
        let (defaults, mut definitions) = (defaults(), Definitions::default());
        let vhost = Name::fixed("tenant-1");
        let changes = defaults.changes(&vhost, &definitions);
        let [limits, policy, user, permissions] = &changes[..] else { panic!("{changes:?}") };
        assert!(
            matches!(limits, Change::SetVhostLimits { limits, .. } if limits.queues_max == Some(5))
        );
        assert!(
            matches!(policy, Change::SetPolicy { policy, is_operator: true } if policy.vhost == vhost)
        );
        assert!(
            matches!(permissions, Change::SetPermissions { user, .. } if user.as_str() == "watcher")
        );
        definitions.apply(user);
        // Who is there keeps their password.
        assert_eq!(defaults.changes(&vhost, &definitions).len(), 3);
        assert_eq!(defaults.changes(&Name::fixed("other"), &definitions).len(), 1);
        assert!(VhostDefaults::default().changes(&vhost, &definitions).is_empty());
    }

    #[test]
    fn what_makes_no_sense_is_refused_before_it_is_needed() {
        let mut defaults = defaults();
        assert!(defaults.add_limits("(", VhostLimits::default()).is_err());
        let (_, policy) = defaults.policies[0].clone();
        let unbounded = Policy { definition: PolicyDefinition::new(), ..policy };
        assert_eq!(defaults.add_policy("", unbounded), Err("no policy provided".to_owned()));
    }
}
