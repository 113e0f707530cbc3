//! Every relative link of a document leads somewhere. ARCHITECTURE.md is a map: a dead link in it is a bug.

use super::Finding;
use super::source::Source;

/// `exists` is asked with paths relative to the top of the checkout.
pub(super) fn check(source: &Source, exists: &dyn Fn(&str) -> bool, findings: &mut Vec<Finding>) {
    if !source.has_extension("md") {
        return;
    }
    let folder = source.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut in_fence = false;
    for (number, line) in source.text_lines() {
        if line.trim_start().starts_with("```") {
            in_fence = !in_fence;
        }
        if in_fence {
            continue;
        }
        for target in targets(line) {
            let path = target.split('#').next().unwrap_or_default();
            let is_elsewhere = target.contains("://") || target.starts_with("mailto:");
            let is_here = path.is_empty();
            if !is_elsewhere && !is_here && !resolve(folder, path).is_some_and(|path| exists(&path))
            {
                let what = format!("dead link `{target}`; correct it or write what it promises");
                findings.push(Finding::new(&source.path, number, what));
            }
        }
    }
}

/// The targets of `[text](target)` and `[label]: target`, outside of inline code.
fn targets(line: &str) -> Vec<&str> {
    let mut targets = Vec::new();
    let is_definition = line.starts_with('[');
    if is_definition && let Some((_, target)) = line.split_once("]: ") {
        targets.push(target.trim());
    }
    for (at, _) in line.match_indices("](") {
        let is_code = line[..at].matches('`').count() % 2 == 1;
        let rest = &line[at + 2..];
        if !is_code && let Some(end) = rest.find(')') {
            targets.push(rest[..end].split(' ').next().unwrap_or_default());
        }
    }
    targets
}

/// The path that a link of a document in `folder` leads to, unless it leaves the checkout.
fn resolve(folder: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dead(path: &str, text: &str) -> Vec<usize> {
        let mut findings = Vec::new();
        let exists = |path: &str| matches!(path, "README.md" | "docs" | "docs/a.md" | "");
        check(&Source::new(path, text), &exists, &mut findings);
        findings.into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_link_to_nowhere_is_refused() {
        assert_eq!(dead("README.md", "[a](docs/b.md)\n\n[b]: docs/c.md\n"), [1, 3]);
        assert_eq!(dead("docs/a.md", "[up](../../README.md)\n"), [1]);
        assert_eq!(dead("docs/a.md", "[a](README.md#top)\n"), [1]);
    }

    #[test]
    fn a_link_that_leads_somewhere_is_not() {
        assert!(dead("README.md", "[a](docs/a.md) and [b](docs/), [c](#top)\n").is_empty());
        assert!(dead("docs/a.md", "[up](../README.md#run \"title\")\n[b]: ./a.md\n").is_empty());
        assert!(dead("README.md", "[web](https://example.org/x) [m](mailto:a@b.c)\n").is_empty());
    }

    #[test]
    fn code_is_not_a_link() {
        assert!(dead("README.md", "`[a](b)`\n```\n[a](b)\n```\n").is_empty());
    }
}
