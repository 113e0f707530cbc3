//! Plugins: Leveret has none, but parts that do what plugins of RabbitMQ do. They are built in, and always enabled.

use serde_json::{Value, json};

use super::status::{field, node};
use crate::call::Call;
use crate::command::{Command, Flag, PLUGINS, Section, command, switch};
use crate::failure::{Failure, code};
use crate::output::Output;

const WHERE: &[Flag] = &[
    switch("offline", "accepted: nothing is changed"),
    switch("online", "accepted: nothing is changed"),
    switch("all", "all that there are"),
];

pub(super) const COMMANDS: &[Command] = &[
    command(
        Section::Plugins,
        "list",
        "[pattern] [--verbose] [--minimal] [--enabled] [--implicitly-enabled]",
        "Lists the plugins whose work this server does by itself",
        list,
    )
    .takes(0, 1)
    .with(&[
        switch("verbose", "with their versions in lines of their own").or('v'),
        switch("minimal", "only their names").or('m'),
        switch("enabled", "those that are enabled").or('E'),
        switch("implicitly-enabled", "those that are enabled, by themselves or for others").or('e'),
    ])
    .of(PLUGINS)
    .says(|call| {
        format!(
            "Listing plugins with pattern \"{}\" ...",
            call.arguments().first().map_or(".*", String::as_str)
        )
    }),
    command(
        Section::Plugins,
        "is_enabled",
        "<plugin1> [ <plugin2>] [--offline] [--online]",
        "Fails unless plugins are enabled",
        is_enabled,
    )
    .takes(1, usize::MAX)
    .with(WHERE)
    .of(PLUGINS)
    .says(|call| {
        let (word, verb) = number(call);
        format!(
            "Asking node {} if {} {} {verb} enabled...",
            call.node(),
            word.to_lowercase(),
            call.arguments().join(", ")
        )
    }),
    command(
        Section::Plugins,
        "enable",
        "<plugin1> [ <plugin2>] | --all [--offline] [--online]",
        "Enables plugins: what is built in is enabled already, anything else cannot be",
        |call| enable(call, "enabled"),
    )
    .takes(0, usize::MAX)
    .with(WHERE)
    .of(PLUGINS)
    .checks(some)
    .says(|call| {
        format!("Enabling plugins on node {}:\n{}", call.node(), call.arguments().join("\n"))
    }),
    command(
        Section::Plugins,
        "set",
        "<plugin1> [ <plugin2>] [--offline] [--online]",
        "Enables these plugins and no others: what is built in stays enabled",
        |call| enable(call, "set"),
    )
    .takes(1, usize::MAX)
    .with(WHERE)
    .of(PLUGINS)
    .says(|call| {
        format!("Enabling plugins on node {}:\n{}", call.node(), call.arguments().join("\n"))
    }),
    command(
        Section::Plugins,
        "disable",
        "<plugin1> [ <plugin2>] | --all [--offline] [--online]",
        "Disables plugins, which what is built in does not allow",
        disable,
    )
    .takes(0, usize::MAX)
    .with(WHERE)
    .of(PLUGINS)
    .checks(some)
    .says(|call| {
        format!("Disabling plugins on node {}:\n{}", call.node(), call.arguments().join("\n"))
    }),
    command(
        Section::Plugins,
        "directories",
        "[--offline] [--online]",
        "Displays where plugins are: nowhere",
        |_| {
            Ok(Output::text(
                "Leveret loads no plugins: what it does is built in, and `list` shows it",
            ))
        },
    )
    .with(WHERE)
    .of(PLUGINS)
    .says(|call| format!("Listing plugin directories used by node {}", call.node())),
];

fn some(call: &Call<'_>) -> Result<(), Failure> {
    if call.arguments().is_empty() && !call.has("all") {
        return Err(Failure::usage("not enough arguments."));
    }
    Ok(())
}

fn number(call: &Call<'_>) -> (&'static str, &'static str) {
    if call.arguments().len() == 1 { ("Plugin", "is") } else { ("Plugins", "are") }
}

fn enabled(call: &Call<'_>) -> Result<Vec<(String, String)>, Failure> {
    let node = node(call)?;
    let version = field(&call.server.get("/overview")?, "rabbitmq_version");
    let mut plugins: Vec<(String, String)> = node["enabled_plugins"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|name| (name.to_owned(), version.clone()))
        .collect();
    plugins.sort();
    Ok(plugins)
}

fn list(call: &Call<'_>) -> Result<Output, Failure> {
    let pattern = call.argument(0).trim_matches(['^', '$', '*', '.']);
    let plugins: Vec<(String, String)> =
        enabled(call)?.into_iter().filter(|(name, _)| name.contains(pattern)).collect();
    let width = plugins.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines: Vec<String> = plugins
        .iter()
        .map(|(name, version)| {
            if call.has("minimal") {
                name.clone()
            } else if call.has("verbose") {
                format!("[E*] {name}\n     Version:     \t{version}\n     Dependencies:\t[]\n     Description: \tbuilt in")
            } else {
                format!("[E*] {name:<width$} {version}")
            }
        })
        .collect();
    let mut text = String::new();
    if !call.has("minimal") && !call.has("quiet") && !call.has("silent") {
        text = format!(
            " Configured: E = explicitly enabled; e = implicitly enabled\n | Status: * = running on {}\n |/\n",
            call.node()
        );
    }
    text.push_str(&lines.join("\n"));
    let value = json!({
        "status": "running",
        "format": if call.has("minimal") { "minimal" } else { "normal" },
        "plugins": plugins
            .iter()
            .map(|(name, version)| json!({
                "name": name, "version": version, "running_version": version, "enabled": "enabled", "running": true,
            }))
            .collect::<Value>(),
    });
    Ok(Output::Report { text, value })
}

/// Those of the arguments that are not built in.
fn missing(call: &Call<'_>, plugins: &[(String, String)]) -> Vec<String> {
    let is_there = |wanted: &&String| !plugins.iter().any(|(name, _)| name == *wanted);
    call.arguments().iter().filter(is_there).cloned().collect()
}

fn is_enabled(call: &Call<'_>) -> Result<Output, Failure> {
    let plugins = enabled(call)?;
    let missing = missing(call, &plugins);
    if missing.is_empty() {
        let (word, verb) = number(call);
        return Ok(Output::passed(format!(
            "{word} {} {verb} enabled on node {}",
            call.arguments().join(", "),
            call.node()
        )));
    }
    let names: Vec<&str> = plugins.iter().map(|(name, _)| name.as_str()).collect();
    let (word, verb) = if missing.len() == 1 { ("Plugin", "is") } else { ("Plugins", "are") };
    Err(Failure::unavailable(format!(
        "{word} {} {verb} not enabled on node {}. Enabled plugins and dependencies: {}",
        missing.join(", "),
        call.node(),
        names.join(", ")
    )))
}

fn enable(call: &Call<'_>, done: &str) -> Result<Output, Failure> {
    let missing = missing(call, &enabled(call)?);
    if !missing.is_empty() {
        return Err(Failure::stated(
            code::DATA,
            format!("The following plugins were not found: {}", missing.join(", ")),
        ));
    }
    Ok(Output::text(format!(
        "Applying plugin configuration to {}...\nPlugin configuration unchanged: what is {done} is built in, and always enabled.",
        call.node()
    )))
}

fn disable(call: &Call<'_>) -> Result<Output, Failure> {
    let plugins = enabled(call)?;
    let missing = missing(call, &plugins);
    // What is not there is disabled.
    if !call.has("all") && missing.len() == call.arguments().len() {
        return Ok(Output::text("Plugin configuration unchanged."));
    }
    Err(Failure::unavailable(
        "what is built in cannot be disabled; its listeners can, in rabbitmq.conf",
    ))
}
