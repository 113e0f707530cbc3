//! Law 2: the core speaks the language of brokers. Words of bytes stop at `wire-*`, words of protocols at
//! `proto-*`; in the crates below, code may not use them. Comments may, to say what is absent.

use super::Finding;
use super::code::{identifiers, words};
use super::source::Source;

const CORE: &[&str] = &["message", "routing", "store", "queue", "metadata", "broker"];

/// A message carries the name of the format that its native bytes are in: the one protocol word that may
/// stand in the core, and only there.
const ALLOWED: &[(&str, &str)] = &[("message", "Amqp091"), ("broker", "Amqp091")];

/// Names of reply codes. Which of them a refusal becomes is decided by a front-end.
const REPLY_CODES: &[&str] = &[
    "CONTENT_TOO_LARGE",
    "NO_ROUTE",
    "NO_CONSUMERS",
    "CONNECTION_FORCED",
    "INVALID_PATH",
    "ACCESS_REFUSED",
    "NOT_FOUND",
    "RESOURCE_LOCKED",
    "PRECONDITION_FAILED",
    "FRAME_ERROR",
    "SYNTAX_ERROR",
    "COMMAND_INVALID",
    "CHANNEL_ERROR",
    "UNEXPECTED_FRAME",
    "RESOURCE_ERROR",
    "NOT_ALLOWED",
    "NOT_IMPLEMENTED",
    "INTERNAL_ERROR",
];

pub(super) fn check(source: &Source, findings: &mut Vec<Finding>) {
    let Some(core) = CORE.iter().find(|name| source.path.starts_with(&format!("crates/{name}/")))
    else {
        return;
    };
    for (number, line) in source.code_lines() {
        for identifier in identifiers(line) {
            let is_allowed = ALLOWED.contains(&(core, identifier));
            if is_foreign(identifier) && !is_allowed {
                let what = format!(
                    "`{identifier}` is a word of a protocol; in `{core}` use the broker's word for it"
                );
                findings.push(Finding::new(&source.path, number, what));
            }
        }
    }
}

fn is_foreign(identifier: &str) -> bool {
    let words = words(identifier);
    let has_pair = |first: &str, second: &str| {
        words.windows(2).any(|pair| pair[0] == first && pair[1] == second)
    };
    identifier.starts_with("wire_")
        || identifier.starts_with("proto_")
        || REPLY_CODES.contains(&identifier)
        || words.iter().any(|word| word.starts_with("amqp") || word == "frame" || word == "frames")
        || has_pair("delivery", "tag")
        || has_pair("reply", "code")
        || has_pair("reply", "text")
}

#[cfg(test)]
mod tests {
    use super::super::tests::findings_of;
    use super::*;

    #[test]
    fn protocol_words_are_refused_in_the_core() {
        let text =
            "use wire_amqp091::Frame;\nstruct DeliveryTag(u64);\nlet reply_code = NOT_FOUND;\n";
        let lines: Vec<usize> = findings_of(check, "crates/broker/src/publish.rs", text)
            .into_iter()
            .map(|(line, _)| line)
            .collect();
        assert_eq!(lines, [1, 1, 2, 3, 3]);
    }

    #[test]
    fn comments_strings_and_front_ends_may_use_them() {
        let comment = "// A frame of AMQP is nothing to us.\nlet text = \"amqp\";\n";
        assert!(findings_of(check, "crates/broker/src/publish.rs", comment).is_empty());
        let code = "let delivery_tag = frame.payload;\n";
        assert!(findings_of(check, "crates/proto-amqp091/src/channel.rs", code).is_empty());
    }

    #[test]
    fn a_message_may_name_the_format_of_its_bytes() {
        let text = "enum Format { Amqp091 }\n";
        assert!(findings_of(check, "crates/message/src/blob.rs", text).is_empty());
        assert_eq!(findings_of(check, "crates/queue/src/queue.rs", text).len(), 1);
    }
}
