//! `/extensions`: plugins of a user interface, of which there are none.

use serde_json::json;

use crate::reply::Reply;

pub(crate) fn list() -> Reply {
    Reply::ok(&json!([]))
}
