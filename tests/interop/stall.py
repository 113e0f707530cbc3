"""A queue of very many messages is purged, and deleted: how long does anybody else wait?

    python tests/interop/stall.py --messages 10000000        the release binary

Probes, each in a process and on a queue of its own, go round and round: on each shard one that publishes a message and
gets it again, without the disk, and one that has a persistent message confirmed. Printed is how long the longest round
of each took while nothing happened, and while the queue was purged or deleted. Only wrong numbers of messages are a
failure: times depend on the machine.
"""

import argparse
import multiprocessing
import struct
import sys
import time

import broker
import consumer
import wire
from wire import Wire

QUEUE = "stall"
BODY = b"m" * 100
PIECE = 1_000
SETTLED_S = 3.0
QUIET_S = 2.0
FILLED_S_MAX = 600
REMOVED_S_MAX = 60


class Probe:
    """Goes round until it is told to stop; then it tells when each round began, and how long it took."""

    def __init__(self, address, name, is_stored):
        self.name = f"{name}, {'confirmed from disk' if is_stored else 'in memory'}"
        self.pipe, theirs = multiprocessing.Pipe()
        arguments = (theirs, address, f"probe-{name}-{is_stored}", is_stored)
        self.process = multiprocessing.Process(target=go_round, args=arguments, daemon=True)
        self.process.start()
        self.pipe.recv()
        self.rounds = []

    def stop(self):
        self.pipe.send(None)
        self.rounds = self.pipe.recv()
        self.process.join()

    def longest_ms(self, begin, end):
        """The longest round of those that ended in a span of time."""
        took = [took for began, took in self.rounds if begin < began + took <= end]
        return max(took, default=0) * 1000


def go_round(pipe, address, queue, is_stored):
    rounds = []
    properties = wire.PERSISTENT if is_stored else b"\0\0"
    with Wire(address, REMOVED_S_MAX).log_in().open_channel() as channel:
        channel.send(wire.queue_declare(1, queue, durable=True))
        channel.expect(wire.QUEUE_DECLARE_OK)
        channel.send(wire.method(1, wire.CONFIRM_SELECT, b"\0"))
        channel.expect(wire.CONFIRM_SELECT_OK)
        message = wire.publish(1, queue, b"probe", properties)
        pipe.send(None)
        while not pipe.poll():
            began = time.monotonic()
            channel.send(message)
            channel.expect(wire.BASIC_ACK)
            channel.send(wire.basic_get(1, queue, no_ack=True))
            channel.expect(wire.BASIC_GET_OK)
            channel.frame(), channel.frame()
            rounds.append((began, time.monotonic() - began))
    pipe.send(rounds)


def fill(address, count):
    """That many persistent messages, and nothing of them on the way any more."""
    consumer.declare(address, QUEUE)
    with Wire(address, FILLED_S_MAX).log_in().open_channel() as channel:
        piece = wire.publish(1, QUEUE, BODY, wire.PERSISTENT) * PIECE
        for _ in range(count // PIECE):
            channel.send(piece)
        deadline = time.monotonic() + FILLED_S_MAX
        while depth(channel) < count:
            assert time.monotonic() < deadline, f"only {depth(channel)} of {count} messages came"
            time.sleep(0.1)


def depth(channel):
    """How many messages are ready. Declares the queue if it is not there."""
    channel.send(wire.queue_declare(1, QUEUE, durable=True))
    found = channel.expect(wire.QUEUE_DECLARE_OK)
    return struct.unpack_from(">I", found.load, 5 + found.load[4])[0]


def removed(channel, ask, answer):
    """Asks for a queue to be emptied or deleted; how many messages that took away."""
    channel.send(ask(1, QUEUE))
    return struct.unpack_from(">I", channel.expect(answer).load, 4)[0]


def measure(under_test, count, ask, answer, what):
    """Fills the queue, starts probes, and takes everything away; how many messages that were."""
    address = under_test.address
    fill(address, count)
    # What the disk still has to do with all that is not what is measured here.
    time.sleep(SETTLED_S)
    with Wire(address, REMOVED_S_MAX).log_in().open_channel() as channel:
        # Connections go to the shards in turn, and a queue lives where it was declared.
        probes = [Probe(address, f"shard {'ab'[number % 2]}", number < 2) for number in range(4)]
        time.sleep(QUIET_S)
        began = time.monotonic()
        found = removed(channel, ask, answer)
        answered = time.monotonic()
        time.sleep(QUIET_S)
        ended = time.monotonic()
        left = depth(channel)
    for probe in probes:
        probe.stop()
    print(f"{found} messages {what}, answered after {(answered - began) * 1000:.1f} ms")
    for probe in probes:
        before = probe.longest_ms(began - QUIET_S, began)
        during = probe.longest_ms(began, ended)
        rounds = len(probe.rounds)
        print(f"   {probe.name}: longest of {rounds} rounds {before:.1f} ms before, {during:.1f} ms then")
    return [] if (found, left) == (count, 0) else [f"{found} of {count} messages {what}, {left} left"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--binary", default="target/release/leveret", help="the program to start")
    parser.add_argument("--messages", type=int, default=1_000_000)
    options = parser.parse_args()
    count = options.messages // PIECE * PIECE
    with broker.Leveret(options.binary, "leveret.shards=2").start() as under_test:
        faults = measure(under_test, count, wire.queue_purge, wire.QUEUE_PURGE_OK, "purged")
        faults += measure(under_test, count, wire.queue_delete, wire.QUEUE_DELETE_OK, "deleted")
        under_test.stop()
    for fault in faults:
        print(f"FAILED {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
