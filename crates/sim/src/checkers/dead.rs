//! A dead letter is a message that nobody has, and that nobody has accepted.

use crate::checkers::Checker;
use crate::fact::Fact;
use crate::model::{Fate, Model};

/// A message becomes a dead letter instead of something else, not besides it, unless the node ended in between.
#[derive(Debug)]
pub(crate) struct Dead;

impl Checker for Dead {
    fn promise(&self) -> &'static str {
        "a dead letter has died"
    }

    fn hear(&mut self, model: &Model, fact: &Fact) -> Result<(), String> {
        let Fact::Delivered(delivery) = fact else { return Ok(()) };
        let Some(source) = model.source(&delivery.copy) else { return Ok(()) };
        if model.is_doubled(&delivery.copy) || model.is_dead(&source) {
            return Ok(());
        }
        let how = match model.fate(&source) {
            Some(Fate::Held(_)) => "while a consumer has it",
            Some(Fate::Settling { .. } | Fate::Gone | Fate::Buried) => "after it was accepted",
            Some(Fate::Vanished) => "although it was in memory only when the node ended",
            _ => return Ok(()),
        };
        Err(format!("{} is a dead letter of queue '{}' {how}", source.id, source.queue))
    }
}
