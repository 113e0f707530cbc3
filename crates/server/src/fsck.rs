//! `leveret fsck`: whether everything in a data directory is as it was written, and moving aside what is not.
//!
//! ```text
//!   exit code 0   everything is as it was written, or is after a repair
//!             1   something is damaged
//!             2   it cannot be told
//! ```
//!
//! Reading and repairing is the business of the [`store`]; here are the command line, the lock and the words.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use metadata::{Change, Definitions};
use store::{Checked, Damage, Options as Sizes, QueueId, Repaired};

use crate::data_dir::{self, DataDir};
use crate::disk::FsDisk;
use crate::serve::seed;

/// Files kept open: they are read one after the other.
const FILES_MAX: usize = 8;

/// What to check.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The data directory, which no broker may be using; without it, that of `leveret serve` without settings
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Move what is damaged to the folder `quarantine` in the data directory, so that all else is whole
    #[arg(long)]
    repair: bool,
}

/// Checks, prints what was found, and gives the exit code.
pub(crate) fn run(options: &Options) -> ExitCode {
    let told = examine(options).and_then(|(text, is_clean)| {
        let written = io::stdout().lock().write_all(text.as_bytes());
        written.map_err(|error| format!("cannot write to standard output: {error}"))?;
        Ok(is_clean)
    });
    match told {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(reason) => {
            // Without a place to say why, the exit code has to do.
            let _ = writeln!(io::stderr().lock(), "leveret fsck: {reason}");
            ExitCode::from(2)
        }
    }
}

/// What is to be said, and whether everything is whole.
fn examine(options: &Options) -> Result<(String, bool), String> {
    let path = match &options.data_dir {
        Some(path) => path.clone(),
        None => data_dir::default_path()?,
    };
    let shown = path.display();
    if !path.join("format").is_file() {
        return Err(format!(
            "{shown} is no data directory: it has no file `format`; name the one that the broker names when it is ready"
        ));
    }
    let refuse = |error: &dyn std::fmt::Display| format!("data directory {shown}: {error}");
    if !options.repair {
        let _lock = DataDir::look(&path)?;
        let mut disk = FsDisk::read_only(&path, FILES_MAX);
        let found = store::check(&mut disk, &Sizes::default()).map_err(|fault| refuse(&fault))?;
        return Ok((report(&found), found.damage.is_empty()));
    }
    let _lock = DataDir::open(&path)?;
    let mut disk = FsDisk::open(&path, FILES_MAX).map_err(|error| refuse(&error))?;
    let seed = seed().map_err(|error| format!("the system gives no random numbers: {error}"))?;
    let done = store::repair(&mut disk, seed, &Sizes::default()).map_err(|fault| refuse(&fault))?;
    Ok((report_repair(&done, &path), done.after.damage.is_empty()))
}

fn report_repair(done: &Repaired, path: &Path) -> String {
    let mut text = report(&done.before);
    if done.before.damage.is_empty() {
        return text;
    }
    for (from, to) in &done.moved {
        push_line(&mut text, format_args!("moved {from} to {}", path.join(to).display()));
    }
    if done.before.damage.iter().any(|damage| damage.path.ends_with(".live")) {
        let line = "sets of live messages were written again; settled messages may come back";
        push_line(&mut text, format_args!("{line}"));
    }
    text.push_str("after the repair:\n");
    text.push_str(&report(&done.after));
    text
}

/// One line for each piece of damage, and one for all.
fn report(found: &Checked) -> String {
    let names = Names::of(found);
    let mut text = String::new();
    for damage in &found.damage {
        push_line(&mut text, format_args!("{}", names.tell(damage)));
    }
    let Checked { files, file_bytes, messages, message_bytes, queues, damage, .. } = found;
    let declared: usize = names.definitions.vhosts().map(|(_, vhost)| vhost.queues.len()).sum();
    let verdict = match damage.len() {
        0 => "everything is as it was written".to_owned(),
        1 => "1 piece of damage".to_owned(),
        count => format!("{count} pieces of damage"),
    };
    let holding = queues.iter().filter(|queue| queue.live_count > 0).count();
    push_line(
        &mut text,
        format_args!(
            "{files} files of {file_bytes} bytes: {messages} messages of {message_bytes} bytes in {holding} of {declared} queues; {verdict}"
        ),
    );
    text
}

fn push_line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("memory takes what is written to it");
}

/// The names of the queues, as far as the metadata can be read.
struct Names {
    definitions: Definitions,
}

impl Names {
    fn of(found: &Checked) -> Self {
        let mut definitions = Definitions::new();
        let snapshot = found.snapshot.as_deref().map(Change::list_from_bytes);
        let snapshot = snapshot.and_then(Result::ok).unwrap_or_default();
        let notes = found.notes.iter().filter_map(|note| Change::from_bytes(note).ok());
        snapshot.into_iter().chain(notes).for_each(|change| definitions.apply(&change));
        Self { definitions }
    }

    fn tell(&self, damage: &Damage) -> String {
        let Damage { path, messages, reason } = damage;
        match messages {
            Some((queue, first, last)) => {
                format!("{path}: {}, messages {first} to {last}: {reason}", self.queue(*queue))
            }
            None => format!("{path}: {reason}"),
        }
    }

    fn queue(&self, id: QueueId) -> String {
        match self.definitions.queue_by_companion(id) {
            Some(queue) => format!("queue '{}' in vhost '{}'", queue.name, queue.vhost),
            None => format!("queue {:x}, which is not declared", id.number()),
        }
    }
}
