//! What another thread has a shard do within its turn.

use std::fmt;

use crate::shard::Shard;

/// Something to be done by a shard, in its turn: to look at it, or to have something done in an operator's name. It has to
/// be over in a millisecond or so, because everything else on the shard waits for it; what takes longer is done in pages.
pub struct Errand(Box<dyn FnOnce(&mut Shard) + Send>);

impl Errand {
    /// An errand. An answer finds its own way back, out of `what`.
    pub fn new(what: impl FnOnce(&mut Shard) + Send + 'static) -> Self {
        Self(Box::new(what))
    }

    /// Does it. Between [`Shard::begin_turn`] and [`Shard::work`].
    pub fn run(self, shard: &mut Shard) {
        (self.0)(shard);
    }
}

impl fmt::Debug for Errand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Errand")
    }
}
