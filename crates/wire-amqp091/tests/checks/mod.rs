//! What holds for any bytes at all. Shared by the mutation test beside this folder and the fuzz targets.

use wire_amqp091::codes::Code;
use wire_amqp091::method::Encode;
use wire_amqp091::{
    ContentHeader, Frame, Kind, Malformed, Method, Properties, Table, frame, limits, properties,
    protocol_header, table,
};

/// Bytes as a connection: frames until they end or are malformed; what is understood survives being written again.
pub(crate) fn frame_and_method(bytes: &[u8]) {
    let _ = protocol_header::classify(bytes);
    let payload_max = limits::payload_max(limits::FRAME_MAX_DEFAULT);
    let mut rest = bytes;
    loop {
        match frame::parse(rest, payload_max) {
            Ok(Some((frame, len))) => {
                written_again(&frame, &rest[..len]);
                assert_eq!(frame::parse(&rest[..len - 1], payload_max), Ok(None));
                payload(&frame);
                rest = &rest[len..];
            }
            Ok(None) => return,
            Err(malformed) => return told(&malformed, rest),
        }
    }
}

/// Bytes as a field table.
pub(crate) fn table(bytes: &[u8]) {
    let decoded = match Table::decode(bytes) {
        Ok(decoded) => decoded,
        Err(malformed) => {
            assert_eq!(table::check(bytes), Err(malformed));
            assert!(bytes.len() >= table::Pairs::new(bytes).count());
            return told(&malformed, bytes);
        }
    };
    assert_eq!(table::check(bytes), Ok(()));
    assert_eq!(table::Pairs::new(bytes).count(), decoded.len());
    let again = decoded.to_bytes();
    assert_eq!(again.len(), bytes.len());
    assert_eq!(Table::decode(&again), Ok(decoded));
}

/// Bytes as property flags and fields.
pub(crate) fn properties(bytes: &[u8]) {
    let scan = properties::scan(bytes);
    match Properties::decode(bytes) {
        Ok(all) => {
            assert_eq!(all.to_bytes(), bytes);
            let scan = scan.expect("what can be decoded can be scanned");
            assert_eq!((scan.delivery_mode, scan.priority), (all.delivery_mode, all.priority));
            assert_eq!((scan.headers, scan.reply_to), (all.headers, all.reply_to));
            assert_eq!((scan.expiration, scan.user_id), (all.expiration, all.user_id));
            all.headers.into_iter().for_each(table);
        }
        Err(malformed) => {
            assert_eq!(scan, Err(malformed));
            told(&malformed, bytes);
        }
    }
}

fn written_again(frame: &Frame<'_>, bytes: &[u8]) {
    let mut out = Vec::new();
    frame::write_with(&mut out, frame.kind, frame.channel, |out| {
        out.extend_from_slice(frame.payload);
    });
    // A heartbeat may name a channel, which only a front-end can object to.
    assert_eq!(out, bytes);
}

fn payload(frame: &Frame<'_>) {
    match frame.kind {
        Kind::Method => method(frame.payload),
        Kind::Header => match ContentHeader::decode(frame.payload) {
            Ok(header) => properties(header.properties),
            Err(malformed) => told(&malformed, frame.payload),
        },
        Kind::Body | Kind::Heartbeat => {}
    }
}

/// The bytes may differ, in bits that mean nothing and in two spellings of tables, but not their number.
fn method(payload: &[u8]) {
    match Method::decode(payload) {
        Ok(method) => {
            let mut again = Vec::new();
            method.encode(&mut again);
            assert_eq!(again.len(), payload.len());
            assert_eq!(Method::decode(&again), Ok(method));
        }
        Err(malformed) => told(&malformed, payload),
    }
}

/// Whatever is wrong can be told to the peer.
fn told(malformed: &Malformed, payload: &[u8]) {
    let code = malformed.code();
    assert!(code.is_hard() && code != Code::InternalError);
    let text = code.reply_text(&malformed.explanation(payload));
    assert!(text.len() <= limits::SHORT_STRING_LEN_MAX);
}
