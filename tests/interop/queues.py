"""Declaring, naming, sharing and deleting queues, with the exact words of every refusal."""

import pika

from suite import bodies, depth, equal, refused, take, test, wait_until

LOCKED = (
    "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{}' in vhost '/'. It could be "
    "originally declared on another connection or the exclusive property value does not match that of "
    "the original declaration."
)


@test
def declaring_a_queue_again_tells_what_it_holds(world):
    world.fresh("interop-q")
    channel = world.channel()
    equal(channel.queue_declare("interop-q").method.message_count, 0)
    channel.confirm_delivery()
    channel.basic_publish("", "interop-q", b"one")
    channel.basic_publish("", "interop-q", b"two")
    channel.basic_consume("interop-q", lambda *_: None)
    channel.basic_cancel(channel.consumer_tags[0])
    method = channel.queue_declare("interop-q").method
    equal((method.queue, method.consumer_count), ("interop-q", 0))


@test
def a_passive_declaration_counts_what_is_ready_and_who_consumes(world):
    world.fresh("interop-q")
    channel = world.channel()
    channel.queue_declare("interop-q")
    channel.confirm_delivery()
    for number in range(3):
        channel.basic_publish("", "interop-q", str(number))
    equal(depth(channel, "interop-q"), 3)
    take(channel, "interop-q", 1, auto_ack=False)
    equal(depth(channel, "interop-q"), 2)
    other = world.channel()
    other.basic_consume("interop-q", lambda *_: None)
    method = channel.queue_declare("interop-q", passive=True).method
    equal((method.message_count, method.consumer_count), (0, 1))


@test
def a_queue_that_does_not_exist_is_not_found(world):
    missing = (404, "NOT_FOUND - no queue 'interop-none' in vhost '/'")
    for action in (
        lambda channel: channel.queue_declare("interop-none", passive=True),
        lambda channel: channel.queue_purge("interop-none"),
        lambda channel: channel.basic_get("interop-none"),
        lambda channel: channel.basic_consume("interop-none", lambda *_: None),
        lambda channel: channel.queue_bind("interop-none", "amq.direct", "key"),
    ):
        equal(refused(lambda: action(world.channel())), missing)


@test
def a_different_declaration_of_the_same_queue_is_refused(world):
    world.fresh("interop-q")
    world.channel().queue_declare("interop-q")
    start = "PRECONDITION_FAILED - inequivalent arg"
    for options, text in (
        ({"durable": True}, f"{start} 'durable' for queue 'interop-q' in vhost '/': "
                            "received 'true' but current is 'false'"),
        ({"auto_delete": True}, f"{start} 'auto_delete' for queue 'interop-q' in vhost '/': "
                                "received 'true' but current is 'false'"),
        ({"arguments": {"x-max-length": 5}}, f"{start} 'x-max-length' for queue 'interop-q' in vhost '/': "
                                             "received the value '5' of type 'signedint' but current is none"),
    ):
        equal(refused(lambda: world.channel().queue_declare("interop-q", **options)), (406, text))
    equal(
        refused(lambda: world.channel().queue_declare("interop-q", exclusive=True)),
        (405, LOCKED.format("interop-q")),
    )


@test
def an_exclusive_queue_is_locked_to_others(world):
    world.fresh("interop-q")
    owner = world.channel()
    owner.queue_declare("interop-q", exclusive=True)
    for action in (
        lambda channel: channel.queue_declare("interop-q", exclusive=True),
        lambda channel: channel.queue_declare("interop-q"),
        lambda channel: channel.queue_declare("interop-q", passive=True),
        lambda channel: channel.basic_consume("interop-q", lambda *_: None),
        lambda channel: channel.basic_get("interop-q"),
        lambda channel: channel.queue_purge("interop-q"),
        lambda channel: channel.queue_delete("interop-q"),
        lambda channel: channel.queue_bind("interop-q", "amq.direct", "key"),
    ):
        equal(refused(lambda: action(world.channel())), (405, LOCKED.format("interop-q")))
    # Publishing to it is open to all.
    world.channel().basic_publish("", "interop-q", b"hello")
    take(owner, "interop-q")


@test
def an_exclusive_queue_goes_with_its_connection(world):
    world.fresh("interop-q")
    owner = world.channel()
    owner.queue_declare("interop-q", exclusive=True)
    owner.connection.close()
    code, _ = refused(lambda: world.channel().queue_declare("interop-q", passive=True))
    equal(code, 404)


@test
def the_server_names_a_queue_that_has_no_name(world):
    channel = world.channel()
    names = [channel.queue_declare("", exclusive=True).method.queue for _ in range(10)]
    equal(len(set(names)), 10)
    for name in names:
        assert name.startswith("amq.gen-") and len(name) == len("amq.gen-") + 22, name


@test
def an_empty_name_means_the_queue_declared_last(world):
    channel = world.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.queue_bind("", "amq.direct", "interop-key")
    channel.confirm_delivery()
    channel.basic_publish("amq.direct", "interop-key", b"routed")
    equal(bodies(channel, "", 1), [b"routed"])
    channel.queue_purge("")
    channel.queue_delete("")
    code, _ = refused(lambda: channel.queue_declare(queue, passive=True))
    equal(code, 404)


@test
def an_empty_name_without_a_declaration_is_not_found(world):
    equal(
        refused(lambda: world.channel().basic_get("")),
        (404, "NOT_FOUND - no previously declared queue"),
    )


@test
def names_that_begin_with_amq_are_reserved(world):
    equal(
        refused(lambda: world.channel().queue_declare("amq.mine")),
        (403, "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'"),
    )


@test
def an_auto_delete_queue_goes_with_its_last_consumer(world):
    world.fresh("interop-q")
    channel = world.channel()
    channel.queue_declare("interop-q", auto_delete=True)
    first = channel.basic_consume("interop-q", lambda *_: None)
    second = channel.basic_consume("interop-q", lambda *_: None)
    channel.basic_cancel(first)
    channel.queue_declare("interop-q", passive=True)
    channel.basic_cancel(second)
    code, _ = refused(lambda: channel.queue_declare("interop-q", passive=True))
    equal(code, 404)


@test
def an_auto_delete_queue_that_never_had_a_consumer_stays(world):
    world.fresh("interop-q")
    channel = world.channel()
    channel.queue_declare("interop-q", auto_delete=True)
    channel.connection.close()
    world.channel().queue_declare("interop-q", passive=True)


@test
def purging_removes_what_is_ready(world):
    world.fresh("interop-q")
    channel = world.channel()
    channel.queue_declare("interop-q")
    channel.confirm_delivery()
    for number in range(5):
        channel.basic_publish("", "interop-q", str(number))
    taken = take(channel, "interop-q", 1, auto_ack=False)
    equal(channel.queue_purge("interop-q").method.message_count, 4)
    channel.basic_nack(taken[0][0].delivery_tag)
    equal(bodies(channel, "interop-q", 1), [b"0"])


@test
def deleting_a_queue_tells_how_much_it_held(world):
    world.fresh("interop-q")
    channel = world.channel()
    channel.queue_declare("interop-q")
    channel.confirm_delivery()
    channel.basic_publish("", "interop-q", b"one")
    equal(channel.queue_delete("interop-q").method.message_count, 1)
    equal(channel.queue_delete("interop-q").method.message_count, 0)


@test
def a_queue_is_deleted_if_unused_or_if_empty(world):
    world.fresh("interop-q")
    channel = world.channel()
    channel.queue_declare("interop-q")
    tag = channel.basic_consume("interop-q", lambda *_: None)
    equal(
        refused(lambda: world.channel().queue_delete("interop-q", if_unused=True)),
        (406, "PRECONDITION_FAILED - queue 'interop-q' in vhost '/' in use"),
    )
    channel.basic_cancel(tag)
    channel.confirm_delivery()
    channel.basic_publish("", "interop-q", b"one")
    equal(
        refused(lambda: world.channel().queue_delete("interop-q", if_empty=True)),
        (406, "PRECONDITION_FAILED - queue 'interop-q' in vhost '/' not empty"),
    )
    take(channel, "interop-q")
    channel.queue_delete("interop-q", if_unused=True, if_empty=True)


@test
def consumers_are_told_when_their_queue_is_deleted(world):
    world.fresh("interop-q")
    channel, cancelled = world.channel(), []
    channel.queue_declare("interop-q")
    channel.add_on_cancel_callback(lambda frame: cancelled.append(frame.method.consumer_tag))
    tag = channel.basic_consume("interop-q", lambda *_: None)
    world.channel().queue_delete("interop-q")
    wait_until(channel.connection, lambda: cancelled, "the cancellation")
    equal(cancelled, [tag])
    assert channel.is_open


@test
def arguments_of_ones_own_are_accepted(world):
    world.fresh("interop-q")
    channel = world.channel()
    channel.queue_declare("interop-q", arguments={"my-own": "value"})
    channel.queue_declare("interop-q", arguments={"another": "value"})


@test
def a_declaration_without_waiting_is_carried_out(world):
    world.fresh("interop-q")
    channel = world.channel()
    channel._impl._send_method(pika.spec.Queue.Declare(queue="interop-q", nowait=True))
    equal(channel.queue_declare("interop-q", passive=True).method.message_count, 0)
