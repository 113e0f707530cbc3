//! Bytes that once were good, changed at random: nothing panics, and what is still understood survives being written
//! again. The same numbers on every run; the fuzz targets look further with the same checks.

mod checks;

use stdx::Random;
use wire_amqp091::method::{basic, connection, queue};
use wire_amqp091::{FieldValue, Properties, Table, content, frame, properties};

const ROUNDS: usize = 70_000;
const LEN_MAX: usize = 2_000;

fn headers() -> Table {
    let inner = Table::new().with("count", 3i64).with("queue", "q").with("ok", true);
    Table::new()
        .with("x-death", FieldValue::Array(vec![inner.clone().into(), FieldValue::Void]))
        .with("x-delay", 5_000i32)
        .with("ratio", FieldValue::F64(0.5))
        .with("price", FieldValue::Decimal { scale: 2, digits: 1_999 })
        .with("at", FieldValue::Timestamp(1_700_000_000))
        .with("raw", FieldValue::Bytes(vec![0, 1, 2]))
        .with("inner", inner)
}

fn property_lists() -> Vec<Vec<u8>> {
    let headers = headers().to_bytes();
    let full = Properties {
        content_type: Some(b"application/json"),
        headers: Some(&headers),
        delivery_mode: Some(properties::PERSISTENT),
        priority: Some(4),
        reply_to: Some(b"amq.rabbitmq.reply-to"),
        expiration: Some(b"60000"),
        timestamp: Some(1_700_000_000),
        user_id: Some(b"guest"),
        ..Default::default()
    };
    let mode = Properties { delivery_mode: Some(1), ..Default::default() };
    vec![full.to_bytes(), mode.to_bytes(), properties::NONE.to_vec()]
}

fn conversations() -> Vec<Vec<u8>> {
    let mut handshake = Vec::new();
    let start_ok = connection::StartOk {
        client_properties: Table::new().with("capabilities", Table::new().with("basic.nack", true)),
        mechanism: "PLAIN",
        response: b"\0guest\0guest",
        locale: "en_US",
    };
    frame::write_method(&mut handshake, 0, &start_ok);
    let tune_ok = connection::TuneOk { channel_max: 2047, frame_max: 131_072, heartbeat: 60 };
    frame::write_method(&mut handshake, 0, &tune_ok);
    frame::write_heartbeat(&mut handshake);

    let mut declare = Vec::new();
    let arguments = Table::new().with("x-queue-type", "quorum").with("x-max-length", 10i32);
    let method = queue::Declare { queue: "q", durable: true, arguments, ..Default::default() };
    frame::write_method(&mut declare, 1, &method);

    let mut messages = Vec::new();
    for properties in property_lists() {
        let publish = basic::Publish { exchange: b"e", routing_key: b"k", ..Default::default() };
        let content = content::Content { properties: &properties, body: b"a body" };
        content::write_publish(&mut messages, 1, &publish, &content, 12);
        content::write_ack(&mut messages, 1, 7, true);
    }
    vec![handshake, declare, messages]
}

/// A few changes: a bit, an octet, a piece cut out, doubled or brought from elsewhere.
fn mutate(bytes: &mut Vec<u8>, others: &[Vec<u8>], random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = index(random, bytes.len() + 1);
        let to = at + index(random, (bytes.len() - at).min(40) + 1);
        match random.below(6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = random.next_u64().to_be_bytes()[0],
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..to)),
            4 => bytes.extend_from_within(at..to),
            5 => {
                let other = &others[index(random, others.len())];
                let from = index(random, other.len() + 1);
                let piece = &other[from..other.len().min(from + 40)];
                drop(bytes.splice(at..to, piece.iter().copied()));
            }
            _ => {}
        }
    }
    bytes.truncate(LEN_MAX);
}

fn index(random: &mut Random, bound: usize) -> usize {
    usize::try_from(random.below(bound as u64)).expect("below a usize")
}

/// Runs `check` over `originals` and over mutations of them. Half the time a mutation is mutated further.
fn over_mutations(seed: u64, originals: &[Vec<u8>], check: fn(&[u8])) {
    let mut random = Random::new(seed);
    originals.iter().for_each(|bytes| check(bytes));
    let mut bytes = Vec::new();
    for _ in 0..ROUNDS {
        if bytes.is_empty() || random.chance(1, 2) {
            bytes.clone_from(&originals[index(&mut random, originals.len())]);
        }
        mutate(&mut bytes, originals, &mut random);
        check(&bytes);
    }
}

#[test]
fn mutated_conversations_never_panic_and_survive_being_written_again() {
    over_mutations(1, &conversations(), checks::frame_and_method);
}

#[test]
fn mutated_tables_never_panic_and_survive_being_written_again() {
    over_mutations(2, &[headers().to_bytes()], checks::table);
}

#[test]
fn mutated_properties_never_panic_and_survive_being_written_again() {
    over_mutations(3, &property_lists(), checks::properties);
}

/// Mutations rarely hit a method's own fields behind an intact frame, so these are framed after they are mutated.
#[test]
fn mutated_payloads_in_sound_frames_never_panic() {
    let payloads: Vec<Vec<u8>> = conversations()
        .iter()
        .filter_map(|bytes| frame::parse(bytes, usize::MAX).expect("it is sound"))
        .map(|(frame, _)| frame.payload.to_vec())
        .collect();
    over_mutations(4, &payloads, |payload| {
        for kind in [frame::Kind::Method, frame::Kind::Header] {
            let mut framed = Vec::new();
            frame::write_with(&mut framed, kind, 1, |out| out.extend_from_slice(payload));
            checks::frame_and_method(&framed);
        }
    });
}
