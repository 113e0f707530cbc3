//! What passwords have to be like.

use fancy_regex::Regex;

use crate::policy::compile;

/// What passwords have to be like; by default, anything will do.
#[derive(Clone, Debug, Default)]
pub struct PasswordRule {
    bytes_min: usize,
    pattern: Option<Regex>,
}

impl PasswordRule {
    /// Passwords have so many bytes at least, and a match of the pattern in them, if there is one.
    ///
    /// # Errors
    /// What is wrong with the pattern.
    pub fn new(bytes_min: usize, pattern: Option<&str>) -> Result<Self, String> {
        Ok(Self { bytes_min, pattern: pattern.map(compile).transpose()? })
    }

    /// Whether a password will do.
    pub fn allows(&self, password: &str) -> bool {
        let fits = |pattern: &Regex| pattern.is_match(password).unwrap_or(false);
        password.len() >= self.bytes_min && self.pattern.as_ref().is_none_or(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_measured_and_matched() {
        let rule = |bytes_min, pattern| PasswordRule::new(bytes_min, pattern).unwrap();
        assert!(PasswordRule::default().allows(""));
        assert!(rule(6, None).allows("123456") && !rule(6, None).allows("12345"));
        // Bytes, as in RabbitMQ, and not letters.
        assert!(rule(6, None).allows("äöü"));
        let pattern = "^(?=.*[0-9])(?=.*[A-Z]).{4,}$";
        assert!(rule(0, Some(pattern)).allows("aaaA1") && !rule(0, Some(pattern)).allows("aaaa1"));
        assert!(PasswordRule::new(0, Some("(")).is_err());
    }
}
