//! The hash and the choice of buckets that RabbitMQ's hash exchanges use, so that a message goes to the same one
//! of its queues here as there.
//!
//! Both are made of well-known parts: Erlang's portable hash mixes as Bob Jenkins' `lookup2` does, and the seeded
//! numbers come from Sebastiano Vigna's `xorshift64*` and `xorshift1024*`. The choice of a bucket is the jump
//! consistent hash of Lamping and Veach. All results in the tests were read off a running RabbitMQ 4.3.6.

use message::Value;

/// The golden ratio, from which the hash makes its constants.
const RATIO: u32 = 0x9e37_79b9;
/// What marks a binary, a float and the end of a list.
const BINARY: u32 = RATIO.wrapping_mul(13);
const FLOAT: u32 = RATIO.wrapping_mul(12);
const END: u32 = RATIO.wrapping_mul(2);
/// The portable hash of a term has 27 bits.
const BITS: u32 = (1 << 27) - 1;
/// The portable hashes of the atoms `undefined`, `true` and `false`.
const UNDEFINED: u32 = 45_914_356;
const TRUE: u32 = 506_293;
const FALSE: u32 = 7_111_573;

/// The number to choose a bucket by, for the first routing key of a message or the text of a property.
pub(crate) fn of_text(text: &[u8]) -> i64 {
    (binary(text, 0) & BITS).into()
}

/// The number to choose a bucket by, for a message without the header or property that is looked at: all of them
/// go to one place.
pub(crate) const fn of_nothing() -> i64 {
    UNDEFINED as i64
}

/// The number to choose a bucket by, for a header. A whole number is taken as it is. Lists and tables are hashed
/// in a way of our own.
pub(crate) fn of_header(value: &Value) -> i64 {
    match value {
        Value::Text(text) | Value::Bytes(text) => of_text(text),
        Value::Bool(true) => TRUE.into(),
        Value::Bool(false) => FALSE.into(),
        Value::Void => of_nothing(),
        Value::F32(number) => (float(f64::from(*number)) & BITS).into(),
        Value::F64(number) => (float(*number) & BITS).into(),
        // RabbitMQ holds a message's timestamps in milliseconds.
        Value::Timestamp(seconds) => {
            i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX)
        }
        Value::Array(values) => values.first().map_or_else(of_nothing, of_header),
        Value::Decimal { .. } | Value::Table(_) => of_text(format!("{value:?}").as_bytes()),
        whole => whole.as_integer().expect("no other kind of value is left"),
    }
}

/// The portable hash of a list of routing keys.
pub(crate) fn of_keys(keys: &[&[u8]]) -> u32 {
    let hash = keys.iter().fold(0, |hash, key| binary(key, hash));
    let (_, _, hash) = mix(END.wrapping_add(2), END, hash);
    hash & BITS
}

/// The bucket for a number: one of `0..buckets`, of which there is at least one. When buckets are added behind the
/// last one, a number keeps its bucket or moves to one of the added.
pub(crate) fn bucket(number: i64, buckets: u64) -> u64 {
    if buckets == 1 {
        return 0;
    }
    let mut draws = Draws::new(number);
    let (mut chosen, mut next) = (0_u64, 0.0);
    while next < buckets as f64 {
        chosen = next as u64;
        next = ((chosen + 1) as f64 / draws.next()).trunc();
    }
    chosen
}

fn binary(bytes: &[u8], before: u32) -> u32 {
    let start = BINARY.wrapping_add(before);
    if bytes.is_empty() { start } else { lookup2(bytes, start) }
}

fn float(number: f64) -> u32 {
    // Both zeros are one number here.
    let bits = if number == 0.0 { 0 } else { number.to_bits() };
    let (high, low) = ((bits >> 32) as u32, (bits & u64::from(u32::MAX)) as u32);
    mix(FLOAT.wrapping_add(high), FLOAT.wrapping_add(low), 0).2
}

fn lookup2(bytes: &[u8], start: u32) -> u32 {
    let (mut a, mut b, mut c) = (RATIO, RATIO, start);
    let (blocks, rest) = bytes.as_chunks::<12>();
    for block in blocks {
        let (first, second, third) = (word(&block[..4]), word(&block[4..8]), word(&block[8..]));
        (a, b, c) = mix(a.wrapping_add(first), b.wrapping_add(second), c.wrapping_add(third));
    }
    let part = |from: usize| word(rest.get(from..rest.len().min(from + 4)).unwrap_or_default());
    // The lowest byte of the third word is where the length goes.
    let third = part(8).wrapping_shl(8).wrapping_add(bytes.len() as u32);
    mix(a.wrapping_add(part(0)), b.wrapping_add(part(4)), c.wrapping_add(third)).2
}

/// Up to four bytes, the lowest first.
fn word(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte))
}

const fn mix(mut a: u32, mut b: u32, mut c: u32) -> (u32, u32, u32) {
    const SHIFTS: [[u32; 3]; 3] = [[13, 8, 13], [12, 16, 5], [3, 10, 15]];
    let mut round = 0;
    while round < SHIFTS.len() {
        let [first, second, third] = SHIFTS[round];
        a = a.wrapping_sub(b).wrapping_sub(c) ^ c >> first;
        b = b.wrapping_sub(c).wrapping_sub(a) ^ a << second;
        c = c.wrapping_sub(a).wrapping_sub(b) ^ b >> third;
        round += 1;
    }
    (a, b, c)
}

/// Fractions that follow from a seed: `xorshift1024*`, filled by `xorshift64*`.
struct Draws {
    words: [u64; 16],
    at: usize,
}

impl Draws {
    fn new(number: i64) -> Self {
        const LOW: u64 = 0x001f_ffff;
        let part = |factor: u64| ((number as u64 & LOW) + 1).wrapping_mul(factor) & LOW;
        let mut state = part(2_097_131) << 43 | part(2_097_133) << 22 | part(2_097_143) << 1 | 1;
        let mut words = [0; 16];
        for word in words.iter_mut().rev() {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            *word = state.wrapping_mul(2_685_821_657_736_338_717);
        }
        Self { words, at: 0 }
    }

    /// From 0 up to, but without, 1.
    fn next(&mut self) -> f64 {
        let first = self.words[self.at];
        self.at = (self.at + 1) % self.words.len();
        let mut second = self.words[self.at];
        second ^= second << 31;
        let mixed = first ^ first >> 30 ^ second ^ second >> 11;
        self.words[self.at] = mixed;
        mixed.wrapping_mul(1_181_783_497_276_652_981) as f64 / 18_446_744_073_709_551_616.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_rabbitmq() {
        assert_eq!(of_text(b"abc"), 98_228_475);
        assert_eq!(of_text(b""), 13_708_901);
        assert_eq!(of_text(b"abcdefghijklmnopqrstuvwxyz"), 21_348_335);
        assert_eq!(of_keys(&[b"abc"]), 63_525_141);
        assert_eq!(of_keys(&[b"abc", b"de"]), 22_678_612);
        assert_eq!(of_keys(&[b""]), 38_220_213);
        assert_eq!(of_header(&Value::F64(1.5)), 10_380_315);
    }

    #[test]
    fn drawn_fractions_are_those_of_rabbitmq() {
        let mut draws = Draws::new(5);
        assert_eq!(draws.next(), 0.352_440_983_626_264_2);
        assert_eq!(draws.next(), 0.670_908_919_654_443_3);
    }

    #[test]
    fn buckets_are_those_of_rabbitmq() {
        let counts = |buckets: u64, number: &dyn Fn(i64) -> i64| {
            let mut counts = vec![0; buckets as usize];
            (0..200).for_each(|n| counts[bucket(number(n), buckets) as usize] += 1);
            counts
        };
        assert_eq!(counts(2, &|n| of_text(format!("k{n}").as_bytes())), [91, 109]);
        assert_eq!(counts(3, &|n| of_text(n.to_string().as_bytes())), [57, 71, 72]);
        assert_eq!(counts(3, &|n| n), [73, 62, 65]);
        assert_eq!([-7, of_nothing(), 1_000_000_000_000].map(|n| bucket(n, 3)), [1, 1, 0]);
        let header = |value: &Value| bucket(of_header(value), 3);
        assert_eq!(header(&Value::Bool(true)), 0);
        assert_eq!(header(&Value::Bool(false)), 0);
        assert_eq!(header(&Value::Void), 1);
    }

    #[test]
    fn added_buckets_take_from_the_others_and_nothing_else_moves() {
        for number in 0..2000 {
            for buckets in 1..40 {
                let (before, after) = (bucket(number, buckets), bucket(number, buckets + 1));
                assert!(before == after || after == buckets, "{number}");
            }
        }
    }
}
