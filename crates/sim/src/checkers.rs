//! The promises, one checker each. A checker hears every fact, before the model learns it.

use std::fmt;

use crate::fact::Fact;
use crate::model::Model;
use crate::plan::Plan;

mod answers;
mod bounds;
mod credit;
mod dead;
mod early;
mod kept;
mod mandatory;
mod once;
mod order;
mod origin;
mod settled;
mod single;

/// One promise.
pub(crate) trait Checker: fmt::Debug {
    /// The promise in a few words.
    fn promise(&self) -> &'static str;

    /// Whether the promise still holds.
    ///
    /// # Errors
    /// How it was broken.
    fn hear(&mut self, model: &Model, fact: &Fact) -> Result<(), String>;
}

/// All that judges a world.
#[derive(Debug)]
pub(crate) struct Judge {
    pub(crate) model: Model,
    checkers: Vec<Box<dyn Checker>>,
    broken: Option<String>,
}

impl Judge {
    pub(crate) fn new(plan: &Plan) -> Self {
        let checkers: Vec<Box<dyn Checker>> = vec![
            Box::new(kept::Kept),
            Box::new(settled::Settled),
            Box::new(single::Single),
            Box::new(dead::Dead),
            Box::new(early::Early),
            Box::new(once::Once::default()),
            Box::new(order::Order::default()),
            Box::new(origin::Origin),
            Box::new(credit::Credit),
            Box::new(mandatory::Mandatory),
            Box::new(answers::Answers),
            Box::new(bounds::Bounds),
        ];
        Self { model: Model::new(plan), checkers, broken: None }
    }

    /// Takes note of what happened.
    pub(crate) fn hear(&mut self, fact: &Fact) {
        for checker in &mut self.checkers {
            if let Err(how) = checker.hear(&self.model, fact)
                && self.broken.is_none()
            {
                self.broken = Some(format!("{}: {how}", checker.promise()));
            }
        }
        self.model.learn(fact);
    }

    /// Something is wrong that no checker sees.
    pub(crate) fn condemn(&mut self, how: String) {
        self.broken.get_or_insert(how);
    }

    /// The first promise that was broken, and how.
    pub(crate) fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }
}
