//! A file that a RabbitMQ 4.3 has exported, imported into a node in memory: the node's export says the same.
//!
//! `tests/interop/definitions.py make` has made the file.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;

use definitions::{Operation, Plan, Provenance, Scope};
use message::Name;
use metadata::QueueKind;
use serde_json::{Value, json};
use testkit::{Layout, Limits, World};

const FILE: &str = include_str!("../../../tests/definitions/rabbitmq-4.3.json");

const LISTS: [&str; 10] = [
    "users",
    "vhosts",
    "permissions",
    "topic_permissions",
    "global_parameters",
    "parameters",
    "policies",
    "exchanges",
    "queues",
    "bindings",
];

const PROVENANCE: Provenance<'_> = Provenance {
    rabbitmq_version: "4.3.6",
    product_name: "Leveret",
    product_version: "0.1.0",
    cluster_name: "rabbit@example",
    default_queue_kind: QueueKind::Classic,
};

const NODE: Scope = Scope::Node { acting_user: None };

fn world() -> World {
    World::new(Layout::ALL[1], Limits::default())
}

fn import(world: &mut World, file: &str, scope: &Scope) -> Plan {
    let plan = definitions::read(file.as_bytes(), scope, world.topology()).unwrap();
    let notices = plan.notices;
    let subjects: Vec<_> = plan.operations.iter().map(Operation::subject).collect();
    let verbs = plan.operations.into_iter().map(|operation| match operation {
        Operation::Ask(verb) => verb,
        Operation::SetPassword(password) => panic!("{password:?} has no hash"),
    });
    for (subject, end) in subjects.iter().zip(world.operate(verbs.collect())) {
        assert!(end.is_ok(), "{subject}: {end:?}");
    }
    Plan { operations: Vec::new(), notices }
}

fn export(world: &World) -> Value {
    serde_json::from_slice(&definitions::node(world.topology(), &PROVENANCE)).unwrap()
}

/// The objects of a list, each as text, with how often it is there.
fn objects(export: &Value, list: &str) -> BTreeMap<String, usize> {
    let mut objects = BTreeMap::new();
    for item in export[list].as_array().unwrap() {
        // What the node had before is not in the file.
        let is_ours = |key: &str| item[key].as_str().is_none_or(|name| name.starts_with("defs"));
        let key =
            if matches!(list, "users" | "vhosts" | "global_parameters") { "name" } else { "vhost" };
        if is_ours(key) && is_ours("user") {
            *objects.entry(item.to_string()).or_default() += 1;
        }
    }
    objects
}

#[test]
fn what_rabbitmq_has_exported_is_exported_again_field_by_field() {
    let file: Value = serde_json::from_str(FILE).unwrap();
    assert!(file["queues"].as_array().unwrap().len() >= 1000);
    let mut world = world();
    import(&mut world, FILE, &NODE);
    let exported = export(&world);
    for list in LISTS {
        assert_eq!(objects(&exported, list), objects(&file, list), "{list}");
    }
    for about in ["rabbit_version", "rabbitmq_version", "rabbitmq_definition_format", "explanation"]
    {
        assert_eq!(exported[about], file[about], "{about}");
    }
    // A file that is imported again changes nothing, and neither does a restart.
    let again = definitions::read(FILE.as_bytes(), &NODE, world.topology()).unwrap();
    let declares = |operation: &&Operation| {
        !matches!(
            operation,
            Operation::Ask(broker::Verb::Administer(_) | broker::Verb::DeclareExchange(_))
        )
    };
    assert_eq!(again.operations.iter().filter(declares).count(), 0);
    import(&mut world, FILE, &NODE);
    world.stop();
    world.boot();
    let durable = |export: &Value| {
        let mut kept = objects(export, "queues");
        kept.retain(|queue, _| queue.contains("\"durable\":true"));
        kept
    };
    assert_eq!(durable(&export(&world)), durable(&exported));
    assert_eq!(objects(&export(&world), "users"), objects(&exported, "users"));
}

#[test]
fn a_virtual_host_goes_to_another_one() {
    let mut world = world();
    import(&mut world, FILE, &NODE);
    let one = definitions::vhost(world.topology(), "defs", &PROVENANCE).unwrap();
    let export: Value = serde_json::from_slice(&one).unwrap();
    assert_eq!(export["rabbitmq_definition_format"], "single_virtual_host");
    assert_eq!(export["original_vhost_name"], "defs");
    assert!(export["queues"].as_array().unwrap().iter().all(|queue| queue.get("vhost").is_none()));
    let other = Scope::Vhost(Name::fixed("/"));
    import(&mut world, std::str::from_utf8(&one).unwrap(), &other);
    let two = definitions::vhost(world.topology(), "/", &PROVENANCE).unwrap();
    let copy: Value = serde_json::from_slice(&two).unwrap();
    for list in ["parameters", "policies", "exchanges", "queues", "bindings"] {
        let (mut one, mut two) = (export[list].clone(), copy[list].clone());
        for side in [&mut one, &mut two] {
            side.as_array_mut().unwrap().sort_by_key(ToString::to_string);
        }
        assert_eq!(one, two, "{list}");
    }
    assert!(definitions::vhost(world.topology(), "nowhere", &PROVENANCE).is_none());
}

fn refused(file: &Value) -> String {
    let topology = broker::Topology::new();
    definitions::read(file.to_string().as_bytes(), &NODE, &topology).unwrap_err().to_string()
}

#[test]
fn a_mistake_is_told_with_the_object_that_it_is_in() {
    let queue = |more: Value| {
        let mut queue = json!({"vhost": "/", "name": "q"});
        queue.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"queues": [queue]})
    };
    for (file, expected) in [
        (json!([]), "failed_to_parse_json: a definitions file is one JSON object"),
        (json!({"queues": {}}), "'queues' has to be a list"),
        (json!({"queues": [1]}), "queue number 0 is no JSON object"),
        (
            json!({"queues": [{"vhost": "/"}]}),
            "queue number 0 in virtual host '/': 'name' is missing",
        ),
        (
            queue(json!({"vhost": "nowhere"})),
            "Please create virtual host \"nowhere\" prior to importing definitions.",
        ),
        (
            queue(json!({"durable": "yes"})),
            "queue 'q' in virtual host '/': 'durable' has to be true or false",
        ),
        (
            queue(json!({"arguments": {"x-n": null}})),
            "queue 'q' in virtual host '/': argument 'x-n': null_not_allowed",
        ),
        (
            queue(json!({"arguments": {"x-queue-type": "stream"}})),
            "queue 'q' in virtual host '/': queues of type 'stream' are not built yet; take them out of the file to import the rest",
        ),
        (json!({"users": [{"name": "ann", "password_hash": ""}]}), "user 'ann': 'tags' is missing"),
        (
            json!({"users": [{"name": "ann", "tags": [], "password_hash": "???"}]}),
            "user 'ann': 'password_hash' is not base64",
        ),
        (
            json!({"permissions": [{"user": "ann", "vhost": "/", "configure": "", "write": "", "read": ""}]}),
            "permissions of user 'ann' in virtual host '/': there is no such user",
        ),
        (
            json!({"exchanges": [{"name": "e", "vhost": "/", "type": "nope"}]}),
            "exchange 'e' in virtual host '/': unknown exchange type 'nope'",
        ),
        (
            json!({"policies": [{"name": "p", "vhost": "/", "pattern": "", "definition": {"max-length": -1}}]}),
            "policy 'p' in virtual host '/': ",
        ),
    ] {
        let told = refused(&file);
        assert!(told.starts_with(expected), "{file}\n{told}");
    }
}

#[test]
fn a_hash_or_password_is_in_no_message() {
    for user in [
        json!({"name": "ann", "password_hash": "c2VjcmV0c2VjcmV0", "hashing_algorithm": "nope", "tags": []}),
        json!({"name": "ann", "password": "c2VjcmV0c2VjcmV0", "tags": 5}),
    ] {
        let told = refused(&json!({"users": [user]}));
        assert!(!told.contains("c2VjcmV0"), "{told}");
    }
    let file = json!({"users": [{"name": "ann", "password": "c2VjcmV0", "tags": "a, b,,c"}]});
    let topology = broker::Topology::new();
    let plan = definitions::read(file.to_string().as_bytes(), &NODE, &topology).unwrap();
    let [Operation::SetPassword(password)] = &plan.operations[..] else { panic!("{plan:?}") };
    assert_eq!(password.tags, ["a", "b", "c"]);
    assert!(!format!("{plan:?}").contains("c2VjcmV0"));
}

#[test]
fn older_files_say_less() {
    let file = json!({
        "rabbit_version": "3.5.7",
        "users": [{"name": "ann", "password_hash": "c2VjcmV0", "tags": "administrator"}],
        "vhosts": [{"name": "v"}],
        "parameters": [{"vhost": "v", "component": "vhost-limits", "name": "limits", "value": []}],
        "queues": [
            {"vhost": "v", "name": "q", "durable": true, "auto_delete": false, "arguments": []},
            {"vhost": "v", "name": "amq.gen-1", "durable": true, "auto_delete": false, "arguments": {}},
        ],
        "exchanges": [{"vhost": "v", "name": "e", "type": "fanout", "durable": true, "auto_delete": false}],
        "bindings": [
            {"vhost": "v", "source": "e", "destination": "q", "destination_type": "queue"},
            {"vhost": "v", "source": "e", "destination": "amq.gen-1", "destination_type": "queue"},
            {"vhost": "v", "source": "", "destination": "q", "destination_type": "queue"},
        ],
    });
    let mut world = world();
    let acting_user = Some(Name::fixed("ann"));
    let plan = import(&mut world, &file.to_string(), &Scope::Node { acting_user });
    assert_eq!(plan.notices.len(), 2, "{:?}", plan.notices);
    let export = export(&world);
    let ann = &export["users"].as_array().unwrap()[0];
    assert_eq!(ann["hashing_algorithm"], "rabbit_password_hashing_md5");
    assert_eq!(ann["tags"], json!(["administrator"]));
    assert_eq!(export["bindings"].as_array().unwrap().len(), 1);
    assert_eq!(export["queues"][0]["type"], "classic");
    // Whoever brings a virtual host may do everything in it.
    let topology = world.topology();
    assert_eq!(topology.definitions().permissions("v", "ann").unwrap().write, ".*");
}

#[test]
fn too_many_queues_are_refused_before_anything_is_done() {
    let mut world = world();
    let limits = json!({"parameters": [
        {"vhost": "/", "component": "vhost-limits", "name": "limits", "value": {"max-queues": 1}},
    ]});
    import(&mut world, &limits.to_string(), &NODE);
    let file = json!({"queues": [{"vhost": "/", "name": "a"}, {"vhost": "/", "name": "b"}]});
    let told = definitions::read(file.to_string().as_bytes(), &NODE, world.topology());
    let told = told.unwrap_err().to_string();
    assert!(told.starts_with(
        "Adding 2 queue(s) to virtual host \"/\" would exceed the limit of 1 queue(s)."
    ));
    assert!(told.ends_with("Import aborted!"));
}
