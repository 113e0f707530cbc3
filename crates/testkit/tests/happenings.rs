//! Whoever watches the node is told what comes and goes.

use node::{Event, EventKind, What};
use testkit::{Layout, Transcript, World, run_at};

fn run(world: &mut World, steps: &str) {
    let text = format!("# A title.\n{steps}");
    let transcripts = Transcript::parse_all(&text).expect("it can be read");
    if let Err(failure) = run_at(&transcripts[0], world) {
        panic!("{failure}");
    }
}

/// The events of a node with one shard.
fn events(world: &mut World) -> Vec<Event> {
    world.errand(0, |shard| shard.observe_events(0, 100).events)
}

/// What clients have done, each thing in a few words.
fn words(event: &Event) -> Option<String> {
    let EventKind::Client(happening) = &event.kind else { return None };
    let who = &happening.who;
    Some(match &happening.what {
        What::LoggedIn => format!("{} logged in with {}", who.user, who.mechanism),
        What::LoginRefused { why, .. } => format!("refused: {why}"),
        What::Opened(state) => format!("opened in {} as {}", who.vhost, state.user),
        What::Closed => "closed".to_owned(),
        What::ChannelOpened { number } => format!("channel {number} opened"),
        What::ChannelClosed { number, consumer_count } => {
            format!("channel {number} closed with {consumer_count}")
        }
        What::ConsumerCreated(consumer) => {
            format!("consumer {} of {} on {}", consumer.tag, consumer.queue, consumer.channel)
        }
        What::ConsumerDeleted { tag, queue, .. } => format!("no consumer {tag} of {queue}"),
    })
}

#[test]
fn connections_channels_and_consumers_come_and_go() {
    let mut world = World::new(Layout::ALL[0], proto_amqp091::Limits::default());
    run(
        &mut world,
        "\
C[1] queue.declare queue=q durable  S[1] queue.declare-ok
C[1] basic.consume queue=q consumer_tag=a  S[1] basic.consume-ok
C[1] basic.cancel consumer_tag=a  S[1] basic.cancel-ok
C[1] basic.consume queue=q consumer_tag=b  S[1] basic.consume-ok
C[2] basic.consume queue=q consumer_tag=c  S[2] basic.consume-ok
C[1] channel.close reply_code=200  S[1] channel.close-ok
C[2] queue.declare queue=none passive  S[2] channel.close reply_code=404
C[2] channel.close-ok
C[1] channel.open  S[1] channel.open-ok
C[1] basic.consume queue=q consumer_tag=d  S[1] basic.consume-ok
C[1] queue.delete queue=q  S[1] basic.cancel  S[1] queue.delete-ok
C  connection.close reply_code=200  S  connection.close-ok
",
    );
    let told: Vec<String> = events(&mut world).iter().filter_map(words).collect();
    let expected = [
        "guest logged in with PLAIN",
        "opened in / as guest",
        "channel 1 opened",
        "consumer a of q on 1",
        "no consumer a of q",
        "consumer b of q on 1",
        "channel 2 opened",
        "consumer c of q on 2",
        "no consumer b of q",
        "channel 1 closed with 1",
        "no consumer c of q",
        "channel 2 closed with 1",
        "channel 1 opened",
        "consumer d of q on 1",
        "no consumer d of q",
        "channel 1 closed with 0",
        "closed",
    ];
    assert_eq!(told, expected);
}
