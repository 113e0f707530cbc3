//! Feature flags and deprecated features.

use serde_json::json;

use crate::call::{self, Call};
use crate::command::{CTL_AND_DIAGNOSTICS, Command, Section, command, switch};
use crate::failure::{Failure, code};
use crate::output::Output;
use crate::terms::Cell;

pub(super) const COMMANDS: &[Command] = &[
    command(
        Section::Features,
        "list_feature_flags",
        "[<column> ...] [--timeout <timeout>]",
        "Lists feature flags",
        list,
    )
    .takes(0, usize::MAX)
    .lists(&["name", "state", "stability", "provided_by", "desc", "doc_url"], &["name", "state"])
    .of(CTL_AND_DIAGNOSTICS)
    .checks(call::columns)
    .says(|_| "Listing feature flags ...".to_owned()),
    command(
        Section::Features,
        "enable_feature_flag",
        "[--opt-in] <all | feature_flag>",
        "Enables a feature flag, or all; those of Leveret are enabled from the start",
        enable,
    )
    .takes(1, 1)
    .with(&[switch("opt-in", "also one that is not stable"), switch("experimental", "the same")])
    .checks(|call| match call.argument(0) {
        "" => Err(Failure::argument("feature flag (or group) name cannot be an empty string")),
        _ => Ok(()),
    })
    .says(|call| match call.argument(0) {
        "all" => "Enabling all feature flags ...".to_owned(),
        name => format!("Enabling feature flag \"{name}\" ..."),
    }),
    command(
        Section::Features,
        "list_deprecated_features",
        "[--used] [<column> ...]",
        "Lists deprecated features",
        list_deprecated,
    )
    .takes(0, usize::MAX)
    .with(&[switch("used", "those that are in use")])
    .lists(
        &["name", "deprecation_phase", "provided_by", "desc", "doc_url", "state"],
        &["name", "deprecation_phase", "state"],
    )
    .of(CTL_AND_DIAGNOSTICS)
    .checks(call::columns)
    .says(|call| {
        if call.has("used") {
            "Listing deprecated features in use ...".to_owned()
        } else {
            "Listing deprecated features ...".to_owned()
        }
    }),
];

fn list(call: &Call<'_>) -> Result<Output, Failure> {
    let flags = call.server.list("/feature-flags", "")?;
    Ok(Output::Rows(call.rows(&flags, |flag, column| Cell::of(&flag[column]))?))
}

fn enable(call: &Call<'_>) -> Result<Output, Failure> {
    let name = call.argument(0);
    if name == "all" {
        for flag in call.server.list("/feature-flags", "")? {
            if flag["state"] == json!("disabled") && flag["stability"] == json!("stable") {
                let name = flag["name"].as_str().unwrap_or_default();
                call.server
                    .put(&format!("{}/enable", call.path("/feature-flags", &[name])), &json!({}))?;
            }
        }
        return Ok(Output::Nothing);
    }
    let flags = call.server.list("/feature-flags", "")?;
    let Some(flag) = flags.iter().find(|flag| flag["name"].as_str() == Some(name)) else {
        return Err(Failure::stated(
            code::USAGE,
            format!("This feature flag is not supported by node {}", call.node()),
        ));
    };
    if flag["state"] != json!("enabled") {
        call.server.put(&format!("{}/enable", call.path("/feature-flags", &[name])), &json!({}))?;
    }
    Ok(Output::Nothing)
}

fn list_deprecated(call: &Call<'_>) -> Result<Output, Failure> {
    let path = if call.has("used") { "/deprecated-features/used" } else { "/deprecated-features" };
    let features = call.server.list(path, "")?;
    let mut rows = call.rows(&features, |feature, column| Cell::of(&feature[column]))?;
    rows.is_drawn = true;
    Ok(Output::Rows(rows))
}
