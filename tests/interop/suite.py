"""A test is a function whose name is a sentence. It takes a `World`: the broker, and what a test leaves behind.

    @test
    def a_message_reaches_a_consumer(world): ...

    @test(ours_only=True)       needs to start, stop or configure the broker
"""

import contextlib
import time
import traceback

import pika

TESTS = []
WAIT_S_MAX = 15


def test(function=None, ours_only=False):
    """Registers a test; in the order of definition, module by module."""
    if function is None:
        return lambda function: test(function, ours_only)
    function.ours_only = ours_only
    TESTS.append(function)
    return function


class World:
    """The broker, and the connections and names of one test."""

    def __init__(self, broker):
        self.broker = broker
        self.connections = []
        self.names = []

    def parameters(self, host=None, **options):
        """Where to connect to. `host` may be a name; IPv6 has a listener of its own."""
        address = self.broker.address_v6 if host == "::1" else self.broker.address
        options.setdefault("credentials", pika.PlainCredentials("guest", self.broker.password))
        return pika.ConnectionParameters(
            host=host or address[0], port=address[1], connection_attempts=1, **options
        )

    def connect(self, host=None, **options):
        """A connection that is closed when the test is over."""
        connection = pika.BlockingConnection(self.parameters(host, **options))
        self.connections.append(connection)
        return connection

    def channel(self, **options):
        """A channel on a connection of its own."""
        return self.connect(**options).channel()

    def fresh(self, *names):
        """Removes queues and exchanges of these names, before the test and after it."""
        self.names += names
        self._remove(names)

    def _remove(self, names):
        connection = pika.BlockingConnection(self.parameters())
        for name in names:
            for remove in ("queue_delete", "exchange_delete"):
                # Something exclusive, or busy, belongs to a connection that is about to end.
                with contextlib.suppress(pika.exceptions.ChannelClosedByBroker):
                    getattr(connection.channel(), remove)(name)
        connection.close()

    def clean(self):
        for connection in self.connections:
            with contextlib.suppress(pika.exceptions.AMQPError):
                if connection.is_open:
                    connection.close()
        if self.names:
            self._remove(self.names)


def wait_until(connection, condition, what="a condition"):
    """Serves the connection until the condition holds."""
    deadline = time.monotonic() + WAIT_S_MAX
    while not condition():
        assert time.monotonic() < deadline, f"waited {WAIT_S_MAX} s for {what}"
        connection.process_data_events(time_limit=0.05)


def take(channel, queue, count=1, auto_ack=True):
    """That many messages by basic.get, as (method, properties, body)."""
    taken = []
    deadline = time.monotonic() + WAIT_S_MAX
    while len(taken) < count:
        assert time.monotonic() < deadline, f"{len(taken)} of {count} messages came from {queue}"
        method, properties, body = channel.basic_get(queue, auto_ack=auto_ack)
        if method:
            taken.append((method, properties, body))
    return taken


def bodies(channel, queue, count):
    """The bodies of the next messages of a queue, and proof that there are no more."""
    found = [body for _, _, body in take(channel, queue, count)]
    assert channel.basic_get(queue, auto_ack=True)[0] is None, f"more than {count} in {queue}"
    return found


def depth(channel, queue):
    return channel.queue_declare(queue, passive=True).method.message_count


def equal(found, expected):
    assert found == expected, f"\n  expected {expected!r}\n  found    {found!r}"


def refused(action):
    """The code and text that the broker closes the channel with."""
    try:
        action()
    except pika.exceptions.ChannelClosedByBroker as closed:
        return closed.reply_code, closed.reply_text
    raise AssertionError("the broker did not refuse")


def hung_up(action):
    """The code and text that the broker closes the connection with."""
    try:
        action()
    except pika.exceptions.ConnectionClosedByBroker as closed:
        return closed.reply_code, closed.reply_text
    raise AssertionError("the broker did not close the connection")


def run(broker, pattern=""):
    """Runs the tests whose name contains the pattern; the number of those that failed."""
    passed = failed = 0
    for function in TESTS:
        name = function.__name__.replace("_", " ")
        if pattern not in function.__name__ and pattern not in name:
            continue
        if function.ours_only and not broker.is_ours:
            print(f"-- {name}: needs a broker of our own")
            continue
        world = World(broker)
        try:
            try:
                function(world)
            finally:
                world.clean()
        except Exception:  # Whatever a test dies of, the others still run.
            failed += 1
            print(f"FAILED {name}\n{traceback.format_exc()}{broker.log()}")
        else:
            passed += 1
            print(f"ok {name}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return failed
