//! The name of the cluster, and what a cluster of one makes easy.

use serde_json::json;

use crate::command::{Command, Section, UPGRADE, command};
use crate::output::Output;

pub(super) const COMMANDS: &[Command] = &[
    command(
        Section::Cluster,
        "set_cluster_name",
        "<name>",
        "Sets the name of the cluster",
        |call| {
            call.server.put("/cluster-name", &json!({ "name": call.argument(0) }))?;
            Ok(Output::Nothing)
        },
    )
    .takes(1, 1)
    .says(|call| format!("Setting cluster name to {} ...", call.argument(0))),
    command(
        Section::Cluster,
        "await_online_quorum_plus_one",
        "",
        "Waits until enough nodes are there for one to go: with a single node nothing is waited for",
        |_| {
            Ok(Output::text("Target node seems to be the only one in a single node cluster, the command does not apply"))
        },
    )
    .of(UPGRADE)
    .says(|call| {
        format!(
            "Will wait for a quorum + 1 of nodes to be online for all quorum queues and streams for {} seconds...",
            call.timeout_s().unwrap_or(120)
        )
    }),
    command(Section::Cluster, "post_upgrade", "", "Does what is to do after an upgrade: nothing", |_| {
        Ok(Output::text("Nothing is to be done after an upgrade of a single node"))
    })
    .of(UPGRADE)
    .says(|_| "Executing post upgrade checks...".to_owned()),
];
