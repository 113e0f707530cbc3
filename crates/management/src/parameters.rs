//! `/parameters`: runtime parameters of virtual hosts. Limits of virtual hosts are among them.

use metadata::{Change, Vhost, VhostLimits};
use serde_json::{Value, json};

use crate::call::Call;
use crate::failure::Failure;
use crate::fields;
use crate::limits;
use crate::lists::Wanted;
use crate::reply::Reply;

/// The component that limits are parameters of, and their name there.
const LIMITS: (&str, &str) = ("vhost-limits", "limits");

/// Components whose parameters are kept for parts that come later, so that definitions pass through unchanged.
const COMPONENTS: [&str; 5] =
    ["federation-upstream", "federation-upstream-set", "shovel", "user-limits", "mqtt-client-id"];

/// Those of all virtual hosts that the caller may see, of one component or all.
pub(crate) fn list(call: &Call) -> Result<Reply, Failure> {
    let definitions = call.definitions();
    let vhosts: Vec<_> = match call.parameters.find("vhost") {
        Some(_) => vec![crate::vhosts::named(call)?],
        None => definitions
            .vhosts()
            .filter(|(name, _)| call.caller.may_see(definitions, name.as_str()))
            .collect(),
    };
    let wanted = call.parameters.find("component");
    let all = vhosts.into_iter().flat_map(|(name, vhost)| of_vhost(name.as_str(), vhost));
    let values = all.filter(|value| wanted.is_none_or(|wanted| value["component"] == wanted));
    Wanted::parse(&call.query)?.answer(values.collect())
}

/// One.
pub(crate) fn show(call: &Call) -> Result<Reply, Failure> {
    let (name, vhost) = crate::vhosts::named(call)?;
    let (component, parameter) = (call.parameter("component"), call.parameter("name"));
    let mut all = of_vhost(name.as_str(), vhost).into_iter();
    let found = all.find(|value| value["component"] == component && value["name"] == parameter);
    found.map(|value| Reply::ok(&value)).ok_or(Failure::NotFound)
}

/// Sets one.
pub(crate) async fn put(call: &Call) -> Result<Reply, Failure> {
    let given = call.object()?;
    let value = fields::required(&given, "value")?.clone();
    let Ok((name, vhost)) = crate::vhosts::named(call) else {
        return Err(Failure::missing("vhost_not_found"));
    };
    let (component, parameter) = (call.parameter("component"), call.parameter("name"));
    if (component, parameter) == LIMITS {
        let is_new = vhost.limits == VhostLimits::default();
        let limits = read_limits(&value)?;
        call.change(Change::SetVhostLimits { vhost: name.clone(), limits }).await?;
        return Ok(Reply::put(is_new));
    }
    if component == "policy" || component == "operator_policy" {
        return Err(Failure::bad("policies may not be set using this method"));
    }
    if !COMPONENTS.contains(&component) {
        let reason = format!("Validation failed\n\ncomponent {component} not found\n");
        return Err(Failure::bad(reason));
    }
    ::definitions::check_parameter(component, parameter, &value)
        .map_err(|fault| Failure::bad(format!("Validation failed\n\n{fault}\n")))?;
    let key = (component.to_owned(), parameter.to_owned());
    let is_new = !vhost.parameters.contains_key(&key);
    let (component, parameter) = key;
    tracing::warn!(
        "parameter '{parameter}' of '{component}' in virtual host '{name}' is kept, but nothing runs by it here"
    );
    let (vhost, value) = (name.clone(), value.into());
    let change = Change::SetParameter { vhost, component, name: parameter, value };
    call.change(change).await?;
    Ok(Reply::put(is_new))
}

/// Clears one.
pub(crate) async fn delete(call: &Call) -> Result<Reply, Failure> {
    let (name, vhost) = crate::vhosts::named(call)?;
    let (component, parameter) = (call.parameter("component"), call.parameter("name"));
    let change = if (component, parameter) == LIMITS {
        if vhost.limits == VhostLimits::default() {
            return Err(Failure::NotFound);
        }
        Change::SetVhostLimits { vhost: name.clone(), limits: VhostLimits::default() }
    } else {
        let key = (component.to_owned(), parameter.to_owned());
        if !vhost.parameters.contains_key(&key) {
            return Err(Failure::NotFound);
        }
        let (component, parameter) = key;
        Change::ClearParameter { vhost: name.clone(), component, name: parameter }
    };
    call.change(change).await?;
    Ok(Reply::done())
}

fn read_limits(value: &Value) -> Result<VhostLimits, Failure> {
    let wrong = |what: String| Failure::bad(format!("Validation failed\n\n{what}\n"));
    let Value::Object(given) = value else {
        return Err(wrong("limits have to be an object".to_owned()));
    };
    let mut read = VhostLimits::default();
    for (name, value) in given {
        let number = value
            .as_i64()
            .ok_or_else(|| wrong(format!("{name} should be a number, actually was {value}")))?;
        let max = u64::try_from(number).ok();
        match name.as_str() {
            "max-connections" => read.connections_max = max,
            "max-queues" => read.queues_max = max,
            _ => return Err(wrong(format!("Unrecognised term {name} in limits"))),
        }
    }
    Ok(read)
}

/// All parameters of a virtual host, its limits first.
fn of_vhost(name: &str, vhost: &Vhost) -> Vec<Value> {
    let shown = |component: &str, parameter: &str, value: Value| json!({ "vhost": name, "component": component, "name": parameter, "value": value });
    let mut values = Vec::new();
    if vhost.limits != VhostLimits::default() {
        values.push(shown(LIMITS.0, LIMITS.1, limits::vhost_limits(&vhost.limits)));
    }
    let kept = vhost.parameters.iter();
    values.extend(kept.map(|((component, name), value)| shown(component, name, (**value).clone())));
    values
}
