//! What a message costs in instructions, from the bytes that come in to the bytes that go out, without the system.
//!
//! `cargo xtask instructions` runs this under valgrind, each workload with fewer and with more messages: what the
//! difference costs is the price of a message; starting, logging in and declaring cancel out. Unlike times, instructions
//! are the same on a busy machine.
#![allow(clippy::print_stdout)] // It tells its workloads.

use testkit::{Client, Layout, Limits, SocketId, Venue, World};
use wire_amqp091::content::{Content, write_publish};
use wire_amqp091::method::{basic, confirm, exchange, queue};
use wire_amqp091::{Properties, frame};

/// How much comes in at a time: about what a busy socket holds.
const BATCH: u64 = 100;
const CHANNEL: u16 = 1;
const FRAME_BYTES_MAX: u32 = 131_072;

/// What is published, and what becomes of it.
#[derive(Clone, Copy)]
struct Workload {
    name: &'static str,
    body_bytes: usize,
    is_persistent: bool,
    /// Whether the publisher has its messages confirmed.
    is_confirmed: bool,
    /// Whether consumers acknowledge each message.
    is_acknowledged: bool,
    /// How many queues get a copy.
    queues: u16,
    /// Whether anybody consumes.
    is_consumed: bool,
}

const BARE: Workload = Workload {
    name: "bare",
    body_bytes: 16,
    is_persistent: false,
    is_confirmed: false,
    is_acknowledged: false,
    queues: 1,
    is_consumed: true,
};

const WORKLOADS: [Workload; 6] = [
    BARE,
    Workload { name: "kilobyte", body_bytes: 1024, ..BARE },
    Workload { name: "acknowledged", is_acknowledged: true, ..BARE },
    Workload {
        name: "safe",
        is_persistent: true,
        is_confirmed: true,
        is_acknowledged: true,
        ..BARE
    },
    Workload { name: "fanout", queues: 10, ..BARE },
    Workload { name: "kept", is_consumed: false, ..BARE },
];

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [name, count] = arguments.as_slice() else {
        WORKLOADS.iter().for_each(|workload| println!("{}", workload.name));
        return;
    };
    let workload = WORKLOADS.iter().find(|workload| workload.name == name).expect("a workload");
    Run::begin(workload).publish(count.parse().expect("a number of messages"));
}

/// One publisher and one consumer, each with a connection of its own.
struct Run<'a> {
    workload: &'a Workload,
    world: World,
    publisher: SocketId,
    consumer: SocketId,
}

impl<'a> Run<'a> {
    fn begin(workload: &'a Workload) -> Self {
        let mut world = World::new(Layout::ALL[0], Limits::default());
        let publisher = open(&mut world);
        let consumer = open(&mut world);
        let mut run = Self { workload, world, publisher, consumer };
        run.declare();
        run
    }

    fn declare(&mut self) {
        let mut out = Vec::new();
        let exchange =
            exchange::Declare { exchange: "copies", kind: "fanout", ..Default::default() };
        frame::write_method(&mut out, CHANNEL, &exchange);
        for number in 0..self.workload.queues {
            let name = format!("queue-{number}");
            let queue = name.as_str();
            frame::write_method(
                &mut out,
                CHANNEL,
                &queue::Declare { queue, durable: true, ..Default::default() },
            );
            frame::write_method(
                &mut out,
                CHANNEL,
                &queue::Bind { queue, exchange: "copies", ..Default::default() },
            );
            if self.workload.is_consumed {
                let no_ack = !self.workload.is_acknowledged;
                let consume = basic::Consume { queue, no_ack, ..Default::default() };
                frame::write_method(&mut out, CHANNEL, &consume);
            }
        }
        self.say(self.consumer, &out);
        if self.workload.is_confirmed {
            out.clear();
            frame::write_method(&mut out, CHANNEL, &confirm::Select { no_wait: false });
            self.say(self.publisher, &out);
        }
    }

    /// Publishes that many messages, a batch at a time; what is delivered of one is acknowledged with the next.
    fn publish(&mut self, count: u64) {
        let batch = self.batch();
        let mut acks = Vec::new();
        let copies = u64::from(self.workload.queues);
        for first in (1..=count * copies).step_by((BATCH * copies) as usize) {
            let (confirmed, delivered) = {
                self.world.send(self.publisher, &batch);
                self.world.send(self.consumer, &acks);
                self.world.run_turns();
                (self.world.take_output(self.publisher), self.world.take_output(self.consumer))
            };
            assert_eq!(self.workload.is_confirmed, !confirmed.is_empty(), "messages are confirmed");
            let delivered_bytes =
                BATCH as usize * self.workload.body_bytes * usize::from(self.workload.queues);
            assert_eq!(
                self.workload.is_consumed,
                delivered.len() > delivered_bytes,
                "messages come"
            );
            acks.clear();
            if self.workload.is_acknowledged {
                for delivery_tag in first..first + BATCH * copies {
                    let ack = basic::Ack { delivery_tag, multiple: false };
                    frame::write_method(&mut acks, CHANNEL, &ack);
                }
            }
        }
    }

    fn batch(&self) -> Vec<u8> {
        let delivery_mode = self.workload.is_persistent.then_some(2);
        let properties = Properties { delivery_mode, ..Default::default() }.to_bytes();
        let body = vec![b'.'; self.workload.body_bytes];
        let content = Content { properties: &properties, body: &body };
        let publish = if self.workload.queues == 1 {
            basic::Publish { routing_key: b"queue-0", ..Default::default() }
        } else {
            basic::Publish { exchange: b"copies", ..Default::default() }
        };
        let mut batch = Vec::new();
        for _ in 0..BATCH {
            write_publish(&mut batch, CHANNEL, &publish, &content, FRAME_BYTES_MAX);
        }
        batch
    }

    /// Says something that is answered.
    fn say(&mut self, socket: SocketId, bytes: &[u8]) {
        self.world.send(socket, bytes);
        self.world.run_turns();
        let answer = self.world.take_output(socket);
        let answer = String::from_utf8_lossy(&answer);
        assert!(self.world.is_open(socket) && !answer.is_empty(), "the broker refuses: {answer}");
    }
}

fn open(world: &mut World) -> SocketId {
    let mut client = Client::open(world).expect("a handshake");
    client.use_channel(world, CHANNEL).expect("a channel");
    client.socket()
}
