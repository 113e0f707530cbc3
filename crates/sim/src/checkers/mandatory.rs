//! A mandatory message that reaches no queue comes back, before its confirm.

use crate::checkers::Checker;
use crate::fact::{Fact, MessageId};
use crate::model::Model;

/// It comes back exactly then. Queues that come and go are bound to exchanges, so that only of the default exchange it is
/// known which keys lead nowhere.
#[derive(Debug)]
pub(crate) struct Mandatory;

impl Checker for Mandatory {
    fn promise(&self) -> &'static str {
        "a mandatory message that reaches no queue comes back before its confirm"
    }

    fn hear(&mut self, model: &Model, fact: &Fact) -> Result<(), String> {
        match fact {
            Fact::Returned { id } => returned(model, *id),
            Fact::Confirmed { id } => confirmed(model, *id),
            _ => Ok(()),
        }
    }
}

fn returned(model: &Model, id: MessageId) -> Result<(), String> {
    let Some(sent) = model.sent(id) else { return Err(format!("nobody published {id}")) };
    if sent.is_confirmed || sent.is_returned {
        return Err(format!("{id} comes back after its confirm, or twice"));
    }
    if !sent.publication.is_mandatory || !sent.publication.targets.is_empty() {
        return Err(format!("{id} comes back although it need not"));
    }
    Ok(())
}

fn confirmed(model: &Model, id: MessageId) -> Result<(), String> {
    let Some(sent) = model.sent(id) else { return Err(format!("nobody published {id}")) };
    let publication = &sent.publication;
    let is_lost = publication.exchange.is_empty() && publication.targets.is_empty();
    if is_lost && publication.is_mandatory && !sent.is_returned {
        return Err(format!("{id} is confirmed and has not come back"));
    }
    Ok(())
}
