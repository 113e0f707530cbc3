//! Copies of messages while a virtual host is traced fit a table and a frame, whatever the messages are like.

use testkit::{Layout, Transcript, World, run_at};

fn run(world: &mut World, steps: &str) {
    let text = format!("# A title.\n{steps}");
    let transcripts = Transcript::parse_all(&text).expect("it can be read");
    if let Err(failure) = run_at(&transcripts[0], world) {
        panic!("{failure}");
    }
}

/// A table that is nested so deep.
fn nested(depth: usize) -> String {
    format!("{}x=1{}", "x={".repeat(depth - 1), "}".repeat(depth - 1))
}

const COPIES: &str = "\
C[1] queue.declare queue=copies durable arguments={x-queue-type=quorum}  S[1] queue.declare-ok
C[1] queue.bind queue=copies exchange=amq.rabbitmq.trace routing_key=\"#\"  S[1] queue.bind-ok
admin set-tracing on
";

/// What is said of a message whose one header is left out.
const LESS: &str = "properties={}, headers_left_out=long:1";

#[test]
fn headers_that_nest_too_deep_for_a_copy_are_left_out() {
    for layout in Layout::ALL {
        let mut world = World::new(layout, proto_amqp091::Limits::default());
        run(&mut world, COPIES);
        for (depth, seen) in [(62, "properties={headers=*}"), (63, LESS), (64, LESS)] {
            let deep = nested(depth);
            run(
                &mut world,
                &format!(
                    "\
C[1] confirm.select  S[1] confirm.select-ok
C[1] basic.publish exchange=amq.direct routing_key=nowhere headers={{{deep}}} \"m\"  S[1] basic.ack
C[2] basic.get queue=copies
S[2] basic.get-ok headers={{{seen}}}
C[2] basic.reject delivery_tag=1 requeue
C[2] basic.get queue=copies
S[2] basic.get-ok redelivered headers={{{seen}, x-delivery-count=long:1}}
C[2] basic.ack delivery_tag=2
C[2] channel.close reply_code=200  S[2] channel.close-ok
"
                ),
            );
        }
    }
}

#[test]
fn a_copy_is_not_longer_than_a_frame() {
    let limits = proto_amqp091::Limits { frame_max: 8_192, ..proto_amqp091::Limits::default() };
    let mut world = World::new(Layout::ALL[0], limits);
    run(&mut world, COPIES);
    let mut steps = String::new();
    for number in 0..50 {
        let name = format!("{number:02}{}", "q".repeat(200));
        steps.push_str(&format!(
            "C[1] queue.declare queue={name} durable  S[1] queue.declare-ok
C[1] queue.bind queue={name} exchange=amq.fanout routing_key=\"\"  S[1] queue.bind-ok\n"
        ));
    }
    run(&mut world, &steps);
    let long = "x".repeat(7_900);
    run(
        &mut world,
        &format!(
            "\
C[1] confirm.select  S[1] confirm.select-ok
C[1] basic.publish exchange=amq.direct routing_key=nowhere headers={{a=\"{long}\"}} \"m\"  S[1] basic.ack
C[2] basic.get queue=copies no_ack
S[2] basic.get-ok headers={{{LESS}, routed_queues=[]}}
C[1] basic.publish exchange=amq.fanout routing_key=\"\" \"m\"  S[1] basic.ack
C[2] basic.get queue=copies no_ack
S[2] basic.get-ok headers={{routed_queues=*, routed_queues_left_out=long:38}} \"m\"
"
        ),
    );
}
