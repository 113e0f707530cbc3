"""AMQP 0-9-1 by hand: a socket, frames, and the few methods that the raw tests need.

Nothing here checks what it sends. That is the point: `hostile.py` sends what no client library would, and
`kill9.py` needs the speed of a client that does nothing but publish.

A frame on the wire:

    octet 0    1         3              7              7+size
    ┌──────┬─────────┬──────────────┬──────────────┬──────┐
    │ type │ channel │ size of load │ load ...     │ 0xCE │
    └──────┴─────────┴──────────────┴──────────────┴──────┘
"""

import socket
import struct

import canaries

PROTOCOL_HEADER = b"AMQP\0\0\x09\x01"
METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
FRAME_END = 0xCE

# Methods as (class, method).
CONNECTION_START, CONNECTION_START_OK = (10, 10), (10, 11)
CONNECTION_TUNE, CONNECTION_TUNE_OK = (10, 30), (10, 31)
CONNECTION_OPEN, CONNECTION_OPEN_OK = (10, 40), (10, 41)
CONNECTION_CLOSE, CONNECTION_CLOSE_OK = (10, 50), (10, 51)
CONNECTION_BLOCKED, CONNECTION_UNBLOCKED = (10, 60), (10, 61)
CHANNEL_OPEN, CHANNEL_OPEN_OK = (20, 10), (20, 11)
CHANNEL_CLOSE, CHANNEL_CLOSE_OK = (20, 40), (20, 41)
EXCHANGE_DECLARE, EXCHANGE_DECLARE_OK = (40, 10), (40, 11)
QUEUE_DECLARE, QUEUE_DECLARE_OK = (50, 10), (50, 11)
QUEUE_BIND, QUEUE_BIND_OK = (50, 20), (50, 21)
QUEUE_PURGE, QUEUE_PURGE_OK = (50, 30), (50, 31)
QUEUE_DELETE, QUEUE_DELETE_OK = (50, 40), (50, 41)
BASIC_QOS, BASIC_QOS_OK = (60, 10), (60, 11)
BASIC_CONSUME, BASIC_CONSUME_OK = (60, 20), (60, 21)
BASIC_PUBLISH, BASIC_DELIVER = (60, 40), (60, 60)
BASIC_GET, BASIC_GET_OK, BASIC_GET_EMPTY = (60, 70), (60, 71), (60, 72)
BASIC_ACK, BASIC_NACK = (60, 80), (60, 120)
CONFIRM_SELECT, CONFIRM_SELECT_OK = (85, 10), (85, 11)

PERSISTENT = struct.pack(">HB", 1 << 12, 2)


def short_string(text):
    data = text.encode()
    return struct.pack(">B", len(data)) + data


def long_string(data):
    data = data.encode() if isinstance(data, str) else data
    return struct.pack(">I", len(data)) + data


def table(entries):
    """A field table of booleans, strings and tables."""
    out = b""
    for name, value in entries.items():
        out += short_string(name)
        if isinstance(value, bool):
            out += b"t" + struct.pack(">B", value)
        elif isinstance(value, dict):
            out += b"F" + table(value)
        else:
            out += b"S" + long_string(value)
    return long_string(out)


def frame(kind, channel, load, end=FRAME_END):
    return struct.pack(">BHI", kind, channel, len(load)) + load + bytes([end])


def method(channel, name, arguments=b""):
    return frame(METHOD, channel, struct.pack(">HH", *name) + arguments)


def header(channel, size, properties=b"\0\0", class_id=60):
    return frame(HEADER, channel, struct.pack(">HHQ", class_id, 0, size) + properties)


def publish_method(channel, key, exchange="", flags=0):
    arguments = b"\0\0" + short_string(exchange) + short_string(key) + bytes([flags])
    return method(channel, BASIC_PUBLISH, arguments)


def publish(channel, key, body, properties=b"\0\0", frame_max=131072, exchange=""):
    """A whole message as the bytes of its frames."""
    parts = [publish_method(channel, key, exchange), header(channel, len(body), properties)]
    size = frame_max - 8
    for at in range(0, len(body), size):
        parts.append(frame(BODY, channel, body[at : at + size]))
    return b"".join(parts)


def queue_declare(channel, name, durable=False, passive=False):
    flags = passive | durable << 1
    return method(channel, QUEUE_DECLARE, b"\0\0" + short_string(name) + bytes([flags]) + table({}))


def basic_get(channel, queue, no_ack=False):
    return method(channel, BASIC_GET, b"\0\0" + short_string(queue) + bytes([no_ack]))


def queue_purge(channel, name):
    return method(channel, QUEUE_PURGE, b"\0\0" + short_string(name) + b"\0")


def queue_delete(channel, name):
    return method(channel, QUEUE_DELETE, b"\0\0" + short_string(name) + b"\0")


def queue_bind(channel, queue, exchange, key=""):
    names = short_string(queue) + short_string(exchange) + short_string(key)
    return method(channel, QUEUE_BIND, b"\0\0" + names + b"\0" + table({}))


def exchange_declare(channel, name, kind, durable=False):
    arguments = b"\0\0" + short_string(name) + short_string(kind) + bytes([durable << 1]) + table({})
    return method(channel, EXCHANGE_DECLARE, arguments)


class Frame:
    """A frame that came in, and what it says if it is a method."""

    def __init__(self, kind, channel, load):
        self.kind, self.channel, self.load = kind, channel, load
        self.name = struct.unpack_from(">HH", load) if kind == METHOD else None

    def close(self):
        """The code, text and failing method of connection.close or channel.close."""
        code, length = struct.unpack_from(">HB", self.load, 4)
        text = self.load[7 : 7 + length].decode()
        return code, text, struct.unpack_from(">HH", self.load, 7 + length)

    def __repr__(self):
        what = self.close() if self.name in (CONNECTION_CLOSE, CHANNEL_CLOSE) else self.load[:40]
        return f"Frame({self.kind}, channel {self.channel}, {self.name}, {what})"


class Wire:
    """One connection. Reads wait at most `timeout` seconds, so that a silent broker fails a test."""

    def __init__(self, address, timeout=10, tls=None, before=b""):
        """`tls` is the context to speak TLS with, and `before` what is sent in the clear before anything else."""
        self.socket = socket.create_connection(address, timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if before:
            self.socket.sendall(before)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.buffer = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def read(self, size):
        """Exactly that many bytes, or fewer if the broker closed."""
        while len(self.buffer) < size:
            try:
                piece = self.socket.recv(262144)
            except ConnectionError:
                piece = b""
            if not piece:
                break
            self.buffer += piece
        data = bytes(self.buffer[:size])
        del self.buffer[:size]
        return data

    def frame(self):
        """The next frame, or None if the broker closed."""
        head = self.read(7)
        if len(head) < 7:
            return None
        kind, channel, size = struct.unpack(">BHI", head)
        load = self.read(size + 1)
        if len(load) < size + 1:
            return None
        assert load[-1] == FRAME_END, f"a frame ends in {load[-1]:#x}"
        return Frame(kind, channel, load[:-1])

    def expect(self, name):
        """The next method, which must be that one. Heartbeats in between are skipped."""
        while True:
            found = self.frame()
            if found is None or found.kind != HEARTBEAT:
                break
        assert found is not None and found.name == name, f"expected {name}, got {found}"
        return found

    def closed(self):
        """Reads until the broker closes, and says whether it did before the time ran out."""
        try:
            while self.socket.recv(262144):
                pass
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        return True

    def start_ok(self, user="guest", password=None, capabilities=None, mechanism="PLAIN"):
        password = canaries.password if password is None else password
        entries = {"capabilities": capabilities} if capabilities else {}
        response = long_string(f"\0{user}\0{password}")
        arguments = table(entries) + short_string(mechanism) + response + short_string("en_US")
        self.send(method(0, CONNECTION_START_OK, arguments))

    def tune_ok(self, channel_max=2047, frame_max=131072, heartbeat=0):
        self.send(method(0, CONNECTION_TUNE_OK, struct.pack(">HIH", channel_max, frame_max, heartbeat)))

    def open_vhost(self, vhost="/"):
        self.send(method(0, CONNECTION_OPEN, short_string(vhost) + b"\0\0"))

    def log_in(self, capabilities=None, has_said_hello=False, **tuning):
        """From the protocol header, unless it is sent already, to connection.open-ok."""
        if not has_said_hello:
            self.send(PROTOCOL_HEADER)
        self.expect(CONNECTION_START)
        self.start_ok(capabilities=capabilities)
        self.expect(CONNECTION_TUNE)
        self.tune_ok(**tuning)
        self.open_vhost()
        self.expect(CONNECTION_OPEN_OK)
        return self

    def open_channel(self, channel=1):
        self.send(method(channel, CHANNEL_OPEN, b"\0"))
        self.expect(CHANNEL_OPEN_OK)
        return self
