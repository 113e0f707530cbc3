//! What goes on and on: traces.

use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::{Node, runtime};
use crate::reply::Content;
use crate::stream::STREAMS_OF_USER_MAX;

/// An answer that goes on.
struct Stream {
    content: Content,
    text: String,
    last_id: String,
}

impl Stream {
    async fn open(node: &Node, user: Option<&str>, path: &str) -> Self {
        let response = node.send(user, "GET", path, "").await;
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { content: response.into_body(), text: String::new(), last_id: String::new() }
    }

    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
                let value = field("data: ").map(|data| {
                    let value: Value = serde_json::from_str(data).unwrap();
                    let name = value["what"].as_str().or_else(|| value["event"].as_str());
                    assert_eq!(field("event: "), name);
                    value
                });
                if let Some(id) = field("id: ") {
                    self.last_id = id.to_owned();
                }
                self.text = rest.to_owned();
                if value.is_some() {
                    return value;
                }
                continue;
            }
            let frame = self.content.frame().await?.unwrap();
            self.text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
        }
    }
}

async fn publish(node: &Node, key: &str, payload: &str) {
    let body = json!({
        "properties": { "message_id": "m", "headers": { "a": 1 } },
        "routing_key": key, "payload": payload, "payload_encoding": "string",
    });
    let path = "/exchanges/%2F/amq.default/publish";
    let response = node.send(None, "POST", path, &body.to_string()).await;
    assert_eq!(response.status(), 200);
}

async fn fetch(node: &Node, ackmode: &str) {
    let body = json!({ "count": 1, "ackmode": ackmode, "encoding": "auto" });
    let response = node.send(None, "POST", "/queues/%2F/q/get", &body.to_string()).await;
    assert_eq!(response.status(), 200);
}

const TRACE: &str = "/queues/%2F/q/trace";

#[test]
fn an_operator_watches_what_happens_to_a_queue() {
    let node = Node::new();
    node.put("/queues/%2F/q", r#"{"durable":true}"#);
    runtime().block_on(async {
        let mut stream = Stream::open(&node, None, &format!("{TRACE}?payload_bytes=3")).await;
        publish(&node, "q", "abcdef").await;
        let event = stream.next().await.unwrap();
        let shown = |name: &str| event[name].clone();
        assert_eq!((shown("what"), shown("place")), (json!("published"), json!(0)));
        assert_eq!((shown("exchange"), shown("routing_key")), (json!(""), json!("q")));
        assert_eq!((shown("payload_bytes"), shown("payload")), (json!(6), json!("abc")));
        assert_eq!(event["properties"], json!({ "message_id": "m", "headers": { "a": 1 } }));
        assert!(event["time"].as_str().unwrap().ends_with("+00:00"), "{event}");
        fetch(&node, "reject_requeue_true").await;
        let event = stream.next().await.unwrap();
        assert_eq!((&event["what"], &event["ack_required"]), (&json!("delivered"), &json!(true)));
        let event = stream.next().await.unwrap();
        assert_eq!((&event["what"], &event["reason"]), (&json!("requeued"), &json!("failed")));
        fetch(&node, "ack_requeue_false").await;
        let event = stream.next().await.unwrap();
        assert_eq!((&event["redelivered"], &event["ack_required"]), (&json!(true), &json!(false)));
        let response = node.send(None, "DELETE", "/queues/%2F/q", "").await;
        assert_eq!(response.status(), 204);
        assert_eq!(stream.next().await.unwrap()["what"], "deleted");
        assert_eq!(stream.next().await.unwrap()["reason"], "the queue is gone");
        assert_eq!(stream.next().await, None);
    });
}

#[test]
fn a_trace_is_as_long_as_was_asked_for() {
    let node = Node::new();
    node.put("/queues/%2F/q", "{}");
    runtime().block_on(async {
        let mut stream = Stream::open(&node, None, &format!("{TRACE}?limit=1")).await;
        publish(&node, "q", "one").await;
        publish(&node, "q", "two").await;
        let event = stream.next().await.unwrap();
        assert_eq!((&event["what"], event.get("payload")), (&json!("published"), None));
        assert_eq!(stream.next().await, None);
        let mut stream = Stream::open(&node, None, &format!("{TRACE}?duration_ms=1")).await;
        assert_eq!(stream.next().await, None);
    });
    for (query, word) in [("payload_bytes=65537", "65536"), ("limit=x", "no number")] {
        let (status, text) = node.refusal("GET", &format!("{TRACE}?{query}"), "");
        assert!(status == 400 && text.contains(word), "{text}");
    }
    assert_eq!(node.ask(None, "GET", "/queues/%2F/none/trace", "").0, 404);
}

#[test]
fn whoever_may_not_read_a_queue_any_more_sees_no_more_of_it() {
    let node = Node::new();
    node.put("/queues/%2F/q", "{}");
    node.put("/users/u", r#"{"password":"p","tags":"management"}"#);
    let permissions =
        |read: &str| json!({ "configure": "", "write": "", "read": read }).to_string();
    node.put("/permissions/%2F/u", &permissions("r"));
    assert_eq!(node.ask(Some("u"), "GET", TRACE, "").0, 401);
    node.put("/permissions/%2F/u", &permissions("q"));
    runtime().block_on(async {
        let mut stream = Stream::open(&node, Some("u"), TRACE).await;
        publish(&node, "q", "one").await;
        assert_eq!(stream.next().await.unwrap()["what"], "published");
        node.send(None, "PUT", "/permissions/%2F/u", &permissions("r")).await;
        publish(&node, "q", "two").await;
        let end = stream.next().await.unwrap();
        assert_eq!(end["reason"], "the user may not read the queue any more");
        assert_eq!(stream.next().await, None);
    });
}

#[test]
fn there_are_only_so_many_streams_and_one_that_nobody_reads_makes_room() {
    let node = Node::new();
    node.put("/queues/%2F/q", "{}");
    node.put("/users/monitor", r#"{"password":"p","tags":"monitoring"}"#);
    runtime().block_on(async {
        let mut streams = Vec::new();
        for _ in 0..STREAMS_OF_USER_MAX {
            streams.push(Stream::open(&node, None, TRACE).await);
        }
        assert_eq!(node.send(None, "GET", TRACE, "").await.status(), 503);
        // Others can watch meanwhile.
        streams.push(Stream::open(&node, Some("monitor"), EVENTS).await);
        streams.remove(0);
        // Its task sees that it is gone when it next has a turn.
        while node.send(None, "GET", TRACE, "").await.status() == 503 {
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn whoever_asks_for_no_event_gets_none() {
    let node = Node::new();
    node.put("/queues/%2F/q", "{}");
    runtime().block_on(async {
        let mut stream = Stream::open(&node, None, &format!("{TRACE}?limit=0")).await;
        publish(&node, "q", "one").await;
        assert_eq!(stream.next().await, None);
    });
}

const EVENTS: &str = "/events";

/// The names of the next events.
async fn names(stream: &mut Stream, count: usize) -> Vec<String> {
    let mut names = Vec::new();
    for _ in 0..count {
        let event = stream.next().await.unwrap();
        names.push(event["event"].as_str().unwrap().to_owned());
    }
    names
}

async fn put(node: &Node, path: &str, body: &str) {
    let status = node.send(None, "PUT", path, body).await.status();
    assert!(status.is_success(), "{path}");
}

async fn delete(node: &Node, path: &str) {
    let status = node.send(None, "DELETE", path, "").await.status();
    assert!(status.is_success(), "{path}");
}

#[test]
fn the_life_of_what_is_declared_is_told_under_rabbitmqs_names() {
    let node = Node::new();
    runtime().block_on(async {
        let mut stream = Stream::open(&node, None, EVENTS).await;
        put(&node, "/vhosts/v", r#"{"description":"d"}"#).await;
        put(&node, "/vhosts/v", r#"{"description":"e"}"#).await;
        put(&node, "/users/u", r#"{"password":"s3cret","tags":"management"}"#).await;
        put(&node, "/users/u", r#"{"password":"s4cret","tags":"monitoring"}"#).await;
        put(&node, "/permissions/v/u", r#"{"configure":"","write":"","read":""}"#).await;
        put(&node, "/vhost-limits/v/max-queues", r#"{"value":5}"#).await;
        put(&node, "/global-parameters/p", r#"{"value":"s5cret"}"#).await;
        put(&node, "/queues/%2F/q", r#"{"durable":true,"arguments":{"x-max-length":5}}"#).await;
        put(&node, "/exchanges/%2F/x", r#"{"type":"topic"}"#).await;
        let policy = r#"{"pattern":"q","definition":{"max-length":1}}"#;
        put(&node, "/policies/%2F/p", policy).await;
        delete(&node, "/policies/%2F/p").await;
        delete(&node, "/exchanges/%2F/x").await;
        delete(&node, "/queues/%2F/q").await;
        delete(&node, "/users/u").await;
        delete(&node, "/vhosts/v").await;
        let told = names(&mut stream, 17).await;
        let expected = [
            "vhost.created",
            "vhost.updated",
            "user.created",
            "user.tags.set",
            "user.password.changed",
            "user.tags.set",
            "permission.created",
            "vhost.limits.set",
            "parameter.set",
            "queue.created",
            "exchange.created",
            "policy.set",
            "policy.cleared",
            "exchange.deleted",
            "queue.deleted",
            "user.deleted",
            "vhost.deleted",
        ];
        assert_eq!(told, expected);
        let before = format!("{EVENTS}?last_event_id=7-0.0");
        let mut again = Stream::open(&node, None, &before).await;
        assert_eq!(again.next().await.unwrap()["what"], "lost");
        let everything = names(&mut again, 17).await;
        assert!(everything.iter().any(|name| name == "vhost.created"));
    });
}

#[test]
fn no_secret_is_told_and_fields_are_those_of_rabbitmq() {
    let node = Node::new();
    runtime().block_on(async {
        let mut stream = Stream::open(&node, None, EVENTS).await;
        put(&node, "/users/u", r#"{"password":"s3cret","tags":"management"}"#).await;
        put(&node, "/global-parameters/p", r#"{"value":"s3cret"}"#).await;
        put(&node, "/queues/%2F/q", r#"{"durable":true,"arguments":{"x-max-length":5}}"#).await;
        let mut all = Vec::new();
        for _ in 0..4 {
            all.push(stream.next().await.unwrap());
        }
        let text = json!(all).to_string();
        assert!(!text.contains("s3cret") && !text.contains("hash"), "{text}");
        let parameter = &all[2];
        assert_eq!((&parameter["component"], &parameter["name"]), (&json!("global"), &json!("p")));
        let queue = &all[3];
        let expected = json!({
            "name": "q", "vhost": "/", "type": "rabbit_classic_queue", "durable": true, "auto_delete": false,
            "exclusive": false, "owner_pid": "", "leader": "leveret@test", "members": ["leveret@test"],
            "arguments": { "x-max-length": 5, "x-queue-type": "classic" },
            "user_who_performed_action": "rmq-internal",
            "event": "queue.created", "timestamp_in_ms": queue["timestamp_in_ms"],
        });
        assert_eq!(*queue, expected);
    });
}

#[test]
fn only_what_fits_a_pattern_is_told_and_a_stream_goes_on_where_it_was() {
    let node = Node::new();
    let id = runtime().block_on(async {
        let path = format!("{EVENTS}?pattern=queue.*&limit=1");
        let mut stream = Stream::open(&node, None, &path).await;
        put(&node, "/exchanges/%2F/x", r#"{"type":"topic"}"#).await;
        put(&node, "/queues/%2F/one", "{}").await;
        put(&node, "/queues/%2F/two", "{}").await;
        assert_eq!(stream.next().await.unwrap()["name"], "one");
        assert_eq!(stream.next().await, None);
        stream.last_id
    });
    runtime().block_on(async {
        let path = format!("{EVENTS}?last_event_id={id}&limit=1");
        let mut stream = Stream::open(&node, None, &path).await;
        assert_eq!(stream.next().await.unwrap()["name"], "two");
    });
}

#[test]
fn a_virtual_host_is_traced_until_somebody_ends_it() {
    let node = Node::new();
    assert_eq!(node.get("/vhosts/%2F")["tracing"], false);
    assert_eq!(node.put("/vhosts/%2F", r#"{"tracing":true}"#), 204);
    assert_eq!(node.get("/vhosts/%2F")["tracing"], true);
    // Whoever says nothing of it, leaves it as it is.
    assert_eq!(node.put("/vhosts/%2F", r#"{"description":"d"}"#), 204);
    assert_eq!(node.get("/vhosts/%2F")["tracing"], true);
    assert_eq!(node.put("/vhosts/%2F", r#"{"tracing":false}"#), 204);
    assert_eq!(node.get("/vhosts/%2F")["tracing"], false);
    assert_eq!(node.put("/vhosts/new", r#"{"tracing":true}"#), 201);
    assert_eq!(node.get("/vhosts/new")["tracing"], true);
}
