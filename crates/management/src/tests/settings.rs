//! Virtual hosts, users, permissions, policies, limits and parameters.

use serde_json::json;

use super::Node;

#[test]
fn a_virtual_host_is_made_changed_protected_and_deleted() {
    let node = Node::new();
    assert_eq!(node.put("/vhosts/a%2Fb", ""), 201);
    assert_eq!(node.put("/vhosts/a%2Fb", r#"{"description":"d","tags":"x, y"}"#), 204);
    let shown = node.get("/vhosts/a%2Fb");
    assert_eq!(shown["name"], "a/b");
    assert_eq!(shown["tags"], json!(["x", "y"]));
    assert_eq!(shown["metadata"]["description"], "d");
    assert_eq!(node.ask(None, "POST", "/vhosts/a%2Fb/deletion/protection", "").0, 204);
    let text = "Refusing to delete virtual host 'a/b' because it is protected from deletion";
    assert_eq!(node.refusal("DELETE", "/vhosts/a%2Fb", ""), (412, text.to_owned()));
    assert_eq!(node.delete("/vhosts/a%2Fb/deletion/protection"), 204);
    assert_eq!(node.delete("/vhosts/a%2Fb"), 204);
    assert_eq!(node.delete("/vhosts/a%2Fb"), 404);
    let text = "nope is not a valid queue type";
    let refused = node.refusal("PUT", "/vhosts/v", r#"{"default_queue_type":"nope"}"#);
    assert_eq!(refused, (400, text.to_owned()));
}

#[test]
fn a_body_that_is_no_object_is_refused() {
    let node = Node::new();
    for body in ["x", "[1]", "{"] {
        assert_eq!(node.refusal("PUT", "/vhosts/v", body), (400, "not_json".to_owned()));
    }
}

#[test]
fn a_user_has_a_password_tags_and_limits() {
    let node = Node::new();
    let refused = node.refusal("PUT", "/users/ann", r#"{"password":"p"}"#);
    assert_eq!(refused, (400, "tags_not_present".to_owned()));
    assert_eq!(node.put("/users/ann", r#"{"password":"p","tags":"management,foo"}"#), 201);
    let (status, whoami) = node.ask(Some("ann"), "GET", "/whoami", "");
    assert_eq!(status, 200);
    assert_eq!(
        whoami,
        json!({ "name": "ann", "tags": ["management", "foo"], "is_internal_user": true })
    );
    assert_eq!(node.put("/user-limits/ann/max-connections", r#"{"value":5}"#), 204);
    assert_eq!(node.get("/users/ann")["limits"], json!({ "max-connections": 5 }));
    assert_eq!(
        node.get("/user-limits/ann"),
        json!([{ "user": "ann", "value": { "max-connections": 5 } }])
    );
    assert_eq!(node.delete("/user-limits/ann/max-connections"), 204);
    assert_eq!(node.get("/user-limits"), json!([]));
    assert_eq!(node.put("/users/ann", r#"{"tags":""}"#), 204);
    assert_eq!(node.get("/users/ann")["password_hash"], "");
    assert_eq!(node.ask(None, "POST", "/users/bulk-delete", r#"{"users":["ann","bob"]}"#).0, 204);
    assert_eq!(node.delete("/users/ann"), 404);
}

#[test]
fn permissions_are_given_shown_and_taken() {
    let node = Node::new();
    node.put("/users/ann", r#"{"password":"p","tags":"management"}"#);
    let all = r#"{"configure":".*","write":"^a","read":""}"#;
    assert_eq!(node.put("/permissions/%2F/ann", all), 201);
    assert_eq!(node.put("/permissions/%2F/ann", all), 204);
    let shown = json!({
        "user": "ann", "vhost": "/", "configure": ".*", "write": "^a", "read": "",
    });
    assert_eq!(node.get("/permissions/%2F/ann"), shown);
    for list in ["/permissions", "/users/ann/permissions", "/vhosts/%2F/permissions"] {
        let list = node.get(list);
        assert!(list.as_array().unwrap().contains(&shown), "{list}");
    }
    let missing = (400, "[{key_missing,read}]".to_owned());
    assert_eq!(
        node.refusal("PUT", "/permissions/%2F/ann", r#"{"configure":"","write":""}"#),
        missing
    );
    let nobody = (400, "vhost_or_user_not_found".to_owned());
    assert_eq!(node.refusal("PUT", "/permissions/%2F/bob", all), nobody);
    assert_eq!(node.refusal("PUT", "/permissions/nowhere/ann", all), nobody);
    assert_eq!(node.delete("/permissions/%2F/ann"), 204);
    assert_eq!(node.delete("/permissions/%2F/ann"), 404);
    let topic = r#"{"exchange":"amq.topic","write":".*","read":"^a"}"#;
    assert_eq!(node.put("/topic-permissions/%2F/ann", topic), 201);
    assert_eq!(node.get("/topic-permissions/%2F/ann")[0]["read"], "^a");
    assert_eq!(node.delete("/topic-permissions/%2F/ann/amq.topic"), 204);
    assert_eq!(node.ask(None, "GET", "/topic-permissions/%2F/ann", "").0, 404);
}

#[test]
fn policies_of_both_kinds_are_checked_as_the_broker_checks_them() {
    let node = Node::new();
    for kind in ["policies", "operator-policies"] {
        let path = format!("/{kind}/%2F/p");
        let body =
            r#"{"pattern":"^q","definition":{"max-length":5},"priority":2,"apply-to":"queues"}"#;
        assert_eq!(node.put(&path, body), 201);
        assert_eq!(node.put(&path, body), 204);
        let shown = node.get(&path);
        assert_eq!((&shown["priority"], &shown["apply-to"]), (&json!(2), &json!("queues")));
        let unknown = r#"{"pattern":"^q","definition":{"foo":1}}"#;
        let (status, reason) = node.refusal("PUT", &path, unknown);
        assert_eq!(status, 400);
        assert!(reason.contains("are not recognised policy settings"), "{reason}");
        assert_eq!(node.delete(&path), 204);
        assert_eq!(node.delete(&path), 404);
    }
}

#[test]
fn limits_and_parameters_are_two_views_of_one_thing() {
    let node = Node::new();
    assert_eq!(node.put("/vhost-limits/%2F/max-queues", r#"{"value":5}"#), 204);
    let limits = json!({ "max-queues": 5 });
    assert_eq!(node.get("/vhost-limits"), json!([{ "vhost": "/", "value": limits }]));
    assert_eq!(node.get("/parameters/vhost-limits/%2F/limits")["value"], limits);
    assert_eq!(node.delete("/parameters/vhost-limits/%2F/limits"), 204);
    assert_eq!(node.get("/vhost-limits/%2F"), json!([]));
    let upstream = r#"{"value":{"uri":"amqp://localhost"}}"#;
    assert_eq!(node.put("/parameters/federation-upstream/%2F/x", upstream), 201);
    assert_eq!(node.get("/parameters").as_array().unwrap().len(), 1);
    let (status, reason) = node.refusal("PUT", "/parameters/shovel/%2F/x", upstream);
    assert_eq!(status, 400);
    assert_eq!(reason, "Validation failed\n\nKey \"src-uri\" not found in x\n");
    let (status, reason) = node.refusal("PUT", "/parameters/nope/%2F/x", upstream);
    assert_eq!((status, reason.as_str()), (400, "Validation failed\n\ncomponent nope not found\n"));
    assert_eq!(node.put("/global-parameters/g", r#"{"value":[1]}"#), 201);
    assert_eq!(node.get("/global-parameters/g"), json!({ "name": "g", "value": [1] }));
    assert_eq!(node.put("/cluster-name", r#"{"name":"home"}"#), 204);
    assert_eq!(node.get("/overview")["cluster_name"], "home");
}

#[test]
fn whoever_makes_a_virtual_host_is_at_home_in_it() {
    let node = Node::new();
    node.put("/users/root", r#"{"password":"p","tags":"administrator"}"#);
    assert_eq!(node.ask(Some("root"), "PUT", "/vhosts/new", "").0, 201);
    assert_eq!(node.get("/permissions/new/root")["write"], ".*");
    assert_eq!(node.delete("/permissions/new/root"), 204);
    assert_eq!(node.ask(Some("root"), "PUT", "/vhosts/new", "").0, 204);
    assert_eq!(node.ask(None, "GET", "/permissions/new/root", "").0, 404);
}
