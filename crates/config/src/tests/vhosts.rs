//! What virtual hosts get when they are made, and what passwords have to be like.

use super::*;

#[test]
fn new_virtual_hosts_get_limits_policies_and_users() {
    let text = "default_limits.vhosts.1.pattern = ^dev\ndefault_limits.vhosts.1.max_queues = 5\n\
                default_limits.vhosts.2.max_connections = 7\n\
                default_policies.operator.bounded.vhost_pattern = ^dev\n\
                default_policies.operator.bounded.queue_pattern = ^q\n\
                default_policies.operator.bounded.apply_to = queues\n\
                default_policies.operator.bounded.max_length_bytes = 1GB\n\
                default_policies.operator.bounded.message_ttl = 1d\n\
                default_users.a\\.b.password = x\ndefault_users.a\\.b.tags = monitoring, management\n\
                default_users.a\\.b.vhost_pattern = ^dev\ndefault_users.a\\.b.read = ^q\n";
    let (config, notices) = read(text).unwrap();
    assert_eq!(notices, [""; 0]);
    let limits = &config.limits.vhosts;
    assert_eq!((limits[0].pattern.as_str(), limits[0].queues_max), ("^dev", Some(5)));
    assert_eq!((limits[1].pattern.as_str(), limits[1].connections_max), ("", Some(7)));
    let policy = &config.default_policies[0];
    assert_eq!((policy.name.as_str(), policy.queue_pattern.as_str()), ("bounded", "^q"));
    let definition = [("max-length-bytes", 1_000_000_000), ("message-ttl", 86_400_000)];
    assert_eq!(policy.definition, definition.into());
    let user = &config.accounts.default_users[0];
    assert_eq!((user.name.as_str(), &*user.permissions.read), ("a.b", "^q"));
    assert_eq!(user.tags, ["monitoring", "management"]);
}

#[test]
fn patterns_are_looked_at_when_they_are_read() {
    for key in [
        "default_permissions.configure",
        "default_users.a.vhost_pattern",
        "default_users.a.write",
        "default_limits.vhosts.1.pattern",
        "credential_validator.regexp",
    ] {
        let problem = format!("rabbitmq.conf:1: `{key} = (`: expected a regular expression");
        assert_eq!(read(&format!("{key} = (")), Err(vec![problem]));
    }
}

#[test]
fn a_policy_that_says_nothing_is_wrong_where_it_stands() {
    let problems = read("\ndefault_policies.operator.a.apply_to = queues").unwrap_err();
    let expected = "rabbitmq.conf:2: `default_policies.operator.a`: the policy says nothing: set a limit like max_length \
                    beside it";
    assert_eq!(problems, [expected]);
}

#[test]
fn passwords_have_the_rule_that_is_named() {
    let backend = "credential_validator.validation_backend = rabbit_credential_validator_";
    let both = "credential_validator.min_length = 9\ncredential_validator.regexp = ^x\n";
    for (text, length_min, pattern) in [
        (String::new(), None, None),
        (both.to_owned(), Some(9), Some("^x")),
        (format!("{both}{backend}accept_everything"), None, None),
        (format!("{both}{backend}min_password_length"), Some(9), None),
        (format!("{both}{backend}password_regexp"), None, Some("^x")),
        (format!("{backend}min_password_length"), Some(5), None),
    ] {
        let rule = config(&text).accounts.password_rule;
        assert_eq!((rule.length_min, rule.pattern.as_deref()), (length_min, pattern), "{text}");
    }
    let problems = read(&format!("{backend}password_regexp")).unwrap_err();
    assert!(problems[0].ends_with("needs credential_validator.regexp, which is not set"));
    assert!(read("credential_validator.validation_backend = my_module").is_err());
}

#[test]
fn the_http_api_is_configured_as_in_rabbitmq() {
    let text = "management.path_prefix = /broker\nmanagement.cors.allow_origins.1 = https://a.example\n\
                management.hsts.policy = max-age=1\nmanagement.headers.frame_options = DENY\n\
                management.http.max_body_size = 1MB\nmanagement.disable_stats = true\n\
                management.ssl.idle_timeout = 10s\nmanagement.tcp.max_connections = 5\n\
                management.restrictions.operator_policy_changes.disabled = true\n\
                management.rates_mode = detailed\n";
    let (config, notices) = read(text).unwrap();
    let management = config.management;
    assert_eq!((&*management.path_prefix, management.body_bytes_max), ("/broker", Some(1_000_000)));
    assert_eq!(management.cors_origins, ["https://a.example"]);
    assert_eq!(management.headers["x-frame-options"], "DENY");
    assert_eq!(
        management.headers["content-security-policy"],
        "script-src 'self'; object-src 'self'"
    );
    assert_eq!(
        (management.http.idle_timeout_ms, management.http.connections_max),
        (10_000, Some(5))
    );
    assert!(management.has_no_stats && management.forbids_operator_policies);
    let notice = "rabbitmq.conf:10: `management.rates_mode`: `detailed` is `basic` here: pairs of objects are told apart with either";
    assert_eq!(notices, [notice]);
    assert!(read("management.disable_basic_auth = true").is_err(), "nobody could log in");
    assert!(read("management.csp.policy = ü").is_err());
}
