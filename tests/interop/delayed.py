"""Whether a million messages come at their time, over a broker that is killed in between.

    python tests/interop/delayed.py                                     a million messages, delays up to a minute
    python tests/interop/delayed.py --messages 20000 --delay-max 8      what a change is checked with

Persistent messages with the header `x-delay` go to a durable exchange of type x-delayed-message, which routes them to
a durable queue. Delays are random, and so long that none is over before the last message is confirmed. A consumer
notes when each one arrives; after a while the broker is killed, and started again. A message carries the time when it
was written, by the clock that the broker reads too. What must hold:

    none is lost: each message that was confirmed arrives at least once
    none is early: never before the time in it plus its delay
    none is late: but for one in a thousand, within --late-max milliseconds after it; messages whose time fell into the
        outage, or into the first second after it, are counted apart
"""

import argparse
import array
import os
import random
import select
import struct
import sys
import time

import broker
import consumer
import wire
from wire import Wire

EXCHANGE, QUEUE = "delayed", "due"
LATE_MS_MAX = 10
ON_TIME_SHARE = 0.999
CATCH_UP_MS = 1000
# The share of the longest delay for which messages come before the broker is killed, at least.
COMING_SHARE = 0.15
PREFETCH = 2000
# Few enough that a message reaches the broker in the millisecond that is written into it, or in the next.
PIECE, WINDOW = 32, 512
BODY = struct.Struct(">QQQ")  # Number, time of writing and delay; both in milliseconds.
BUCKETS_MS = (1, 2, 3, 5, 10, 20, 50, 100, 1000)
PERCENTILES = (50, 90, 99, 99.9, 99.99, 100)
SILENCE_S_MAX = 30
QUIET_S = 0.5


def now_ms():
    """The wall clock, which is the broker's too."""
    return time.time_ns() / 1e6


class Template:
    """A message of whose frames only the delay and the body change."""

    def __init__(self):
        headers = wire.long_string(wire.short_string("x-delay") + b"I" + struct.pack(">i", 0))
        properties = struct.pack(">H", 1 << 13 | 1 << 12) + headers + b"\2"
        head = wire.publish_method(1, QUEUE, EXCHANGE) + wire.header(1, BODY.size, properties)
        self.message = head + wire.frame(wire.BODY, 1, bytes(BODY.size))
        self.delay_at = len(head) - 1 - 1 - 4  # Before the frame's end and the delivery mode.
        self.body_at = len(head) + 7
        self.delay = struct.Struct(">i")

    def piece(self, first, sent_ms, delays):
        """The frames of messages with consecutive numbers."""
        frames = bytearray(self.message * len(delays))
        at = 0
        for number, delay_ms in enumerate(delays, first):
            self.delay.pack_into(frames, at + self.delay_at, delay_ms)
            BODY.pack_into(frames, at + self.body_at, number, sent_ms, delay_ms)
            at += len(self.message)
        return frames


class Publisher:
    """Publishes with confirms, and keeps when each message is due."""

    def __init__(self, address, count, hold_ms, delay_max_ms, seed):
        self.count, self.hold_ms, self.delay_max_ms = count, hold_ms, delay_max_ms
        self.random = random.Random(seed).random
        self.due_ms = array.array("d", bytes(8 * count))
        self.is_confirmed = bytearray(count + 1)  # By delivery tag, which is one more than the number.
        self.confirmed = self.answered_tag = 0
        capabilities = {"connection.blocked": True, "basic.nack": True}
        self.wire = Wire(address, SILENCE_S_MAX).log_in(capabilities=capabilities).open_channel()
        self.declare()

    def declare(self):
        kind = {"x-delayed-type": "direct"}
        arguments = b"\0\0" + wire.short_string(EXCHANGE) + wire.short_string("x-delayed-message")
        ask = wire.method(1, wire.EXCHANGE_DECLARE, arguments + b"\2" + wire.table(kind))
        for request, answer in (
            (ask, wire.EXCHANGE_DECLARE_OK),
            (wire.queue_declare(1, QUEUE, durable=True), wire.QUEUE_DECLARE_OK),
            (wire.queue_bind(1, QUEUE, EXCHANGE, QUEUE), wire.QUEUE_BIND_OK),
            (wire.method(1, wire.CONFIRM_SELECT, b"\0"), wire.CONFIRM_SELECT_OK),
        ):
            self.wire.send(request)
            self.wire.expect(answer)

    def run(self):
        """Publishes everything and returns when all of it is confirmed."""
        template, sent = Template(), 0
        began_ms = self.began_ms = now_ms()
        while self.confirmed < self.count:
            while sent < self.count and sent - self.confirmed <= WINDOW - PIECE:
                sent_ms = int(now_ms())
                least_ms = max(self.hold_ms - (sent_ms - began_ms), 1)
                span_ms = self.delay_max_ms - least_ms
                piece = min(PIECE, self.count - sent)
                delays = [int(least_ms + self.random() * span_ms) for _ in range(piece)]
                for number, delay_ms in enumerate(delays, sent):
                    self.due_ms[number] = sent_ms + delay_ms
                self.wire.send(template.piece(sent, sent_ms, delays))
                sent += piece
            self.read_answers()
        return now_ms() - began_ms

    def read_answers(self):
        """Waits for an answer and takes what came with it."""
        answer = self.wire.frame()
        while True:
            assert answer is not None, "the broker closed the connection"
            assert answer.name == wire.BASIC_ACK, f"expected a confirm, got {answer}"
            self.note(*struct.unpack_from(">QB", answer.load, 4))
            if len(self.wire.buffer) < 21:  # The size of such a frame.
                return
            answer = self.wire.frame()

    def note(self, tag, is_multiple):
        assert self.answered_tag < tag <= self.count, f"tag {tag} is not open"
        for open_tag in range(self.answered_tag + 1, tag + 1) if is_multiple else (tag,):
            self.confirmed += not self.is_confirmed[open_tag]
            self.is_confirmed[open_tag] = 1
        while self.answered_tag < self.count and self.is_confirmed[self.answered_tag + 1]:
            self.answered_tag += 1


class Arrivals:
    """Consumes, acknowledges at once, and keeps when each message came first."""

    def __init__(self, due_ms):
        self.due_ms = due_ms
        self.first_ms = array.array("d", bytes(8 * len(due_ms)))
        self.seen = self.repeated = 0
        self.early = []

    def connect(self, address):
        self.wire = Wire(address, SILENCE_S_MAX).log_in().open_channel()
        self.wire.send(wire.method(1, wire.BASIC_QOS, struct.pack(">IHB", 0, PREFETCH, 0)))
        self.wire.expect(wire.BASIC_QOS_OK)
        names = b"\0\0" + wire.short_string(QUEUE) + wire.short_string("all")
        self.wire.send(wire.method(1, wire.BASIC_CONSUME, names + b"\0" + wire.table({})))
        self.wire.expect(wire.BASIC_CONSUME_OK)
        self.buffer = bytes(self.wire.buffer)

    def run(self, until_ms):
        """Consumes until that time, or until everything was seen."""
        pipe = self.wire.socket
        while self.seen < len(self.due_ms):
            left_s = (until_ms - now_ms()) / 1000
            if left_s <= 0:
                return
            if not select.select([pipe], [], [], min(left_s, 0.5))[0]:
                continue
            piece = pipe.recv(65536)
            came_ms = now_ms()
            assert piece, "the broker closed the connection"
            self.take(self.buffer + piece, came_ms)

    def finish(self):
        """Takes what comes again after everything was seen, and gives the broker time to note acknowledgements."""
        while select.select([self.wire.socket], [], [], QUIET_S)[0]:
            piece = self.wire.socket.recv(65536)
            assert piece, "the broker closed the connection"
            self.take(self.buffer + piece, now_ms())
        self.wire.socket.close()

    def take(self, frames, came_ms):
        at, tag = 0, 0
        while at + 8 <= len(frames):
            kind, _, size = struct.unpack_from(">BHI", frames, at)
            if at + 8 + size > len(frames):
                break
            load_at = at + 7
            at = load_at + size + 1
            if kind == wire.BODY:
                self.note(*BODY.unpack_from(frames, load_at), came_ms)
            elif kind == wire.METHOD:
                name = struct.unpack_from(">HH", frames, load_at)
                assert name == wire.BASIC_DELIVER, f"expected a delivery, got {name}"
                tag = struct.unpack_from(">Q", frames, load_at + 5 + frames[load_at + 4])[0]
        self.buffer = frames[at:]
        # The last delivery may have come in part; then it is acknowledged with the next ones.
        if kind != wire.BODY:
            tag -= 1
        if tag > 0:
            self.wire.send(wire.method(1, wire.BASIC_ACK, struct.pack(">QB", tag, 1)))

    def note(self, number, sent_ms, delay_ms, came_ms):
        if came_ms < sent_ms + delay_ms:
            self.early.append((number, sent_ms + delay_ms - came_ms))
        if self.first_ms[number]:
            self.repeated += 1
            return
        self.first_ms[number] = came_ms
        self.seen += 1


class Outage:
    """From when the broker was killed to when it had caught up."""

    def __init__(self, under_test):
        self.began_ms = now_ms()
        under_test.restart()
        self.ready_ms = now_ms()
        self.over_ms = self.ready_ms + CATCH_UP_MS

    def covers(self, due_ms):
        """Whether a message could not come in time, or not in time for the consumer to have noted it."""
        return self.began_ms - LATE_MS_MAX <= due_ms <= self.over_ms


def distribution(title, late_ms):
    """Prints how late messages were."""
    print(f"{title}: {len(late_ms)} messages")
    if not late_ms:
        return
    late_ms.sort()
    ranks = [(share, late_ms[min(int(len(late_ms) * share / 100), len(late_ms) - 1)]) for share in PERCENTILES]
    print("   late by, ms:  " + "  ".join(f"{share:g} %: {value:.2f}" for share, value in ranks))
    below, cells = 0, []
    for limit in (*BUCKETS_MS, float("inf")):
        upto = sum(value <= limit for value in late_ms) if limit != float("inf") else len(late_ms)
        cells.append(f"<= {limit:g}: {upto - below}")
        below = upto
    print("   " + "  ".join(cells))


def timeline(due_ms, first_ms, outage):
    """Prints how late messages were, by the second in which they were due."""
    first_due_ms = min(due_ms)
    seconds = {}
    for due, came in zip(due_ms, first_ms):
        seconds.setdefault(int((due - first_due_ms) / 1000), []).append(came - due if came else float("inf"))
    print(f"killed in second {(outage.began_ms - first_due_ms) / 1000:.1f}", end="")
    print(f", ready again in second {(outage.ready_ms - first_due_ms) / 1000:.1f}")
    for second, late_ms in sorted(seconds.items()):
        late_ms.sort()
        median = late_ms[len(late_ms) // 2]
        print(f"   {second:3}: {len(late_ms):6} due, half of them within {median:.1f} ms, all within {late_ms[-1]:.1f} ms")


def measure(under_test, options):
    """Publishes, consumes over a kill, and says what is wrong."""
    delay_max_ms = options.delay_max * 1000
    hold_ms = delay_max_ms * options.hold
    publisher = Publisher(under_test.address, options.messages, hold_ms, delay_max_ms, options.seed)
    took_ms = publisher.run()
    due_ms = publisher.due_ms
    pending = sum(due > now_ms() for due in due_ms)
    rate = options.messages / took_ms * 1000
    rss_mib = under_test.rss_kib() / 1024
    print(f"{options.messages} confirmed in {took_ms / 1000:.1f} s ({rate:.0f} a second); {pending} pending")
    print(f"{rss_mib:.0f} MiB resident", flush=True)
    arrivals = Arrivals(due_ms)
    arrivals.connect(under_test.address)
    # Some have come by then, and most have not.
    arrivals.run(max(now_ms() + options.kill_after * 1000, publisher.began_ms + hold_ms + delay_max_ms * COMING_SHARE))
    seen = arrivals.seen
    outage = Outage(under_test)
    arrivals.connect(under_test.address)
    print(f"killed after {seen} arrivals, ready in {under_test.ready_s * 1000:.0f} ms", flush=True)
    arrivals.run(max(due_ms) + SILENCE_S_MAX * 1000)
    arrivals.finish()
    left = consumer.declare(under_test.address, QUEUE)
    under_test.stop()
    if options.timeline:
        timeline(due_ms, arrivals.first_ms, outage)
    return report(due_ms, arrivals, outage, left, pending, options.late_max)


def report(due_ms, arrivals, outage, left, pending, late_max_ms):
    timely, apart, lost = [], [], []
    for number, (due, came) in enumerate(zip(due_ms, arrivals.first_ms)):
        if not came:
            lost.append(number)
        else:
            (apart if outage.covers(due) else timely).append(came - due)
    on_time = sum(late <= late_max_ms for late in timely)
    distribution("due while the broker was up", timely)
    distribution("due in the outage or the second after it", apart)
    print(f"{arrivals.repeated} came again because their acknowledgement was not kept")
    faults = []
    if pending < len(due_ms):
        faults.append(f"only {pending} were pending when the last one was confirmed: --hold more")
    if lost:
        faults.append(f"{len(lost)} are lost, the first is number {lost[0]}")
    if arrivals.early:
        number, by_ms = max(arrivals.early, key=lambda early: early[1])
        faults.append(f"{len(arrivals.early)} were early, number {number} by {by_ms:.2f} ms")
    if on_time < len(timely) * ON_TIME_SHARE:
        faults.append(f"{len(timely) - on_time} of {len(timely)} were more than {late_max_ms:g} ms late")
    if left:
        faults.append(f"the queue still holds {left}")
    share = 100 * on_time / max(len(timely), 1)
    print(f"{share:.4f} % within {late_max_ms:g} ms of their time, {len(lost)} lost, {len(arrivals.early)} early")
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--binary", default="target/release/leveret", help="the program to start")
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--delay-max", type=float, default=60, help="seconds")
    parser.add_argument("--hold", type=float, default=0.4, help="the share of it that passes before the first is due")
    parser.add_argument("--kill-after", type=float, help="seconds after the last confirm; a quarter of --delay-max")
    parser.add_argument("--late-max", type=float, default=LATE_MS_MAX, help="milliseconds; more on a busy machine")
    parser.add_argument("--timeline", action="store_true", help="print lateness second by second, too")
    parser.add_argument("--seed", type=int, default=os.getpid(), help="of the delays")
    options = parser.parse_args()
    options.kill_after = options.kill_after or options.delay_max / 4
    print(f"seed {options.seed}")
    with broker.Leveret(options.binary).start() as under_test:
        faults = measure(under_test, options)
    for fault in faults:
        print(f"FAILED {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
