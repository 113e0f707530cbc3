//! No message is with two consumers at once.

use crate::checkers::Checker;
use crate::fact::Fact;
use crate::model::{Fate, Model};

/// Who holds a message has it alone, until it settles it, gives it back or is gone.
#[derive(Debug)]
pub(crate) struct Single;

impl Checker for Single {
    fn promise(&self) -> &'static str {
        "no message is with two consumers at once"
    }

    fn hear(&mut self, model: &Model, fact: &Fact) -> Result<(), String> {
        let Fact::Delivered(delivery) = fact else { return Ok(()) };
        if model.is_doubled(&delivery.copy) {
            return Ok(());
        }
        match model.fate(&delivery.copy) {
            Some(Fate::Held(holder)) => Err(format!(
                "{} of queue '{}' is delivered to {:?} while {holder:?} has it",
                delivery.copy.id, delivery.copy.queue, delivery.consumer
            )),
            _ => Ok(()),
        }
    }
}
