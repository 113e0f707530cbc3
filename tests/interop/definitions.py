"""Definitions: a file that RabbitMQ has exported is imported by Leveret, whose export must say the same.

    python tests/interop/definitions.py make --theirs http://guest:guest@127.0.0.1:15672 --amqp 127.0.0.1:5672
                       has a RabbitMQ make the set below and writes its export to tests/definitions/rabbitmq-4.3.json
    python tests/interop/definitions.py check [--ours URL] [--theirs URL]
                       imports that file into Leveret, compares the export, and has a RabbitMQ import Leveret's

Only virtual hosts and users whose names begin with `defs` are touched, and they are removed afterwards.
"""

import argparse
import base64
import collections
import contextlib
import datetime
import hashlib
import json
import pathlib
import sys
import urllib.error
import urllib.parse
import urllib.request

import broker

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FILE = ROOT / "tests/definitions/rabbitmq-4.3.json"
PREFIX = "defs"
MAIN, QUORUM, ODD = "defs", "defs/quorum", "defs ünïcode & \"quotes\""
QUEUE_COUNT = 1000

LISTS = (
    "users", "vhosts", "permissions", "topic_permissions", "global_parameters",
    "parameters", "policies", "exchanges", "queues", "bindings",
)


class Api:
    """The HTTP API of a broker."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.base = f"{parts.scheme}://{parts.hostname}:{parts.port}/api"
        login = f"{urllib.parse.unquote(parts.username or 'guest')}:{urllib.parse.unquote(parts.password or 'guest')}"
        self.authorization = "Basic " + base64.b64encode(login.encode()).decode()

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": self.authorization, "Content-Type": "application/json"}
        request = urllib.request.Request(self.base + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                text = answer.read()
                return json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from None

    def export(self):
        return self.ask("GET", "/definitions")

    def import_(self, definitions):
        self.ask("POST", "/definitions", definitions)

    def clean(self):
        """Removes what tests have made."""
        for vhost in self.ask("GET", "/vhosts"):
            if vhost["name"].startswith(PREFIX):
                path = "/vhosts/" + quote(vhost["name"])
                if vhost.get("protected_from_deletion") or vhost.get("metadata", {}).get("protected_from_deletion"):
                    self.ask("DELETE", path + "/deletion/protection")
                self.ask("DELETE", path)
        for user in self.ask("GET", "/users"):
            if user["name"].startswith(PREFIX):
                self.ask("DELETE", "/users/" + quote(user["name"]))
        for parameter in self.ask("GET", "/global-parameters"):
            if parameter["name"].startswith(PREFIX):
                self.ask("DELETE", "/global-parameters/" + quote(parameter["name"]))


def quote(name):
    return urllib.parse.quote(name, safe="")


def salted(hashing, password, salt):
    """A password's hash as RabbitMQ keeps it."""
    return base64.b64encode(salt + hashing(salt + password.encode()).digest()).decode()


def users():
    sha256 = "rabbit_password_hashing_sha256"
    sha512 = "rabbit_password_hashing_sha512"
    md5 = "rabbit_password_hashing_md5"
    rows = (
        ("defs-admin", hashlib.sha256, sha256, ["administrator"], {}),
        ("defs-ops", hashlib.sha512, sha512, ["monitoring", "policymaker"], {"max-connections": 100}),
        ("defs-old", hashlib.md5, md5, ["management"], {"max-channels": 50, "max-connections": 10}),
        ("defs-app", hashlib.sha256, sha256, [], {"max-channels": 2047}),
        ("defs ünïcode", hashlib.sha256, sha256, ["management", "a label of our own"], {}),
    )
    for number, (name, hashing, algorithm, tags, limits) in enumerate(rows):
        yield {
            "name": name, "tags": tags, "limits": limits, "hashing_algorithm": algorithm,
            "password_hash": salted(hashing, f"password of {name}", bytes([number, 1, 2, 3])),
        }
    yield {"name": "defs-nobody", "tags": [], "limits": {}, "hashing_algorithm": sha256, "password_hash": ""}


def vhosts():
    yield {"name": MAIN, "metadata": {"description": "", "tags": [], "default_queue_type": "classic"}}
    yield {
        "name": QUORUM,
        "metadata": {"description": "Quorum by default", "tags": ["production", "eu"], "default_queue_type": "quorum"},
    }
    yield {
        "name": ODD,
        "metadata": {
            "description": "Names that need care", "tags": [], "default_queue_type": "classic",
            "protected_from_deletion": True,
        },
    }


def permissions():
    for vhost in (MAIN, QUORUM, ODD):
        yield {"user": "defs-admin", "vhost": vhost, "configure": ".*", "write": ".*", "read": ".*"}
    yield {"user": "defs-app", "vhost": MAIN, "configure": "^(app|amq\\.gen).*", "write": "^app\\.", "read": ""}
    yield {"user": "defs-ops", "vhost": QUORUM, "configure": "", "write": "^$", "read": "^(?!secret).*"}
    yield {"user": "defs ünïcode", "vhost": ODD, "configure": "ü", "write": "[a-z]{2,}", "read": "\\d+"}


def topic_permissions():
    yield {"user": "defs-app", "vhost": MAIN, "exchange": "amq.topic", "write": "^{username}\\.", "read": ".*"}
    yield {"user": "defs-app", "vhost": MAIN, "exchange": "topic-0", "write": "^{vhost}-{client_id}", "read": "^a"}
    yield {"user": "defs-ops", "vhost": QUORUM, "exchange": "", "write": "", "read": ".*"}


def policies():
    rows = (
        (MAIN, "ttl", "^ttl", "queues", 0, {"message-ttl": 60_000, "expires": 3_600_000}),
        (MAIN, "dead letters", "^dl", "classic_queues", 7, {
            "dead-letter-exchange": "direct-0", "dead-letter-routing-key": "dead",
        }),
        (MAIN, "alternate", "^topic-", "exchanges", 1, {"alternate-exchange": "fanout-0"}),
        (MAIN, "length", "(?i)^LONG(?!est)", "all", -3, {
            "max-length": 1000, "max-length-bytes": 1_048_576, "overflow": "reject-publish",
        }),
        (MAIN, "lazy", "lazy", "classic_queues", 0, {"queue-mode": "lazy", "queue-version": 2}),
        (QUORUM, "retries", ".*", "quorum_queues", 10, {
            "delivery-limit": 5, "dead-letter-strategy": "at-least-once", "overflow": "reject-publish",
            "dead-letter-exchange": "amq.fanout", "target-group-size": 3,
        }),
        (QUORUM, "streams", "^s", "streams", 0, {"max-age": "7D"}),
        (ODD, "pölicy / with \"everything\"", "", "all", 0, {"federation-upstream-set": "all"}),
    )
    for vhost, name, pattern, apply_to, priority, definition in rows:
        yield {
            "vhost": vhost, "name": name, "pattern": pattern, "apply-to": apply_to, "priority": priority,
            "definition": definition,
        }


def parameters():
    rows = (
        (MAIN, "vhost-limits", "limits", {"max-connections": 500, "max-queues": 5000}),
        (ODD, "vhost-limits", "limits", {"max-queues": 200}),
        (MAIN, "operator_policy", "cap", {
            "pattern": "^", "apply-to": "queues", "priority": 0, "definition": {"max-length": 100_000, "message-ttl": 86_400_000},
        }),
        (QUORUM, "operator_policy", "limit", {
            "pattern": "q$", "apply-to": "quorum_queues", "priority": 5, "definition": {"delivery-limit": 50},
        }),
        (MAIN, "federation-upstream", "elsewhere", {"uri": "amqp://elsewhere", "expires": 3_600_000, "ack-mode": "on-confirm"}),
        (MAIN, "federation-upstream-set", "both", [{"upstream": "elsewhere"}]),
        (MAIN, "shovel", "move", {
            "src-protocol": "amqp091", "src-uri": "amqp://", "src-queue": "plain-0",
            "dest-protocol": "amqp091", "dest-uri": "amqp://elsewhere", "dest-queue": "there",
        }),
    )
    for vhost, component, name, value in rows:
        yield {"vhost": vhost, "component": component, "name": name, "value": value}


def global_parameters():
    yield {"name": "defs-text", "value": "ünïcode"}
    yield {"name": "defs-nested", "value": {"a": [1, 2.5, None, True, "x", {"b": []}], "c": {}}}


# Arguments of queues; `number` makes them different.
CLASSIC = (
    ("plain", lambda number: {}),
    ("ttl", lambda number: {"x-message-ttl": number * 1000}),
    ("expires", lambda number: {"x-expires": 86_400_000 + number}),
    ("long", lambda number: {"x-max-length": number, "x-overflow": "drop-head"}),
    ("bytes", lambda number: {"x-max-length-bytes": number * 2**32, "x-overflow": "reject-publish"}),
    ("dl", lambda number: {"x-dead-letter-exchange": "direct-0", "x-dead-letter-routing-key": f"dead.{number}"}),
    ("priority", lambda number: {"x-max-priority": number % 255 + 1}),
    ("single", lambda number: {"x-single-active-consumer": number % 2 == 0}),
    ("lazy", lambda number: {"x-queue-mode": "lazy", "x-queue-version": 2}),
    ("own", lambda number: {
        "x-float": number + 0.5, "x-whole-float": 100.0, "x-tiny": 1e-300, "x-large": 2**53 + number,
        "x-negative": -number, "x-flag": number % 2 == 0, "x-text": "ünïcode \"quoted\" \\ \n\t\u2028",
        "x-empty": "", "x-list": [1, "two", 3.25, True, {"four": [4]}], "x-no-list": [],
        "x-object": {"a": {"b": {"c": number}}, "none": {}},
    }),
)
QUORUM_ARGUMENTS = (
    ("plain-q", lambda number: {}),
    ("limit-q", lambda number: {"x-delivery-limit": number}),
    ("dl-q", lambda number: {
        "x-dead-letter-exchange": "amq.fanout", "x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish",
    }),
    ("group-q", lambda number: {"x-quorum-initial-group-size": 1 + number % 5, "x-queue-leader-locator": "balanced"}),
    ("retry-q", lambda number: {
        "x-delayed-retry-type": "all", "x-delayed-retry-min": 1000, "x-delayed-retry-max": 60_000 + number,
    }),
    ("timeout-q", lambda number: {"x-consumer-timeout": 60_000 + number}),
    ("single-q", lambda number: {"x-single-active-consumer": True, "x-max-length": number}),
)


def queues():
    for number in range(QUEUE_COUNT - 120):
        prefix, arguments = CLASSIC[number % len(CLASSIC)]
        is_durable, is_auto_delete = number % 7 != 3, number % 11 == 5
        yield queue(MAIN, f"{prefix}-{number // len(CLASSIC)}", "classic", arguments(number + 1), is_durable, is_auto_delete)
    for number in range(20):
        prefix, arguments = QUORUM_ARGUMENTS[number % len(QUORUM_ARGUMENTS)]
        yield queue(QUORUM, f"{prefix}{number}", "quorum", arguments(number + 1))
    for number in range(100):
        yield queue(ODD, f"{'%2F /'[number % 5]}q {number} ü \"" + "n" * (number * 2), "classic", {})


def queue(vhost, name, kind, arguments, is_durable=True, is_auto_delete=False):
    return {
        "vhost": vhost, "name": name, "durable": is_durable, "auto_delete": is_auto_delete,
        "arguments": {**arguments, "x-queue-type": kind},
    }


KINDS = ("direct", "fanout", "topic", "headers", "x-consistent-hash", "x-modulus-hash", "x-random", "x-local-random", "x-recent-history")


def exchanges():
    for kind in KINDS:
        for number in range(4):
            arguments = {}
            if number == 1:
                arguments["alternate-exchange"] = "fanout-0"
            if kind == "x-consistent-hash" and number == 2:
                arguments["hash-header"] = "key"
            if kind == "x-recent-history" and number == 2:
                arguments["x-recent-history-length"] = 5
            if number == 3:
                arguments["x-own"] = {"list": [1.5, "text"]}
            yield {
                "vhost": MAIN, "name": f"{kind}-{number}", "type": kind, "durable": number % 2 == 0,
                "auto_delete": number == 2, "arguments": arguments,
            }
    yield {
        "vhost": ODD, "name": "ünïcode / exchange", "type": "topic", "durable": True, "auto_delete": False, "arguments": {},
    }


def bindings():
    def binding(source, destination, key, arguments=None, vhost=MAIN, kind="queue"):
        return {
            "vhost": vhost, "source": source, "destination": destination, "destination_type": kind,
            "routing_key": key, "arguments": arguments or {},
        }

    for number in range(80):
        yield binding("direct-0", f"plain-{number}", f"key {number}")
        yield binding("amq.topic", f"ttl-{number}", f"{number}.*.#")
        yield binding("amq.headers", f"long-{number}", "", {
            "x-match": ("all", "any", "all-with-x", "any-with-x")[number % 4], "format": "pdf", "pages": number, "ratio": 0.5,
        })
        yield binding("x-consistent-hash-0", f"dl-{number}", str(number + 1))
    for kind in KINDS:
        key = "5" if kind == "x-consistent-hash" else ""
        for number in range(4):
            if kind != "x-consistent-hash" or number != 0:
                yield binding(f"{kind}-{number}", "plain-0", key)
    yield binding("fanout-0", "topic-0", "from exchange to exchange", kind="exchange")
    yield binding("topic-0", "amq.fanout", "a.#", {"own": [1, {"two": 2}]}, kind="exchange")
    yield binding("direct-0", "plain-0", "ü" * 100)
    for number in range(10):
        yield binding("amq.direct", f"plain-q{number * 7}", "k", vhost=QUORUM) if number < 3 else binding(
            "ünïcode / exchange", f"{'%2F /'[number % 5]}q {number} ü \"" + "n" * (number * 2), "*.ü", vhost=ODD
        )


def the_set():
    makers = {
        "users": users, "vhosts": vhosts, "permissions": permissions, "topic_permissions": topic_permissions,
        "global_parameters": global_parameters, "parameters": parameters, "policies": policies,
        "exchanges": exchanges, "queues": queues, "bindings": bindings,
    }
    return {name: list(make()) for name, make in makers.items()}


def declare_by_client(address):
    """What JSON cannot ask for: values of types that only a client has."""
    import pika

    host, port = address.rsplit(":", 1)
    connection = pika.BlockingConnection(pika.ConnectionParameters(host, int(port), MAIN))
    channel = connection.channel()
    channel.queue_declare("by client", durable=True, arguments={
        "x-queue-type": "classic", "x-bytes": b"\xff\x00\x01", "x-nothing": None, "x-flag": True,
        "x-time": datetime.datetime(2024, 2, 29, tzinfo=datetime.timezone.utc), "x-large": 2**40,
        "x-list": [1, "a", {"b": None}],
    })
    channel.queue_bind("by client", "amq.headers", arguments={"x-match": "any", "present": None})
    connection.close()


def ours(definitions):
    """What of an export the tests have made."""
    def is_ours(name, item):
        key = "name" if name in ("users", "vhosts", "global_parameters") else "vhost"
        return item[key].startswith(PREFIX) and item.get("user", PREFIX).startswith(PREFIX)

    kept = {name: [item for item in definitions[name] if is_ours(name, item)] for name in LISTS}
    return {name: sorted(items, key=canonical) for name, items in kept.items()}


def canonical(item):
    return json.dumps(item, sort_keys=True, ensure_ascii=False)


def differences(expected, found):
    """Lines that tell what two exports do not have in common, whatever the order."""
    for name in LISTS:
        wanted, had = (collections.Counter(map(canonical, side.get(name, []))) for side in (expected, found))
        for sign, lines in (("-", wanted - had), ("+", had - wanted)):
            yield from (f"{sign} {name} {line}" for line in sorted(lines))


def make(options):
    theirs = Api(options.theirs)
    theirs.clean()
    try:
        theirs.import_(the_set())
        declare_by_client(options.amqp)
        export = theirs.export()
    finally:
        theirs.clean()
    about = {key: value for key, value in export.items() if key not in LISTS}
    about["original_cluster_name"] = "rabbit@example"
    about["explanation"] = "Definitions of cluster 'rabbit@example'"
    lines = [f"{json.dumps(key)}:{json.dumps(value)}" for key, value in sorted(about.items())]
    for name, items in ours(export).items():
        text = ",\n".join(json.dumps(item, ensure_ascii=False, separators=(",", ":")) for item in items)
        lines.append(f"{json.dumps(name)}:[\n{text}]")
    FILE.write_text("{" + ",\n".join(lines) + "}\n")
    print(f"{FILE.relative_to(ROOT)}: {FILE.stat().st_size} bytes")
    return 0


@contextlib.contextmanager
def a_broker(options):
    """The HTTP API of the Leveret under test."""
    if options.ours:
        yield Api(options.ours)
    else:
        with broker.open_broker(options) as under_test:
            yield Api(under_test.http_uri)


def check(options):
    expected = json.loads(FILE.read_text())
    failures = []
    with a_broker(options) as api:
        api.clean()
        try:
            api.import_(expected)
            first = ours(api.export())
            failures += [f"ours {line}" for line in differences(expected, first)]
            api.import_(expected)
            failures += [f"again {line}" for line in differences(first, ours(api.export()))]
        finally:
            api.clean()
    if options.theirs:
        theirs = Api(options.theirs)
        theirs.clean()
        try:
            theirs.import_(first)
            failures += [f"theirs {line}" for line in differences(first, ours(theirs.export()))]
        finally:
            theirs.clean()
    print("\n".join(failures[:40]) or "the exports say the same")
    print(f"{len(failures)} differences")
    return 1 if failures else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    broker.add_arguments(parser)
    parser.add_argument("command", choices=("make", "check"))
    parser.add_argument("--theirs", help="the HTTP API of a RabbitMQ 4.3")
    parser.add_argument("--amqp", default="127.0.0.1:5672", help="where that RabbitMQ speaks AMQP")
    parser.add_argument("--ours", help="the HTTP API of a Leveret that runs already")
    options = parser.parse_args()
    return make(options) if options.command == "make" else check(options)


if __name__ == "__main__":
    sys.exit(main())
