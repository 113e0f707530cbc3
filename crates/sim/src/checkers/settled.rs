//! Nothing settled returns.

use crate::checkers::Checker;
use crate::fact::Fact;
use crate::model::{Fate, Model};

/// A message is not delivered again once the node knows that it is settled; and not after a crash, once that is on disk.
#[derive(Debug)]
pub(crate) struct Settled;

impl Checker for Settled {
    fn promise(&self) -> &'static str {
        "nothing settled returns"
    }

    fn hear(&mut self, model: &Model, fact: &Fact) -> Result<(), String> {
        let Fact::Delivered(delivery) = fact else { return Ok(()) };
        let copy = &delivery.copy;
        if model.is_doubled(copy) {
            return Ok(());
        }
        let how = match model.fate(copy) {
            Some(Fate::Settling { .. }) => "is delivered while its settlement is on its way",
            Some(Fate::Gone) => "is delivered after it was settled",
            Some(Fate::Buried) => "is delivered although its settlement is on disk",
            Some(Fate::Vanished) => "was never on disk and is delivered after a crash",
            _ => return Ok(()),
        };
        Err(format!("{} of queue '{}' {how}", copy.id, copy.queue))
    }
}
