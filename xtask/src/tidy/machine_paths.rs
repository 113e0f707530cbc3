//! Nothing in the project names a folder of the machine that it was written on.

use std::env;
use std::path::Path;

use super::Finding;
use super::source::Source;

/// Folders that exist on every machine, and that a document may well name.
const COMMON_FOLDERS: &[&str] =
    &["/", "/tmp", "/home", "/srv", "/opt", "/src", "/usr/src", "/var", "/app", "/builds"];

/// The folders that only this machine has: the checkout, the one around it, and the user's own.
pub(super) fn of(root: &Path) -> Vec<String> {
    let root = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
    let home = env::var("HOME").unwrap_or_default();
    let around = root.parent().map(|parent| parent.to_string_lossy().into_owned());
    [Some(root.to_string_lossy().into_owned()), around, Some(home)]
        .into_iter()
        .flatten()
        .filter(|folder| folder.starts_with('/') && !COMMON_FOLDERS.contains(&folder.as_str()))
        .collect()
}

pub(super) fn check(source: &Source, folders: &[String], findings: &mut Vec<Finding>) {
    for (number, line) in source.text_lines() {
        for folder in folders {
            if names(line, folder) {
                let what = format!("`{folder}` exists on one machine only; write a relative path");
                findings.push(Finding::new(&source.path, number, what));
            }
        }
    }
}

/// Whether a line names the folder or something in it, as a whole path.
fn names(line: &str, folder: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '}');
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + folder.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(|c| is_part(c) && c != '/')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_this_machine_is_refused_as_a_whole_path_only() {
        let folders = ["/desk/leveret".to_owned(), "/desk".to_owned()];
        let mut findings = Vec::new();
        let text = "see /desk/leveret/README.md\nsee docs/desk/a.md\n/desks\ncd \"/desk\"\n";
        check(&Source::new("a.md", text), &folders, &mut findings);
        let lines: Vec<usize> = findings.into_iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [1, 1, 4]);
    }
}
