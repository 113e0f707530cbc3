//! Which crate may use which. Arrows point down; a crate that needs one that it may not have is in the wrong
//! layer, or wants something that belongs further down.
//!
//! ```text
//!   top   server (the shell)                  sim (the faked world), oracle (real servers)
//!     7   management (HTTP)                   testkit
//!     6   node (assembly)
//!     5   proto-amqp091 (one conversation)
//!     4   broker (the core's verbs)           perf (speaks bytes only, shares nothing with the broker)
//!     3   queue, auth
//!     2   routing, store, metadata
//!     1   message, wire-amqp091, config        management-api (routes), ctl (the command line over it)
//!     0   stdx
//! ```

use super::Finding;
use super::manifests::Package;

/// A crate and the crates of ours that it may use, in groups.
struct Layer {
    name: &'static str,
    may_use: &'static [&'static [&'static str]],
}

impl Layer {
    fn may_use(&self, name: &str) -> bool {
        self.may_use.iter().any(|group| group.contains(&name))
    }
}

const fn layer(name: &'static str, may_use: &'static [&'static [&'static str]]) -> Layer {
    Layer { name, may_use }
}

/// What the core is made of, from the bottom to the broker.
const CORE: &[&str] =
    &["stdx", "message", "routing", "store", "metadata", "queue", "auth", "broker"];

/// Lowest first: a crate may only name crates that stand before it.
const LAYERS: &[Layer] = &[
    layer("xtask", &[&[]]),
    layer("stdx", &[&[]]),
    layer("message", &[&["stdx"]]),
    layer("wire-amqp091", &[&["stdx"]]),
    layer("config", &[&["stdx"]]),
    layer("routing", &[&["stdx", "message"]]),
    layer("store", &[&["stdx", "message"]]),
    layer("metadata", &[&["stdx", "message"]]),
    layer("queue", &[&["stdx", "message", "store"]]),
    layer("auth", &[&["stdx", "message", "metadata"]]),
    layer("perf", &[&["stdx", "wire-amqp091"]]),
    layer("broker", &[&["stdx", "message", "routing", "store", "metadata", "queue", "auth"]]),
    layer("definitions", &[CORE]),
    layer("proto-amqp091", &[CORE, &["wire-amqp091"]]),
    layer("node", &[CORE, &["proto-amqp091"]]),
    layer("management-api", &[&["stdx"]]),
    layer("management", &[CORE, &["definitions", "proto-amqp091", "node", "management-api"]]),
    layer("ctl", &[&["stdx", "management-api"]]),
    layer("testkit", &[CORE, &["wire-amqp091", "proto-amqp091", "node"]]),
    layer("sim", &[CORE, &["wire-amqp091", "proto-amqp091", "node", "testkit"]]),
    layer("oracle", &[&["metadata", "testkit"]]),
    layer(
        "server",
        &[
            CORE,
            &["definitions", "proto-amqp091", "node", "config", "perf", "management-api"],
            &["management", "ctl"],
        ],
    ),
];

/// What tests may use besides, from any layer: cargo allows that circle, and nothing of it is shipped.
const FOR_TESTS: &[&str] = &["testkit", "sim"];

pub(super) fn check(packages: &[Package], findings: &mut Vec<Finding>) {
    for package in packages {
        let mut refuse = |what: String| findings.push(Finding::new(&package.manifest, 1, what));
        let Some(layer) = LAYERS.iter().find(|layer| layer.name == package.name) else {
            refuse(format!(
                "`{}` has no layer; give it one in xtask/src/tidy/layers.rs",
                package.name
            ));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|dependency| dependency.is_ours) {
            let name = dependency.name.as_str();
            let is_for_tests = dependency.is_dev && FOR_TESTS.contains(&name);
            if !layer.may_use(name) && !is_for_tests {
                let what = format!(
                    "`{}` may not use `{name}`: arrows point down; move what it wants further down",
                    package.name
                );
                refuse(what);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::manifests::Dependency;
    use super::*;

    fn findings_of(name: &str, uses: &str, is_dev: bool) -> usize {
        let dependency = Dependency { name: uses.to_owned(), is_dev, is_ours: true };
        let package =
            Package { name: name.to_owned(), dependencies: vec![dependency], ..Package::default() };
        let mut findings = Vec::new();
        check(&[package], &mut findings);
        findings.len()
    }

    #[test]
    fn an_arrow_that_points_up_is_refused() {
        assert_eq!(findings_of("queue", "broker", false), 1);
        assert_eq!(findings_of("broker", "wire-amqp091", false), 1);
        assert_eq!(findings_of("perf", "broker", false), 1);
        assert_eq!(findings_of("queue", "broker", true), 1);
    }

    #[test]
    fn an_arrow_that_points_down_is_not() {
        assert_eq!(findings_of("broker", "queue", false), 0);
        assert_eq!(findings_of("proto-amqp091", "testkit", true), 0);
    }

    #[test]
    fn a_crate_without_a_layer_is_refused() {
        assert_eq!(findings_of("bridge", "stdx", false), 1);
    }

    #[test]
    fn the_table_itself_points_down() {
        for (index, layer) in LAYERS.iter().enumerate() {
            for used in layer.may_use.iter().copied().flatten() {
                let stands_below = LAYERS[..index].iter().any(|below| below.name == *used);
                assert!(stands_below, "{} -> {used}", layer.name);
            }
        }
    }
}
