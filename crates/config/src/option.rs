//! What there is to say about an option.

/// An option, for documentation and for `config explain`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigOption {
    /// Its name. A part that begins with `$` may be anything: `listeners.tcp.$name`.
    pub name: &'static str,
    /// What it does; empty for an option of which only the name is known.
    pub doc: &'static str,
    /// Its value when it is not set, in words where it is not a single value.
    pub default: Option<&'static str>,
    /// A value as it may stand in a file.
    pub example: Option<&'static str>,
    /// What its values look like, in words; empty for an option of which only the name is known.
    pub expected: String,
    /// Why it has no effect, for an option of RabbitMQ that is accepted with a notice.
    pub without_effect: Option<&'static str>,
    /// Whether its values are checked.
    pub is_defined: bool,
}

/// Whether a key, split at its dots, is one of a name's. Gives what the key fills in for each `$`.
pub(crate) fn matches<'k>(name: &str, key: &[&'k str]) -> Option<Vec<&'k str>> {
    let mut parts = name.split('.');
    let mut filled = Vec::new();
    for found in key {
        let part = parts.next()?;
        if part.starts_with('$') {
            filled.push(*found);
        } else if part != *found {
            return None;
        }
    }
    parts.next().is_none().then_some(filled)
}
