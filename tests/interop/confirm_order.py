"""Nothing is confirmed before it is durable: proved from the calls that the process makes of the system.

    python tests/interop/confirm_order.py --confirms 100000        the release binary, under strace

Publishers with windows of 1 to 3000 unconfirmed messages send persistent messages, each with a mark of its own, to
queues of both shards and to an exchange that copies to both. Then the trace is read. For each basic.ack that went
into a publisher's socket, and each message that it speaks of, it must hold that

 1. a `pwrite64` that carries the mark into a journal file had returned, once for each copy;
 2. an `fdatasync` of that file, which began after that, had returned 0;
 3. an `fsync` of the directory, which began after the file had got its name, had returned 0;
 4. all this before the call that carries the ack began.

That the program would notice if it were otherwise is shown on the same trace, with calls put out of order.
"""

import argparse
import collections
import dataclasses
import os
import re
import sys
import tempfile

import broker
import strace
import trace
import wire
from publisher import Publisher
from wire import Wire

CALLS = ("pwrite64", "fdatasync", "fsync", "rename", "sendto", "write", "writev", "sendmsg")
# Larger than any write of the journal: a buffer that strace cuts would fail the program.
STRING_BYTES_MAX = 64 << 20
# The window of each publisher, and its share of the messages in percent.
WINDOWS = ((1, 2), (2, 3), (7, 5), (50, 10), (200, 20), (1000, 20), (1000, 20), (3000, 20))
SHARDS = ("shard-0", "shard-1")
QUEUES = ("order-0", "order-1")
EXCHANGE = "order-both"
MARK = re.compile(r"@(\d+)-(\d+)@")
PEERS = re.compile(r"TCP(?:v6)?:\[(.*?)->(.*?)\]>")


class Plan:
    """What each publisher does: how much, with which window, where to, and how many copies that makes."""

    def __init__(self, number, confirms):
        self.number = number
        self.window, percent = WINDOWS[number]
        self.count = max(1, confirms * percent // 100)
        routes = [("", QUEUES[0], 1), ("", QUEUES[1], 1), (EXCHANGE, "", 2)]
        self.exchange, self.key, self.copies = routes[number % len(routes)]

    def message(self, sequence):
        body = b"@%d-%d@" % (self.number, sequence) + b"." * (sequence * 37 % 160)
        return wire.publish(1, self.key, body, wire.PERSISTENT, exchange=self.exchange)

    def start(self, address):
        publisher = Publisher(address, self.number, self.message, window=self.window, timeout=60)
        publisher.is_done = lambda: publisher.next > self.count
        publisher.start()
        return publisher


class Order:
    """What the trace shows, and what is wrong with it. Times are numbers of lines."""

    def __init__(self, plans):
        self.plans = plans  # By the port of the publisher's socket.
        self.written = collections.defaultdict(list)  # By file: (mark, the write), not synced yet.
        self.durable = collections.defaultdict(list)  # By mark, of each copy: (the write, the sync).
        self.synced = {}  # When a file was synced last.
        self.renamed = {}  # When a file got its name,
        self.named = {}  # and when that name became durable.
        self.streams = collections.defaultdict(bytearray)  # Bytes to a client, not a whole frame yet.
        self.begun = {}  # The call that sent the first of these bytes.
        self.acked = collections.defaultdict(Acked)
        self.confirms, self.syncs, self.senders = 0, 0, collections.defaultdict(set)
        # The last confirm that hung on one sync: (its write, that sync, the call that sent the ack).
        self.witness = None
        self.inversions = []

    def read(self, calls):
        for call in calls:
            if call.name == "fdatasync" and call.result != 0:
                # Linux forgets the pages that it could not write: no later sync covers them.
                self.written.pop(call.path(), None)
            elif call.result is None or call.result < 0:
                continue
            elif call.name == "pwrite64":
                self.write(call)
            elif call.name == "fdatasync":
                self.sync(call)
            elif call.name == "fsync":
                self.sync_names(call)
            elif call.name == "rename":
                self.rename(call)
            elif "TCP" in call.arguments[:20]:
                self.send(call)
        return self

    def write(self, call):
        path = call.path()
        if "/journal/" not in path:
            return
        marks = MARK.findall(call.text())
        if marks:
            assert call.result == int(call.arguments.split(", ")[-2]), f"a write was cut: {call}"
        self.written[path] += [(mark, call) for mark in marks]

    def sync(self, call):
        path = call.path()
        self.syncs += 1
        self.synced[path] = call.ended
        later = []
        for mark, write in self.written.pop(path, ()):
            if write.ended < call.began:
                self.durable[mark].append((write, call))
            else:
                later.append((mark, write))
        if later:
            self.written[path] = later

    def rename(self, call):
        self.renamed[call.arguments.split('"')[3]] = call.ended

    def sync_names(self, call):
        directory = call.path()
        for path, renamed_at in self.renamed.items():
            if os.path.dirname(path) == directory and renamed_at < call.began:
                self.named.setdefault(path, call.ended)

    def send(self, call):
        """Bytes to a client: if it is a publisher, the acks in them."""
        port = int(PEERS.search(call.arguments)[2].rpartition(":")[2])
        if port not in self.plans:
            return
        stream = self.streams[port]
        stream += call.data()[: call.result]
        begun = self.begun.pop(port, call)
        while len(stream) >= 7 and len(stream) >= 8 + int.from_bytes(stream[3:7]):
            end = 8 + int.from_bytes(stream[3:7])
            if stream[0] == wire.METHOD and stream[7:11] == b"\0\x3c\0\x50":
                self.ack(port, int.from_bytes(stream[11:19]), stream[19] & 1, begun)
            del stream[:end]
            begun = call
        if stream:
            self.begun[port] = begun

    def ack(self, port, tag, is_multiple, sent):
        plan = self.plans[port]
        for confirmed in self.acked[port].add(tag, is_multiple):
            self.confirms += 1
            mark = (str(plan.number), str(confirmed))
            copies = [(write, sync, sync.path()) for write, sync in self.durable.pop(mark, ())]
            covered = [
                (write, sync, path) for write, sync, path in copies
                if sync.ended < sent.began > self.named.get(path, sent.began)
            ]
            self.senders[sent.thread] |= {path for _, _, path in covered}
            if len(covered) == plan.copies:
                write, sync, path = max(covered, key=lambda copy: copy[1].ended)
                if self.synced[path] == sync.ended:
                    self.witness = (write, sync, sent)
            else:
                self.inversions.append(
                    f"line {sent.began + 1}: message {confirmed} of publisher {plan.number} was confirmed, "
                    f"and of {plan.copies} copies {len(covered)} were durable"
                )


class Acked:
    """Which tags are confirmed: all up to one, and some above it."""

    def __init__(self):
        self.through, self.above = 0, set()

    def add(self, tag, is_multiple):
        """Those that this ack is the first to speak of."""
        tags = set(range(self.through + 1, tag + 1) if is_multiple else (tag,)) - self.above
        self.above |= tags
        while self.through + 1 in self.above:
            self.through += 1
            self.above.remove(self.through)
        return sorted(tags)


def declare(address):
    """One queue on each shard: clients go to the shards in turn, and a queue lives where it was declared."""
    with Wire(address).log_in().open_channel() as first, Wire(address).log_in().open_channel() as second:
        for channel, queue in zip((first, second), QUEUES):
            channel.send(wire.queue_declare(1, queue, durable=True))
            channel.expect(wire.QUEUE_DECLARE_OK)
        first.send(wire.exchange_declare(1, EXCHANGE, "fanout", durable=True))
        first.expect(wire.EXCHANGE_DECLARE_OK)
        for queue in QUEUES:
            first.send(wire.queue_bind(1, queue, EXCHANGE))
            first.expect(wire.QUEUE_BIND_OK)


def record(binary, confirms, output):
    """Publishes under strace; the plans by the ports of their publishers, and the names of the threads."""
    plans = [Plan(number, confirms) for number in range(len(WINDOWS))]
    with broker.Leveret(binary, "leveret.shards=2") as under_test:
        under_test.wrapper = strace.wrapper(output, CALLS, string_bytes_max=STRING_BYTES_MAX)
        under_test.start()
        threads = {number: name for name, number in strace.threads(under_test.pid, SHARDS).items()}
        declare(under_test.address)
        publishers = [plan.start(under_test.address) for plan in plans]
        for plan, publisher in zip(plans, publishers):
            publisher.join()
            assert publisher.fault is None, publisher.fault
            confirmed = len(publisher.confirmed)
            assert confirmed == plan.count, f"publisher {plan.number}: {confirmed} of {plan.count} confirmed"
        pid = under_test.pid
        # The last confirm may have arrived before the call that sent it has returned: it has when the broker ends by itself.
        under_test.stop()
    strace.wait_for_end(output, pid)
    ports = [publisher.wire.socket.getsockname()[1] for publisher in publishers]
    return dict(zip(ports, plans)), threads


def faults_of(calls, witness):
    """The trace with something wrong in it, in several ways: (what is wrong, the calls)."""
    write, sync, sent = witness

    def changed(call, **changes):
        changed = [dataclasses.replace(each, **changes) if each is call else each for each in calls]
        return sorted(changed, key=lambda each: each.ended)

    # Between two lines of the trace nothing happened: half a line later is next to it.
    yield "the sync returned after the ack was sent", changed(sync, ended=sent.began + 0.5)
    yield "the write returned after the sync began", changed(write, ended=sync.began + 0.5)
    yield "the sync failed", changed(sync, result=-1)
    yield "the directory was not synced", [call for call in calls if call.name != "fsync"]


def check_the_check(calls, plans, order):
    """What it does not find: a program that finds nothing wrong should be able to."""
    if order.witness is None:
        return ["no confirm hung on one sync: there is nothing to put out of order"]
    found = {wrong: len(Order(plans).read(changed).inversions) for wrong, changed in faults_of(calls, order.witness)}
    before = len(order.inversions)
    for wrong, count in found.items():
        print(f"the trace, changed so that {wrong}: {count - before} inversions")
    return [f"it is not noticed if {wrong}" for wrong, count in found.items() if count <= before]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--binary", default="target/release/leveret", help="the program to start")
    parser.add_argument("--confirms", type=int, default=100_000)
    options = parser.parse_args()
    if strace.is_missing():
        return 1
    with tempfile.TemporaryDirectory(prefix="leveret-trace-") as folder:
        output = os.path.join(folder, "trace")
        plans, threads = record(options.binary, options.confirms, output)
        # Calls that never ended changed nothing that can be relied on; they come last.
        calls = [call for call in trace.calls(trace.lines_of(output)) if call.result is not None]
    order = Order(plans).read(calls)
    unnoticed = check_the_check(calls, plans, order)
    across = [
        path for thread, paths in order.senders.items() for path in paths
        if f"/journal/{threads[thread].removeprefix('shard-')}/" not in path
    ]
    faults = order.inversions[:10] + unnoticed
    if order.confirms < sum(plan.count for plan in plans.values()):
        faults.append(f"only {order.confirms} confirms are in the trace")
    if not across:
        faults.append("no message was confirmed by one shard that another one keeps")
    for fault in faults:
        print(f"FAILED {fault}")
    print(
        f"{order.confirms} confirms checked, {len(order.inversions)} inversions, {order.syncs} fdatasyncs, "
        f"{order.confirms / max(order.syncs, 1):.1f} confirms per sync"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
