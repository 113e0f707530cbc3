//! Who asks.

use std::sync::Arc;

use message::Name;
use metadata::Definitions;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The user; absent for whoever may open the local socket, and for nobody.
    pub(crate) name: Option<Name>,
    /// What the user may do, in RabbitMQ's words.
    pub(crate) tags: Arc<[String]>,
}

impl Caller {
    /// Nobody has logged in.
    pub(crate) fn nobody() -> Self {
        Self { name: None, tags: Arc::new([]) }
    }

    /// Who may open the local socket may do everything.
    pub(crate) fn local() -> Self {
        Self { name: None, tags: Arc::new(["administrator".to_owned()]) }
    }

    /// The user's name, or one that no user has.
    pub(crate) fn shown_name(&self) -> &str {
        self.name.as_ref().map_or("rmq-internal", Name::as_str)
    }

    fn has_tag(&self, tags: &[&str]) -> bool {
        self.tags.iter().any(|tag| tags.contains(&tag.as_str()))
    }

    /// Whether the user has any of the tags that open the API.
    pub(crate) fn has_any_tag(&self) -> bool {
        self.has_tag(&["management", "policymaker", "monitoring", "administrator"])
    }

    pub(crate) fn is_administrator(&self) -> bool {
        self.has_tag(&["administrator"])
    }

    pub(crate) fn is_monitoring(&self) -> bool {
        self.has_tag(&["monitoring", "administrator"])
    }

    pub(crate) fn is_policymaker(&self) -> bool {
        self.has_tag(&["policymaker", "administrator"])
    }

    /// Whether the user has permissions in a virtual host.
    pub(crate) fn may_enter(&self, definitions: &Definitions, vhost: &str) -> bool {
        let may = |name: &Name| definitions.permissions(vhost, name.as_str()).is_some();
        self.name.as_ref().is_none_or(may)
    }

    /// Whether the user may see what is in a virtual host.
    pub(crate) fn may_see(&self, definitions: &Definitions, vhost: &str) -> bool {
        self.is_monitoring() || self.may_enter(definitions, vhost)
    }
}
