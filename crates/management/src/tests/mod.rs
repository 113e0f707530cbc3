//! The API before a whole node in memory, without sockets.

mod access;
mod beyond;
mod objects;
mod options;
mod settings;
mod stewardship;
mod watching;

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use broker::Ceilings;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::AUTHORIZATION;
use hyper::{Request, Response};
use metadata::{Hashing, PasswordRule, QueueKind};
use node::Errand;
use serde_json::Value;
use testkit::{Layout, World};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use crate::api_options::ApiOptions;
use crate::certificates::Certificate;
use crate::desk::{Desk, Shards};
use crate::disk_use::{DiskUse, Operations};
use crate::facts::{Facts, Listening};
use crate::login::Origin;
use crate::machine::{Machine, Readings};
use crate::metrics::MetricsOptions;
use crate::reply::Content;
use crate::serving::respond;
use crate::steward::{Steward, Threshold};

/// A node, and the API in front of it.
struct Node {
    desk: Arc<Desk>,
}

/// Shards that do an errand at once.
struct AtOnce(Mutex<World>);

impl Shards for AtOnce {
    fn count(&self) -> usize {
        self.0.lock().unwrap().shard_count()
    }

    fn put(&self, shard: usize, errand: Errand) -> Result<(), Errand> {
        self.0.lock().unwrap().run_errand(shard, errand);
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

    fn set_memory_limit(&self, limit: Threshold) -> u64 {
        match limit {
            Threshold::Bytes(bytes) => bytes,
            Threshold::OfMemory(_) => 1 << 30,
        }
    }

    fn set_disk_free_limit(&self, _: Threshold) {}
}

impl Node {
    fn new() -> Self {
        Self::within(Ceilings::default())
    }

    fn within(ceilings: Ceilings) -> Self {
        let limits = proto_amqp091::Limits { ceilings, ..proto_amqp091::Limits::default() };
        Self::before(World::new(Layout::ALL[1], limits), facts())
    }

    fn before(world: World, facts: Facts) -> Self {
        let topology = world.shared_topology();
        let rules = auth::Rules { hashing: Hashing::Sha256, ..auth::Rules::default() };
        let logins = auth::Logins::new(rules, auth::Secret::new([1; auth::Secret::BYTES]));
        let shards = Box::new(AtOnce(Mutex::new(world)));
        Self {
            desk: Arc::new(Desk::new(
                shards,
                topology,
                facts,
                logins,
                Box::new(Still),
                Box::new(Still),
            )),
        }
    }

    /// Asks as a user with the password `p`, or by the local socket.
    fn ask(&self, user: Option<&str>, method: &str, path: &str, body: &str) -> (u16, Value) {
        runtime().block_on(async {
            let response = self.send(user, method, path, body).await;
            let status = response.status().as_u16();
            let bytes = response.into_body().collect().await.unwrap().to_bytes();
            (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
        })
    }

    /// As [`Node::ask`], for an answer that may go on and on.
    async fn send(
        &self,
        user: Option<&str>,
        method: &str,
        path: &str,
        body: &str,
    ) -> Response<Content> {
        let mut request = Request::builder().method(method).uri(format!("/api{path}"));
        if let Some(user) = user {
            let credentials = STANDARD.encode(format!("{user}:p"));
            request = request.header(AUTHORIZATION, format!("Basic {credentials}"));
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        let origin = match user {
            Some(_) => Origin::Tcp(([127, 0, 0, 1], 40_000).into()),
            None => Origin::Local,
        };
        let bodies = Semaphore::new(1);
        respond(request, origin, Arc::clone(&self.desk), &bodies).await
    }

    /// As the operator, who may everything.
    fn get(&self, path: &str) -> Value {
        let (status, value) = self.ask(None, "GET", path, "");
        assert_eq!(status, 200, "GET {path}: {value}");
        value
    }

    fn put(&self, path: &str, body: &str) -> u16 {
        self.ask(None, "PUT", path, body).0
    }

    fn delete(&self, path: &str) -> u16 {
        self.ask(None, "DELETE", path, "").0
    }

    /// The code and the reason of a request that fails.
    fn refusal(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let (status, value) = self.ask(None, method, path, body);
        (status, value["reason"].as_str().unwrap_or_default().to_owned())
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

fn facts() -> Facts {
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
