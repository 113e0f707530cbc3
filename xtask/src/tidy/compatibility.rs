//! The table of compatibility is true as far as a program can tell: every row has a state, what is claimed is proved by
//! a transcript, and that transcript exists under the title by which the row names it.

use super::Finding;
use super::source::Source;
use super::titles;

const DOCUMENT: &str = "docs/compatibility.md";
const TRANSCRIPTS: &str = "../tests/transcripts/";
/// States that claim something; what comes later, or is no behaviour, needs no proof.
const CLAIMS: &[&str] = &["as RabbitMQ", "better", "differs"];
const OTHER_STATES: &[&str] = &["not yet", "later", "no behaviour"];

pub(super) fn check(sources: &[Source], findings: &mut Vec<Finding>) {
    let Some(document) = sources.iter().find(|source| source.path == DOCUMENT) else { return };
    let mut is_head = true;
    for (number, line) in document.text_lines() {
        let Some(row) = line.trim().strip_prefix("| ") else {
            // A row of dashes parts the head of a table from its rows.
            is_head = !line.starts_with("|-");
            continue;
        };
        if is_head {
            continue;
        }
        let mut refuse = |what: String| findings.push(Finding::new(DOCUMENT, number, what));
        let cells: Vec<&str> = row.trim_end_matches('|').split(" | ").map(str::trim).collect();
        let [_, state, _, proofs] = cells[..] else {
            refuse(format!(
                "{} cells; a row has a feature, a state, words and proofs",
                cells.len()
            ));
            continue;
        };
        if !is_state(state) {
            refuse(format!(
                "`{state}` is no state; `as RabbitMQ`, `better`, `differs`, `later` are"
            ));
        }
        let named = transcripts(proofs);
        if CLAIMS.contains(&state) && !proofs.contains("](") {
            refuse("nothing proves this; name a transcript".to_owned());
        }
        for (title, path) in named {
            if !exists(sources, &format!("tests/transcripts/{path}"), title) {
                refuse(format!("{path} has no transcript with the title \"{title}\""));
            }
        }
    }
}

fn is_state(state: &str) -> bool {
    CLAIMS.contains(&state) || OTHER_STATES.contains(&state)
}

/// Titles and files of the links to transcripts.
fn transcripts(cell: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    for (at, _) in cell.match_indices(&format!("]({TRANSCRIPTS}")) {
        let title = cell[..at].rsplit_once('[').map_or("", |(_, title)| title);
        let path = cell[at..].strip_prefix("](").and_then(|rest| rest.split(')').next());
        found.push((title, path.unwrap_or_default().trim_start_matches(TRANSCRIPTS)));
    }
    found
}

fn exists(sources: &[Source], path: &str, title: &str) -> bool {
    let source = sources.iter().find(|source| source.path == path);
    source.is_some_and(|source| {
        titles::first_lines(source).iter().any(|(_, line)| line.strip_prefix("# ") == Some(title))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings_of(rows: &str) -> Vec<String> {
        let text = format!("| Feature | State | What | Proof |\n|---|---|---|---|\n{rows}\n");
        let sources = [
            Source::new(DOCUMENT, &text),
            Source::new("tests/transcripts/a/b.txt", "# One.\n---\n# Two.\n"),
        ];
        let mut findings = Vec::new();
        check(&sources, &mut findings);
        findings.into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_row_that_is_proved_or_claims_nothing_is_fine() {
        for row in [
            "| x | as RabbitMQ | words | [One.](../tests/transcripts/a/b.txt) · [Two.](../tests/transcripts/a/b.txt) |",
            "| x | better | words | [a program](../tests/interop/run.py) |",
            "| x | later | words | – |",
            "| x | no behaviour | words | – |",
        ] {
            assert!(findings_of(row).is_empty(), "{row}: {:?}", findings_of(row));
        }
    }

    #[test]
    fn a_row_without_state_or_proof_is_refused() {
        for row in [
            "| x | as RabbitMQ | words | – |",
            "| x | as RabbitMQ | words | [Three.](../tests/transcripts/a/b.txt) |",
            "| x | fine | words | [One.](../tests/transcripts/a/b.txt) |",
            "| x | issue 5 | words | – |",
            "| x | as RabbitMQ | words |",
        ] {
            assert_eq!(findings_of(row).len(), 1, "{row}: {:?}", findings_of(row));
        }
    }
}
