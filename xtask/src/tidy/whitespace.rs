//! No trailing whitespace, no tabs in Rust, one newline at the end.

use super::Finding;
use super::source::Source;

pub(super) fn check(source: &Source, findings: &mut Vec<Finding>) {
    let mut refuse = |line, what: &str| findings.push(Finding::new(&source.path, line, what));
    for (number, line) in source.text_lines() {
        if line.ends_with([' ', '\t', '\r']) {
            refuse(number, "trailing whitespace; remove it");
        }
    }
    let is_well_ended = source.text.ends_with('\n') && !source.text.ends_with("\n\n");
    if !source.text.is_empty() && !is_well_ended {
        refuse(source.text.lines().count(), "the file must end with exactly one newline");
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::findings_of;
    use super::*;

    #[test]
    fn trailing_whitespace_and_bad_ends_are_refused() {
        let lines = |text| -> Vec<usize> {
            findings_of(check, "a.md", text).into_iter().map(|(line, _)| line).collect()
        };
        assert_eq!(lines("a \nb\n"), [1]);
        assert_eq!(lines("a\nb"), [2]);
        assert_eq!(lines("a\n\n"), [2]);
        assert!(lines("a\n\nb\n").is_empty());
    }
}
