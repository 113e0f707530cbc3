//! Which exchanges name which others as their alternate.
//!
//! An alternate is a name, and may be that of an exchange that does not exist, or not yet. The router knows numbers
//! only: whenever an exchange comes or goes, those that name it are looked up here.

use imbl::{OrdMap, OrdSet};
use message::Name;
use routing::ExchangeId;

/// A persistent map in both directions: cloning it costs nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Alternates {
    /// The virtual host of an exchange, and what it names.
    by_exchange: OrdMap<ExchangeId, (Name, Name)>,
    /// The same, from the name.
    by_name: OrdSet<(Name, Name, ExchangeId)>,
}

impl Alternates {
    /// Notes what an exchange of `vhost` names. True when that differs from what it named before.
    pub(crate) fn set(&mut self, exchange: ExchangeId, vhost: &Name, name: Option<Name>) -> bool {
        if self.of(exchange) == name.as_ref() {
            return false;
        }
        self.forget(exchange);
        if let Some(name) = name {
            self.by_exchange.insert(exchange, (vhost.clone(), name.clone()));
            self.by_name.insert((vhost.clone(), name, exchange));
        }
        true
    }

    /// Drops what an exchange names.
    pub(crate) fn forget(&mut self, exchange: ExchangeId) {
        if let Some((vhost, name)) = self.by_exchange.remove(&exchange) {
            self.by_name.remove(&(vhost, name, exchange));
        }
    }

    /// What an exchange names.
    pub(crate) fn of(&self, exchange: ExchangeId) -> Option<&Name> {
        self.by_exchange.get(&exchange).map(|(_, name)| name)
    }

    /// The exchanges that name this one.
    pub(crate) fn naming(&self, vhost: &Name, name: &Name) -> Vec<ExchangeId> {
        let first = (vhost.clone(), name.clone(), ExchangeId(0));
        self.by_name
            .range(first..)
            .take_while(|(of, named, _)| of == vhost && named == name)
            .map(|(_, _, exchange)| *exchange)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    #[test]
    fn exchanges_are_found_by_the_name_of_their_alternate() {
        let mut alternates = Alternates::default();
        let vhost = name("/");
        assert!(alternates.set(ExchangeId(1), &vhost, Some(name("a"))));
        assert!(alternates.set(ExchangeId(2), &vhost, Some(name("a"))));
        assert!(alternates.set(ExchangeId(3), &name("other"), Some(name("a"))));
        assert!(alternates.set(ExchangeId(4), &vhost, Some(name("b"))));
        assert_eq!(alternates.naming(&vhost, &name("a")), [ExchangeId(1), ExchangeId(2)]);
        assert!(!alternates.set(ExchangeId(1), &vhost, Some(name("a"))));
        assert!(alternates.set(ExchangeId(1), &vhost, Some(name("b"))));
        assert_eq!(alternates.naming(&vhost, &name("b")), [ExchangeId(1), ExchangeId(4)]);
        alternates.forget(ExchangeId(2));
        assert_eq!(alternates.naming(&vhost, &name("a")), []);
        assert!(alternates.set(ExchangeId(1), &vhost, None));
        assert_eq!(alternates.of(ExchangeId(1)), None);
    }
}
