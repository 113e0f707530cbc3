//! What takes long is done in several turns, so that others get theirs in between.

use testkit::{Client, Layout, Transcript, World, run_at};
use wire_amqp091::Method;
use wire_amqp091::method::{basic, confirm, queue};

/// Messages that have to be dealt with at one moment.
const COUNT: usize = 60_000;

fn run(world: &mut World, steps: &str) {
    let text = format!("# A title.\n{steps}");
    let transcripts = Transcript::parse_all(&text).expect("it can be read");
    if let Err(failure) = run_at(&transcripts[0], world) {
        panic!("{failure}");
    }
}

/// How many turns it takes until all is done that is due after a while.
fn turns_after(before: &str, after: &str) -> u64 {
    let mut world = World::new(Layout::ALL[0], proto_amqp091::Limits::default());
    run(&mut world, before);
    let count = world.turn_count();
    run(&mut world, "time +10s\n");
    let count = world.turn_count() - count;
    run(&mut world, after);
    count
}

#[test]
fn messages_that_expire_together_leave_in_several_turns() {
    let before = format!(
        "C queue.declare queue=q  S queue.declare-ok\n\
         C {COUNT}x basic.publish routing_key=q expiration=\"9000\" \"m\"\n"
    );
    let turns = turns_after(&before, "C basic.get queue=q  S basic.get-empty\n");
    assert!(turns > 12, "{turns} turns");
}

#[test]
fn dead_letters_leave_in_several_turns() {
    let before = format!(
        "C queue.declare queue=dead  S queue.declare-ok\n\
         C queue.declare queue=q arguments={{x-message-ttl=9000, x-dead-letter-exchange=\"\", \
         x-dead-letter-routing-key=dead}}  S queue.declare-ok\n\
         C {COUNT}x basic.publish routing_key=q \"m\"\n"
    );
    let after = format!(
        "C queue.declare queue=dead passive  S queue.declare-ok message_count={COUNT}\n\
         C basic.get queue=q  S basic.get-empty\n"
    );
    let turns = turns_after(&before, &after);
    assert!(turns > 15, "{turns} turns");
}

#[test]
fn what_was_delayed_goes_on_in_several_turns() {
    let before = format!(
        "C exchange.declare exchange=e type=x-delayed-message \
         arguments={{x-delayed-type=fanout}}  S exchange.declare-ok\n\
         C queue.declare queue=q  S queue.declare-ok\n\
         C queue.bind queue=q exchange=e  S queue.bind-ok\n\
         C {COUNT}x basic.publish exchange=e headers={{x-delay=9000}} \"m\"\n"
    );
    let after =
        format!("C queue.declare queue=q passive  S queue.declare-ok message_count={COUNT}\n");
    let turns = turns_after(&before, &after);
    assert!(turns > 15, "{turns} turns");
}

#[test]
fn a_request_that_waits_until_enough_has_expired_is_answered_in_its_order() {
    let mut world = World::new(Layout::ALL[0], proto_amqp091::Limits::default());
    let expired = "C 2000x basic.publish routing_key=q expiration=\"0\" \"m\" +\n";
    let steps = format!(
        "C queue.declare queue=q  S queue.declare-ok\n{expired}\
         C basic.publish routing_key=q \"first\" +\n{expired}\
         C basic.publish routing_key=q \"second\" +\n\
         C 3x basic.get queue=q no_ack  \
         S basic.get-ok \"first\"  S basic.get-ok \"second\"  S basic.get-empty\n"
    );
    run(&mut world, &steps);
}

#[test]
fn dead_letters_of_which_most_wait_on_disk_all_arrive() {
    let mut world = World::new(Layout::ALL[0], proto_amqp091::Limits::default());
    let steps = "C queue.declare queue=dead durable  S queue.declare-ok\n\
         C queue.declare queue=q durable arguments={x-message-ttl=9000, \
         x-dead-letter-exchange=\"\", x-dead-letter-routing-key=dead}  S queue.declare-ok\n\
         C 15000x basic.publish routing_key=q delivery_mode=2 bytes*1000\n\
         time +10s\n\
         C queue.declare queue=q passive  S queue.declare-ok message_count=0\n\
         C queue.declare queue=dead passive  S queue.declare-ok message_count=15000\n";
    run(&mut world, steps);
}

#[test]
fn deliveries_that_take_too_long_come_back_in_several_turns() {
    let mut world = World::new(Layout::ALL[0], proto_amqp091::Limits::default());
    let before = format!(
        "C queue.declare queue=q durable arguments={{x-queue-type=quorum, \
         x-consumer-timeout=5000}}  S queue.declare-ok\n\
         C {COUNT}x basic.publish routing_key=q \"m\"\n\
         C basic.consume queue=q consumer_tag=c  S basic.consume-ok\n\
         S {COUNT}x basic.deliver \"m\"\n"
    );
    run(&mut world, &before);
    let count = world.turn_count();
    run(&mut world, "time +10s\n");
    let turns = world.turn_count() - count;
    assert!(turns > 10, "{turns} turns");
    let after = format!(
        "C queue.declare queue=q durable passive  S queue.declare-ok message_count={COUNT}\n"
    );
    run(&mut world, &after);
}

/// Declarations of durable queues that wait for no answer, sent together.
fn declarations(numbers: std::ops::Range<u32>) -> String {
    numbers.map(|number| format!("C queue.declare queue=q{number} durable no_wait +\n")).collect()
}

#[test]
fn declarations_that_nobody_waits_for_go_to_the_disk_together() {
    let mut world = World::new(Layout::ALL[0], proto_amqp091::Limits::default());
    run(&mut world, "C queue.declare queue=q  S queue.declare-ok\n");
    let count = world.turn_count();
    let steps = format!(
        "{}C queue.bind queue=\"\" exchange=amq.fanout  S queue.bind-ok\n\
         C basic.publish exchange=amq.fanout \"m\"\n\
         C basic.get queue=q59 no_ack  S basic.get-ok \"m\"\n",
        declarations(0..60)
    );
    run(&mut world, &steps);
    let turns = world.turn_count() - count;
    assert!(turns < 40, "{turns} turns");
}

#[test]
fn a_declaration_that_fails_among_others_closes_its_channel_once() {
    let mut world = World::new(Layout::ALL[0], proto_amqp091::Limits::default());
    let steps = format!(
        "C queue.declare queue=q100  S queue.declare-ok\n\
         {}C queue.declare queue=q100 durable no_wait +\n{}\
         C queue.declare queue=q100 durable no_wait  \
         S channel.close reply_code=406\n\
         C channel.close-ok +\n\
         C channel.open  S channel.open-ok\n\
         C queue.declare queue=q0 durable  S queue.declare-ok\n",
        declarations(0..20),
        declarations(20..40),
    );
    run(&mut world, &steps);
}

/// Clients that are served by shards 0 and 1 in turn.
fn clients<const N: usize>(world: &mut World) -> [Client; N] {
    [(); N].map(|()| {
        let mut client = Client::open(world).expect("it is let in");
        client.use_channel(world, 1).expect("it opens");
        client
    })
}

fn two_shards() -> World {
    let layout = Layout { shard_count: 2, first_shard: 0, piece_bytes: 1 << 20 };
    World::new(layout, proto_amqp091::Limits::default())
}

fn declare(client: &mut Client, name: &str, durable: bool, passive: bool) {
    client.put_method(1, &queue::Declare { queue: name, durable, passive, ..Default::default() });
}

fn assert_declared(world: &mut World, client: &mut Client) {
    client.hear(world).expect("it is AMQP");
    let answer = client.next(1).expect("it is answered");
    assert!(matches!(answer.method(), Some(Method::QueueDeclareOk(_))), "{answer:?}");
}

#[test]
fn a_request_that_comes_as_the_disk_is_done_with_what_it_waits_for_is_answered() {
    let mut world = two_shards();
    let [mut first, mut second] = clients(&mut world);
    // The first one waits for the disk.
    world.hold_disk();
    declare(&mut first, "a", true, false);
    first.speak(&mut world, false).expect("it is heard");
    // What the second one asks on the other shard comes together with the disk's answer.
    declare(&mut second, "b", false, false);
    second.send(&mut world);
    world.turn(1);
    world.release_disk();
    world.run_turns();
    assert_declared(&mut world, &mut first);
    assert_declared(&mut world, &mut second);
}

#[test]
fn what_was_declared_last_stays_visible_whatever_waits_for_the_disk() {
    let mut world = two_shards();
    let [mut first, mut second, mut third] = clients(&mut world);
    declare(&mut first, "a", true, false);
    first.speak(&mut world, true).expect("it is heard");
    assert_declared(&mut world, &mut first);
    second.put_method(1, &confirm::Select { no_wait: false });
    second.speak(&mut world, true).expect("it is heard");
    second.next(1).expect("it is answered");
    // A note is on its way to the disk.
    world.hold_disk();
    declare(&mut first, "n", true, false);
    first.speak(&mut world, false).expect("it is heard");
    // On the other shard somebody publishes a message that waits for the next write, and declares something that waits for
    // this one.
    let publish = basic::Publish::decode(b"\0\0\0\x01a\0").expect("it is whole");
    let persistent = [0x10, 0, 2];
    second.put_publish(1, &publish, &persistent, b"m");
    declare(&mut second, "x", false, false);
    second.send(&mut world);
    world.turn(1);
    // Both come with the disk's answer, and something that need not wait is declared behind it.
    declare(&mut third, "y", false, false);
    third.send(&mut world);
    world.release_disk();
    world.run_turns();
    assert_declared(&mut world, &mut first);
    assert_declared(&mut world, &mut third);
    for name in ["a", "n", "x", "y"] {
        declare(&mut third, name, name < "x", true);
        third.speak(&mut world, true).expect("it is heard");
        assert_declared(&mut world, &mut third);
    }
}
