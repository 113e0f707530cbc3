//! Changes that only operators make.

use broker::{Answer, Verb};
use metadata::Change;

use crate::call::Call;
use crate::failure::Failure;
use crate::refusals;

impl Call {
    /// Has a change made; it is on disk when this ends.
    ///
    /// # Errors
    /// The broker's refusal, or that the node cannot answer.
    pub(crate) async fn change(&self, change: Change) -> Result<(), Failure> {
        self.operate(Verb::Administer(Box::new(change))).await.map(|_| ())
    }

    /// Has something done that clients can do, too.
    ///
    /// # Errors
    /// As [`Call::change`].
    pub(crate) async fn operate(&self, verb: Verb) -> Result<Answer, Failure> {
        self.desk
            .operate(self.caller.shown_name(), verb)
            .await?
            .map_err(|refusal| refusals::failure(&refusal))
    }
}
