"""`kill -9` under confirmed publishing, again and again on one data directory.

    python tests/interop/kill9.py --cycles 50        the release binary

Each cycle: start; two publishers send persistent messages of 0 B to 1 MiB and note what is confirmed; a consumer
acknowledges two of three; kill; start again. Then everything is consumed, and it must hold that

 1. every message that was confirmed, and not acknowledged, is there;
 2. none that was acknowledged a second or more before the kill is there: it had been synced long since;
 3. the messages of a publisher come in the order that it sent them, none twice;
 4. every body is what was sent;
 5. the time from the start of the process to its ready line stays below a second.

In every third cycle the queue is not emptied, so that a backlog lives through several kills.
"""

import argparse
import random
import struct
import sys
import threading
import time
import zlib

import broker
import wire
from wire import Wire

QUEUE = "kill9"
PUBLISHERS = 2
WINDOW = 100
READY_S_MAX = 1.0
SYNCED_AFTER_S = 1.0
# Sizes around what changes the path of a message: nothing, small, a frame, more than a frame, large.
SIZES = (0, 0, 1, 16, 16, 17, 100, 100, 255, 1000, 1024, 1024, 4095, 4096, 16_384, 40_000, 131_064, 131_065)
LARGE = (300_000, 1 << 20)
LARGE_EVERY = 60


def body_of(publisher, sequence, size):
    """A body that can be recognised: who, which, and a checksum, as far as there is room."""
    head = struct.pack(">BQ", publisher, sequence)
    filling = (head * (size // len(head) + 1))[:size]
    return filling[:-4] + struct.pack(">I", zlib.crc32(filling[:-4])) if size > 4 else filling


def properties_of(publisher, sequence, size):
    """delivery-mode 2 and a message-id, which tells an empty body from another."""
    message_id = wire.short_string(f"{publisher}-{sequence}-{size}")
    return struct.pack(">HB", 1 << 12 | 1 << 7, 2) + message_id


def size_of(sequence, random_source):
    return random_source.choice(LARGE if sequence % LARGE_EVERY == 0 else SIZES)


class Publisher(threading.Thread):
    """Sends with a window of unconfirmed messages until the broker is gone."""

    def __init__(self, address, number, first):
        super().__init__(daemon=True)
        self.number, self.next = number, first
        self.confirmed = set()
        self.random = random.Random(number * 1_000_003 + first)
        self.wire = Wire(address).log_in().open_channel()
        self.wire.send(wire.method(1, wire.CONFIRM_SELECT, b"\0"))
        self.wire.expect(wire.CONFIRM_SELECT_OK)

    def run(self):
        first, acked = self.next, 0
        try:
            while True:
                if self.next - first - acked < WINDOW:
                    self.publish()
                    # Look for confirms without waiting, unless the window is full.
                    if (self.next - first) % 8:
                        continue
                acked = self.read_confirm(first, acked)
        except OSError:
            pass

    def publish(self):
        size = size_of(self.next, self.random)
        body = body_of(self.number, self.next, size)
        properties = properties_of(self.number, self.next, size)
        self.next += 1
        self.wire.send(wire.publish(1, QUEUE, body, properties))

    def read_confirm(self, first, acked):
        """Reads one confirm; the highest tag up to which everything is confirmed."""
        found = self.wire.frame()
        if found is None:
            raise ConnectionError("the broker is gone")
        assert found.name == wire.BASIC_ACK, f"publisher {self.number} got {found}"
        tag, multiple = struct.unpack_from(">QB", found.load, 4)
        begin = acked + 1 if multiple else tag
        self.confirmed.update(range(first + begin - 1, first + tag))
        while first + acked in self.confirmed:
            acked += 1
        return acked


class Consumer(threading.Thread):
    """Takes messages until the broker is gone, or, if told to empty the queue, until nothing is left."""

    def __init__(self, address, acknowledge, prefetch=20_000):
        super().__init__(daemon=True)
        self.received, self.acked_at = [], {}
        self.acknowledge = acknowledge
        self.faults = []
        self.wire = Wire(address).log_in().open_channel()
        self.wire.send(wire.method(1, wire.BASIC_QOS, struct.pack(">IHB", 0, prefetch, 0)))
        self.wire.expect(wire.BASIC_QOS_OK)
        arguments = b"\0\0" + wire.short_string(QUEUE) + wire.short_string("c") + b"\0" + wire.table({})
        self.wire.send(wire.method(1, wire.BASIC_CONSUME, arguments))
        self.wire.expect(wire.BASIC_CONSUME_OK)

    def run(self):
        try:
            while self.take():
                pass
        except OSError:
            pass

    def take(self):
        """One message. False if the broker is gone."""
        deliver = self.wire.frame()
        if deliver is None:
            return False
        assert deliver.name == wire.BASIC_DELIVER, deliver
        header = self.wire.frame()
        if header is None:
            return False
        size = struct.unpack_from(">Q", header.load, 4)[0]
        body = b""
        while len(body) < size:
            piece = self.wire.frame()
            if piece is None:
                return False
            body += piece.load
        self.note(deliver, header, body)
        return True

    def note(self, deliver, header, body):
        # class, weight, size, flags, delivery-mode, then the message-id as a short string.
        text = header.load[16 : 16 + header.load[15]].decode()
        publisher, sequence, size = map(int, text.split("-"))
        if body != body_of(publisher, sequence, size):
            self.faults.append(f"the body of {text} is not what was sent ({len(body)} bytes)")
        message = (publisher, sequence)
        self.received.append(message)
        if self.acknowledge(message):
            tag = deliver.load[4 + 1 + deliver.load[4] :][:8]
            self.wire.send(wire.method(1, wire.BASIC_ACK, tag + b"\0"))
            self.acked_at[message] = time.monotonic()


class Ledger:
    """What is known of every message, over all cycles."""

    def __init__(self):
        self.next = [1] * PUBLISHERS
        self.outstanding = set()  # Confirmed, and no acknowledgement was sent.
        self.acked = {}  # When, and when the broker was killed next.
        self.faults = []
        self.confirmed = self.returned = 0

    def add(self, publishers):
        for publisher in publishers:
            if not publisher.confirmed:
                self.faults.append(f"publisher {publisher.number} had nothing confirmed")
            self.next[publisher.number] = publisher.next
            self.confirmed += len(publisher.confirmed)
            self.outstanding |= {(publisher.number, sequence) for sequence in publisher.confirmed}

    def take(self, consumer, killed_at):
        """What a consumer acknowledged, and when the run that it did that in was killed; None if it was not."""
        self.faults += consumer.faults
        self.acked |= {message: (at, killed_at) for message, at in consumer.acked_at.items()}
        self.outstanding -= consumer.acked_at.keys()

    def kill(self, killed_at):
        """A kill may overtake what was acknowledged since the start, by whichever consumer."""
        self.acked = {message: (at, killed or killed_at) for message, (at, killed) in self.acked.items()}

    def check_order(self, received):
        """Nothing twice, and each publisher's messages in the order in which it sent them."""
        for publisher in range(PUBLISHERS):
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

    def check(self, consumer, killed_at=None):
        """What holds of any consumer, and then what it acknowledged."""
        self.check_order(consumer.received)
        self.check_returned(consumer.received)
        self.take(consumer, killed_at)

    def check_emptied(self, consumer):
        """The promises, once everything that the broker still had was consumed."""
        for message in sorted(self.outstanding - set(consumer.received))[:10]:
            self.faults.append(f"{message} was confirmed and is lost")
        self.check(consumer)


def declare(address):
    with Wire(address).log_in().open_channel() as channel:
        channel.send(wire.queue_declare(1, QUEUE, durable=True))
        found = channel.expect(wire.QUEUE_DECLARE_OK)
        return struct.unpack_from(">I", found.load, 5 + found.load[4])[0]


def disturb(under_test, ledger, seconds):
    """Publishes and consumes for a while, then kills."""
    address = under_test.address
    publishers = [Publisher(address, number, ledger.next[number]) for number in range(PUBLISHERS)]
    consumer = Consumer(address, acknowledge=lambda message: message[1] % 3 != 0)
    for thread in (*publishers, consumer):
        thread.start()
    time.sleep(seconds)
    killed_at = time.monotonic()
    under_test.kill()
    for thread in (*publishers, consumer):
        thread.join(10)
        assert not thread.is_alive(), "a client did not notice that the broker is gone"
    ledger.add(publishers)
    ledger.check(consumer, killed_at)
    ledger.kill(killed_at)


def empty(under_test, ledger):
    """Consumes everything that survived."""
    left = declare(under_test.address)
    consumer = Consumer(under_test.address, acknowledge=lambda _: True)
    consumer.wire.socket.settimeout(10)
    while len(consumer.received) < left:
        if not consumer.take():
            ledger.faults.append(f"the broker was gone after {len(consumer.received)} of {left} messages")
            break
    if declare(under_test.address):
        ledger.faults.append("the queue holds more than it said")
    consumer.wire.socket.close()
    ledger.check_emptied(consumer)
    return left


def run(under_test, cycles, seed):
    ledger, timing = Ledger(), random.Random(seed)
    ready_s = []
    declare(under_test.address)
    for cycle in range(1, cycles + 1):
        disturb(under_test, ledger, timing.uniform(0.3, 2.5))
        under_test.start()
        ready_s.append(under_test.ready_s)
        is_last = cycle == cycles
        is_emptied = cycle % 3 != 0 or is_last
        left = empty(under_test, ledger) if is_emptied else declare(under_test.address)
        print(
            f"cycle {cycle}: {ledger.confirmed} confirmed so far, {left} left, "
            f"ready in {under_test.ready_s * 1000:.0f} ms, {len(ledger.faults)} faults",
            flush=True,
        )
        if ledger.faults:
            break
    under_test.stop()
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
