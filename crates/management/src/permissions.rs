//! `/permissions` and `/topic-permissions`.

use message::Name;
use metadata::{Change, Permissions, TopicPermissions};
use serde_json::{Value, json};

use crate::call::Call;
use crate::failure::Failure;
use crate::fields;
use crate::lists::Wanted;
use crate::reply::Reply;

/// All permissions; those in a virtual host or of a user, if the path names one.
pub(crate) fn list(call: &Call) -> Result<Reply, Failure> {
    let (vhost, user) = named(call)?;
    let all = call.definitions().all_permissions();
    let wanted =
        all.filter(|(in_vhost, of_user, _)| is_of(in_vhost, vhost) && is_of(of_user, user));
    let values = wanted.map(|(vhost, user, permissions)| shown(vhost, user, permissions)).collect();
    Wanted::parse(&call.query)?.answer(values)
}

/// Those of a user in a virtual host.
pub(crate) fn show(call: &Call) -> Result<Reply, Failure> {
    let (vhost, user, permissions) = find(call).ok_or(Failure::NotFound)?;
    Ok(Reply::ok(&shown(vhost, user, permissions)))
}

/// Gives permissions.
pub(crate) async fn put(call: &Call) -> Result<Reply, Failure> {
    let given = call.object()?;
    let text = |name| fields::required_text(&given, name).map(str::to_owned);
    let permissions =
        Permissions { configure: text("configure")?, write: text("write")?, read: text("read")? };
    permissions.check().map_err(|invalid| Failure::bad(invalid.to_string()))?;
    let (vhost, user) = both(call)?;
    let is_new = find(call).is_none();
    call.change(Change::SetPermissions { vhost, user, permissions }).await?;
    Ok(Reply::put(is_new))
}

/// Takes permissions.
pub(crate) async fn delete(call: &Call) -> Result<Reply, Failure> {
    let (vhost, user, _) = find(call).ok_or(Failure::NotFound)?;
    let (vhost, user) = (vhost.clone(), user.clone());
    call.change(Change::ClearPermissions { vhost, user }).await?;
    Ok(Reply::done())
}

/// All topic permissions; those in a virtual host or of a user, if the path names one.
pub(crate) fn list_topic(call: &Call) -> Result<Reply, Failure> {
    let (vhost, user) = named(call)?;
    Wanted::parse(&call.query)?.answer(topic(call, vhost, user))
}

/// The topic permissions of a user in a virtual host: one for each exchange.
pub(crate) fn show_topic(call: &Call) -> Result<Reply, Failure> {
    let found = topic(call, Some(call.parameter("vhost")), Some(call.parameter("user")));
    if found.is_empty() {
        return Err(Failure::NotFound);
    }
    Ok(Reply::ok(&Value::Array(found)))
}

/// Gives topic permissions.
pub(crate) async fn put_topic(call: &Call) -> Result<Reply, Failure> {
    let given = call.object()?;
    let text = |name| fields::required_text(&given, name).map(str::to_owned);
    let exchange = fields::name(&text("exchange")?)?;
    let permissions = TopicPermissions { write: text("write")?, read: text("read")? };
    permissions.check().map_err(|invalid| Failure::bad(invalid.to_string()))?;
    let (vhost, user) = both(call)?;
    let mut had = call.definitions().topic_permissions(vhost.as_str(), user.as_str());
    let is_new = had.next().is_none();
    drop(had);
    call.change(Change::SetTopicPermissions { vhost, user, exchange, permissions }).await?;
    Ok(Reply::put(is_new))
}

/// Takes topic permissions: all of a user, or those for one exchange.
pub(crate) async fn delete_topic(call: &Call) -> Result<Reply, Failure> {
    let found = topic(call, Some(call.parameter("vhost")), Some(call.parameter("user")));
    if found.is_empty() {
        return Err(Failure::NotFound);
    }
    let (vhost, user) = both(call)?;
    let exchange = call.parameters.find("exchange").map(fields::name).transpose()?;
    call.change(Change::ClearTopicPermissions { vhost, user, exchange }).await?;
    Ok(Reply::done())
}

/// The virtual host or user that a list is of, if any; they exist.
fn named(call: &Call) -> Result<(Option<&str>, Option<&str>), Failure> {
    let (vhost, user) = (call.parameters.find("vhost"), call.parameters.find("user"));
    let has_vhost = vhost.is_none_or(|vhost| call.definitions().vhost(vhost).is_some());
    let has_user = user.is_none_or(|user| call.definitions().user(user).is_some());
    if has_vhost && has_user { Ok((vhost, user)) } else { Err(Failure::NotFound) }
}

/// The names of the virtual host and the user that the path names.
fn both(call: &Call) -> Result<(Name, Name), Failure> {
    let missing = || Failure::bad("vhost_or_user_not_found");
    let user = call.definitions().user(call.parameter("user")).ok_or_else(missing)?;
    let (vhost, _) = crate::vhosts::named(call).map_err(|_| missing())?;
    Ok((vhost.clone(), user.name.clone()))
}

fn is_of(name: &Name, wanted: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| name.as_str() == wanted)
}

fn find(call: &Call) -> Option<(&Name, &Name, &Permissions)> {
    let (vhost, user) = (call.parameter("vhost"), call.parameter("user"));
    let permissions = call.definitions().permissions(vhost, user)?;
    let (vhost, _) = crate::vhosts::named(call).ok()?;
    Some((vhost, &call.definitions().user(user)?.name, permissions))
}

fn topic(call: &Call, vhost: Option<&str>, user: Option<&str>) -> Vec<Value> {
    let all = call.definitions().all_topic_permissions();
    all.filter(|(in_vhost, of_user, ..)| is_of(in_vhost, vhost) && is_of(of_user, user))
        .map(|(vhost, user, exchange, permissions)| {
            json!({
                "vhost": vhost.as_str(),
                "user": user.as_str(),
                "exchange": exchange.as_str(),
                "write": permissions.write,
                "read": permissions.read,
            })
        })
        .collect()
}

fn shown(vhost: &Name, user: &Name, permissions: &Permissions) -> Value {
    json!({
        "vhost": vhost.as_str(),
        "user": user.as_str(),
        "configure": permissions.configure,
        "write": permissions.write,
        "read": permissions.read,
    })
}
