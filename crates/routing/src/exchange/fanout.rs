//! Fanout: every binding, whatever its key.

use crate::binding::ExchangeId;
use crate::exchange::Exchange;
use crate::targets::Targets;

pub(crate) fn route(exchange: &Exchange, start: ExchangeId, targets: &mut Targets) {
    for binding in exchange.bindings() {
        targets.add(start, binding.destination);
    }
}
