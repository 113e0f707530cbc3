//! Virtual hosts.

use serde_json::{Map, Value, json};

use crate::call::{self, Call, no_vhost};
use crate::command::{CTL_AND_DIAGNOSTICS, Command, Section, command, switch, text};
use crate::failure::{Failure, code};
use crate::output::Output;
use crate::terms::Cell;

const COLUMNS: &[&str] = &[
    "name",
    "description",
    "tags",
    "default_queue_type",
    "tracing",
    "cluster_state",
    "metadata",
    "protected_from_deletion",
];

pub(super) const COMMANDS: &[Command] = &[
    command(
        Section::Vhosts,
        "add_vhost",
        "<vhost> [--description <description> --tags \"<tag1>,<tag2>,<...>\" --default-queue-type <quorum|classic|stream>]",
        "Creates a virtual host",
        add,
    )
    .takes(1, 1)
    .with(&[
        text("description", "what it is for"),
        text("tags", "tags, with commas between them"),
        text("default-queue-type", "type of queues that do not name one"),
    ])
    .checks(check_type)
    .says(|call| format!("Adding vhost \"{}\" ...", call.argument(0))),
    command(
        Section::Vhosts,
        "delete_vhost",
        "<vhost>",
        "Deletes a virtual host with everything in it",
        delete,
    )
    .takes(1, 1)
    .says(|call| format!("Deleting vhost \"{}\" ...", call.argument(0))),
    command(
        Section::Access,
        "list_vhosts",
        "[--no-table-headers] [<column> ...] [--timeout <timeout>]",
        "Lists virtual hosts",
        list,
    )
    .takes(0, usize::MAX)
    .lists(COLUMNS, &["name"])
    .of(CTL_AND_DIAGNOSTICS)
    .checks(call::columns)
    .says(|_| "Listing vhosts ...".to_owned()),
    command(
        Section::Vhosts,
        "update_vhost_metadata",
        "<vhost> [--description=<description>] [--tags=\"<tag1>,<tag2>,<...>\"] [--default-queue-type=<quorum|classic|stream>] [--protected-from-deletion=<true|false>]",
        "Changes a virtual host's description, tags, default queue type or protection",
        update,
    )
    .takes(1, 1)
    .with(&[
        text("description", "what it is for"),
        text("tags", "tags, with commas between them"),
        text("default-queue-type", "type of queues that do not name one"),
        switch("protected-from-deletion", "whether it cannot be deleted, as =true or =false"),
    ])
    .checks(check_update)
    .says(|call| format!("Updating metadata of vhost \"{}\" ...", call.argument(0))),
    command(
        Section::Vhosts,
        "set_vhost_tags",
        "<vhost> <tag> [...]",
        "Sets a virtual host's tags; without any, takes them away",
        set_tags,
    )
    .takes(1, usize::MAX)
    .says(|call| {
        format!(
            "Setting tags for virtual host \"{}\" to [{}] ...",
            call.argument(0),
            call.arguments().get(1..).unwrap_or_default().join(", ")
        )
    }),
    command(
        Section::Vhosts,
        "enable_vhost_deletion_protection",
        "<vhost>",
        "Protects a virtual host from deletion",
        protect,
    )
    .takes(1, 1)
    .says(|call| {
        format!("Protecting virtual host \"{}\" from removal by updating its metadata...", call.argument(0))
    }),
    command(
        Section::Vhosts,
        "disable_vhost_deletion_protection",
        "<vhost>",
        "Lets a virtual host be deleted again",
        unprotect,
    )
    .takes(1, 1)
    .says(|call| {
        format!(
            "Removing deletion protection from virtual host \"{}\" by updating its metadata...",
            call.argument(0)
        )
    }),
    command(
        Section::Vhosts,
        "restart_vhost",
        "[--vhost <vhost>] [--timeout <timeout>]",
        "Restarts a virtual host that has failed; those of Leveret live and fail with their node",
        restart,
    )
    .says(|call| format!("Trying to restart vhost '{}' on node '{}' ...", call.vhost(), call.node())),
    command(
        Section::Vhosts,
        "reconcile_vhosts",
        "[--timeout <timeout>]",
        "Starts virtual hosts that a node lacks; with a single node there are none",
        |_| Ok(Output::Nothing),
    )
    .says(|_| "Will reconcile all virtual hosts on all reachable cluster nodes".to_owned()),
    command(
        Section::Vhosts,
        "trace_on",
        "[--vhost <vhost>]",
        "Copies every message of a virtual host to the exchange amq.rabbitmq.trace",
        |call| trace(call, true),
    )
    .says(|call| format!("Starting tracing for vhost \"{}\" ...", call.vhost())),
    command(Section::Vhosts, "trace_off", "[--vhost <vhost>]", "Ends what trace_on began", |call| {
        trace(call, false)
    })
    .says(|call| format!("Stopping tracing for vhost \"{}\" ...", call.vhost())),
];

fn check_type(call: &Call<'_>) -> Result<(), Failure> {
    match call.option("default-queue-type") {
        None | Some("quorum" | "classic" | "stream") => Ok(()),
        Some(other) => Err(Failure::argument(format!(
            "Default queue type must be one of: quorum, stream, classic. Provided: {other}"
        ))),
    }
}

fn check_update(call: &Call<'_>) -> Result<(), Failure> {
    let options = ["description", "tags", "default-queue-type", "protected-from-deletion"];
    if !options.iter().any(|option| call.has(option)) {
        return Err(Failure::usage("not enough arguments."));
    }
    check_type(call)
}

/// The options as the API's fields.
fn fields(call: &Call<'_>) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            fields.insert(name.to_owned(), value);
        }
    };
    set("description", call.option("description").map(|text| json!(text)));
    set("tags", call.option("tags").map(|text| json!(text)));
    set("default_queue_type", call.option("default-queue-type").map(|text| json!(text)));
    let protection = call.option("protected-from-deletion").map(|value| json!(value != "false"));
    set("protected_from_deletion", protection);
    fields
}

fn add(call: &Call<'_>) -> Result<Output, Failure> {
    let path = call.path("/vhosts", &[call.argument(0)]);
    // What is there already stays as it is.
    if call.server.look(&path)?.is_none() {
        call.server.put(&path, &Value::Object(fields(call)))?;
    }
    Ok(Output::Nothing)
}

fn delete(call: &Call<'_>) -> Result<Output, Failure> {
    let vhost = call.argument(0);
    match call.server.remove(&call.path("/vhosts", &[vhost]), "")? {
        true => Ok(Output::Nothing),
        false => Err(no_vhost(vhost)),
    }
}

fn list(call: &Call<'_>) -> Result<Output, Failure> {
    let vhosts = call.server.list("/vhosts", "")?;
    let rows = call.rows(&vhosts, |vhost, column| match column {
        "metadata" => {
            let mut facts = vhost["metadata"].as_object().cloned().unwrap_or_default();
            // The tracing flag is not among what RabbitMQ keeps there.
            facts.remove("tracing");
            Cell::Facts(facts)
        }
        "cluster_state" => {
            let states: Vec<String> = vhost["cluster_state"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(node, state)| format!("{{{node}, {}}}", state.as_str().unwrap_or_default()))
                .collect();
            Cell::Names(states)
        }
        "protected_from_deletion" => Cell::Plain(json!(
            vhost[column].as_bool().or_else(|| vhost["metadata"][column].as_bool()) == Some(true)
        )),
        "default_queue_type" if vhost[column] == json!("undefined") => Cell::text("classic"),
        _ => Cell::of(&vhost[column]),
    })?;
    Ok(Output::Rows(rows))
}

fn update(call: &Call<'_>) -> Result<Output, Failure> {
    let vhost = call.argument(0);
    change(call, vhost, fields(call))
}

/// Sets some fields; those that are not named stay, whether the server keeps them or not.
fn change(call: &Call<'_>, vhost: &str, fields: Map<String, Value>) -> Result<Output, Failure> {
    let found = call.vhost_or_fail(vhost)?;
    let mut body = Map::new();
    for name in ["description", "default_queue_type", "tracing", "protected_from_deletion"] {
        if !found[name].is_null() && found[name] != json!("undefined") {
            body.insert(name.to_owned(), found[name].clone());
        }
    }
    if let Cell::Names(tags) = Cell::names(&found["tags"]) {
        body.insert("tags".to_owned(), json!(tags.join(",")));
    }
    body.extend(fields);
    call.server.put(&call.path("/vhosts", &[vhost]), &Value::Object(body))?;
    Ok(Output::Nothing)
}

fn set_tags(call: &Call<'_>) -> Result<Output, Failure> {
    let vhost = call.argument(0);
    if call.server.look(&call.path("/vhosts", &[vhost]))?.is_none() {
        return Err(Failure::stated(
            code::DATA,
            format!("Virtual host \"{vhost}\" does not exist"),
        ));
    }
    let tags = call.arguments().get(1..).unwrap_or_default().join(",");
    change(call, vhost, Map::from_iter([("tags".to_owned(), json!(tags))]))
}

fn protection(call: &Call<'_>, is_on: bool) -> Result<Output, Failure> {
    let vhost = call.argument(0);
    call.vhost_or_fail(vhost)?;
    let path = format!("{}/deletion/protection", call.path("/vhosts", &[vhost]));
    if is_on {
        call.server.post(&path, &json!({}))?;
    } else {
        call.server.delete(&path)?;
    }
    Ok(Output::Nothing)
}

fn protect(call: &Call<'_>) -> Result<Output, Failure> {
    protection(call, true)
}

fn unprotect(call: &Call<'_>) -> Result<Output, Failure> {
    protection(call, false)
}

fn restart(call: &Call<'_>) -> Result<Output, Failure> {
    let (vhost, node) = (call.vhost(), call.node());
    if call.server.look(&call.path("/vhosts", &[vhost]))?.is_none() {
        return Err(Failure::stated(
            code::SOFTWARE,
            format!(
                "Failed to start vhost '{vhost}' on node '{node}'Reason: {{:no_such_vhost, \"{vhost}\"}}"
            ),
        ));
    }
    let path = format!("{}/start/{}", call.path("/vhosts", &[vhost]), crate::server::escaped(node));
    call.server.post(&path, &json!({}))?;
    Ok(Output::text(format!("Successfully restarted vhost '{vhost}' on node '{node}'")))
}

fn trace(call: &Call<'_>, is_on: bool) -> Result<Output, Failure> {
    // The API would make a virtual host that is not there.
    let vhost = call.vhost();
    change(call, vhost, Map::from_iter([("tracing".to_owned(), json!(is_on))]))?;
    let word = if is_on { "enabled" } else { "disabled" };
    Ok(Output::text(format!("Trace {word} for vhost {vhost}")))
}
