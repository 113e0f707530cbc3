//! The key that somebody may have meant.

use crate::option::matches;
use crate::{later, options};

/// Longer keys are not compared: nobody mistypes one, and comparing takes the product of the lengths.
const KEY_BYTES_MAX: usize = 255;

/// The known key that is nearest to an unknown one, if any is near.
pub(crate) fn nearest(key: &[&str]) -> Option<String> {
    let text = key.join(".");
    // Erlang's configuration has the name of the application first.
    if let ["rabbit" | "rabbitmq", rest @ ..] = key
        && names().any(|name| matches(name, rest).is_some())
    {
        return Some(rest.join("."));
    }
    nearest_of(&text, names().map(|name| filled_in(name, key)))
}

/// How many longer keys are named.
const LONGER_MAX: usize = 3;

/// Options whose names begin with this key and a dot; those with an effect first.
pub(crate) fn longer(key: &str) -> Vec<&'static str> {
    let is_longer = |name: &&str| name.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'));
    names().filter(is_longer).take(LONGER_MAX).collect()
}

/// The names of all options; those that are defined first.
fn names() -> impl Iterator<Item = &'static str> {
    let defined = options::definitions().flat_map(options::Definition::names);
    defined.chain(later::names().map(|(name, _)| name))
}

/// The name that is nearest to another one, if any is near.
pub(crate) fn nearest_of(text: &str, names: impl Iterator<Item = String>) -> Option<String> {
    if text.len() > KEY_BYTES_MAX {
        return None;
    }
    let text = text.to_ascii_lowercase();
    let distance_max = (text.len() / 4).clamp(1, 5);
    names
        .filter(|known| known.len().abs_diff(text.len()) <= distance_max)
        .map(|known| (distance(text.as_bytes(), known.to_ascii_lowercase().as_bytes()), known))
        .filter(|(distance, _)| *distance <= distance_max)
        .min()
        .map(|(_, known)| known)
}

/// The option's name, with what the key has at the place of each `$`.
fn filled_in(name: &str, key: &[&str]) -> String {
    let parts = name.split('.').enumerate();
    let parts: Vec<&str> = parts
        .map(
            |(index, part)| {
                if part.starts_with('$') { key.get(index).unwrap_or(&part) } else { part }
            },
        )
        .collect();
    parts.join(".")
}

/// How many bytes must be added, removed or changed to make one text the other (Levenshtein).
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, byte_a) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, byte_b) in b.iter().enumerate() {
            let changed = diagonal + usize::from(byte_a != byte_b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_edits() {
        for (a, b, edits) in
            [("", "", 0), ("", "abc", 3), ("abc", "abc", 0), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(a.as_bytes(), b.as_bytes()), edits, "{a} {b}");
            assert_eq!(distance(b.as_bytes(), a.as_bytes()), edits, "{b} {a}");
        }
    }

    #[test]
    fn a_slip_finds_its_key() {
        for (slip, meant) in [
            ("hartbeat", Some("heartbeat")),
            ("listener.tcp.1", Some("listeners.tcp.1")),
            ("management.tcp.prot", Some("management.tcp.port")),
            ("default_users.bob.pasword", Some("default_users.bob.password")),
            ("max_mesage_size", Some("max_message_size")),
            ("something.else.entirely", None),
            ("x", None),
            ("HEARTBEAT", Some("heartbeat")),
            ("default_users.Bob.Password", Some("default_users.Bob.password")),
            ("rabbit.heartbeat", Some("heartbeat")),
        ] {
            let key: Vec<&str> = slip.split('.').collect();
            assert_eq!(nearest(&key).as_deref(), meant, "{slip}");
        }
    }
}
