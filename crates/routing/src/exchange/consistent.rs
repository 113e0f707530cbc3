//! Consistent hash: a binding's key is its weight, and a number made of the routing key, a header or a property
//! chooses among the buckets that the bindings have.
//!
//! As in RabbitMQ, only the first of several routing keys counts, and messages without what is looked at all go to
//! the same place.

use message::Value;

use crate::binding::{Binding, ExchangeId};
use crate::envelope::Envelope;
use crate::exchange::hash;
use crate::exchange::ring::Ring;
use crate::invalid::Invalid;
use crate::kind::HashOn;
use crate::targets::Targets;

/// The weight that a binding key stands for: a whole number as Erlang reads it, so that a sign and zeros may stand
/// in front.
pub(crate) fn weight(key: &[u8]) -> Result<u64, Invalid> {
    let (digits, is_negative) = match key {
        [b'-', digits @ ..] => (digits, true),
        [b'+', digits @ ..] | digits => (digits, false),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Invalid::WeightNotWhole(key.to_vec()));
    }
    let add = |sum: u64, digit: &u8| sum.saturating_mul(10).saturating_add((digit - b'0').into());
    match digits.iter().fold(0, add) {
        0 => Err(Invalid::WeightNotPositive),
        _ if is_negative => Err(Invalid::WeightNotPositive),
        weight if weight > Invalid::WEIGHT_MAX => Err(Invalid::WeightTooLarge),
        weight => Ok(weight),
    }
}

/// The weight of a binding that was checked when it was made.
pub(crate) fn weight_of(binding: &Binding) -> u64 {
    weight(binding.key.as_bytes()).expect("bind lets no other in")
}

pub(crate) fn route(
    ring: &Ring,
    hash_on: &HashOn,
    start: ExchangeId,
    envelope: &Envelope<'_>,
    targets: &mut Targets,
) {
    if *hash_on != HashOn::RoutingKey {
        targets.note_variable();
    }
    if ring.len() == 0 {
        return;
    }
    let bucket = hash::bucket(number(hash_on, envelope), ring.len());
    let binding = ring.at(bucket).expect("each bucket belongs to a binding");
    targets.add(start, binding.destination);
}

fn number(hash_on: &HashOn, envelope: &Envelope<'_>) -> i64 {
    match hash_on {
        HashOn::RoutingKey => {
            envelope.keys.first().map_or_else(hash::of_nothing, |key| hash::of_text(key))
        }
        HashOn::Header(name) => {
            let value = envelope.headers.get(name);
            value.map_or_else(hash::of_nothing, |value| hash::of_header(&value))
        }
        HashOn::Property(name) => match envelope.headers.property(name) {
            Some(Value::Timestamp(seconds)) => hash::of_text(seconds.to_string().as_bytes()),
            Some(value) => hash::of_header(&value),
            None => hash::of_nothing(),
        },
    }
}
