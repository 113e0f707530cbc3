"""Metrics: what Prometheus scrapes is parsed by its official parser, and its names are those of docs/metrics.md.

    python tests/interop/metrics.py                     the release binary, on ports of its own
    python tests/interop/metrics.py --binary PATH       another one
    python tests/interop/metrics.py --table             prints each name with what is found of it
"""

import argparse
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
ODD = 'queue with "quotes" \\ and ünïcode'
FAMILIES = (
    "connection_churn_metrics", "node_coarse_metrics", "node_metrics", "queue_coarse_metrics", "queue_consumer_count",
    "queue_metrics", "channel_metrics", "channel_exchange_metrics", "channel_queue_metrics", "connection_coarse_metrics",
    "connection_metrics", "channel_queue_exchange_metrics", "exchange_metrics", "queue_delivery_metrics", "vhost_status",
    "exchange_bindings", "exchange_names", "leveret_queue_metrics", "leveret_node_metrics",
)


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


def check_values(totals, objects, detailed):
    """Where clients can see what has happened, metrics say the same."""
    of_queue = {"vhost": "/", "queue": ODD}
    for found, prefix in ((objects, "rabbitmq_"), (detailed, "rabbitmq_detailed_")):
        assert one(found, prefix + "queue_messages_ready", **of_queue) == 5
        assert one(found, prefix + "queue_messages_unacked", **of_queue) == 3
        assert one(found, prefix + "queue_consumers", **of_queue) == 1
        assert one(found, prefix + "queue_info", queue_type="rabbit_classic_queue", **of_queue) == 1
    for name, expected in (
        ("rabbitmq_queue_messages_ready", 5), ("rabbitmq_queue_messages_unacked", 3), ("rabbitmq_queue_messages", 8),
        ("rabbitmq_connections", 1), ("rabbitmq_channels", 1), ("rabbitmq_consumers", 1), ("rabbitmq_queues", 1),
        ("rabbitmq_channel_messages_published_total", 11), ("rabbitmq_channel_messages_confirmed_total", 11),
        ("rabbitmq_channel_messages_unroutable_dropped_total", 1), ("rabbitmq_channel_get_total", 1),
        ("rabbitmq_channel_messages_delivered_ack_total", 4), ("rabbitmq_channel_messages_acked_total", 1),
        ("rabbitmq_global_messages_received_total", 11), ("rabbitmq_alarms_memory_used_watermark", 0),
        ("leveret_message_time_in_queue_seconds_count", 4),
    ):
        assert one(totals, name) == expected, (name, totals[name])
    identity = totals["rabbitmq_identity_info"][0][0]
    assert identity["rabbitmq_node"] and identity["rabbitmq_cluster"], identity
    assert one(totals, "rabbitmq_process_resident_memory_bytes") > 1_000_000
    assert one(totals, "rabbitmq_disk_space_available_bytes") > 0


def table():
    """The rows of the document: name, and whether it says that it is served."""
    rows = re.findall(r"^\| `([a-z0-9_]+)` \| (served|no)\b", TABLE.read_text(), re.MULTILINE)
    assert len(rows) == len(dict(rows)), "a name stands twice"
    return {name: word == "served" for name, word in rows}


def plain(name):
    """A name as the table has it: without what the detailed path and histograms add."""
    name = name.replace("_detailed_", "_", 1)
    return re.sub(r"(_time_in_queue_seconds)_(bucket|sum|count)$", r"\1", name)


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
        totals = scrape(under_test.metrics, "/metrics")
        objects = scrape(under_test.metrics, "/metrics/per-object")
        query = "&".join(f"family={family}" for family in FAMILIES)
        detailed = scrape(under_test.metrics, f"/metrics/detailed?{query}&vhost=%2F")
        memory = scrape(under_test.metrics, "/metrics/memory-breakdown")
        nothing = scrape(under_test.metrics, "/metrics/detailed?family=queue_metrics&vhost=elsewhere")
        connection.close()
        check_values(totals, objects, detailed)
        assert "rabbitmq_detailed_queue_consumers" not in nothing
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
