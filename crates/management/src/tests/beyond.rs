//! What RabbitMQ does not have.

use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::Node;

fn publish(node: &Node, key: &str, payload: &str, headers: &Value) {
    let body = json!({
        "properties": { "delivery_mode": 2, "headers": headers },
        "routing_key": key, "payload": payload, "payload_encoding": "string",
    });
    let path = "/exchanges/%2F/amq.default/publish";
    let (status, answer) = node.ask(None, "POST", path, &body.to_string());
    assert_eq!((status, &answer["routed"]), (200, &json!(true)), "{answer}");
}

fn post(node: &Node, path: &str, body: &Value) -> Value {
    let (status, answer) = node.ask(None, "POST", path, &body.to_string());
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

fn payloads(node: &Node, path: &str) -> Vec<String> {
    let answer = node.get(path);
    let messages = answer["messages"].as_array().unwrap();
    messages.iter().map(|message| message["payload"].as_str().unwrap().to_owned()).collect()
}

/// A queue `work` whose dead letters go to the queue `dead`, with one message for each payload there.
fn node_with_dead_letters(all: &[&str]) -> Node {
    let node = Node::new();
    let dead = r#"{"durable":true}"#;
    let work = json!({ "durable": true, "arguments": {
        "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead" } });
    assert_eq!(node.put("/queues/%2F/dead", dead), 201);
    assert_eq!(node.put("/queues/%2F/work", &work.to_string()), 201);
    for payload in all {
        publish(&node, "work", payload, &json!({ "kind": payload.len() }));
    }
    let take = json!({ "count": all.len(), "ackmode": "reject_requeue_false", "encoding": "auto" });
    assert_eq!(post(&node, "/queues/%2F/work/get", &take).as_array().unwrap().len(), all.len());
    node
}

const DEAD: &str = "/leveret/queues/%2F/dead/messages";
const WORK: &str = "/leveret/queues/%2F/work/messages";
const REDRIVE: &str = "/leveret/queues/%2F/dead/redrive";

#[test]
fn a_look_takes_nothing_and_marks_nothing() {
    let node = node_with_dead_letters(&["a", "bb", "cc"]);
    for _ in 0..2 {
        assert_eq!(payloads(&node, DEAD), ["a", "bb", "cc"]);
    }
    let seen = node.get(&format!("{DEAD}?header.kind=2&reason=rejected&count=1"));
    assert_eq!(seen["messages"][0]["payload"], "bb");
    assert_eq!(seen["messages"][0]["redelivered"], false);
    let cursor = seen["cursor"].as_str().unwrap();
    assert_eq!(payloads(&node, &format!("{DEAD}?cursor={cursor}")), ["cc"]);
    let (status, text) = node.refusal("GET", &format!("{DEAD}?section=lost"), "");
    assert!(status == 400 && text.contains("unacknowledged"), "{text}");
    let (status, text) = node.refusal("GET", &format!("{DEAD}?contian=b"), "");
    assert!(status == 400 && text.contains("contian") && text.contains("contains"), "{text}");
}

#[test]
fn an_answer_has_so_many_bytes_of_messages_and_says_so() {
    let node = Node::new();
    node.put("/queues/%2F/q", r#"{"durable":true}"#);
    let large = "x".repeat(3 << 20);
    for number in 0..5 {
        publish(&node, "q", &format!("{number}{large}"), &json!({}));
    }
    let cut = |method: &str, path: &str, body: &str| {
        super::runtime().block_on(async {
            let answer = node.send(None, method, path, body).await;
            let is_cut = answer.headers().contains_key("x-leveret-cut");
            let free = node.desk.show_places.available_permits();
            let bytes = answer.into_body().collect().await.unwrap().to_bytes();
            (serde_json::from_slice::<Value>(&bytes).unwrap(), is_cut, free)
        })
    };
    let path = "/leveret/queues/%2F/q/messages";
    let (seen, is_cut, free) = cut("GET", path, "");
    assert_eq!((seen["messages"].as_array().unwrap().len(), is_cut), (3, true));
    // What is sent has its place until it is sent.
    assert_eq!((free, node.desk.show_places.available_permits()), (3, 4));
    let next = format!("{path}?cursor={}", seen["cursor"].as_str().unwrap());
    let (seen, is_cut, _) = cut("GET", &next, "");
    assert_eq!((seen["messages"].as_array().unwrap().len(), is_cut), (2, false));
    assert!(seen["messages"][0]["payload"].as_str().unwrap().starts_with('3'));
    let (seen, is_cut, free) = cut("GET", &format!("{path}?truncate=1"), "");
    assert_eq!((seen["messages"].as_array().unwrap().len(), is_cut, free), (5, false, 4));
    let take = r#"{"count":9,"ackmode":"ack_requeue_false","encoding":"auto"}"#;
    for expected in [(3, true), (2, false)] {
        let (taken, is_cut, _) = cut("POST", "/queues/%2F/q/get", take);
        assert_eq!((taken.as_array().unwrap().len(), is_cut), expected);
    }
}

#[test]
fn a_message_that_waits_is_seen_and_called_off() {
    let node = Node::new();
    node.put("/queues/%2F/q", r#"{"durable":true}"#);
    // In the year 2096.
    publish(&node, "q", "later", &json!({ "x-deliver-at": 4_000_000_000_000_u64 }));
    let path = "/leveret/queues/%2F/q/messages?section=delayed";
    let seen = node.get(path);
    let message = &seen["messages"][0];
    assert_eq!(message["payload"], "later");
    let (lane, place) = (&message["lane"], &message["place"]);
    let delayed = format!("/leveret/queues/%2F/q/delayed/{lane}/{place}");
    assert_eq!(node.delete(&delayed), 204);
    assert_eq!(node.delete(&delayed), 404);
    assert!(payloads(&node, path).is_empty());
}

#[test]
fn dead_letters_go_back_to_where_they_died_without_a_past() {
    let node = node_with_dead_letters(&["a", "bb", "cc"]);
    let dry = post(&node, REDRIVE, &json!({ "dry_run": true, "filter": { "contains": "b" } }));
    assert_eq!((&dry["matched"], &dry["moved"]), (&json!(1), &json!(0)));
    assert_eq!(payloads(&node, DEAD), ["a", "bb", "cc"]);
    let some = post(&node, REDRIVE, &json!({ "filter": { "headers": { "kind": 2 } }, "count": 1 }));
    assert_eq!((&some["moved"], &some["stopped"]), (&json!(1), &Value::Null));
    assert_eq!(payloads(&node, DEAD), ["a", "cc"]);
    let back = node.get(WORK);
    assert_eq!(back["messages"][0]["payload"], "bb");
    assert_eq!(back["messages"][0]["properties"]["headers"], json!({ "kind": 2 }));
    assert_eq!(post(&node, REDRIVE, &json!({}))["moved"], 2);
    assert_eq!(payloads(&node, WORK), ["bb", "a", "cc"]);
    assert!(payloads(&node, DEAD).is_empty());
}

#[test]
fn many_go_back_in_their_order() {
    let all: Vec<String> = (0..150).map(|number| number.to_string()).collect();
    let texts: Vec<&str> = all.iter().map(String::as_str).collect();
    let node = node_with_dead_letters(&texts);
    assert_eq!(post(&node, REDRIVE, &json!({ "count": 70 }))["moved"], 70);
    assert_eq!(payloads(&node, &format!("{DEAD}?count=200")), all[70..]);
    assert_eq!(post(&node, REDRIVE, &json!({ "count": 1, "per_second": 1000 }))["moved"], 1);
    assert_eq!(post(&node, REDRIVE, &json!({}))["moved"], 79);
    assert_eq!(payloads(&node, &format!("{WORK}?count=200")), all);
}

#[test]
fn what_cannot_go_on_stays_where_it_was() {
    let node = node_with_dead_letters(&["a", "b"]);
    let lost = post(&node, REDRIVE, &json!({ "to": { "queue": "nowhere" } }));
    assert_eq!(lost["moved"], 0);
    assert!(lost["stopped"].as_str().unwrap().contains("leads to no queue"), "{lost}");
    assert_eq!(payloads(&node, DEAD), ["a", "b"]);
    publish(&node, "dead", "not dead", &json!({}));
    let stopped = post(&node, REDRIVE, &json!({}));
    assert_eq!(stopped["moved"], 2);
    assert!(stopped["stopped"].as_str().unwrap().contains("\"to\""), "{stopped}");
    assert_eq!(payloads(&node, DEAD), ["not dead"]);
    for (body, word) in [
        (r#"{"form":1}"#, "form"),
        (r#"{"to":"there"}"#, "origin"),
        (r#"{"per_second":1e-300}"#, "at least"),
    ] {
        let (status, text) = node.refusal("POST", REDRIVE, body);
        assert!(status == 400 && text.contains(word), "{text}");
    }
}

#[test]
fn where_a_message_would_go_is_explained() {
    let node = Node::new();
    node.put("/queues/%2F/q", "{}");
    let path = "/leveret/exchanges/%2F/amq.topic/explain";
    let (status, _) =
        node.ask(None, "POST", "/bindings/%2F/e/amq.topic/q/q", r#"{"routing_key":"a.*"}"#);
    assert_eq!(status, 201);
    let told = post(&node, path, &json!({ "routing_key": "a.b" }));
    assert_eq!((&told["routed"], &told["queues"]), (&json!(true), &json!(["q"])));
    assert_eq!(told["steps"][0]["bindings"][0]["routing_key"], "a.*");
    assert_eq!(post(&node, path, &json!({ "routing_key": "b" }))["routed"], false);
    let default = "/leveret/exchanges/%2F/amq.default/explain";
    assert_eq!(post(&node, default, &json!({ "routing_key": "q" }))["queues"], json!(["q"]));
    let (status, text) = node.refusal("POST", path, r#"{"rooting_key":"a.b"}"#);
    assert!(status == 400 && text.contains("rooting_key"), "{text}");
    let (status, _) = node.refusal("POST", "/leveret/exchanges/%2F/none/explain", "{}");
    assert_eq!(status, 404);
}

#[test]
fn certificates_are_shown_and_those_that_end_soon_fail_a_check() {
    let node = Node::new();
    let all = node.get("/leveret/certificates");
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert_eq!(all[0]["file"], "/own.pem");
    assert_eq!(all[0]["not_after"], "2027-01-25T08:00:00.000+00:00");
    let check = |path: &str| {
        let path = format!("/health/checks/certificate-expiration/{path}");
        node.ask(None, "GET", &path, "")
    };
    for path in ["1/weeks", "9/DAYS", "0/years"] {
        assert_eq!(check(path), (200, json!({ "status": "ok" })), "{path}");
    }
    let (status, answer) = check("1/months");
    assert_eq!((status, &answer["status"]), (503, &json!("failed")));
    assert_eq!(answer["reason"], "Certificates expiring");
    let expected = json!([{
        "node": "leveret@test", "protocol": "https", "interface": "127.0.0.1", "port": 15_671,
        "certfile": "/own.pem", "cacertfile": "/ca.pem",
        "certfile_expires_on": ["2027-01-25 8:00:00"], "cacertfile_expires_on": [],
    }]);
    assert_eq!(answer["expired"], expected);
    assert_eq!(check("1/fortnights").0, 400);
    assert_eq!(check("soon/days").0, 400);
}
