//! A whole node in memory, on a machine that nothing happens to, with the API in front of it.

use std::sync::{Arc, Mutex};

use management::{
    ApiOptions, Certificate, Desk, DiskUse, Facts, Listening, Machine, MetricsOptions, Operations,
    Readings, Shards, Steward, Threshold,
};
use metadata::{Hashing, PasswordRule, QueueKind};
use node::Errand;
use testkit::World;

/// Shards that do an errand at once.
struct AtOnce(Mutex<World>);

impl Shards for AtOnce {
    fn count(&self) -> usize {
        self.0.lock().expect("nothing failed while it was held").shard_count()
    }

    fn put(&self, shard: usize, errand: Errand) -> Result<(), Errand> {
        self.0.lock().expect("nothing failed while it was held").run_errand(shard, errand);
        Ok(())
    }
}

/// A machine that nothing happens to.
struct Still;

impl Machine for Still {
    fn readings(&self) -> Readings {
        Readings { now_ms: 1_800_000_000_000, ..Readings::default() }
    }

    fn disk_uses(&self) -> Vec<DiskUse> {
        let sync_counts = std::array::from_fn(|place| u64::from(place < 2));
        let syncs = Operations { count: 2, bytes: 0, ns: 120_000 };
        let writes = Operations { count: 3, bytes: 4_096, ns: 9_000 };
        vec![DiskUse { lane: "journal", syncs, writes, sync_counts, ..DiskUse::default() }]
    }

    fn certificates(&self) -> Vec<Certificate> {
        // Ten days are left of the server's own, and a year of the authority.
        let certificate = |file: &str, days: i64, is_authority| Certificate {
            options: "management.ssl",
            file: file.to_owned(),
            subject: "CN=localhost".to_owned(),
            not_before_s: 0,
            not_after_s: 1_800_000_000 + days * 86_400,
            is_authority,
        };
        vec![certificate("/own.pem", 10, false), certificate("/ca.pem", 365, true)]
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

impl Steward for Still {
    fn stop(&self) -> Result<(), String> {
        Ok(())
    }

    fn reopen_log(&self) {}

    fn set_log_level(&self, level: &str) -> Result<(), String> {
        if level == "debug" { Ok(()) } else { Err("there is one level".to_owned()) }
    }

    fn last_log_lines(&self, count: usize) -> Result<Vec<String>, String> {
        Ok(vec!["a line".to_owned(); count])
    }

    fn configuration(&self) -> Vec<(String, String)> {
        vec![("heartbeat".to_owned(), "10".to_owned())]
    }

    fn effective_configuration(&self) -> String {
        "heartbeat = 10\n".to_owned()
    }

    fn set_memory_limit(&self, limit: Threshold) -> u64 {
        match limit {
            Threshold::Bytes(bytes) => bytes,
            Threshold::OfMemory(_) => 1 << 30,
        }
    }

    fn set_disk_free_limit(&self, _: Threshold) {}
}

/// A desk in front of a node.
pub(crate) fn desk(world: World, facts: Facts) -> Arc<Desk> {
    let topology = world.shared_topology();
    let rules = auth::Rules { hashing: Hashing::Sha256, ..auth::Rules::default() };
    let logins = auth::Logins::new(rules, auth::Secret::new([1; auth::Secret::BYTES]));
    let shards = Box::new(AtOnce(Mutex::new(world)));
    Arc::new(Desk::new(shards, topology, facts, logins, Box::new(Still), Box::new(Still)))
}

/// What such a node is.
pub(crate) fn facts() -> Facts {
    Facts {
        node: "leveret@test".to_owned(),
        rabbitmq_version: "4.3.6",
        leveret_version: "0",
        listeners: vec![Listening {
            protocol: "https",
            address: ([127, 0, 0, 1], 15_671).into(),
            is_tls: true,
        }],
        data_dir: "/data".to_owned(),
        process_id: 1,
        processor_count: 1,
        started_at_ms: 0,
        clients_max: 1,
        consumer_timeout_ms: 1_800_000,
        password_hashing: Hashing::Sha256,
        password_rule: PasswordRule::default(),
        api: ApiOptions::default(),
        metrics: MetricsOptions::default(),
        default_queue_kind: QueueKind::Classic,
    }
}
