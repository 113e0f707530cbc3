//! Exchanges, queues and bindings.

use serde_json::json;

use super::Node;

#[test]
fn a_queue_is_declared_shown_and_deleted() {
    let node = Node::new();
    let body = r#"{"durable":true,"arguments":{"x-max-length":5}}"#;
    assert_eq!(node.put("/queues/%2F/q", body), 201);
    assert_eq!(node.put("/queues/%2F/q", body), 204);
    let shown = node.get("/queues/%2F/q");
    assert_eq!(shown["arguments"], json!({ "x-max-length": 5, "x-queue-type": "classic" }));
    assert_eq!((&shown["type"], &shown["messages"]), (&json!("classic"), &json!(0)));
    let text = "inequivalent arg 'durable' for queue 'q' in vhost '/': received 'false' but current is 'true'";
    let other = r#"{"durable":false,"arguments":{"x-max-length":5}}"#;
    assert_eq!(node.refusal("PUT", "/queues/%2F/q", other), (400, text.to_owned()));
    assert_eq!(node.refusal("PUT", "/queues/%2F/amq.q", "{}"), (401, "Access refused.".to_owned()));
    assert_eq!(node.refusal("PUT", "/queues/nowhere/q", "{}"), (404, "vhost_not_found".to_owned()));
    assert_eq!(node.delete("/queues/%2F/q/contents"), 204);
    assert_eq!(node.delete("/queues/%2F/q"), 204);
    assert_eq!(node.delete("/queues/%2F/q"), 404);
}

#[test]
fn a_list_has_pages_an_order_and_columns() {
    let node = Node::new();
    for name in ["b", "a", "c1", "c2"] {
        node.put(&format!("/queues/%2F/{name}"), "{}");
    }
    let page =
        node.get("/queues?page=1&page_size=2&name=c&columns=name&sort=name&sort_reverse=true");
    assert_eq!(page["items"], json!([{ "name": "c2" }, { "name": "c1" }]));
    assert_eq!((&page["total_count"], &page["filtered_count"]), (&json!(4), &json!(2)));
    assert_eq!(node.get("/queues/%2F?sort=messages&columns=name").as_array().unwrap().len(), 4);
    let (status, _) = node.refusal("GET", "/queues?page=3&page_size=2", "");
    assert_eq!(status, 400);
}

#[test]
fn an_exchange_is_declared_and_the_default_one_cannot_be_deleted() {
    let node = Node::new();
    assert_eq!(node.put("/exchanges/%2F/e", r#"{"type":"topic","durable":true}"#), 201);
    assert_eq!(node.get("/exchanges/%2F/e")["type"], "topic");
    assert_eq!(node.get("/exchanges/%2F/amq.default")["name"], "");
    let text = "invalid exchange type 'nope'";
    assert_eq!(
        node.refusal("PUT", "/exchanges/%2F/f", r#"{"type":"nope"}"#),
        (400, text.to_owned())
    );
    for name in ["amq.default", "amq.topic"] {
        assert_eq!(node.delete(&format!("/exchanges/%2F/{name}")), 401, "{name}");
    }
    assert_eq!(node.delete("/exchanges/%2F/e"), 204);
}

#[test]
fn a_binding_is_found_by_its_key_and_arguments() {
    let node = Node::new();
    node.put("/queues/%2F/q", "{}");
    node.put("/exchanges/%2F/e", r#"{"type":"direct"}"#);
    let path = "/bindings/%2F/e/e/q/q";
    assert_eq!(node.ask(None, "POST", path, r#"{"routing_key":"a/b c"}"#).0, 201);
    assert_eq!(node.ask(None, "POST", path, r#"{"routing_key":"k","arguments":{"x":1}}"#).0, 201);
    assert_eq!(node.ask(None, "POST", path, "").0, 201);
    let all = node.get(path);
    assert_eq!(all.as_array().unwrap().len(), 3);
    for binding in all.as_array().unwrap() {
        let key = binding["properties_key"].as_str().unwrap();
        let quoted: String = form_urlencoded::byte_serialize(key.as_bytes()).collect();
        let one = format!("{path}/{quoted}");
        assert_eq!(&node.get(&one), binding);
        assert_eq!(node.delete(&one), 204);
        assert_eq!(node.delete(&one), 404);
    }
    assert_eq!(
        node.get("/queues/%2F/q/bindings"),
        json!([{
            "source": "", "vhost": "/", "destination": "q", "destination_type": "queue",
            "routing_key": "q", "arguments": {}, "properties_key": "q",
        }])
    );
    let long = json!({ "routing_key": "k".repeat(256) }).to_string();
    let text = "the binding key has 256 bytes and may have 255";
    assert_eq!(node.refusal("POST", path, &long), (400, text.to_owned()));
    let text = "no exchange 'nope' in vhost '/'";
    let refused = node.refusal("POST", "/bindings/%2F/e/nope/q/q", "{}");
    assert_eq!(refused, (404, text.to_owned()));
}

#[test]
fn no_queue_sends_its_dead_under_a_key_that_no_message_can_have() {
    let node = Node::new();
    let arguments = |key: &str| {
        json!({ "arguments": {
            "x-dead-letter-exchange": "", "x-dead-letter-routing-key": key.repeat(256),
        }})
    };
    let (status, reason) = node.refusal("PUT", "/queues/%2F/q", &arguments("k").to_string());
    assert_eq!(status, 400);
    assert!(reason.contains("a routing key has at most 255 bytes, this one has 256"), "{reason}");
    assert_eq!(node.ask(None, "GET", "/queues/%2F/q", "").0, 404);
    let definition = json!({ "pattern": "", "definition": {
        "dead-letter-exchange": "", "dead-letter-routing-key": "k".repeat(256),
    }});
    let refused = node.refusal("PUT", "/policies/%2F/p", &definition.to_string());
    assert_eq!(refused.0, 400);
    assert!(refused.1.contains("dead-letter-routing-key has 256 bytes"), "{}", refused.1);
}

#[test]
fn nothing_of_a_file_is_done_when_something_in_it_cannot_be() {
    let node = Node::new();
    let good = json!({ "name": "good", "vhost": "/", "durable": true, "arguments": {} });
    let bad = json!({
        "name": "bad", "vhost": "/", "durable": true, "arguments": { "x-message-ttl": -5 },
    });
    let file = json!({ "queues": [good, bad] });
    let (status, reason) = node.refusal("POST", "/definitions", &file.to_string());
    assert_eq!(status, 400);
    assert!(reason.contains("queue 'bad' in virtual host '/'"), "{reason}");
    let binding = json!({
        "source": "amq.direct", "vhost": "/", "destination": "good", "destination_type": "queue",
        "routing_key": "k".repeat(256), "arguments": {},
    });
    let file = json!({ "queues": [good], "bindings": [binding] });
    let (status, reason) = node.refusal("POST", "/definitions", &file.to_string());
    assert_eq!(status, 400);
    assert!(reason.contains("the binding key has 256 bytes"), "{reason}");
    assert_eq!(node.ask(None, "GET", "/queues/%2F/good", "").0, 404);
}

#[test]
fn a_message_that_goes_through_shows_that_the_node_lives() {
    let node = Node::new();
    assert_eq!(node.get("/aliveness-test/%2F"), json!({ "status": "ok" }));
    assert_eq!(node.get("/queues/%2F/aliveness-test")["messages"], 0);
    assert_eq!(node.ask(None, "GET", "/aliveness-test/nowhere", "").0, 404);
    assert_eq!(node.delete("/reset"), 204);
}

#[test]
fn what_users_do_needs_their_permissions() {
    let node = Node::new();
    node.put("/users/ann", r#"{"password":"p","tags":"management"}"#);
    node.put("/permissions/%2F/ann", r#"{"configure":"^ann","write":"^ann","read":"^ann"}"#);
    let ask = |method, path, body| node.ask(Some("ann"), method, path, body).0;
    assert_eq!(ask("PUT", "/queues/%2F/ann-q", "{}"), 201);
    assert_eq!(ask("PUT", "/queues/%2F/q", "{}"), 401);
    node.put("/queues/%2F/q", "{}");
    assert_eq!(ask("GET", "/queues/%2F/q", ""), 200);
    assert_eq!(ask("DELETE", "/queues/%2F/q", ""), 401);
    assert_eq!(ask("DELETE", "/queues/%2F/q/contents", ""), 401);
    assert_eq!(ask("PUT", "/exchanges/%2F/e", "{}"), 401);
    assert_eq!(ask("PUT", "/exchanges/%2F/ann-e", "{}"), 201);
    assert_eq!(ask("POST", "/bindings/%2F/e/ann-e/q/ann-q", "{}"), 201);
    assert_eq!(ask("POST", "/bindings/%2F/e/ann-e/q/q", "{}"), 401);
}

#[test]
fn a_message_is_published_looked_at_and_taken() {
    let node = Node::new();
    node.put("/queues/%2F/q", r#"{"durable":true}"#);
    let publish = |exchange: &str, body: &str| {
        node.ask(None, "POST", &format!("/exchanges/%2F/{exchange}/publish"), body)
    };
    let body = r#"{"properties":{"delivery_mode":2,"headers":{"a":1}},"routing_key":"q","payload":"aGk=","payload_encoding":"base64"}"#;
    assert_eq!(publish("amq.default", body), (200, json!({ "routed": true })));
    let body =
        r#"{"properties":{},"routing_key":"nowhere","payload":"hi","payload_encoding":"string"}"#;
    assert_eq!(publish("amq.default", body), (200, json!({ "routed": false })));
    assert_eq!(publish("nope", body).1["reason"], "exchange_not_found");
    let missing = publish("amq.default", r#"{"properties":{}}"#);
    assert_eq!(missing.1["reason"], "[{key_missing,routing_key}]");
    let fetch = |mode: &str| {
        let body = format!(r#"{{"count":5,"ackmode":"{mode}","encoding":"auto"}}"#);
        node.ask(None, "POST", "/queues/%2F/q/get", &body)
    };
    let (status, looked) = fetch("ack_requeue_true");
    assert_eq!(status, 200);
    assert_eq!(looked[0]["payload"], "hi");
    assert_eq!(looked[0]["properties"], json!({ "delivery_mode": 2, "headers": { "a": 1 } }));
    assert_eq!(node.get("/queues/%2F/q")["messages"], 1);
    let (_, taken) = fetch("ack_requeue_false");
    assert_eq!(taken[0]["redelivered"], true);
    assert_eq!(fetch("ack_requeue_false"), (200, json!([])));
    assert_eq!(fetch("nope").0, 400);
    assert_eq!(node.get("/queues/%2F/q")["message_stats"]["publish"], 1);
}

#[test]
fn who_may_not_write_to_an_exchange_makes_nothing_that_sends_there() {
    let node = Node::new();
    node.put("/users/ann", r#"{"password":"p","tags":"management"}"#);
    let may = r#"{"configure":".*","write":"^none$","read":".*"}"#;
    assert_eq!(node.put("/permissions/%2F/ann", may), 201);
    for (path, body) in [
        ("/queues/%2F/q", r#"{"arguments":{"x-dead-letter-exchange":"d"}}"#),
        ("/exchanges/%2F/x", r#"{"arguments":{"alternate-exchange":"d"}}"#),
    ] {
        assert_eq!(node.ask(Some("ann"), "PUT", path, body).0, 401, "{path}");
        assert_eq!(node.put(path, body), 201);
        // RabbitMQ only asks of whoever makes it.
        assert_eq!(node.ask(Some("ann"), "PUT", path, body).0, 204, "{path}");
    }
}

#[test]
fn a_quorum_queue_has_its_one_replica_here() {
    let node = Node::new();
    let quorum = r#"{"durable":true,"arguments":{"x-queue-type":"quorum"}}"#;
    assert_eq!(node.put("/queues/%2F/q", quorum), 201);
    assert_eq!(node.put("/queues/%2F/c", r#"{"durable":true}"#), 201);
    let status = node.get("/queues/quorum/%2F/q/status");
    assert_eq!(
        (&status[0]["Node Name"], &status[0]["Raft State"]),
        (&json!("leveret@test"), &json!("leader"))
    );
    assert_eq!(node.ask(None, "GET", "/queues/quorum/%2F/c/status", "").0, 503);
    assert_eq!(node.ask(None, "GET", "/queues/quorum/%2F/none/status", "").0, 404);
    let (here, elsewhere) = (r#"{"node":"leveret@test"}"#, r#"{"node":"rabbit@elsewhere"}"#);
    let add = "/queues/quorum/%2F/q/replicas/add";
    assert_eq!(node.ask(None, "POST", add, here).0, 204);
    assert_eq!(
        node.refusal("POST", add, elsewhere),
        (400, "Node is not a cluster member".to_owned())
    );
    let delete = "/queues/quorum/%2F/q/replicas/delete";
    assert_eq!(node.refusal("DELETE", delete, here), (503, "last_node".to_owned()));
    assert_eq!(node.ask(None, "POST", "/queues/quorum/replicas/on/leveret@test/grow", "{}").0, 204);
}
