//! One request, as a resource sees it.

use std::fmt;
use std::sync::Arc;

use broker::Topology;
use bytes::Bytes;
use management_api::{Parameters, RouteId};
use metadata::Definitions;
use serde_json::{Map, Value};

use crate::caller::Caller;
use crate::desk::Desk;
use crate::failure::Failure;
use crate::query::Query;

/// One request whose caller may make it.
#[derive(Clone)]
pub(crate) struct Call {
    /// The way to the shards.
    pub(crate) desk: Arc<Desk>,
    /// What was declared when the request came.
    pub(crate) topology: Arc<Topology>,
    /// Who asks.
    pub(crate) caller: Caller,
    /// What is asked for.
    pub(crate) id: RouteId,
    /// The variable parts of the path.
    pub(crate) parameters: Parameters,
    /// What stands behind the question mark.
    pub(crate) query: Query,
    /// Why, if the caller says so (`X-Reason`).
    pub(crate) reason: Option<String>,
    /// The last event that the caller has seen of a stream, if it says so (`Last-Event-ID`).
    pub(crate) last_event_id: Option<String>,
    /// What was sent.
    pub(crate) body: Bytes,
}

/// What was sent is left out, down to the path: there may be passwords in it.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { caller, id, .. } = self;
        f.debug_struct("Call").field("caller", caller).field("id", id).finish_non_exhaustive()
    }
}

impl Call {
    /// What is declared.
    pub(crate) fn definitions(&self) -> &Definitions {
        self.topology.definitions()
    }

    /// Looks anew what the caller may do. `None` when there is no such user any more.
    pub(crate) fn renew_tags(&mut self) -> Option<()> {
        if let Some(name) = &self.caller.name {
            let user = self.topology.definitions().user(name.as_str())?;
            self.caller.tags = user.tags.clone().into();
        }
        Some(())
    }

    /// A variable part of the path.
    pub(crate) fn parameter(&self, name: &str) -> &str {
        self.parameters.find(name).expect("the route has a part of this name")
    }

    /// A number of the query, if it is there.
    ///
    /// # Errors
    /// When it is something else.
    pub(crate) fn number(&self, name: &str) -> Result<Option<usize>, Failure> {
        let Some(text) = self.query.find(name) else { return Ok(None) };
        let number = text.parse();
        number.map(Some).map_err(|_| Failure::bad(format!("{name} {text:?} is no number")))
    }

    /// The body as a JSON object; an empty one is an empty object.
    ///
    /// # Errors
    /// When it is something else. It is not repeated: it may hold a password.
    pub(crate) fn object(&self) -> Result<Map<String, Value>, Failure> {
        if self.body.is_empty() {
            return Ok(Map::new());
        }
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(object)) => Ok(object),
            _ => Err(Failure::bad("not_json")),
        }
    }
}
