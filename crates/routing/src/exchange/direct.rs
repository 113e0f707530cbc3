//! Direct: the binding key equals the routing key.

use crate::binding::ExchangeId;
use crate::exchange::Exchange;
use crate::key::KeyRef;
use crate::targets::Targets;

pub(crate) fn route(exchange: &Exchange, start: ExchangeId, keys: &[&[u8]], targets: &mut Targets) {
    for key in keys {
        if let Some(bindings) = exchange.with_key(KeyRef::new(key)) {
            bindings.for_each_destination(|destination| targets.add(start, destination));
        }
    }
}
