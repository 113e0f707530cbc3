//! How a step starts another program: in the checkout, with its output passed on, and with a failure told as
//! the command line that failed.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Runs a program to its end.
///
/// # Errors
/// The program cannot be started, or ends with another code than 0.
pub(crate) fn run(root: &Path, program: &str, arguments: &[&str]) -> Result<(), String> {
    run_with(root, program, arguments, &[])
}

/// The same with variables that are not in the environment.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_with(
    root: &Path,
    program: &str,
    arguments: &[&str],
    variables: &[(&str, &OsStr)],
) -> Result<(), String> {
    let line = format!("{program} {}", arguments.join(" "));
    let status = Command::new(program)
        .args(arguments)
        .envs(variables.iter().copied())
        .current_dir(root)
        .stdin(Stdio::null())
        .status()
        .map_err(|fault| format!("cannot start `{line}`: {fault}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{line}` failed: {status}")) }
}

/// Whether a program runs and ends with code 0, with its output thrown away.
pub(crate) fn succeeds(root: &Path, program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs cargo, the same one that started this program.
///
/// # Errors
/// As [`run`].
pub(crate) fn cargo(root: &Path, arguments: &[&str]) -> Result<(), String> {
    let program = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    run(root, &program, arguments)
}

/// Runs the simulator with the given arguments.
///
/// # Errors
/// As [`run`]: a seed that breaks a promise ends the simulator with a code other than 0.
pub(crate) fn cargo_sim(root: &Path, arguments: &[&str]) -> Result<(), String> {
    let command = [&["run", "--quiet", "--release", "--package", "sim", "--"], arguments].concat();
    cargo(root, &command)
}

/// Runs the oracle with the given arguments.
///
/// # Errors
/// As [`run`]: a conversation that goes another way ends it with a code other than 0.
pub(crate) fn cargo_oracle(root: &Path, arguments: &[&str]) -> Result<(), String> {
    cargo(root, &[&["run", "--quiet", "--package", "oracle", "--"], arguments].concat())
}

/// Writes the document that tells the routes of the HTTP API.
///
/// # Errors
/// The crate that has the routes does not build, or the file cannot be written.
pub(crate) fn openapi(root: &Path) -> Result<(), String> {
    write_example(root, "management-api", "openapi", "docs/openapi.json")
}

/// Writes the page that tells the options.
pub(crate) fn docs(root: &Path) -> Result<(), String> {
    write_example(root, "config", "reference", "docs/configuration.md")
}

/// Writes what an example of a package prints.
fn write_example(root: &Path, package: &str, example: &str, path: &str) -> Result<(), String> {
    let program = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let arguments = ["run", "--quiet", "--package", package, "--example", example];
    let output = Command::new(&program)
        .args(arguments)
        .current_dir(root)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|fault| format!("cannot start {program}: {fault}"))?;
    if !output.status.success() {
        return Err(format!("`{program} {}` failed: {}", arguments.join(" "), output.status));
    }
    let path = root.join(path);
    std::fs::write(&path, output.stdout).map_err(|fault| format!("{}: {fault}", path.display()))
}

/// The folder that cargo builds into.
pub(crate) fn target(root: &Path) -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}
