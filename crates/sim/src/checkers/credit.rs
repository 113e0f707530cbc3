//! Credit is never exceeded.

use crate::checkers::Checker;
use crate::fact::Fact;
use crate::model::Model;

/// A consumer never has more unsettled deliveries than it asked for.
#[derive(Debug)]
pub(crate) struct Credit;

impl Checker for Credit {
    fn promise(&self) -> &'static str {
        "credit is never exceeded"
    }

    fn hear(&mut self, _: &Model, fact: &Fact) -> Result<(), String> {
        let Fact::Delivered(delivery) = fact else { return Ok(()) };
        match delivery.unsettled_max {
            Some(max) if delivery.unsettled_count > max => Err(format!(
                "{:?} has {} unsettled deliveries of at most {max}",
                delivery.consumer, delivery.unsettled_count
            )),
            _ => Ok(()),
        }
    }
}
