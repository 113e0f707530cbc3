//! Why a message goes where it goes: the same walk as [`Router::route`], slowly, and told step by step.
//!
//! Each step asks the exchange's own way of matching, once for each binding by itself, so that what is told is what
//! happens. Types that choose one of several bindings are asked once for all of them.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crate::binding::{Binding, Destination, ExchangeId};
use crate::envelope::Envelope;
use crate::exchange::Exchange;
use crate::kind::Kind;
use crate::router::Router;
use crate::targets::Targets;

/// How a message came to an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It was published there.
    Published,
    /// A binding of this exchange led there.
    Bound(ExchangeId),
    /// It matched no binding of this exchange, whose alternate it is.
    Alternate(ExchangeId),
}

/// What one exchange makes of a message.
#[derive(Clone, Debug)]
pub struct Step {
    /// Which exchange.
    pub exchange: ExchangeId,
    /// How the message came there.
    pub way: Way,
    /// The bindings that it matches.
    pub matched: Vec<Arc<Binding>>,
    /// Whether the exchange keeps it, to remember it, to look whether it was there before, or until its time.
    pub is_kept: bool,
}

impl Router {
    /// What happens to a message that is published to an exchange, exchange by exchange, each once. Takes time for each
    /// binding of an exchange that it reaches. Nothing when there is no such exchange.
    pub fn explain(&self, exchange: ExchangeId, envelope: &Envelope<'_>) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut seen = BTreeSet::from([exchange]);
        let mut pending = VecDeque::from([(exchange, Way::Published)]);
        while let Some((place, way)) = pending.pop_front() {
            let Some(reached) = self.exchange(place) else { continue };
            let step = reached.explain(place, way, envelope);
            let bound = step.matched.iter().filter_map(|binding| match binding.destination {
                Destination::Exchange(next) => Some((next, Way::Bound(place))),
                Destination::Queue(_) => None,
            });
            let is_unmatched = step.matched.is_empty() && !step.is_kept;
            let alternate = reached.alternate.filter(|_| is_unmatched);
            let alternate = alternate.map(|next| (next, Way::Alternate(place)));
            pending.extend(bound.chain(alternate).filter(|(next, _)| seen.insert(*next)));
            steps.push(step);
        }
        steps
    }
}

impl Exchange {
    fn explain(&self, place: ExchangeId, way: Way, envelope: &Envelope<'_>) -> Step {
        let mut targets = Targets::new();
        targets.begin(place);
        self.route(place, place, envelope, &mut targets);
        let is_kept = targets.keepers().contains(&place);
        // What an exchange holds back goes nowhere for now; one that only remembers passes everything on.
        let holds_back = is_kept && self.behaviour.kind != Kind::RecentHistory;
        let matched = match self.behaviour.routes_as {
            _ if holds_back => Vec::new(),
            Kind::ConsistentHash | Kind::ModulusHash | Kind::Random | Kind::LocalRandom => {
                self.chosen(place, envelope)
            }
            _ => self.bindings().filter(|it| self.matches(place, it, envelope)).cloned().collect(),
        };
        Step { exchange: place, way, matched, is_kept }
    }

    /// Whether a message matches this binding.
    fn matches(&self, place: ExchangeId, binding: &Arc<Binding>, envelope: &Envelope<'_>) -> bool {
        let mut alone = Self::new(self.behaviour.clone());
        alone.insert(binding);
        let mut targets = Targets::new();
        alone.match_bindings(place, place, envelope, &mut targets);
        targets.matches() > 0
    }

    /// The bindings to what an exchange chooses that picks one of several.
    fn chosen(&self, place: ExchangeId, envelope: &Envelope<'_>) -> Vec<Arc<Binding>> {
        let mut targets = Targets::new();
        // Nothing is left out as the place where routing began: no exchange has this number.
        self.match_bindings(place, ExchangeId(u64::MAX), envelope, &mut targets);
        let is_chosen = |binding: &Arc<Binding>| match binding.destination {
            Destination::Queue(queue) => targets.queues().contains(&queue),
            Destination::Exchange(exchange) => targets.pending.contains(&exchange),
        };
        self.bindings().filter(|binding| is_chosen(binding)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use message::{Arguments, Headers, Value};

    use super::*;

    struct NoHeaders;

    impl Headers for NoHeaders {
        fn get(&self, _: &str) -> Option<Value> {
            None
        }

        fn property(&self, _: &str) -> Option<Value> {
            None
        }
    }

    fn router() -> Router {
        let mut router = Router::new();
        let none = Arguments::new();
        let kinds =
            [(1, Kind::Topic), (2, Kind::Fanout), (3, Kind::Direct), (4, Kind::ConsistentHash)];
        for (id, kind) in kinds {
            router.add(ExchangeId(id), kind, &none).unwrap();
        }
        let bindings = [
            (1, Destination::Queue(10), "a.*"),
            (1, Destination::Queue(11), "b.#"),
            (1, Destination::Exchange(ExchangeId(2)), "#.x"),
            (2, Destination::Queue(12), ""),
            (4, Destination::Queue(13), "1"),
            (4, Destination::Queue(14), "1"),
        ];
        for (source, destination, key) in bindings {
            router.bind(ExchangeId(source), destination, key, &none).unwrap();
        }
        router.set_alternate(ExchangeId(1), Some(ExchangeId(3)));
        router
    }

    fn told(router: &Router, exchange: u64, key: &str) -> Vec<(u64, Way, Vec<Destination>)> {
        let keys: [&[u8]; 1] = [key.as_bytes()];
        let steps = router.explain(ExchangeId(exchange), &Envelope::new(&keys, &NoHeaders));
        let ends = |step: &Step| step.matched.iter().map(|binding| binding.destination).collect();
        steps.iter().map(|step| (step.exchange.0, step.way, ends(step))).collect()
    }

    #[test]
    fn each_exchange_on_the_way_tells_what_matched_there() {
        let steps = told(&router(), 1, "a.x");
        let (topic, fanout) = (&steps[0], &steps[1]);
        assert_eq!((topic.0, topic.1), (1, Way::Published));
        let mut ends = topic.2.clone();
        ends.sort();
        assert_eq!(ends, [Destination::Queue(10), Destination::Exchange(ExchangeId(2))]);
        assert_eq!(*fanout, (2, Way::Bound(ExchangeId(1)), vec![Destination::Queue(12)]));
        assert_eq!(steps.len(), 2);
    }

    #[test]
    fn what_matches_nothing_goes_to_the_alternate() {
        let steps = told(&router(), 1, "c");
        assert_eq!(
            steps,
            [(1, Way::Published, vec![]), (3, Way::Alternate(ExchangeId(1)), vec![])]
        );
    }

    #[test]
    fn an_exchange_that_chooses_tells_its_choice() {
        let router = router();
        let steps = told(&router, 4, "some key");
        let keys: [&[u8]; 1] = [b"some key"];
        let mut targets = Targets::new();
        router.route(ExchangeId(4), &Envelope::new(&keys, &NoHeaders), &mut targets);
        assert_eq!(steps[0].2, [Destination::Queue(targets.queues()[0])]);
    }

    #[test]
    fn there_is_nothing_to_tell_of_what_is_not_there() {
        assert_eq!(told(&router(), 9, "a"), []);
    }
}
