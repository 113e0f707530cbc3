//! Random: chance chooses one binding. A destination that is bound twice gets twice as much.

use crate::binding::ExchangeId;
use crate::envelope::Envelope;
use crate::exchange::ring::Ring;
use crate::targets::Targets;

/// `place` tells apart the exchanges that a message passes, so that they choose independently.
pub(crate) fn route(
    ring: &Ring,
    place: ExchangeId,
    start: ExchangeId,
    envelope: &Envelope<'_>,
    targets: &mut Targets,
) {
    targets.note_variable();
    let drawn = mixed(envelope.random ^ mixed(place.0));
    // The high half of the product is uniform below the number of bindings, without a division.
    let bucket = (u128::from(drawn) * u128::from(ring.len())) >> 64;
    if let Some(binding) = ring.at(bucket as u64) {
        targets.add(start, binding.destination);
    }
}

/// The finish of SplitMix64: each bit of the result depends on all bits of the number.
const fn mixed(number: u64) -> u64 {
    let z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}
