//! Commands of RabbitMQ that cannot be here: each says why, and what to do instead. They end with 69.

use crate::call::Call;
use crate::command::{
    CTL, Command, DIAGNOSTICS, QUEUES, Runs, STREAMS, Section, Tool, UPGRADE, command,
};
use crate::failure::Failure;
use crate::output::Output;

fn refuse(reason: &str) -> Result<Output, Failure> {
    Err(Failure::unavailable(reason))
}

fn single(_: &Call<'_>) -> Result<Output, Failure> {
    refuse("Leveret is a single node: it has no cluster to join, leave or change")
}

fn erlang(_: &Call<'_>) -> Result<Output, Failure> {
    refuse(
        "there is no Erlang here to evaluate that; use the HTTP API, or the command for what it would show",
    )
}

fn encrypted(_: &Call<'_>) -> Result<Output, Failure> {
    refuse(
        "Leveret has no encrypted configuration values; give a secret as $(VARIABLE) of the environment, or in a file that only its user reads",
    )
}

fn application(_: &Call<'_>) -> Result<Output, Failure> {
    refuse(
        "a node of Leveret is one process that runs or not; stop it with `stop`, start it with `leveret serve`",
    )
}

fn reset(_: &Call<'_>) -> Result<Output, Failure> {
    refuse(
        "a node is reset by stopping it and moving its data directory away; export definitions before",
    )
}

fn streams(_: &Call<'_>) -> Result<Output, Failure> {
    refuse("Leveret has no streams yet")
}

fn listeners(_: &Call<'_>) -> Result<Output, Failure> {
    refuse(
        "listeners cannot be suspended while the node runs; change them in rabbitmq.conf and restart it",
    )
}

fn nothing(_: &Call<'_>) -> Result<Output, Failure> {
    refuse("the node does not record that; its log and its metrics tell what it does")
}

const fn refused(
    name: &'static str,
    usage: &'static str,
    summary: &'static str,
    tools: &'static [Tool],
    why: Runs,
) -> Command {
    command(Section::Cluster, name, usage, summary, why).takes(0, usize::MAX).of(tools).refused()
}

const CLUSTER: &str = "Refused: a single node has no cluster";
const ERLANG: &str = "Refused: there is no Erlang";
const ENCRYPTED: &str = "Refused: there are no encrypted configuration values";
const MEMBERS: &str = "Refused: a queue has one member, on this node";
const STREAM: &str = "Refused: there are no streams yet";
const ABSENT: &str = "Refused: the node does not record that";
const ON_NODES: &str = "[--vhost <vhost>] <queue> <node>";

pub(super) const COMMANDS: &[Command] = &[
    refused("join_cluster", "[--disc] <existing_cluster_member>", CLUSTER, CTL, single),
    refused(
        "forget_cluster_node",
        "[--offline] <existing_cluster_member_node>",
        CLUSTER,
        CTL,
        single,
    ),
    refused(
        "rename_cluster_node",
        "<oldnode1> <newnode1> [oldnode2] [newnode2] ...",
        CLUSTER,
        CTL,
        single,
    ),
    refused("update_cluster_nodes", "<seed_node>", CLUSTER, CTL, single),
    refused("force_boot", "", CLUSTER, CTL, single),
    refused("force_standalone_khepri_boot", "", CLUSTER, CTL, single),
    refused("reset", "", "Refused: move the data directory away instead", CTL, reset),
    refused("force_reset", "", "Refused: move the data directory away instead", CTL, reset),
    refused("start_app", "", "Refused: the node is one process", CTL, application),
    refused("stop_app", "", "Refused: the node is one process", CTL, application),
    refused("suspend_listeners", "", "Refused: listeners are configured", CTL, listeners),
    refused("resume_listeners", "", "Refused: listeners are configured", CTL, listeners),
    refused("drain", "", "Refused: listeners are configured", UPGRADE, listeners),
    refused("revive", "", "Refused: listeners are configured", UPGRADE, listeners),
    refused("eval", "<expression>", ERLANG, CTL, erlang),
    refused("eval_file", "<file path>", ERLANG, CTL, erlang),
    refused("exec", "<expression> [--offline]", ERLANG, CTL, erlang),
    refused("force_gc", "[--timeout <timeout>]", ERLANG, CTL, erlang),
    refused("remote_shell", "", ERLANG, DIAGNOSTICS, erlang),
    refused("observer", "[--interval <seconds>]", ERLANG, DIAGNOSTICS, erlang),
    refused("maybe_stuck", "[--timeout <timeout>]", ERLANG, DIAGNOSTICS, erlang),
    refused("erlang_version", "[--timeout <timeout>]", ERLANG, DIAGNOSTICS, erlang),
    refused("erlang_cookie_hash", "[--timeout <timeout>]", ERLANG, DIAGNOSTICS, erlang),
    refused("erlang_cookie_sources", "[--timeout <timeout>]", ERLANG, DIAGNOSTICS, erlang),
    refused("runtime_thread_stats", "[--sample-interval <interval>]", ERLANG, DIAGNOSTICS, erlang),
    refused("resolver_info", "", ERLANG, DIAGNOSTICS, erlang),
    refused("command_line_arguments", "", ABSENT, DIAGNOSTICS, nothing),
    refused(
        "cipher_suites",
        "[--format <openssl | erlang | map>] [--all]",
        ABSENT,
        DIAGNOSTICS,
        nothing,
    ),
    refused("message_size_stats", "[--timeout <timeout>]", ABSENT, DIAGNOSTICS, nothing),
    refused("log_tail_stream", "[--duration|-d <seconds>]", ABSENT, DIAGNOSTICS, nothing),
    refused(
        "encode",
        "value passphrase [--cipher <cipher>] [--hash <hash>] [--iterations <iterations>]",
        ENCRYPTED,
        CTL,
        encrypted,
    )
    .secret(),
    refused(
        "decode",
        "value passphrase [--cipher <cipher>] [--hash <hash>] [--iterations <iterations>]",
        ENCRYPTED,
        CTL,
        encrypted,
    )
    .secret(),
    refused(
        "encrypt_conf_value",
        "value passphrase [--cipher <cipher>] [--hash <hash>] [--iterations <iterations>]",
        ENCRYPTED,
        CTL,
        encrypted,
    )
    .secret(),
    refused(
        "decrypt_conf_value",
        "value passphrase [--cipher <cipher>] [--hash <hash>] [--iterations <iterations>]",
        ENCRYPTED,
        CTL,
        encrypted,
    )
    .secret(),
    refused("list_hashes", "", ENCRYPTED, CTL, encrypted),
    refused("list_ciphers", "", ENCRYPTED, CTL, encrypted),
    refused(
        "add_member",
        "[--vhost <vhost>] <queue> <node> [--membership <promotable|voter>]",
        MEMBERS,
        QUEUES,
        single,
    ),
    refused("delete_member", ON_NODES, MEMBERS, QUEUES, single),
    refused(
        "grow",
        "<node> <all | even> [--vhost-pattern <pattern>] [--queue-pattern <pattern>]",
        MEMBERS,
        QUEUES,
        single,
    ),
    refused(
        "grow_to_count",
        "<node_count> <all | even> [--vhost-pattern <pattern>] [--queue-pattern <pattern>]",
        MEMBERS,
        QUEUES,
        single,
    ),
    refused("shrink", "<node> [--errors-only]", MEMBERS, QUEUES, single),
    refused("transfer_leadership", ON_NODES, MEMBERS, QUEUES, single),
    refused("add_replica", "[--vhost <vhost>] <stream> <node>", STREAM, STREAMS, streams),
    refused("delete_replica", ON_NODES, STREAM, STREAMS, streams),
    refused("stream_status", "[--vhost <vhost>] [--tracking] <stream>", STREAM, STREAMS, streams),
    refused(
        "restart_stream",
        "[--vhost <vhost>] <stream> [--preferred-leader-node <node>]",
        STREAM,
        STREAMS,
        streams,
    ),
    refused("coordinator_status", "", STREAM, STREAMS, streams),
    refused(
        "add_super_stream",
        "<name> [--vhost <vhost>] [--partitions <partitions>]",
        STREAM,
        STREAMS,
        streams,
    ),
    refused("delete_super_stream", "<name> [--vhost <vhost>]", STREAM, STREAMS, streams),
];
