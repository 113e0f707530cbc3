//! Nothing confirmed is lost.

use crate::checkers::Checker;
use crate::fact::Fact;
use crate::model::{Fate, Model};

/// At the end, what was confirmed has been settled, or was still there to be consumed.
#[derive(Debug)]
pub(crate) struct Kept;

impl Checker for Kept {
    fn promise(&self) -> &'static str {
        "nothing confirmed is lost"
    }

    fn hear(&mut self, model: &Model, fact: &Fact) -> Result<(), String> {
        if !matches!(fact, Fact::Audited) {
            return Ok(());
        }
        let is_confirmed = |id| model.sent(id).is_some_and(|sent| sent.is_confirmed);
        let lost = model.fates().find(|(copy, fate)| {
            **fate == Fate::Waiting && model.is_planned(&copy.queue) && is_confirmed(copy.id)
        });
        match lost {
            Some((copy, _)) => Err(format!("{} is not in queue '{}'", copy.id, copy.queue)),
            None => Ok(()),
        }
    }
}
