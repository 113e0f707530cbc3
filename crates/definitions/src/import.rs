//! From a definitions file to a list of what to do.
//!
//! ```text
//!   bytes ─→ JSON ─→ users ─→ virtual hosts ─→ permissions ─→ exchanges ─→ parameters, policies ─→ queues ─→ bindings
//! ```
//!
//! RabbitMQ's rules: a file adds to what is there and replaces settings of the same name; an exchange or queue that
//! exists stays as it is, whatever the file says. Unlike RabbitMQ's, a file is read as a whole before anything is
//! done, so that one with a mistake in it changes nothing.

use std::collections::BTreeSet;
use std::fmt;

use broker::Topology;
use message::Name;
use serde_json::{Map, Value as Json};

use crate::item::Item;
use crate::plan::{Operation, Plan};

/// The most that a file may have.
pub const BYTES_MAX: usize = 64 * 1024 * 1024;

/// The components whose parameters are kept. What they describe does not run here.
pub const PARAMETER_COMPONENTS: [&str; 3] =
    ["federation-upstream", "federation-upstream-set", "shovel"];

/// What a file is for.
#[derive(Clone, Debug)]
pub enum Scope {
    /// For the whole node. Whoever asks for it gets all permissions in virtual hosts that it brings, as whoever makes a
    /// virtual host does; nobody does if nobody asks.
    Node {
        /// Who asks.
        acting_user: Option<Name>,
    },
    /// Only what stands in virtual hosts is read, and all of it is for this one.
    Vhost(Name),
}

/// A file cannot be imported. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid(String);

impl Invalid {
    pub(crate) const fn new(what: String) -> Self {
        Self(what)
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Invalid {}

/// What stands beside the lists and says where the file comes from.
const ABOUT: [&str; 13] = [
    "rabbit_version",
    "rabbitmq_version",
    "product_name",
    "product_version",
    "rabbitmq_definition_format",
    "original_cluster_name",
    "original_vhost_name",
    "explanation",
    "description",
    "metadata",
    "limits",
    "default_queue_type",
    "vhost_limits",
];

/// The lists that a file for a whole node has beside those of virtual hosts.
const NODE_LISTS: [&str; 5] =
    ["users", "vhosts", "permissions", "topic_permissions", "global_parameters"];
/// What stands in virtual hosts.
const VHOST_LISTS: [&str; 5] = ["exchanges", "parameters", "policies", "queues", "bindings"];

/// Reads a definitions file for a node that has `topology`.
///
/// # Errors
/// [`Invalid`]: the first thing that is wrong, with the object that it is wrong with.
pub fn read(bytes: &[u8], scope: &Scope, topology: &Topology) -> Result<Plan, Invalid> {
    if bytes.len() > BYTES_MAX {
        let length = bytes.len();
        let what = format!("a definitions file has at most {BYTES_MAX} bytes, this one {length}");
        return Err(Invalid::new(what));
    }
    // RabbitMQ takes nothing for a file that says nothing.
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Plan::default());
    }
    let file: Json = serde_json::from_slice(bytes)
        .map_err(|error| Invalid::new(format!("failed_to_parse_json: {error}")))?;
    let Json::Object(file) = file else {
        let what = "failed_to_parse_json: a definitions file is one JSON object";
        return Err(Invalid::new(what.to_owned()));
    };
    let mut import = Import {
        file: &file,
        scope,
        topology,
        plan: Plan::default(),
        users: BTreeSet::new(),
        vhosts: BTreeSet::new(),
        exchanges: BTreeSet::new(),
        queues: BTreeSet::new(),
    };
    import.read()?;
    Ok(import.plan)
}

/// A file that is being read.
pub(crate) struct Import<'a> {
    pub(crate) file: &'a Map<String, Json>,
    pub(crate) scope: &'a Scope,
    pub(crate) topology: &'a Topology,
    pub(crate) plan: Plan,
    /// Who and what the file brings, beside what is there.
    pub(crate) users: BTreeSet<Name>,
    pub(crate) vhosts: BTreeSet<Name>,
    pub(crate) exchanges: BTreeSet<(Name, Name)>,
    pub(crate) queues: BTreeSet<(Name, Name)>,
}

impl<'a> Import<'a> {
    fn read(&mut self) -> Result<(), Invalid> {
        self.notice_strangers();
        match self.scope {
            Scope::Node { .. } => {
                self.users()?;
                self.vhosts()?;
                self.permissions()?;
                self.exchanges()?;
                self.topic_permissions()?;
                self.global_parameters()?;
            }
            Scope::Vhost(vhost) => {
                self.check_vhost(vhost)?;
                self.exchanges()?;
            }
        }
        self.policies()?;
        self.parameters()?;
        self.queues()?;
        self.bindings()
    }

    /// Tells of what is not read.
    fn notice_strangers(&mut self) {
        let is_node = matches!(self.scope, Scope::Node { .. });
        for (key, json) in self.file {
            let key = key.as_str();
            let is_empty = match json {
                Json::Array(list) => list.is_empty(),
                other => other.is_null(),
            };
            if ABOUT.contains(&key) || VHOST_LISTS.contains(&key) || is_empty {
                continue;
            }
            if !NODE_LISTS.contains(&key) {
                self.notice(format!("'{key}' is nothing that definitions have; left out"));
            } else if !is_node {
                self.notice(format!("'{key}' is not for one virtual host; left out"));
            }
        }
    }

    /// The objects of a list.
    pub(crate) fn items(&self, list: &str, what: &'static str) -> Result<Vec<Item<'a>>, Invalid> {
        match self.file.get(list) {
            None | Some(Json::Null) => Ok(Vec::new()),
            Some(Json::Array(items)) => {
                let items = items.iter().enumerate();
                items.map(|(index, json)| Item::new(what, index, json)).collect()
            }
            Some(_) => Err(Invalid::new(format!("'{list}' has to be a list"))),
        }
    }

    /// The virtual host that an object is in, which has to exist when its turn comes.
    pub(crate) fn vhost_of(&self, item: Item<'_>) -> Result<Name, Invalid> {
        if let Scope::Vhost(vhost) = self.scope {
            return Ok(vhost.clone());
        }
        let vhost = item.name("vhost")?;
        self.check_vhost(&vhost)?;
        Ok(vhost)
    }

    fn check_vhost(&self, vhost: &Name) -> Result<(), Invalid> {
        let is_there = self.vhosts.contains(vhost)
            || self.topology.definitions().vhost(vhost.as_str()).is_some();
        if is_there {
            return Ok(());
        }
        let what =
            format!("Please create virtual host \"{vhost}\" prior to importing definitions.");
        Err(Invalid::new(what))
    }

    pub(crate) fn push(&mut self, operation: Operation) {
        self.plan.operations.push(operation);
    }

    pub(crate) fn notice(&mut self, text: String) {
        self.plan.notices.push(text);
    }
}
