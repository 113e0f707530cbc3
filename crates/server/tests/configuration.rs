//! `leveret config` and `leveret serve --config` as an operator meets them: files, environment, exit codes.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the program is tried on the real file system"
)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A password that no output may have.
const CANARY: &str = "it is # a \"password\"";

fn leveret(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leveret"));
    command.args(arguments).env("APP_NAME", "orders").env("DATA_CENTRE", "north");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RABBITMQ_") {
            command.env_remove(name);
        }
    }
    command
}

fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/configuration/rabbitmq.conf")
}

fn texts(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    texts(&leveret(arguments).output().expect("it runs"))
}

/// The sample has at least sixty keys, and none of them is taken silently: each has an effect or a notice.
#[test]
fn a_file_of_sixty_keys_is_right() {
    let text = fs::read_to_string(sample()).expect("there");
    let keys = text.lines().filter(|line| line.contains(" = ") && !line.starts_with('#')).count();
    assert!(keys >= 60, "{keys}");
    let path = sample();
    let (code, out, err) = run(&["config", "check", path.to_str().expect("a path")]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.contains("`raft.wal_max_size_bytes` has no effect: "), "{out}");
    assert!(out.contains("10-limits.conf:2: `heartbeat` is set at "), "{out}");
    assert!(!out.contains(CANARY), "{out}");
}

#[test]
fn a_broker_boots_with_a_file_of_sixty_keys() {
    let temporary = tempfile::tempdir().expect("made");
    let data_dir = temporary.path().join("data");
    let path = sample();
    let mut broker = leveret(&["serve", "--config", path.to_str().expect("a path"), "--data-dir"])
        .arg(&data_dir)
        .env("RABBITMQ_NODENAME", "rabbit@sample")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut line = String::new();
    BufReader::new(broker.stdout.take().expect("piped")).read_line(&mut line).expect("read");
    broker.kill().expect("it ends");
    let (_, _, err) = texts(&broker.wait_with_output().expect("it has ended"));
    assert!(line.starts_with("ready amqp=127.0.0.1:"), "{line}{err}");
    assert!(err.contains("`queue_master_locator` has no effect"), "{err}");
    assert!(!err.contains(CANARY), "{err}");
}

/// Files as charts, operators, images and people write them.
const SAMPLES: [&str; 6] = ["compose", "example", "helm", "operator", "secured", "tenants"];

fn sample_of(name: &str) -> String {
    let path = sample().with_file_name("samples").join(format!("{name}.conf"));
    path.to_str().expect("a path").to_owned()
}

fn with_secrets(command: &mut Command) -> &mut Command {
    command.env("APP_USER", "app").env("APP_PASSWORD", "canary-of-compose")
}

/// Every key of a sample has an effect, or is in the answer; and no password is.
#[test]
fn files_of_all_kinds_are_right_or_wrong_for_a_reason() {
    for name in SAMPLES {
        let path = sample_of(name);
        let mut command = leveret(&["config", "check", &path]);
        // Relative paths in them are those of the samples.
        command.current_dir(Path::new(&path).parent().expect("a directory"));
        let (code, out, err) = texts(&with_secrets(&mut command).output().expect("it runs"));
        let told = format!("{out}{err}");
        for secret in ["ch4nge-me", "0perator-made", "canary-of", "w4tch-all"] {
            assert!(!told.contains(secret), "{told}");
        }
        if name != "secured" {
            assert_eq!((code, err.as_str()), (Some(0), ""), "{name}: {out}");
            continue;
        }
        assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
        for key in ["auth_backends.1", "management.disable_basic_auth", "ssl_options.crl_check"] {
            assert!(err.contains(&format!("`{key} = ")), "{err}");
        }
    }
    let (_, out, _) = run(&["config", "check", &sample_of("helm")]);
    let key = "`cluster_formation.k8s.host` has no effect: this is the only node";
    assert!(out.contains(key), "{out}");
}

#[test]
fn brokers_boot_with_files_of_charts_operators_and_images() {
    for name in ["compose", "helm", "operator", "tenants"] {
        let temporary = tempfile::tempdir().expect("made");
        let path = sample_of(name);
        let sets = ["--set", "management.tcp.port=0", "--set", "prometheus.tcp.port=0"];
        let mut command = leveret(&["serve", "--config", &path, "--data-dir"]);
        command.arg(temporary.path().join("data")).args(sets).env("RABBITMQ_NODE_PORT", "0");
        command.env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut broker = with_secrets(&mut command).spawn().expect("it runs");
        let mut line = String::new();
        BufReader::new(broker.stdout.take().expect("piped")).read_line(&mut line).expect("read");
        broker.kill().expect("it ends");
        let (_, _, err) = texts(&broker.wait_with_output().expect("it has ended"));
        assert!(line.starts_with("ready amqp=127.0.0.1:"), "{name}: {line}{err}");
    }
}

#[test]
fn what_is_wrong_is_told_all_at_once() {
    let temporary = tempfile::tempdir().expect("made");
    let path = temporary.path().join("rabbitmq.conf");
    fs::write(&path, "hartbeat = 1\nframe_max = big\ndefault_pass = $(NOPE)\n").expect("written");
    let shown = path.to_str().expect("a path");
    let (code, out, err) = run(&["config", "check", shown]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    for (line, text) in err.lines().zip(["unknown key `hartbeat`", "`frame_max = big`", "$(NOPE)"])
    {
        assert!(line.starts_with(shown) && line.contains(text), "{err}");
    }
    assert_eq!(err.lines().count(), 3, "{err}");
    let (code, _, err) = run(&["config", "check", "/does/not/exist.conf"]);
    assert_eq!(code, Some(2), "{err}");
    let (code, _, err) = run(&["serve", "--set", "oops-secret"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("expected KEY=VALUE") && !err.contains("oops"), "{err}");
}

#[test]
fn files_can_be_named_by_directory_and_by_the_environment() {
    let temporary = tempfile::tempdir().expect("made");
    let write = |name: &str, text: &str| {
        let path = temporary.path().join(name);
        fs::write(&path, text).expect("written");
        path
    };
    let main = write("rabbitmq.conf", "heartbeat = 1\n");
    write("b.conf", "channel_max = 1\n");
    write("ignored.txt", "nonsense\n");
    let variables = write("env", "CONFIG_FILE=unknown\nNODENAME=rabbit@env\n");
    let check = |command: &mut Command| texts(&command.output().expect("it runs"));
    let directory = temporary.path().to_str().expect("a path");
    let (code, out, err) = check(&mut leveret(&["config", "check", directory]));
    assert_eq!((code, out.as_str()), (Some(0), "right; 0 notices\n"), "{err}");
    // RabbitMQ names the file without its ending, too.
    let without_ending = main.with_extension("");
    let (code, _, err) = check(
        leveret(&["serve", "--set", "heartbeat=x"])
            .env("RABBITMQ_CONFIG_FILE", without_ending)
            .env("RABBITMQ_CONF_ENV_FILE", variables),
    );
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("--set: `heartbeat = x`"), "{err}");
}

#[test]
fn keys_are_explained_and_listed() {
    let (code, out, _) = run(&["config", "explain", "listeners.tcp.default"]);
    assert_eq!(code, Some(0));
    assert!(out.starts_with("listeners.tcp.$name\n"), "{out}");
    let (code, _, err) = run(&["config", "explain", "hartbeat"]);
    assert_eq!(code, Some(1));
    assert_eq!(err, "unknown key `hartbeat`; did you mean `heartbeat`?\n");
    let (code, out, _) = run(&["config", "list"]);
    assert_eq!(code, Some(0));
    assert!(out.lines().count() > 1000, "{out}");
    let (_, effective, _) = run(&["config", "list", "--effective"]);
    assert!(!effective.contains("no effect") && effective.contains("heartbeat\n"), "{effective}");
}
