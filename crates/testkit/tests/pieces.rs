//! Large messages whose frames come in pieces, as reads cut them.

use metadata::QueueKind;
use proto_amqp091::Limits;
use stdx::Random;
use testkit::{Client, Layout, Received, World};
use wire_amqp091::Method;
use wire_amqp091::content::{self, Content};
use wire_amqp091::frame::{self, Kind};
use wire_amqp091::method::{basic, channel, queue};

const FRAME_MAX: u32 = 131_072;

fn world_and_client() -> (World, Client) {
    world_and_client_of(Limits::default())
}

fn world_and_client_of(limits: Limits) -> (World, Client) {
    let mut world = World::new(Layout::ALL[0], limits);
    let mut client = Client::open(&mut world).expect("it is let in");
    client.use_channel(&mut world, 1).expect("it opens");
    client.put_method(1, &queue::Declare { queue: "q", durable: true, ..Default::default() });
    client.speak(&mut world, true).expect("it is heard");
    assert!(matches!(next(&mut client).method(), Some(Method::QueueDeclareOk(_))));
    (world, client)
}

fn next(client: &mut Client) -> Received {
    client.next(1).expect("something has come")
}

fn publish() -> Vec<u8> {
    let mut bytes = Vec::new();
    let publish =
        basic::Publish { routing_key: b"q", ..basic::Publish::decode(&[0; 5]).expect("no fields") };
    frame::write_method(&mut bytes, 1, &publish);
    bytes
}

/// What a client sends to publish `body`, in frames of at most `frame_max`.
fn published(body: &[u8], frame_max: u32) -> Vec<u8> {
    let mut bytes = publish();
    content::write_content(&mut bytes, 1, &Content { properties: &[0, 0], body }, frame_max);
    bytes
}

fn body(random: &mut Random, len: usize) -> Vec<u8> {
    let mut body = vec![0; len];
    body.iter_mut().for_each(|byte| *byte = random.next_u64() as u8);
    body
}

/// Sends `bytes` in pieces that end at `cuts`.
fn send(world: &mut World, client: &mut Client, bytes: &[u8], cuts: &[usize]) {
    let mut at = 0;
    for &cut in cuts.iter().chain(&[bytes.len()]) {
        client.put(&bytes[at..cut]);
        client.speak(world, false).expect("it is heard");
        at = cut;
    }
}

fn take(world: &mut World, client: &mut Client) -> Option<Vec<u8>> {
    client.put_method(1, &basic::Get { ticket: 0, queue: "q", no_ack: true });
    client.speak(world, true).expect("it is heard");
    let received = next(client);
    match received.method() {
        Some(Method::BasicGetOk(_)) => received.content().map(|content| content.body.clone()),
        Some(Method::BasicGetEmpty(_)) => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_message_is_the_same_wherever_it_is_cut() {
    let mut random = Random::new(7);
    let (mut world, mut client) = world_and_client();
    for round in 0..200 {
        let len = 1 + random.below(400_000) as usize;
        let body = body(&mut random, len);
        let frame_max = if round % 2 == 0 { FRAME_MAX } else { 5_000 };
        let mut bytes = published(&body, frame_max);
        bytes.extend(published(b"small", frame_max));
        let mut cuts: Vec<usize> =
            (0..random.below(8)).map(|_| random.below(bytes.len() as u64) as usize).collect();
        // Right around the last octets of a frame, too.
        let end = bytes.len() - published(b"small", frame_max).len();
        cuts.extend([end - 2, end - 1, end].into_iter().take(random.below(4) as usize));
        cuts.sort_unstable();
        send(&mut world, &mut client, &bytes, &cuts);
        assert!(take(&mut world, &mut client) == Some(body), "{len} bytes cut at {cuts:?}");
        assert_eq!(take(&mut world, &mut client).as_deref(), Some(&b"small"[..]));
    }
}

#[test]
fn a_message_whose_last_frame_has_no_end_is_not_published() {
    let mut random = Random::new(8);
    for cuts in [&[60_000][..], &[60_000, 100_000], &[5_000, 40_000]] {
        let (mut world, mut client) = world_and_client();
        let mut bytes = published(&body(&mut random, 100_000), FRAME_MAX);
        *bytes.last_mut().expect("an end") = 0;
        send(&mut world, &mut client, &bytes, cuts);
        let Some(received) = client.next(0) else { panic!("nothing was said") };
        let Some(Method::ConnectionClose(close)) = received.method() else {
            panic!("{received:?}")
        };
        assert_eq!(close.reply_code, 501);
        let text = close.reply_text;
        assert!(text.starts_with("FRAME_ERROR - type 3, first 16 octets = <<"), "{text}");
        let mut other = Client::open(&mut world).expect("it is let in");
        other.use_channel(&mut world, 1).expect("it opens");
        assert_eq!(take(&mut world, &mut other), None);
    }
}

#[test]
fn a_frame_that_brings_more_than_was_announced_is_refused() {
    let (mut world, mut client) = world_and_client();
    let mut bytes = publish();
    frame::write_with(&mut bytes, Kind::Header, 1, |out| {
        out.extend([0, 60, 0, 0]);
        out.extend(50_000u64.to_be_bytes());
        out.extend([0, 0]);
    });
    frame::write_with(&mut bytes, Kind::Body, 1, |out| out.resize(out.len() + 60_000, 7));
    send(&mut world, &mut client, &bytes, &[55_000]);
    let received = client.next(0).expect("something was said");
    let Some(Method::ConnectionClose(close)) = received.method() else { panic!("{received:?}") };
    let text = close.reply_text;
    assert_eq!(text, "FRAME_ERROR - content body frame exceeds remaining content size");
}

#[test]
fn a_body_under_way_on_a_channel_that_is_closed_is_passed_over() {
    let (mut world, mut client) = world_and_client();
    let bytes = published(&[7; 100_000], FRAME_MAX);
    client.put_method(1, &basic::Ack { delivery_tag: 99, multiple: false });
    send(&mut world, &mut client, &bytes, &[60_000]);
    assert!(matches!(next(&mut client).method(), Some(Method::ChannelClose(_))));
    client.put_method(1, &channel::CloseOk {});
    client.put_method(1, &channel::Open { reserved_1: "" });
    client.speak(&mut world, true).expect("it is heard");
    assert!(matches!(next(&mut client).method(), Some(Method::ChannelOpenOk(_))));
    assert_eq!(take(&mut world, &mut client), None);
}

#[test]
fn what_a_channel_is_told_meanwhile_disturbs_no_body_under_way() {
    let default_queue_kind = QueueKind::Quorum;
    let limits = Limits { consumer_timeout_ms: 5_000, default_queue_kind, ..Limits::default() };
    let (mut world, mut client) = world_and_client_of(limits);
    let nothing = basic::Consume::decode(&[0; 9]).expect("no fields");
    client.put_method(1, &basic::Consume { queue: "q", ..nothing });
    client.put(&published(b"too slow", FRAME_MAX));
    client.speak(&mut world, true).expect("it is heard");
    assert!(matches!(next(&mut client).method(), Some(Method::BasicConsumeOk(_))));
    assert!(matches!(next(&mut client).method(), Some(Method::BasicDeliver(_))));
    let bytes = published(&[7; 100_000], FRAME_MAX);
    send(&mut world, &mut client, &bytes[..60_000], &[]);
    world.pass(600_000);
    client.hear(&mut world).expect("it is AMQP");
    assert!(matches!(next(&mut client).method(), Some(Method::BasicCancel(_))));
    send(&mut world, &mut client, &bytes[60_000..], &[20_000]);
    assert_eq!(take(&mut world, &mut client).as_deref(), Some(&b"too slow"[..]));
    assert_eq!(take(&mut world, &mut client), Some(vec![7; 100_000]));
    assert_eq!(take(&mut world, &mut client), None);
}
