//! What must not be shown has a type that cannot show it. A field that is called like a secret and is plain text or bytes must
//! not stand in a type that derives `Debug`: sooner or later such a type is in the message of a panic, or in a log.

use super::Finding;
use super::code::{identifiers, words};
use super::source::Source;

/// Words that a secret is called by.
const SECRETS: &[&str] =
    &["password", "passphrase", "passwd", "secret", "credential", "credentials", "cookie", "token"];
/// Words behind such a one, with which it is none any more.
const HARMLESS: &[&str] =
    &["hashing", "pattern", "rule", "length", "min", "max", "count", "kind", "at", "ms", "file"];
/// Types that show what is in them.
const PLAIN: &[&str] = &["String", "str", "u8", "Bytes", "Value", "Cow"];

pub(super) fn check(source: &Source, findings: &mut Vec<Finding>) {
    if !source.path.starts_with("crates/") {
        return;
    }
    let (mut derives_debug, mut is_within) = (false, false);
    for (number, line) in source.code_lines() {
        let text = line.trim();
        if text.starts_with("#[derive(") {
            derives_debug = identifiers(text).any(|word| word == "Debug");
        } else if is_declaration(text) {
            is_within = derives_debug && !text.ends_with(';');
            derives_debug = false;
        } else if line == "}" {
            is_within = false;
        } else if is_within && let Some(name) = plain_secret(text) {
            let what = format!(
                "`{name}` would be shown by the `Debug` that its type derives: give it a type that hides it, or write the \
                 `Debug` by hand without it"
            );
            findings.push(Finding::new(&source.path, number, what));
        }
    }
}

fn is_declaration(text: &str) -> bool {
    let mut rest = identifiers(text).skip_while(|word| matches!(*word, "pub" | "crate" | "super"));
    matches!(rest.next(), Some("struct" | "enum"))
}

/// The name of a field that is a secret in plain text.
fn plain_secret(text: &str) -> Option<&str> {
    let (name, kind) = text.split_once(": ")?;
    let name = identifiers(name).last()?;
    let said = words(name);
    let is_secret = said.iter().any(|word| SECRETS.contains(&word.as_str()))
        && !said.last().is_some_and(|word| HARMLESS.contains(&word.as_str()));
    let is_plain = identifiers(kind).any(|word| PLAIN.contains(&word));
    (is_secret && is_plain).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::super::tests::findings_of;
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        findings_of(check, "crates/a/src/a.rs", text).into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn a_password_that_would_be_shown_is_refused() {
        let login = "#[derive(Clone, Debug)]\npub struct Login {\n    pub user: String,\n    pub password: Vec<u8>,\n}\n";
        assert_eq!(lines(login), [4]);
        let variant = "#[derive(Debug)]\nenum Said {\n    By { api_token: Option<String> },\n}\n";
        assert_eq!(lines(variant), [3]);
    }

    #[test]
    fn what_hides_it_or_is_none_passes() {
        for text in [
            "#[derive(Clone)]\nstruct Login {\n    password: String,\n}\n",
            "#[derive(Debug)]\nstruct Login {\n    password: Password,\n}\n",
            "#[derive(Debug)]\nstruct Rule {\n    password_pattern: String,\n    password_length_min: u8,\n}\n",
            "#[derive(Debug)]\nstruct A;\nstruct Login {\n    password: String,\n}\n",
        ] {
            assert!(lines(text).is_empty(), "{text}");
        }
    }
}
