//! What virtual hosts get when they are made: from options to values.

use config::{Config, DefaultPolicy, DefaultUser};
use message::Name;
use metadata::{ApplyTo, Hashing, Policy, User, VhostDefaults, VhostLimits};

use crate::definitions::hashed;

/// Reads `default_limits`, `default_policies` and `default_users`.
///
/// # Errors
/// What is wrong, with its key.
pub(crate) fn defaults(config: &Config) -> Result<VhostDefaults, String> {
    let mut defaults = VhostDefaults::default();
    for limits in &config.limits.vhosts {
        let found = VhostLimits {
            connections_max: limits.connections_max.map(u64::from),
            queues_max: limits.queues_max.map(u64::from),
        };
        let added = defaults.add_limits(&limits.pattern, found);
        added.map_err(|reason| format!("default_limits.vhosts: {reason}"))?;
    }
    for policy in &config.default_policies {
        let told = |reason: String| format!("default_policies.operator.{}: {reason}", policy.name);
        defaults.add_policy(&policy.vhost_pattern, operator_policy(policy)?).map_err(told)?;
    }
    for user in &config.accounts.default_users {
        let told = |reason: String| format!("default_users.{}: {reason}", user.name);
        let found = default_user(user, config).map_err(told)?;
        let added = defaults.add_user(&user.vhost_pattern, found, permissions(&user.permissions));
        added.map_err(told)?;
    }
    Ok(defaults)
}

fn operator_policy(policy: &DefaultPolicy) -> Result<Policy, String> {
    let name = Name::new(&policy.name);
    let definition = policy.definition.iter();
    Ok(Policy {
        vhost: Name::fixed(""),
        name: name.map_err(|error| format!("default_policies.operator: {error}"))?,
        pattern: policy.queue_pattern.clone(),
        apply_to: ApplyTo::parse(&policy.apply_to).unwrap_or_default(),
        priority: 0,
        definition: definition.map(|(key, number)| ((*key).to_owned(), (*number).into())).collect(),
    })
}

fn default_user(user: &DefaultUser, config: &Config) -> Result<User, String> {
    let hashing = Hashing::parse(&config.accounts.password_hashing).unwrap_or_default();
    let password_hash = match &user.password {
        None => String::new(),
        Some(password) => hashed(&password.0, hashing)?,
    };
    let name = Name::new(&user.name).map_err(|error| error.to_string())?;
    Ok(User { name, password_hash, hashing, tags: user.tags.clone() })
}

/// What somebody may do in a virtual host.
pub(crate) fn permissions(patterns: &config::Patterns) -> metadata::Permissions {
    let config::Patterns { configure, write, read } = patterns.clone();
    metadata::Permissions { configure, write, read }
}
