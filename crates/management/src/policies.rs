//! `/policies` and `/operator-policies`.

use metadata::{ApplyTo, Change, Policies, Policy, Vhost};
use serde_json::{Value, json};

use crate::call::Call;
use crate::failure::Failure;
use crate::fields;
use crate::lists::Wanted;
use crate::reply::Reply;

/// Which of the two kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Policies.
    User,
    /// Operator policies.
    Operator,
}

impl Kind {
    const fn of(self, vhost: &Vhost) -> &Policies {
        match self {
            Self::User => &vhost.policies,
            Self::Operator => &vhost.operator_policies,
        }
    }
}

/// Those of all virtual hosts that the caller may see.
pub(crate) fn list_all(call: &Call, kind: Kind) -> Result<Reply, Failure> {
    let definitions = call.definitions();
    let seen =
        definitions.vhosts().filter(|(name, _)| call.caller.may_see(definitions, name.as_str()));
    let values = seen.flat_map(|(_, vhost)| kind.of(vhost).iter().map(shown)).collect();
    Wanted::parse(&call.query)?.answer(values)
}

/// Those of one virtual host.
pub(crate) fn list(call: &Call, kind: Kind) -> Result<Reply, Failure> {
    let (_, vhost) = crate::vhosts::named(call)?;
    Wanted::parse(&call.query)?.answer(kind.of(vhost).iter().map(shown).collect())
}

/// One.
pub(crate) fn show(call: &Call, kind: Kind) -> Result<Reply, Failure> {
    let (_, vhost) = crate::vhosts::named(call)?;
    let policy = kind.of(vhost).named(call.parameter("name")).ok_or(Failure::NotFound)?;
    Ok(Reply::ok(&shown(policy)))
}

/// Sets one.
pub(crate) async fn put(call: &Call, kind: Kind) -> Result<Reply, Failure> {
    must_be_permitted(call, kind)?;
    let given = call.object()?;
    let pattern = fields::required_text(&given, "pattern")?.to_owned();
    let definition = fields::required(&given, "definition")?;
    let Value::Object(definition) = definition else {
        return Err(Failure::bad("definition has to be an object"));
    };
    let Ok((vhost, found)) = crate::vhosts::named(call) else {
        return Err(Failure::missing("vhost_not_found"));
    };
    let name = fields::name(call.parameter("name"))?;
    let is_new = kind.of(found).named(name.as_str()).is_none();
    let policy = Policy {
        vhost: vhost.clone(),
        name,
        pattern,
        apply_to: apply_to(&given)?,
        priority: priority(&given)?,
        definition: definition.clone().into_iter().collect(),
    };
    call.change(Change::SetPolicy { policy, is_operator: kind == Kind::Operator }).await?;
    Ok(Reply::put(is_new))
}

/// Clears one.
pub(crate) async fn delete(call: &Call, kind: Kind) -> Result<Reply, Failure> {
    must_be_permitted(call, kind)?;
    let (vhost, found) = crate::vhosts::named(call)?;
    let policy = kind.of(found).named(call.parameter("name")).ok_or(Failure::NotFound)?;
    let (vhost, name) = (vhost.clone(), policy.name.clone());
    call.change(Change::ClearPolicy { vhost, name, is_operator: kind == Kind::Operator }).await?;
    Ok(Reply::done())
}

/// `management.restrictions.operator_policy_changes.disabled`, in RabbitMQ's words.
fn must_be_permitted(call: &Call, kind: Kind) -> Result<(), Failure> {
    if kind == Kind::Operator && !call.desk.facts.api.permits_operator_policies {
        return Err(Failure::Restricted("Broker settings disallow editing of operator policies."));
    }
    Ok(())
}

fn apply_to(given: &fields::Fields) -> Result<ApplyTo, Failure> {
    let word = fields::text(given, "apply-to")?.unwrap_or("all");
    ApplyTo::parse(word).ok_or_else(|| {
        Failure::bad(format!(
            "Validation failed\n\napply-to '{word}' unrecognised; should be one of: 'queues', 'classic_queues',  \
             'quorum_queues', 'streams', 'exchanges', or 'all'\n"
        ))
    })
}

fn priority(given: &fields::Fields) -> Result<i64, Failure> {
    match given.get("priority") {
        None | Some(Value::Null) => Ok(0),
        Some(value) => value.as_i64().ok_or_else(|| {
            let shown =
                value.as_str().map_or_else(|| value.to_string(), |text| format!("<<\"{text}\">>"));
            Failure::bad(format!(
                "Validation failed\n\npriority should be a number, actually was {shown}\n"
            ))
        }),
    }
}

/// A policy as the API shows it.
pub(crate) fn shown(policy: &Policy) -> Value {
    json!({
        "vhost": policy.vhost.as_str(),
        "name": policy.name.as_str(),
        "pattern": policy.pattern,
        "apply-to": policy.apply_to,
        "priority": policy.priority,
        "definition": policy.definition,
    })
}
