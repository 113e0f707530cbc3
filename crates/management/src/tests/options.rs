//! What an operator configures of the API, and of what is made over it.

use std::sync::Arc;

use message::Name;
use metadata::{
    ApplyTo, Hashing, PasswordRule, Permissions, Policy, PolicyDefinition, User, VhostDefaults,
    VhostLimits,
};
use serde_json::json;
use testkit::{Layout, World};

use super::{Node, facts};
use crate::api_options::ApiOptions;
use crate::facts::Facts;

fn node(api: ApiOptions, password_rule: PasswordRule) -> Node {
    let world = World::new(Layout::ALL[1], proto_amqp091::Limits::default());
    Node::before(world, Facts { api, password_rule, ..facts() })
}

fn defaults() -> VhostDefaults {
    let mut defaults = VhostDefaults::default();
    let limits = VhostLimits { connections_max: None, queues_max: Some(1) };
    defaults.add_limits("^tenant", limits).unwrap();
    let policy = Policy {
        vhost: Name::fixed(""),
        name: Name::fixed("bounded"),
        pattern: ".*".to_owned(),
        apply_to: ApplyTo::Queues,
        priority: 0,
        definition: PolicyDefinition::from([("max-length".to_owned(), 7.into())]),
    };
    defaults.add_policy("^tenant", policy).unwrap();
    let user = User {
        name: Name::fixed("watcher"),
        password_hash: auth::hash(b"p", Hashing::Sha256, [1; auth::SALT_BYTES]),
        hashing: Hashing::Sha256,
        tags: vec!["monitoring".to_owned()],
    };
    defaults.add_user("^(tenant|/$)", user, Permissions::all()).unwrap();
    defaults
}

#[test]
fn a_virtual_host_is_made_with_what_is_configured_for_it() {
    let world = World::with(Layout::ALL[1], proto_amqp091::Limits::default(), |settings| {
        settings.vhost_defaults = Arc::new(defaults());
    });
    let node = Node::before(world, facts());
    // The one that a fresh node begins with is one of them.
    assert_eq!(node.get("/users/watcher/permissions")[0]["vhost"], "/");
    assert_eq!(node.put("/vhosts/tenant-1", "{}"), 201);
    assert_eq!(node.put("/vhosts/other", "{}"), 201);
    let limits = json!([{ "vhost": "tenant-1", "value": { "max-queues": 1 } }]);
    assert_eq!(node.get("/vhost-limits"), limits);
    let policies = node.get("/operator-policies");
    assert_eq!(policies.as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&policies[0]["vhost"], &policies[0]["name"]),
        (&json!("tenant-1"), &json!("bounded"))
    );
    assert_eq!(node.get("/users/watcher/permissions").as_array().map(Vec::len), Some(2));
    assert_eq!(node.ask(Some("watcher"), "GET", "/whoami", "").0, 200, "the password is theirs");
    // What is said of one that is there changes nothing of this.
    assert_eq!(node.delete("/vhost-limits/tenant-1/max-queues"), 204);
    assert_eq!(node.put("/vhosts/tenant-1", r#"{"description":"x"}"#), 204);
    assert_eq!(node.get("/vhost-limits"), json!([]));
    // It comes from definitions as well.
    let body = r#"{"vhosts":[{"name":"tenant-2"}]}"#;
    assert_eq!(node.ask(None, "POST", "/definitions", body).0, 204);
    assert_eq!(node.get("/vhost-limits")[0]["vhost"], "tenant-2");
}

#[test]
fn passwords_are_refused_in_rabbitmqs_words() {
    let rule = PasswordRule::new(6, Some("^x")).unwrap();
    let node = node(ApiOptions::default(), rule);
    let refused = (400, "credential_validation_failed".to_owned());
    for password in ["xabc", "abcdefgh", ""] {
        let body = json!({ "password": password, "tags": "" }).to_string();
        assert_eq!(node.refusal("PUT", "/users/a", &body), refused, "{password}");
        let body = json!({ "users": [{ "name": "a", "password": password, "tags": "" }] });
        assert_eq!(node.refusal("POST", "/definitions", &body.to_string()), refused, "{password}");
    }
    assert_eq!(node.put("/users/a", r#"{"password":"xabcde","tags":""}"#), 201);
    assert_eq!(node.put("/users/b", r#"{"tags":""}"#), 201, "who has none cannot log in");
}

#[test]
fn requests_have_the_bounds_that_are_configured() {
    let api = ApiOptions {
        path_prefix: "/broker".to_owned(),
        body_bytes_max: Some(10),
        permits_operator_policies: false,
        has_no_stats: true,
        has_rates: false,
        ..ApiOptions::default()
    };
    let node = node(api, PasswordRule::default());
    let body = r#"{"password":"abcdefghijkl","tags":"administrator"}"#;
    let too_long = (400, "Exceeded HTTP request body size limit".to_owned());
    assert_eq!(node.refusal("PUT", "/users/a", body), too_long);
    let text = "Broker settings disallow editing of operator policies.".to_owned();
    for method in ["PUT", "DELETE"] {
        assert_eq!(node.refusal(method, "/operator-policies/%2F/p", "{}"), (405, text.clone()));
    }
    let overview = node.get("/overview");
    assert!(overview["disable_stats"] == true && overview.get("message_stats").is_none());
    assert_eq!(overview["rates_mode"], "none");
    assert_eq!(node.ask(Some("guest"), "GET", "/whoami", "").0, 404, "the prefix is missing");
}
