//! A queue that deduplicates lets one message of each key through.

use std::collections::{BTreeMap, BTreeSet};

use crate::checkers::Checker;
use crate::fact::{Fact, MessageId};
use crate::model::{Fate, Model};

/// Of the messages of a key that was confirmed before the others were sent, only that one is delivered; in any case
/// only one is, if it is confirmed or the node has not ended since; and one of those that are confirmed is not lost.
#[derive(Debug, Default)]
pub(crate) struct Once {
    ends: u64,
    /// Keys of which a message was confirmed, and which.
    confirmed: BTreeMap<String, MessageId>,
    /// Messages that were sent when their key had been confirmed.
    late: BTreeSet<MessageId>,
    /// The last message of each key that was delivered, and how often the node had ended before.
    delivered: BTreeMap<String, (MessageId, u64)>,
}

impl Checker for Once {
    fn promise(&self) -> &'static str {
        "a queue that deduplicates lets one message of each key through"
    }

    fn hear(&mut self, model: &Model, fact: &Fact) -> Result<(), String> {
        match fact {
            Fact::Published { id, publication } => {
                let key = publication.key_of_once.as_ref();
                if key.is_some_and(|key| self.confirmed.contains_key(key)) {
                    self.late.insert(*id);
                }
            }
            Fact::Confirmed { id } => {
                let key = key_of(model, *id);
                self.confirmed.extend(key.map(|key| (key, *id)));
            }
            Fact::Ended { .. } => self.ends += 1,
            Fact::Delivered(delivery) => return self.delivered(model, delivery.copy.id),
            Fact::Audited => return self.audited(model),
            _ => {}
        }
        Ok(())
    }
}

impl Once {
    fn delivered(&mut self, model: &Model, id: MessageId) -> Result<(), String> {
        let Some(key) = key_of(model, id) else { return Ok(()) };
        if self.late.contains(&id) {
            return Err(format!("{id} is delivered, and key '{key}' was confirmed before"));
        }
        let before = self.delivered.insert(key, (id, self.ends));
        match before {
            Some((other, ends)) if other != id => {
                let is_confirmed = model.sent(other).is_some_and(|sent| sent.is_confirmed);
                if is_confirmed || ends == self.ends {
                    return Err(format!("{id} is delivered, and so was {other} of the same key"));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn audited(&self, model: &Model) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for (copy, fate) in model.fates().filter(|(copy, _)| model.is_deduplicating(&copy.queue)) {
            if *fate != Fate::Waiting {
                seen.extend(key_of(model, copy.id));
            }
        }
        match self.confirmed.iter().find(|(key, _)| !seen.contains(*key)) {
            Some((key, id)) => {
                Err(format!("no message of key '{key}' is there: {id} was confirmed"))
            }
            None => Ok(()),
        }
    }
}

fn key_of(model: &Model, id: MessageId) -> Option<String> {
    model.sent(id)?.publication.key_of_once.clone()
}
