//! Whoever watches a queue is told each step of its messages, and holds nobody up.

use broker::{Step, TracePage, Traced};
use message::QueueId;
use testkit::{Layout, Transcript, World, run_at};

fn run(world: &mut World, steps: &str) {
    let text = format!("# A title.\n{steps}");
    let transcripts = Transcript::parse_all(&text).expect("it can be read");
    if let Err(failure) = run_at(&transcripts[0], world) {
        panic!("{failure}");
    }
}

/// A trace of the queue `q`.
struct Watch {
    shard: usize,
    number: u64,
}

impl Watch {
    fn begin(world: &mut World, payload_bytes: usize) -> Self {
        let id: QueueId = world
            .errand(0, |shard| shard.broker().topology().queue("/", "q").expect("is there").id);
        let shard = id.shard(world.shard_count());
        let begun = world.errand(shard, |shard| shard.begin_trace(id, payload_bytes));
        Self { shard, number: begun.expect("it begins") }
    }

    fn collect(&self, world: &mut World, count: usize) -> Option<TracePage> {
        world.errand(self.shard, |shard| shard.collect_trace(self.number, count))
    }

    /// What has happened since the last time, each step in a few words.
    fn told(&self, world: &mut World) -> Vec<String> {
        self.collect(world, usize::MAX).expect("it goes on").steps.iter().map(words).collect()
    }
}

fn words(traced: &Traced) -> String {
    let place = traced.place.map_or_else(|| "-".to_owned(), |(_, place)| place.to_string());
    let what = match &traced.step {
        Step::Delivered { is_redelivered: true, .. } => "redelivered".to_owned(),
        Step::Delivered { .. } => "delivered".to_owned(),
        Step::DeadLettered { reason, routing_key, .. } => {
            format!("{reason:?} to {}", String::from_utf8_lossy(routing_key))
        }
        other => format!("{other:?}"),
    };
    format!("{place} {what}")
}

const QUEUES: &str = "\
C[1] queue.declare queue=d durable  S[1] queue.declare-ok
C[1] queue.declare queue=q durable arguments={x-dead-letter-exchange=\"\", x-dead-letter-routing-key=\"d\"}
S[1] queue.declare-ok
";

#[test]
fn each_step_of_a_message_is_told() {
    for layout in Layout::ALL {
        let mut world = World::new(layout, proto_amqp091::Limits::default());
        run(&mut world, QUEUES);
        let watch = Watch::begin(&mut world, 0);
        run(
            &mut world,
            "\
C[1] confirm.select  S[1] confirm.select-ok
C[1] basic.publish routing_key=q delivery_mode=2 \"one\"  S[1] basic.ack
C[1] basic.publish routing_key=q delivery_mode=2 \"two\"  S[1] basic.ack
C[1] basic.publish routing_key=q delivery_mode=2 \"three\"  S[1] basic.ack
C[1] basic.publish routing_key=d \"of no interest\"  S[1] basic.ack
C[2] basic.qos prefetch_count=1  S[2] basic.qos-ok
C[2] basic.consume queue=q consumer_tag=a  S[2] basic.consume-ok
S[2] basic.deliver
C[2] basic.ack delivery_tag=1
S[2] basic.deliver
C[2] basic.nack delivery_tag=2 requeue
S[2] basic.deliver redelivered
C[2] basic.nack delivery_tag=3
S[2] basic.deliver
C[2] basic.cancel consumer_tag=a  S[2] basic.cancel-ok
C[1] basic.get queue=q no_ack  S[1] basic.get-empty
C[1] basic.publish routing_key=q expiration=10 \"short\"  S[1] basic.ack
",
        );
        world.pass(20);
        run(&mut world, "C[1] queue.purge queue=q  S[1] queue.purge-ok\n");
        let expected = [
            "0 Published",
            "1 Published",
            "2 Published",
            "0 delivered",
            "0 Acknowledged",
            "1 delivered",
            "1 Returned(Requeue)",
            "1 redelivered",
            "1 Rejected",
            "2 delivered",
            "1 Rejected to d",
            "3 Published",
            "3 Expired to d",
            "- Purged { count: 0 }",
        ];
        let mut told = watch.told(&mut world);
        // When the dead letter goes on, depends on the turns.
        let place = told.iter().position(|step| step == "1 Rejected to d").expect("it is told");
        let dead = told.remove(place);
        told.insert(10, dead);
        assert_eq!(told, expected, "{layout}");
        run(&mut world, "C[1] queue.delete queue=q  S[1] queue.delete-ok\n");
        let page = watch.collect(&mut world, usize::MAX).expect("it is told");
        let last: Vec<_> = page.steps.iter().map(words).collect();
        assert!(page.is_over && last.last().is_some_and(|step| step == "- Deleted"), "{last:?}");
    }
}

#[test]
fn a_message_is_shown_as_far_as_was_asked_for_and_who_has_it() {
    let mut world = World::new(Layout::ALL[0], proto_amqp091::Limits::default());
    run(&mut world, QUEUES);
    let watch = Watch::begin(&mut world, 3);
    run(
        &mut world,
        "\
C[1] basic.publish routing_key=q message_id=\"m\" \"abcdef\"
C[1] basic.consume queue=q consumer_tag=a  S[1] basic.consume-ok
S[1] basic.deliver
C[1] basic.ack delivery_tag=1
C[1] basic.get queue=q  S[1] basic.get-empty
",
    );
    let steps = watch.collect(&mut world, 3).expect("it goes on").steps;
    let [published, delivered, settled] = &steps[..] else { panic!("three steps: {steps:?}") };
    let message = published.message.as_ref().expect("it is in memory");
    assert_eq!((message.body(), published.body_len), (&b"abc"[..], 6));
    assert_eq!((message.routing_key(), message.properties().is_empty()), (&b"q"[..], false));
    assert_eq!((published.client, delivered.client.is_some()), (None, true));
    assert_eq!((delivered.client, delivered.consumer), (settled.client, settled.consumer));
    assert_eq!(settled.step, Step::Acknowledged);
}

#[test]
fn a_slow_watcher_loses_the_rest_and_is_told_how_much() {
    let mut world = World::new(Layout::ALL[0], proto_amqp091::Limits::default());
    run(&mut world, QUEUES);
    let watch = Watch::begin(&mut world, 0);
    let mut steps = String::new();
    (0..5_000).for_each(|_| steps.push_str("C[1] basic.publish routing_key=q \"x\"\n"));
    steps
        .push_str("C[1] queue.declare queue=q passive  S[1] queue.declare-ok message_count=5000\n");
    run(&mut world, &steps);
    let first = watch.collect(&mut world, 10).expect("it goes on");
    assert_eq!((first.steps.len(), first.lost_count), (10, 0));
    // There is room again, but what comes now stands behind what is lost.
    run(&mut world, "C[1] queue.purge queue=q  S[1] queue.purge-ok\n");
    let rest = watch.collect(&mut world, usize::MAX).expect("it goes on");
    assert_eq!((rest.steps.len(), rest.lost_count), (4_086, 905));
    run(&mut world, "C[1] queue.purge queue=q  S[1] queue.purge-ok\n");
    assert_eq!(watch.told(&mut world), ["- Purged { count: 0 }"]);
}

#[test]
fn a_trace_that_nobody_collects_from_ends() {
    let mut world = World::new(Layout::ALL[0], proto_amqp091::Limits::default());
    run(&mut world, QUEUES);
    let (watch, other) = (Watch::begin(&mut world, 0), Watch::begin(&mut world, 0));
    world.pass(59_000);
    assert!(other.told(&mut world).is_empty());
    world.pass(2_000);
    assert!(watch.collect(&mut world, 1).is_none());
    world.errand(other.shard, |shard| shard.end_trace(other.number));
    assert!(other.collect(&mut world, 1).is_none());
}

#[test]
fn a_message_that_is_dropped_because_it_fails_or_is_too_old_is_told() {
    for layout in Layout::ALL {
        let mut world = World::new(layout, proto_amqp091::Limits::default());
        run(
            &mut world,
            "\
C[1] queue.declare queue=q durable arguments={x-queue-type=quorum, x-delivery-limit=1}
S[1] queue.declare-ok
",
        );
        let watch = Watch::begin(&mut world, 0);
        run(
            &mut world,
            "\
C[1] confirm.select  S[1] confirm.select-ok
C[1] basic.publish routing_key=q \"poison\"  S[1] basic.ack
C[1] basic.get queue=q  S[1] basic.get-ok delivery_tag=1
C[1] basic.reject delivery_tag=1 requeue
C[1] basic.get queue=q  S[1] basic.get-ok delivery_tag=2 redelivered
C[1] basic.reject delivery_tag=2 requeue
C[1] basic.get queue=q  S[1] basic.get-empty
C[1] basic.publish routing_key=q \"in vain\"  S[1] basic.ack
C[1] basic.get queue=q  S[1] basic.get-ok delivery_tag=3
C[1] basic.reject delivery_tag=3
C[1] basic.publish routing_key=q expiration=10 \"old\"  S[1] basic.ack
C[1] basic.get queue=q  S[1] basic.get-ok delivery_tag=4
time +20ms
C[1] basic.reject delivery_tag=4 requeue
C[1] basic.get queue=q  S[1] basic.get-empty
",
        );
        let expected = [
            "0 Published",
            "0 delivered",
            "0 Returned(Failed)",
            "0 redelivered",
            "0 Dropped(DeliveryLimit)",
            "1 Published",
            "1 delivered",
            "1 Rejected",
            "2 Published",
            "2 delivered",
            "2 Dropped(Expired)",
        ];
        assert_eq!(watch.told(&mut world), expected, "{layout}");
    }
}
