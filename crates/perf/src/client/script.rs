//! What a broker says, as bytes, for the tests of clients.

use wire_amqp091::method::{Encode, basic, channel, connection};
use wire_amqp091::{Kind, Method, Table, content, frame, properties};

use super::{CHANNEL, Client, Login};
use crate::ledger::{Ledger, Span};

/// Somebody whom every broker lets in.
pub(crate) fn login() -> Login {
    Login::from_uri(&"amqp://h/v".parse().expect("a good URI"))
}

/// A method frame.
pub(crate) fn method(channel: u16, method: &impl Encode) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::write_method(&mut bytes, channel, method);
    bytes
}

/// What a broker says until channel 1 is open, frame by frame. Frames may have 4096 bytes.
pub(crate) fn login_answers() -> [Vec<u8>; 4] {
    let start = connection::Start {
        version_major: 0,
        version_minor: 9,
        server_properties: Table::new(),
        mechanisms: b"PLAIN AMQPLAIN",
        locales: b"en_US",
    };
    [
        method(0, &start),
        method(0, &connection::Tune { channel_max: 2047, frame_max: 4096, heartbeat: 60 }),
        method(0, &connection::OpenOk { reserved_1: "" }),
        method(CHANNEL, &channel::OpenOk { reserved_1: b"" }),
    ]
}

pub(crate) fn channel_close(reply_code: u16, reply_text: &str) -> Vec<u8> {
    let close = channel::Close { reply_code, reply_text, class_id: 0, method_id: 0 };
    method(CHANNEL, &close)
}

pub(crate) fn connection_close(reply_code: u16, reply_text: &str) -> Vec<u8> {
    let close = connection::Close { reply_code, reply_text, class_id: 0, method_id: 0 };
    method(0, &close)
}

/// A delivery with its content, the body in frames of at most 4096 bytes.
pub(crate) fn delivery(delivery_tag: u64, body: &[u8]) -> Vec<u8> {
    let delivery = content::Delivery {
        consumer_tag: b"some consumer",
        delivery_tag,
        redelivered: false,
        exchange: b"",
        routing_key: b"q",
    };
    let content = content::Content { properties: properties::NONE, body };
    let mut bytes = Vec::new();
    content::write_deliver(&mut bytes, CHANNEL, &delivery, &content, 4096);
    bytes
}

pub(crate) fn confirm(delivery_tag: u64, multiple: bool) -> Vec<u8> {
    method(CHANNEL, &basic::Ack { delivery_tag, multiple })
}

/// The names of the methods in `bytes`; content is left out, and so is the protocol header.
pub(crate) fn names(bytes: &[u8]) -> Vec<String> {
    methods(bytes).iter().map(|method| method.name().to_owned()).collect()
}

/// The methods in `bytes`.
pub(crate) fn methods(bytes: &[u8]) -> Vec<Method<'_>> {
    let mut rest = bytes.strip_prefix(b"AMQP\x00\x00\x09\x01").unwrap_or(bytes);
    let mut methods = Vec::new();
    while let Some((frame, len)) = frame::parse(rest, 131_072).expect("a client's frames") {
        if frame.kind == Kind::Method {
            methods.push(Method::decode(frame.payload).expect("a client's methods"));
        }
        rest = &rest[len..];
    }
    assert!(rest.is_empty(), "a client sends whole frames");
    methods
}

/// A ledger that times everything.
pub(crate) fn ledger() -> Ledger {
    let mut ledger = Ledger::new();
    ledger.measure(Span { from_ns: 0, until_ns: u64::MAX });
    ledger
}

/// Lets a client hear the bytes at `now_ns`; it has to use all of them.
pub(crate) fn hear(client: &mut impl Client, bytes: &[u8], now_ns: u64, ledger: &mut Ledger) {
    let taken = client.receive(bytes, now_ns, ledger).expect("a client that understands");
    assert_eq!(taken, bytes.len());
}

/// What a client says at `now_ns`, all of it.
pub(crate) fn said(client: &mut impl Client, now_ns: u64, ledger: &mut Ledger) -> Vec<u8> {
    let mut said = Vec::new();
    loop {
        let output = client.output(now_ns, ledger);
        if output.is_empty() {
            return said;
        }
        said.extend_from_slice(output);
        let len = output.len();
        client.sent(len);
    }
}

/// Lets a client log in, and forgets what it said.
pub(crate) fn log_in(client: &mut impl Client, ledger: &mut Ledger) {
    for bytes in login_answers() {
        hear(client, &bytes, 0, ledger);
    }
    said(client, 0, ledger);
}
