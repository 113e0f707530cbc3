//! Direct: the binding key equals the routing key.

use crate::binding::ExchangeId;
use crate::exchange::Exchange;
use crate::key::KeyRef;
use crate::targets::Targets;

pub(crate) fn route(exchange: &Exchange, start: ExchangeId, keys: &[&[u8]], targets: &mut Targets) {
    for key in keys {
        for binding in exchange.with_key(KeyRef::new(key)) {
            targets.add(start, binding.destination);
        }
    }
}
