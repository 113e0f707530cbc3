//! What a message costs in instructions, held against what it cost before.
//!
//! Times on shared machines are noise; instructions are the same on a busy one. Each workload of testkit's bench
//! `instructions` runs under valgrind with fewer and with more messages, and the difference is what messages cost. What
//! they cost when the baseline was written stands in `tests/instructions.txt`: dearer than that fails, and so does cheaper,
//! because a gain that nobody writes down can be lost again unseen.
//!
//! What the C library does is counted as well: it chooses its copying by the processor, so another machine may differ by a few
//! percent.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::step;

/// What builds the bench, together with all that is shipped: asked for alone, its dependencies would have other features, and be
/// built once more.
pub(crate) const BUILD: &[&str] = &[
    "build",
    "--release",
    "--package",
    "server",
    "--package",
    "testkit",
    "--bins",
    "--bench",
    "instructions",
];
const BASELINE: &str = "tests/instructions.txt";
/// How far off the baseline is nothing to speak of, in percent: the C library chooses its copying by the processor.
const TOLERANCE_PERCENT: u64 = 4;
const FEWER: u64 = 2_000;
const MORE: u64 = 6_000;

/// Counts each workload and compares it with the baseline; with `--write`, writes that anew.
///
/// # Errors
/// The bench does not build or run, or a workload costs other than the baseline says.
pub(crate) fn run(root: &Path, arguments: &[&str]) -> Result<(), String> {
    let writes = match arguments {
        [] => false,
        ["--write"] => true,
        _ => return Err(format!("instructions takes --write or nothing, not {arguments:?}")),
    };
    if !step::succeeds(root, "valgrind", &["--version"]) {
        let missing = "valgrind is missing, so nothing is counted (`apt-get install valgrind`)";
        return Err(missing.to_owned());
    }
    let bench = build(root)?;
    let names = output(&bench, &[])?.0;
    let mut counts = BTreeMap::new();
    for name in names.lines() {
        let cost = (count(&bench, name, MORE)? - count(&bench, name, FEWER)?) / (MORE - FEWER);
        counts.insert(name.to_owned(), cost);
    }
    let path = root.join(BASELINE);
    if writes {
        return fs::write(&path, text(&counts)).map_err(|fault| format!("{BASELINE}: {fault}"));
    }
    let baseline = fs::read_to_string(&path).map_err(|fault| format!("{BASELINE}: {fault}"))?;
    compare(&parse(&baseline)?, &counts)
}

/// Builds the bench and returns where it is.
fn build(root: &Path) -> Result<PathBuf, String> {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let build = Command::new(cargo)
        .args(BUILD)
        .args(["--quiet", "--message-format=json"])
        .current_dir(root)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|fault| format!("cannot start cargo: {fault}"))?;
    let artifacts = String::from_utf8_lossy(&build.stdout);
    let artifacts = artifacts.lines().filter_map(|line| serde_json::from_str(line).ok());
    artifacts
        .filter(|artifact: &serde_json::Value| artifact["target"]["name"] == "instructions")
        .find_map(|artifact| artifact["executable"].as_str().map(PathBuf::from))
        .ok_or_else(|| format!("testkit's bench 'instructions' does not build: {}", build.status))
}

/// How many instructions a workload takes with so many messages.
fn count(bench: &Path, workload: &str, messages: u64) -> Result<u64, String> {
    let bench = bench.to_string_lossy();
    let messages = messages.to_string();
    let tool = ["--tool=callgrind", "--callgrind-out-file=/dev/null"];
    let told = output(Path::new("valgrind"), &[tool[0], tool[1], &bench, workload, &messages])?.1;
    let collected = told.lines().find_map(|line| line.split_once("Collected :"));
    let count = collected.and_then(|(_, count)| count.trim().parse().ok());
    count.ok_or_else(|| format!("valgrind does not tell what '{workload}' takes: {told}"))
}

/// What a program says, on both channels, when it ends well.
fn output(program: &Path, arguments: &[&str]) -> Result<(String, String), String> {
    let line = format!("{} {}", program.display(), arguments.join(" "));
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|fault| format!("cannot start `{line}`: {fault}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        Ok((said, told))
    } else {
        Err(format!("`{line}` failed: {}\n{told}", output.status))
    }
}

fn text(counts: &BTreeMap<String, u64>) -> String {
    let mut text = String::from(
        "# Instructions per message, written by `cargo xtask instructions --write`; the workloads stand in\n\
         # crates/testkit/benches/instructions.rs.\n",
    );
    for (name, count) in counts {
        let _ = writeln!(text, "{name} {count}");
    }
    text
}

fn parse(baseline: &str) -> Result<BTreeMap<String, u64>, String> {
    let lines = baseline.lines().filter(|line| !line.starts_with('#'));
    let entry = |line: &str| {
        let (name, count) = line.split_once(' ')?;
        Some((name.to_owned(), count.parse().ok()?))
    };
    lines
        .map(|line| {
            entry(line).ok_or_else(|| format!("{BASELINE}: `{line}` is no name and number"))
        })
        .collect()
}

fn compare(before: &BTreeMap<String, u64>, now: &BTreeMap<String, u64>) -> Result<(), String> {
    let mut faults = String::new();
    for (name, &count) in now {
        let Some(&was) = before.get(name) else {
            let _ = writeln!(faults, "{name} is not in {BASELINE}");
            continue;
        };
        println!("{name:14} {was:6} -> {count:6}");
        if count.abs_diff(was) * 100 > was * TOLERANCE_PERCENT {
            let _ = writeln!(faults, "{name} cost {was} instructions and costs {count}");
        }
    }
    for name in before.keys().filter(|&name| !now.contains_key(name)) {
        let _ = writeln!(faults, "{name} stands in {BASELINE} and is no workload");
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "{faults}If that is meant, `cargo xtask instructions --write` writes it down; say why in the commit."
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(entries: &[(&str, u64)]) -> BTreeMap<String, u64> {
        entries.iter().map(|&(name, count)| (name.to_owned(), count)).collect()
    }

    #[test]
    fn a_baseline_reads_as_it_was_written() {
        let counts = counts(&[("bare", 2000), ("safe", 4000)]);
        assert_eq!(parse(&text(&counts)), Ok(counts));
        assert!(parse("bare").is_err());
    }

    #[test]
    fn what_costs_other_than_before_is_told() {
        let before = counts(&[("bare", 2000)]);
        assert_eq!(compare(&before, &counts(&[("bare", 2080)])), Ok(()));
        for other in [counts(&[("bare", 2081)]), counts(&[("bare", 1919)]), counts(&[("safe", 1)])]
        {
            assert!(compare(&before, &other).is_err(), "{other:?}");
        }
    }
}
