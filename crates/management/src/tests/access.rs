//! Every route × every role.

use std::collections::BTreeMap;

use management_api::{Found, PREFIX, Route, find, routes};

use super::Node;
use crate::access;
use crate::caller::Caller;
use crate::failure::Failure;

/// What each role may, stated apart from the table of routes.
const EXPECTED: &str = include_str!("access.txt");

/// The roles in the order of the columns: name, tag, whether it has permissions in the virtual host `v`.
const ROLES: [(&str, &str, bool); 8] = [
    ("nobody", "custom", true),
    ("manager", "management", false),
    ("manager-in", "management", true),
    ("maker", "policymaker", false),
    ("maker-in", "policymaker", true),
    ("monitor", "monitoring", false),
    ("monitor-in", "monitoring", true),
    ("admin", "administrator", false),
];

fn expected() -> BTreeMap<(String, String), String> {
    let rows = EXPECTED.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    rows.map(|row| {
        let mut words = row.split_whitespace().map(str::to_owned);
        let route = (words.next().unwrap(), words.next().unwrap());
        (route, words.collect())
    })
    .collect()
}

/// The path of a route: in the virtual host `v`, of the user `manager-in`.
fn path(route: &Route) -> String {
    let part = |part: &str| match part {
        ":vhost" => "v".to_owned(),
        ":user" => "manager-in".to_owned(),
        other => other.trim_start_matches(':').to_owned(),
    };
    format!(
        "{PREFIX}/{}",
        route.path.trim_matches('/').split('/').map(part).collect::<Vec<_>>().join("/")
    )
}

#[test]
fn every_route_lets_in_whom_it_should_and_nobody_else() {
    let node = Node::new();
    assert_eq!(node.put("/vhosts/v", ""), 201);
    for (name, tag, has_permissions) in ROLES {
        let body = format!(r#"{{"password":"p","tags":"{tag}"}}"#);
        assert_eq!(node.put(&format!("/users/{name}"), &body), 201);
        if has_permissions {
            let all = r#"{"configure":".*","write":".*","read":".*"}"#;
            assert_eq!(node.put(&format!("/permissions/v/{name}"), all), 201);
        }
    }
    let topology = node.desk.topology();
    let mut expected = expected();
    for route in routes() {
        let key = (route.method.to_string(), route.path.to_owned());
        let row =
            expected.remove(&key).unwrap_or_else(|| panic!("{key:?} has no row in access.txt"));
        let Found::Route(_, parameters) = find(Some(route.method), &path(route)) else {
            panic!("{key:?} is not found");
        };
        let seen = ROLES.map(|(name, ..)| {
            let user = topology.definitions().user(name).unwrap();
            let caller = Caller { name: Some(user.name.clone()), tags: user.tags.clone().into() };
            match access::check(route.access, &caller, &parameters, topology.definitions()) {
                Ok(()) => 'y',
                Err(Failure::Hidden) => 'h',
                Err(_) => 'n',
            }
        });
        assert_eq!(seen.iter().collect::<String>(), row, "{key:?}");
    }
    assert!(expected.is_empty(), "rows without a route: {:?}", expected.keys());
}

#[test]
fn what_the_matrix_says_is_what_the_server_does() {
    let node = Node::new();
    node.put("/vhosts/v", "");
    for (name, tag, _) in ROLES {
        node.put(&format!("/users/{name}"), &format!(r#"{{"password":"p","tags":"{tag}"}}"#));
    }
    for (user, method, path, status) in [
        (Some("admin"), "GET", "/users", 200),
        (Some("manager"), "GET", "/users", 401),
        (Some("manager"), "GET", "/queues/v", 404),
        (Some("nobody"), "GET", "/whoami", 401),
        (Some("stranger"), "GET", "/whoami", 401),
        (Some("stranger"), "GET", "/version", 200),
        (Some("admin"), "GET", "/queues/nowhere", 404),
        (Some("admin"), "GET", "/nowhere", 404),
        (Some("admin"), "POST", "/whoami", 405),
        (Some("admin"), "GET", "/shovels", 501),
        (Some("manager"), "GET", "/shovels", 401),
        (Some("admin"), "PUT", "/queues/v/q", 401),
        (None, "PUT", "/queues/v/q", 201),
        (Some("admin"), "HEAD", "/whoami", 200),
        (Some("admin"), "OPTIONS", "/whoami", 200),
    ] {
        assert_eq!(node.ask(user, method, path, "").0, status, "{user:?} {method} {path}");
    }
}
