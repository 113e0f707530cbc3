//! `/connections`.

use message::ClientId;
use node::Shard;
use node::observation::{ConnectionState, PAGE_MAX};
use serde_json::{Value, json};

use crate::call::Call;
use crate::erlang;
use crate::failure::Failure;
use crate::json;
use crate::lists::{Key, Wanted};
use crate::rates::Object;
use crate::reply::Reply;

/// What RabbitMQ tells a client whose connection an operator closes without a reason.
const REASON: &str = "Closed via management plugin";

/// Those that the caller may see: all, or their own.
pub(crate) async fn list(call: &Call) -> Result<Reply, Failure> {
    let vhost = match call.parameters.find("vhost") {
        Some(_) => Some(crate::vhosts::named(call)?.0.clone()),
        None => None,
    };
    let wanted = Wanted::parse(&call.query)?;
    let mut rows = all(call).await?;
    rows.retain(|state| {
        is_visible(call, state) && vhost.as_ref().is_none_or(|vhost| state.vhost == *vhost)
    });
    let key = |row: &ConnectionState, column: &[String]| Key::at(&shown(call, row), column);
    let (about, rows) = wanted.select(rows, |row| row.name.as_str(), key)?.split();
    Ok(wanted.finish(&about, rows.iter().map(|row| shown(call, row))))
}

/// One.
pub(crate) async fn show(call: &Call) -> Result<Reply, Failure> {
    let mut value = shown(call, &named(call).await?);
    Wanted::parse(&call.query)?.project(&mut value);
    Ok(Reply::ok(&value))
}

/// Closes one.
pub(crate) async fn close(call: &Call) -> Result<Reply, Failure> {
    let state = named(call).await?;
    close_one(call, state.client).await?;
    Ok(Reply::done())
}

/// Those of a user.
pub(crate) async fn list_of_user(call: &Call) -> Result<Reply, Failure> {
    let states = of_user(call).await?;
    let values = states.iter().map(|state| {
        json!({
            "name": state.name,
            "vhost": state.vhost.as_str(),
            "user": state.user,
            "node": call.desk.facts.node,
        })
    });
    Wanted::parse(&call.query)?.answer(values.collect())
}

/// Closes those of a user.
pub(crate) async fn close_of_user(call: &Call) -> Result<Reply, Failure> {
    for state in of_user(call).await? {
        close_one(call, state.client).await?;
    }
    Ok(Reply::done())
}

async fn of_user(call: &Call) -> Result<Vec<ConnectionState>, Failure> {
    let user = call.parameter("username");
    call.definitions().user(user).ok_or(Failure::NotFound)?;
    call.must_own(user)?;
    let mut all = all(call).await?;
    all.retain(|state| state.user == user);
    Ok(all)
}

async fn close_one(call: &Call, client: ClientId) -> Result<(), Failure> {
    let reason = call.reason.clone().unwrap_or_else(|| REASON.to_owned());
    let home = call.desk.shard_of(client);
    call.desk.ask(home, move |shard| shard.close_connection(client, &reason)).await.map(|_| ())
}

/// The connection that the path names. The caller may see it.
pub(crate) async fn named(call: &Call) -> Result<ConnectionState, Failure> {
    let name = call.parameter("connection").to_owned();
    let ask = move |shard: &mut Shard, state: &ConnectionState| {
        let _ = shard;
        if state.name == name { vec![state.clone()] } else { Vec::new() }
    };
    let found = walk(call, ask).await?.into_iter().next().ok_or(Failure::NotFound)?;
    call.must_own(&found.user)?;
    Ok(found)
}

/// All connections.
pub(crate) async fn all(call: &Call) -> Result<Vec<ConnectionState>, Failure> {
    walk(call, |_: &mut Shard, state: &ConnectionState| vec![state.clone()]).await
}

/// Whether the caller may see a connection.
pub(crate) fn is_visible(call: &Call, state: &ConnectionState) -> bool {
    call.must_own(&state.user).is_ok()
}

/// Looks at all connections of all shards, page by page, and gathers what `look` makes of each. What is looked at counts
/// against a page, channels too, and not what is found: a look in vain takes as long.
pub(crate) async fn walk<T: Send + 'static>(
    call: &Call,
    look: impl Fn(&mut Shard, &ConnectionState) -> Vec<T> + Clone + Send + 'static,
) -> Result<Vec<T>, Failure> {
    let mut all = Vec::new();
    for shard in 0..call.desk.shard_count() {
        let mut after = None;
        loop {
            let look = look.clone();
            let page = move |shard: &mut Shard| {
                let (mut found, mut last, mut looked_at) = (Vec::new(), None, 0);
                for client in shard.observe_clients(after) {
                    last = Some(client);
                    if let Some(state) = shard.observe_connection(client) {
                        found.extend(look(shard, &state));
                        looked_at += 1 + state.channel_count;
                    }
                    if looked_at >= PAGE_MAX {
                        break;
                    }
                }
                (found, last)
            };
            let (found, last) = call.desk.ask(shard, page).await?;
            all.extend(found);
            match last {
                Some(last) => after = Some(last),
                None => break,
            }
        }
    }
    Ok(all)
}

/// The address and the port of `127.0.0.1:5672` or `[::1]:5672`.
pub(crate) fn split(address: &str) -> (&str, u16) {
    let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
    (host.trim_matches(['[', ']']), port.parse().unwrap_or(0))
}

/// What a channel or consumer shows of its connection.
pub(crate) fn details(state: &ConnectionState) -> Value {
    let (peer_host, peer_port) = split(&state.peer_address);
    json!({ "name": state.name, "peer_host": peer_host, "peer_port": peer_port })
}

/// What a consumer shows of its channel.
pub(crate) fn channel_details(call: &Call, connection: &ConnectionState, number: u16) -> Value {
    let (peer_host, peer_port) = split(&connection.peer_address);
    json!({
        "name": format!("{} ({number})", connection.name),
        "number": number,
        "connection_name": connection.name,
        "node": call.desk.facts.node,
        "peer_host": peer_host,
        "peer_port": peer_port,
        "user": connection.user,
    })
}

/// A connection as the API shows it.
pub(crate) fn shown(call: &Call, state: &ConnectionState) -> Value {
    let (host, port) = split(&state.local_address);
    let (peer_host, peer_port) = split(&state.peer_address);
    let tls = state.tls.as_ref();
    let certificate = tls.and_then(|tls| tls.certificate.as_ref());
    let mut value = json!({
        "name": state.name,
        "node": call.desk.facts.node,
        "user": state.user,
        "user_who_performed_action": state.user,
        "vhost": state.vhost.as_str(),
        "protocol": state.protocol,
        "auth_mechanism": state.mechanism,
        "type": "network",
        "state": state.activity.as_str(),
        "host": host,
        "port": port,
        "peer_host": peer_host,
        "peer_port": peer_port,
        "connected_at": state.connected_at_ms,
        "client_properties": json::object(&state.client_properties.arguments()),
        "channel_max": state.channel_max,
        "channels": state.channel_count,
        "frame_max": state.frame_max,
        "timeout": state.heartbeat_s,
        "recv_cnt": state.octets.receive_count,
        "send_cnt": state.octets.send_count,
        "send_pend": state.unsent_bytes,
        "memory": state.memory_bytes,
        "ssl": tls.is_some(),
        "ssl_protocol": tls.map(|tls| &tls.protocol),
        "ssl_cipher": tls.map(|tls| &tls.cipher),
        "ssl_hash": tls.map(|tls| &tls.hash),
        "ssl_key_exchange": tls.map(|tls| &tls.key_exchange),
        "peer_cert_subject": certificate.map(|shown| &shown.subject),
        "peer_cert_issuer": certificate.map(|shown| &shown.issuer),
        "peer_cert_serial_number": Value::Null,
        "peer_cert_validity": certificate.map(|shown| &shown.validity),
    });
    if let Some(name) = &state.user_provided_name {
        value["user_provided_name"] = Value::from(name.as_str());
    }
    if let Value::Object(into) = &mut value {
        erlang::put_process_counters(into);
        let object = Object::Connection(state.client);
        for (field, count) in [("recv_oct", state.octets.received), ("send_oct", state.octets.sent)]
        {
            call.desk.rates.put(into, &object, field, count, &call.query);
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_both_kinds_are_split() {
        assert_eq!(split("127.0.0.1:5672"), ("127.0.0.1", 5672));
        assert_eq!(split("[::1]:5672"), ("::1", 5672));
        assert_eq!(split("?"), ("?", 0));
    }
}
