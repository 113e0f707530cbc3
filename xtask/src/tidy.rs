//! The rules of the house that neither the compiler nor clippy holds. One rule, one file; each shows in its
//! tests an example that it refuses.
//!
//! A finding is one line, `path:line: what is wrong and what to do`. Notices are printed and do not fail.

use std::fmt;
use std::path::Path;

mod code;
mod compatibility;
mod core_words;
mod layers;
mod lengths;
mod links;
mod machine_paths;
mod manifests;
mod marks;
mod names;
mod secrets;
mod source;
mod titles;
mod whitespace;

/// Something that a rule refuses, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    path: String,
    /// Counted from 1.
    line: usize,
    what: String,
    is_notice: bool,
}

impl Finding {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into(), is_notice: false }
    }

    fn notice(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { is_notice: true, ..Self::new(path, line, what) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_notice { "notice: " } else { "" };
        write!(f, "{}:{}: {kind}{}", self.path, self.line, self.what)
    }
}

/// Checks the whole checkout and prints what was found.
///
/// # Errors
/// At least one rule is broken, or the checkout cannot be read.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let sources = source::read_all(root)?;
    let packages = manifests::read(root)?;
    let machine = machine_paths::of(root);

    let mut findings = Vec::new();
    for source in &sources {
        whitespace::check(source, &mut findings);
        lengths::check(source, &mut findings);
        names::check(source, &mut findings);
        secrets::check(source, &mut findings);
        core_words::check(source, &mut findings);
        marks::check(source, &mut findings);
        machine_paths::check(source, &machine, &mut findings);
        links::check(source, &|target| root.join(target).exists(), &mut findings);
    }
    titles::check(&sources, &mut findings);
    compatibility::check(&sources, &mut findings);
    manifests::check(&packages, &mut findings);
    layers::check(&packages, &mut findings);

    findings.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    for finding in &findings {
        println!("{finding}");
    }
    let broken = findings.iter().filter(|finding| !finding.is_notice).count();
    println!("tidy: {} files, {} packages, {broken} findings", sources.len(), packages.len());
    if broken == 0 { Ok(()) } else { Err(format!("tidy: {broken} findings")) }
}

#[cfg(test)]
mod tests {
    use super::source::Source;
    use super::*;

    /// What a rule says of one file, without the path.
    pub(super) fn findings_of(
        rule: fn(&Source, &mut Vec<Finding>),
        path: &str,
        text: &str,
    ) -> Vec<(usize, String)> {
        let mut findings = Vec::new();
        rule(&Source::new(path, text), &mut findings);
        findings.into_iter().map(|finding| (finding.line, finding.what)).collect()
    }

    #[test]
    fn a_finding_is_one_line_that_an_editor_can_follow() {
        let finding = Finding::new("crates/a/src/b.rs", 7, "too long; split it");
        assert_eq!(finding.to_string(), "crates/a/src/b.rs:7: too long; split it");
        let notice = Finding::notice("a.rs", 1, "long");
        assert_eq!(notice.to_string(), "a.rs:1: notice: long");
    }
}
