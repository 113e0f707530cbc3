//! Who may use a route. The one place that says no.

use management_api::{Access, Parameters};
use metadata::Definitions;

use crate::caller::Caller;
use crate::failure::Failure;

/// Whether a caller may use a route.
///
/// # Errors
/// In RabbitMQ's words. A virtual host in which the user has no permissions looks like one that is not there.
pub(crate) fn check(
    access: Access,
    caller: &Caller,
    parameters: &Parameters,
    definitions: &Definitions,
) -> Result<(), Failure> {
    let refuse = |reason: &str| Err(Failure::NotAuthorised(reason.to_owned()));
    if access == Access::Open {
        return Ok(());
    }
    if !caller.has_any_tag() {
        return refuse("Not management user");
    }
    let object = "User not authorised to access object";
    match access {
        Access::Open | Access::AnyTag | Access::Owner => Ok(()),
        Access::Administrator if !caller.is_administrator() => refuse("Not administrator user"),
        Access::Monitoring if !caller.is_monitoring() => refuse("Not monitor user"),
        Access::GlobalPolicymaker | Access::Policymaker if !caller.is_policymaker() => {
            refuse(object)
        }
        Access::Oneself => {
            let named = parameters.find("user");
            let is_oneself = named.is_some() && named == caller.name.as_ref().map(|n| n.as_str());
            if is_oneself || caller.is_monitoring() { Ok(()) } else { refuse(object) }
        }
        Access::Administrator | Access::Monitoring | Access::GlobalPolicymaker => Ok(()),
        Access::Vhost | Access::VhostVisible | Access::Policymaker => {
            let Some(vhost) = parameters.find("vhost") else { return Ok(()) };
            // What is not there hides nothing, and each resource has its words for it.
            if definitions.vhost(vhost).is_none() {
                return Ok(());
            }
            let may = caller.is_administrator()
                || caller.may_enter(definitions, vhost)
                || (access == Access::VhostVisible && caller.is_monitoring());
            if may { Ok(()) } else { Err(Failure::Hidden) }
        }
    }
}
