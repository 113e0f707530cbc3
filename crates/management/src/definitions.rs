//! `/definitions`: all that is declared as a file, and back.

use ::definitions::{Provenance, Scope};
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CONTENT_DISPOSITION, HeaderValue, LOCATION};
use message::Name;

use crate::call::Call;
use crate::failure::Failure;
use crate::import;
use crate::multipart::Form;
use crate::reply::Reply;

/// All that is declared.
pub(crate) fn show(call: &Call) -> Result<Reply, Failure> {
    Ok(file(call, ::definitions::node(&call.topology, &provenance(call))))
}

/// All that is declared in one virtual host.
pub(crate) fn show_vhost(call: &Call) -> Result<Reply, Failure> {
    let vhost = call.parameter("vhost");
    let bytes = ::definitions::vhost(&call.topology, vhost, &provenance(call));
    bytes.map(|bytes| file(call, bytes)).ok_or_else(|| Failure::bad("vhost_not_found"))
}

fn provenance(call: &Call) -> Provenance<'_> {
    let facts = &call.desk.facts;
    Provenance {
        rabbitmq_version: facts.rabbitmq_version,
        product_name: "Leveret",
        product_version: facts.leveret_version,
        cluster_name: &facts.node,
        default_queue_kind: facts.default_queue_kind,
    }
}

/// A file that a browser keeps under the name that the query asks for.
fn file(call: &Call, bytes: Vec<u8>) -> Reply {
    let reply = Reply::bytes(StatusCode::OK, "application/json", bytes);
    let Some(name) = call.query.find("download") else { return reply };
    // What would end the name ends it.
    let name: String = name.chars().filter(|c| !c.is_control() && !"\";\\/".contains(*c)).collect();
    match HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        Ok(value) => reply.with(CONTENT_DISPOSITION, value),
        Err(_) => reply,
    }
}

/// Adds what a file has.
pub(crate) async fn import(call: &Call) -> Result<Reply, Failure> {
    load(call, Scope::Node { acting_user: call.caller.name.clone() }).await
}

/// Adds what a file has to one virtual host.
pub(crate) async fn import_vhost(call: &Call) -> Result<Reply, Failure> {
    let vhost = call.definitions().vhost(call.parameter("vhost")).is_some();
    let name = Name::new(call.parameter("vhost")).ok().filter(|_| vhost);
    let name = name.ok_or_else(|| Failure::missing("vhost_not_found"))?;
    load(call, Scope::Vhost(name)).await
}

/// A file comes as it is, or as browsers send forms: with the page to go to afterwards.
async fn load(call: &Call, scope: Scope) -> Result<Reply, Failure> {
    let form = Form::parse(&call.body)?;
    let file: &Bytes = form.as_ref().map_or(&call.body, |form| &form.file);
    let plan = ::definitions::read(file, &scope, &call.topology)
        .map_err(|invalid| Failure::bad(invalid.to_string()))?;
    import::run(&call.desk, plan).await?;
    match form.and_then(|form| form.redirect) {
        Some(page) => Ok(Reply::empty(StatusCode::SEE_OTHER).with(LOCATION, page)),
        None => Ok(Reply::done()),
    }
}
