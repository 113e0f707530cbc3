//! What is asked is answered, once.

use crate::checkers::Checker;
use crate::fact::Fact;
use crate::model::Model;

/// Nothing arrives that nobody asked for; and when everything is at rest, nobody waits.
#[derive(Debug)]
pub(crate) struct Answers;

impl Checker for Answers {
    fn promise(&self) -> &'static str {
        "what is asked is answered once"
    }

    fn hear(&mut self, _: &Model, fact: &Fact) -> Result<(), String> {
        match fact {
            Fact::Nonsense { connection, what } => Err(format!("connection {connection}: {what}")),
            Fact::Rested { waiting } if !waiting.is_empty() => {
                Err(format!("everything is at rest, and there wait: {}", waiting.join("; ")))
            }
            _ => Ok(()),
        }
    }
}
