"""Short work for a broker whose system refuses it something, and the proof that nothing confirmed is lost by that."""

import contextlib
import dataclasses
import socket
import subprocess
import time

import broker
import consumer
import stamp
import wire
from consumer import Consumer
from publisher import Publisher
from wire import Wire

QUEUE, OTHER = "work", "work-other"
# One shard, so that "the journal" is one thread.
SETTINGS = ("leveret.shards=1",)
SIZES = (0, 1, 100, 1000, 4096, 40_000, 131_065)
# A start seals the file of the run before; when there is one more than this, the oldest is retired.
SEALED_FILES = 4
# Fills a journal file of 64 MiB, so that the broker goes on in the next one.
ROLL_MESSAGES, ROLL_BYTES = 18, 4 << 20
# How many messages the other work publishes.
MESSAGES = 40
RETIRED_S_MAX = 20


@dataclasses.dataclass
class Done:
    """What a run was told: which messages were confirmed, and which of them it was asked to forget."""

    confirmed: set = dataclasses.field(default_factory=set)
    acked: set = dataclasses.field(default_factory=set)
    refused: int = 0
    unanswered: int = 0

    def add(self, publisher, taking=None):
        assert publisher.fault is None, publisher.fault
        # A client that is there and says nothing would keep a broker from stopping at once.
        publisher.wire.socket.close()
        self.refused += len(publisher.refused)
        self.unanswered -= len(publisher.confirmed) + len(publisher.refused)
        self.confirmed |= {(publisher.number, sequence) for sequence in publisher.confirmed}
        if taking:
            self.acked |= taking.acked_at.keys()


def publish(address, number, sizes, count, first=1):
    """A publisher that has begun."""
    publisher = Publisher(
        address,
        number,
        lambda sequence: stamp.message(QUEUE, number, sequence, sizes[sequence % len(sizes)]),
        first=first,
        window=4,
        timeout=60,
    )
    publisher.is_done = lambda: publisher.next >= first + count
    publisher.start()
    return publisher


def disturb(under_test, done):
    """Small messages, a consumer that acknowledges every third, and another queue that comes and goes."""
    address = under_test.address
    done.unanswered = MESSAGES
    try:
        consumer.declare(address, QUEUE)
        taking = Consumer(address, QUEUE, acknowledge=lambda message: message[1] % 3 == 0)
        taking.start()
        publisher = publish(address, 1, SIZES, MESSAGES)
    except (OSError, AssertionError):
        return  # The fault came before anything was promised.
    with contextlib.suppress(OSError, AssertionError), Wire(address).log_in().open_channel() as channel:
        channel.send(wire.queue_declare(1, OTHER, durable=True))
        channel.expect(wire.QUEUE_DECLARE_OK)
        channel.send(wire.queue_delete(1, OTHER))
        channel.expect(wire.QUEUE_DELETE_OK)
    publisher.join()
    with contextlib.suppress(OSError):
        taking.wire.socket.shutdown(socket.SHUT_RDWR)
    taking.join()
    done.add(publisher, taking)


def fill_a_journal_file(under_test, done):
    """Large messages until the journal goes on in its next file, and an old one is retired."""
    done.unanswered = ROLL_MESSAGES
    with contextlib.suppress(OSError, AssertionError):
        publisher = publish(under_test.address, 2, (ROLL_BYTES,), ROLL_MESSAGES)
        publisher.join()
        done.add(publisher)
    # The last thing that retiring a file does is to keep it for reuse.
    deadline = time.monotonic() + RETIRED_S_MAX
    while not any((under_test.data_dir / "journal/0").glob("*.spare")):
        if under_test.process.poll() is not None:
            return
        assert time.monotonic() < deadline, "no journal file was retired"
        time.sleep(0.02)


def old_files(binary, folder):
    """A data directory with journal files of several runs, and what is in it."""
    done = Done()
    with broker.Leveret(binary, *SETTINGS) as under_test:
        for run in range(SEALED_FILES):
            under_test.start()
            consumer.declare(under_test.address, QUEUE)
            publisher = publish(under_test.address, 0, SIZES, 20, first=run * 20 + 1)
            publisher.join()
            done.add(publisher)
            under_test.stop()
        copy_sparsely(under_test.data_dir, folder)
    return done


def copy_sparsely(source, target):
    """Copies a data directory. Journal files are mostly room, and holes cost nothing."""
    subprocess.run(["cp", "-r", "--sparse=always", str(source), str(target)], check=True)


def lost_or_wrong(under_test, done):
    """Starts the broker again: what is wrong with what it has."""
    under_test.start()
    received, faults = consumer.drain(under_test.address, QUEUE)
    lost = done.confirmed - done.acked - set(received)
    faults += [f"{message} was confirmed and is lost" for message in sorted(lost)[:5]]
    for number in sorted({publisher for publisher, _ in received}):
        sequences = [sequence for publisher, sequence in received if publisher == number]
        if sequences != sorted(set(sequences)):
            faults.append(f"the messages of publisher {number} are out of order: {sequences}")
    under_test.stop()
    return faults
