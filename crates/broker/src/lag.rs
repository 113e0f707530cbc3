//! Which shards have queues whose consumers are willing and do not keep up.

/// What a shard knows of lag, here and elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Lag {
    /// Queues of this shard that lag.
    here_count: usize,
    /// Other shards that have said that they do.
    elsewhere_count: usize,
    /// What the others were last told.
    told: bool,
}

impl Lag {
    /// A queue of this shard has been looked at.
    pub(crate) const fn change(&mut self, was_lagging: bool, is_lagging: bool) {
        if is_lagging && !was_lagging {
            self.here_count += 1;
        } else if was_lagging && !is_lagging {
            self.here_count -= 1;
        }
    }

    /// Another shard has news. It tells changes only.
    pub(crate) const fn heard(&mut self, is_lagging: bool) {
        if is_lagging {
            self.elsewhere_count += 1;
        } else {
            self.elsewhere_count -= 1;
        }
    }

    /// What the other shards have to be told.
    pub(crate) fn poll_news(&mut self) -> Option<bool> {
        let is_lagging = self.here_count > 0;
        (is_lagging != self.told).then(|| {
            self.told = is_lagging;
            is_lagging
        })
    }

    pub(crate) const fn is_anywhere(&self) -> bool {
        self.here_count > 0 || self.elsewhere_count > 0
    }
}
