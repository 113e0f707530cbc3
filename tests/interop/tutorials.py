"""The programs of the RabbitMQ tutorials for Python: nothing is configured first.

They are written as the edition with classic queues has them, and the two that differ as the edition for RabbitMQ 4
has them, too: with `x-queue-type: quorum`.
"""

import threading
import uuid

import pika

from suite import depth, equal, test, wait_until


QUORUM = {"durable": True, "arguments": {"x-queue-type": "quorum"}}


def hello(world, host, **declaration):
    world.fresh("hello")
    sender = world.connect(host)
    channel = sender.channel()
    channel.queue_declare(queue="hello", **declaration)
    channel.basic_publish(exchange="", routing_key="hello", body="Hello World!")
    sender.close()

    received = []
    channel = world.connect(host).channel()
    channel.queue_declare(queue="hello", **declaration)

    def callback(ch, method, properties, body):
        received.append(body)
        ch.stop_consuming()

    channel.basic_consume(queue="hello", auto_ack=True, on_message_callback=callback)
    channel.start_consuming()
    equal(received, [b"Hello World!"])


@test
def hello_world_through_127_0_0_1(world):
    hello(world, "127.0.0.1")


@test
def hello_world_through_localhost(world):
    hello(world, "localhost")


@test
def hello_world_of_the_edition_with_quorum_queues(world):
    hello(world, "127.0.0.1", **QUORUM)


@test(ours_only=True)
def hello_world_through_ipv6(world):
    hello(world, "::1")


def work_queues(world, **declaration):
    world.fresh("task_queue")
    channel = world.channel()
    channel.queue_declare(queue="task_queue", **declaration)
    for number in range(10):
        channel.basic_publish(
            exchange="",
            routing_key="task_queue",
            body=f"task {number}",
            properties=pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent),
        )

    busy, busy_done = world.channel(), []
    busy.queue_declare(queue="task_queue", **declaration)
    busy.basic_qos(prefetch_count=1)
    busy.basic_consume("task_queue", lambda ch, method, properties, body: busy_done.append(body))
    wait_until(busy.connection, lambda: busy_done, "the first task")

    free, free_done = world.channel(), []

    def callback(ch, method, properties, body):
        free_done.append(body)
        ch.basic_ack(delivery_tag=method.delivery_tag)

    free.queue_declare(queue="task_queue", **declaration)
    free.basic_qos(prefetch_count=1)
    free.basic_consume(queue="task_queue", on_message_callback=callback)
    wait_until(free.connection, lambda: len(free_done) == 9, "the other tasks")
    equal(busy_done, [b"task 0"])
    equal(free_done, [b"task %d" % number for number in range(1, 10)])


@test
def work_queues_give_the_next_task_to_whoever_is_free(world):
    work_queues(world, durable=True)


@test
def work_queues_of_the_edition_with_quorum_queues(world):
    work_queues(world, **QUORUM)


@test
def a_task_of_a_worker_that_dies_goes_to_another(world):
    world.fresh("task_queue")
    worker, done = world.channel(), []
    worker.queue_declare(queue="task_queue", durable=True)
    worker.basic_qos(prefetch_count=1)
    worker.basic_publish("", "task_queue", b"task")
    worker.basic_consume("task_queue", lambda *delivery: done.append(delivery))
    wait_until(worker.connection, lambda: done, "the task")
    worker.connection.close()

    other, taken_over = world.channel(), []
    other.basic_consume("task_queue", lambda *delivery: taken_over.append(delivery))
    wait_until(other.connection, lambda: taken_over, "the task again")
    _, method, _, body = taken_over[0]
    equal((body, method.redelivered), (b"task", True))


@test
def publish_subscribe_gives_every_subscriber_a_copy(world):
    world.fresh("logs")
    logs = []

    def subscriber():
        channel = world.channel()
        channel.exchange_declare(exchange="logs", exchange_type="fanout")
        result = channel.queue_declare(queue="", exclusive=True)
        assert result.method.queue.startswith("amq.gen-"), result.method.queue
        channel.queue_bind(exchange="logs", queue=result.method.queue)
        channel.basic_consume(
            queue=result.method.queue,
            on_message_callback=lambda ch, method, properties, body: logs.append((ch, body)),
            auto_ack=True,
        )
        return channel

    first, second = subscriber(), subscriber()
    emitter = world.channel()
    emitter.exchange_declare(exchange="logs", exchange_type="fanout")
    emitter.basic_publish(exchange="logs", routing_key="", body="info: Hello World!")
    for channel in (first, second):
        wait_until(channel.connection, lambda: any(ch is channel for ch, _ in logs), "a log line")
    equal([body for _, body in logs], [b"info: Hello World!"] * 2)


def received_by(world, exchange, kind, subscriptions, published):
    """Publishes to an exchange; what each subscriber, given by its binding keys, receives."""
    world.fresh(exchange)
    channel = world.channel()
    channel.exchange_declare(exchange=exchange, exchange_type=kind)
    queues = []
    for keys in subscriptions:
        queue = channel.queue_declare(queue="", exclusive=True).method.queue
        for key in keys:
            channel.queue_bind(exchange=exchange, queue=queue, routing_key=key)
        queues.append(queue)
    # A confirm says that every queue has its copy.
    channel.confirm_delivery()
    for key in published:
        channel.basic_publish(exchange=exchange, routing_key=key, body=key)
    received = []
    for queue in queues:
        keys = []
        for _ in range(depth(channel, queue)):
            keys.append(channel.basic_get(queue, auto_ack=True)[2].decode())
        received.append(keys)
    return received


@test
def routing_selects_by_severity(world):
    received = received_by(
        world,
        "direct_logs",
        "direct",
        [["error"], ["info", "warning", "error"]],
        ["info", "debug", "error", "warning"],
    )
    equal(received, [["error"], ["info", "error", "warning"]])


@test
def topics_select_by_pattern(world):
    received = received_by(
        world,
        "topic_logs",
        "topic",
        [["*.orange.*"], ["*.*.rabbit", "lazy.#"], ["#"], ["*"]],
        [
            "quick.orange.rabbit",
            "lazy.orange.elephant",
            "quick.orange.fox",
            "lazy.brown.fox",
            "lazy.pink.rabbit",
            "quick.brown.fox",
            "orange",
            "quick.orange.new.rabbit",
            "lazy.orange.new.rabbit",
        ],
    )
    equal(received[0], ["quick.orange.rabbit", "lazy.orange.elephant", "quick.orange.fox"])
    equal(
        received[1],
        [
            "quick.orange.rabbit",
            "lazy.orange.elephant",
            "lazy.brown.fox",
            "lazy.pink.rabbit",
            "lazy.orange.new.rabbit",
        ],
    )
    equal(len(received[2]), 9)
    equal(received[3], ["orange"])


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


class FibonacciRpcClient:
    """The client of tutorial six."""

    def __init__(self, connection):
        self.connection = connection
        self.channel = connection.channel()
        self.callback_queue = self.channel.queue_declare(queue="", exclusive=True).method.queue
        self.channel.basic_consume(
            queue=self.callback_queue, on_message_callback=self.on_response, auto_ack=True
        )
        self.response = self.correlation_id = None

    def on_response(self, ch, method, properties, body):
        if self.correlation_id == properties.correlation_id:
            self.response = body

    def call(self, n):
        self.response, self.correlation_id = None, str(uuid.uuid4())
        properties = pika.BasicProperties(
            reply_to=self.callback_queue, correlation_id=self.correlation_id
        )
        self.channel.basic_publish("", "rpc_queue", str(n), properties)
        wait_until(self.connection, lambda: self.response is not None, "the answer")
        return int(self.response)


@test
def remote_procedure_calls_are_answered(world):
    world.fresh("rpc_queue")
    server = world.channel()
    server.queue_declare(queue="rpc_queue")

    def on_request(ch, method, properties, body):
        ch.basic_publish(
            exchange="",
            routing_key=properties.reply_to,
            properties=pika.BasicProperties(correlation_id=properties.correlation_id),
            body=str(fib(int(body))),
        )
        ch.basic_ack(delivery_tag=method.delivery_tag)

    server.basic_qos(prefetch_count=1)
    server.basic_consume(queue="rpc_queue", on_message_callback=on_request)
    thread = threading.Thread(target=server.start_consuming)
    thread.start()
    try:
        client = FibonacciRpcClient(world.connect())
        equal([client.call(n) for n in (0, 1, 10, 15)], [0, 1, 55, 610])
    finally:
        server.connection.add_callback_threadsafe(server.stop_consuming)
        thread.join()


@test
def publisher_confirms_come_for_each_message(world):
    world.fresh("confirmed")
    channel = world.channel()
    channel.queue_declare("confirmed", durable=True)
    channel.confirm_delivery()
    for number in range(20):
        channel.basic_publish(
            exchange="",
            routing_key="confirmed",
            body=str(number),
            properties=pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent),
            mandatory=True,
        )
    equal(depth(channel, "confirmed"), 20)


@test
def a_confirmed_mandatory_message_without_a_queue_is_unroutable(world):
    channel = world.channel()
    channel.confirm_delivery()
    try:
        channel.basic_publish("", "no-such-queue", b"lost", mandatory=True)
    except pika.exceptions.UnroutableError as unroutable:
        returned = unroutable.messages[0]
        equal((returned.method.reply_code, returned.method.reply_text), (312, "NO_ROUTE"))
        equal((returned.method.exchange, returned.method.routing_key), ("", "no-such-queue"))
        equal(returned.body, b"lost")
    else:
        raise AssertionError("the message was not returned")
    channel.basic_publish("", "no-such-queue", b"nobody minds")
