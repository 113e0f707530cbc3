//! Rust text with everything that is not code turned into spaces, so that a rule about code cannot trip over a
//! comment or a string. Not a parser: it knows comments and literals, nothing else.
//!
//! ```text
//!            ┌── // ──────► line comment ── end of line ──┐
//!            ├── /* ──────► block comment, nested ── */ ──┤
//!   code ────┼── " ───────► string ── unescaped " ────────┼──► code
//!            ├── r##" ────► raw string ── "## ────────────┤
//!            └── 'x' ─────► character ────────────────────┘     ('x alone is a lifetime: code)
//! ```

/// Blanks comments and the insides of strings and characters. Lines and columns stay where they are.
pub(super) fn blank(text: &str) -> String {
    let mut blanking = Blanking { text: text.chars().collect(), at: 0, out: String::new() };
    blanking.run();
    blanking.out
}

struct Blanking {
    text: Vec<char>,
    at: usize,
    out: String,
}

impl Blanking {
    fn run(&mut self) {
        while let Some(character) = self.peek(0) {
            match character {
                '/' if self.peek(1) == Some('/') => self.blank_while(|c| c != '\n'),
                '/' if self.peek(1) == Some('*') => self.blank_block_comment(),
                '"' => self.blank_string(),
                '\'' if self.is_character() => self.blank_character(),
                'r' if self.begins_word() && self.raw_hashes(1).is_some() => self.blank_raw(1),
                'b' | 'c' if self.begins_word() && self.peek(1) == Some('r') => {
                    match self.raw_hashes(2) {
                        Some(_) => self.blank_raw(2),
                        None => self.keep(),
                    }
                }
                _ => self.keep(),
            }
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    fn keep(&mut self) {
        self.out.extend(self.peek(0));
        self.at += 1;
    }

    fn blank(&mut self) {
        if let Some(character) = self.peek(0) {
            self.out.push(if character == '\n' { '\n' } else { ' ' });
            self.at += 1;
        }
    }

    fn blank_while(&mut self, goes_on: fn(char) -> bool) {
        while self.peek(0).is_some_and(goes_on) {
            self.blank();
        }
    }

    fn blank_block_comment(&mut self) {
        let mut depth = 0_usize;
        while self.peek(0).is_some() {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => {
                    depth += 1;
                    self.blank();
                }
                (Some('*'), Some('/')) => {
                    depth -= 1;
                    self.blank();
                }
                _ => {}
            }
            self.blank();
            if depth == 0 {
                return;
            }
        }
    }

    fn blank_string(&mut self) {
        self.keep();
        while let Some(character) = self.peek(0) {
            match character {
                '"' => return self.keep(),
                '\\' => {
                    self.blank();
                    self.blank();
                }
                _ => self.blank(),
            }
        }
    }

    fn blank_raw(&mut self, prefix: usize) {
        let hashes = self.raw_hashes(prefix).unwrap_or(0);
        for _ in 0..prefix + hashes + 1 {
            self.keep();
        }
        while let Some(character) = self.peek(0) {
            let ends = character == '"' && (1..=hashes).all(|n| self.peek(n) == Some('#'));
            if ends {
                for _ in 0..=hashes {
                    self.keep();
                }
                return;
            }
            self.blank();
        }
    }

    fn blank_character(&mut self) {
        self.keep();
        if self.peek(0) == Some('\\') {
            self.blank();
            self.blank();
        }
        self.blank_while(|c| c != '\'');
        self.keep();
    }

    /// `'x'` and `'\n'` are characters, `'x` is a lifetime.
    fn is_character(&self) -> bool {
        self.peek(1) == Some('\\') || self.peek(2) == Some('\'')
    }

    fn begins_word(&self) -> bool {
        let before = self.at.checked_sub(1).and_then(|at| self.text.get(at));
        !before.is_some_and(|c| c.is_alphanumeric() || *c == '_')
    }

    /// How many `#` stand before the quote of a raw string whose prefix is that long, if it is one.
    fn raw_hashes(&self, prefix: usize) -> Option<usize> {
        let hashes = (prefix..).take_while(|ahead| self.peek(*ahead) == Some('#')).count();
        (self.peek(prefix + hashes) == Some('"')).then_some(hashes)
    }
}

/// The identifiers and keywords of a line of code.
pub(super) fn identifiers(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// The words that an identifier is made of, in lower case: `DeliveryTag` and `delivery_tag` are both
/// `delivery`, `tag`.
pub(super) fn words(identifier: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for character in identifier.chars() {
        let begins = character == '_' || (character.is_uppercase() && after_lower);
        if begins {
            words.push(String::new());
        }
        if character != '_'
            && let Some(word) = words.last_mut()
        {
            word.extend(character.to_lowercase());
        }
        after_lower = character.is_lowercase() || character.is_numeric();
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_not_code() {
        assert_eq!(blank("a // b\nc"), "a     \nc");
        assert_eq!(blank("a /* b /* c */ d */ e"), "a                   e");
        assert_eq!(blank("/// a\n//! b"), "     \n     ");
    }

    #[test]
    fn the_insides_of_literals_are_not_code() {
        assert_eq!(blank(r#"f("a \" // b") g"#), r#"f("         ") g"#);
        assert_eq!(blank(r##"f(r#"a " b"#) g"##), r##"f(r#"     "#) g"##);
        assert_eq!(blank(r#"f(br"\") g"#), r#"f(br" ") g"#);
        assert_eq!(blank(r"f('x', '\'', '\u{41}') g"), r"f(' ', '  ', '      ') g");
    }

    #[test]
    fn a_lifetime_is_code() {
        assert_eq!(blank("fn f<'a>(x: &'a str) {}"), "fn f<'a>(x: &'a str) {}");
    }

    #[test]
    fn identifiers_fall_into_words() {
        for identifier in ["DeliveryTag", "delivery_tag", "DELIVERY_TAG"] {
            assert_eq!(words(identifier), ["delivery", "tag"]);
        }
        assert_eq!(words("Amqp091Frame"), ["amqp091", "frame"]);
        assert_eq!(identifiers("let a_b = c(d);").collect::<Vec<_>>(), ["let", "a_b", "c", "d"]);
    }
}
