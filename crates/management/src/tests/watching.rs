//! What goes on and on: traces.

use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::{Node, runtime};
use crate::reply::Content;
use crate::stream::STREAMS_MAX;

/// An answer that goes on.
struct Stream {
    content: Content,
    text: String,
}

impl Stream {
    async fn open(node: &Node, user: Option<&str>, path: &str) -> Self {
        let response = node.send(user, "GET", path, "").await;
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { content: response.into_body(), text: String::new() }
    }

    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
                let value = field("data: ").map(|data| {
                    let value: Value = serde_json::from_str(data).unwrap();
                    assert_eq!(field("event: "), value["what"].as_str());
                    value
                });
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
    runtime().block_on(async {
        let mut streams = Vec::new();
        for _ in 0..STREAMS_MAX {
            streams.push(Stream::open(&node, None, TRACE).await);
        }
        assert_eq!(node.send(None, "GET", TRACE, "").await.status(), 503);
        streams.pop();
        // Its task sees that it is gone when it next has a turn.
        while node.send(None, "GET", TRACE, "").await.status() == 503 {
            tokio::task::yield_now().await;
        }
    });
}
