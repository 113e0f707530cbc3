//! Files as newcomers write them: what is wrong is said where it stands, with what to do, and without secrets.

use super::*;

/// A password that no message may have.
const CANARY: &str = "hunter2canary";

fn problems_of(text: &str) -> Vec<String> {
    let problems = read(text).expect_err(text);
    assert!(!format!("{problems:?}").contains(CANARY), "{problems:?}");
    problems
}

#[test]
fn a_line_of_another_language_is_told_how_it_is_written_here() {
    for (line, hint) in [
        ("%% heartbeat", "comments begin with #"),
        ("// heartbeat = 5", "comments begin with #"),
        (
            "[{rabbit, [{default_pass, <<\"hunter2canary\">>}]}].",
            "Erlang terms, as in advanced.config",
        ),
        ("[rabbit]", "there are no sections"),
        ("{\"default_pass\": \"hunter2canary\"}", "load_definitions"),
        ("default_pass: hunter2canary", "a `=` stands between key and value"),
        ("export RABBITMQ_DEFAULT_PASS=hunter2canary", "variables belong into the environment"),
        ("include 'other.conf'", "without quotes"),
        ("default_pass =", "there is no value: take the line out"),
        ("default_pass = 'hunter2canary' x", "nothing may stand behind a quoted value"),
        ("default_pass hunter2canary", "expected `key = value`"),
    ] {
        let problems = problems_of(&format!("heartbeat = 5\n{line}"));
        assert!(problems[0].starts_with("rabbitmq.conf:2: expected `key = value`"), "{problems:?}");
        assert!(problems[0].contains(hint), "{problems:?}");
    }
}

#[test]
fn a_key_that_is_nearly_one_is_told_which() {
    for (line, text) in [
        ("HEARTBEAT = 5", "unknown key `HEARTBEAT`; did you mean `heartbeat`?"),
        ("rabbit.heartbeat = 5", "unknown key `rabbit.heartbeat`; did you mean `heartbeat`?"),
        (
            "vm_memory_high_watermark = 0.4",
            "`vm_memory_high_watermark` has no value of its own; set `vm_memory_high_watermark.absolute`, \
             `vm_memory_high_watermark.relative`",
        ),
        (
            "frobnicate = 5",
            "unknown key `frobnicate`; `leveret config list` names all that are known",
        ),
        (
            "default_password = hunter2canary",
            "unknown key `default_password`; did you mean `default_pass`?",
        ),
    ] {
        assert_eq!(problems_of(line), [format!("rabbitmq.conf:1: {text}")]);
    }
}

#[test]
fn many_unknown_keys_are_told_in_no_time() {
    let lines: String = (0..5_000).map(|n| format!("hartbeat{n} = 5\n")).collect();
    assert_eq!(problems_of(&lines).len(), 5_000);
}

#[test]
fn what_is_repeated_is_fit_for_a_terminal() {
    let escape = problems_of("heartbeat = \u{1b}[31m5");
    assert!(escape[0].contains("`heartbeat = \\u{1b}[31m5`"), "{escape:?}");
    let long = problems_of(&format!("heartbeat = {}", "9".repeat(100_000)));
    assert!(long[0].len() < 1_000, "{} bytes", long[0].len());
    let uri = problems_of(&format!("listeners.tcp.1 = amqp://guest:{CANARY}@localhost:5672"));
    assert!(uri[0].contains("amqp://(hidden)@localhost:5672"), "{uri:?}");
    problems_of(&format!("load_definitions = https://user:{CANARY}@host/definitions.json"));
}

#[test]
fn what_stands_for_a_secret_is_not_repeated_where_it_does_not_fit() {
    let text = format!("default_pass = {CANARY}\nheartbeat = $(default_pass)");
    let problems = problems_of(&text);
    assert!(problems[0].starts_with("rabbitmq.conf:2: `heartbeat = $(default_pass)`: expected"));
    let text = format!("default_pass = {CANARY}\ncluster_name = $(default_pass)");
    let shown = settings(&[Source { name: "f", text: &text }], &[], &Surroundings::NONE);
    assert!(!format!("{shown:?}").contains(CANARY), "{shown:?}");
}

#[test]
fn values_that_are_likely_to_be_meant_otherwise_have_a_notice() {
    for (line, hint) in [
        ("default_user = \"admin\"", "the double quotes are part of the value"),
        ("default_pass = 'hunter2canary", "has no second one, and is part of the value"),
        ("default_pass = ${PASSWORD}", "write $(NAME) for an environment variable"),
        ("default_user = $(NAME", "there is no `)` behind it"),
    ] {
        let (_, notices) = read(line).unwrap();
        assert!(notices[0].contains(hint) && !notices[0].contains(CANARY), "{notices:?}");
    }
}

#[test]
fn tls_without_a_certificate_is_wrong_before_the_start() {
    let problems = problems_of("\nlisteners.ssl.1 = 5671\nssl_options.keyfile = /k");
    let expected =
        "rabbitmq.conf:2: `listeners.ssl`: TLS needs ssl_options.certfile, which is not set";
    assert_eq!(problems, [expected]);
    assert!(read("management.ssl.port = 15671").is_err());
    assert!(read("listeners.ssl.1 = 5671\nlisteners.ssl = none").is_ok());
}

#[test]
fn names_of_nodes_are_names() {
    for name in ["rabbit@host-1.example.org", "a_b", "rabbit@10.0.0.1", "rabbit@::1"] {
        assert_eq!(config(&format!("leveret.node_name = {name}")).node_name, name);
    }
    for name in ["@", "a@", "@b", "a b", "../a@b", "a@b@c"] {
        assert!(read(&format!("leveret.node_name = {name}")).is_err(), "{name}");
    }
}

#[test]
fn a_port_of_the_environment_is_told_by_the_name_of_its_variable() {
    let problems = read_in("", &[("RABBITMQ_NODE_PORT", "abc")]).unwrap_err();
    assert!(problems[0].starts_with("RABBITMQ_NODE_PORT: `abc`: expected a port"), "{problems:?}");
}

#[test]
fn a_program_in_erlang_is_not_taken_for_a_configuration() {
    let variables = [("RABBITMQ_ADVANCED_CONFIG_FILE", "/etc/rabbitmq/advanced.config")];
    let problems = read_in("", &variables).unwrap_err();
    assert!(problems[0].contains("write its options into rabbitmq.conf"), "{problems:?}");
}

#[test]
fn what_is_written_of_a_configuration_is_read_back_as_the_same() {
    let text = "heartbeat = 7\nlisteners.tcp.1 = 127.0.0.1:5000\nlog.file = 'a # b.log'\n\
                default_vhost = '''it's # mine'''\ncluster_name = 'two\nlines'\n\
                default_permissions.read = ''\nloopback_users.a\\.b = true\n";
    let lines_of = |text: &str, sets: &[(String, String)]| {
        lines(&[Source { name: "rabbitmq.conf", text }], sets, &Surroundings::NONE)
    };
    let written = lines_of(text, &[]);
    assert_eq!(config(&written), config(text), "{written}");
    assert_eq!(lines_of(&written, &[]), written);
    for value in ["it's", "'quoted", "a'''b", "#", "'"] {
        let written = lines_of("", &[("default_vhost".to_owned(), value.to_owned())]);
        let (expected, _) = read_with("", &[("default_vhost", value)]).unwrap();
        let is_told = written.starts_with("# default_vhost is set");
        assert!(is_told || config(&written) == expected, "{value}: {written}");
    }
}

#[test]
fn secrets_are_not_written_and_nothing_stands_for_them() {
    let text = "heartbeat = 7\ndefault_user = me\ndefault_pass = s3cret\n";
    let source = [Source { name: "rabbitmq.conf", text }];
    let written = lines(&source, &[], &Surroundings::NONE);
    assert!(written.contains("# default_pass is set, and hidden\n"), "{written}");
    assert!(!written.contains("s3cret"), "{written}");
    assert_eq!(config(&written), config("heartbeat = 7\ndefault_user = me\n"));
}
