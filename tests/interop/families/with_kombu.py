"""What every family does, with kombu: Celery's messaging library, on py-amqp."""

import contextlib
import queue as queues
import socket
import sys
import time

import amqp
import kombu
from kombu.mixins import ConsumerMixin

from checks import check, died_first, equal, restart, run, wait_until

QUEUE, DEAD_QUEUE, EXCHANGE = "interop-kombu", "interop-kombu-dead", "interop-kombu-dlx"
SIMPLE = "interop-kombu-simple"
CONFIRMS = {"confirm_publish": True}


@contextlib.contextmanager
def connected(uri):
    """A connection with confirms, a durable queue of our own, and nothing left of an earlier run."""
    with kombu.Connection(uri, transport_options=CONFIRMS) as connection:
        remove(connection)
        queue = kombu.Queue(QUEUE, durable=True, channel=connection.default_channel)
        queue.declare()
        yield connection, queue
    with kombu.Connection(uri) as connection:
        remove(connection)


def remove(connection):
    channel = connection.channel()
    for queue in (QUEUE, DEAD_QUEUE, SIMPLE):
        channel.queue_delete(queue)
    for exchange in (EXCHANGE, SIMPLE):
        channel.exchange_delete(exchange)
    channel.close()


def publish(connection, *bodies, **options):
    producer = connection.Producer(serializer="json")
    for body in bodies:
        producer.publish(body, routing_key=QUEUE, **options)


def depth(connection, queue=QUEUE):
    return connection.default_channel.queue_declare(queue, passive=True).message_count


def serve(connection, time_s=0.05):
    with contextlib.suppress(socket.timeout):
        connection.drain_events(timeout=time_s)


@check("connect", "a connection without TLS opens, counts prefetch as RabbitMQ 4 does, and closes")
def connects(uri):
    connection = kombu.Connection(uri)
    connection.connect()
    assert connection.connected
    # What makes Celery ask for a prefetch of each consumer, rather than of the channel.
    equal(connection.qos_semantics_matches_spec, True)
    connection.release()
    assert not connection.connected


@check("confirm", "a publish returns when it is confirmed, and the message is there")
def confirms(uri):
    with connected(uri) as (connection, queue):
        publish(connection, {"number": 1}, {"number": 2})
        equal(queue.get(no_ack=True).payload, {"number": 1})
        equal(depth(connection), 1)


@check("prefetch", "no more than the prefetch is unacknowledged at once")
def prefetches(uri):
    with connected(uri) as (connection, queue):
        publish(connection, *range(10))
        found = []
        consumer = connection.Consumer(queue, callbacks=[lambda body, message: found.append((body, message))])
        consumer.qos(prefetch_count=3)
        with consumer:
            wait_until(lambda: len(found) == 3, "three deliveries", lambda: serve(connection))
            serve(connection, 0.2)
            equal(len(found), 3)
            for _, message in found[:2]:
                message.ack()
            wait_until(lambda: len(found) == 5, "two more", lambda: serve(connection))
            serve(connection, 0.2)
            equal([body for body, _ in found], [0, 1, 2, 3, 4])


@check("requeue", "a message that is rejected with requeue comes again, in its place and marked")
def requeues(uri):
    with connected(uri) as (connection, queue):
        publish(connection, "one", "two")
        queue.get().requeue()
        queue.get().reject(requeue=True)
        message = queue.get()
        equal((message.delivery_info["redelivered"], message.payload), (True, "one"))
        message = queue.get()
        equal((message.delivery_info["redelivered"], message.payload), (False, "two"))


@check("dead-letter", "rejected, expired and surplus messages go to the dead-letter exchange and tell their story")
def dead_letters(uri):
    with connected(uri) as (connection, queue):
        queue.delete()
        channel = connection.default_channel
        dead = kombu.Queue(DEAD_QUEUE, kombu.Exchange(EXCHANGE, "direct"), routing_key="dead", channel=channel)
        dead.declare()
        arguments = {"x-dead-letter-exchange": EXCHANGE, "x-dead-letter-routing-key": "dead"}
        queue = kombu.Queue(QUEUE, queue_arguments=arguments, message_ttl=0.3, max_length=2, channel=channel)
        queue.declare()
        publish(connection, "surplus", "rejected", "expired")
        queue.get().reject()
        found = []
        with connection.Consumer(dead, callbacks=[lambda _, message: found.append(message)], no_ack=True):
            wait_until(lambda: len(found) == 3, "three dead letters", lambda: serve(connection))
        for message, reason in zip(found, ("maxlen", "rejected", "expired")):
            deaths = [died_first(death) for death in message.headers["x-death"]]
            equal(deaths, [(QUEUE, reason, 1, "", [QUEUE])])


@check("return", "a mandatory message without a queue is returned")
def returns(uri):
    with connected(uri) as (connection, _):
        returned = []
        producer = connection.Producer(
            serializer="json", on_return=lambda fault, exchange, key, message: returned.append((fault, key))
        )
        producer.publish("lost", routing_key="interop-kombu-nowhere", mandatory=True)
        wait_until(lambda: returned, "the message", lambda: serve(connection))
        (fault, key) = returned[0]
        equal((fault.reply_code, fault.reply_text, key), (312, "NO_ROUTE", "interop-kombu-nowhere"))


@check("cancel", "a consumer is cancelled by its client, and by the broker when the queue goes")
def cancels(uri):
    with connected(uri) as (connection, queue):
        found = []
        consumer = connection.Consumer(queue, callbacks=[lambda *delivery: found.append(delivery)], no_ack=True)
        consumer.consume()
        consumer.cancel()
        publish(connection, "nobody wants it")
        equal((depth(connection), found), (1, []))
        consumer.consume()
        wait_until(lambda: found, "the message", lambda: serve(connection))
        try:
            connection.channel().queue_delete(QUEUE)
            wait_until(lambda: False, "the cancellation", lambda: serve(connection))
        except amqp.exceptions.ConsumerCancelled:
            pass


@check("errors", "an error closes its channel in RabbitMQ's words, and the connection goes on")
def errors(uri):
    with connected(uri) as (connection, queue):
        refused(
            connection,
            404,
            "NOT_FOUND - no queue 'interop-kombu-none' in vhost '/'",
            lambda channel: channel.queue_declare("interop-kombu-none", passive=True),
        )
        refused(
            connection,
            406,
            "PRECONDITION_FAILED - inequivalent arg 'x-max-priority' for queue 'interop-kombu' in vhost '/': "
            "received the value '10' of type 'signedint' but current is none",
            lambda channel: kombu.Queue(QUEUE, max_priority=10, channel=channel).queue_declare(),
        )
        refused(
            connection,
            404,
            "NOT_FOUND - no exchange 'interop-kombu-none' in vhost '/'",
            lambda channel: kombu.Queue(QUEUE, channel=channel).bind_to("interop-kombu-none"),
        )
        publish(connection, "on it goes")
        equal(queue.get(no_ack=True).payload, "on it goes")


def refused(connection, code, text, action):
    try:
        action(connection.channel())
    except connection.channel_errors as closed:
        equal((closed.reply_code, closed.reply_text), (code, text))
    else:
        raise AssertionError(f"no {code}")


class Worker(ConsumerMixin):
    """Consumes, and connects again when the connection is lost: the loop below is the library's."""

    def __init__(self, connection, queue):
        self.connection, self.queue = connection, queue
        self.found, self.connected_count = [], 0

    def get_consumers(self, Consumer, channel):
        return [Consumer([self.queue], callbacks=[self.on_message])]

    def on_connection_revived(self):
        self.connected_count += 1

    def on_message(self, body, message):
        self.found.append(body)
        message.ack()


@check("reconnect", "a consumer mixin finds the broker again, and a publisher retries")
def reconnects(uri):
    with connected(uri) as (connection, queue):
        publish(connection, "before", delivery_mode=2)
        worker = Worker(kombu.Connection(uri), kombu.Queue(QUEUE, durable=True))
        deliveries = worker.consume(limit=None, timeout=20)
        while worker.found != ["before"]:
            next(deliveries)
        restart()
        retries = {"max_retries": 20, "interval_start": 0.1, "interval_step": 0.1}
        publish(connection, "after", delivery_mode=2, retry=True, retry_policy=retries)
        wait_until(lambda: "after" in worker.found, "the message", lambda: consume_again(worker))
        # An acknowledgement that the broker did not live to note brings the message again.
        equal(list(dict.fromkeys(worker.found)), ["before", "after"])
        worker.connection.release()


def consume_again(worker):
    """What `ConsumerMixin.run` does, for one message."""
    worker.connection = worker.connection.clone()
    with contextlib.suppress(*worker.connection.connection_errors, socket.timeout, StopIteration):
        for _ in worker.consume(limit=1, timeout=5):
            pass


@check("simple-queue", "a simple queue gives back what was put, and says when it is empty")
def simple_queues(uri):
    with connected(uri) as (connection, _):
        with connection.SimpleQueue(SIMPLE, serializer="json", compression="zlib") as simple:
            for number in range(5):
                simple.put({"number": number, "text": "x" * 5000})
            wait_until(lambda: simple.qsize() == 5, "five messages")
            for number in range(5):
                message = simple.get(timeout=5)
                equal(message.payload["number"], number)
                message.ack()
            try:
                simple.get(timeout=0.1)
            except queues.Empty:
                pass
            else:
                raise AssertionError("there is another message")


@check("priorities", "a queue with priorities gives the more important first")
def priorities(uri):
    with connected(uri) as (connection, queue):
        queue.delete()
        queue = kombu.Queue(QUEUE, max_priority=10, channel=connection.default_channel)
        queue.declare()
        for body, priority in (("low", 1), ("none", None), ("high", 9), ("middle", 5), ("high too", 9)):
            publish(connection, body, priority=priority)
        found = [queue.get(no_ack=True).payload for _ in range(5)]
        equal(found, ["high", "high too", "middle", "low", "none"])


@check("expiry", "a queue that nobody uses is removed in time")
def expires(uri):
    with connected(uri) as (connection, queue):
        queue.delete()
        kombu.Queue(QUEUE, expires=0.5, channel=connection.default_channel).declare()
        began = time.monotonic()
        channel = connection.channel()
        while time.monotonic() - began < 20:
            time.sleep(1)
            try:
                channel.queue_declare(QUEUE, passive=True)
            except connection.channel_errors as closed:
                equal(closed.reply_code, 404)
                return
        raise AssertionError("the queue is still there")


@check("quorum", "a quorum queue keeps to a prefetch and counts how often a message comes back")
def quorum(uri):
    with connected(uri) as (connection, queue):
        queue.delete()
        queue = kombu.Queue(QUEUE, queue_arguments={"x-queue-type": "quorum"}, channel=connection.default_channel)
        queue.declare()
        publish(connection, *range(5))
        found = []
        channel = connection.channel()
        channel.basic_qos(0, 2, False)
        consumer = kombu.Consumer(channel, queue, callbacks=[lambda body, message: found.append((body, message))])
        consumer.consume()
        wait_until(lambda: len(found) == 2, "two deliveries", lambda: serve(connection))
        found[0][1].reject(requeue=True)
        wait_until(lambda: len(found) == 3, "the first one again", lambda: serve(connection))
        equal((found[2][0], found[2][1].headers["x-delivery-count"]), (0, 1))


if __name__ == "__main__":
    sys.exit(run())
