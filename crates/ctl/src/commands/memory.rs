//! What memory is used for.

use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::command::{Command, DIAGNOSTICS, Section, command, text};
use crate::failure::Failure;
use crate::output::Output;
use crate::server::escaped;

pub(super) const COMMANDS: &[Command] = &[command(
    Section::Observing,
    "memory_breakdown",
    "[--unit <unit>] [--timeout <timeout>]",
    "Tells what memory is used for",
    breakdown,
)
.with(&[text("unit", "bytes, MB or GB")])
.of(DIAGNOSTICS)
.checks(|call| match call.option("unit").map(str::to_ascii_lowercase).as_deref() {
    None | Some("bytes" | "mb" | "gb") => Ok(()),
    Some(unit) => Err(Failure::usage(format!(
        "\"unit '{unit}' is not supported. Please use one of: bytes, mb, gb\""
    ))),
})
.says(|call| format!("Reporting memory breakdown on node {}...", call.node()))];

/// Kinds of memory and their bytes, the largest first.
pub(super) fn kinds(call: &Call<'_>) -> Result<Vec<(String, u64)>, Failure> {
    let path = format!("/nodes/{}/memory", escaped(call.node()));
    let document = call.server.look(&path)?.unwrap_or_default();
    let mut kinds: Vec<(String, u64)> = document["memory"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(kind, bytes)| bytes.as_u64().map(|bytes| (kind.clone(), bytes)))
        .collect();
    kinds.sort_by(|(one, left), (other, right)| right.cmp(left).then_with(|| one.cmp(other)));
    Ok(kinds)
}

/// A number of bytes in a unit, with four digits behind the point at most.
pub(super) fn shown(bytes: u64, unit: &str) -> String {
    let by = match unit.to_ascii_lowercase().as_str() {
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        "mib" => 1_048_576.0,
        "gib" => 1_073_741_824.0,
        "tib" => 1_099_511_627_776.0,
        _ => return format!("{bytes} {unit}"),
    };
    format!("{} {unit}", rounded(bytes as f64 / by, 4))
}

/// As RabbitMQ rounds: the digits that are there, and one behind the point at least.
pub(super) fn rounded(number: f64, digits: i32) -> String {
    let by = 10_f64.powi(digits);
    format!("{:?}", (number * by).round() / by)
}

/// The lines of a breakdown; `separator` stands before the percent sign.
pub(super) fn lines(kinds: &[(String, u64)], unit: &str, separator: &str) -> String {
    let total: u64 = kinds.iter().map(|(_, bytes)| bytes).sum();
    let lines: Vec<String> = kinds
        .iter()
        .map(|(kind, bytes)| {
            format!(
                "{kind}: {} ({}{separator}%)",
                shown(*bytes, unit),
                rounded(percentage(*bytes, total), 2)
            )
        })
        .collect();
    lines.join("\n")
}

fn percentage(bytes: u64, total: u64) -> f64 {
    if total == 0 { 0.0 } else { bytes as f64 * 100.0 / total as f64 }
}

fn breakdown(call: &Call<'_>) -> Result<Output, Failure> {
    let kinds = kinds(call)?;
    let total: u64 = kinds.iter().map(|(_, bytes)| bytes).sum();
    let value: Map<String, Value> = kinds
        .iter()
        .map(|(kind, bytes)| {
            let percentage = (percentage(*bytes, total) * 100.0).round() / 100.0;
            (kind.clone(), json!({ "bytes": bytes, "percentage": percentage }))
        })
        .collect();
    let text = lines(&kinds, call.option("unit").unwrap_or("gb"), "") + "\n";
    Ok(Output::Report { text, value: Value::Object(value) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_as_rabbitmqs_do() {
        assert_eq!(shown(77_100_000, "gb"), "0.0771 gb");
        assert_eq!(shown(0, "gb"), "0.0 gb");
        assert_eq!(shown(50_000_000, "MB"), "50.0 MB");
        assert_eq!(
            lines(&[("code".into(), 3), ("x".into(), 1)], "bytes", " "),
            "code: 3 bytes (75.0 %)\nx: 1 bytes (25.0 %)"
        );
    }
}
