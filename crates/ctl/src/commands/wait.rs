//! Waiting for a node, and asking whether it is there.

use std::time::{Duration, Instant};

use crate::call::Call;
use crate::command::{
    CTL, CTL_AND_DIAGNOSTICS, Command, DIAGNOSTICS, EVERYWHERE, Section, command, number,
};
use crate::failure::{Failure, code};
use crate::output::Output;

/// How long it is waited if nobody says otherwise, as RabbitMQ's tools do.
const WAIT_S: u64 = 300;
const PAUSE: Duration = Duration::from_millis(100);

pub(super) const COMMANDS: &[Command] = &[
    command(
        Section::Observing,
        "ping",
        "[--timeout <timeout>]",
        "Checks that the node answers",
        ping,
    )
    .of(CTL_AND_DIAGNOSTICS)
    .says(|call| {
        let milliseconds = call.timeout_s().unwrap_or(60) * 1000;
        format!(
            "Will ping {}. This only checks if the OS process is running and answers. Timeout: {milliseconds} ms.",
            call.node()
        )
    }),
    command(Section::Node, "await_startup", "", "Waits until the node has started", |call| {
        until_started(call).map(|()| Output::Nothing)
    })
    .of(EVERYWHERE),
    command(
        Section::Node,
        "wait",
        "[<pidfile>] [--pid|-P <pid>] [--timeout <timeout>]",
        "Waits until the node has started, as long as its process lives",
        wait,
    )
    .takes(0, 1)
    .with(&[number("pid", "the node's process").or('P')])
    .of(CTL_AND_DIAGNOSTICS)
    .checks(|call| match (call.arguments().is_empty(), call.has("pid")) {
        (true, false) => Err(Failure::usage("\"No pid or pidfile specified\"")),
        (false, true) => {
            Err(Failure::usage("\"Cannot specify both pid and pidfile\""))
        }
        _ => Ok(()),
    })
    .says(|call| match call.option("pid") {
        Some(pid) => format!("Waiting for the node while OS process '{pid}' is running"),
        None => format!("Waiting for pid file '{}' to appear", call.argument(0)),
    }),
    command(
        Section::Cluster,
        "await_online_nodes",
        "<count> [--timeout <timeout>]",
        "Waits until so many nodes are there: a node of Leveret is one",
        await_nodes,
    )
    .takes(1, 1)
    .of(CTL)
    .checks(|call| positive(call.argument(0)))
    .says(|call| {
        format!(
            "Will wait for at least {} nodes to join the cluster of {}. Timeout: {} seconds.",
            call.argument(0),
            call.node(),
            call.timeout_s().unwrap_or(WAIT_S)
        )
    }),
    command(
        Section::Observing,
        "is_booting",
        "[--timeout <timeout>]",
        "Tells whether the node is still starting",
        is_booting,
    )
    .of(DIAGNOSTICS)
    .says(|call| format!("Asking node {} for its boot status ...", call.node())),
];

pub(super) fn positive(text: &str) -> Result<(), Failure> {
    match text.parse::<u64>() {
        Ok(1..) => Ok(()),
        _ => Err(Failure::argument("Argument must be a positive integer")),
    }
}

fn ping(call: &Call<'_>) -> Result<Output, Failure> {
    // An answer is an answer, also one that wants to know who asks.
    call.server.raw("GET", "/whoami", None, "")?;
    Ok(Output::text("Ping succeeded"))
}

fn until_started(call: &Call<'_>) -> Result<(), Failure> {
    let seconds = call.timeout_s().unwrap_or(WAIT_S);
    let end = Instant::now() + Duration::from_secs(seconds);
    loop {
        let fault = match call.server.raw("GET", "/health/checks/ready-to-serve-clients", None, "")
        {
            Ok(answer) if answer.status < 500 => return Ok(()),
            Ok(_) => "it is still starting".to_owned(),
            Err(failure) => failure.render(call.tool(), None),
        };
        if Instant::now() >= end {
            return Err(Failure::bare(
                code::LATER,
                format!(
                    "Error: operation timed out. Timeout value used: {}\n{}",
                    seconds * 1000,
                    fault.trim_end()
                ),
            ));
        }
        std::thread::sleep(PAUSE);
    }
}

fn lives(pid: u64) -> bool {
    std::path::Path::new("/proc").join(pid.to_string()).exists()
}

fn wait(call: &Call<'_>) -> Result<Output, Failure> {
    let end = Instant::now() + Duration::from_secs(call.timeout_s().unwrap_or(WAIT_S));
    let pid = loop {
        let found = match call.number("pid") {
            Some(pid) => Some(pid),
            None => std::fs::read_to_string(call.argument(0))
                .ok()
                .and_then(|text| text.trim().parse().ok()),
        };
        match found {
            Some(pid) => break pid,
            None if Instant::now() >= end => {
                return Err(Failure::bare(
                    code::LATER,
                    format!(
                        "Error: operation wait timed out: there is no pid in {}",
                        call.argument(0)
                    ),
                ));
            }
            None => std::thread::sleep(PAUSE),
        }
    };
    if !lives(pid) {
        return Err(Failure::unavailable("process_not_running"));
    }
    until_started(call).map(|()| Output::Nothing)
}

fn await_nodes(call: &Call<'_>) -> Result<Output, Failure> {
    until_started(call)?;
    match call.argument(0) {
        "1" => Ok(Output::Nothing),
        _ => Err(Failure::stated(
            code::SOFTWARE,
            format!(
                "Error: Not enough nodes joined {}'s cluster: Leveret is a single node, and waits for no other.",
                call.node()
            ),
        )),
    }
}

fn is_booting(call: &Call<'_>) -> Result<Output, Failure> {
    let node = call.node();
    let answer = call.server.raw("GET", "/health/checks/ready-to-serve-clients", None, "")?;
    let is_booting = answer.status >= 500;
    let text = if is_booting {
        format!("RabbitMQ on node {node} is booting")
    } else {
        format!(
            "RabbitMQ on node {node} is fully booted (check with is_running), stopped or has not started booting yet"
        )
    };
    let value = serde_json::json!({ "result": is_booting, "message": text });
    Ok(Output::Report { text, value })
}
