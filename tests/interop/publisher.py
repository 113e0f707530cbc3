"""A publisher in a thread of its own, which keeps a window of messages unconfirmed and notes what became of each."""

import select
import struct
import threading

import wire
from wire import Wire

# So much goes out in one piece: a system call costs the same for a byte as for many.
PIECE_BYTES_MAX = 64 * 1024


class Publisher(threading.Thread):
    """Publishes on channel 1 until the broker is gone, or until `is_done` says so and all is answered.

    `message(sequence)` gives the frames of a message; the sequence starts at `first`, the delivery tag at 1.
    """

    def __init__(self, address, number, message, first=1, window=100, is_done=lambda: False, timeout=10):
        super().__init__(daemon=True)
        self.number, self.message, self.window, self.is_done = number, message, window, is_done
        self.first = self.next = first
        self.confirmed, self.refused = set(), set()
        self.answered_tag = 0  # All tags up to this one are answered.
        self.is_blocked, self.blocked_count = False, 0
        self.fault = None
        capabilities = {"connection.blocked": True, "basic.nack": True}
        self.wire = Wire(address, timeout).log_in(capabilities=capabilities).open_channel()
        self.wire.send(wire.method(1, wire.CONFIRM_SELECT, b"\0"))
        self.wire.expect(wire.CONFIRM_SELECT_OK)

    @property
    def outstanding(self):
        """How many messages are sent and not answered."""
        return self.next - self.first - len(self.confirmed) - len(self.refused)

    def run(self):
        try:
            while self.step():
                pass
        except ConnectionError:
            pass
        except (OSError, AssertionError) as fault:
            self.fault = f"publisher {self.number}: {fault!r}"

    def step(self):
        """Fills the window, then waits for one answer. False if there is nothing left to do."""
        if not self.is_blocked:
            self.fill_window()
        if not self.outstanding and (not self.is_blocked or self.is_done()):
            return False
        self.read_answer()
        return True

    def fill_window(self):
        piece = bytearray()
        while self.outstanding < self.window and not self.is_done():
            piece += self.message(self.next)
            self.next += 1
            if len(piece) >= PIECE_BYTES_MAX:
                self.send(piece)
                piece = bytearray()
        self.send(piece)

    def send(self, piece):
        """Sends, and reads meanwhile: a broker that holds a publisher back says so, and takes nothing more."""
        pipe, rest = self.wire.socket, memoryview(piece)
        while rest:
            readable, writable, _ = select.select([pipe], [pipe], [], pipe.gettimeout())
            if not readable and not writable:
                raise TimeoutError("the broker takes nothing more")
            if readable:
                self.read_answer()
            if writable:
                rest = rest[pipe.send(rest) :]

    def read_answer(self):
        found = self.wire.frame()
        if found is None:
            raise ConnectionError("the broker is gone")
        if found.name == wire.CONNECTION_BLOCKED:
            self.is_blocked = True
            self.blocked_count += 1
        elif found.name == wire.CONNECTION_UNBLOCKED:
            self.is_blocked = False
        elif found.name == wire.BASIC_ACK:
            self.note(found, self.confirmed)
        elif found.name == wire.BASIC_NACK:
            self.note(found, self.refused)
        else:
            assert found.kind == wire.HEARTBEAT, f"got {found}"

    def note(self, answer, answered):
        """An answer to one message, or to all up to that one."""
        tag, flags = struct.unpack_from(">QB", answer.load, 4)
        is_multiple = flags & 1
        assert self.answered_tag < tag < self.next - self.first + 1, f"tag {tag} is not open"
        for open_tag in range(self.answered_tag + 1, tag + 1) if is_multiple else (tag,):
            sequence = self.first + open_tag - 1
            if not self.is_answered(sequence):
                answered.add(sequence)
            else:
                assert is_multiple, f"tag {tag} was answered twice"
        while self.is_answered(self.first + self.answered_tag):
            self.answered_tag += 1

    def is_answered(self, sequence):
        return sequence in self.confirmed or sequence in self.refused
