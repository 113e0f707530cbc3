//! Every method there and back, and what becomes of broken ones.

use stdx::Random;

use super::*;
use crate::reader::Flaw;

/// Class, method, name: copied by hand from the specification and RabbitMQ's extensions, to check the table.
const SPECIFIED: &[(u16, u16, &str)] = &[
    (10, 10, "connection.start"),
    (10, 11, "connection.start-ok"),
    (10, 20, "connection.secure"),
    (10, 21, "connection.secure-ok"),
    (10, 30, "connection.tune"),
    (10, 31, "connection.tune-ok"),
    (10, 40, "connection.open"),
    (10, 41, "connection.open-ok"),
    (10, 50, "connection.close"),
    (10, 51, "connection.close-ok"),
    (10, 60, "connection.blocked"),
    (10, 61, "connection.unblocked"),
    (10, 70, "connection.update-secret"),
    (10, 71, "connection.update-secret-ok"),
    (20, 10, "channel.open"),
    (20, 11, "channel.open-ok"),
    (20, 20, "channel.flow"),
    (20, 21, "channel.flow-ok"),
    (20, 40, "channel.close"),
    (20, 41, "channel.close-ok"),
    (30, 10, "access.request"),
    (30, 11, "access.request-ok"),
    (40, 10, "exchange.declare"),
    (40, 11, "exchange.declare-ok"),
    (40, 20, "exchange.delete"),
    (40, 21, "exchange.delete-ok"),
    (40, 30, "exchange.bind"),
    (40, 31, "exchange.bind-ok"),
    (40, 40, "exchange.unbind"),
    (40, 51, "exchange.unbind-ok"),
    (50, 10, "queue.declare"),
    (50, 11, "queue.declare-ok"),
    (50, 20, "queue.bind"),
    (50, 21, "queue.bind-ok"),
    (50, 30, "queue.purge"),
    (50, 31, "queue.purge-ok"),
    (50, 40, "queue.delete"),
    (50, 41, "queue.delete-ok"),
    (50, 50, "queue.unbind"),
    (50, 51, "queue.unbind-ok"),
    (60, 10, "basic.qos"),
    (60, 11, "basic.qos-ok"),
    (60, 20, "basic.consume"),
    (60, 21, "basic.consume-ok"),
    (60, 30, "basic.cancel"),
    (60, 31, "basic.cancel-ok"),
    (60, 40, "basic.publish"),
    (60, 50, "basic.return"),
    (60, 60, "basic.deliver"),
    (60, 70, "basic.get"),
    (60, 71, "basic.get-ok"),
    (60, 72, "basic.get-empty"),
    (60, 80, "basic.ack"),
    (60, 90, "basic.reject"),
    (60, 100, "basic.recover-async"),
    (60, 110, "basic.recover"),
    (60, 111, "basic.recover-ok"),
    (60, 120, "basic.nack"),
    (90, 10, "tx.select"),
    (90, 11, "tx.select-ok"),
    (90, 20, "tx.commit"),
    (90, 21, "tx.commit-ok"),
    (90, 30, "tx.rollback"),
    (90, 31, "tx.rollback-ok"),
    (85, 10, "confirm.select"),
    (85, 11, "confirm.select-ok"),
];

fn encoded(method: &impl Encode) -> Vec<u8> {
    let mut out = Vec::new();
    method.encode(&mut out);
    out
}

fn every_method(seed: u64) -> impl Iterator<Item = Method<'static>> {
    let mut random = Random::new(seed);
    Method::IDS.iter().map(move |id| Method::arbitrary(*id, &mut random).expect("the id is known"))
}

#[test]
fn the_table_has_the_specified_methods_in_the_specified_order() {
    let table: Vec<_> = every_method(0)
        .map(|method| (method.class_id(), method.method_id(), method.name()))
        .collect();
    assert_eq!(table, SPECIFIED);
}

#[test]
fn every_method_survives_encoding_and_decoding() {
    for seed in 0..200 {
        for method in every_method(seed) {
            let bytes = encoded(&method);
            assert_eq!(Method::decode(&bytes), Ok(method));
        }
    }
}

#[test]
fn every_method_cut_short_or_with_a_tail_is_refused() {
    for method in every_method(7) {
        let (class_id, method_id) = (method.class_id(), method.method_id());
        let refused = Err(Malformed::Fields { class_id, method_id });
        let mut bytes = encoded(&method);
        for len in 0..bytes.len() {
            let cut = Method::decode(&bytes[..len]);
            if len < 4 {
                assert!(matches!(cut, Err(Malformed::UnknownFrame { kind: 1, .. })));
            } else {
                assert_eq!(cut, refused, "{} cut to {len}", method.name());
            }
        }
        bytes.push(0);
        assert_eq!(Method::decode(&bytes), refused, "{} with a tail", method.name());
    }
}

#[test]
fn methods_that_do_not_exist_are_told() {
    let unknown = Malformed::UnknownMethod { class_id: 50, method_id: 99 };
    assert_eq!(Method::decode(&[0, 50, 0, 99, 1, 2]), Err(unknown));
    assert_eq!(unknown.to_string(), "unknown method 99 of class 50");
}

#[test]
fn bits_share_an_octet_from_the_lowest_up() {
    let declare = queue::Declare { queue: "q", durable: true, no_wait: true, ..Default::default() };
    let bytes = b"\0\x32\0\x0a\0\0\x01q\x12\0\0\0\0";
    assert_eq!(encoded(&declare), bytes);
    let nack = basic::Nack { delivery_tag: 5, multiple: false, requeue: true };
    assert_eq!(encoded(&nack), b"\0\x3c\0\x78\0\0\0\0\0\0\0\x05\x02");
}

#[test]
fn bits_that_mean_nothing_are_ignored() {
    let declare = queue::Declare::decode(b"\0\0\x01q\xea\0\0\0\0").unwrap();
    assert!(declare.durable && declare.auto_delete && !declare.passive && !declare.no_wait);
}

#[test]
fn numbers_and_strings_are_laid_out_as_specified() {
    let tune = connection::TuneOk { channel_max: 2047, frame_max: 131_072, heartbeat: 60 };
    assert_eq!(encoded(&tune), b"\0\x0a\0\x1f\x07\xff\0\x02\0\0\0\x3c");
    let publish = basic::Publish { exchange: b"ex", routing_key: b"key", ..Default::default() };
    assert_eq!(encoded(&publish), b"\0\x3c\0\x28\0\0\x02ex\x03key\0");
    let secure = connection::Secure { challenge: b"?!" };
    assert_eq!(encoded(&secure), b"\0\x0a\0\x14\0\0\0\x02?!");
}

#[test]
fn names_are_utf_8_but_a_message_may_go_by_any_bytes() {
    let bytes = b"\0\0\x02\xff\xfe\x00\0\0\0\0";
    assert_eq!(queue::Declare::decode(bytes), Err(Malformed::Utf8));
    let publish = basic::Publish::decode(b"\0\0\0\x01\xff\0").unwrap();
    assert_eq!(publish.routing_key, b"\xff");
}

#[test]
fn a_malformed_table_is_told_apart_from_missing_bytes() {
    let bytes = b"\0\x32\0\x0a\0\0\x01q\0\0\0\0\x04\x01kZx";
    let unknown = Malformed::Table(crate::TableFlaw::UnknownType(b'Z'));
    assert_eq!(Method::decode(bytes), Err(unknown));
    let bytes = b"\0\x32\0\x0a\0\0\x01q\0\0\0\0\x09abc";
    assert_eq!(Method::decode(bytes), Err(Flaw::Short.in_method(50, 10)));
}

#[test]
fn only_messages_carry_content() {
    let carriers: Vec<_> =
        every_method(0).filter(Method::carries_content).map(|method| method.name()).collect();
    assert_eq!(carriers, ["basic.publish", "basic.return", "basic.deliver", "basic.get-ok"]);
}

#[test]
fn debug_texts_show_text_and_hide_secrets() {
    let start_ok = connection::StartOk {
        mechanism: "PLAIN",
        response: b"\0guest\0guest",
        locale: "en_US",
        ..Default::default()
    };
    let text = format!("{:?}", Method::from(start_ok));
    assert!(text.contains("PLAIN") && !text.contains("guest") && text.contains("\"...\""));
    let publish = basic::Publish { routing_key: b"a\xff", ..Default::default() };
    assert!(format!("{publish:?}").contains(r#"routing_key: "a\xff""#));
}

#[test]
#[should_panic(expected = "a short string has at most 255 bytes")]
fn a_name_too_long_to_encode_is_a_bug() {
    encoded(&basic::Publish { exchange: &[b'x'; 256], ..Default::default() });
}
