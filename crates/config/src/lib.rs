//! Configuration: text in, values out.
//!
//! ```text
//!  rabbitmq.conf ── syntax ──> settings ──┐
//!  RABBITMQ_* ───────── environment ───────┤
//!  --set KEY=VALUE ───────────────────────┴── options ──> Config, with Notices   or   Problems
//!                                             (one table: name, meaning, default, what is expected)
//! ```
//!
//! The syntax and the keys are those of RabbitMQ 4.3. Nothing is ever silently ignored: a key that nobody knows
//! is an error that names the nearest one; a key of RabbitMQ whose part is not here is accepted with a notice.
//!
//! This crate opens no file, reads no environment, resolves no name and binds no address: what it needs of the world is
//! handed in as [`Surroundings`].

mod accounts;
mod amount;
mod config;
mod draft;
mod environment;
mod later;
mod listener;
mod logging;
mod management;
mod option;
mod options;
mod problem;
mod reading;
mod reference;
mod suggest;
mod surroundings;
mod syntax;
mod tls;
mod unit;

use std::fmt;

pub use accounts::{Accounts, AnonymousLogin, DefaultUser, PasswordRule, Patterns};
pub use amount::Amount;
pub use config::{Ceilings, Config, DefaultPolicy, DefinitionsImport, TcpOptions, VhostLimits};
pub use environment::{configuration_files, parse_variables};
pub use listener::{Host, Listener};
pub use logging::{
    LevelStyle, LogCategory, LogFormat, LogLevel, LogOutput, LogShape, LogTime, Logging, Rotation,
    RotationDate, RotationPeriod,
};
pub use management::{HttpOptions, Management, Prometheus, RatesMode};
pub use option::ConfigOption;
pub use problem::{Notice, Place, Problem};
pub use reference::{explain, page};
pub use surroundings::{Files, Surroundings};
pub use tls::{CertificateName, Password, SanKind, TlsOptions, TlsVersion};

use draft::Draft;
use problem::What;
use reading::Reading;
use syntax::Setting;

/// For how many unknown keys a known one is looked for: each look goes through all of them.
const NEAREST_MAX: usize = 50;

/// A text in the syntax of rabbitmq.conf.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// How messages call it; usually the name of a file.
    pub name: &'a str,
    /// What is in it.
    pub text: &'a str,
}

/// Without what is in it: there may be passwords.
impl fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Reads sources in order, then the environment, and then the settings of the command line. What comes later wins.
///
/// # Errors
/// Everything that is wrong, in the order in which it was read; never just the first mistake.
pub fn parse(
    sources: &[Source<'_>],
    sets: &[(String, String)],
    world: &Surroundings<'_>,
) -> Result<(Config, Vec<Notice>), Vec<Problem>> {
    let mut reading = Reading::new(world);
    for source in sources {
        reading.read(source, 0);
    }
    reading.read_environment();
    for (key, value) in sets {
        reading.read_set(key, value);
    }
    let mut draft = Draft::default();
    let settings = reading.substituted();
    let mut nearest_count = 0;
    for setting in &settings {
        match apply(&mut draft, setting, &mut nearest_count) {
            Ok(None) => {}
            Ok(Some(notice)) => reading.notices.push(notice),
            Err(problem) => reading.problems.push(problem),
        }
    }
    for (key, text) in draft.contradictions() {
        let place = place_of(&key, &settings);
        reading.problems.push(Problem { place, what: What::Contradiction { key, text } });
    }
    for (key, text) in draft.remarks() {
        let place = place_of(&key, &settings);
        reading.notices.push(Notice::new(place, format!("`{key}`: {text}")));
    }
    let Reading { mut problems, mut notices, .. } = reading;
    notices.sort_by(|a, b| a.place.cmp(&b.place));
    problems.sort_by(|a, b| a.place.cmp(&b.place));
    if problems.is_empty() { Ok((draft.finish(), notices)) } else { Err(problems) }
}

/// The settings of the same sources, each once: its key, and its value unless that is a secret, or nobody knows whether it
/// is one.
pub fn settings(
    sources: &[Source<'_>],
    sets: &[(String, String)],
    world: &Surroundings<'_>,
) -> Vec<(String, String)> {
    let mut reading = Reading::new(world);
    sources.iter().for_each(|source| reading.read(source, 0));
    reading.read_environment();
    sets.iter().for_each(|(key, value)| reading.read_set(key, value));
    let shown = |setting: Setting| {
        let key: Vec<&str> = setting.key.iter().map(String::as_str).collect();
        let is_public = options::find(&key).is_some_and(|(definition, _)| !definition.is_secret);
        let value = if is_public { setting.written } else { "(hidden)".to_owned() };
        (setting.key.join("."), value)
    };
    reading.substituted().into_iter().map(shown).collect()
}

/// The settings of the same sources as lines of a file: whoever reads it gets the same configuration, but for what is secret,
/// which is named in comments.
pub fn lines(
    sources: &[Source<'_>],
    sets: &[(String, String)],
    world: &Surroundings<'_>,
) -> String {
    let mut reading = Reading::new(world);
    sources.iter().for_each(|source| reading.read(source, 0));
    reading.read_environment();
    sets.iter().for_each(|(key, value)| reading.read_set(key, value));
    let settings = reading.substituted();
    let is_environment = |setting: &Setting| setting.key.join(".") == environment::LISTENER;
    let has_environment = settings.iter().any(is_environment);
    let mut lines = String::new();
    for setting in &settings {
        let parts: Vec<&str> = setting.key.iter().map(String::as_str).collect();
        let is_public = options::find(&parts).is_some_and(|(definition, _)| !definition.is_secret);
        let key = match is_environment(setting) {
            true => "listeners.tcp.environment".to_owned(),
            // The environment's is then the only one.
            false if has_environment && parts.starts_with(&["listeners", "tcp"]) => continue,
            false => syntax::written_key(&parts),
        };
        let value = syntax::written_value(&setting.written).filter(|_| is_public);
        lines += &match value {
            Some(value) => format!("{key} = {value}\n"),
            None if is_public => format!("# {key} is set, to what a file cannot hold\n"),
            None => format!("# {key} is set, and hidden\n"),
        };
    }
    lines
}

/// Every option: those that have an effect first, then those of RabbitMQ that are accepted with a notice.
pub fn options() -> impl Iterator<Item = ConfigOption> {
    options::definitions().flat_map(options::Definition::options).chain(later::options())
}

/// Where a key is set, or the first one below it.
fn place_of(key: &str, settings: &[Setting]) -> Place {
    let is_meant = |setting: &&Setting| {
        let name = setting.key.join(".");
        name.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    settings.iter().find(is_meant).map_or(Place::Set, |setting| setting.place.clone())
}

/// Gives a setting to the option that it belongs to.
fn apply(
    draft: &mut Draft,
    setting: &Setting,
    nearest_count: &mut usize,
) -> Result<Option<Notice>, Problem> {
    let key: Vec<&str> = setting.key.iter().map(String::as_str).collect();
    let key_text = setting.key.join(".");
    let problem = |what| Problem { place: setting.place.clone(), what };
    if let Some((definition, filled)) = options::find(&key) {
        if let Err(expected) = definition.apply(draft, &filled, &setting.value) {
            let value = (!definition.is_secret).then(|| setting.written.clone());
            // A variable that stands for no option by itself has its own name for it.
            let key = if key_text == environment::LISTENER { String::new() } else { key_text };
            return Err(problem(What::BadValue { key, value, expected }));
        }
        // The list of names without effect may have a pattern that is wider than what is defined.
        let reason = later::reason_of(definition.name);
        return Ok(reason.map(|reason| Notice::later(setting.place.clone(), key_text, reason)));
    }
    if later::is_true_anyway(&key_text, &setting.value) {
        return Ok(None);
    }
    match later::reason(&key) {
        Some(reason) => Ok(Some(Notice::later(setting.place.clone(), key_text, reason))),
        None => Err(problem(unknown(&key, key_text, nearest_count))),
    }
}

/// A key that nobody knows.
fn unknown(key: &[&str], key_text: String, nearest_count: &mut usize) -> What {
    let longer = suggest::longer(&key_text);
    if !longer.is_empty() {
        return What::UnfinishedKey { key: key_text, longer };
    }
    *nearest_count += 1;
    let nearest = (*nearest_count <= NEAREST_MAX).then(|| suggest::nearest(key)).flatten();
    What::UnknownKey { nearest, key: key_text }
}

#[cfg(test)]
mod tests;
