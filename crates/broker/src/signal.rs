//! A fact about shards that all of them want to know: true here, or true elsewhere.

/// What a shard knows of such a fact. Shards tell each other changes only.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    is_here: bool,
    elsewhere_count: usize,
    /// What the others were last told.
    told: bool,
}

impl Signal {
    /// Whether it holds here.
    pub(crate) const fn set(&mut self, is_here: bool) {
        self.is_here = is_here;
    }

    /// Another shard has news.
    pub(crate) const fn heard(&mut self, is_there: bool) {
        if is_there {
            self.elsewhere_count += 1;
        } else {
            self.elsewhere_count -= 1;
        }
    }

    /// What the other shards have to be told.
    pub(crate) fn poll_news(&mut self) -> Option<bool> {
        (self.is_here != self.told).then(|| {
            self.told = self.is_here;
            self.is_here
        })
    }

    /// Whether it holds anywhere.
    pub(crate) const fn is_anywhere(&self) -> bool {
        self.is_here || self.elsewhere_count > 0
    }
}
