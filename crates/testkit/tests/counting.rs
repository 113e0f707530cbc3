//! What is counted is booked where it belongs, however a connection ends and whoever asks.

use node::{EventKind, What};
use testkit::{Layout, Transcript, World, run_at};

fn run(world: &mut World, steps: &str) {
    let text = format!("# A title.\n{steps}");
    let transcripts = Transcript::parse_all(&text).expect("it can be read");
    if let Err(failure) = run_at(&transcripts[0], world) {
        panic!("{failure}");
    }
}

/// A node with one shard.
fn world() -> World {
    World::new(Layout::ALL[0], proto_amqp091::Limits::default())
}

/// How many logins were refused, as counted, as told, and how many connections were told to be gone.
fn refused(world: &mut World) -> (u64, usize, usize) {
    world.errand(0, |shard| {
        let events = shard.observe_events(0, 100).events;
        let count = |fits: fn(&What) -> bool| {
            let told = events.iter().filter(|event| match &event.kind {
                EventKind::Client(happening) => fits(&happening.what),
                _ => false,
            });
            told.count()
        };
        let told = count(|what| matches!(what, What::LoginRefused { .. }));
        (shard.observe_totals().attempts.failed, told, count(|what| matches!(what, What::Closed)))
    })
}

#[test]
fn each_login_that_is_refused_is_counted_once_and_told() {
    let mut world = world();
    run(
        &mut world,
        "\
C  connect raw
C  greeting  S  connection.start
C  connection.start-ok mechanism=PLAIN response=\"guest\" locale=en_US
S  connection.close reply_code=502
C  connection.close-ok  S  close
",
    );
    assert_eq!(refused(&mut world), (1, 1, 0));
    run(
        &mut world,
        "\
C  connect raw
C  greeting  S  connection.start
C  connection.start-ok mechanism=PLAIN response=\"\\0guest\\0wrong\" locale=en_US
S  close
",
    );
    assert_eq!(refused(&mut world), (2, 2, 0));
}

#[test]
fn who_has_not_come_in_is_not_told_to_be_gone() {
    let mut world = world();
    run(&mut world, "C  connect raw\nC  greeting  S  connection.start\nC  close\n");
    run(
        &mut world,
        "\
C  connect raw
C  greeting  S  connection.start
C  connection.start-ok mechanism=PLAIN response=\"\\0guest\\0guest\" locale=en_US  S  connection.tune
C  connection.close reply_code=200  S  connection.close-ok  S close
",
    );
    assert_eq!(refused(&mut world), (0, 0, 0));
    run(&mut world, "C  connection.close reply_code=200  S  connection.close-ok\n");
    assert_eq!(refused(&mut world), (0, 0, 1));
}

#[test]
fn the_bytes_of_a_short_connection_are_those_of_its_virtual_host() {
    let mut world = world();
    let bytes = |world: &mut World| {
        world.errand(0, |shard| {
            let vhosts = shard.observe_vhosts();
            let all = vhosts.iter().map(|vhost| vhost.traffic);
            all.fold((0, 0), |sum, one| (sum.0 + one.received_bytes, sum.1 + one.sent_bytes))
        })
    };
    assert_eq!(bytes(&mut world), (0, 0));
    run(&mut world, "C  connection.close reply_code=200  S  connection.close-ok\n");
    let octets = world.errand(0, |shard| shard.observe_totals().octets);
    assert_eq!(bytes(&mut world), (octets.received, octets.sent));
}

#[test]
fn what_a_transaction_sends_nowhere_is_booked_on_the_exchange_that_it_went_to() {
    let mut world = world();
    run(
        &mut world,
        "\
C[1] queue.declare queue=q  S[1] queue.declare-ok
C[1] tx.select  S[1] tx.select-ok
C[1] basic.publish exchange=amq.direct routing_key=nowhere \"one\"
C[1] basic.publish exchange=amq.topic routing_key=nowhere mandatory \"two\"
C[1] basic.publish routing_key=q \"three\"
C[1] tx.commit  S[1] basic.return \"two\"  S[1] tx.commit-ok
",
    );
    let booked = world.errand(0, |shard| {
        let client = shard.observe_connections(None)[0].client;
        let topology = shard.broker().topology();
        let ids = ["amq.direct", "amq.topic", ""]
            .map(|name| topology.exchange("/", name).expect("it is there").id);
        let publishes = shard.observe_breakdown(client, 1).publishes;
        ids.map(|id| {
            let found = publishes.iter().find(|(exchange, _)| *exchange == id);
            found.map(|(_, sum)| (sum.publish, sum.drop_unroutable, sum.return_unroutable))
        })
    });
    assert_eq!(booked, [Some((1, 1, 0)), Some((1, 0, 1)), Some((1, 0, 0))]);
}
