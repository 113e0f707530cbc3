//! Modulus hash: the remainder of the routing keys' hash chooses one binding. Keys of bindings do not matter; a
//! destination that is bound twice gets twice as much.
//!
//! RabbitMQ counts through the bindings in the order of the names of what they lead to, which are not known here:
//! here it is the order in which they were made.

use crate::binding::ExchangeId;
use crate::envelope::Envelope;
use crate::exchange::hash;
use crate::exchange::ring::Ring;
use crate::targets::Targets;

pub(crate) fn route(
    ring: &Ring,
    start: ExchangeId,
    envelope: &Envelope<'_>,
    targets: &mut Targets,
) {
    if ring.len() == 0 {
        return;
    }
    let bucket = u64::from(hash::of_keys(envelope.keys)) % ring.len();
    let binding = ring.at(bucket).expect("each bucket belongs to a binding");
    targets.add(start, binding.destination);
}
