//! The node is stopped, and its settings changed while it runs.

use serde_json::{Value, json};

use super::leveret::{ask, get};
use crate::call::Call;
use crate::command::{CTL_AND_DIAGNOSTICS, Command, DIAGNOSTICS, Section, command, number, switch};
use crate::failure::Failure;
use crate::format::Rows;
use crate::output::Output;
use crate::terms::Cell;

const LEVELS: [&str; 6] = ["debug", "info", "warning", "error", "critical", "none"];

pub(super) const COMMANDS: &[Command] = &[
    command(
        Section::Node,
        "stop",
        "[--idempotent] [<pidfile>]",
        "Stops the node, as SIGTERM does",
        stop,
    )
    .takes(0, 1)
    .with(&[switch("idempotent", "a node that is not there has been stopped")])
    .says(|call| format!("Stopping and halting node {} ...", call.node())),
    command(
        Section::Node,
        "shutdown",
        "[--wait] [--timeout <timeout>]",
        "Stops the node, as SIGTERM does, and waits until it is gone",
        shutdown,
    )
    .with(&[switch("wait", "wait, which it does without being told")])
    .says(|call| format!("Shutting down RabbitMQ node {} ...", call.node())),
    command(
        Section::Node,
        "rotate_logs",
        "",
        "Closes the log's file and opens it again, for tools that rotate logs",
        |call| ask(call, "POST", "/leveret/logs/rotate", Some(&json!({})), "rotate its log").map(|_| Output::Nothing),
    )
    .says(|call| format!("Rotating logs for node {} ...", call.node())),
    command(
        Section::Configuration,
        "set_log_level",
        "<log_level>",
        "Sets the level of log lines until the node stops: debug, info, warning, error, critical or none",
        |call| {
            let body = json!({ "level": call.argument(0) });
            ask(call, "PUT", "/leveret/log-level", Some(&body), "set its log level").map(|_| Output::Nothing)
        },
    )
    .takes(1, 1)
    .of(CTL_AND_DIAGNOSTICS)
    .checks(|call| {
        if LEVELS.contains(&call.argument(0)) {
            return Ok(());
        }
        Err(Failure::unavailable(format!(
            "level {} is not supported. Try one of {}",
            call.argument(0),
            LEVELS.join(", ")
        )))
    })
    .says(|call| format!("Setting log level to \"{}\" ...", call.argument(0))),
    command(
        Section::Configuration,
        "set_vm_memory_high_watermark",
        "<fraction> | absolute <value>",
        "Sets how much memory may be used before publishers are held back, until the node stops",
        set_memory,
    )
    .takes(1, 2)
    .checks(|call| memory(call).map(|_| ()))
    .says(|call| match call.argument(0) {
        "absolute" => {
            format!("Setting memory threshold on {} to {} bytes ...", call.node(), call.argument(1))
        }
        fraction => format!("Setting memory threshold on {} to {fraction} ...", call.node()),
    }),
    command(
        Section::Configuration,
        "set_disk_free_limit",
        "<disk_limit> | mem_relative <fraction>",
        "Sets how much disk has to be free before publishers are held back, until the node stops",
        set_disk,
    )
    .takes(1, 2)
    .checks(|call| disk(call).map(|_| ()))
    .says(|call| match call.argument(0) {
        "mem_relative" => format!(
            "Setting disk free limit on {} to {} times the total RAM ...",
            call.node(),
            call.argument(1)
        ),
        limit => format!("Setting disk free limit on {} to {limit} bytes ...", call.node()),
    }),
    command(
        Section::Configuration,
        "environment",
        "",
        "Displays every option of the node and its value",
        environment,
    )
    .of(CTL_AND_DIAGNOSTICS)
    .says(|call| format!("Application environment of node {} ...", call.node())),
    command(
        Section::Configuration,
        "log_tail",
        "[--number|-N <number>] [--timeout <timeout>]",
        "Shows the last lines of the log",
        tail,
    )
    .with(&[number("number", "how many lines; 50 if it is not said").or('N')])
    .of(DIAGNOSTICS)
    .says(|call| {
        format!("Last {} log lines on node {} ...", call.number("number").unwrap_or(50), call.node())
    }),
];

/// Bytes of a number with one of RabbitMQ's units.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let digits =
        text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: f64 = match unit {
        "" => 1.0,
        "k" | "kiB" | "KiB" | "K" => 1024.0,
        "kB" | "KB" | "kb" => 1e3,
        "M" | "MiB" | "Mi" | "m" => 1_048_576.0,
        "MB" | "mb" => 1e6,
        "G" | "GiB" | "Gi" | "g" => 1_073_741_824.0,
        "GB" | "gb" => 1e9,
        "T" | "TiB" | "Ti" | "t" => 1_099_511_627_776.0,
        "TB" | "tb" => 1e12,
        _ => return None,
    };
    let bytes = number.parse::<f64>().ok()? * factor;
    (bytes.is_finite() && bytes < 1e18).then_some(bytes as u64)
}

fn memory(call: &Call<'_>) -> Result<Value, Failure> {
    let refuse = || Failure::argument("");
    if call.argument(0) == "absolute" {
        return Ok(json!({ "absolute": bytes(call.argument(1)).ok_or_else(refuse)? }));
    }
    if call.arguments().len() > 1 {
        return Err(Failure::usage("too many arguments."));
    }
    match call.argument(0).parse::<f64>() {
        Ok(fraction) if (0.0..=1.0).contains(&fraction) => Ok(json!({ "relative": fraction })),
        Ok(_) => Err(Failure::argument("The threshold should be a fraction between 0.0 and 1.0")),
        Err(_) => Err(refuse()),
    }
}

fn disk(call: &Call<'_>) -> Result<Value, Failure> {
    let refuse = || Failure::argument("");
    if call.argument(0) == "mem_relative" {
        let fraction = call.argument(1).parse::<f64>().ok().filter(|fraction| *fraction >= 0.0);
        return Ok(json!({ "relative": fraction.ok_or_else(refuse)? }));
    }
    if call.arguments().len() > 1 {
        return Err(Failure::usage("too many arguments."));
    }
    Ok(json!({ "absolute": bytes(call.argument(0)).ok_or_else(refuse)? }))
}

fn set_memory(call: &Call<'_>) -> Result<Output, Failure> {
    let what = "change its memory watermark";
    ask(call, "PUT", "/leveret/memory-high-watermark", Some(&memory(call)?), what)?;
    Ok(Output::Nothing)
}

fn set_disk(call: &Call<'_>) -> Result<Output, Failure> {
    let what = "change its disk limit";
    ask(call, "PUT", "/leveret/disk-free-limit", Some(&disk(call)?), what)?;
    Ok(Output::Nothing)
}

fn stop(call: &Call<'_>) -> Result<Output, Failure> {
    let what = "stop over its API";
    match ask(call, "POST", "/leveret/stop", Some(&json!({})), what) {
        Ok(_) => Ok(Output::Nothing),
        Err(_) if call.has("idempotent") && call.server.raw("GET", "/whoami", None, "").is_err() => {
            Ok(Output::text("Node is already stopped"))
        }
        Err(Failure::Stated { code, text }) if text.contains(what) => Err(Failure::Stated {
            code,
            text: "this server cannot be stopped over its API; send SIGTERM to its process, or use systemctl stop".to_owned(),
        }),
        Err(failure) => Err(failure),
    }
}

fn shutdown(call: &Call<'_>) -> Result<Output, Failure> {
    stop(call)?;
    let seconds = call.timeout_s().unwrap_or(60);
    for _ in 0..seconds * 10 {
        if call.server.raw("GET", "/whoami", None, "").is_err() {
            return Ok(Output::text(format!("RabbitMQ node {} is no longer running", call.node())));
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    Err(Failure::bare(
        crate::failure::code::LATER,
        format!("Error: the node was told to stop, and is still there after {seconds} seconds"),
    ))
}

fn environment(call: &Call<'_>) -> Result<Output, Failure> {
    let options = get(call, "/leveret/configuration", "show its configuration")?;
    let rows = options
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| vec![Cell::text(name), Cell::of(value)])
        .collect();
    let columns = vec!["name".to_owned(), "value".to_owned()];
    Ok(Output::Rows(Rows { columns, rows, is_drawn: false, is_line_if_empty: true }))
}

fn tail(call: &Call<'_>) -> Result<Output, Failure> {
    let path = format!("/leveret/logs?lines={}", call.number("number").unwrap_or(50));
    let lines = get(call, &path, "show its log")?;
    let lines: Vec<&str> =
        lines.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    Ok(Output::text(lines.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn units_are_rabbitmqs() {
        assert_eq!(bytes("50MB"), Some(50_000_000));
        assert_eq!(bytes("2GiB"), Some(2 << 30));
        assert_eq!(bytes("1.5k"), Some(1536));
        assert_eq!(bytes("50000000"), Some(50_000_000));
        for wrong in ["", "x", "5XB", "1e400", "-1", "."] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }
}
