//! Which names of events somebody wants, in the words of topic exchanges.

use crate::failure::Failure;

/// The words of a pattern, at most: no name has more than five.
const WORDS_MAX: usize = 16;

/// A pattern: `*` is a word, `#` any number of words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<String>);

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it is far longer than any name.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let mut words: Vec<String> = text.split('.').map(str::to_owned).collect();
        if words.len() > WORDS_MAX {
            return Err(Failure::bad(format!("a pattern has {WORDS_MAX} words at most")));
        }
        // Several `#` in a row mean one, and each more would cost a look at every rest of a name.
        words.dedup_by(|word, before| word == "#" && before == "#");
        Ok(Self(words))
    }

    /// Whether a name is meant.
    pub(crate) fn fits(&self, name: &str) -> bool {
        let words: Vec<&str> = name.split('.').collect();
        fits(&self.0, &words)
    }
}

fn fits(pattern: &[String], words: &[&str]) -> bool {
    match pattern.split_first() {
        None => words.is_empty(),
        Some((first, rest)) if first == "#" => {
            (0..=words.len()).any(|passed| fits(rest, &words[passed..]))
        }
        Some((first, rest)) => words
            .split_first()
            .is_some_and(|(word, left)| (first == "*" || first == word) && fits(rest, left)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_one_of_topic_exchanges() {
        for (pattern, name, is_meant) in [
            ("queue.*", "queue.created", true),
            ("queue.*", "queue.policy.set", false),
            ("queue.#", "queue.policy.set", true),
            ("#", "user.authentication.success", true),
            ("#.created", "topic.permission.created", true),
            ("*.created", "topic.permission.created", false),
            ("user.#.success", "user.authentication.success", true),
            ("queue.created", "queue.created", true),
            ("queue", "queue.created", false),
        ] {
            assert_eq!(Pattern::parse(pattern).unwrap().fits(name), is_meant, "{pattern} {name}");
        }
        assert!(Pattern::parse(&"#.".repeat(20)).is_err());
        assert_eq!(Pattern::parse("#.#.#.a").unwrap(), Pattern::parse("#.a").unwrap());
    }
}
