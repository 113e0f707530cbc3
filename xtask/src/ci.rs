//! What a change has to pass, as a list of named steps. `.ci/run` installs what the steps need and then comes
//! here, so that a developer and the machine run the same thing.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::beside::Beside;
use crate::{dist, fuzz, instructions, step, tidy};

/// Starts a RabbitMQ where developers keep such things; if it is not there, whatever listens is not ours to ask.
const PEER_SCRIPT: &str = "../shared/tools/rabbitmq.sh";

/// The programs whose brokers must have left something to look for secrets in; `?` where a machine may have what it takes, or
/// not.
const LEFT_BEHIND: &[&str] = &[
    "run",
    "clients",
    "metrics",
    "definitions",
    "hostile",
    "cli",
    "rabbitmqadmin?",
    "tls",
    "canary",
    "kill9",
    "delayed",
    "confirm_order",
    "sync_faults",
    "slow_sync",
    "descriptors",
    "full_disk?",
    "systemd?",
    "stall",
];

/// The steps that run beside those behind [`RELEASE`], if there are such.
const BESIDE: &[&str] = &["instructions", "sim", "crashes", "damage", "exhaustive", "bugs", "fuzz"];
/// From here on most steps wait for brokers more than they reckon.
const RELEASE: &str = "release";

type Action = fn(&Path) -> Result<(), String>;

/// Cheap steps first: a change that fails should fail early. The exception is `tests`, which says the most.
const STEPS: &[(&str, Action)] = &[
    ("tests", |root| step::cargo(root, &["test"])),
    ("xtask", |root| step::cargo(root, &["test", "--quiet", "--package", "xtask"])),
    ("format", format),
    ("lints", lints),
    ("tidy", tidy::run),
    (RELEASE, release),
    ("instructions", |root| instructions::run(root, &[])),
    ("dist", packages),
    ("interop", |root| interop(root, "run.py", &[])),
    ("clients", |root| interop(root, "clients.py", &[])),
    ("metrics", |root| interop(root, "metrics.py", &[])),
    ("definitions", |root| interop(root, "definitions.py", &["check"])),
    ("hostile", |root| interop(root, "hostile.py", &[])),
    ("cli", |root| interop(root, "cli.py", &[])),
    ("rabbitmqadmin", |root| interop(root, "rabbitmqadmin.py", &[])),
    ("tls", |root| interop(root, "tls.py", &[])),
    ("secrets", |root| interop(root, "canary.py", &[])),
    ("kill9", |root| interop(root, "kill9.py", &["--cycles", "10"])),
    ("delayed", delayed),
    ("order", |root| interop(root, "confirm_order.py", &[])),
    ("syncs", |root| interop(root, "sync_faults.py", &[])),
    ("slow", |root| interop(root, "slow_sync.py", &[])),
    ("files", |root| interop(root, "descriptors.py", &[])),
    ("disk", |root| interop(root, "full_disk.py", &[])),
    ("systemd", |root| interop(root, "systemd.py", &[])),
    ("stall", |root| interop(root, "stall.py", &[])),
    ("leaks", |root| interop(root, "leaks.py", LEFT_BEHIND)),
    ("oracle", oracle),
    ("sim", |root| step::cargo_sim(root, &["--seeds", "1000"])),
    ("crashes", |root| step::cargo_sim(root, &["crashes", "--states", "50000"])),
    ("damage", |root| step::cargo_sim(root, &["damage", "--injuries", "20000"])),
    ("exhaustive", |root| step::cargo_sim(root, &["exhaustive", "--ops", "4"])),
    ("bugs", seeded_bugs),
    ("fuzz", fuzz::run),
];

/// Runs the steps that `arguments` ask for: all, all but the ones skipped, or those named.
///
/// # Errors
/// A step that does not exist, or the first step that failed.
pub(crate) fn run(root: &Path, arguments: &[&str]) -> Result<(), String> {
    let mut steps = select(arguments)?;
    if steps.len() > 1 && steps.iter().any(|(name, _)| *name == "leaks") {
        forget_logs(root)?;
    }
    let aside = set_aside(&mut steps);
    let mut beside = None;
    let began = Instant::now();
    let mut times: Vec<(&str, Duration)> = Vec::new();
    let mut outcome = Ok(());
    for (name, action) in steps {
        println!("── {name} ──");
        let step_began = Instant::now();
        outcome = action(root).map_err(|reason| format!("step '{name}' failed: {reason}"));
        times.push((name, step_began.elapsed()));
        if outcome.is_ok() && name == RELEASE && !aside.is_empty() {
            beside = Some(Beside::start(root, &aside)?);
        }
        if outcome.is_err() {
            break;
        }
    }
    let wait_began = Instant::now();
    if let Some(beside) = beside {
        // Whatever has failed: nothing goes on behind the back of who asked.
        let finished = beside.finish();
        outcome = outcome.and(finished);
        times.push(("the rest", wait_began.elapsed()));
    }
    print_times(&times, began.elapsed());
    outcome
}

/// Takes those steps out that are to run beside the others: none, if there are no others.
fn set_aside(steps: &mut Vec<(&'static str, Action)>) -> Vec<&'static str> {
    let is_aside = |(name, _): &(&'static str, Action)| BESIDE.contains(name);
    let release = steps.iter().position(|(name, _)| *name == RELEASE);
    let has_others = release.is_some_and(|at| !steps[at + 1..].iter().all(is_aside));
    if !has_others {
        return Vec::new();
    }
    let aside = steps.iter().filter(|step| is_aside(step)).map(|(name, _)| *name).collect();
    steps.retain(|step| !is_aside(step));
    aside
}

/// Where brokers that tests start leave what they have written: see `tests/interop/canaries.py`.
fn kept_logs(root: &Path) -> PathBuf {
    step::target(root).join("ci-logs")
}

/// Leaves what others have put there, as the output of the tests.
fn forget_logs(root: &Path) -> Result<(), String> {
    let logs = kept_logs(root);
    for (path, outcome) in [
        (logs.join("brokers"), fs::remove_dir_all(logs.join("brokers"))),
        (logs.join("secrets"), fs::remove_file(logs.join("secrets"))),
    ] {
        if let Err(fault) = outcome
            .or_else(|fault| if fault.kind() == ErrorKind::NotFound { Ok(()) } else { Err(fault) })
        {
            return Err(format!("{}: {fault}", path.display()));
        }
    }
    Ok(())
}

fn print_times(times: &[(&str, Duration)], total: Duration) {
    println!("── times ──");
    for (name, time) in times {
        println!("{name:13} {:7.1} s", time.as_secs_f64());
    }
    println!("{:13} {:7.1} s", "all", total.as_secs_f64());
}

fn select(arguments: &[&str]) -> Result<Vec<(&'static str, Action)>, String> {
    let mut skipped = Vec::new();
    let mut named = Vec::new();
    let mut rest = arguments.iter();
    while let Some(&argument) = rest.next() {
        let (list, name) = match argument {
            "--skip" => (&mut skipped, rest.next().copied().unwrap_or_default()),
            name => (&mut named, name),
        };
        if !STEPS.iter().any(|(step, _)| *step == name) {
            let known: Vec<&str> = STEPS.iter().map(|(step, _)| *step).collect();
            return Err(format!("there is no step '{name}'; the steps are {}", known.join(", ")));
        }
        list.push(name);
    }
    let wanted = |name: &str| {
        let is_named = named.is_empty() || named.contains(&name);
        is_named && !skipped.contains(&name)
    };
    Ok(STEPS.iter().copied().filter(|(name, _)| wanted(name)).collect())
}

fn format(root: &Path) -> Result<(), String> {
    step::cargo(root, &["fmt", "--all", "--check"])?;
    // The client programs in Rust are a workspace of their own.
    step::cargo(
        root,
        &["fmt", "--all", "--check", "--manifest-path", "tests/interop/rust/Cargo.toml"],
    )
}

/// Builds what is shipped, and beside it what counts instructions: each is optimised as a whole, which one core does.
fn release(root: &Path) -> Result<(), String> {
    step::cargo(root, instructions::BUILD)
}

fn lints(root: &Path) -> Result<(), String> {
    step::cargo(root, &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])
}

/// Packs the release binary and runs what comes out of the packages. What is shipped is built statically, and otherwise
/// the same; a second build would cost more minutes than it could tell.
fn packages(root: &Path) -> Result<(), String> {
    let binary = step::target(root).join("release/leveret");
    dist::run(root, &["check", "--binary", &binary.to_string_lossy()])
}

/// Asks a real RabbitMQ, if one happens to run here. A step that only checks more where there is more: nobody needs
/// to have one.
fn oracle(root: &Path) -> Result<(), String> {
    let has_peer = ["127.0.0.1:5670", "127.0.0.1:15670"].iter().all(|address| {
        let address = address.parse().expect("an address");
        TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
    });
    if !has_peer || !root.join(PEER_SCRIPT).exists() {
        println!("no RabbitMQ is running here; nothing is asked");
        return Ok(());
    }
    step::cargo_oracle(root, &["--seconds", "180"])
}

/// Plants bugs, one at a time, to see that the simulator finds each of them.
fn seeded_bugs(root: &Path) -> Result<(), String> {
    let test = ["--features", "seeded-bugs", "--test", "seeded_bugs"];
    step::cargo(root, &[&["test", "--package", "sim"], &test[..]].concat())
}

/// Delayed messages over a kill. How late they are is told, and fails nothing: it depends on the machine, which others may
/// use too.
fn delayed(root: &Path) -> Result<(), String> {
    let size = ["--messages", "20000", "--delay-max", "8", "--late-max", "inf"];
    interop(root, "delayed.py", &size)
}

/// Runs one program of `tests/interop` against the release binary, with the Python that has the client libraries.
fn interop(root: &Path, script: &str, arguments: &[&str]) -> Result<(), String> {
    let python = root.join("target/venv/bin/python");
    if !python.exists() {
        return Err("target/venv is missing: `.ci/run install` makes it, or by hand \
             `python3 -m venv target/venv && target/venv/bin/pip install -r tests/interop/requirements.txt`"
            .to_owned());
    }
    let script = format!("tests/interop/{script}");
    let binary = step::target(root).join("release/leveret");
    let (python, binary) = (python.to_string_lossy(), binary.to_string_lossy());
    let command = [&[script.as_str(), "--binary", &binary], arguments].concat();
    let logs = kept_logs(root);
    step::run_with(root, &python, &command, &[("LEVERET_KEPT_LOGS", logs.as_os_str())])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(arguments: &[&str]) -> Vec<&'static str> {
        select(arguments).unwrap().into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn all_steps_run_unless_some_are_named_or_skipped() {
        assert_eq!(names(&[]).len(), STEPS.len());
        assert_eq!(names(&["lints", "format"]), ["format", "lints"]);
        assert!(!names(&["--skip", "tests"]).contains(&"tests"));
        assert!(names(&["--skip", "tests", "tests"]).is_empty());
    }

    #[test]
    fn what_reckons_runs_beside_what_waits() {
        for (arguments, aside_count) in [
            (&[][..], BESIDE.len()),
            (&["sim", "fuzz"], 0),
            (&["release", "sim"], 0),
            (&["release", "dist", "sim"], 1),
        ] {
            let mut steps = select(arguments).unwrap();
            let all = steps.len();
            let aside = set_aside(&mut steps);
            assert_eq!(
                (aside.len(), steps.len()),
                (aside_count, all - aside_count),
                "{arguments:?}"
            );
        }
        assert!(BESIDE.iter().all(|name| STEPS.iter().any(|(step, _)| step == name)));
    }

    #[test]
    fn an_unknown_step_is_refused_with_the_names_that_exist() {
        for arguments in [&["lint"][..], &["--skip"], &["--skip", "test"]] {
            let reason = select(arguments).expect_err("there is no such step");
            assert!(reason.contains("the steps are tests, xtask, format"), "{reason}");
        }
    }
}
