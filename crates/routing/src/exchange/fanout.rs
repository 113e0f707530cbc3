//! Fanout: every binding, whatever its key.

use imbl::OrdMap;

use crate::binding::{Destination, ExchangeId};
use crate::targets::Targets;

pub(crate) fn route(ends: &OrdMap<Destination, u32>, start: ExchangeId, targets: &mut Targets) {
    for end in ends.keys() {
        targets.add(start, *end);
    }
}
