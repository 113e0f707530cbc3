//! From sources to settings, each key once.

use std::collections::BTreeMap;

use crate::Source;
use crate::environment;
use crate::options;
use crate::problem::{Notice, Problem, What};
use crate::surroundings::Surroundings;
use crate::syntax::{self, Item, Setting};

/// How deep files may include each other.
const INCLUDES_DEPTH_MAX: usize = 8;
/// How many files may be read.
const FILES_MAX: usize = 1_000;
/// How often a value may stand for another one.
const SUBSTITUTIONS_DEPTH_MAX: usize = 8;
/// How long a value may become, in bytes.
const VALUE_BYTES_MAX: usize = 1 << 16;

/// What has been read so far.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    world: &'a Surroundings<'a>,
    file_count: usize,
    /// The files that are being read, each included by the one before it.
    open_files: Vec<String>,
    pub(crate) settings: BTreeMap<Vec<String>, Setting>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) notices: Vec<Notice>,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(world: &'a Surroundings<'a>) -> Self {
        let settings = BTreeMap::new();
        Self {
            world,
            file_count: 0,
            open_files: vec![],
            settings,
            problems: vec![],
            notices: vec![],
        }
    }

    /// Reads a source and what it includes.
    pub(crate) fn read(&mut self, source: &Source<'_>, depth: usize) {
        self.open_files.push(source.name.to_owned());
        for item in syntax::items(source, &mut self.problems) {
            match item {
                Item::Setting(setting) => self.take(setting),
                Item::Include { pattern, place } => {
                    if let Err(text) = self.include(source.name, &pattern, depth) {
                        self.problems.push(Problem { place, what: What::Include { text } });
                    }
                }
            }
        }
        self.open_files.pop();
    }

    /// What the environment says wins over files.
    pub(crate) fn read_environment(&mut self) {
        let settings = environment::settings(self.world, &mut self.problems, &mut self.notices);
        for setting in settings {
            self.settings.insert(setting.key.clone(), setting);
        }
    }

    /// What the command line says wins over all.
    pub(crate) fn read_set(&mut self, key: &str, value: &str) {
        match syntax::set(key, value) {
            Ok(setting) => {
                if setting.key.starts_with(&["listeners".to_owned(), "tcp".to_owned()]) {
                    self.settings.retain(|key, _| key.join(".") != environment::LISTENER);
                }
                self.settings.insert(setting.key.clone(), setting);
            }
            Err(problem) => self.problems.push(problem),
        }
    }

    /// The settings, with what `$(NAME)` stands for in its place.
    pub(crate) fn substituted(&mut self) -> Vec<Setting> {
        let mut settings = Vec::new();
        for setting in self.settings.values() {
            let key = || setting.key.join(".");
            if setting.value.starts_with("encrypted:") {
                let what = What::Encrypted { key: key() };
                self.problems.push(Problem { place: setting.place.clone(), what });
                continue;
            }
            match self.substitute(&setting.value, 0) {
                Ok(value) => settings.push(Setting { value, ..setting.clone() }),
                Err(name) => {
                    let what = What::Substitution { key: key(), name };
                    self.problems.push(Problem { place: setting.place.clone(), what });
                }
            }
        }
        settings
    }

    fn take(&mut self, setting: Setting) {
        let key: Vec<&str> = setting.key.iter().map(String::as_str).collect();
        let is_used = options::find(&key).is_some();
        if let Some(text) = strange(&setting.value).filter(|_| is_used) {
            let text = format!("`{}`: {text}", setting.key.join("."));
            self.notices.push(Notice::new(setting.place.clone(), text));
        }
        if let Some(earlier) = self.settings.get(&setting.key) {
            self.notices.push(Notice::overridden(earlier, &setting));
        }
        self.settings.insert(setting.key.clone(), setting);
    }

    fn include(&mut self, from: &str, pattern: &str, depth: usize) -> Result<(), String> {
        if depth >= INCLUDES_DEPTH_MAX {
            return Err(format!("more than {INCLUDES_DEPTH_MAX} files, each included by another"));
        }
        let files = (self.world.files)(from, pattern)?;
        if files.is_empty() && !pattern.contains('*') {
            return Err(format!("{pattern} is not there"));
        }
        for (name, text) in files {
            if self.open_files.contains(&name) {
                return Err(format!("{name} includes itself"));
            }
            self.file_count += 1;
            if self.file_count > FILES_MAX {
                return Err(format!("more than {FILES_MAX} files"));
            }
            self.read(&Source { name: &name, text: &text }, depth + 1);
        }
        Ok(())
    }

    /// Another key goes before a variable of the same name, as in RabbitMQ. Gives the name that stands for nothing.
    fn substitute(&self, text: &str, depth: usize) -> Result<String, String> {
        let mut value = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("$(") {
            let Some((name, behind)) = after.split_once(')') else { break };
            value.push_str(before);
            let key: Vec<String> = name.trim().split('.').map(str::to_owned).collect();
            match self.settings.get(&key) {
                Some(other) if depth < SUBSTITUTIONS_DEPTH_MAX => {
                    value.push_str(&self.substitute(&other.value, depth + 1)?);
                }
                Some(_) => return Err(name.to_owned()),
                None => {
                    let found = (self.world.variable)(name.trim());
                    value.push_str(&found.ok_or_else(|| name.to_owned())?);
                }
            }
            if value.len() > VALUE_BYTES_MAX {
                return Err(name.to_owned());
            }
            rest = behind;
        }
        value.push_str(rest);
        Ok(value)
    }
}

/// What is likely to be meant otherwise in a value that is taken as it is. The value is not repeated.
fn strange(value: &str) -> Option<&'static str> {
    let is_quoted = |quote| value.len() > 1 && value.starts_with(quote) && value.ends_with(quote);
    if is_quoted('"') {
        return Some(
            "the double quotes are part of the value; take them out, or write single ones",
        );
    }
    if value.starts_with('\'') {
        return Some("the quote at its beginning has no second one, and is part of the value");
    }
    if value.contains("${") {
        return Some("`${` is taken as it is; write $(NAME) for an environment variable");
    }
    let is_open = |after: &str| !after.contains(')');
    if value.rsplit_once("$(").is_some_and(|(_, after)| is_open(after)) {
        return Some("`$(` is taken as it is: there is no `)` behind it");
    }
    None
}
