"""Fields: what the HTTP API shows while messages flow has the fields that RabbitMQ's has, with values of the same kinds.

    python tests/interop/fields.py --rabbitmq HOST:AMQP-PORT:HTTP-PORT      the release binary, beside a RabbitMQ
    python tests/interop/fields.py --rabbitmq … --binary PATH               another one

Both get the same messages. What one of them shows and the other does not is printed, unless DIFFERENT gives a reason.
"""

import argparse
import base64
import json
import sys
import time
import urllib.parse
import urllib.request

import pika

import broker

VHOST = "fields"
# What is not shown here, at any depth, and why.
DIFFERENT = {
    "garbage_collection": "there is no collector whose settings could be told",
    "socket_opts": "options of Erlang's sockets",
    "internal_purpose": "there are no plugins that make exchanges for themselves",
    "config_files": "the node under test has none",
    "messages_dlx": "a dead letter stays in its queue, and is counted there, until it is safe where it goes",
    "message_bytes_dlx": "as messages_dlx",
    "messages_ready_returned": "messages that came back are not counted apart",
    "open_files": "a queue has no files of its own",
    "publishers": "a queue does not know who publishes to it",
}


class Api:
    """The HTTP API of a node."""

    def __init__(self, where):
        self.where = where
        self.node = self.call("/overview")["node"]

    def call(self, path, method="GET", body=None):
        request = urllib.request.Request(f"http://{self.where}/api{path}", method=method)
        request.add_header("authorization", "Basic " + base64.b64encode(b"guest:guest").decode())
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("content-type", "application/json")
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None


def shape(value, path, found, node):
    """The kinds of values by the paths of their fields, in which a node's name is N; those of a list's items together."""
    if isinstance(value, dict):
        found.setdefault(path, set()).add("object")
        for key, inner in value.items():
            shape(inner, f"{path}.{key if key != node else 'N'}", found, node)
    elif isinstance(value, list):
        found.setdefault(path, set()).add("list")
        for inner in value:
            shape(inner, f"{path}[]", found, node)
    else:
        kind = {bool: "flag", int: "number", float: "number", str: "text", type(None): "null"}[type(value)]
        found.setdefault(path, set()).add(kind)


def work(api, address):
    """Exchanges, queues and consumers of several kinds, and messages between them."""
    api.call(f"/vhosts/{VHOST}", "PUT", {})
    api.call(f"/permissions/{VHOST}/guest", "PUT", dict(configure=".*", write=".*", read=".*"))
    api.call(f"/policies/{VHOST}/all", "PUT", {"pattern": "", "definition": {"max-length": 1000}, "apply-to": "queues"})
    properties = {"connection_name": "fields"}
    connection = pika.BlockingConnection(pika.ConnectionParameters(*address, VHOST, client_properties=properties))
    publishing, consuming, waiting = (connection.channel() for _ in range(3))
    publishing.confirm_delivery()
    publishing.exchange_declare("topic", "topic")
    publishing.exchange_declare("fanout", "fanout", durable=True)
    publishing.queue_declare("ordinary", durable=True)
    publishing.queue_declare("own", exclusive=True)
    publishing.queue_declare("single", durable=True, arguments={"x-single-active-consumer": True})
    publishing.queue_declare("quorum", durable=True, arguments={"x-queue-type": "quorum"})
    publishing.queue_declare("full", durable=True)
    for queue, exchange in (("ordinary", "topic"), ("ordinary", "fanout"), ("own", "fanout")):
        publishing.queue_bind(queue, exchange, "#")
    consuming.basic_qos(prefetch_count=5)
    take = lambda channel, method, *_: channel.basic_ack(method.delivery_tag)
    consuming.basic_consume("ordinary", take, consumer_tag="first")
    consuming.basic_consume("single", take, consumer_tag="second")
    waiting.basic_consume("single", take, consumer_tag="third")
    waiting.basic_consume("own", take, consumer_tag="alone", exclusive=True)
    for round in range(12):
        persistent = pika.BasicProperties(delivery_mode=2, timestamp=1_700_000_000)
        for exchange, key in (("topic", "key"), ("fanout", ""), ("", "single"), ("", "quorum"), ("", "nowhere"), ("", "full")):
            publishing.basic_publish(exchange, key, b"x" * 150, persistent)
        publishing.basic_get("quorum", auto_ack=round % 2 == 0)
        connection.process_data_events(0.5)
    return connection


def look(api, connection):
    """The shape of each route's answer."""
    connection.process_data_events(6)
    [name] = [row["name"] for row in api.call(f"/vhosts/{VHOST}/connections")]
    quoted, node = urllib.parse.quote(name, safe=""), urllib.parse.quote(api.node, safe="")
    routes = {
        "/overview": "/overview", "/nodes": "/nodes", "/nodes/N": f"/nodes/{node}", "/vhosts/V": f"/vhosts/{VHOST}",
        "/queues/V": f"/queues/{VHOST}", "/exchanges/V": f"/exchanges/{VHOST}", "/bindings/V": f"/bindings/{VHOST}",
        "/consumers/V": f"/consumers/{VHOST}", "/vhosts/V/connections": f"/vhosts/{VHOST}/connections",
        "/vhosts/V/channels": f"/vhosts/{VHOST}/channels", "/connections/C": f"/connections/{quoted}",
        "/connections/C/channels": f"/connections/{quoted}/channels", "/exchanges/V/topic": f"/exchanges/{VHOST}/topic",
        "/exchanges/V/amq.default": f"/exchanges/{VHOST}/amq.default", "/policies/V": f"/policies/{VHOST}",
        "/queues/detailed": f"/queues/detailed", "/nodes/N/memory": f"/nodes/{node}/memory",
    }
    for number in (1, 2):
        routes[f"/channels/{number}"] = f"/channels/{quoted}%20({number})"
    for queue in ("ordinary", "own", "single", "quorum", "full"):
        routes[f"/queues/V/{queue}"] = f"/queues/{VHOST}/{queue}"
    found = {}
    for route, path in routes.items():
        answer = api.call(path)
        if route == "/queues/detailed":
            answer = [row for row in answer if row["vhost"] == VHOST]
        shape(answer, "", found.setdefault(route, {}), api.node)
    return found


def differences(theirs, ours):
    """What one shows and the other does not, or with another kind of value; without what has a reason."""
    for route, fields in theirs.items():
        for path, kinds in fields.items():
            if any(part.removesuffix("[]") in DIFFERENT for part in path.split(".")):
                continue
            had = ours[route].get(path)
            if had is None:
                yield f"{route}: {path} ({', '.join(sorted(kinds))}) is missing"
            elif had - kinds - {"null"} and kinds - {"null"}:
                yield f"{route}: {path} is {', '.join(sorted(had))} and not {', '.join(sorted(kinds))}"


def observed(where, http):
    api = Api(http)
    connection = work(api, where)
    try:
        return look(api, connection)
    finally:
        connection.close()
        api.call(f"/vhosts/{VHOST}", "DELETE")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    broker.add_arguments(parser)
    parser.add_argument("--rabbitmq", required=True, help="where a RabbitMQ is: host:amqp-port:http-port")
    parser.add_argument("--more", action="store_true", help="also print what only we show")
    options = parser.parse_args()
    host, amqp, http = options.rabbitmq.split(":")
    theirs = observed((host, int(amqp)), f"{host}:{http}")
    with broker.Leveret(options.binary, password=None).start() as under_test:
        ours = observed(under_test.address, under_test.http)
        under_test.stop()
    problems = list(differences(theirs, ours))
    print("\n".join(problems) or f"all fields of {len(theirs)} routes are there")
    if options.more:
        for line in differences(ours, theirs):
            print("only here:", line)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
