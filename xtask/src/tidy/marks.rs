//! Marks of unfinished or unproven work: `todo!`, `unimplemented!`, ignored tests, assertions that do not ship, and
//! `unsafe` outside the files that are named here with a reason.

use super::Finding;
use super::code::identifiers;
use super::source::Source;

/// Files that may contain `unsafe`, each with a proof beside it. There is none.
const UNSAFE_FILES: &[&str] = &[];

pub(super) fn check(source: &Source, findings: &mut Vec<Finding>) {
    for (number, line) in source.code_lines() {
        let mut refuse = |what: &str| findings.push(Finding::new(&source.path, number, what));
        if line.contains("todo!") || line.contains("unimplemented!") {
            refuse("unfinished; finish it, or return a Refusal that says what is not supported");
        }
        if line.contains("#[ignore") {
            refuse("an ignored test proves nothing; make it pass or delete it");
        }
        if line.contains("debug_assert") {
            refuse("left out of what ships; use `assert!`, which is not");
        }
        let may_be_unsafe = UNSAFE_FILES.contains(&source.path.as_str());
        if !may_be_unsafe && identifiers(line).any(|word| word == "unsafe") {
            refuse(
                "`unsafe` outside the files that tidy names; find a safe way, or prove and name it",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::findings_of;
    use super::*;

    #[test]
    fn marks_of_unfinished_work_are_refused() {
        let text = "todo!();\nunimplemented!(\"x\");\n#[ignore = \"slow\"]\nunsafe { f() }\n";
        assert_eq!(findings_of(check, "a.rs", text).len(), 4);
    }

    #[test]
    fn an_assertion_that_does_not_ship_is_refused() {
        assert_eq!(findings_of(check, "a.rs", "debug_assert_eq!(a, b);\n").len(), 1);
        assert!(findings_of(check, "a.rs", "assert_eq!(a, b);\n").is_empty());
    }

    #[test]
    fn the_lint_about_unsafe_code_is_not_unsafe() {
        let text = "#![forbid(unsafe_code)]\n// unsafe, todo! and #[ignore] in a comment\n";
        assert!(findings_of(check, "a.rs", text).is_empty());
    }
}
