"""What a message carries comes out as it went in."""

import datetime
import decimal

import pika

from suite import bodies, equal, take, test, wait_until


def round_trip(world, body, properties=None, **options):
    channel = world.channel(**options)
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.basic_publish("", queue, body, properties)
    _, found, back = take(channel, queue)[0]
    return found, back


@test
def bodies_of_every_size_arrive_whole(world):
    # A body frame carries at most frame_max less the 8 bytes around it.
    payload = 131072 - 8
    channel = world.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    sizes = (0, 1, 255, 4096, payload - 1, payload, payload + 1, 2 * payload, 1 << 20, 5_000_000)
    for size in sizes:
        body = (b"%08d" % size * (size // 8 + 1))[:size]
        channel.basic_publish("", queue, body)
        found = take(channel, queue)[0][2]
        assert found == body, f"a body of {size} bytes came back with {len(found)}"


@test
def large_and_empty_messages_keep_their_order(world):
    channel = world.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    sent = [b"", b"a" * (1 << 20), b"b", b"", b"c" * 200_000, b"d"]
    received = []
    for body in sent:
        channel.basic_publish("", queue, body)
    channel.basic_consume(queue, lambda c, m, p, body: received.append(body), auto_ack=True)
    wait_until(channel.connection, lambda: len(received) == len(sent), "all messages")
    equal([len(body) for body in received], [len(body) for body in sent])
    assert received == sent


@test
def all_properties_travel(world):
    sent = {
        "content_type": "text/plain",
        "content_encoding": "utf-8",
        "delivery_mode": 2,
        "priority": 7,
        "correlation_id": "c" * 255,
        "reply_to": "answers",
        "expiration": "60000",
        "message_id": "id-1",
        "timestamp": 1_700_000_000,
        "type": "greeting",
        "user_id": "guest",
        "app_id": "interop",
        "cluster_id": "cluster",
    }
    found, _ = round_trip(world, b"hello", pika.BasicProperties(**sent))
    equal({name: getattr(found, name) for name in sent}, sent)


@test
def a_message_without_properties_has_none(world):
    found, _ = round_trip(world, b"hello")
    assert all(value is None for value in vars(found).values()), vars(found)


@test
def headers_of_every_type_travel(world):
    headers = {
        "text": "grüße",
        "bytes": b"\xff\x00",
        "true": True,
        "int": -5,
        "long": 1 << 40,
        "decimal": decimal.Decimal("3.14"),
        "time": datetime.datetime(2026, 1, 2, 3, 4, 5),
        "nothing": None,
        "table": {"inner": {"deep": [1, "two", None]}},
        "array": [1, "three", {"four": 4}],
    }
    found, _ = round_trip(world, b"", pika.BasicProperties(headers=headers))
    equal({**found.headers, "time": found.headers["time"].replace(tzinfo=None)}, headers)


@test
def a_mandatory_message_without_a_queue_comes_back_whole(world):
    channel, returned = world.channel(), []
    channel.add_on_return_callback(lambda *what: returned.append(what))
    properties = pika.BasicProperties(message_id="lost", headers={"a": 1})
    channel.basic_publish("amq.fanout", "interop-key", b"x" * 300_000, properties, mandatory=True)
    wait_until(channel.connection, lambda: returned, "the message")
    _, method, found, body = returned[0]
    equal((method.reply_code, method.reply_text), (312, "NO_ROUTE"))
    equal((method.exchange, method.routing_key), ("amq.fanout", "interop-key"))
    equal((found.message_id, found.headers, len(body)), ("lost", {"a": 1}, 300_000))


@test
def a_return_comes_before_its_confirm(world):
    order = []
    channel = world.channel()
    impl = channel._impl
    impl.add_on_return_callback(lambda *_: order.append("return"))
    impl.confirm_delivery(lambda frame: order.append(frame.method.NAME), callback=order.append)
    wait_until(channel.connection, lambda: order, "confirm.select-ok")
    order.clear()
    impl.basic_publish("", "interop-none", b"lost", mandatory=True)
    wait_until(channel.connection, lambda: len(order) == 2, "return and confirm")
    equal(order, ["return", "Basic.Ack"])


@test
def confirms_count_every_message_from_one(world):
    confirmed = set()
    channel = world.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    impl, selected = channel._impl, []

    def confirm(frame):
        tag = frame.method.delivery_tag
        first = min(set(range(1, tag + 1)) - confirmed) if frame.method.multiple else tag
        confirmed.update(range(first, tag + 1))

    impl.confirm_delivery(confirm, callback=selected.append)
    wait_until(channel.connection, lambda: selected, "confirm.select-ok")
    for number in range(500):
        key = queue if number % 3 else "interop-none"
        impl.basic_publish("", key, str(number).encode())
    wait_until(channel.connection, lambda: len(confirmed) == 500, "all confirms")
    equal(confirmed, set(range(1, 501)))


@test
def routing_keys_may_be_long_and_not_ascii(world):
    channel = world.channel()
    channel.confirm_delivery()
    queue = channel.queue_declare("", exclusive=True).method.queue
    for key in ("k" * 255, "schlüssel.日本"):
        channel.queue_bind(queue, "amq.direct", key)
        channel.basic_publish("amq.direct", key, key)
    equal([body.decode() for body in bodies(channel, queue, 2)], ["k" * 255, "schlüssel.日本"])
