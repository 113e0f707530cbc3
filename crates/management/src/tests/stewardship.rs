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
