"""What every family does, with aio-pika: coroutines, a connection that mends itself, and calls over queues."""

import asyncio
import contextlib
import sys

import aio_pika
from aio_pika.patterns import RPC, Master

from checks import check, died_first, equal, restart, run, wait_for

QUEUE, DEAD_QUEUE, EXCHANGE = "interop-aio-pika", "interop-aio-pika-dead", "interop-aio-pika-dlx"
TASKS = "interop-aio-pika-tasks"


@contextlib.asynccontextmanager
async def connected(uri):
    """A channel with confirms, a durable queue of our own, and nothing left of an earlier run."""
    async with await aio_pika.connect(uri) as connection:
        channel = await connection.channel()
        await remove(channel)
        queue = await channel.declare_queue(QUEUE, durable=True)
        yield connection, channel, queue
    # The connection may have been lost with a broker.
    async with await aio_pika.connect(uri) as connection:
        await remove(await connection.channel())


async def remove(channel):
    for queue in (QUEUE, DEAD_QUEUE, TASKS):
        await channel.queue_delete(queue)
    await channel.exchange_delete(EXCHANGE)


async def publish(channel, *bodies):
    for body in bodies:
        message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, QUEUE)


async def depth(channel, queue=QUEUE):
    return (await channel.declare_queue(queue, passive=True)).declaration_result.message_count


@check("connect", "a connection without TLS opens, and closes in peace")
async def connects(uri):
    connection = await aio_pika.connect(uri)
    await connection.channel()
    await connection.close()
    assert connection.is_closed


@check("confirm", "a publish returns when it is confirmed, and a hundred at once are")
async def confirms(uri):
    async with connected(uri) as (_, channel, queue):
        await publish(channel, b"first")
        equal((await queue.get(no_ack=True)).body, b"first")
        await asyncio.gather(*[publish(channel, b"%d" % number) for number in range(100)])
        equal(await depth(channel), 100)
        equal((await queue.purge()).message_count, 100)


@check("prefetch", "no more than the prefetch is unacknowledged at once")
async def prefetches(uri):
    async with connected(uri) as (_, channel, queue):
        await channel.set_qos(prefetch_count=3)
        await publish(channel, *[b"%d" % number for number in range(10)])
        found = []
        await queue.consume(lambda message: hold(found, message))
        await wait_for(lambda: len(found) == 3, "three deliveries")
        await asyncio.sleep(0.2)
        equal(len(found), 3)
        await found[1].ack(multiple=True)
        await wait_for(lambda: len(found) == 5, "two more")
        await asyncio.sleep(0.2)
        equal([message.body for message in found], [b"0", b"1", b"2", b"3", b"4"])


async def hold(found, message):
    found.append(message)


@check("requeue", "a message that is rejected or nacked with requeue comes again, in its place and marked")
async def requeues(uri):
    async with connected(uri) as (_, channel, queue):
        await publish(channel, b"one", b"two")
        message = await queue.get()
        equal(message.redelivered, False)
        await message.reject(requeue=True)
        await (await queue.get()).nack(requeue=True)
        # Leaving such a block by an exception gives the message back.
        with contextlib.suppress(ZeroDivisionError):
            async with (await queue.get()).process(requeue=True):
                raise ZeroDivisionError
        message = await queue.get()
        equal((message.redelivered, message.body), (True, b"one"))
        message = await queue.get()
        equal((message.redelivered, message.body), (False, b"two"))


@check("dead-letter", "a message that its processing fails goes to the dead-letter exchange and tells its story")
async def dead_letters(uri):
    async with connected(uri) as (_, channel, queue):
        await queue.delete()
        exchange = await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
        dead = await channel.declare_queue(DEAD_QUEUE, durable=True)
        await dead.bind(exchange, "failed.#")
        arguments = {"x-dead-letter-exchange": EXCHANGE, "x-dead-letter-routing-key": "failed.once"}
        queue = await channel.declare_queue(QUEUE, durable=True, arguments=arguments)
        await publish(channel, b"poison")
        with contextlib.suppress(ZeroDivisionError):
            async with (await queue.get()).process():
                raise ZeroDivisionError
        async with dead.iterator(no_ack=True, timeout=10) as messages:
            message = await anext(messages)
        equal((message.exchange, message.routing_key, message.body), (EXCHANGE, "failed.once", b"poison"))
        deaths = [died_first(death) for death in message.headers["x-death"]]
        equal(deaths, [(QUEUE, "rejected", 1, "", [QUEUE])])


@check("return", "a mandatory message without a queue is returned")
async def returns(uri):
    async with connected(uri) as (connection, _, __):
        channel = await connection.channel(on_return_raises=True)
        try:
            await channel.default_exchange.publish(aio_pika.Message(b"lost"), "interop-aio-pika-nowhere")
        except aio_pika.exceptions.DeliveryError as returned:
            equal((returned.message.delivery.reply_code, returned.message.delivery.reply_text), (312, "NO_ROUTE"))
            equal(returned.message.body, b"lost")
        else:
            raise AssertionError("nothing was returned")


@check("cancel", "a consumer is cancelled by its client, and its iterator ends when the queue goes")
async def cancels(uri):
    async with connected(uri) as (connection, channel, queue):
        found = []
        tag = await queue.consume(lambda message: hold(found, message), no_ack=True)
        await queue.cancel(tag)
        await publish(channel, b"nobody wants it")
        equal((await depth(channel), found), (1, []))
        cancelled = []
        underlay = await channel.get_underlay_channel()
        underlay.on_consumer_cancel_callbacks.add(cancelled.append)
        tag = await queue.consume(lambda message: hold(found, message), no_ack=True)
        await wait_for(lambda: found, "the message")
        await (await connection.channel()).queue_delete(QUEUE)
        await wait_for(lambda: cancelled, "the cancellation")
        equal(cancelled[0].consumer_tag, tag)


@check("errors", "an error closes its channel in RabbitMQ's words, and the connection goes on")
async def errors(uri):
    async with connected(uri) as (connection, _, __):
        await refused(
            connection,
            aio_pika.exceptions.ChannelNotFoundEntity,
            "NOT_FOUND - no queue 'interop-aio-pika-none' in vhost '/'",
            lambda channel: channel.declare_queue("interop-aio-pika-none", passive=True),
        )
        await refused(
            connection,
            aio_pika.exceptions.ChannelPreconditionFailed,
            "PRECONDITION_FAILED - inequivalent arg 'auto_delete' for queue 'interop-aio-pika' in vhost '/': "
            "received 'true' but current is 'false'",
            lambda channel: channel.declare_queue(QUEUE, durable=True, auto_delete=True),
        )
        channel = await connection.channel()
        await publish(channel, b"on it goes")
        equal(await depth(channel), 1)


async def refused(connection, kind, text, action):
    channel = await connection.channel()
    try:
        await action(channel)
    except kind as closed:
        equal(closed.args[0], text)
    else:
        raise AssertionError(f"no {kind.__name__}")


@check("reconnect", "a robust connection brings back its channel, its queue and its consumer")
async def reconnects(uri):
    async with connected(uri) as (_, channel, __):
        await publish(channel, b"kept")
        robust = await aio_pika.connect_robust(uri, reconnect_interval=0.2)
        async with robust:
            robust_channel = await robust.channel()
            await robust_channel.set_qos(prefetch_count=10)
            own = await robust_channel.declare_queue("interop-aio-pika-own", auto_delete=True, exclusive=True)
            exchange = await robust_channel.declare_exchange(EXCHANGE, "fanout")
            await own.bind(exchange)
            found = []
            await own.consume(lambda message: hold(found, message))
            await asyncio.get_running_loop().run_in_executor(None, restart)
            # Everything of that queue lived in the broker's memory; the library declares it again.
            deadline = asyncio.get_running_loop().time() + 20
            while not found:
                assert asyncio.get_running_loop().time() < deadline, "nothing came after the restart"
                with contextlib.suppress(*aio_pika.exceptions.CONNECTION_EXCEPTIONS, asyncio.TimeoutError):
                    await exchange.publish(aio_pika.Message(b"after"), "", timeout=1)
                await asyncio.sleep(0.1)
            equal(found[0].body, b"after")
            kept = await robust_channel.get_queue(QUEUE)
            equal((await kept.get(no_ack=True)).body, b"kept")
            await remove(robust_channel)


@check("rpc", "calls and their results travel by queues, and a call of nothing is returned")
async def calls(uri):
    async with connected(uri) as (connection, channel, __):
        rpc = await RPC.create(channel)

        async def multiply(*, x, y):
            return x * y

        async def fail():
            raise ValueError("as asked")

        await rpc.register("interop-aio-pika-multiply", multiply, auto_delete=True)
        await rpc.register("interop-aio-pika-fail", fail, auto_delete=True)
        results = await asyncio.gather(
            *[rpc.call("interop-aio-pika-multiply", {"x": number, "y": 2}) for number in range(50)]
        )
        equal(results, [number * 2 for number in range(50)])
        for name, kind in (("interop-aio-pika-fail", ValueError), ("interop-aio-pika-none", Exception)):
            try:
                await rpc.call(name)
            except kind:
                pass
            else:
                raise AssertionError(f"{name} did not fail")
        await rpc.close()


@check("expired-call", "a call that nobody answers in time comes back through the headers exchange of dead letters")
async def expired_calls(uri):
    async with connected(uri) as (_, channel, __):
        rpc = await RPC.create(channel)
        arguments = {"x-dead-letter-exchange": RPC.DLX_NAME}
        await channel.declare_queue(TASKS, durable=True, arguments=arguments)
        try:
            await rpc.call(TASKS, expiration=0.1)
        except asyncio.TimeoutError:
            pass
        else:
            raise AssertionError("the call did not expire")
        await rpc.close()


@check("tasks", "a master's tasks are worked off once each, by two workers")
async def tasks(uri):
    async with connected(uri) as (connection, channel, __):
        done = []

        async def work(*, number):
            await asyncio.sleep(0)
            done.append(number)

        for _ in range(2):
            worker_channel = await connection.channel()
            await worker_channel.set_qos(prefetch_count=1)
            await Master(worker_channel).create_worker(TASKS, work, durable=True)
        master = Master(channel)
        for number in range(60):
            await master.create_task(TASKS, {"number": number})
        await wait_for(lambda: len(done) == 60, "all tasks")
        equal(sorted(done), list(range(60)))


@check("transaction", "what a transaction publishes is there after its commit only")
async def transactions(uri):
    async with connected(uri) as (connection, channel, queue):
        tx_channel = await connection.channel(publisher_confirms=False)
        async with tx_channel.transaction():
            await publish(tx_channel, b"one")
            equal(await depth(channel), 0)
        equal((await queue.get(no_ack=True)).body, b"one")
        with contextlib.suppress(ZeroDivisionError):
            async with tx_channel.transaction():
                await publish(tx_channel, b"two")
                raise ZeroDivisionError
        equal(await depth(channel), 0)


if __name__ == "__main__":
    sys.exit(run())
