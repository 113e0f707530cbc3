//! `/global-parameters`, and the name of the cluster, which is one of them.

use metadata::Change;
use serde_json::{Value, json};

use crate::call::Call;
use crate::failure::Failure;
use crate::fields;
use crate::lists::Wanted;
use crate::reply::Reply;

/// The parameter that names the cluster.
const CLUSTER_NAME: &str = "cluster_name";

/// All of them.
pub(crate) fn list(call: &Call) -> Result<Reply, Failure> {
    let all = call.definitions().global_parameters();
    let values = all.map(|(name, value)| json!({ "name": name, "value": value })).collect();
    Wanted::parse(&call.query)?.answer(values)
}

/// One.
pub(crate) fn show(call: &Call) -> Result<Reply, Failure> {
    let (name, value) = find(call, call.parameter("name")).ok_or(Failure::NotFound)?;
    Ok(Reply::ok(&json!({ "name": name, "value": value })))
}

/// Sets one.
pub(crate) async fn put(call: &Call) -> Result<Reply, Failure> {
    let value = fields::required(&call.object()?, "value")?.clone().into();
    let name = call.parameter("name").to_owned();
    let is_new = find(call, &name).is_none();
    call.change(Change::SetGlobalParameter { name, value }).await?;
    Ok(Reply::put(is_new))
}

/// Clears one.
pub(crate) async fn delete(call: &Call) -> Result<Reply, Failure> {
    let (name, _) = find(call, call.parameter("name")).ok_or(Failure::NotFound)?;
    call.change(Change::ClearGlobalParameter { name: name.clone() }).await?;
    Ok(Reply::done())
}

/// The name of the cluster.
pub(crate) fn show_cluster_name(call: &Call) -> Reply {
    Reply::ok(&json!({ "name": cluster_name(call) }))
}

/// Names the cluster.
pub(crate) async fn put_cluster_name(call: &Call) -> Result<Reply, Failure> {
    let value = fields::required_text(&call.object()?, "name")?.into();
    call.change(Change::SetGlobalParameter { name: CLUSTER_NAME.to_owned(), value }).await?;
    Ok(Reply::done())
}

/// The name of the cluster: that of the node, unless somebody has given it another.
pub(crate) fn cluster_name(call: &Call) -> &str {
    let given = find(call, CLUSTER_NAME).and_then(|(_, value)| value.as_str());
    given.unwrap_or(&call.desk.facts.node)
}

fn find<'c>(call: &'c Call, name: &str) -> Option<(&'c String, &'c Value)> {
    call.definitions().global_parameters().find(|(found, _)| *found == name)
}
