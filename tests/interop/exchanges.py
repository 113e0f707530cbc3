"""Exchanges and bindings: what reaches which queue, and what is refused."""

import pika

from suite import bodies, equal, refused, test

PREDECLARED = {
    "amq.direct": "direct",
    "amq.fanout": "fanout",
    "amq.topic": "topic",
    "amq.headers": "headers",
    "amq.match": "headers",
}


def queue_of(channel):
    return channel.queue_declare("", exclusive=True).method.queue


@test
def the_predeclared_exchanges_are_there(world):
    channel = world.channel()
    for name, kind in PREDECLARED.items():
        channel.exchange_declare(name, kind, durable=True)
        channel.exchange_declare(name, passive=True)


@test
def headers_are_matched_all_or_any(world):
    channel = world.channel()
    channel.confirm_delivery()
    every, some, presence = queue_of(channel), queue_of(channel), queue_of(channel)
    wanted = {"format": "pdf", "pages": 3}
    channel.queue_bind(every, "amq.headers", arguments={"x-match": "all", **wanted})
    channel.queue_bind(some, "amq.headers", arguments={"x-match": "any", **wanted})
    channel.queue_bind(presence, "amq.headers", arguments={"format": None})
    for body, headers in (
        (b"both", {"format": "pdf", "pages": 3, "more": True}),
        (b"one", {"format": "pdf", "pages": 4}),
        (b"none", {"format": "zip"}),
        (b"bare", None),
    ):
        channel.basic_publish("amq.headers", "", body, pika.BasicProperties(headers=headers))
    equal(bodies(channel, every, 1), [b"both"])
    equal(bodies(channel, some, 2), [b"both", b"one"])
    equal(bodies(channel, presence, 3), [b"both", b"one", b"none"])


@test
def an_unknown_match_is_refused(world):
    channel = world.channel()
    queue = queue_of(channel)
    code, text = refused(
        lambda: channel.queue_bind(queue, "amq.headers", arguments={"x-match": "most"})
    )
    equal(code, 406)
    assert text.startswith("PRECONDITION_FAILED - Invalid x-match field value"), text


@test
def a_message_reaches_a_queue_once_by_however_many_bindings(world):
    channel = world.channel()
    channel.confirm_delivery()
    queue = queue_of(channel)
    for pattern in ("#", "a.*", "*.b", "a.b"):
        channel.queue_bind(queue, "amq.topic", pattern)
    channel.basic_publish("amq.topic", "a.b", b"once")
    equal(bodies(channel, queue, 1), [b"once"])


@test
def unbinding_ends_it_and_may_be_repeated(world):
    channel = world.channel()
    channel.confirm_delivery()
    queue = queue_of(channel)
    channel.queue_bind(queue, "amq.direct", "interop-key")
    channel.queue_bind(queue, "amq.direct", "interop-key")
    channel.basic_publish("amq.direct", "interop-key", b"bound")
    channel.queue_unbind(queue, "amq.direct", "interop-key")
    channel.queue_unbind(queue, "amq.direct", "interop-key")
    channel.basic_publish("amq.direct", "interop-key", b"unbound")
    equal(bodies(channel, queue, 1), [b"bound"])


@test
def exchanges_can_be_bound_to_exchanges(world):
    world.fresh("interop-source", "interop-destination")
    channel = world.channel()
    channel.confirm_delivery()
    channel.exchange_declare("interop-source", "topic")
    channel.exchange_declare("interop-destination", "direct")
    channel.exchange_bind("interop-destination", "interop-source", "news.#")
    queue = queue_of(channel)
    channel.queue_bind(queue, "interop-destination", "news.today")
    channel.queue_bind(queue, "interop-source", "news.*")
    for key in ("news.today", "news.tomorrow", "other"):
        channel.basic_publish("interop-source", key, key)
    equal(bodies(channel, queue, 2), [b"news.today", b"news.tomorrow"])
    channel.exchange_unbind("interop-destination", "interop-source", "news.#")
    channel.queue_unbind(queue, "interop-source", "news.*")
    channel.basic_publish("interop-source", "news.today", b"late")
    equal(bodies(channel, queue, 0), [])


@test
def exchanges_bound_in_a_circle_route_once(world):
    world.fresh("interop-a", "interop-b")
    channel = world.channel()
    channel.confirm_delivery()
    for name in ("interop-a", "interop-b"):
        channel.exchange_declare(name, "fanout")
    channel.exchange_bind("interop-a", "interop-b")
    channel.exchange_bind("interop-b", "interop-a")
    queue = queue_of(channel)
    channel.queue_bind(queue, "interop-b")
    channel.basic_publish("interop-a", "", b"round")
    equal(bodies(channel, queue, 1), [b"round"])


@test
def an_auto_delete_exchange_goes_with_its_last_binding(world):
    world.fresh("interop-x")
    channel = world.channel()
    channel.exchange_declare("interop-x", "fanout", auto_delete=True)
    queue = queue_of(channel)
    channel.queue_bind(queue, "interop-x")
    channel.queue_unbind(queue, "interop-x")
    equal(
        refused(lambda: channel.exchange_declare("interop-x", passive=True)),
        (404, "NOT_FOUND - no exchange 'interop-x' in vhost '/'"),
    )


@test
def an_exchange_is_deleted_if_unused(world):
    world.fresh("interop-x")
    channel = world.channel()
    channel.exchange_declare("interop-x", "fanout")
    queue = queue_of(channel)
    channel.queue_bind(queue, "interop-x")
    equal(
        refused(lambda: channel.connection.channel().exchange_delete("interop-x", if_unused=True)),
        (406, "PRECONDITION_FAILED - exchange 'interop-x' in vhost '/' in use"),
    )
    channel.queue_delete(queue)
    channel.exchange_delete("interop-x", if_unused=True)
    channel.exchange_delete("interop-x")


@test
def an_exchange_that_does_not_exist_is_not_found(world):
    missing = (404, "NOT_FOUND - no exchange 'interop-none' in vhost '/'")

    def publish(channel):
        channel.basic_publish("interop-none", "key", b"lost")
        channel.queue_declare("", exclusive=True)

    def bind(channel):
        channel.queue_bind(queue_of(channel), "interop-none", "key")

    for action in (
        publish,
        bind,
        lambda channel: channel.exchange_declare("interop-none", passive=True),
        lambda channel: channel.exchange_bind("interop-none", "amq.direct"),
        lambda channel: channel.exchange_bind("amq.direct", "interop-none"),
    ):
        equal(refused(lambda: action(world.channel())), missing)


@test
def a_different_declaration_of_the_same_exchange_is_refused(world):
    world.fresh("interop-x")
    world.channel().exchange_declare("interop-x", "direct")
    for options, what in (
        ({"exchange_type": "fanout"}, "'type' for exchange 'interop-x' in vhost '/': "
                                      "received 'fanout' but current is 'direct'"),
        ({"durable": True}, "'durable' for exchange 'interop-x' in vhost '/': "
                            "received 'true' but current is 'false'"),
        ({"auto_delete": True}, "'auto_delete' for exchange 'interop-x' in vhost '/': "
                                "received 'true' but current is 'false'"),
        ({"internal": True}, "'internal' for exchange 'interop-x' in vhost '/': "
                             "received 'true' but current is 'false'"),
    ):
        equal(
            refused(lambda: world.channel().exchange_declare("interop-x", **options)),
            (406, f"PRECONDITION_FAILED - inequivalent arg {what}"),
        )


@test
def an_unknown_type_is_refused(world):
    equal(
        refused(lambda: world.channel().exchange_declare("interop-x", "interop-type")),
        (406, "PRECONDITION_FAILED - unknown exchange type 'interop-type'"),
    )


@test
def the_default_exchange_cannot_be_touched(world):
    refusal = (403, "ACCESS_REFUSED - operation not permitted on the default exchange")
    for action in (
        lambda channel: channel.exchange_delete(""),
        lambda channel: channel.queue_bind(queue_of(channel), "", "key"),
        lambda channel: channel.queue_unbind(queue_of(channel), "", "key"),
        lambda channel: channel.exchange_bind("amq.direct", ""),
        lambda channel: channel.exchange_bind("", "amq.direct"),
    ):
        equal(refused(lambda: action(world.channel())), refusal)


@test
def system_exchanges_cannot_be_made_or_deleted(world):
    equal(
        refused(lambda: world.channel().exchange_declare("amq.mine", "direct")),
        (403, "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'"),
    )
    equal(
        refused(lambda: world.channel().exchange_delete("amq.direct")),
        (403, "ACCESS_REFUSED - deletion of system exchange 'amq.direct' in vhost '/' not allowed"),
    )


@test
def an_internal_exchange_takes_messages_from_exchanges_only(world):
    world.fresh("interop-x")
    channel = world.channel()
    channel.exchange_declare("interop-x", "fanout", internal=True)

    def publish():
        channel.basic_publish("interop-x", "", b"direct")
        channel.queue_declare("", exclusive=True)

    equal(
        refused(publish),
        (403, "ACCESS_REFUSED - cannot publish to internal exchange 'interop-x' in vhost '/'"),
    )
    channel = channel.connection.channel()
    channel.confirm_delivery()
    queue = queue_of(channel)
    channel.queue_bind(queue, "interop-x")
    channel.exchange_bind("interop-x", "amq.direct", "interop-inner")
    channel.basic_publish("amq.direct", "interop-inner", b"through")
    channel.exchange_unbind("interop-x", "amq.direct", "interop-inner")
    equal(bodies(channel, queue, 1), [b"through"])
