//! Says what was found, and whether it is what is written.

use std::collections::{BTreeMap, BTreeSet};

use testkit::{Failure, Verdict};

use crate::catalogue::Entry;
use crate::inquiry::Finding;
use crate::options::Options;

/// What follows from how a conversation went and from what is written about it.
enum Judgement<'a> {
    Agrees,
    Justified {
        id: &'a str,
        failure: &'a Failure,
    },
    NotApplicable(&'a str),
    Unjustified(&'a Failure),
    /// It is said to differ, but does not.
    Outdated(&'a str),
    /// What it refers to is not there.
    Dangling(&'a str),
}

fn judge<'a>(
    verdict: &'a Verdict,
    finding: &'a Finding,
    justified: &BTreeSet<String>,
    is_leveret: bool,
) -> Judgement<'a> {
    match (verdict, finding) {
        (Verdict::Differs(id), _) if !justified.contains(id) => Judgement::Dangling(id),
        (_, Finding::NotApplicable(reason)) => Judgement::NotApplicable(reason),
        (Verdict::Differs(id), Finding::Differs(failure)) if !is_leveret => {
            Judgement::Justified { id, failure }
        }
        (Verdict::Differs(id), Finding::Agrees) if !is_leveret => Judgement::Outdated(id),
        (_, Finding::Agrees) => Judgement::Agrees,
        (_, Finding::Differs(failure)) => Judgement::Unjustified(failure),
    }
}

/// Prints what was found. Returns whether all of it is as it is written.
pub(crate) fn print(
    options: &Options,
    entries: &[Entry],
    findings: &[Finding],
    justified: &BTreeSet<String>,
) -> bool {
    let (mut agreeing, mut wrong) = (0, 0);
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    let mut differences: BTreeMap<&str, usize> = BTreeMap::new();
    for (entry, finding) in entries.iter().zip(findings) {
        let Entry { file, transcript } = entry;
        let place = format!("{file}:{}", transcript.line);
        let tell = |line: usize, text: String| {
            println!("{file}:{line}: {text}\n    in: {}", transcript.title);
        };
        match judge(&transcript.verdict, finding, justified, options.leveret.is_some()) {
            Judgement::Agrees => {
                agreeing += 1;
                if options.verbose {
                    println!("{place}: agrees: {}", transcript.title);
                }
            }
            Judgement::Justified { id, failure } => {
                *differences.entry(id).or_default() += 1;
                if options.verbose {
                    tell(failure.line, format!("differs as justified ({id}): {failure}"));
                }
            }
            Judgement::NotApplicable(reason) => {
                *reasons.entry(reason).or_default() += 1;
                if options.verbose {
                    println!("{place}: not applicable ({reason}): {}", transcript.title);
                }
            }
            Judgement::Unjustified(failure) => {
                wrong += 1;
                tell(failure.line, format!("differs: {failure}"));
            }
            Judgement::Outdated(id) => {
                wrong += 1;
                tell(transcript.line, format!("is said to differ ({id}), and agrees"));
            }
            Judgement::Dangling(id) => {
                wrong += 1;
                tell(transcript.line, format!("differences.md has no heading `{id}`"));
            }
        }
    }
    println!("{:4} conversations", entries.len());
    println!("{agreeing:4} agree");
    print_counts("differ as justified", &differences);
    print_counts("not applicable", &reasons);
    println!("{wrong:4} wrong");
    let is_named = |id: &String| reasons.keys().any(|reason| reason.contains(&format!("({id})")));
    let is_used = |id: &String| differences.contains_key(id.as_str()) || is_named(id);
    let unused: Vec<&String> = justified.iter().filter(|id| !is_used(id)).collect();
    let is_whole = options.only.is_none() && options.leveret.is_none();
    if is_whole && !unused.is_empty() {
        println!("justified, but nothing refers to it: {unused:?}");
    }
    wrong == 0 && (unused.is_empty() || !is_whole)
}

fn print_counts(what: &str, counts: &BTreeMap<&str, usize>) {
    println!("{:4} {what}", counts.values().sum::<usize>());
    for (name, count) in counts {
        println!("     {count:4} {name}");
    }
}
