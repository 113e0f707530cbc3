//! What there is to say about an option.

/// An option, for documentation and for `config explain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigOption {
    /// Its name. A part that begins with `$` may be anything: `listeners.tcp.$name`.
    pub name: &'static str,
    /// What it does; for an option without effect, why it has none.
    pub doc: &'static str,
    /// Its value when it is not set, in words where it is not a single value.
    pub default: Option<&'static str>,
    /// False for an option of RabbitMQ that is accepted with a notice and has no effect.
    pub has_effect: bool,
}

/// Whether a key, split at its dots, is one of a name's. Gives the last part that the key fills in.
pub(crate) fn matches<'k>(name: &str, key: &[&'k str]) -> Option<&'k str> {
    let mut parts = name.split('.');
    let mut filled = "";
    for found in key {
        let part = parts.next()?;
        if part.starts_with('$') {
            filled = found;
        } else if part != *found {
            return None;
        }
    }
    parts.next().is_none().then_some(filled)
}
