//! `/exchanges`.

use std::collections::BTreeMap;
use std::sync::Arc;

use broker::{ExchangeDeclaration, Verb};
use metadata::{Access, Exchange, Subject};
use node::Shard;
use node::observation::{ExchangeTraffic, PAGE_MAX};
use serde_json::{Map, Value, json};

use crate::breakdown;
use crate::call::Call;
use crate::desk::Desk;
use crate::failure::Failure;
use crate::fields;
use crate::json;
use crate::lists::{Key, Wanted};
use crate::reply::Reply;

/// What the default exchange is called in paths, where it could not stand with its own name, which is empty.
const DEFAULT_ALIAS: &str = "amq.default";

/// The name that a part of a path stands for.
pub(crate) fn name_of(part: &str) -> &str {
    if part == DEFAULT_ALIAS { "" } else { part }
}

/// Those of all virtual hosts that the caller may see, or of the one that the path names.
pub(crate) async fn list(call: &Call) -> Result<Reply, Failure> {
    let wanted = Wanted::parse(&call.query)?;
    let vhosts = call.vhosts_in_view()?;
    let rows: Vec<Arc<Exchange>> =
        vhosts.iter().flat_map(|(_, vhost)| vhost.exchanges.values().cloned()).collect();
    let is_by_traffic = wanted
        .sort_column()
        .is_some_and(|column| column.first().is_some_and(|c| c == "message_stats"));
    let all = if is_by_traffic { traffic(call, &rows).await? } else { Traffic::new() };
    let key = |row: &Arc<Exchange>, column: &[String]| Key::at(&shown(call, row, &all), column);
    let (about, rows) = wanted.select(rows, |row| row.name.as_str(), key)?.split();
    let traffic = traffic(call, &rows).await?;
    Ok(wanted.finish(&about, rows.iter().map(|row| shown(call, row, &traffic))))
}

/// One.
pub(crate) async fn show(call: &Call) -> Result<Reply, Failure> {
    let exchange = named(call)?;
    let traffic = traffic(call, std::slice::from_ref(exchange)).await?;
    let mut value = shown(call, exchange, &traffic);
    value["incoming"] = breakdown::into_exchange(call, exchange).await?;
    value["outgoing"] = breakdown::out_of_exchange(call, exchange).await?;
    Wanted::parse(&call.query)?.project(&mut value);
    Ok(Reply::ok(&value))
}

/// Declares one.
pub(crate) async fn put(call: &Call) -> Result<Reply, Failure> {
    let Ok((vhost, found)) = crate::vhosts::named(call) else {
        return Err(Failure::missing("vhost_not_found"));
    };
    let given = call.object()?;
    let name = fields::name(name_of(call.parameter("exchange")))?;
    let arguments = json::table(&given, "arguments")?;
    call.may_declare(Subject::Exchange(name.as_str()), arguments.get("alternate-exchange"))?;
    let is_new = !found.exchanges.contains_key(&name);
    let declaration = ExchangeDeclaration {
        vhost: vhost.clone(),
        name,
        kind: fields::text(&given, "type")?.unwrap_or("direct").to_owned(),
        is_passive: false,
        is_durable: fields::is_set(&given, "durable")?,
        is_auto_delete: fields::is_set(&given, "auto_delete")?,
        is_internal: fields::is_set(&given, "internal")?,
        arguments,
    };
    call.operate(Verb::DeclareExchange(declaration)).await?;
    Ok(Reply::put(is_new))
}

/// Deletes one.
pub(crate) async fn delete(call: &Call) -> Result<Reply, Failure> {
    let exchange = named(call)?;
    call.may(Access::Configure, &exchange.name)?;
    let (vhost, name) = (exchange.vhost.clone(), exchange.name.clone());
    let if_unused = call.query.is_set("if-unused");
    call.operate(Verb::DeleteExchange { vhost, name, if_unused }).await?;
    Ok(Reply::done())
}

/// The exchange that the path names.
pub(crate) fn named(call: &Call) -> Result<&Arc<Exchange>, Failure> {
    let (vhost, exchange) = (call.parameter("vhost"), name_of(call.parameter("exchange")));
    call.topology.exchange(vhost, exchange).ok_or(Failure::NotFound)
}

/// What went through some exchanges, by their numbers. Those that nothing went through are not there.
type Traffic = BTreeMap<u64, ExchangeTraffic>;

async fn traffic(call: &Call, exchanges: &[Arc<Exchange>]) -> Result<Traffic, Failure> {
    if call.query.is_set("disable_stats") {
        return Ok(Traffic::new());
    }
    traffic_of(&call.desk, exchanges.iter().map(|exchange| exchange.id).collect()).await
}

/// What went through some exchanges, by their numbers. Those that nothing went through are not there.
pub(crate) async fn traffic_of(desk: &Desk, ids: Vec<u64>) -> Result<Traffic, Failure> {
    let mut all = Traffic::new();
    for page in ids.chunks(PAGE_MAX) {
        let page = page.to_vec();
        let look = move |shard: &mut Shard| {
            page.iter().map(|id| (*id, shard.observe_exchange(*id))).collect::<Vec<_>>()
        };
        for (id, traffic) in desk.ask_all(look).await?.into_iter().flatten() {
            if traffic != ExchangeTraffic::default() {
                let sum = all.entry(id).or_default();
                sum.publish_in += traffic.publish_in;
                sum.publish_out += traffic.publish_out;
            }
        }
    }
    Ok(all)
}

fn shown(call: &Call, exchange: &Exchange, traffic: &Traffic) -> Value {
    let (policy, _) = call.definitions().policies_of_exchange(exchange);
    let mut value = json!({
        "name": exchange.name.as_str(),
        "vhost": exchange.vhost.as_str(),
        "type": exchange.kind.as_str(),
        "durable": exchange.is_durable,
        "auto_delete": exchange.is_auto_delete,
        "internal": exchange.is_internal,
        "arguments": json::object(&exchange.arguments),
        "user_who_performed_action": call.caller.shown_name(),
    });
    if let Some(policy) = policy {
        value["policy"] = Value::from(policy.name.as_str());
    }
    if let Some(traffic) = traffic.get(&exchange.id) {
        let object = crate::rates::Object::Exchange(exchange.id);
        let mut stats = Map::new();
        for (field, count) in
            [("publish_in", traffic.publish_in), ("publish_out", traffic.publish_out)]
        {
            call.desk.rates.put(&mut stats, &object, field, count, &call.query);
        }
        value["message_stats"] = Value::Object(stats);
    }
    value
}
