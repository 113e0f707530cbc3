"""Messages that can be told apart, and checked byte by byte, when they come back.

The message-id says who sent it, which of his it is, and how long its body is: `3-1741-4096`. It tells empty bodies
apart, too. The body is made of the same, and ends with a checksum as far as there is room.
"""

import struct
import zlib

import wire

DURABLE, TRANSIENT = 2, 1


def body_of(publisher, sequence, size):
    head = struct.pack(">BQ", publisher, sequence)
    filling = (head * (size // len(head) + 1))[:size]
    return filling[:-4] + struct.pack(">I", zlib.crc32(filling[:-4])) if size > 4 else filling


def message(queue, publisher, sequence, size, mode=DURABLE):
    """The frames of a message to that queue, on channel 1."""
    message_id = wire.short_string(f"{publisher}-{sequence}-{size}")
    properties = struct.pack(">HB", 1 << 12 | 1 << 7, mode) + message_id
    return wire.publish(1, queue, body_of(publisher, sequence, size), properties)


def read(header, body):
    """(publisher, sequence) of a message that came, and what is wrong with it, if anything is.

    `header` is the load of its header frame: class, weight, size, flags, delivery-mode, then the message-id.
    """
    text = header[16 : 16 + header[15]].decode()
    publisher, sequence, size = map(int, text.split("-"))
    is_whole = body == body_of(publisher, sequence, size)
    fault = None if is_whole else f"the body of {text} is not what was sent ({len(body)} bytes)"
    return (publisher, sequence), fault
