"""`kill -9` under confirmed publishing, again and again on one data directory.

    python tests/interop/kill9.py --cycles 50        the release binary

Each cycle: start; one to 16 publishers send messages of 0 B to 1 MiB and note what is confirmed; a consumer
acknowledges two of three; somebody else fills, purges and deletes other queues; kill; start again. Then everything is
consumed, and it must hold that

 1. every persistent message that was confirmed, and not acknowledged, is there;
 2. none that was acknowledged a second or more before the kill is there: it had been synced long since;
 3. the messages of a publisher come in the order that it sent them, none twice;
 4. every body is what was sent;
 5. the time from the start of the process to its ready line stays below two seconds.

In every third cycle the queue is not emptied, so that a backlog lives through several kills.
"""

import argparse
import contextlib
import random
import sys
import threading
import time

import broker
import consumer
import stamp
import wire
from consumer import Consumer
from publisher import Publisher
from wire import Wire

QUEUE = "kill9"
PUBLISHERS_MAX = 16
WINDOWS = (1, 10, 100, 300)
# How long a broker lives.
RUN_S = (0.1, 1.6)
TRANSIENT_EVERY = 5
READY_S_MAX = 2.0
SYNCED_AFTER_S = 1.0
# Sizes around what changes the path of a message: nothing, small, a frame, more than a frame, large.
SIZES = (0, 0, 1, 16, 16, 17, 100, 100, 255, 1000, 1024, 1024, 4095, 4096, 16_384, 40_000, 131_064, 131_065)
LARGE = (300_000, 1 << 20)
LARGE_EVERY = 60


def size_of(sequence, random_source):
    return random_source.choice(LARGE if sequence % LARGE_EVERY == 0 else SIZES)


def is_transient(message):
    """Whether a message was sent as one that need not survive: it may come back or not, but only in its place."""
    publisher, sequence = message
    return (publisher + sequence) % TRANSIENT_EVERY == 0


def start_publisher(address, number, first, window):
    sizes = random.Random(number * 1_000_003 + first)

    def message(sequence):
        mode = stamp.TRANSIENT if is_transient((number, sequence)) else stamp.DURABLE
        return stamp.message(QUEUE, number, sequence, size_of(sequence, sizes), mode)

    publisher = Publisher(address, number, message, first, window)
    publisher.start()
    return publisher


class Neighbour(threading.Thread):
    """Fills, purges and deletes queues of its own until the broker is gone."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.wire = Wire(address).log_in().open_channel()
        self.rounds = 0

    def run(self):
        with contextlib.suppress(OSError, AssertionError):
            while True:
                self.round()
                self.rounds += 1

    def round(self):
        queue = f"{QUEUE}-{self.rounds % 3}"
        self.wire.send(wire.queue_declare(1, queue, durable=True))
        self.wire.expect(wire.QUEUE_DECLARE_OK)
        body = bytes(1000)
        self.wire.send(b"".join(wire.publish(1, queue, body, wire.PERSISTENT) for _ in range(50)))
        if self.rounds % 2:
            self.wire.send(wire.queue_purge(1, queue))
            self.wire.expect(wire.QUEUE_PURGE_OK)
        else:
            self.wire.send(wire.queue_delete(1, queue))
            self.wire.expect(wire.QUEUE_DELETE_OK)


class Ledger:
    """What is known of every message, over all cycles."""

    def __init__(self):
        self.next = [1] * PUBLISHERS_MAX
        self.outstanding = set()  # Confirmed, and no acknowledgement was sent.
        self.acked = {}  # When, and when the broker was killed next.
        self.faults = []
        self.confirmed = self.returned = 0

    def add(self, publishers):
        for publisher in publishers:
            if publisher.fault or publisher.refused:
                self.faults.append(publisher.fault or f"publisher {publisher.number} was refused")
            self.next[publisher.number] = publisher.next
            self.confirmed += len(publisher.confirmed)
            confirmed = {(publisher.number, sequence) for sequence in publisher.confirmed}
            self.outstanding |= {message for message in confirmed if not is_transient(message)}

    def take(self, taking, killed_at):
        """What a consumer acknowledged, and when the run that it did that in was killed; None if it was not."""
        self.faults += taking.faults
        self.acked |= {message: (at, killed_at) for message, at in taking.acked_at.items()}
        self.outstanding -= taking.acked_at.keys()

    def kill(self, killed_at):
        """A kill may overtake what was acknowledged since the start, by whichever consumer."""
        self.acked = {message: (at, killed or killed_at) for message, (at, killed) in self.acked.items()}

    def check_order(self, received):
        """Nothing twice, and each publisher's messages in the order in which it sent them."""
        for publisher in range(PUBLISHERS_MAX):
            sequences = [sequence for number, sequence in received if number == publisher]
            for before, after in zip(sequences, sequences[1:]):
                if after <= before:
                    self.faults.append(f"publisher {publisher}: {after} came after {before}")

    def check_returned(self, received):
        """Of what was acknowledged, only what the last kill may have overtaken."""
        for message in received:
            if message in self.acked:
                self.returned += 1
                acked_at, killed_at = self.acked[message]
                age = killed_at - acked_at
                if age >= SYNCED_AFTER_S:
                    self.faults.append(f"{message} was acknowledged {age:.1f} s before the kill and is back")

    def check(self, taking, killed_at=None):
        """What holds of any consumer, and then what it acknowledged."""
        self.check_order(taking.received)
        self.check_returned(taking.received)
        self.take(taking, killed_at)

    def check_emptied(self, taking):
        """The promises, once everything that the broker still had was consumed."""
        for message in sorted(self.outstanding - set(taking.received))[:10]:
            self.faults.append(f"{message} was confirmed and is lost")
        self.check(taking)


def disturb(under_test, ledger, timing):
    """Publishes and consumes for a while, then kills."""
    address = under_test.address
    numbers = range(timing.randint(1, PUBLISHERS_MAX))
    window = timing.choice(WINDOWS)
    taking = Consumer(address, QUEUE, acknowledge=lambda message: message[1] % 3 != 0)
    neighbour = Neighbour(address)
    for thread in (taking, neighbour):
        thread.start()
    publishers = [start_publisher(address, number, ledger.next[number], window) for number in numbers]
    time.sleep(timing.uniform(*RUN_S))
    killed_at = time.monotonic()
    under_test.kill()
    for thread in (*publishers, taking, neighbour):
        thread.join(10)
        assert not thread.is_alive(), "a client did not notice that the broker is gone"
    ledger.add(publishers)
    ledger.check(taking, killed_at)
    ledger.kill(killed_at)


def empty(under_test, ledger):
    """Consumes everything that survived."""
    left = consumer.declare(under_test.address, QUEUE)
    taking = Consumer(under_test.address, QUEUE)
    while len(taking.received) < left:
        if not taking.take():
            ledger.faults.append(f"the broker was gone after {len(taking.received)} of {left} messages")
            break
    if consumer.declare(under_test.address, QUEUE):
        ledger.faults.append("the queue holds more than it said")
    taking.wire.socket.close()
    ledger.check_emptied(taking)
    return left


def run(under_test, cycles, seed):
    ledger, timing = Ledger(), random.Random(seed)
    ready_s = []
    consumer.declare(under_test.address, QUEUE)
    began = time.monotonic()
    for cycle in range(1, cycles + 1):
        disturb(under_test, ledger, timing)
        under_test.start()
        ready_s.append(under_test.ready_s)
        is_last = cycle == cycles
        is_emptied = cycle % 3 != 0 or is_last
        left = empty(under_test, ledger) if is_emptied else consumer.declare(under_test.address, QUEUE)
        print(
            f"cycle {cycle}: {ledger.confirmed} confirmed so far, {left} left, "
            f"ready in {under_test.ready_s * 1000:.0f} ms, {len(ledger.faults)} faults",
            flush=True,
        )
        if ledger.faults:
            break
    under_test.stop()
    if not ledger.confirmed:
        ledger.faults.append("nothing was confirmed")
    print(f"{(time.monotonic() - began) / len(ready_s):.1f} s per cycle")
    if max(ready_s) >= READY_S_MAX:
        ledger.faults.append(f"ready only after {max(ready_s):.1f} s")
    return ledger, ready_s


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--binary", default="target/release/leveret", help="the program to start")
    parser.add_argument("--cycles", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1, help="when the kills come")
    options = parser.parse_args()
    with broker.Leveret(options.binary).start() as under_test:
        ledger, ready_s = run(under_test, options.cycles, options.seed)
    for fault in ledger.faults[:20]:
        print(f"FAILED {fault}")
    print(
        f"{len(ready_s)} kills, {ledger.confirmed} confirmed, {len(ledger.faults)} faults, "
        f"{ledger.returned} acknowledged less than {SYNCED_AFTER_S:.0f} s before a kill returned, "
        f"ready in at most {max(ready_s) * 1000:.0f} ms"
    )
    return 1 if ledger.faults else 0


if __name__ == "__main__":
    sys.exit(main())
