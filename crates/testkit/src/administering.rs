//! What an operator says in a transcript, as changes of what is declared.

use message::Name;
use metadata::{
    ApplyTo, Change, Hashing, Permissions, Policy, PolicyDefinition, QueueKind, TopicPermissions,
    User, UserLimits, VhostDefinition, VhostLimits, VhostSettings,
};
use serde_json::Value as Json;
use wire_amqp091::{FieldValue, Table};

use crate::action::Args;
use crate::venue::Circumstance;

/// Says that the change has to be refused.
const REFUSED: &str = "refused";

/// What happens has to be the same each time, salt included.
const SALT: [u8; auth::SALT_BYTES] = [7; auth::SALT_BYTES];

/// Reads `admin VERB field=value …`.
pub(crate) fn parse(verb: &str, args: &Args) -> Result<Circumstance, String> {
    let is_refused = args.is_set(REFUSED);
    let change = change(verb, args)?;
    Ok(Circumstance::Administer { change: Box::new(change), is_refused })
}

fn change(verb: &str, args: &Args) -> Result<Change, String> {
    Ok(match verb {
        "add-vhost" => {
            known(args, &["name", "description", "default-queue-type", "protected"])?;
            Change::SetVhost(VhostDefinition {
                name: name(args, "name")?,
                first_exchange_id: 0,
                settings: settings(args)?,
            })
        }
        "remove-vhost" => {
            known(args, &["name"])?;
            Change::RemoveVhost { name: name(args, "name")? }
        }
        "set-vhost-limits" => {
            known(args, &["vhost", "max-connections", "max-queues"])?;
            let connections_max = args.number("max-connections")?;
            let limits = VhostLimits { connections_max, queues_max: args.number("max-queues")? };
            Change::SetVhostLimits { vhost: vhost(args)?, limits }
        }
        "set-tracing" => {
            known(args, &["vhost", "on"])?;
            Change::SetTracing { vhost: vhost(args)?, is_on: args.is_set("on") }
        }
        "set-user-limits" => {
            known(args, &["user", "max-connections", "max-channels"])?;
            let connections_max = args.number("max-connections")?;
            let limits = UserLimits { connections_max, channels_max: args.number("max-channels")? };
            Change::SetUserLimits { user: name(args, "user")?, limits }
        }
        "set-policy" | "set-operator-policy" => {
            known(args, &["vhost", "name", "pattern", "apply-to", "priority", "definition"])?;
            let is_operator = verb == "set-operator-policy";
            Change::SetPolicy { policy: policy(args)?, is_operator }
        }
        "clear-policy" | "clear-operator-policy" => {
            known(args, &["vhost", "name"])?;
            let is_operator = verb == "clear-operator-policy";
            Change::ClearPolicy { vhost: vhost(args)?, name: name(args, "name")?, is_operator }
        }
        _ => return access(verb, args),
    })
}

/// What an operator says of users.
fn access(verb: &str, args: &Args) -> Result<Change, String> {
    Ok(match verb {
        "add-user" => {
            known(args, &["name", "password", "tags", "hashing"])?;
            Change::SetUser(user(args)?)
        }
        "remove-user" => {
            known(args, &["name"])?;
            Change::RemoveUser { name: name(args, "name")? }
        }
        "set-permissions" => {
            known(args, &["vhost", "user", "configure", "write", "read"])?;
            let (configure, write) = (text(args, "configure")?, text(args, "write")?);
            let permissions = Permissions { configure, write, read: text(args, "read")? };
            Change::SetPermissions { vhost: vhost(args)?, user: name(args, "user")?, permissions }
        }
        "clear-permissions" => {
            known(args, &["vhost", "user"])?;
            Change::ClearPermissions { vhost: vhost(args)?, user: name(args, "user")? }
        }
        "set-topic-permissions" => {
            known(args, &["vhost", "user", "exchange", "write", "read"])?;
            let (write, read) = (text(args, "write")?, text(args, "read")?);
            Change::SetTopicPermissions {
                vhost: vhost(args)?,
                user: name(args, "user")?,
                exchange: name(args, "exchange")?,
                permissions: TopicPermissions { write, read },
            }
        }
        "clear-topic-permissions" => {
            known(args, &["vhost", "user", "exchange"])?;
            let exchange = args.value("exchange").map(|_| name(args, "exchange")).transpose()?;
            let (vhost, user) = (vhost(args)?, name(args, "user")?);
            Change::ClearTopicPermissions { vhost, user, exchange }
        }
        _ => return parameter(verb, args),
    })
}

fn user(args: &Args) -> Result<User, String> {
    let hashing = match args.value("hashing") {
        None => Hashing::Sha256,
        Some(_) => {
            let word = text(args, "hashing")?;
            Hashing::parse(&word).ok_or_else(|| format!("`{word}` is no way to make hashes"))?
        }
    };
    let password_hash = match args.value("password") {
        None => String::new(),
        Some(_) => auth::hash(text(args, "password")?.as_bytes(), hashing, SALT),
    };
    let tags = match args.value("tags") {
        None => Vec::new(),
        Some(_) => text(args, "tags")?.split(',').map(str::to_owned).collect(),
    };
    Ok(User { name: name(args, "name")?, password_hash, hashing, tags })
}

fn parameter(verb: &str, args: &Args) -> Result<Change, String> {
    Ok(match verb {
        "set-parameter" => {
            known(args, &["vhost", "component", "name", "value"])?;
            Change::SetParameter {
                vhost: vhost(args)?,
                component: text(args, "component")?,
                name: text(args, "name")?,
                value: serde_json::Value::from_iter(definition(args, "value")?).into(),
            }
        }
        "clear-parameter" => {
            known(args, &["vhost", "component", "name"])?;
            let (component, name) = (text(args, "component")?, text(args, "name")?);
            Change::ClearParameter { vhost: vhost(args)?, component, name }
        }
        "set-global-parameter" => {
            known(args, &["name", "value"])?;
            let value = serde_json::Value::from_iter(definition(args, "value")?).into();
            Change::SetGlobalParameter { name: text(args, "name")?, value }
        }
        "clear-global-parameter" => {
            known(args, &["name"])?;
            Change::ClearGlobalParameter { name: text(args, "name")? }
        }
        _ => return Err(format!("no operator can `{verb}`")),
    })
}

fn known(args: &Args, fields: &[&str]) -> Result<(), String> {
    args.check_known(&[fields, &[REFUSED]].concat())
}

fn settings(args: &Args) -> Result<VhostSettings, String> {
    let default_queue_type = match args.value("default-queue-type") {
        None => None,
        Some(_) => {
            let word = text(args, "default-queue-type")?;
            Some(QueueKind::parse(&word).ok_or_else(|| format!("`{word}` is no type of queue"))?)
        }
    };
    let description =
        args.value("description").map_or(Ok(String::new()), |_| text(args, "description"))?;
    let is_protected = args.is_set("protected");
    Ok(VhostSettings { description, tags: Vec::new(), default_queue_type, is_protected })
}

fn policy(args: &Args) -> Result<Policy, String> {
    let apply_to = match args.value("apply-to") {
        None => ApplyTo::All,
        Some(_) => {
            let word = text(args, "apply-to")?;
            ApplyTo::parse(&word).ok_or_else(|| format!("policies do not apply to `{word}`"))?
        }
    };
    let priority = args.number("priority")?.unwrap_or_default();
    Ok(Policy {
        vhost: vhost(args)?,
        name: name(args, "name")?,
        pattern: text(args, "pattern")?,
        apply_to,
        priority: i64::try_from(priority).map_err(|e| e.to_string())?,
        definition: definition(args, "definition")?,
    })
}

/// The virtual host, which is the default one if nothing is said.
fn vhost(args: &Args) -> Result<Name, String> {
    if args.value("vhost").is_some() { name(args, "vhost") } else { Ok(Name::fixed("/")) }
}

fn name(args: &Args, field: &str) -> Result<Name, String> {
    Name::new(&text(args, field)?).map_err(|too_long| too_long.to_string())
}

fn text(args: &Args, field: &str) -> Result<String, String> {
    let value = args.value(field).ok_or_else(|| format!("`{field}` is missing"))?;
    let bytes = value.bytes().map_err(|e| format!("{field}: {e}"))?;
    String::from_utf8(bytes.to_vec()).map_err(|e| format!("{field}: {e}"))
}

fn definition(args: &Args, field: &str) -> Result<PolicyDefinition, String> {
    let value = args.value(field).ok_or_else(|| format!("`{field}` is missing"))?;
    object(&value.table().map_err(|e| format!("{field}: {e}"))?)
}

fn object(table: &Table) -> Result<PolicyDefinition, String> {
    let pair = |(key, field): (&[u8], &FieldValue)| {
        Ok((String::from_utf8_lossy(key).into_owned(), json(field)?))
    };
    table.iter().map(pair).collect()
}

fn json(field: &FieldValue) -> Result<Json, String> {
    Ok(match field {
        FieldValue::Void => Json::Null,
        FieldValue::Bool(value) => (*value).into(),
        FieldValue::I32(number) => (*number).into(),
        FieldValue::I64(number) => (*number).into(),
        FieldValue::LongString(text) => String::from_utf8_lossy(text).into(),
        FieldValue::Array(list) => Json::Array(list.iter().map(json).collect::<Result<_, _>>()?),
        FieldValue::Table(table) => object(table)?.into_iter().collect(),
        other => return Err(format!("{other:?} has no form in JSON")),
    })
}
