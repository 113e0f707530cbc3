"""Metrics: what Prometheus scrapes is parsed by its official parser, and its names are those of docs/metrics.md.

    python tests/interop/metrics.py                     the release binary, on ports of its own
    python tests/interop/metrics.py --binary PATH       another one
    python tests/interop/metrics.py --table             prints each name with what is found of it
"""

import argparse
import base64
import json
import pathlib
import re
import sys
import tempfile
import urllib.request

import pika
from prometheus_client.parser import text_string_to_metric_families

import broker
from certificates import Authority

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TABLE = ROOT / "docs/metrics.md"
MANY = 10_000  # Queues.
ODD = 'queue with "quotes" \\ and ünïcode'
FAMILIES = (
    "connection_churn_metrics", "node_coarse_metrics", "node_metrics", "queue_coarse_metrics", "queue_consumer_count",
    "queue_metrics", "channel_metrics", "channel_exchange_metrics", "channel_queue_metrics", "connection_coarse_metrics",
    "connection_metrics", "channel_queue_exchange_metrics", "exchange_metrics", "queue_delivery_metrics", "vhost_status",
    "exchange_bindings", "exchange_names", "leveret_queue_metrics", "leveret_node_metrics", "node_persister_metrics",
    "auth_attempt_metrics", "queue_exchange_metrics",
)
# What the panels of the public dashboard RabbitMQ-Overview (Grafana's number 10991) ask for, in its versions of the last years.
DASHBOARD = """
    build_info identity_info channels connections consumers queues process_max_fds process_open_fds
    process_resident_memory_bytes resident_memory_limit_bytes disk_space_available_bytes disk_space_available_limit_bytes
    channels_closed_total channels_opened_total connections_closed_total connections_opened_total
    queues_created_total queues_declared_total queues_deleted_total
    queue_messages_ready queue_messages_unacked queue_messages_published_total
    channel_consumers channel_messages_unconfirmed channel_messages_published_total channel_messages_confirmed_total
    channel_messages_unroutable_dropped_total channel_messages_unroutable_returned_total channel_get_ack_total
    channel_get_total channel_get_empty_total channel_messages_delivered_total channel_messages_delivered_ack_total
    channel_messages_redelivered_total channel_messages_acked_total
    global_publishers global_consumers global_messages_received_total global_messages_received_confirm_total
    global_messages_confirmed_total global_messages_routed_total global_messages_unroutable_dropped_total
    global_messages_unroutable_returned_total global_messages_delivered_total global_messages_redelivered_total
    global_messages_delivered_consume_auto_ack_total global_messages_delivered_consume_manual_ack_total
    global_messages_delivered_get_auto_ack_total global_messages_delivered_get_manual_ack_total
    global_messages_get_empty_total global_messages_acknowledged_total
    alarms_free_disk_space_watermark alarms_memory_used_watermark unreachable_cluster_peers_count
""".split()


def scrape(address, path):
    """The metrics of a path, by name: a list of labels and values."""
    with urllib.request.urlopen(f"http://{address}{path}", timeout=30) as answer:
        assert answer.headers["content-type"] == "text/plain; version=0.0.4", answer.headers["content-type"]
        text = answer.read().decode()
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation, f"{family.name} has no help"
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def one(found, name, **labels):
    """The value of the one sample that has these labels."""
    values = [value for had, value in found[name] if labels.items() <= had.items()]
    assert len(values) == 1, f"{name}{labels}: {found[name]}"
    return values[0]


def work(uri):
    """Something to count: ten messages, one acknowledged, one fetched, one that goes nowhere."""
    connection = pika.BlockingConnection(pika.URLParameters(uri))
    channel = connection.channel()
    channel.confirm_delivery()
    channel.queue_declare(ODD, durable=True)
    for _ in range(10):
        channel.basic_publish("", ODD, b"x" * 100, pika.BasicProperties(delivery_mode=2, timestamp=1_700_000_000))
    channel.basic_publish("", "nowhere", b"")
    channel.basic_get(ODD, auto_ack=True)
    channel.basic_qos(prefetch_count=3)
    tags = []
    channel.basic_consume(ODD, lambda _channel, method, *_: tags.append(method.delivery_tag))
    while len(tags) < 3:
        connection.process_data_events(time_limit=1)
    channel.basic_ack(tags[0])
    while len(tags) < 4:
        connection.process_data_events(time_limit=1)
    return connection


def refused(uri):
    """Somebody with a wrong password."""
    parameters = pika.URLParameters(uri)
    parameters.credentials = pika.PlainCredentials("guest", "wrong")
    try:
        pika.BlockingConnection(parameters)
    except pika.exceptions.AMQPConnectionError:
        return
    raise AssertionError("a wrong password was taken")


def die(connection):
    """Messages that die: two rejected where nobody wants the dead, one too many where somebody does. The queues are gone at the end."""
    channel = connection.channel()
    channel.queue_declare("forgets", exclusive=True)
    channel.queue_declare("dead", exclusive=True)
    keeps = {"x-max-length": 1, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
    channel.queue_declare("short", exclusive=True, arguments=keeps)
    for queue in ("forgets", "forgets", "short", "short"):
        channel.basic_publish("", queue, b"")
    for _ in range(2):
        method, *_ = channel.basic_get("forgets")
        channel.basic_reject(method.delivery_tag, requeue=False)
    while channel.queue_declare("dead", passive=True).method.message_count < 1:
        pass
    for queue in ("forgets", "short", "dead"):
        channel.queue_delete(queue)
    channel.close()


def check_deaths(totals):
    """Each death is counted by its reason, the type of its queue, and what that does with its dead."""
    for reason, strategy, expected in (
        ("rejected", "disabled", 2), ("rejected", "at_most_once", 0), ("maxlen", "at_most_once", 1), ("expired", "disabled", 0),
    ):
        name = f"rabbitmq_global_messages_dead_lettered_{reason}_total"
        labels = {"queue_type": "rabbit_classic_queue", "dead_letter_strategy": strategy}
        assert one(totals, name, **labels) == expected, (labels, totals[name])


def check_disk(totals):
    """Ten confirms waited for the journal."""
    syncs = one(totals, "leveret_journal_syncs_total")
    assert syncs >= 1 and one(totals, "leveret_journal_written_bytes_total") > 10 * 100
    assert one(totals, "leveret_disk_sync_seconds_count", lane="journal") == syncs
    assert one(totals, "leveret_disk_sync_seconds_sum", lane="journal") > 0
    assert one(totals, "rabbitmq_io_sync_ops_total") >= syncs


def check_values(totals, objects, detailed):
    """Where clients can see what has happened, metrics say the same."""
    of_queue = {"vhost": "/", "queue": ODD}
    for found, prefix in ((objects, "rabbitmq_"), (detailed, "rabbitmq_detailed_")):
        assert one(found, prefix + "queue_messages_ready", **of_queue) == 5
        assert one(found, prefix + "queue_messages_unacked", **of_queue) == 3
        assert one(found, prefix + "queue_consumers", **of_queue) == 1
        assert one(found, prefix + "queue_info", queue_type="rabbit_classic_queue", **of_queue) == 1
        pair = {"vhost": "/", "exchange": "", "queue": ODD}
        assert one(found, prefix + "queue_exchange_messages_published_total", **pair) == 10
        assert one(found, prefix + "channel_messages_published_total", vhost="/", exchange="") == 11
        assert one(found, prefix + "channel_messages_confirmed_total", vhost="/", exchange="") == 11
        assert one(found, prefix + "channel_messages_acked_total", vhost="/", queue=ODD) == 1
    for name, expected in (
        ("rabbitmq_queue_messages_ready", 5), ("rabbitmq_queue_messages_unacked", 3), ("rabbitmq_queue_messages", 8),
        ("rabbitmq_connections", 1), ("rabbitmq_channels", 1), ("rabbitmq_consumers", 1), ("rabbitmq_queues", 1),
        ("rabbitmq_channel_messages_published_total", 11), ("rabbitmq_channel_messages_confirmed_total", 11),
        ("rabbitmq_channel_messages_unroutable_dropped_total", 1), ("rabbitmq_channel_get_total", 1),
        ("rabbitmq_channel_messages_delivered_ack_total", 4), ("rabbitmq_channel_messages_acked_total", 1),
        ("rabbitmq_global_messages_received_total", 11), ("rabbitmq_alarms_memory_used_watermark", 0),
        ("leveret_message_time_in_queue_seconds_count", 4), ("rabbitmq_message_size_bytes_count", 11),
        ("rabbitmq_message_size_bytes_sum", 1000), ("rabbitmq_global_messages_received_confirm_total", 11),
        ("rabbitmq_global_messages_routed_total", 10), ("rabbitmq_global_messages_unroutable_dropped_total", 1),
    ):
        assert one(totals, name) == expected, (name, totals[name])
    classic = {"protocol": "amqp091", "queue_type": "rabbit_classic_queue"}
    quorum = {**classic, "queue_type": "rabbit_quorum_queue"}
    for name, of_classic in (("delivered", 5), ("delivered_get_auto_ack", 1), ("acknowledged", 1)):
        name = f"rabbitmq_global_messages_{name}_total"
        assert (one(totals, name, **classic), one(totals, name, **quorum)) == (of_classic, 0), totals[name]
    assert one(totals, "rabbitmq_auth_attempts_total", protocol="amqp091") == 2, totals["rabbitmq_auth_attempts_total"]
    assert one(totals, "rabbitmq_auth_attempts_failed_total", protocol="amqp091") == 1
    assert one(detailed, "rabbitmq_detailed_auth_attempts_succeeded_total", protocol="amqp091") == 1
    check_disk(totals)
    identity = totals["rabbitmq_identity_info"][0][0]
    assert identity["rabbitmq_node"] and identity["rabbitmq_cluster"], identity
    assert one(totals, "rabbitmq_process_resident_memory_bytes") > 1_000_000
    assert one(totals, "rabbitmq_disk_space_available_bytes") > 0


def peak_kib(pid):
    """The most memory that a process has had."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def check_many(under_test):
    """Metrics of many queues are sent as they are made: the text is never in memory as a whole."""
    names = [f"one of many queues whose names are long enough to be noticed, number {number}" for number in range(MANY)]
    queues = [{"name": name, "vhost": "/", "durable": True, "auto_delete": False, "arguments": {}} for name in names]
    login = base64.b64encode(f"guest:{under_test.password}".encode()).decode()
    headers = {"authorization": f"Basic {login}", "content-type": "application/json"}
    body = json.dumps({"queues": queues}).encode()
    request = urllib.request.Request(f"http://{under_test.http}/api/definitions", body, headers, method="POST")
    urllib.request.urlopen(request, timeout=60).close()
    before_kib, text_bytes, sample_count = peak_kib(under_test.pid), 0, 0
    with urllib.request.urlopen(f"http://{under_test.metrics}/metrics/per-object", timeout=60) as answer:
        assert "content-length" not in answer.headers
        while piece := answer.read(64 * 1024):
            text_bytes += len(piece)
            sample_count += piece.count(b'rabbitmq_queue_consumers{vhost="/",queue="one of many')
    assert MANY - 20 <= sample_count <= MANY, f"{sample_count} samples"  # Some lie across two pieces.
    grown_kib = peak_kib(under_test.pid) - before_kib
    assert text_bytes > 30 * 2**20 and grown_kib < 16 * 2**10, f"{grown_kib} KiB for {text_bytes} bytes"
    print(f"{text_bytes // 2**20} MiB of text for {MANY} queues took {grown_kib} KiB of memory")


def table():
    """The rows of the document: name, and whether it says that it is served."""
    rows = re.findall(r"^\| `([a-z0-9_]+)` \| (served|no)\b", TABLE.read_text(), re.MULTILINE)
    assert len(rows) == len(dict(rows)), "a name stands twice"
    return {name: word == "served" for name, word in rows}


def plain(name):
    """A name as the table has it: without what the detailed path and histograms add."""
    name = name.replace("_detailed_", "_", 1)
    return re.sub(r"(_seconds|_bytes)_(bucket|sum|count)$", r"\1", name)


def started(options, folder):
    """A broker that has a certificate, whose end is a metric too."""
    if options.uri:
        return broker.open_broker(options)
    certificate, key = Authority(folder, "authority").issue("server")
    settings = ("listeners.ssl.1=127.0.0.1:0", f"ssl_options.certfile={certificate}", f"ssl_options.keyfile={key}")
    return broker.Leveret(options.binary, *settings).start()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    broker.add_arguments(parser)
    parser.add_argument("--table", action="store_true", help="print what is found of each name")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="leveret-metrics-") as folder, started(options, folder) as under_test:
        connection = work(under_test.uri)
        refused(under_test.uri)
        totals = scrape(under_test.metrics, "/metrics")
        objects = scrape(under_test.metrics, "/metrics/per-object")
        query = "&".join(f"family={family}" for family in FAMILIES)
        detailed = scrape(under_test.metrics, f"/metrics/detailed?{query}&vhost=%2F")
        memory = scrape(under_test.metrics, "/metrics/memory-breakdown")
        die(connection)
        after = scrape(under_test.metrics, "/metrics")
        nothing = scrape(under_test.metrics, "/metrics/detailed?family=queue_metrics&vhost=elsewhere")
        connection.close()
        check_values(totals, objects, detailed)
        assert "rabbitmq_detailed_queue_consumers" not in nothing
        missing = [name for name in DASHBOARD if not after.get(f"rabbitmq_{name}")]
        assert not missing, f"a dashboard asks for {missing}"
        assert len(totals["rabbitmq_identity_info"]) == 1, "dashboards join everything with it"
        check_deaths(after)
        assert one(after, "telemetry_scrape_size_bytes_sum", registry="default") > 10_000
        if under_test.is_ours:
            check_many(under_test)
            under_test.stop()
    found = {plain(name) for one in (totals, objects, detailed, memory) for name in one}
    rows = table()
    if options.table:
        for name, is_served in rows.items():
            print(f"{name:70} {'served' if is_served else '-':8} {'found' if name in found else '-'}")
    problems = [f"{name} is served and has no row" for name in sorted(found - rows.keys())]
    problems += [f"{name} is not served" for name in rows if rows[name] and name not in found]
    problems += [f"{name} is served, and its row denies it" for name in rows if not rows[name] and name in found]
    print("\n".join(problems) or f"{sum(rows.values())} names are served as docs/metrics.md has them")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
