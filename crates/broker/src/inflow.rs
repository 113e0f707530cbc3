//! From which exchanges a queue's messages have come.
//!
//! Messages mostly come in runs from one exchange, and a queue numbers them. So nothing is counted while a run goes on: only
//! where it ends is asked how long it was.

/// How many exchanges are told apart; what comes from others is counted together.
const SOURCES_MAX: usize = 64;

/// How many messages came from an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The exchange that they were published to.
    pub exchange: Box<[u8]>,
    /// How many.
    pub count: u64,
}

/// From which exchanges a queue's messages have come.
#[derive(Debug)]
pub(crate) struct Inflow {
    sources: Vec<Source>,
    /// Whose run goes on; beyond the end of `sources` when it is of none of them.
    current: usize,
    /// The place of its first message.
    since_seq: u64,
}

impl Inflow {
    /// Of a queue whose next message gets this place.
    pub(crate) const fn new(next_seq: u64) -> Self {
        Self { sources: Vec::new(), current: 0, since_seq: next_seq }
    }

    /// A message that was published to this exchange gets this place.
    #[inline]
    pub(crate) fn note(&mut self, exchange: &[u8], seq: u64) {
        if !self.sources.get(self.current).is_some_and(|source| is_same(&source.exchange, exchange))
        {
            self.turn_to(exchange, seq);
        }
    }

    #[inline(never)]
    fn turn_to(&mut self, exchange: &[u8], seq: u64) {
        if let Some(ended) = self.sources.get_mut(self.current) {
            ended.count += seq.saturating_sub(self.since_seq);
        }
        self.since_seq = seq;
        let found = self.sources.iter().position(|source| *source.exchange == *exchange);
        self.current = found.unwrap_or(self.sources.len());
        if found.is_none() && self.sources.len() < SOURCES_MAX {
            self.sources.push(Source { exchange: exchange.into(), count: 0 });
        }
    }

    /// How many came from an exchange, before the place that comes next, and whether all did. `None` when none is known.
    pub(crate) fn source(&self, exchange: &[u8], next_seq: u64) -> Option<(u64, bool)> {
        let at = self.sources.iter().position(|source| *source.exchange == *exchange)?;
        let run = if at == self.current { next_seq.saturating_sub(self.since_seq) } else { 0 };
        Some((self.sources[at].count + run, self.sources.len() == 1))
    }

    /// What came from where, before the place that comes next.
    pub(crate) fn sources(&self, next_seq: u64) -> Vec<Source> {
        let mut sources = self.sources.clone();
        if let Some(current) = sources.get_mut(self.current) {
            current.count += next_seq.saturating_sub(self.since_seq);
        }
        sources
    }
}

/// Whether two names are the same: most are short, and a call for a few bytes costs more than they do.
#[inline]
fn is_same(a: &[u8], b: &[u8]) -> bool {
    match a.len() {
        len if len != b.len() => false,
        0 => true,
        4..=7 => a.first_chunk::<4>() == b.first_chunk() && a.last_chunk::<4>() == b.last_chunk(),
        8..=16 => a.first_chunk::<8>() == b.first_chunk() && a.last_chunk::<8>() == b.last_chunk(),
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(inflow: &Inflow, next_seq: u64) -> Vec<(String, u64)> {
        let sources = inflow.sources(next_seq).into_iter();
        sources.map(|s| (String::from_utf8_lossy(&s.exchange).into_owned(), s.count)).collect()
    }

    #[test]
    fn runs_are_added_up_by_exchange() {
        let mut inflow = Inflow::new(10);
        assert_eq!(counts(&inflow, 10), []);
        for (exchange, seq) in [("a", 10), ("a", 11), ("b", 12), ("a", 13), ("", 14), ("", 15)] {
            inflow.note(exchange.as_bytes(), seq);
        }
        let expected = [("a", 3), ("b", 1), ("", 2)].map(|(name, count)| (name.to_owned(), count));
        assert_eq!(counts(&inflow, 16), expected);
    }

    #[test]
    fn names_that_differ_somewhere_are_not_the_same() {
        for len in 0..40 {
            let name = vec![b'x'; len];
            assert!(is_same(&name, &name.clone()), "{len}");
            assert!(!is_same(&name, &vec![b'x'; len + 1]), "{len}");
            for place in 0..len {
                let mut other = name.clone();
                other[place] = b'y';
                assert!(!is_same(&name, &other), "{len}, {place}");
            }
        }
    }

    #[test]
    fn how_many_are_told_apart_is_bounded() {
        let mut inflow = Inflow::new(0);
        for seq in 0..1_000 {
            inflow.note(seq.to_string().as_bytes(), seq);
        }
        inflow.note(b"0", 1_000);
        let sources = inflow.sources(1_002);
        assert_eq!((sources.len(), sources[0].count, sources[1].count), (SOURCES_MAX, 3, 1));
    }
}
