//! An operator sees exactly what a conversation has done.

use broker::{Answer, Verb};
use message::{QueueId, Reason};
use metadata::QueueKind;
use node::observation::{
    ChannelBreakdown, ChannelState, Churn, ConnectionActivity, ConsumerState, End, ExchangeTraffic,
    MessageCounters, Meters, QueueState, ShardTotals, Source, Strategy,
};
use node::{AckMode, Fetched, MessageProperties, Outcome, Publication};
use queue::{Peeked, Section, Whereabout};
use testkit::{Layout, Transcript, World, run_at};

fn run(world: &mut World, steps: &str) {
    let text = format!("# A title.\n{steps}");
    let transcripts = Transcript::parse_all(&text).expect("it can be read");
    if let Err(failure) = run_at(&transcripts[0], world) {
        panic!("{failure}");
    }
}

fn world(layout: Layout) -> World {
    World::new(layout, proto_amqp091::Limits::default())
}

/// What all shards show together.
fn all<T>(world: &mut World, show: impl Fn(&node::Shard) -> Vec<T>) -> Vec<T> {
    (0..world.shard_count()).flat_map(|shard| world.errand(shard, |shard| show(shard))).collect()
}

fn queue(world: &mut World, name: &str) -> QueueState {
    let id = world
        .errand(0, |shard| shard.broker().topology().queue("/", name).expect("it is declared").id);
    let states = all(world, |shard| shard.observe_queue(id).into_iter().collect());
    states.into_iter().next().expect("it has been used")
}

fn traffic(world: &mut World, exchange: &str) -> ExchangeTraffic {
    let id = world.errand(0, |shard| {
        shard.broker().topology().exchange("/", exchange).expect("it is declared").id
    });
    let of_shards = all(world, |shard| vec![shard.observe_exchange(id)]);
    of_shards.iter().fold(ExchangeTraffic::default(), |sum, one| ExchangeTraffic {
        publish_in: sum.publish_in + one.publish_in,
        publish_out: sum.publish_out + one.publish_out,
    })
}

fn totals(world: &mut World) -> (MessageCounters, Churn, ShardTotals) {
    let of_shards = all(world, |shard| vec![shard.observe_totals()]);
    let mut sum = (MessageCounters::ZERO, Churn::default(), of_shards[0]);
    for one in &of_shards {
        sum.0 += one.counters;
        sum.1.channel_created += one.churn.channel_created;
        sum.1.channel_closed += one.churn.channel_closed;
        sum.1.connection_created += one.churn.connection_created;
        sum.1.connection_closed += one.churn.connection_closed;
        sum.1.queue_declared += one.churn.queue_declared;
        sum.1.queue_created += one.churn.queue_created;
        sum.1.queue_deleted += one.churn.queue_deleted;
    }
    sum
}

/// Ten messages to two queues, three that go nowhere; two consumers, two fetches.
const CONVERSATION: &str = "\
C[1] confirm.select  S[1] confirm.select-ok
C[1] queue.declare queue=q durable  S[1] queue.declare-ok
C[1] queue.declare queue=r durable  S[1] queue.declare-ok
C[1] queue.bind queue=q exchange=amq.fanout  S[1] queue.bind-ok
C[1] queue.bind queue=r exchange=amq.fanout  S[1] queue.bind-ok
C[1] basic.publish exchange=amq.fanout delivery_mode=2 \"four\"  S[1] basic.ack
C[1] basic.publish exchange=amq.fanout delivery_mode=2 \"four\"  S[1] basic.ack
C[1] basic.publish exchange=amq.fanout delivery_mode=2 \"four\"  S[1] basic.ack
C[1] basic.publish exchange=amq.fanout delivery_mode=2 \"four\"  S[1] basic.ack
C[1] basic.publish exchange=amq.fanout delivery_mode=2 \"four\"  S[1] basic.ack
C[1] basic.publish exchange=amq.fanout delivery_mode=2 \"four\"  S[1] basic.ack
C[1] basic.publish exchange=amq.fanout delivery_mode=2 \"four\"  S[1] basic.ack
C[1] basic.publish exchange=amq.fanout delivery_mode=2 \"four\"  S[1] basic.ack
C[1] basic.publish exchange=amq.fanout delivery_mode=2 \"four\"  S[1] basic.ack
C[1] basic.publish exchange=amq.fanout delivery_mode=2 \"four\"  S[1] basic.ack
C[1] basic.publish routing_key=nowhere mandatory \"x\"
S[1] basic.return
S[1] basic.ack delivery_tag=11
C[1] basic.publish routing_key=nowhere \"x\"
S[1] basic.ack delivery_tag=12
C[2] basic.qos prefetch_count=4  S[2] basic.qos-ok
C[2] basic.consume queue=q consumer_tag=a arguments={x-priority=3}
S[2] basic.consume-ok
S[2] 4x basic.deliver
C[2] basic.ack delivery_tag=2 multiple
S[2] 2x basic.deliver
C[2] basic.nack delivery_tag=3 requeue
S[2] basic.deliver redelivered
C[1] basic.get queue=r no_ack  S[1] basic.get-ok
C[1] basic.get queue=r  S[1] basic.get-ok
";

#[test]
fn counters_tell_what_a_conversation_has_done() {
    for layout in Layout::ALL {
        let mut world = world(layout);
        run(&mut world, CONVERSATION);
        let q = queue(&mut world, "q");
        let none = MessageCounters::ZERO;
        let counted = MessageCounters {
            publish: 10,
            deliver: 7,
            redeliver: 1,
            ack: 2,
            disk_writes: 10,
            ..none
        };
        assert_eq!(q.counters, counted, "{layout:?}");
        let holdings = q.summary.holdings;
        assert_eq!((holdings.ready_count, holdings.unsettled_count), (4, 4));
        assert_eq!((holdings.ready_bytes, holdings.unsettled_bytes), (16, 16));
        assert_eq!((holdings.consumer_count, q.persistent_count), (1, 8));
        assert_eq!((q.ready_in_memory_count, q.lane_ready_counts), (4, vec![4]));
        let r = queue(&mut world, "r");
        let fetched =
            MessageCounters { publish: 10, get: 1, get_no_ack: 1, disk_writes: 10, ..none };
        assert_eq!(r.counters, fetched);
        let fanout = ExchangeTraffic { publish_in: 10, publish_out: 20 };
        assert_eq!(traffic(&mut world, "amq.fanout"), fanout);
        assert_eq!(traffic(&mut world, ""), ExchangeTraffic { publish_in: 2, publish_out: 0 });
        let (counters, churn, _) = totals(&mut world);
        let everything = MessageCounters {
            publish: 12,
            confirm: 12,
            return_unroutable: 1,
            drop_unroutable: 1,
            deliver: 7,
            get: 1,
            get_no_ack: 1,
            redeliver: 1,
            ack: 2,
            disk_writes: 20,
            ..none
        };
        assert_eq!(counters, everything, "{layout:?}");
        assert_eq!((churn.queue_declared, churn.queue_created, churn.queue_deleted), (2, 2, 0));
        assert_eq!((churn.channel_created, churn.channel_closed), (2, 0));
        assert_eq!((churn.connection_created, churn.connection_closed), (1, 0));
    }
}

#[test]
fn who_sends_what_where_is_told_apart() {
    for layout in Layout::ALL {
        let mut world = world(layout);
        run(&mut world, CONVERSATION);
        let [q, r] = ["q", "r"].map(|name| queue(&mut world, name).summary.id);
        let from_fanout = Source { exchange: Box::from(&b"amq.fanout"[..]), count: 10 };
        for id in [q, r] {
            let sources = all(&mut world, |shard| shard.observe_sources(id));
            assert_eq!(sources, std::slice::from_ref(&from_fanout), "{layout:?}");
            let mut found =
                |name: &[u8]| all(&mut world, |s| Vec::from_iter(s.observe_source(id, name)));
            assert_eq!(found(b"amq.fanout"), [(10, true)]);
            assert_eq!(found(b"amq.direct"), []);
        }
        let client = all(&mut world, |shard| shard.observe_connections(None))[0].client;
        let mut channel = |number| {
            let of_shards = all(&mut world, |s| vec![s.observe_breakdown(client, number)]);
            of_shards.into_iter().find(|it| *it != ChannelBreakdown::default()).expect("one has it")
        };
        let (one, two) = (channel(1), channel(2));
        let none = MessageCounters::ZERO;
        let [(_, default), (_, fanout)] = one.publishes[..] else { panic!("two exchanges") };
        assert_eq!(fanout, MessageCounters { publish: 10, ..none });
        let lost = MessageCounters { publish: 2, return_unroutable: 1, drop_unroutable: 1, ..none };
        assert_eq!(default, lost);
        assert_eq!(one.deliveries, [(r, MessageCounters { get: 1, get_no_ack: 1, ..none })]);
        let taken = MessageCounters { deliver: 7, redeliver: 1, ack: 2, ..none };
        assert_eq!((two.publishes, two.deliveries), (Vec::new(), vec![(q, taken)]));
        let mut shares = |end| all(&mut world, |shard| shard.observe_shares(client, end));
        assert_eq!(shares(End::Queue(q)), [(2, taken, true)]);
        let (exchange, counters) = one.publishes[1];
        assert_eq!(shares(End::Exchange(exchange)), [(1, counters, false)]);
    }
}

#[test]
fn each_death_is_counted_by_its_reason() {
    let mut world = world(Layout::ALL[0]);
    run(
        &mut world,
        "\
C[1] queue.declare queue=dead  S[1] queue.declare-ok
C[1] queue.declare queue=short arguments={x-max-length=1,x-dead-letter-exchange=\"\",x-dead-letter-routing-key=\"dead\"}  S[1] queue.declare-ok
C[1] queue.declare queue=forgets  S[1] queue.declare-ok
C[1] basic.publish routing_key=short \"one\"
C[1] basic.publish routing_key=short \"two\"
C[1] basic.publish routing_key=forgets \"three\"
C[1] basic.get queue=forgets  S[1] basic.get-ok delivery_tag=1
C[1] basic.reject delivery_tag=1
C[1] basic.get queue=dead no_ack  S[1] basic.get-ok
C[1] queue.delete queue=dead  S[1] queue.delete-ok
",
    );
    let meters = all(&mut world, |shard| vec![shard.observe_meters()]);
    let mut sum = Meters::default();
    meters.into_iter().for_each(|shard| sum += shard);
    let died = |strategy, reason| sum.burials.died(QueueKind::Classic, strategy, reason);
    assert_eq!(died(Strategy::AtMostOnce, Reason::MaxLength), 1);
    assert_eq!(died(Strategy::Disabled, Reason::Rejected), 1);
    assert_eq!(died(Strategy::AtMostOnce, Reason::Rejected), 0);
    // What went through a queue that is gone stays in the sums.
    let gone = sum.gone_of(QueueKind::Classic);
    assert_eq!((gone.publish, gone.get_no_ack), (1, 1));
    assert_eq!((sum.sizes.counts[0], sum.sizes.sum_bytes, sum.routed), (3, 11, 3));
}

#[test]
fn connections_channels_and_consumers_show_what_they_are() {
    let mut world = world(Layout::ALL[0]);
    run(&mut world, CONVERSATION);
    let connections = all(&mut world, |shard| shard.observe_connections(None));
    let [connection] = &connections[..] else { panic!("one connection: {connections:?}") };
    assert_eq!((connection.user.as_str(), connection.vhost.as_str()), ("guest", "/"));
    assert_eq!((connection.mechanism, connection.protocol), ("PLAIN", "AMQP 0-9-1"));
    assert_eq!((connection.activity, connection.channel_count), (ConnectionActivity::Running, 2));
    assert!(connection.connected_at_ms > 0 && connection.octets.received > 0);
    let client = connection.client;
    let channels = all(&mut world, |shard| shard.observe_channels(client));
    let [one, two]: &[ChannelState; 2] = channels[..].try_into().expect("two channels");
    assert_eq!((one.number, one.confirms, one.unacknowledged_count), (1, true, 1));
    assert_eq!((one.unconfirmed_count, one.counters.publish, one.counters.confirm), (0, 12, 12));
    assert_eq!((two.number, two.consumer_count, two.unacknowledged_count), (2, 1, 4));
    assert_eq!((two.prefetch_count, two.counters.deliver, two.counters.ack), (4, 7, 2));
    let consumers = all(&mut world, |shard| shard.observe_consumers(client));
    let [consumer]: &[ConsumerState; 1] = consumers[..].try_into().expect("one consumer");
    assert_eq!((consumer.tag.as_str(), consumer.channel, consumer.prefetch_count), ("a", 2, 4));
    assert!(consumer.settles && consumer.arguments.contains_key("x-priority"));
    let takers = all(&mut world, |shard| shard.observe_takers(consumer.queue));
    assert_eq!(takers.len(), 1);
    assert_eq!((takers[0].unsettled_count, takers[0].is_active), (4, true));
    let taker = takers[0].consumer;
    let tags = all(&mut world, |shard| shard.observe_tag(taker).into_iter().collect());
    assert_eq!(tags, ["a"]);
}

#[test]
fn what_is_gone_stays_in_the_sums() {
    let mut world = world(Layout::ALL[0]);
    let conversation = format!(
        "{CONVERSATION}C[1] queue.delete queue=q  S[1] queue.delete-ok\nS[2] basic.cancel\n\
         C[2] channel.close reply_code=200  S[2] channel.close-ok\n"
    );
    run(&mut world, &conversation);
    let (counters, churn, first) = totals(&mut world);
    assert_eq!((counters.publish, counters.deliver, counters.ack), (12, 7, 2));
    assert_eq!((churn.queue_deleted, churn.channel_closed), (1, 1));
    assert_eq!((first.channel_count, first.holdings.ready_count), (1, 8));
    assert_eq!((first.holdings.unsettled_count, first.holdings.consumer_count), (1, 0));
}

/// What an answer brings, once the node has come to rest.
fn answer<T: Send + 'static>(
    world: &mut World,
    shard: usize,
    ask: impl FnOnce(&mut node::Shard, Box<dyn FnOnce(T) + Send>),
) -> T {
    let (sender, receiver) = std::sync::mpsc::channel();
    world.errand(shard, |shard| ask(shard, Box::new(move |end| drop(sender.send(end)))));
    receiver.try_recv().expect("every question has an answer")
}

fn name(text: &str) -> message::Name {
    message::Name::new(text).expect("it is short")
}

fn publish(world: &mut World, shard: usize, publication: Publication) -> Result<Outcome, String> {
    let end = answer(world, shard, |shard, answer| {
        shard.publish_as_operator(&name("/"), "guest", &publication, answer);
    });
    end.map_err(|unpublished| format!("{unpublished:?}"))
}

fn fetch(world: &mut World, count: usize, ack_mode: AckMode) -> Vec<Fetched> {
    let end = answer(world, 0, |shard, answer| {
        shard.fetch_as_operator(&name("/"), &name("q"), count, ack_mode, answer);
    });
    end.expect("the queue is there")
}

fn to_q(body: &'static str) -> Publication {
    let properties = MessageProperties {
        delivery_mode: Some(2),
        content_type: Some("text/plain".to_owned()),
        ..MessageProperties::default()
    };
    let (exchange, routing_key) = (String::new(), "q".to_owned());
    Publication { exchange, routing_key, properties, body: body.into() }
}

#[test]
fn an_operators_message_is_routed_or_not() {
    for layout in Layout::ALL {
        let mut world = world(layout);
        run(&mut world, "C queue.declare queue=q durable  S queue.declare-ok\n");
        for shard in 0..world.shard_count() {
            assert_eq!(publish(&mut world, shard, to_q("m")), Ok(Outcome::Routed));
        }
        let nowhere = Publication { routing_key: "nowhere".to_owned(), ..to_q("m") };
        assert_eq!(publish(&mut world, 0, nowhere), Ok(Outcome::Unroutable));
        let absent = Publication { exchange: "absent".to_owned(), ..to_q("m") };
        assert!(publish(&mut world, 0, absent).is_err_and(|text| text.contains("NotFound")));
        let mut mine = to_q("m");
        mine.properties.user_id = Some("somebody else".to_owned());
        assert!(publish(&mut world, 0, mine).is_err_and(|text| text.contains("somebody else")));
        assert_eq!(queue(&mut world, "q").counters.publish, world.shard_count() as u64);
        let (counters, ..) = totals(&mut world);
        assert_eq!(counters.confirm, world.shard_count() as u64);
    }
}

#[test]
fn what_a_queue_that_is_full_rejects_is_told() {
    let mut world = world(Layout::ALL[0]);
    let declare = "C queue.declare queue=q arguments={x-max-length=1, \
                   x-overflow=\"reject-publish\"}  S queue.declare-ok\n";
    run(&mut world, declare);
    assert_eq!(publish(&mut world, 0, to_q("1")), Ok(Outcome::Routed));
    assert_eq!(publish(&mut world, 0, to_q("2")), Ok(Outcome::Rejected));
}

#[test]
fn what_an_operator_fetches_ends_as_it_says() {
    for layout in Layout::ALL {
        let mut world = world(layout);
        let declare = "C queue.declare queue=dead  S queue.declare-ok\n\
                       C queue.declare queue=q durable arguments={x-dead-letter-exchange=\"\", \
                       x-dead-letter-routing-key=dead}  S queue.declare-ok\n";
        run(&mut world, declare);
        for body in ["1", "2", "3", "4"] {
            assert_eq!(publish(&mut world, 0, to_q(body)), Ok(Outcome::Routed));
        }
        let bodies = |fetched: &[Fetched]| -> Vec<(Vec<u8>, bool, u64)> {
            let seen = fetched.iter().map(|one| {
                (one.message.body.to_vec(), one.message.is_redelivered, one.ready_count)
            });
            seen.collect()
        };
        let back = fetch(&mut world, 2, AckMode::AckRequeue);
        assert_eq!(bodies(&back), [(b"1".to_vec(), false, 3), (b"2".to_vec(), false, 2)]);
        assert_eq!(back[0].message.properties, to_q("1").properties);
        assert_eq!(back[0].message.routing_key, "q");
        let gone = fetch(&mut world, 1, AckMode::AckDrop);
        assert_eq!(bodies(&gone), [(b"1".to_vec(), true, 3)]);
        let back = fetch(&mut world, 1, AckMode::RejectRequeue);
        assert_eq!(bodies(&back), [(b"2".to_vec(), true, 2)]);
        let dead = fetch(&mut world, 2, AckMode::RejectDrop);
        assert_eq!(bodies(&dead), [(b"2".to_vec(), true, 2), (b"3".to_vec(), false, 1)]);
        let rest = fetch(&mut world, 1_000, AckMode::AckDrop);
        assert_eq!(bodies(&rest), [(b"4".to_vec(), false, 0)]);
        assert_eq!(queue(&mut world, "dead").summary.holdings.ready_count, 2);
        let q = queue(&mut world, "q");
        assert_eq!((q.counters.get, q.counters.get_no_ack, q.counters.get_empty), (5, 2, 1));
    }
}

#[test]
fn a_connection_that_an_operator_closes_hears_why() {
    let mut world = world(Layout::ALL[0]);
    run(&mut world, "C basic.qos  S basic.qos-ok\n");
    let client = all(&mut world, |shard| shard.observe_connections(None))[0].client;
    let reason = "Closed via management plugin";
    assert!(world.errand(0, |shard| shard.close_connection(client, reason)));
    let connections = all(&mut world, |shard| shard.observe_connections(None));
    assert_eq!(connections[0].activity, ConnectionActivity::Passing("closing"));
    let notices = world.take_notices().join("\n");
    let words = "connection_forced: \"Closed via management plugin\"";
    assert!(notices.contains(words), "{notices}");
}

/// All pages of a look.
fn peek(world: &mut World, queue: QueueId, section: Section, step: usize) -> Vec<Peeked> {
    let mut all = Vec::new();
    let mut cursor = None;
    loop {
        let verb = Verb::Peek { queue, section, cursor, count: step };
        let end: Result<Answer, _> = answer(world, 0, |shard, answer| shard.operate(verb, answer));
        let Ok(Answer::Peeked(page)) = end else { panic!("a page comes: {end:?}") };
        assert!(page.messages.len() <= step);
        all.extend(page.messages);
        cursor = page.next;
        if cursor.is_none() {
            return all;
        }
    }
}

fn bodies(peeked: &[Peeked]) -> Vec<String> {
    let body = |one: &Peeked| one.message.as_ref().expect("each has its bytes").body().to_vec();
    peeked.iter().map(|one| String::from_utf8(body(one)).expect("it is text")).collect()
}

fn id(world: &mut World, name: &str) -> QueueId {
    world.errand(0, |shard| shard.broker().topology().queue("/", name).expect("it is there").id)
}

#[test]
fn a_look_takes_nothing_and_shows_where_each_message_is() {
    for layout in Layout::ALL {
        let mut world = world(layout);
        let steps = "\
            C[1] queue.declare queue=q durable  S[1] queue.declare-ok\n\
            C[1] basic.publish routing_key=q delivery_mode=2 \"1\"\n\
            C[1] basic.publish routing_key=q delivery_mode=2 \"2\"\n\
            C[1] basic.publish routing_key=q \"3\"\n\
            C[1] basic.publish routing_key=q \"4\"\n\
            C[1] basic.publish routing_key=q delivery_mode=2 headers={x-deliver-at=long:1900000000000} \"l\"\n\
            C[1] basic.get queue=q  S[1] basic.get-ok\n\
            C[1] basic.get queue=q  S[1] basic.get-ok\n\
            C[1] basic.nack delivery_tag=1 requeue\n\
            C[2] basic.qos prefetch_count=1  S[2] basic.qos-ok\n\
            C[2] basic.consume queue=q consumer_tag=a  S[2] basic.consume-ok\n\
            S[2] basic.deliver\n";
        run(&mut world, steps);
        let q = id(&mut world, "q");
        let before = queue(&mut world, "q").summary.holdings;
        for step in [1, 2, 100] {
            let ready = peek(&mut world, q, Section::Ready, step);
            assert_eq!(bodies(&ready), ["3", "4"], "{layout:?}");
            let unsettled = peek(&mut world, q, Section::Unsettled, step);
            let mut seen = bodies(&unsettled);
            seen.sort_unstable();
            assert_eq!(seen, ["1", "2"]);
            let has_consumer = |one: &Peeked| match one.whereabout {
                Whereabout::Unsettled { consumer, .. } => consumer.is_some(),
                _ => panic!("a client has it"),
            };
            assert_eq!(unsettled.iter().filter(|one| has_consumer(one)).count(), 1);
            let delayed = peek(&mut world, q, Section::Delayed, step);
            assert_eq!(bodies(&delayed), ["l"]);
            let until = Whereabout::Delayed { until_ms: 1_900_000_000_000 };
            assert_eq!(delayed[0].whereabout, until);
        }
        assert_eq!(queue(&mut world, "q").summary.holdings, before);
    }
}

#[test]
fn what_only_the_disk_has_is_looked_at_too() {
    let mut world = world(Layout::ALL[0]);
    let declare = "C queue.declare queue=q durable  S queue.declare-ok\n";
    let publish: String = (0..40)
        .map(|number| format!("C basic.publish routing_key=q delivery_mode=2 \"{number}\"\n"))
        .collect();
    let later = "C basic.publish routing_key=q delivery_mode=2 \
                 headers={x-deliver-at=long:1900000000000} \"later\"\n";
    run(&mut world, &format!("{declare}{publish}{later}"));
    world.stop();
    world.boot();
    let expected: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    let q = id(&mut world, "q");
    for step in [1, 7, 200] {
        assert_eq!(bodies(&peek(&mut world, q, Section::Ready, step)), expected);
        assert_eq!(bodies(&peek(&mut world, q, Section::Delayed, step)), ["later"]);
    }
    let state = queue(&mut world, "q");
    assert_eq!(state.summary.holdings.ready_count, 40);
}

#[test]
fn a_delayed_message_is_called_off_once() {
    for is_restarted in [false, true] {
        let mut world = world(Layout::ALL[0]);
        let steps = "\
            C queue.declare queue=q durable  S queue.declare-ok\n\
            C basic.publish routing_key=q delivery_mode=2 headers={x-deliver-at=long:1900000000000} \"a\"\n\
            C basic.publish routing_key=q headers={x-deliver-at=long:1900000000001} \"b\"\n\
            C basic.publish routing_key=q delivery_mode=2 headers={x-deliver-at=long:1900000000002} \"c\"\n";
        run(&mut world, steps);
        if is_restarted {
            world.stop();
            world.boot();
        }
        let q = id(&mut world, "q");
        let delayed = peek(&mut world, q, Section::Delayed, 10);
        assert_eq!(delayed.len(), if is_restarted { 2 } else { 3 });
        let (lane, seq) = (delayed[0].lane, delayed[0].seq);
        let mut cancel = || {
            let verb = Verb::CancelDelayed { queue: q, lane, seq };
            let end: Result<Answer, _> =
                answer(&mut world, 0, |shard, answer| shard.operate(verb, answer));
            match end {
                Ok(Answer::Removed { count }) => count,
                end => panic!("it is told: {end:?}"),
            }
        };
        assert_eq!((cancel(), cancel()), (1, 0));
        let left = bodies(&peek(&mut world, q, Section::Delayed, 10));
        assert_eq!(left.last().map(String::as_str), Some("c"));
        world.stop();
        world.boot();
        assert_eq!(bodies(&peek(&mut world, q, Section::Delayed, 10)), ["c"]);
    }
}

#[test]
fn what_an_exchange_holds_back_is_looked_at_and_called_off() {
    for layout in Layout::ALL {
        let mut world = world(layout);
        let steps = "\
            C exchange.declare exchange=e type=x-delayed-message durable arguments={x-delayed-type=fanout}\n\
            S exchange.declare-ok\n\
            C queue.declare queue=q durable  S queue.declare-ok\n\
            C queue.bind queue=q exchange=e  S queue.bind-ok\n\
            C basic.publish exchange=e delivery_mode=2 headers={x-delay=60000} \"a\"\n\
            C basic.publish exchange=e delivery_mode=2 headers={x-delay=30000} \"b\"\n";
        run(&mut world, steps);
        let relay = world.errand(0, |shard| {
            let exchange = shard.broker().topology().exchange("/", "e").expect("it is there");
            exchange.relay.expect("it holds messages back")
        });
        let delayed = peek(&mut world, relay, Section::Delayed, 1);
        assert_eq!(bodies(&delayed), ["b", "a"], "{layout:?}");
        let (lane, seq) = (delayed[0].lane, delayed[0].seq);
        let verb = Verb::CancelDelayed { queue: relay, lane, seq };
        let end: Result<Answer, _> =
            answer(&mut world, 0, |shard, answer| shard.operate(verb, answer));
        assert!(matches!(end, Ok(Answer::Removed { count: 1 })), "{end:?}");
        world.pass(120_000);
        assert_eq!(queue(&mut world, "q").summary.holdings.ready_count, 1);
        let fetched = fetch(&mut world, 9, AckMode::AckDrop);
        assert_eq!((fetched.len(), &fetched[0].message.body[..]), (1, &b"a"[..]));
    }
}

#[test]
fn very_many_are_fetched_in_several_turns() {
    let mut world = world(Layout::ALL[0]);
    let steps = "C queue.declare queue=q  S queue.declare-ok\n\
                 C 1000x basic.publish routing_key=q \"m\"\n";
    run(&mut world, steps);
    let before = world.turn_count();
    assert_eq!(fetch(&mut world, 900, AckMode::AckRequeue).len(), 900);
    assert!(world.turn_count() - before > 6, "{} turns", world.turn_count() - before);
    assert_eq!(queue(&mut world, "q").summary.holdings.ready_count, 1000);
}
