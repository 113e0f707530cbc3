//! The transcripts, and the differences that are justified.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use testkit::Transcript;

use crate::options::Options;

/// Where the transcripts lie, seen from the top of the checkout.
const TRANSCRIPTS: &str = "tests/transcripts";
/// Where differences are justified.
const DIFFERENCES: &str = "tests/oracle/differences.md";

/// A transcript and its file, as seen from the top of the checkout.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) file: String,
    pub(crate) transcript: Transcript,
}

/// All transcripts that the options ask for.
///
/// # Errors
/// Files that cannot be read, lines that are no transcript, or nothing at all.
pub(crate) fn read(options: &Options) -> Result<Vec<Entry>, String> {
    let mut entries = Vec::new();
    for path in files(&options.root.join(TRANSCRIPTS))? {
        let file = path.strip_prefix(&options.root).unwrap_or(&path).display().to_string();
        let text = fs::read_to_string(&path).map_err(|fault| format!("{file}: {fault}"))?;
        let transcripts = Transcript::parse_all(&text)
            .map_err(|unreadable| format!("{file}:{}: {}", unreadable.line, unreadable.what))?;
        entries.extend(
            transcripts.into_iter().map(|transcript| Entry { file: file.clone(), transcript }),
        );
    }
    if let Some(only) = &options.only {
        entries.retain(|entry| entry.file.contains(only) || entry.transcript.title.contains(only));
    }
    if entries.is_empty() { Err("there is no such transcript".to_owned()) } else { Ok(entries) }
}

/// All files below a folder that end in `.txt`, in order.
fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let fault = |fault| format!("{}: {fault}", folder.display());
    let entries = fs::read_dir(folder).map_err(fault)?;
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(fault)?.path());
    }
    paths.sort_unstable();
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "txt") {
            found.push(path);
        }
    }
    Ok(found)
}

/// The headings of the differences that are justified.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn differences(options: &Options) -> Result<BTreeSet<String>, String> {
    let text = fs::read_to_string(options.root.join(DIFFERENCES))
        .map_err(|fault| format!("{DIFFERENCES}: {fault}"))?;
    Ok(text.lines().filter_map(|line| line.strip_prefix("### ")).map(str::to_owned).collect())
}
