//! Operating the process.

use broker::Ceilings;
use serde_json::json;

use super::Node;

#[test]
fn a_password_is_right_or_wrong_and_never_repeated() {
    let node = Node::new();
    assert_eq!(node.put("/users/plain", r#"{"password":"sesame","tags":""}"#), 201);
    let path = "/leveret/authenticate";
    let ask = |user: &str, password: &str| {
        let body = json!({ "username": user, "password": password }).to_string();
        node.ask(None, "POST", path, &body)
    };
    assert_eq!(ask("plain", "sesame"), (200, json!({ "name": "plain" })));
    for (user, password) in [("plain", "Sesame"), ("nobody", "sesame")] {
        let (status, value) = ask(user, password);
        assert_eq!((status, value["reason"].as_str()), (401, Some("invalid credentials")));
    }
    assert_eq!(node.refusal("POST", path, "{}").0, 400);
}

#[test]
fn limits_change_while_the_node_runs() {
    let node = Node::new();
    for path in ["/leveret/memory-high-watermark", "/leveret/disk-free-limit"] {
        assert_eq!(node.put(path, r#"{"absolute":1000000}"#), 204);
        assert_eq!(node.put(path, r#"{"relative":0.5}"#), 204);
        for wrong in
            ["{}", r#"{"absolute":-1}"#, r#"{"relative":"x"}"#, r#"{"absolute":1,"relative":1}"#]
        {
            assert_eq!(node.put(path, wrong), 400, "{wrong}");
        }
    }
    assert_eq!(node.put("/leveret/memory-high-watermark", r#"{"relative":1.5}"#), 400);
    // Nothing may be held, so that the shards are short of memory as soon as they look.
    assert_eq!(node.put("/leveret/memory-high-watermark", r#"{"absolute":0}"#), 204);
}

#[test]
fn the_process_does_what_it_is_told() {
    let node = Node::new();
    for path in ["/leveret/stop", "/leveret/logs/rotate"] {
        assert_eq!(node.ask(None, "POST", path, "{}").0, 204, "{path}");
    }
    assert_eq!(node.put("/leveret/log-level", r#"{"level":"debug"}"#), 204);
    assert_eq!(node.put("/leveret/log-level", r#"{"level":"loud"}"#), 400);
    assert_eq!(node.get("/leveret/logs?lines=2"), json!(["a line", "a line"]));
    assert_eq!(node.ask(None, "GET", "/leveret/logs?lines=x", "").0, 400);
    assert_eq!(node.get("/leveret/configuration"), json!({ "heartbeat": "10" }));
}

#[test]
fn a_node_has_as_many_virtual_hosts_as_it_may() {
    let node = Node::within(Ceilings { vhosts_max: Some(2), ..Ceilings::default() });
    assert_eq!(node.put("/vhosts/v", "{}"), 201);
    let (status, text) = node.refusal("PUT", "/vhosts/w", "{}");
    assert_eq!((status, &*text), (400, "cannot create vhost 'w': vhost limit of 2 is reached"));
    assert_eq!(node.put("/vhosts/v", r#"{"description":"still mine"}"#), 204);
}

#[test]
fn who_tries_to_log_in_is_counted_until_an_operator_forgets_it() {
    let node = Node::new();
    let path = "/auth/attempts/leveret@test";
    let counted = |failed: u64| {
        json!([
            { "protocol": "http", "auth_attempts": failed, "auth_attempts_failed": failed, "auth_attempts_succeeded": 0 },
            { "protocol": "amqp091", "auth_attempts": 0, "auth_attempts_failed": 0, "auth_attempts_succeeded": 0 },
        ])
    };
    assert_eq!(node.get(path), counted(0));
    for _ in 0..2 {
        assert_eq!(node.ask(Some("nobody"), "GET", "/whoami", "").0, 401);
    }
    assert_eq!(node.get(path), counted(2));
    assert_eq!(node.delete(path), 204);
    assert_eq!(node.get(path), counted(0));
    assert_eq!(node.refusal("GET", "/auth/attempts/rabbit@elsewhere", "").0, 404);
    // What is not counted is said to be so: nobody takes an empty list for a quiet night.
    let (status, reason) = node.refusal("GET", "/auth/attempts/leveret@test/source", "");
    assert_eq!((status, reason.starts_with("logins are not counted by address")), (501, true));
}
