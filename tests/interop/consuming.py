"""Getting, consuming and settling: order, credit, redelivery."""

import pika

from suite import bodies, depth, equal, refused, take, test, wait_until


def filled(world, count, **options):
    """A channel, with a queue of its own that holds the messages 0, 1, 2 ..."""
    channel = world.channel(**options)
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.confirm_delivery()
    for number in range(count):
        channel.basic_publish("", queue, str(number))
    return channel, queue


def numbers(*values):
    return [str(value).encode() for value in values]


@test
def getting_from_an_empty_queue_gives_nothing(world):
    channel, queue = filled(world, 0)
    equal(channel.basic_get(queue), (None, None, None))


@test
def getting_tells_how_many_are_left(world):
    channel, queue = filled(world, 3)
    method, _, body = channel.basic_get(queue, auto_ack=True)
    equal((method.message_count, method.exchange, method.routing_key), (2, "", queue))
    equal((method.delivery_tag, method.redelivered, body), (1, False, b"0"))


@test
def what_is_requeued_returns_to_its_place(world):
    channel, queue = filled(world, 6)
    tags = [method.delivery_tag for method, _, _ in take(channel, queue, 4, auto_ack=False)]
    channel.basic_nack(tags[2])
    channel.basic_reject(tags[0])
    channel.basic_nack(tags[1])
    channel.basic_ack(tags[3])
    again = take(channel, queue, 5)
    equal([body for _, _, body in again], numbers(0, 1, 2, 4, 5))
    equal([method.redelivered for method, _, _ in again], [True, True, True, False, False])


@test
def several_are_requeued_or_acknowledged_at_once(world):
    channel, queue = filled(world, 6)
    take(channel, queue, 2, auto_ack=False)
    channel.basic_ack(2, multiple=True)
    take(channel, queue, 3, auto_ack=False)
    channel.basic_nack(4, multiple=True)
    equal([body for _, _, body in take(channel, queue, 3)], numbers(2, 3, 5))
    channel.basic_nack(0, multiple=True)
    equal(bodies(channel, queue, 1), numbers(4))
    channel.basic_ack(0, multiple=True)


@test
def what_is_rejected_without_requeue_is_gone(world):
    channel, queue = filled(world, 3)
    tags = [method.delivery_tag for method, _, _ in take(channel, queue, 2, auto_ack=False)]
    channel.basic_reject(tags[0], requeue=False)
    channel.basic_nack(tags[1], requeue=False)
    equal(bodies(channel, queue, 1), numbers(2))


@test
def recovering_requeues_everything_unacknowledged(world):
    channel, queue = filled(world, 3)
    take(channel, queue, 2, auto_ack=False)
    channel.basic_recover(requeue=True)
    again = take(channel, queue, 3)
    equal([body for _, _, body in again], numbers(0, 1, 2))
    equal([method.redelivered for method, _, _ in again], [True, True, False])


@test
def an_unknown_delivery_tag_is_refused(world):
    for settle in ("basic_ack", "basic_nack", "basic_reject"):
        channel, queue = filled(world, 1)
        take(channel, queue, 1, auto_ack=False)
        getattr(channel, settle)(5)
        equal(
            refused(lambda: depth(channel, queue)),
            (406, "PRECONDITION_FAILED - unknown delivery tag 5"),
        )


@test
def acknowledging_twice_is_refused(world):
    channel, queue = filled(world, 1)
    take(channel, queue, 1, auto_ack=False)
    channel.basic_ack(1)
    channel.basic_ack(1)
    equal(
        refused(lambda: depth(channel, queue)),
        (406, "PRECONDITION_FAILED - unknown delivery tag 1"),
    )


@test
def prefetch_limits_what_a_consumer_holds(world):
    channel, queue = filled(world, 10)
    received = []
    channel.basic_qos(prefetch_count=3)
    channel.basic_consume(queue, lambda ch, method, *_: received.append(method.delivery_tag))
    wait_until(channel.connection, lambda: len(received) == 3, "three messages")
    equal(depth(channel, queue), 7)
    channel.basic_ack(received[1], multiple=True)
    wait_until(channel.connection, lambda: len(received) == 5, "two more")
    equal(depth(channel, queue), 5)


@test
def prefetch_counts_for_each_consumer_by_itself(world):
    channel, queue = filled(world, 10)
    received = []
    channel.basic_qos(prefetch_count=2)
    channel.basic_consume(queue, lambda *_: received.append("a"))
    channel.basic_consume(queue, lambda *_: received.append("b"))
    wait_until(channel.connection, lambda: len(received) == 4, "two for each")
    equal((received.count("a"), received.count("b"), depth(channel, queue)), (2, 2, 6))


@test
def consumers_take_turns(world):
    channel, queue = filled(world, 0)
    received = []
    for name in "abc":
        channel.basic_consume(queue, lambda *_, name=name: received.append(name), auto_ack=True)
    for number in range(9):
        channel.basic_publish("", queue, str(number))
    wait_until(channel.connection, lambda: len(received) == 9, "nine messages")
    equal(sorted(received), sorted("abc" * 3))


@test
def a_cancelled_consumer_gets_no_more_and_may_still_acknowledge(world):
    channel, queue = filled(world, 1)
    received = []
    tag = channel.basic_consume(queue, lambda ch, method, *_: received.append(method.delivery_tag))
    wait_until(channel.connection, lambda: received, "the message")
    channel._impl._send_method(pika.spec.Basic.Cancel(consumer_tag=tag, nowait=True))
    channel.basic_publish("", queue, b"late")
    channel.basic_ack(received[0])
    equal(depth(channel, queue), 1)
    equal(len(received), 1)


@test
def an_exclusive_consumer_is_alone(world):
    world.fresh("interop-q")
    channel = world.channel()
    channel.queue_declare("interop-q")
    channel.basic_consume("interop-q", lambda *_: None, exclusive=True)
    refusal = (403, "ACCESS_REFUSED - queue 'interop-q' in vhost '/' in exclusive use")
    equal(refused(lambda: world.channel().basic_consume("interop-q", lambda *_: None)), refusal)
    channel.basic_cancel(channel.consumer_tags[0])
    shared = world.channel()
    shared.basic_consume("interop-q", lambda *_: None)
    equal(
        refused(lambda: world.channel().basic_consume("interop-q", lambda *_: None, exclusive=True)),
        refusal,
    )


@test
def the_server_names_a_consumer_that_has_no_name(world):
    channel, queue = filled(world, 0)
    method = pika.spec.Basic.Consume(queue=queue, consumer_tag="")
    answers = []
    channel._impl._rpc(method, answers.append, [pika.spec.Basic.ConsumeOk])
    wait_until(channel.connection, lambda: answers, "consume-ok")
    tag = answers[0].method.consumer_tag
    assert tag.startswith("amq.ctag-") and len(tag) == len("amq.ctag-") + 22, tag


@test
def order_is_kept_through_a_long_queue(world):
    channel, queue = filled(world, 0)
    channel = channel.connection.channel()
    count, received = 5_000, []
    for number in range(count):
        channel.basic_publish("", queue, str(number))
    channel.basic_qos(prefetch_count=100)

    def receive(ch, method, properties, body):
        received.append(int(body))
        ch.basic_ack(method.delivery_tag)

    channel.basic_consume(queue, receive)
    wait_until(channel.connection, lambda: len(received) == count, "all messages")
    equal(received, list(range(count)))
