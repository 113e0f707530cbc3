"""What a hostile client sends, and how it must be answered.

Each case was put to RabbitMQ 4.3, which passes them all (`hostile.py --uri`). Some of its answers are an accident
of how it is built, an Erlang term in a text for example, or a silent end where a reason would help. Such a case
names alternatives: the first is what RabbitMQ does, any of them is right.
"""

import struct

from wire import (
    BASIC_ACK,
    BASIC_DELIVER,
    BODY,
    CHANNEL_CLOSE,
    CHANNEL_OPEN,
    CONNECTION_CLOSE,
    CONNECTION_OPEN,
    CONNECTION_START_OK,
    CONNECTION_TUNE_OK,
    HEADER,
    HEARTBEAT,
    METHOD,
    QUEUE_DECLARE,
    QUEUE_DECLARE_OK,
    frame,
    header,
    long_string,
    method,
    publish_method,
    queue_declare,
    short_string,
    table,
)


ANY = None


class Close:
    """connection.close with a code, a text or the beginning of one, and the method that failed or any."""

    def __init__(self, code, text, failing=(0, 0)):
        self.code, self.text, self.failing = code, text, failing

    def matches(self, found):
        if found is None:
            return False
        code, text, failing = found
        begins = self.text.endswith("...") and text.startswith(self.text[:-3])
        is_method = self.failing in (ANY, failing)
        return code == self.code and is_method and (begins or text == self.text)

    def __repr__(self):
        return f"{self.code} {self.text!r} {self.failing}"


class Silence:
    """The connection ends without a word."""

    def matches(self, found):
        return found is None

    def __repr__(self):
        return "an end without a word"


SILENCE = Silence()
EXPECTED_METHOD = Close(505, "UNEXPECTED_FRAME - expected method frame, got non method frame instead")
PUBLISH = (60, 40)
START_OK_AGAIN = table({}) + short_string("PLAIN") + long_string("\0guest\0guest") + short_string("en_US")


def frame_error(failing=(0, 0)):
    return Close(501, "FRAME_ERROR - ...", failing)


def syntax_error():
    return Close(502, "SYNTAX_ERROR - ...", ANY)


def command_invalid(failing):
    return Close(503, "COMMAND_INVALID - ...", failing)


def unexpected(text, failing=PUBLISH):
    return Close(505, f"UNEXPECTED_FRAME - {text}", failing)


def channel_error(text, failing):
    return Close(504, f"CHANNEL_ERROR - {text}", failing)


def not_running(failing):
    return channel_error("unexpected method in connection state running", failing)


UNIMPLEMENTED = "COMMAND_INVALID - unimplemented method"

# Sent on a connection that is open, with channel 1 open: name, bytes, the answers that are right.
AFTER_LOGIN = [
    (
        "a frame that announces too much",
        struct.pack(">BHI", METHOD, 1, 131073) + b"x",
        Close(501, "FRAME_ERROR - type 1, all octets = <<>>: {frame_too_large,131073,131064}"),
        frame_error(),
    ),
    (
        "a frame that announces four gigabytes",
        struct.pack(">BHI", BODY, 1, 0xFFFFFFFF) + b"x" * 100,
        Close(501, "FRAME_ERROR - type 3, all octets = <<>>: {frame_too_large,4294967295,131064}"),
        frame_error(),
    ),
    (
        "a wrong frame end",
        frame(METHOD, 1, struct.pack(">HHB", 20, 40, 0), end=0),
        Close(501, "FRAME_ERROR - type 1, all octets = <<0,20,0,40,0>>: {invalid_frame_end_marker,0}"),
        frame_error(),
    ),
    ("a heartbeat with a wrong end", frame(HEARTBEAT, 0, b"", end=0), frame_error()),
    ("an unknown frame type", frame(4, 1, b"abc"), frame_error()),
    ("an unknown frame type on channel 0", frame(4, 0, b"abc"), frame_error()),
    ("frame type 0", frame(0, 1, b"abc"), frame_error()),
    ("a heartbeat with a load", frame(HEARTBEAT, 0, b"abc"), frame_error()),
    (
        "a heartbeat on channel 1",
        frame(HEARTBEAT, 1, b""),
        Close(505, "UNEXPECTED_FRAME - type 8, all octets = <<>>"),
        Close(505, "UNEXPECTED_FRAME - ..."),
    ),
    # RabbitMQ's decoder dies of these, and the connection with it.
    ("an unknown class", method(1, (77, 10)), SILENCE, command_invalid((77, 10))),
    ("an unknown method", method(1, (60, 99)), SILENCE, command_invalid((60, 99))),
    ("an unknown class on channel 0", method(0, (77, 10)), SILENCE, command_invalid((77, 10))),
    (
        "a table with an unknown type",
        method(1, QUEUE_DECLARE, b"\0\0" + short_string("q") + b"\0" + long_string(b"\x01aZ\0")),
        SILENCE,
        frame_error((50, 10)),
        syntax_error(),
    ),
    (
        "properties that are cut short",
        publish_method(1, "x") + header(1, 0, b"\xff\xff\xff\xff"),
        Close(541, "INTERNAL_ERROR"),
        frame_error(PUBLISH),
        syntax_error(),
    ),
    ("a method without a name", frame(METHOD, 1, b""), frame_error()),
    ("half of a method's name", frame(METHOD, 1, b"\0\x32"), frame_error()),
    (
        "arguments that are cut short",
        method(1, QUEUE_DECLARE, b"\0\0\x20ab"),
        Close(501, "FRAME_ERROR - cannot decode <<0,0,32,97,98>>", (50, 10)),
        frame_error((50, 10)),
    ),
    (
        "arguments that are too long",
        method(1, QUEUE_DECLARE, b"\0\0" + short_string("q") + b"\0" + table({}) + b"xx"),
        Close(501, "FRAME_ERROR - cannot decode <<0,0,1,113,0,0,0,0,0,120,120>>", (50, 10)),
        frame_error((50, 10)),
    ),
    (
        "a table longer than its method",
        method(1, QUEUE_DECLARE, b"\0\0" + short_string("q") + b"\0" + struct.pack(">I", 100) + b"abc"),
        frame_error((50, 10)),
    ),
    (
        "a name that is not UTF-8",
        method(1, QUEUE_DECLARE, b"\0\0\x02\xff\xfe\0" + table({})),
        Close(501, "FRAME_ERROR - Malformed UTF-8 in shortstr"),
        frame_error((50, 10)),
    ),
    (
        "a method on a channel that is not open",
        queue_declare(7, "q"),
        channel_error("expected 'channel.open'", (50, 10)),
    ),
    ("a header on a channel that is not open", header(7, 0), EXPECTED_METHOD),
    ("a body on a channel that is not open", frame(BODY, 7, b"abc"), EXPECTED_METHOD),
    (
        "a channel opened twice",
        method(1, CHANNEL_OPEN, b"\0"),
        channel_error("second 'channel.open' seen", (20, 10)),
    ),
    ("a header before its method", header(1, 3), EXPECTED_METHOD),
    ("a body before everything", frame(BODY, 1, b"abc"), EXPECTED_METHOD),
    (
        "a body before its header",
        publish_method(1, "x") + frame(BODY, 1, b"abc"),
        unexpected("expected content header for class 60, got non content header frame instead"),
    ),
    (
        "a method where a header should be",
        publish_method(1, "x") + queue_declare(1, "q"),
        unexpected("expected content header for class 60, got non content header frame instead"),
    ),
    (
        "a header of another class",
        publish_method(1, "x") + header(1, 3, class_id=50),
        unexpected("expected content header for class 60, got one for class 50 instead"),
    ),
    (
        "a method where a body should be",
        publish_method(1, "x") + header(1, 3) + queue_declare(1, "q"),
        unexpected("expected content body, got non content body frame instead"),
    ),
    (
        "two headers",
        publish_method(1, "x") + header(1, 3) + header(1, 3),
        unexpected("expected content body, got non content body frame instead"),
    ),
    (
        "a body longer than announced",
        publish_method(1, "x") + header(1, 3) + frame(BODY, 1, b"abcd"),
        Close(501, "FRAME_ERROR - content body frame exceeds remaining content size", PUBLISH),
    ),
    (
        "a body of a terabyte",
        publish_method(1, "x") + header(1, 1 << 40),
        Close(
            501,
            "FRAME_ERROR - content body size 1099511627776 exceeds maximum allowed size 536870912",
            PUBLISH,
        ),
    ),
    (
        "immediate delivery",
        publish_method(1, "x", flags=2) + header(1, 0),
        Close(540, "NOT_IMPLEMENTED - immediate=true", PUBLISH),
    ),
    ("channel 0 opened", method(0, CHANNEL_OPEN, b"\0"), not_running((20, 10))),
    ("a queue declared on channel 0", queue_declare(0, "q"), not_running((50, 10))),
    ("a second open", method(0, CONNECTION_OPEN, short_string("/") + b"\0\0"), not_running((10, 40))),
    ("a second login", method(0, CONNECTION_START_OK, START_OK_AGAIN), not_running((10, 11))),
    ("a second tuning", method(0, CONNECTION_TUNE_OK, b"\0" * 8), not_running((10, 31))),
    (
        "the connection opened on channel 1",
        method(1, CONNECTION_OPEN, short_string("/") + b"\0\0"),
        Close(503, UNIMPLEMENTED, (10, 40)),
    ),
    (
        "the connection closed on channel 1",
        method(1, CONNECTION_CLOSE, b"\0" * 7),
        Close(503, UNIMPLEMENTED, (10, 50)),
    ),
    (
        "an answer that only a server gives",
        method(1, QUEUE_DECLARE_OK, short_string("q") + b"\0" * 8),
        Close(503, UNIMPLEMENTED, (50, 11)),
    ),
    (
        "a delivery from a client",
        method(1, BASIC_DELIVER, short_string("c") + b"\0" * 9 + short_string("") + short_string("q"))
        + header(1, 0),
        Close(503, UNIMPLEMENTED, (60, 60)),
    ),
]

# Sent instead of the protocol header: name, bytes, what comes back before the end.
AMQP_0_9_1, AMQP_1_0_SASL = b"AMQP\0\0\x09\x01", b"AMQP\x03\x01\0\0"
PROTOCOL_HEADERS = [
    ("AMQP 0-9", b"AMQP\0\0\x09\0", AMQP_0_9_1),
    ("AMQP 0-10", b"AMQP\0\0\x0a\0", AMQP_0_9_1),
    ("AMQP 0-8", b"AMQP\0\0\x08\0", AMQP_1_0_SASL),
    ("AMQP 0-8 as it was sent", b"AMQP\x01\x01\x08\0", AMQP_1_0_SASL),
    ("AMQP 1.0 without SASL", b"AMQP\0\x01\0\0", AMQP_1_0_SASL),
    ("AMQP 1.0 over TLS", b"AMQP\x02\x01\0\0", AMQP_1_0_SASL),
    ("HTTP", b"GET / HTTP/1.1\r\n\r\n"[:8], AMQP_1_0_SASL),
    ("TLS", b"\x16\x03\x01\x02\0\x01\0\x01", AMQP_1_0_SASL),
    ("letters", b"ABCDEFGH", AMQP_1_0_SASL),
]

# Sent instead of connection.start-ok. RabbitMQ says nothing to a stranger and ends after three seconds.
BEFORE_LOGIN = [
    ("a queue declared before login", queue_declare(1, "q")),
    ("tuning before login", method(0, CONNECTION_TUNE_OK, b"\0" * 8)),
    ("a body before login", frame(BODY, 0, b"abc")),
    ("a header before login", frame(HEADER, 1, b"abc")),
    ("a frame beyond the first limit", frame(METHOD, 0, b"x" * 9000)),
    ("a frame of four gigabytes before login", struct.pack(">BHI", METHOD, 0, 0xFFFFFFFF)),
    ("an unknown method before login", method(0, (10, 99))),
    ("a wrong frame end before login", frame(METHOD, 0, b"xxxx", end=1)),
    ("an acknowledgement before login", method(0, BASIC_ACK, b"\0" * 9)),
    ("a channel closed before login", method(1, CHANNEL_CLOSE, b"\0" * 7)),
]
