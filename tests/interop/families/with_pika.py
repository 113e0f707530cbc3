"""What every family does, with pika. The tutorials and all else that pika shows are in `run.py`."""

import contextlib
import sys

import pika

from checks import check, died_first, equal, restart, run, wait_until

PERSISTENT = pika.BasicProperties(delivery_mode=2)
QUEUE, DEAD_QUEUE, EXCHANGE = "interop-pika", "interop-pika-dead", "interop-pika-dlx"


@contextlib.contextmanager
def connected(uri):
    """A channel with confirms, a durable queue of our own, and nothing left of an earlier run."""
    connection = pika.BlockingConnection(pika.URLParameters(uri))
    channel = connection.channel()
    remove(channel)
    channel.queue_declare(QUEUE, durable=True)
    channel.confirm_delivery()
    try:
        yield connection, channel
    finally:
        if connection.is_open:
            remove(connection.channel())
            connection.close()


def remove(channel):
    channel.queue_delete(QUEUE)
    channel.queue_delete(DEAD_QUEUE)
    channel.exchange_delete(EXCHANGE)


def publish(channel, *bodies):
    for body in bodies:
        channel.basic_publish("", QUEUE, body, PERSISTENT, mandatory=True)


@check("connect", "a connection without TLS names the broker and closes in peace")
def connects(uri):
    connection = pika.BlockingConnection(pika.URLParameters(uri))
    assert connection.is_open and connection.basic_nack_supported and connection.consumer_cancel_notify_supported
    connection.close()


@check("confirm", "a publish returns when it is confirmed, and the message is there")
def confirms(uri):
    with connected(uri) as (_, channel):
        publish(channel, b"one", b"two")
        equal(channel.basic_get(QUEUE, auto_ack=True)[2], b"one")
        equal(channel.queue_declare(QUEUE, passive=True).method.message_count, 1)


@check("prefetch", "no more than the prefetch is unacknowledged at once")
def prefetches(uri):
    with connected(uri) as (connection, channel):
        publish(channel, *[b"%d" % number for number in range(10)])
        channel.basic_qos(prefetch_count=3)
        found = []
        channel.basic_consume(QUEUE, lambda _, method, __, body: found.append((method.delivery_tag, body)))
        serve = lambda: connection.process_data_events(time_limit=0.05)
        wait_until(lambda: len(found) == 3, "three deliveries", serve)
        connection.process_data_events(time_limit=0.2)
        equal(len(found), 3)
        channel.basic_ack(found[1][0], multiple=True)
        wait_until(lambda: len(found) == 5, "two more", serve)
        connection.process_data_events(time_limit=0.2)
        equal([body for _, body in found], [b"0", b"1", b"2", b"3", b"4"])


@check("requeue", "a message that is rejected or nacked with requeue comes again, in its place and marked")
def requeues(uri):
    with connected(uri) as (_, channel):
        publish(channel, b"one", b"two")
        for refuse in (channel.basic_reject, channel.basic_nack):
            method, _, body = channel.basic_get(QUEUE)
            equal(body, b"one")
            refuse(method.delivery_tag, requeue=True)
        method, _, body = channel.basic_get(QUEUE)
        equal((method.redelivered, body), (True, b"one"))
        method, _, body = channel.basic_get(QUEUE)
        equal((method.redelivered, body), (False, b"two"))


@check("dead-letter", "a rejected message goes to the dead-letter exchange and tells its story")
def dead_letters(uri):
    with connected(uri) as (connection, channel):
        channel.queue_delete(QUEUE)
        channel.exchange_declare(EXCHANGE, "fanout", durable=True)
        channel.queue_declare(DEAD_QUEUE, durable=True)
        channel.queue_bind(DEAD_QUEUE, EXCHANGE)
        channel.queue_declare(QUEUE, durable=True, arguments={"x-dead-letter-exchange": EXCHANGE})
        publish(channel, b"poison")
        method, _, _ = channel.basic_get(QUEUE)
        channel.basic_reject(method.delivery_tag, requeue=False)
        found = []
        channel.basic_consume(DEAD_QUEUE, lambda *delivery: found.append(delivery), auto_ack=True)
        wait_until(lambda: found, "the dead letter", lambda: connection.process_data_events(time_limit=0.05))
        _, method, properties, body = found[0]
        equal((method.exchange, method.routing_key, body), (EXCHANGE, QUEUE, b"poison"))
        equal([died_first(death) for death in properties.headers["x-death"]], [(QUEUE, "rejected", 1, "", [QUEUE])])
        equal(properties.headers["x-first-death-queue"], QUEUE)
        equal(properties.headers["x-first-death-reason"], "rejected")


@check("return", "a mandatory message without a queue is returned, then confirmed")
def returns(uri):
    with connected(uri) as (_, channel):
        try:
            channel.basic_publish("", "interop-pika-nowhere", b"lost", PERSISTENT, mandatory=True)
        except pika.exceptions.UnroutableError as returned:
            message = returned.messages[0]
            equal((message.method.reply_code, message.method.reply_text), (312, "NO_ROUTE"))
            equal(message.body, b"lost")
        else:
            raise AssertionError("nothing was returned")


@check("cancel", "a consumer is cancelled by its client, and by the broker when the queue goes")
def cancels(uri):
    with connected(uri) as (connection, channel):
        serve = lambda: connection.process_data_events(time_limit=0.05)
        found, cancelled = [], []
        channel.add_on_cancel_callback(cancelled.append)
        tag = channel.basic_consume(QUEUE, lambda *delivery: found.append(delivery), auto_ack=True)
        channel.basic_cancel(tag)
        publish(channel, b"nobody wants it")
        equal(channel.queue_declare(QUEUE, passive=True).method.message_count, 1)
        equal(found, [])
        tag = channel.basic_consume(QUEUE, lambda *delivery: found.append(delivery), auto_ack=True)
        wait_until(lambda: found, "the message", serve)
        connection.channel().queue_delete(QUEUE)
        wait_until(lambda: cancelled, "the cancellation", serve)
        equal(cancelled[0].method.consumer_tag, tag)


@check("errors", "an error closes its channel in RabbitMQ's words, and the connection goes on")
def errors(uri):
    with connected(uri) as (connection, channel):
        for code, text, action in (
            (
                404,
                "NOT_FOUND - no queue 'interop-pika-none' in vhost '/'",
                lambda: connection.channel().queue_declare("interop-pika-none", passive=True),
            ),
            (
                406,
                "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'interop-pika' in vhost '/': "
                "received 'false' but current is 'true'",
                lambda: connection.channel().queue_declare(QUEUE),
            ),
        ):
            try:
                action()
            except pika.exceptions.ChannelClosedByBroker as closed:
                equal((closed.reply_code, closed.reply_text), (code, text))
            else:
                raise AssertionError(f"no {code}")
        publish(channel, b"on it goes")
        equal(channel.basic_get(QUEUE, auto_ack=True)[2], b"on it goes")


@check("reconnect", "a killed broker is noticed, and a new connection finds what was confirmed")
def reconnects(uri):
    with connected(uri) as (connection, channel):
        publish(channel, b"kept")
        restart()
        try:
            connection.process_data_events(time_limit=5)
        except pika.exceptions.AMQPConnectionError:
            pass
        assert connection.is_closed, "the connection looks open"
    connection = pika.BlockingConnection(pika.URLParameters(uri))
    channel = connection.channel()
    equal(channel.basic_get(QUEUE, auto_ack=True)[2], b"kept")
    remove(channel)
    connection.close()


if __name__ == "__main__":
    sys.exit(run())
