//! Facts about shards that all of them want to know: true here, or true elsewhere.

/// Such a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A queue of the shard has willing consumers that do not keep up.
    Lagging,
    /// The shard has more than it can put anywhere.
    Behind,
    /// The shard holds more than its share of memory.
    MemoryShort,
    /// The shard's store has no room for further messages.
    StoreFull,
}

impl Fact {
    pub(crate) const ALL: [Self; 4] =
        [Self::Lagging, Self::Behind, Self::MemoryShort, Self::StoreFull];
}

/// What a shard knows of all facts.
#[derive(Debug, Default)]
pub(crate) struct Signals([Signal; Fact::ALL.len()]);

impl Signals {
    pub(crate) const fn of(&self, fact: Fact) -> &Signal {
        &self.0[fact as usize]
    }

    pub(crate) const fn of_mut(&mut self, fact: Fact) -> &mut Signal {
        &mut self.0[fact as usize]
    }
}

/// What a shard knows of one fact. Shards tell each other changes only.
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
