"""Bad input over raw sockets: the answer, and that nobody else notices.

    python tests/interop/hostile.py                                  the release binary
    python tests/interop/hostile.py --uri amqp://127.0.0.1:5672      a broker that runs already

A bystander stays connected throughout: after each test it must still be served.
"""

import argparse
import concurrent.futures
import contextlib
import sys
import time
import traceback

import broker
import canaries
from hostile_cases import AFTER_LOGIN, ANY, BEFORE_LOGIN, PROTOCOL_HEADERS, SILENCE, Close, syntax_error
from wire import (
    CHANNEL_OPEN,
    CHANNEL_OPEN_OK,
    CONNECTION_CLOSE,
    CONNECTION_CLOSE_OK,
    CONNECTION_OPEN_OK,
    CONNECTION_START,
    CONNECTION_START_OK,
    CONNECTION_TUNE,
    HEARTBEAT,
    PROTOCOL_HEADER,
    QUEUE_DECLARE_OK,
    Wire,
    long_string,
    method,
    publish,
    queue_declare,
    short_string,
    table,
)

CAN_BE_TOLD = {"authentication_failure_close": True}
REFUSED = "ACCESS_REFUSED - Login was refused using authentication mechanism {}. For details see the broker logfile."
CASES_AT_ONCE = 16
FLOOD_CONNECTIONS = 2_000
ABRUPT_ENDS = 200
FLOOD_GROWTH_KIB_MAX = 8 * 1024
HANDSHAKE_TIMEOUT_S = 10


def answer(wire):
    """The connection.close that ends the connection, as (code, text, method), or None for none."""
    while (found := wire.frame()) is not None:
        if found.name == CONNECTION_CLOSE:
            with contextlib.suppress(ConnectionError):
                wire.send(method(0, CONNECTION_CLOSE_OK))
            assert wire.closed(), "still open after connection.close-ok"
            return found.close()
    return None


def expect(wire, *answers):
    found = answer(wire)
    right = any(wanted.matches(found) for wanted in answers)
    assert right, f"\n  expected {' or '.join(map(str, answers))}\n  found    {found}"


def after_login(address):
    for name, data, *answers in AFTER_LOGIN:
        def case(data=data, answers=answers):
            with Wire(address).log_in().open_channel() as wire:
                wire.send(data)
                expect(wire, *answers)
        yield name, case


def before_login(address):
    for name, data in BEFORE_LOGIN:
        def case(data=data):
            with Wire(address) as wire:
                wire.send(PROTOCOL_HEADER)
                wire.expect(CONNECTION_START)
                wire.send(data)
                # Whoever has not logged in is owed no reason, but may be given one.
                answer(wire)
        yield name, case


def protocol_headers(address):
    for name, data, expected in PROTOCOL_HEADERS:
        def case(data=data, expected=expected):
            with Wire(address) as wire:
                wire.send(data)
                found = wire.read(8)
                assert found == expected, f"answered {found}"
                assert wire.closed(), "the connection stayed open"
        yield f"protocol header: {name}", case


def logins(address):
    """Everything that may go wrong between connection.start and connection.open-ok."""

    def login(answers, **start_ok):
        with Wire(address) as wire:
            wire.send(PROTOCOL_HEADER)
            wire.expect(CONNECTION_START)
            wire.start_ok(**start_ok)
            expect(wire, *answers)

    def response(mechanism, data, *answers):
        with Wire(address) as wire:
            wire.send(PROTOCOL_HEADER)
            wire.expect(CONNECTION_START)
            client = table({"capabilities": CAN_BE_TOLD})
            arguments = client + short_string(mechanism) + long_string(data) + short_string("en_US")
            wire.send(method(0, CONNECTION_START_OK, arguments))
            expect(wire, *answers)

    def tuning(answers, vhost="/", **tune_ok):
        with Wire(address) as wire:
            wire.send(PROTOCOL_HEADER)
            wire.expect(CONNECTION_START)
            wire.start_ok()
            wire.expect(CONNECTION_TUNE)
            wire.tune_ok(**tune_ok)
            wire.open_vhost(vhost)
            expect(wire, *answers)

    def not_allowed(name, value, how, limit):
        text = f"NOT_ALLOWED - negotiated {name} = {value} is {how} than the "
        text += f"{'maximum' if how == 'higher' else 'minimum'} allowed value ({limit})"
        # RabbitMQ keeps the reason in its log: before connection.open it ends without a word.
        return [SILENCE, Close(530, text, ANY)]

    refused = Close(403, REFUSED.format("PLAIN"))
    wrong = table({"LOGIN": "guest", "PASSWORD": canaries.WRONG})[4:]
    unknown = [SILENCE, Close(503, "COMMAND_INVALID - unknown authentication mechanism 'NONE'", ANY)]
    malformed = [SILENCE, syntax_error(), refused, Close(403, REFUSED.format("AMQPLAIN"))]
    vhost = Close(530, "NOT_ALLOWED - vhost nowhere not found", (10, 40))
    return [
        ("a wrong password, to a client that can be told",
         lambda: login([refused], password=canaries.WRONG, capabilities=CAN_BE_TOLD)),
        ("a wrong password, to a client that cannot", lambda: login([SILENCE], password=canaries.WRONG)),
        ("an unknown user",
         lambda: login([refused], user="nobody", capabilities=CAN_BE_TOLD)),
        ("an unknown mechanism",
         lambda: login(unknown, mechanism="NONE", capabilities=CAN_BE_TOLD)),
        ("a malformed PLAIN response", lambda: response("PLAIN", b"guest", *malformed)),
        ("a malformed AMQPLAIN response", lambda: response("AMQPLAIN", b"guest", *malformed)),
        ("a wrong password by AMQPLAIN",
         lambda: response("AMQPLAIN", wrong, Close(403, REFUSED.format("AMQPLAIN")))),
        ("a virtual host that does not exist", lambda: tuning([vhost], vhost="nowhere")),
        ("a frame size above the server's",
         lambda: tuning(not_allowed("frame_max", 131073, "higher", 131072), frame_max=131073)),
        ("a frame size without a limit",
         lambda: tuning(not_allowed("frame_max", 0, "higher", 131072), frame_max=0)),
        ("a frame size that is too small",
         lambda: tuning(not_allowed("frame_max", 4095, "lower", 4096), frame_max=4095)),
        ("more channels than the server's",
         lambda: tuning(not_allowed("channel_max", 2048, "higher", 2047), channel_max=2048)),
        ("channels without a limit",
         lambda: tuning(not_allowed("channel_max", 0, "higher", 2047), channel_max=0)),
        ("more channels than agreed", lambda: too_many_channels(address)),
    ]


def too_many_channels(address):
    with Wire(address).log_in(channel_max=2).open_channel(1).open_channel(2) as wire:
        wire.send(method(3, CHANNEL_OPEN, b"\0"))
        text = "NOT_ALLOWED - number of channels opened (2) has reached the negotiated channel_max (2)"
        expect(wire, Close(530, text, ANY))


def pace(address):
    """Slow clients, silent clients, and clients that leave in the middle of a frame."""

    def slow():
        with Wire(address) as wire:
            send_slowly(wire, PROTOCOL_HEADER)
            wire.expect(CONNECTION_START)
            fast, wire.send = wire.send, lambda data: send_slowly(wire, data, fast)
            wire.start_ok()
            wire.expect(CONNECTION_TUNE)
            wire.tune_ok()
            wire.open_vhost()
            wire.expect(CONNECTION_OPEN_OK)
            wire.open_channel()
            wire.send(queue_declare(1, "hostile-slow"))
            wire.expect(QUEUE_DECLARE_OK)

    def cut():
        conversation = method(1, CHANNEL_OPEN, b"\0") + publish(1, "hostile-none", b"body" * 5)
        conversation += queue_declare(1, "hostile-none", passive=True)
        for end in range(len(conversation)):
            with Wire(address).log_in() as wire:
                wire.send(conversation[:end])

    def cut_handshake():
        for end in range(len(PROTOCOL_HEADER)):
            with Wire(address) as wire:
                wire.send(PROTOCOL_HEADER[:end])
        login = recorded_login()
        for end in range(len(login)):
            with Wire(address) as wire:
                wire.send(PROTOCOL_HEADER + login[:end])

    def all_at_once():
        with Wire(address) as wire:
            wire.send(PROTOCOL_HEADER + recorded_login() + method(1, CHANNEL_OPEN, b"\0"))
            for expected in (CONNECTION_START, CONNECTION_TUNE, CONNECTION_OPEN_OK, CHANNEL_OPEN_OK):
                wire.expect(expected)

    def silent():
        with Wire(address).log_in(heartbeat=1) as wire:
            began, took, heartbeats = time.monotonic(), 0.0, 0
            while took < 10 and (found := wire.frame()) is not None:
                heartbeats += found.kind == HEARTBEAT
                took = time.monotonic() - began
            assert heartbeats >= 2, f"{heartbeats} heartbeats in {took:.1f} s"
            # Two to three intervals; and a little, on a busy machine.
            assert 1.9 < took < 5, f"closed after {took:.1f} s"

    return [
        ("a handshake byte by byte", slow),
        ("a conversation cut at every byte", cut),
        ("a handshake cut at every byte", cut_handshake),
        ("a handshake that waits for nothing", all_at_once),
        ("a client that misses its heartbeats", silent),
    ]


def send_slowly(wire, data, send=None):
    send = send or wire.send
    for byte in data:
        send(bytes([byte]))


def recorded_login():
    """What a client sends from start-ok to open."""

    class Recorder(Wire):
        def __init__(self):
            self.sent = b""

        def send(self, data):
            self.sent += data

    recorder = Recorder()
    recorder.start_ok()
    recorder.tune_ok()
    recorder.open_vhost()
    return recorder.sent


def flood(under_test):
    """Thousands of hostile connections leave no memory behind."""
    attacks = [data for _, data, *_ in AFTER_LOGIN]

    def attack(count):
        for number in range(count):
            # The broker may close before the last byte is sent.
            with contextlib.suppress(ConnectionError), Wire(under_test.address) as wire:
                if number % 4 == 0:
                    wire.send(attacks[number % len(attacks)])
                elif number % 4 == 1:
                    wire.send(PROTOCOL_HEADER + recorded_login()[: number % 150])
                else:
                    wire.log_in().open_channel()
                    wire.send(attacks[number % len(attacks)] + b"\xff" * (number % 5000))

    attack(FLOOD_CONNECTIONS // 4)
    before = under_test.rss_kib()
    attack(FLOOD_CONNECTIONS)
    after = under_test.rss_kib()
    print(f"   {FLOOD_CONNECTIONS} hostile connections: {before / 1024:.1f} to {after / 1024:.1f} MiB resident")
    assert after - before < FLOOD_GROWTH_KIB_MAX, f"{after - before} KiB more"


def abrupt_ends(under_test):
    """A client that ends right behind its last byte leaves no socket behind."""
    before = under_test.open_files()
    for _ in range(ABRUPT_ENDS):
        with Wire(under_test.address) as wire:
            wire.log_in(heartbeat=0).open_channel()
            wire.send(queue_declare(1, "hostile-abrupt"))
            wire.expect(QUEUE_DECLARE_OK)
            wire.send(publish(1, "hostile-abrupt", b"x") * 100)
    deadline = time.monotonic() + 10
    while (after := under_test.open_files()) > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert after <= before, f"{after - before} of {ABRUPT_ENDS} sockets are still open"


class Silent:
    """A client that connects and says nothing: opened first, looked at last, so that nobody waits for it."""

    def __init__(self, address):
        self.wire = Wire(address, timeout=HANDSHAKE_TIMEOUT_S + 5)
        self.began = time.monotonic()

    def check(self):
        assert self.wire.closed(), f"open after {time.monotonic() - self.began:.0f} s without a byte"


def run_together(cases):
    """Runs cases at the same time, because most of them wait; (name, what went wrong or None) in order."""
    with concurrent.futures.ThreadPoolExecutor(CASES_AT_ONCE) as pool:
        running = [(name, pool.submit(case)) for name, case in cases]
        for name, future in running:
            yield name, future.exception()


def outcomes(under_test, pattern):
    address = under_test.address
    silent = Silent(address)
    cases = [
        *protocol_headers(address),
        *after_login(address),
        *before_login(address),
        *logins(address),
        *pace(address),
    ]
    yield from run_together([(name, case) for name, case in cases if pattern in name])
    alone = [("a client that says nothing", silent.check)]
    if under_test.is_ours:
        alone.append(("an end right behind the last byte", lambda: abrupt_ends(under_test)))
        alone.append(("memory stays flat under a flood", lambda: flood(under_test)))
    for case in alone:
        if pattern in case[0]:
            yield from run_together([case])


def serve_bystander(bystander):
    bystander.send(queue_declare(1, "hostile-bystander"))
    bystander.expect(QUEUE_DECLARE_OK)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    broker.add_arguments(parser)
    parser.add_argument("pattern", nargs="?", default="", help="words of a test's name")
    options = parser.parse_args()
    passed = failed = 0
    with broker.open_broker(options) as under_test, Wire(under_test.address) as bystander:
        bystander.log_in().open_channel()
        for name, fault in outcomes(under_test, options.pattern):
            serve_bystander(bystander)
            if fault:
                failed += 1
                print(f"FAILED {name}\n{''.join(traceback.format_exception(fault))}{under_test.log()}", flush=True)
            else:
                passed += 1
                print(f"ok {name}", flush=True)
        if under_test.is_ours:
            under_test.stop()
            assert "panicked" not in under_test.log(), under_test.log()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
