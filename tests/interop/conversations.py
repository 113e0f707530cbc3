"""Connections and channels: what they share, how they end, and what the two sides agree on first."""

import pika
from pika.exceptions import ChannelClosedByBroker, ConnectionClosedByBroker

import canaries
from suite import bodies, equal, hung_up, refused, take, test, wait_until


@test
def channels_of_a_connection_do_not_disturb_each_other(world):
    connection = world.connect()
    channels = [connection.channel() for _ in range(20)]
    queues = [channel.queue_declare("", exclusive=True).method.queue for channel in channels]
    received = []
    for channel, queue in zip(channels, queues):
        channel.basic_consume(
            queue, lambda ch, method, properties, body: received.append(body), auto_ack=True
        )
    for number, queue in enumerate(queues):
        channels[-1 - number].basic_publish("", queue, str(number))
    wait_until(connection, lambda: len(received) == 20, "a message on each channel")
    equal(sorted(received), sorted(str(number).encode() for number in range(20)))


@test
def an_error_closes_its_channel_and_no_other(world):
    connection = world.connect()
    wrong, right = connection.channel(), connection.channel()
    equal(
        refused(lambda: wrong.queue_declare("interop-none", passive=True)),
        (404, "NOT_FOUND - no queue 'interop-none' in vhost '/'"),
    )
    assert wrong.is_closed and right.is_open and connection.is_open
    right.queue_declare("", exclusive=True)
    again = connection.channel(wrong.channel_number)
    again.queue_declare("", exclusive=True)


@test
def closing_a_connection_closes_all_its_channels(world):
    connection = world.connect()
    channels = [connection.channel() for _ in range(5)]
    names = [channel.queue_declare("", exclusive=True).method.queue for channel in channels]
    connection.close()
    assert all(channel.is_closed for channel in channels)
    for name in names:
        code, _ = refused(lambda: world.channel().queue_declare(name, passive=True))
        equal(code, 404)


@test
def closing_a_channel_returns_what_it_had_not_acknowledged(world):
    world.fresh("interop-q")
    connection = world.connect()
    channel = connection.channel()
    channel.queue_declare("interop-q")
    for number in range(5):
        channel.basic_publish("", "interop-q", str(number))
    taken = take(channel, "interop-q", 3, auto_ack=False)
    channel.basic_ack(taken[1][0].delivery_tag)
    channel.close()
    left = take(connection.channel(), "interop-q", 4)
    equal([body for _, _, body in left], [b"0", b"2", b"3", b"4"])
    equal([method.redelivered for method, _, _ in left], [True, True, False, False])


@test
def the_server_says_what_it_is_and_what_it_can(world):
    connection = world.connect()
    properties = connection._impl.server_properties  # pika keeps them there.
    expected = "Leveret" if world.broker.is_ours else "RabbitMQ"
    equal(properties["product"], expected.encode() if isinstance(properties["product"], bytes) else expected)
    # Clients switch features by this: it is the RabbitMQ version that the broker is compatible with.
    version = properties["version"]
    version = version.decode() if isinstance(version, bytes) else version
    assert version.startswith("4.3."), version
    equal(
        properties["capabilities"],
        {
            "publisher_confirms": True,
            "exchange_exchange_bindings": True,
            "basic.nack": True,
            "consumer_cancel_notify": True,
            "connection.blocked": True,
            "consumer_priorities": True,
            "authentication_failure_close": True,
            "per_consumer_qos": True,
            "direct_reply_to": True,
        },
    )


@test
def the_lower_frame_size_wins_and_large_messages_are_split(world):
    channel = world.channel(frame_max=8192)
    queue = channel.queue_declare("", exclusive=True).method.queue
    body = bytes(range(256)) * 400
    channel.basic_publish("", queue, body)
    equal(bodies(channel, queue, 1), [body])


@test
def a_frame_size_of_4096_is_accepted(world):
    if not world.broker.is_ours:
        return  # RabbitMQ asks for 8192 since 4.1.
    channel = world.channel(frame_max=4096)
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.basic_publish("", queue, b"x" * 10_000)
    equal(bodies(channel, queue, 1), [b"x" * 10_000])


@test
def heartbeats_keep_an_idle_connection(world):
    connection = world.connect(heartbeat=1)
    channel = connection.channel()
    # Longer than the two intervals without a sign of life that end a connection.
    connection.process_data_events(time_limit=3.5)
    channel.queue_declare("", exclusive=True)


@test
def no_heartbeats_are_needed_when_the_client_wants_none(world):
    connection = world.connect(heartbeat=0)
    connection.channel().queue_declare("", exclusive=True)


@test
def a_wrong_password_is_refused(world):
    parameters = world.parameters()
    parameters.credentials = pika.PlainCredentials("guest", canaries.WRONG)
    try:
        pika.BlockingConnection(parameters)
    except pika.exceptions.ProbableAuthenticationError as error:
        text = (
            "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. "
            "For details see the broker logfile."
        )
        equal(error.args[0], f"ConnectionClosedByBroker: (403) '{text}'")
    else:
        raise AssertionError("the password was accepted")


@test
def a_virtual_host_that_does_not_exist_is_refused(world):
    parameters = world.parameters(virtual_host="interop-none")
    try:
        pika.BlockingConnection(parameters)
    except pika.exceptions.AMQPConnectionError as error:
        assert "(530) 'NOT_ALLOWED - vhost interop-none not found'" in repr(error), repr(error)
    else:
        raise AssertionError("the virtual host was accepted")


@test
def a_consumer_tag_in_use_costs_the_connection(world):
    channel = world.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.basic_consume(queue, lambda *_: None, consumer_tag="tag")
    other = channel.connection.channel()
    other.basic_consume(queue, lambda *_: None, consumer_tag="tag")

    def reuse():
        # pika watches over tags itself, so the method is sent past it.
        method = pika.spec.Basic.Consume(queue=queue, consumer_tag="tag")
        channel._impl._rpc(method, lambda *_: None, [pika.spec.Basic.ConsumeOk])
        wait_until(channel.connection, lambda: False, "the refusal")

    equal(hung_up(reuse), (530, "NOT_ALLOWED - attempt to reuse consumer tag 'tag'"))


@test
def prefetch_by_size_costs_the_connection(world):
    channel = world.channel()
    equal(
        hung_up(lambda: channel.basic_qos(prefetch_size=10)),
        (540, "NOT_IMPLEMENTED - prefetch_size!=0 (10)"),
    )


@test
def flow_can_be_switched_on_but_not_off(world):
    channel = world.channel()
    assert channel.flow(True)
    equal(hung_up(lambda: channel.flow(False)), (540, "NOT_IMPLEMENTED - active=false"))


class Conversation:
    """An asynchronous client: connect, declare, publish, consume, close, each step from a callback."""

    def __init__(self, parameters):
        self.received, self.error = [], None
        self.connection = pika.SelectConnection(
            parameters,
            on_open_callback=lambda connection: connection.channel(on_open_callback=self.declare),
            on_open_error_callback=self.fail,
            on_close_callback=lambda connection, reason: connection.ioloop.stop(),
        )
        self.connection.ioloop.call_later(15, lambda: self.fail(None, "no answer in time"))

    def fail(self, _, error):
        self.error = error
        self.connection.ioloop.stop()

    def declare(self, channel):
        self.channel = channel
        channel.queue_declare("", exclusive=True, callback=self.consume)

    def consume(self, frame):
        queue = frame.method.queue
        self.channel.confirm_delivery(self.confirmed)
        self.channel.basic_consume(queue, self.receive)
        for number in range(10):
            self.channel.basic_publish("", queue, str(number).encode())

    def confirmed(self, frame):
        assert isinstance(frame.method, pika.spec.Basic.Ack)

    def receive(self, channel, method, properties, body):
        self.received.append(body)
        channel.basic_ack(method.delivery_tag)
        if len(self.received) == 10:
            self.connection.close()


@test
def an_asynchronous_client_converses_as_well(world):
    conversation = Conversation(world.parameters())
    conversation.connection.ioloop.start()
    equal(conversation.error, None)
    equal(conversation.received, [str(number).encode() for number in range(10)])


@test
def a_closed_channel_stays_usable_for_nothing(world):
    connection = world.connect()
    channel = connection.channel()
    code, _ = refused(lambda: channel.basic_ack(77) or channel.queue_declare("", exclusive=True))
    equal(code, 406)
    try:
        channel.queue_declare("", exclusive=True)
    except pika.exceptions.ChannelWrongStateError:
        pass
    except (ChannelClosedByBroker, ConnectionClosedByBroker) as error:
        raise AssertionError(f"the broker was asked again: {error}") from error
    connection.channel().queue_declare("", exclusive=True)
