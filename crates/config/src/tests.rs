mod logs;
mod oddities;
mod vhosts;

use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Result<(Config, Vec<String>), Vec<String>> {
    read_with(text, &[])
}

fn read_with(text: &str, sets: &[(&str, &str)]) -> Result<(Config, Vec<String>), Vec<String>> {
    let sets: Vec<_> = sets.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    match parse(&[Source { name: "rabbitmq.conf", text }], &sets, &Surroundings::NONE) {
        Ok((config, notices)) => Ok((config, notices.iter().map(Notice::to_string).collect())),
        Err(problems) => Err(problems.iter().map(Problem::to_string).collect()),
    }
}

fn config(text: &str) -> Config {
    read(text).unwrap().0
}

fn written(listeners: &[Listener]) -> Vec<String> {
    listeners.iter().map(Listener::to_string).collect()
}

#[test]
fn an_empty_file_gives_the_defaults() {
    let config = config("");
    assert_eq!(config, Config::default());
    assert_eq!(written(&config.listeners), ["127.0.0.1:5672", "[::1]:5672"]);
    assert_eq!(config.heartbeat_s, 60);
    assert_eq!((config.frame_max, config.initial_frame_max), (131_072, 8192));
    assert_eq!(config.channel_max, 2047);
    assert_eq!(config.handshake_timeout_ms, 10_000);
    assert_eq!(config.message_size_max, 16_777_216);
    assert_eq!(config.loopback_users, ["guest".to_owned()].into());
    assert_eq!(config.default_vhost, "/");
    assert_eq!(config.auth_mechanisms, ["PLAIN", "AMQPLAIN"]);
    assert_eq!(
        (config.tcp.backlog, config.tcp.is_nodelay, config.tcp.is_keepalive),
        (128, true, false)
    );
    assert_eq!(config.disk_free_limit, None);
    assert_eq!(config.memory_max, Amount::OfMemory { millionths: 600_000 });
    assert_eq!((config.shards, config.data_dir.as_str()), (0, ""));
}

#[test]
fn every_option_can_be_set() {
    let config = config(
        "listeners.tcp.1 = 0.0.0.0:5671\nlisteners.tcp.default = 5672\n\
         tcp_listen_options.backlog = 4096\ntcp_listen_options.nodelay = false\n\
         tcp_listen_options.keepalive = true\ntcp_listen_options.sndbuf = 1\n\
         tcp_listen_options.recbuf = 2\nheartbeat = 0\nframe_max = 4096\n\
         initial_frame_max = 4096\nchannel_max = 10\nhandshake_timeout = 5\n\
         max_message_size = 536870912\nloopback_users.guest = false\nloopback_users.bob = true\n\
         default_vhost = main\nauth_mechanisms.1 = AMQPLAIN\n\
         disk_free_limit.relative = 1.5\nvm_memory_high_watermark.relative = 0.4\nleveret.shards = 4\n\
         leveret.data_dir = /var/lib/leveret\n",
    );
    assert_eq!(written(&config.listeners), ["0.0.0.0:5671", "5672"]);
    let tcp = TcpOptions {
        backlog: 4096,
        is_nodelay: false,
        is_keepalive: true,
        send_buffer: 1,
        receive_buffer: 2,
    };
    assert_eq!(config.tcp, tcp);
    assert_eq!((config.heartbeat_s, config.channel_max), (0, 10));
    assert_eq!((config.frame_max, config.initial_frame_max), (4096, 4096));
    assert_eq!((config.handshake_timeout_ms, config.message_size_max), (5, 1 << 29));
    assert_eq!(config.loopback_users, ["bob".to_owned()].into());
    assert_eq!((config.default_vhost.as_str(), config.shards), ("main", 4));
    assert_eq!(config.auth_mechanisms, ["AMQPLAIN"]);
    assert_eq!(config.disk_free_limit, Some(Amount::OfMemory { millionths: 1_500_000 }));
    assert_eq!(config.memory_max, Amount::OfMemory { millionths: 400_000 });
    assert_eq!(config.data_dir, "/var/lib/leveret");
}

#[test]
fn none_wins_over_what_is_listed() {
    let config = config("listeners.tcp = none\nlisteners.tcp.1 = 5672\nloopback_users = none\n");
    assert_eq!(config.listeners, []);
    assert!(config.loopback_users.is_empty());
}

#[test]
fn naming_another_loopback_user_does_not_open_guest() {
    let config = config("loopback_users.bob = true");
    assert_eq!(config.loopback_users, ["bob".to_owned(), "guest".to_owned()].into());
}

#[test]
fn a_limit_in_bytes_wins_over_a_share() {
    let config = config(
        "vm_memory_high_watermark.absolute = 1GiB\nvm_memory_high_watermark.relative = 0.5\n\
         disk_free_limit.absolute = 50MB\ndisk_free_limit.relative = 2\n",
    );
    assert_eq!(config.memory_max, Amount::Bytes(1 << 30));
    assert_eq!(config.disk_free_limit, Some(Amount::Bytes(50_000_000)));
}

#[test]
fn values_are_cut_out_as_rabbitmq_does() {
    for (text, expected) in [
        ("default_vhost = b", "b"),
        ("default_vhost=b", "b"),
        ("\t default_vhost  =  b  \r\n", "b"),
        ("default_vhost = b # c", "b"),
        ("default_vhost = b#c", "b"),
        ("default_vhost = b c d", "b c d"),
        ("default_vhost = b=c", "b=c"),
        ("default_vhost = 'b # c'", "b # c"),
        ("default_vhost = 'b' # c", "b"),
        ("default_vhost = '''it's'''", "it's"),
        ("default_vhost = 'x\ny'", "x\ny"),
        ("default_vhost = \"b\"", "\"b\""),
        ("default_vhost = 'unterminated", "'unterminated"),
        ("default_vhost = ü", "ü"),
        ("# default_vhost = a\n\n#\n  # x\ndefault_vhost = b", "b"),
        ("\u{feff}default_vhost = b", "b"),
    ] {
        assert_eq!(config(text).default_vhost, expected, "{text:?}");
    }
}

#[test]
fn lines_that_are_no_settings_are_all_reported() {
    for text in [
        "a",
        "a =",
        "= 1",
        "a: b",
        "a..b = 1",
        "a b = 1",
        "a.$x = 1",
        "ä = 1",
        "%% x",
        "a = 'b' c",
        "a = 'b'c'",
        ".a = 1",
        "a. = 1",
        "a\\b = 1",
        "a = # b",
    ] {
        let expected = "rabbitmq.conf:1: expected `key = value`, a `# comment` or an empty line";
        let problems = read(text).unwrap_err();
        assert!(problems.len() == 1 && problems[0].starts_with(expected), "{text}: {problems:?}");
    }
    let problems = read("x\nheartbeat = 'a\nb'\n\ny\ninclude other.conf").unwrap_err();
    let places: Vec<_> = problems.iter().map(|text| &text[..15]).collect();
    assert_eq!(
        places,
        ["rabbitmq.conf:1", "rabbitmq.conf:2", "rabbitmq.conf:5", "rabbitmq.conf:6"],
        "{problems:?}"
    );
}

#[test]
fn unknown_keys_name_the_nearest_one() {
    assert_eq!(
        read("heartbeat = 10\nhartbeat = 10\nqqqqqqqqqqqq = 1"),
        Err(vec![
            "rabbitmq.conf:2: unknown key `hartbeat`; did you mean `heartbeat`?".to_owned(),
            "rabbitmq.conf:3: unknown key `qqqqqqqqqqqq`; `leveret config list` names all that are known".to_owned(),
        ])
    );
}

#[test]
fn bad_values_say_what_is_expected() {
    for (text, expected) in [
        ("heartbeat = soon", "a whole number from 0 to 65535 (seconds, or with a unit like 5m)"),
        ("heartbeat = 65536", "a whole number from 0 to 65535 (seconds, or with a unit like 5m)"),
        ("heartbeat = -1", "a whole number from 0 to 65535 (seconds, or with a unit like 5m)"),
        ("heartbeat = ''", "a whole number from 0 to 65535 (seconds, or with a unit like 5m)"),
        (
            "frame_max = 4095",
            "a whole number from 4096 to 134217728 (bytes, or with a unit like 64MB)",
        ),
        (
            "max_message_size = 536870913",
            "a whole number from 1 to 536870912 (bytes, or with a unit like 64MB)",
        ),
        (
            "max_message_size = 0",
            "a whole number from 1 to 536870912 (bytes, or with a unit like 64MB)",
        ),
        ("tcp_listen_options.nodelay = on", "true or false"),
        ("loopback_users.guest = no", "true or false"),
        ("loopback_users = all", "none; a user goes into loopback_users.NAME = true"),
        ("listeners.tcp = 5672", "none; a port or address goes into listeners.tcp.1"),
        ("listeners.tcp.1 = *:5672", Listener::EXPECTED),
        ("auth_mechanisms.1 = plain", "PLAIN, AMQPLAIN, EXTERNAL or ANONYMOUS"),
        ("disk_free_limit.absolute = 1.5GB", Amount::EXPECTED_BYTES),
        ("disk_free_limit.relative = 1GB", Amount::EXPECTED_SHARE),
        ("vm_memory_high_watermark.absolute = much", Amount::EXPECTED_BYTES),
        ("vm_memory_high_watermark.relative = 60%", Amount::EXPECTED_SHARE),
        ("default_vhost = ''", "a name of 1 to 255 bytes"),
        ("leveret.data_dir = ''", "the path of a directory"),
    ] {
        let shown = text.replace("''", "");
        let problem = format!("rabbitmq.conf:1: `{shown}`: expected {expected}");
        assert_eq!(read(text), Err(vec![problem]));
    }
}

#[test]
fn keys_of_parts_that_come_later_are_accepted_with_a_notice() {
    let text = "management.db_cache_multiplier = 5\nlog.exchange.level = debug\nssl_options.bypass_pem_cache = true\n\
                cluster_tags.a\\.b = x\ndeprecated_features.permit.any = true\n";
    let (_, notices) = read(text).unwrap();
    let expected = [
        "rabbitmq.conf:1: `management.db_cache_multiplier` has no effect: answers are made afresh for each request, by one node",
        "rabbitmq.conf:2: `log.exchange.level` has no effect: lines go to the console or a file; a program that reads them can publish them to an exchange",
        "rabbitmq.conf:3: `ssl_options.bypass_pem_cache` has no effect: certificates are read again when their files change",
        "rabbitmq.conf:4: `cluster_tags.a.b` has no effect: this is the only node: clusters come later",
        "rabbitmq.conf:5: `deprecated_features.permit.any` has no effect: what RabbitMQ merely deprecates is permitted here, and what it has removed is not there",
    ];
    assert_eq!(notices, expected);
}

#[test]
fn what_is_secret_is_repeated_nowhere() {
    let secrets = "default_pass = canary1\ndefault_users.bob.password = canary2\n\
                   anonymous_login_user = bob\nanonymous_login_pass = canary3\n";
    let (config, notices) = read(secrets).unwrap();
    let shown = format!("{config:?} {notices:?}");
    assert!(!shown.contains("canary"), "{shown}");
    let problems = read(&format!("default_pass = {}", "canary".repeat(1_000))).unwrap_err();
    let expected =
        "rabbitmq.conf:1: `default_pass`: expected a password; its value is not repeated here";
    assert_eq!(problems, [expected]);
}

#[test]
fn http_listeners_are_for_this_machine_until_they_are_configured() {
    let tls = "management.ssl.certfile = /c\nmanagement.ssl.keyfile = /k";
    let listeners = |text: &str| {
        let Config { management, prometheus, .. } = config(text);
        [management.listeners, management.tls_listeners, prometheus.listeners]
            .map(|l| written(&l).join(" "))
    };
    let own = "127.0.0.1:15692 [::1]:15692";
    assert_eq!(listeners(""), ["127.0.0.1:15672 [::1]:15672", "", own]);
    assert_eq!(listeners("management.tcp.port = 80"), ["80", "", own]);
    assert_eq!(listeners("management.tcp.ip = 10.0.0.1"), ["10.0.0.1:15672", "", own]);
    assert_eq!(listeners(&format!("management.ssl.port = 443\n{tls}")), ["", "443", own]);
    assert_eq!(
        listeners(&format!(
            "management.listener.port = 443\nmanagement.listener.ssl = true\n{tls}"
        )),
        ["", "443", own]
    );
    let off = "leveret.management = false\nprometheus.tcp.listener = none";
    assert_eq!(listeners(off), ["", "", ""]);
}

#[test]
fn in_the_open_only_what_has_no_address_changes() {
    let config = config("leveret.all_interfaces = true\nmanagement.tcp.ip = 127.0.0.1\n");
    assert_eq!(written(&config.listeners), ["5672"]);
    assert_eq!(written(&config.management.listeners), ["127.0.0.1:15672"]);
    assert_eq!(written(&config.prometheus.listeners), ["15692"]);
}

#[test]
fn logs_go_to_the_console_until_a_file_is_configured() {
    let outputs = |text| {
        let log = config(text).log;
        (log.console.is_some(), log.file.is_some())
    };
    assert_eq!(outputs(""), (true, false));
    assert_eq!(outputs("log.console = false"), (false, false));
    assert_eq!(outputs("log.file = a.log"), (false, true));
    assert_eq!(outputs("log.dir = /var/log"), (false, true));
    assert_eq!(outputs("log.dir = /var/log\nlog.file = false\nlog.console = true"), (true, false));
    let log = config("log.connection.level = error\nlog.file.rotation.size = 10MB").log;
    assert_eq!(log.level(LogCategory::Connection), LogLevel::Error);
    assert_eq!(
        (log.level(LogCategory::Queue), log.rotation.bytes_max),
        (LogLevel::Info, 10_000_000)
    );
    for (text, date) in [
        ("$D0", Some((RotationPeriod::Day, 0))),
        ("$D23", Some((RotationPeriod::Day, 23))),
        ("$H", Some((RotationPeriod::Hour, 0))),
        ("$W0D16", Some((RotationPeriod::Week(0), 16))),
        ("$M1D0", Some((RotationPeriod::Month(1), 0))),
        ("$D24", None),
        ("D0", None),
        ("$", None),
        ("$X", None),
    ] {
        let read = read(&format!("log.file.rotation.date = {text}"));
        let found = read.ok().and_then(|(config, _)| config.log.rotation.date);
        assert_eq!(found.map(|found| (found.period, found.hour)), date, "{text}");
    }
}

fn world_of<'a>(
    variable: &'a dyn Fn(&str) -> Option<String>,
    names: &'a [String],
    files: &'a dyn Fn(&str, &str) -> Files,
) -> Surroundings<'a> {
    Surroundings { variable, names, files }
}

fn read_in(text: &str, variables: &[(&str, &str)]) -> Result<(Config, Vec<String>), Vec<String>> {
    let variable = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let names = variables.iter().map(|(name, _)| (*name).to_owned());
    let names: Vec<String> = names.filter(|name| name.starts_with("RABBITMQ_")).collect();
    let files = |_: &str, pattern: &str| match pattern {
        "other.conf" => Ok(vec![("other.conf".to_owned(), "heartbeat = 7\n".to_owned())]),
        "conf.d/*.conf" => Ok(["1", "2"]
            .map(|n| (format!("conf.d/{n}.conf"), format!("channel_max = {n}\n")))
            .to_vec()),
        "self.conf" => Ok(vec![("self.conf".to_owned(), "include self.conf".to_owned())]),
        "plugins" => Ok(vec![("plugins".to_owned(), "[rabbitmq_prometheus].".to_owned())]),
        "secret" => Ok(vec![("secret".to_owned(), "canary\n".to_owned())]),
        _ => Ok(vec![]),
    };
    let world = world_of(&variable, &names, &files);
    match parse(&[Source { name: "a.conf", text }], &[], &world) {
        Ok((config, notices)) => Ok((config, notices.iter().map(Notice::to_string).collect())),
        Err(problems) => Err(problems.iter().map(Problem::to_string).collect()),
    }
}

#[test]
fn files_include_others() {
    let (config, _) = read_in("include other.conf # x\ninclude conf.d/*.conf", &[]).unwrap();
    assert_eq!((config.heartbeat_s, config.channel_max), (7, 2));
    let (config, notices) = read_in("heartbeat = 1\ninclude other.conf", &[]).unwrap();
    assert_eq!(config.heartbeat_s, 7);
    assert_eq!(notices, ["other.conf:1: `heartbeat` is set at a.conf:1 too; this one counts"]);
    let problems = read_in("include none.conf", &[]).unwrap_err();
    assert_eq!(problems, ["a.conf:1: `include`: none.conf is not there"]);
    let problems = read_in("include self.conf", &[]).unwrap_err();
    assert_eq!(problems, ["self.conf:1: `include`: self.conf includes itself"]);
}

#[test]
fn values_stand_for_keys_and_variables() {
    let text = "default_user = $(WHO)\ncluster_name = the $(default_user) of $(WHERE)";
    let (config, _) = read_in(text, &[("WHO", "ann"), ("WHERE", "x")]).unwrap();
    assert_eq!(config.accounts.default_user, "ann");
    assert_eq!(config.cluster_name, "the ann of x");
    let problems = read_in("default_pass = $(NOPE)\nheartbeat = $(heartbeat)", &[]).unwrap_err();
    assert_eq!(
        problems,
        [
            "a.conf:1: `default_pass`: $(NOPE) is neither another key nor an environment variable with a value",
            "a.conf:2: `heartbeat`: $(heartbeat) is neither another key nor an environment variable with a value",
        ]
    );
    let problems = read_in("default_pass = encrypted:canary", &[]).unwrap_err();
    assert!(
        problems[0].starts_with("a.conf:1: `default_pass`: values that begin with `encrypted:`")
    );
    assert!(!problems[0].contains("canary"));
}

#[test]
fn the_environment_wins_over_files() {
    let text = "default_user = bob\nlisteners.tcp.1 = 1.2.3.4:1\nlog.file = a.log";
    let variables = [
        ("RABBITMQ_DEFAULT_USER", "ann"),
        ("RABBITMQ_DEFAULT_PASS_FILE", "secret"),
        ("RABBITMQ_NODE_PORT", "5673"),
        ("RABBITMQ_NODE_IP_ADDRESS", "::1"),
        ("RABBITMQ_MNESIA_BASE", "/var/lib/rabbitmq/"),
        ("RABBITMQ_LOGS", "-"),
        ("RABBITMQ_LOG", "warning,connection=debug,+json"),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", "plugins"),
        ("RABBITMQ_NODENAME", "rabbit@here"),
        ("RABBITMQ_DEFAULT_VHOST", ""),
    ];
    let (config, notices) = read_in(text, &variables).unwrap();
    assert_eq!(config.accounts.default_user, "ann");
    assert_eq!(config.accounts.default_password, Password("canary".to_owned()));
    assert_eq!(written(&config.listeners), ["[::1]:5673"]);
    assert_eq!(config.data_dir, "/var/lib/rabbitmq/leveret");
    assert!(config.log.file.is_none());
    assert_eq!(config.log.console.as_ref().unwrap().shape.format, LogFormat::Json);
    assert_eq!(config.log.level(LogCategory::Connection), LogLevel::Debug);
    assert_eq!(config.log.level(LogCategory::Queue), LogLevel::Warning);
    assert_eq!((config.management.listeners.len(), config.prometheus.listeners.len()), (0, 2));
    assert_eq!((config.node_name.as_str(), config.default_vhost.as_str()), ("rabbit@here", "/"));
    assert!(!format!("{notices:?}").contains("canary"));

    let (_, notices) = read_in(
        "",
        &[("RABBITMQ_DEFALT_USER", "x"), ("RABBITMQ_ERLANG_COOKIE", "y"), ("RABBITMQ_QQQQ", "z")],
    )
    .unwrap();
    assert_eq!(
        notices,
        [
            "RABBITMQ_DEFALT_USER: unknown variable; did you mean `RABBITMQ_DEFAULT_USER`?",
            "RABBITMQ_ERLANG_COOKIE: it has no effect: this is the only node: clusters come later",
            "RABBITMQ_QQQQ: unknown variable; it has no effect",
        ]
    );
    let problems = read_in("", &[("RABBITMQ_HIPE_COMPILE", "1")]).unwrap_err();
    assert_eq!(
        problems,
        ["RABBITMQ_HIPE_COMPILE: it is not understood; there is nothing to compile"]
    );
}

#[test]
fn files_of_variables_are_assignments() {
    let text = "# x\n\nNODENAME=rabbit@a\nexport RABBITMQ_LOGS=\"-\"\nLOG='a b'\nA= # c\n";
    let expected = [
        ("RABBITMQ_NODENAME", "rabbit@a"),
        ("RABBITMQ_LOGS", "-"),
        ("RABBITMQ_LOG", "a b"),
        ("RABBITMQ_A", ""),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(parse_variables("env", text), Ok(expected.to_vec()));
    for text in ["NODENAME=$(hostname)", "if true; then", "A=`x`", "A=a b", "A = b", "A=a; B=b"] {
        assert!(parse_variables("env", text).is_err(), "{text}");
    }
}

#[test]
fn the_page_about_options_is_what_they_say() {
    let written = include_str!("../../../docs/configuration.md");
    assert!(written == page(), "run `cargo xtask docs` and commit docs/configuration.md");
}

#[test]
fn keys_are_explained_by_name_and_filled_in() {
    let text = explain("listeners.tcp.external").unwrap();
    assert!(text.starts_with("listeners.tcp.$name\n  Where AMQP"), "{text}");
    assert!(text.contains("\n  example: 0.0.0.0:5672\n"), "{text}");
    let text = explain("cluster_formation.node_cleanup.interval").unwrap();
    assert!(text.contains("no effect: "), "{text}");
    assert!(explain("default_users.$name.password").is_ok());
    assert_eq!(
        explain("hartbeat"),
        Err("unknown key `hartbeat`; did you mean `heartbeat`?".to_owned())
    );
}

#[test]
fn the_last_setting_counts_and_the_command_line_is_last() {
    let (config, notices) = read("heartbeat = 1\nheartbeat = 2").unwrap();
    assert_eq!(config.heartbeat_s, 2);
    assert_eq!(
        notices,
        ["rabbitmq.conf:2: `heartbeat` is set at rabbitmq.conf:1 too; this one counts"]
    );
    let (config, notices) =
        read_with("heartbeat = 1", &[("heartbeat", " 3 "), ("listeners.tcp.1", "0")]).unwrap();
    assert_eq!((config.heartbeat_s, written(&config.listeners)), (3, vec!["0".to_owned()]));
    assert_eq!(notices, [""; 0]);
    let problems = read_with("", &[("heart beat", "3"), ("heartbeats", "3")]).unwrap_err();
    let expected = [
        "--set: expected `key = value`, a `# comment` or an empty line",
        "--set: unknown key `heartbeats`; did you mean `heartbeat`?",
    ];
    assert_eq!(problems, expected);
}

#[test]
fn every_option_has_a_name_of_its_own_and_a_meaning() {
    let mut names = std::collections::BTreeSet::new();
    for option in options() {
        assert!(
            (!option.doc.is_empty() || option.without_effect.is_some()) && !option.name.is_empty(),
            "{option:?}"
        );
        assert!(names.insert(option.name), "{} is defined twice", option.name);
    }
    assert!(names.len() > 1000);
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_fail(text in "([a-z.]{0,9}[=#' \\n\\\\]{0,4}[a-z0-9'ü]{0,6}[\\r\\n]{0,2}){0,12}") {
        let _ = read(&text);
    }
}

#[test]
fn tls_is_configured_as_in_rabbitmq() {
    let text = "listeners.ssl.1 = 5671\nssl_options.certfile = /c\nssl_options.keyfile = /k\n\
                ssl_options.cacertfile = /a\nssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = true\n\
                ssl_options.versions.1 = tlsv1.3\nssl_options.ciphers.10 = ECDHE-RSA-CHACHA20-POLY1305\n\
                ssl_options.ciphers.9 = TLS_AES_256_GCM_SHA384\nssl_cert_login_san_index = 2\n\
                ssl_cert_login_from = subject_alternative_name\nssl_cert_login_san_type = uri\nproxy_protocol = true\n";
    let (config, notices) = read(text).unwrap();
    assert!(notices.is_empty(), "{notices:?}");
    assert_eq!(config.tls_listeners.len(), 1);
    assert!(
        config.tls.verifies_peer && config.tls.needs_peer_certificate && config.has_proxy_protocol
    );
    assert_eq!(config.tls.versions, [TlsVersion::Tls13]);
    let expected = ["TLS_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"];
    assert_eq!(config.tls.ciphers, expected, "the lowest number first");
    let name = CertificateName::SubjectAlternativeName { kind: SanKind::Uri, index: 2 };
    assert_eq!(config.certificate_name, name);
    assert!(
        read("listeners.ssl.1 = 5671\nlisteners.ssl = none").unwrap().0.tls_listeners.is_empty()
    );
}

#[test]
fn what_is_not_spoken_of_tls_is_refused_with_the_remedy() {
    for (line, word) in [
        ("ssl_options.versions.1 = tlsv1.1", "spoken no more"),
        ("ssl_options.ciphers.1 = DHE-RSA-AES256-SHA", "take the line out"),
        ("ssl_options.password = xyzzy", "openssl pkey"),
        ("ssl_options.crl_check = true", "not read yet"),
    ] {
        let problems = read(line).expect_err("it is not spoken");
        assert!(problems.iter().any(|text| text.contains(word)), "{problems:?}");
        assert!(!problems.iter().any(|text| text.contains("xyzzy")), "a password is not repeated");
    }
}
