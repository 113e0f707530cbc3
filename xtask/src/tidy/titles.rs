//! Each transcript begins with its title, and no two have the same: the title is the name of the test.

use std::collections::BTreeMap;

use super::Finding;
use super::source::Source;

pub(super) fn check(sources: &[Source], findings: &mut Vec<Finding>) {
    let mut first_use: BTreeMap<&str, &str> = BTreeMap::new();
    for source in sources {
        if !source.path.starts_with("tests/transcripts/") || !source.has_extension("txt") {
            continue;
        }
        let first_line = source.text.lines().next().unwrap_or_default();
        let Some(title) = first_line.strip_prefix("# ") else {
            let what = "a transcript begins with `# ` and a sentence that says what it shows";
            findings.push(Finding::new(&source.path, 1, what));
            continue;
        };
        if let Some(other) = first_use.insert(title, &source.path) {
            let what = format!("the title is taken by {other}; say what is different here");
            findings.push(Finding::new(&source.path, 1, what));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_there_and_unique() {
        let transcript = |path, text| Source::new(path, text);
        let mut findings = Vec::new();
        let sources = [
            transcript("tests/transcripts/a.txt", "# A message is returned.\n"),
            transcript("tests/transcripts/b.txt", "# A message is returned.\n"),
            transcript("tests/transcripts/c.txt", "C basic.publish\n"),
            transcript("docs/notes.txt", "no transcript\n"),
        ];
        check(&sources, &mut findings);
        let paths: Vec<&str> = findings.iter().map(|finding| finding.path.as_str()).collect();
        assert_eq!(paths, ["tests/transcripts/b.txt", "tests/transcripts/c.txt"]);
    }
}
