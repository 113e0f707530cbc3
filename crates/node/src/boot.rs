//! From a data directory to running shards.

use std::sync::Arc;

use auth::Logins;
use broker::{Recovery, Start, StartError};
use message::{Name, ShardId};
use metadata::{Hashing, Permissions, User};
use proto_amqp091::{Founder, Settings};
use stdx::Random;
use store::{Damage, Disk, Fault};

use crate::shard::Shard;

/// A node that is ready to run.
#[derive(Debug)]
pub struct Boot {
    /// Its shards, in order.
    pub shards: Vec<Shard>,
    /// Who lets people in; what it remembers it shares with those of the shards.
    pub logins: Logins,
    /// What was found on disk.
    pub recovery: Recovery,
    /// The user that was made because there was none.
    pub founder: Option<Name>,
    /// What could not be read, for the log.
    pub damage: Vec<Damage>,
}

/// Why a node cannot start.
#[derive(Debug)]
pub enum BootError {
    /// The data directory cannot be used.
    Disk(Fault),
    /// The first user's name cannot be one.
    Founder(String),
    /// What is declared cannot be read.
    Definitions(String),
}

impl std::fmt::Display for BootError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Disk(fault) => fault.fmt(f),
            Self::Founder(reason) => write!(f, "default_user: {reason}"),
            Self::Definitions(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for BootError {}

/// Recovers, `now_ms` milliseconds after 1970, what `disk` holds and makes `shard_count` shards of it. `seed` must be different at every start: names
/// and epochs come from it.
///
/// # Errors
/// [`BootError`] when the data directory cannot be read or written, or was written by something else.
pub fn boot(
    disk: &mut dyn Disk,
    shard_count: usize,
    settings: &Arc<Settings>,
    seed: u64,
    now_ms: u64,
    options: store::Options,
) -> Result<Boot, BootError> {
    let mut random = Random::new(seed);
    let mut recovered = store::open_with(disk, shard_count, random.next_u64(), &options)
        .map_err(BootError::Disk)?;
    let damage = std::mem::take(&mut recovered.damage);
    let memory_bytes_max = settings.limits.memory_bytes_max;
    let mut start = Start::from_recovered(disk, recovered, memory_bytes_max, random.fork(), now_ms)
        .map_err(|error| match error {
            StartError::Definitions(unreadable) => BootError::Definitions(unreadable.to_string()),
            StartError::Disk(fault) => BootError::Disk(fault),
        })?;
    for broker in &mut start.brokers {
        broker.set_vhost_defaults(Arc::clone(&settings.vhost_defaults));
    }
    let mut made = None;
    match &settings.founder {
        Some(founder) if start.is_unfounded => {
            let (user, permissions) = first_user(founder, settings, &mut random)?;
            made = Some(user.name.clone());
            start.brokers[0].found(&settings.default_vhost, user, permissions, start.is_fresh);
        }
        None if start.is_fresh => start.brokers[0].found_nothing(),
        _ => {}
    }
    // Whoever guesses is counted once, whichever shard hears it.
    let logins = Logins::new(settings.logins.clone(), settings.secret.clone());
    let shards = start.brokers.into_iter().enumerate().map(|(id, mut broker)| {
        broker.read_messages_with(proto_amqp091::READER);
        broker.set_default_queue_kind(settings.limits.default_queue_kind);
        broker.set_ceilings(settings.limits.ceilings);
        broker.set_consumer_timeout_ms(settings.limits.consumer_timeout_ms);
        let id = ShardId::try_from(id).expect("a node has at most 256 shards");
        Shard::new(id, broker, Arc::clone(settings), logins.clone(), random.fork())
    });
    let shards = shards.collect();
    Ok(Boot { shards, logins, recovery: start.recovery, founder: made, damage })
}

/// The password of a node that was told none.
const WELL_KNOWN: &[u8] = b"guest";

/// The user of a node that has none yet.
fn first_user(
    founder: &Founder,
    settings: &Settings,
    random: &mut Random,
) -> Result<(User, Permissions), BootError> {
    let name = String::from_utf8_lossy(&founder.credentials.user);
    let name = Name::new(&name).map_err(|too_long| BootError::Founder(too_long.to_string()))?;
    let mut salt = [0; auth::SALT_BYTES];
    let (front, back) = salt.split_at_mut(auth::SALT_BYTES / 2);
    front.copy_from_slice(&random.next_u64().to_le_bytes());
    back.copy_from_slice(&random.next_u64().to_le_bytes());
    let hashing = match settings.logins.hashing {
        // A slow hash hides nothing of a password that everybody knows, and would cost each first start 30 ms and 19 MiB.
        Hashing::Argon2id if founder.credentials.password == WELL_KNOWN => Hashing::Sha256,
        hashing => hashing,
    };
    let password_hash = auth::hash(&founder.credentials.password, hashing, salt);
    let user = User { name, password_hash, hashing, tags: founder.tags.clone() };
    Ok((user, founder.permissions.clone()))
}
