//! The configuration: from files, environment and command line.

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use config::{Config, Notice, Problem, Source, Surroundings};

/// The longest file that is read as configuration, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// So many of the things that are wrong are told.
const LINES_MAX: usize = 100;

/// Where the configuration comes from.
#[derive(Default, clap::Args)]
pub(crate) struct Sources {
    /// A file in the syntax of rabbitmq.conf, or a directory of them; can be given several times
    #[arg(long = "config", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// One setting, as a line of the file would have it; wins over files and environment
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
}

/// Settings may be passwords.
impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").field("files", &self.files).finish_non_exhaustive()
    }
}

/// What was read.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    pub(crate) notices: Vec<Notice>,
    /// What was set, without secrets.
    pub(crate) settings: Vec<(String, String)>,
    /// The same as lines of a file.
    pub(crate) lines: String,
}

/// Why there is no configuration.
#[derive(Debug)]
pub(crate) enum Unread {
    /// A file cannot be read, or the command line is wrong.
    Fault(String),
    /// All that is wrong in what was read.
    Problems(Vec<Problem>),
}

impl Sources {
    /// These files, and nothing else from the command line.
    pub(crate) fn of_files(files: Vec<PathBuf>) -> Self {
        Self { files, sets: vec![] }
    }

    /// Reads everything.
    ///
    /// # Errors
    /// All that is wrong.
    pub(crate) fn load(&self) -> Result<Loaded, Unread> {
        let variables = variables()?;
        let variable = |name: &str| match variables.get(name) {
            Some(value) => Some(value.clone()),
            None => env::var(name).ok(),
        };
        let names: Vec<String> = variables.keys().cloned().collect();
        let files = |from: &str, pattern: &str| {
            let base = Path::new(from).parent().unwrap_or_else(|| Path::new(""));
            read_pattern(&base.join(pattern))
        };
        let world = Surroundings { variable: &variable, names: &names, files: &files };
        let mut paths = self.files.clone();
        if paths.is_empty() {
            paths.extend(config::configuration_files(&world).into_iter().map(PathBuf::from));
        }
        let mut texts = Vec::new();
        for path in &paths {
            texts.extend(read_named(path).map_err(Unread::Fault)?);
        }
        let sources: Vec<_> = texts.iter().map(|(name, text)| Source { name, text }).collect();
        let sets = self.sets()?;
        let (config, notices) = config::parse(&sources, &sets, &world).map_err(Unread::Problems)?;
        let settings = config::settings(&sources, &sets, &world);
        let lines = config::lines(&sources, &sets, &world);
        Ok(Loaded { config, notices, settings, lines })
    }

    fn sets(&self) -> Result<Vec<(String, String)>, Unread> {
        let pair = |set: &String| {
            let (key, value) = set.split_once('=').ok_or_else(|| {
                // What stands there may be a password.
                Unread::Fault(
                    "--set: expected KEY=VALUE, for example listeners.tcp.1=127.0.0.1:5672"
                        .to_owned(),
                )
            })?;
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        };
        self.sets.iter().map(pair).collect()
    }
}

impl Unread {
    /// A line for each thing that is wrong.
    pub(crate) fn lines(&self) -> Vec<String> {
        match self {
            Self::Fault(text) => vec![text.clone()],
            Self::Problems(problems) => {
                let mut lines: Vec<_> =
                    problems.iter().take(LINES_MAX).map(ToString::to_string).collect();
                if problems.len() > LINES_MAX {
                    lines.push(format!("and {} more", problems.len() - LINES_MAX));
                }
                lines
            }
        }
    }
}

/// The variables of RabbitMQ: those of the environment, and before them those of the file that it names.
fn variables() -> Result<BTreeMap<String, String>, Unread> {
    let mut variables = BTreeMap::new();
    if let Some(path) = env::var_os("RABBITMQ_CONF_ENV_FILE").filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        let text = read(&path).map_err(Unread::Fault)?;
        let name = path.display().to_string();
        variables.extend(config::parse_variables(&name, &text).map_err(Unread::Problems)?);
    }
    let is_ours = |name: &str| name.starts_with("RABBITMQ_");
    let ours = env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok().filter(|name| is_ours(name))?;
        Some((name, value.into_string().ok()?))
    });
    variables.extend(ours);
    Ok(variables)
}

/// What somebody has named has to be there: a file, a pattern, or a directory, which stands for its `*.conf`.
fn read_named(path: &Path) -> Result<Vec<(String, String)>, String> {
    if path.is_dir() {
        return read_pattern(&path.join("*.conf"));
    }
    if path.to_string_lossy().contains('*') {
        return read_pattern(path);
    }
    Ok(vec![(path.display().to_string(), read(path)?)])
}

/// The files that a path stands for, in the order of their names; none if there is none. A `*` may stand in its last
/// part.
fn read_pattern(path: &Path) -> Result<Vec<(String, String)>, String> {
    let pattern = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if !pattern.contains('*') {
        return match fs::metadata(path) {
            Ok(found) if found.is_dir() => {
                let shown = path.display();
                Err(format!("{shown} is a directory; write {shown}/*.conf"))
            }
            Ok(_) => Ok(vec![(path.display().to_string(), read(path)?)]),
            Err(_) => Ok(vec![]),
        };
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or_else(|| Path::new("."));
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(unreadable(directory, &error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(|error| unreadable(directory, &error))?.file_name();
        if name.to_str().is_some_and(|name| fits(&pattern, name)) {
            names.push(name);
        }
    }
    names.sort();
    let paths = names.into_iter().map(|name| directory.join(name));
    let files = paths.filter(|path| path.is_file());
    files.map(|path| Ok((path.display().to_string(), read(&path)?))).collect()
}

/// Whether a name fits a pattern in which `*` stands for anything. As in a shell, not for a dot at the beginning.
fn fits(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

fn read(path: &Path) -> Result<String, String> {
    let size = fs::metadata(path).map_err(|error| unreadable(path, &error))?.len();
    if size > FILE_BYTES_MAX {
        let shown = path.display();
        return Err(format!(
            "configuration file {shown} has {size} bytes; {FILE_BYTES_MAX} is the most"
        ));
    }
    let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
    String::from_utf8(bytes).map_err(|error| unreadable_text(path, error.as_bytes()))
}

/// Where a file is no UTF-8. What stands there is not repeated: it may be a password.
fn unreadable_text(path: &Path, bytes: &[u8]) -> String {
    let shown = path.display();
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return format!("configuration file {shown} is UTF-16: save it as UTF-8");
    }
    let valid = bytes.utf8_chunks().next().map_or(0, |chunk| chunk.valid().len());
    let line = 1 + bytes[..valid].iter().filter(|byte| **byte == b'\n').count();
    format!(
        "configuration file {shown}:{line}: what stands there is not UTF-8: save the file as UTF-8"
    )
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("configuration file {} cannot be read: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, name, is_fit) in [
            ("*.conf", "a.conf", true),
            ("*.conf", ".conf", false),
            ("*.conf", "a.conf.bak", false),
            ("a*b*c", "abc", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "ac", false),
            ("a*a", "a", false),
            ("a.conf", "a.conf", true),
            ("*", "x", true),
        ] {
            assert_eq!(fits(pattern, name), is_fit, "{pattern} {name}");
        }
    }
}
