//! The keys of RabbitMQ 4.3 that have no effect here, with the reason.
//!
//! They stand in text files, a section per reason, so that a part that arrives takes its section out. The names
//! are those of the schemas of RabbitMQ 4.3.6 and of the plugins that come with it.

use crate::option::{ConfigOption, matches};

const FILES: [&str; 7] = [
    include_str!("later/core.txt"),
    include_str!("later/tls.txt"),
    include_str!("later/log.txt"),
    include_str!("later/auth.txt"),
    include_str!("later/management.txt"),
    include_str!("later/cluster.txt"),
    include_str!("later/protocols.txt"),
];

/// Why a known key has no effect; `None` for a key that is not known.
pub(crate) fn reason(key: &[&str]) -> Option<&'static str> {
    names().find(|(name, _)| matches(name, key).is_some()).map(|(_, reason)| reason)
}

/// Values that say what is so: no notice is needed.
const TRUE_ANYWAY: [(&str, &str); 6] = [
    ("background_gc_enabled", "false"),
    ("hipe_compile", "false"),
    ("log.exchange", "false"),
    ("log.journald", "false"),
    ("log.syslog", "false"),
    ("reverse_dns_lookups", "false"),
];

/// Whether a value without effect asks for what is so in any case.
pub(crate) fn is_true_anyway(key: &str, value: &str) -> bool {
    TRUE_ANYWAY.contains(&(key, value))
}

/// Why an option that is defined has no effect, if it has none; `name` with its `$`.
pub(crate) fn reason_of(name: &str) -> Option<&'static str> {
    names().find(|(listed, _)| *listed == name).map(|(_, reason)| reason)
}

/// Those of which only the name is known.
pub(crate) fn options() -> impl Iterator<Item = ConfigOption> {
    let is_undefined =
        |name| crate::options::definitions().all(|definition| !definition.is_called(name));
    names().filter(move |(name, _)| is_undefined(name)).map(|(name, reason)| ConfigOption {
        name,
        doc: "",
        default: None,
        example: None,
        expected: String::new(),
        without_effect: Some(reason),
        is_defined: false,
    })
}

/// All names with their reasons.
pub(crate) fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.into_iter().flat_map(|file| {
        let mut reason = "";
        file.lines().filter_map(move |line| {
            if let Some(title) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                reason = title;
                return None;
            }
            Some((line, reason))
        })
    })
}
