//! The API before a whole node in memory, without sockets.

mod access;
mod beyond;
mod bodies;
mod clock;
mod objects;
mod options;
mod settings;
mod stewardship;
mod watching;

#[path = "../../tests/checks/node.rs"]
mod node;

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use broker::Ceilings;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::AUTHORIZATION;
use hyper::{Request, Response};
use serde_json::Value;
use testkit::{Layout, World};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use self::node::facts;
use crate::desk::Desk;
use crate::facts::Facts;
use crate::login::Origin;
use crate::reply::Content;
use crate::serving::respond;

/// A node, and the API in front of it.
struct Node {
    desk: Arc<Desk>,
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
        Self { desk: node::desk(world, facts) }
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
