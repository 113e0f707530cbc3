//! A short run of every fuzz target. It needs a nightly compiler and cargo-fuzz; without them the step says so
//! and passes, because each fuzzed crate also runs a fixed number of mutations in its own tests.

use std::fs;
use std::path::Path;

use crate::step;

/// Targets that take longer to build than all other checks would wait for. They are run by hand, for longer.
const SLOW_TO_BUILD: &[&str] = &["requests"];

/// How long each target runs, in seconds.
const SECONDS_PER_TARGET: u32 = 8;

/// Runs each target of `fuzz/fuzz_targets` for [`SECONDS_PER_TARGET`].
///
/// # Errors
/// A target that crashed, did not build, or cannot be listed.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let targets = targets(root)?;
    if let Some(reason) = reason_to_skip(root, &targets) {
        println!("fuzzing skipped: {reason}; the mutation tests of `cargo test` ran anyway");
        return Ok(());
    }
    let time = format!("-max_total_time={SECONDS_PER_TARGET}");
    let limits = [time.as_str(), "-verbosity=0", "-print_final_stats=1"];
    for target in targets {
        if SLOW_TO_BUILD.contains(&target.as_str()) {
            println!(
                "fuzz target {target} takes minutes to build and is left to you; `cargo test` has run the same checks"
            );
            continue;
        }
        // What is found goes into the corpus, which is not kept; the seeds are only read.
        let (corpus, seeds) = (format!("fuzz/corpus/{target}"), format!("fuzz/seeds/{target}"));
        for folder in [&corpus, &seeds] {
            fs::create_dir_all(root.join(folder)).map_err(|fault| format!("{folder}: {fault}"))?;
        }
        let fuzz = ["run", "nightly", "cargo", "fuzz", "run", &target, &corpus, &seeds, "--"];
        println!("fuzz target {target}, {SECONDS_PER_TARGET} s");
        step::run(root, "rustup", &[&fuzz[..], &limits].concat())?;
    }
    Ok(())
}

fn targets(root: &Path) -> Result<Vec<String>, String> {
    let folder = root.join("fuzz/fuzz_targets");
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries =
        fs::read_dir(&folder).map_err(|fault| format!("{}: {fault}", folder.display()))?;
    let mut targets: Vec<String> = entries
        .filter_map(|entry| {
            let name = entry.ok()?.file_name().to_string_lossy().into_owned();
            name.strip_suffix(".rs").map(str::to_owned)
        })
        .collect();
    targets.sort();
    Ok(targets)
}

fn reason_to_skip(root: &Path, targets: &[String]) -> Option<&'static str> {
    if targets.is_empty() {
        Some("there is no target in fuzz/fuzz_targets")
    } else if !step::succeeds(root, "rustup", &["run", "nightly", "cargo", "--version"]) {
        Some("no nightly compiler is installed")
    } else if !step::succeeds(root, "rustup", &["run", "nightly", "cargo", "fuzz", "--version"]) {
        Some("cargo-fuzz is not installed (`cargo install cargo-fuzz`)")
    } else {
        None
    }
}
