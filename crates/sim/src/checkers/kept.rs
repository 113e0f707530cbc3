//! Nothing confirmed is lost.

use crate::checkers::Checker;
use crate::fact::{Fact, Placed};
use crate::model::{Fate, Model};

/// At the end, what was confirmed has been settled, or was still there to be consumed, perhaps as a dead letter.
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
            // A dead letter is looked for together with what has died; of duplicates only one has to be there.
            let is_elsewhere = model.source(copy).is_some() || model.is_deduplicating(&copy.queue);
            model.is_planned(&copy.queue)
                && !is_elsewhere
                && is_confirmed(copy.id)
                && is_lost(model, copy, fate)
        });
        match lost {
            Some((copy, _)) => Err(format!("{} is not in queue '{}'", copy.id, copy.queue)),
            None => Ok(()),
        }
    }
}

fn is_lost(model: &Model, copy: &Placed, fate: &Fate) -> bool {
    if !model.is_mortal(&copy.queue) {
        return *fate == Fate::Waiting;
    }
    // Dead letters that are not persistent are in memory only, whatever the queue was that they come from.
    let is_persistent = model.sent(copy.id).is_some_and(|sent| sent.publication.is_persistent);
    let is_letter = model.dead_letter(copy).is_some_and(|fate| *fate != Fate::Waiting);
    is_persistent && !is_letter && (*fate == Fate::Waiting || model.is_dead(copy))
}
