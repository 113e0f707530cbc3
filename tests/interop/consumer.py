"""A consumer in a thread of its own, which notes what it gets and acknowledges what it is told to."""

import struct
import threading
import time

import stamp
import wire
from wire import Wire


class Consumer(threading.Thread):
    """Takes messages of `stamp` from one queue until the broker is gone.

    `acknowledge(message)` says whether to; `message` is (publisher, sequence).
    """

    def __init__(self, address, queue, acknowledge=lambda _: True, prefetch=20_000, timeout=10):
        super().__init__(daemon=True)
        self.received, self.acked_at = [], {}
        self.acknowledge = acknowledge
        self.faults = []
        self.wire = Wire(address, timeout).log_in().open_channel()
        self.wire.send(wire.method(1, wire.BASIC_QOS, struct.pack(">IHB", 0, prefetch, 0)))
        self.wire.expect(wire.BASIC_QOS_OK)
        arguments = b"\0\0" + wire.short_string(queue) + wire.short_string("c") + b"\0" + wire.table({})
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

    def finish(self):
        """Ends when the broker has heard every acknowledgement. What was not looked at goes back into the queue."""
        self.wire.send(wire.method(1, wire.BASIC_QOS, struct.pack(">IHB", 0, 1, 0)))
        while (found := self.wire.frame()) is not None and found.name != wire.BASIC_QOS_OK:
            pass
        self.wire.socket.close()

    def note(self, deliver, header, body):
        message, fault = stamp.read(header.load, body)
        if fault:
            self.faults.append(fault)
        self.received.append(message)
        if self.acknowledge(message):
            tag = deliver.load[4 + 1 + deliver.load[4] :][:8]
            self.wire.send(wire.method(1, wire.BASIC_ACK, tag + b"\0"))
            self.acked_at[message] = time.monotonic()


def declare(address, queue):
    """Declares a durable queue; how many messages it holds."""
    with Wire(address).log_in().open_channel() as channel:
        channel.send(wire.queue_declare(1, queue, durable=True))
        found = channel.expect(wire.QUEUE_DECLARE_OK)
        return struct.unpack_from(">I", found.load, 5 + found.load[4])[0]


def drain(address, queue, timeout=10):
    """Consumes and acknowledges all that a queue holds: the messages in order, and what is wrong with them."""
    left = declare(address, queue)
    consumer = Consumer(address, queue, timeout=timeout)
    while len(consumer.received) < left and consumer.take():
        pass
    if len(consumer.received) < left:
        consumer.faults.append(f"the broker was gone after {len(consumer.received)} of {left} messages")
    elif declare(address, queue):
        consumer.faults.append("the queue holds more than it said")
    consumer.wire.socket.close()
    return consumer.received, consumer.faults
