//! `/whoami`: who asks.

use serde_json::json;

use crate::call::Call;
use crate::reply::Reply;

pub(crate) fn show(call: &Call) -> Reply {
    Reply::ok(&json!({
        "name": call.caller.shown_name(),
        "tags": &call.caller.tags[..],
        "is_internal_user": true,
    }))
}
