//! Names that say nothing. A type or module called so is usually two things, or none.

use super::Finding;
use super::code::{identifiers, words};
use super::source::Source;

const EMPTY_WORDS: &[&str] = &[
    "manager", "handler", "helper", "helpers", "util", "utils", "info", "impl", "data", "misc",
    "common",
];
const DECLARATIONS: &[&str] = &["struct", "enum", "trait", "type", "union", "mod"];

pub(super) fn check(source: &Source, findings: &mut Vec<Finding>) {
    for (number, line) in source.code_lines() {
        let Some(name) = declared(line) else { continue };
        let last = words(name).pop().unwrap_or_default();
        if EMPTY_WORDS.contains(&last.as_str()) {
            let what = format!("`{name}` ends in a word that says nothing; name what it is");
            findings.push(Finding::new(&source.path, number, what));
        }
    }
}

/// The name that a line declares a type or module by.
fn declared(line: &str) -> Option<&str> {
    let mut rest = identifiers(line).skip_while(|word| matches!(*word, "pub" | "crate" | "super"));
    let keyword = rest.next()?;
    // An associated type has the name that its trait gives it, which may be of another crate.
    if keyword == "type" && line.starts_with(' ') {
        return None;
    }
    if DECLARATIONS.contains(&keyword) { rest.next() } else { None }
}

#[cfg(test)]
mod tests {
    use super::super::tests::findings_of;
    use super::*;

    #[test]
    fn empty_names_are_refused() {
        let text = "pub struct QueueManager;\npub(crate) mod utils;\ntrait FrameHandler {}\n";
        let lines: Vec<usize> =
            findings_of(check, "a.rs", text).into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, [1, 2, 3]);
    }

    #[test]
    fn only_declarations_and_last_words_count() {
        let text = "struct InfoLine;\nlet data = manager.data();\nimpl Display for Queue {}\n";
        assert!(findings_of(check, "a.rs", text).is_empty());
    }
}
