//! Arbitrary values of every domain, so that the tests can make methods from the method table itself.

use stdx::Random;

use crate::table::{FieldValue, Table};

const BYTES: [&[u8]; 5] = [b"", b"a", b"amq.direct", b"\xff\x00\xce", &[b'x'; 255]];
const TEXTS: [&str; 5] = ["", "a", "amq.direct", "Grüße", "exactly as long as it has to be"];

fn pick<T: Copy>(random: &mut Random, from: &[T]) -> T {
    from[usize::try_from(random.below(from.len() as u64)).unwrap()]
}

pub(crate) fn bit(random: &mut Random) -> bool {
    random.chance(1, 2)
}

pub(crate) fn octet(random: &mut Random) -> u8 {
    random.next_u64().to_be_bytes()[0]
}

pub(crate) fn short(random: &mut Random) -> u16 {
    u16::from_be_bytes([octet(random), octet(random)])
}

pub(crate) fn long(random: &mut Random) -> u32 {
    u32::from(short(random)) << 16 | u32::from(short(random))
}

pub(crate) fn longlong(random: &mut Random) -> u64 {
    random.next_u64()
}

pub(crate) fn shortstr(random: &mut Random) -> &'static str {
    pick(random, &TEXTS)
}

pub(crate) fn shortbytes(random: &mut Random) -> &'static [u8] {
    pick(random, &BYTES)
}

pub(crate) fn longstr(random: &mut Random) -> &'static [u8] {
    pick(random, &BYTES)
}

pub(crate) fn secret(random: &mut Random) -> &'static [u8] {
    pick(random, &BYTES)
}

pub(crate) fn table(random: &mut Random) -> Table {
    let mut table = Table::new();
    for _ in 0..random.below(4) {
        let value = match random.below(5) {
            0 => FieldValue::Bool(bit(random)),
            1 => FieldValue::I32(long(random).cast_signed()),
            2 => FieldValue::LongString(longstr(random).to_vec()),
            3 => FieldValue::Array(vec![FieldValue::Void, FieldValue::U8(octet(random))]),
            _ => FieldValue::Table(self::table(random)),
        };
        table.push(shortbytes(random), value);
    }
    table
}
