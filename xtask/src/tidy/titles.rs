//! Each transcript begins with its title, and no two have the same: the title is the name of the test. A file holds
//! transcripts between lines of `---`.

use std::collections::BTreeMap;

use super::Finding;
use super::source::Source;

pub(super) fn check(sources: &[Source], findings: &mut Vec<Finding>) {
    let mut first_use: BTreeMap<&str, String> = BTreeMap::new();
    for source in sources {
        if !source.path.starts_with("tests/transcripts/") || !source.has_extension("txt") {
            continue;
        }
        for (line, first_line) in first_lines(source) {
            let mut refuse = |what: &str| findings.push(Finding::new(&source.path, line, what));
            match first_line.strip_prefix("# ") {
                None => {
                    refuse("a transcript begins with `# ` and a sentence that says what it shows")
                }
                Some(title) => {
                    let here = format!("{}:{line}", source.path);
                    if let Some(other) = first_use.insert(title, here) {
                        refuse(&format!(
                            "the title is taken by {other}; say what is different here"
                        ));
                    }
                }
            }
        }
    }
}

/// The first line of each transcript that has any, with its number.
pub(super) fn first_lines(source: &Source) -> Vec<(usize, &str)> {
    let mut lines = Vec::new();
    let mut is_between = true;
    for (number, line) in source.text_lines() {
        if line.trim() == "---" {
            is_between = true;
        } else if is_between && !line.trim().is_empty() {
            lines.push((number, line));
            is_between = false;
        }
    }
    lines
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
            transcript("tests/transcripts/d.txt", "# One.\nC close\n---\n# Two.\n---\n\n# One.\n"),
            transcript("docs/notes.txt", "no transcript\n"),
        ];
        check(&sources, &mut findings);
        let places: Vec<String> =
            findings.iter().map(|finding| format!("{}:{}", finding.path, finding.line)).collect();
        let expected = ["b.txt:1", "c.txt:1", "d.txt:7"];
        assert_eq!(places, expected.map(|place| format!("tests/transcripts/{place}")));
    }
}
