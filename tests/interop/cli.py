"""The command line: what it prints, where, and how it ends. Every command is run at least once, under its own tool's name.

    python tests/interop/cli.py                                            the release binary, on ports of its own
    python tests/interop/cli.py --uri http://guest:guest@127.0.0.1:15672 --amqp 127.0.0.1:5672
                                                                           against a RabbitMQ's HTTP API

Steps stand in `cli_cases.py`: what is expected there is what RabbitMQ 4.3's own tools print. Everything is done in a virtual
host and with a user of this test, which are deleted afterwards. With a broker of our own, also what is asked when there is
none, over TLS, and with a user who may not.
"""

import argparse
import contextlib
import csv
import io
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import time
import urllib.parse

import pika

import broker
from certificates import Authority
from cli_cases import DATA, GROUPS, NO_PERMISSION, OK, UNAVAILABLE, USAGE, step

TOOLS = {
    "ctl": "rabbitmqctl", "diag": "rabbitmq-diagnostics", "queues": "rabbitmq-queues", "plugins": "rabbitmq-plugins",
    "upgrade": "rabbitmq-upgrade", "streams": "rabbitmq-streams",
}
NAMES = {"vhost": "cli-test", "user": "cli-test-user"}
RUN_S_MAX = 60
# So long RabbitMQ's statistics may be behind.
STATISTICS_S = 6
# Lists that every formatter writes.
LISTED = ("list_queues", "list_exchanges", "list_bindings", "list_users", "list_vhosts", "list_permissions", "list_policies",
          "list_connections", "list_channels", "list_consumers", "list_parameters", "list_feature_flags")


class Cli:
    """The tools, as links to the binary, and the broker that they speak to."""

    def __init__(self, binary, folder, environment, words):
        self.binary, self.folder = pathlib.Path(binary).resolve(), pathlib.Path(folder)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("LEVERET_")}
        self.environment = {**inherited, **environment}
        self.words = {**NAMES, "folder": folder, **words}
        self.passed = self.failed = 0
        self.commands = set()
        for name in TOOLS.values():
            link = self.folder / name
            if not link.exists():
                link.symlink_to(self.binary)
        (self.folder / "broken.json").write_text("{")

    def run(self, line, stdin=""):
        tool, *arguments = shlex.split(line.format(**self.words))
        program = [str(self.folder / TOOLS[tool])] if tool in TOOLS else [str(self.binary), "ctl"]
        self.commands.update(arguments)
        command = program + arguments
        try:
            return subprocess.run(command, env=self.environment, input=stdin, capture_output=True, text=True,
                                  timeout=RUN_S_MAX, check=False)
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, None, "", f"still running after {RUN_S_MAX} s\n")

    def check(self, one):
        """Runs a step, and says what is not as it has to be."""
        found = self.run(one["line"], one["stdin"])
        problems = list(self.problems(one, found))
        for problem in problems:
            print(f"FAILED {one['line']}: {problem}\n{found.stdout}{found.stderr}")
        self.failed, self.passed = self.failed + bool(problems), self.passed + (not problems)
        return found

    def problems(self, one, found):
        if found.returncode != one["code"]:
            yield f"exit code {found.returncode} instead of {one['code']}"
        if one["out"] is not None and found.stdout != one["out"].format(**self.words):
            yield f"stdout {found.stdout!r} instead of {one['out']!r}"
        if one["err"] is not None and not found.stderr.startswith(one["err"].format(**self.words)):
            yield f"stderr {found.stderr!r} instead of {one['err']!r}"
        words = {word: re.escape(value) for word, value in self.words.items()}
        for pattern in one["patterns"]:
            has_to_miss, pattern = pattern.startswith("!"), pattern.removeprefix("!").format(**words)
            if bool(re.search(pattern, found.stdout + found.stderr)) == has_to_miss:
                yield f"{'found' if has_to_miss else 'did not find'} {pattern!r}"


def objects(url):
    """A queue with two messages, an exchange, a binding and a consumer, as the user of this test."""
    parameters = pika.URLParameters(url)
    parameters.virtual_host = NAMES["vhost"]
    connection = pika.BlockingConnection(parameters)
    channel = connection.channel()
    channel.confirm_delivery()
    channel.queue_declare("q1", durable=True)
    channel.exchange_declare("x1", "topic", durable=True)
    channel.queue_bind("q1", "x1", "a.#")
    channel.basic_qos(prefetch_count=1)
    for body in (b"one", b"two"):
        channel.basic_publish("", "q1", body)
    return connection, channel


def formats(cli):
    """Every list in every format: documents are documents, and nothing else stands before them."""
    for command in LISTED:
        line = f"ctl {command} -p {{vhost}}"
        for formatter in ("table", "pretty_table", "erlang"):
            cli.check(step(OK, f"{line} --formatter {formatter}"))
        json.loads(cli.check(step(OK, f"{line} --formatter json")).stdout)
        rows = list(csv.reader(io.StringIO(cli.check(step(OK, f"{line} --formatter csv")).stdout)))
        assert len({len(row) for row in rows}) <= 1, f"{command}: rows of different lengths: {rows}"


def run_groups(cli, url, is_ours):
    for group, steps in GROUPS.items():
        before = cli.failed
        connection = None
        if group == "lists":
            cli.check(step(OK, "ctl change_password {user} simsim"))
            login = urllib.parse.urlsplit(url)
            connection, channel = objects(f"amqp://{NAMES['user']}:simsim@{login.hostname}:{login.port}")
            channel.basic_consume("q1", lambda *_: None, consumer_tag="ctag-of-test")
            if not is_ours:
                time.sleep(STATISTICS_S)
            formats(cli)
        for one in steps:
            if is_ours or not one["ours"]:
                cli.check(one)
        if connection:
            with contextlib.suppress(pika.exceptions.AMQPError):
                connection.close()
        print(f"{'ok' if cli.failed == before else 'FAILED'} {group}: {len(steps)} steps", flush=True)


def check_all_are_run(cli):
    """Every command that some tool lists has been run."""
    listed = set(cli.run("leveret help --list-commands").stdout.split())
    missing = listed - cli.commands
    assert listed, "commands are listed"
    assert not missing, f"no step runs {', '.join(sorted(missing))}"
    print(f"ok {len(listed)} commands, each run at least once")


def over_tls(cli, leveret, authority, stranger):
    """The same over TLS, and what is said of a certificate that nobody knows."""
    login = f"guest:{leveret.password}@localhost:{leveret.https.rpartition(':')[2]}"
    cli.environment = {**cli.environment, "LEVERET_URI": f"https://{login}"}
    cli.environment.pop("LEVERET_DATA_DIR")
    cli.check(step(OK, f"ctl list_users -q --tls-ca-cert-file {authority.certificate}", "guest\t\\[administrator\\]"))
    cli.check(step(UNAVAILABLE, f"ctl list_users --tls-ca-cert-file {stranger.certificate}",
                   "invalid peer certificate", "--tls-ca-cert-file"))
    cli.check(step(UNAVAILABLE, "ctl list_users --tls-ca-cert-file {folder}/none.pem", "none.pem"))
    cli.check(step(USAGE, "ctl list_users --tls-cert-file x.pem", "belong together"))


def without_permission(cli, leveret):
    """A user who may not, and one who is nobody."""
    known = (f"{NAMES['user']}:weak", NO_PERMISSION, "the server does not allow this")
    for login, code, words in (known, ("nobody:x", DATA, "the password of --uri")):
        cli.environment = {**cli.environment, "LEVERET_URI": f"http://{login}@{leveret.http}"}
        found = cli.check(step(code, "ctl list_users", words))
        assert "weak" not in found.stdout + found.stderr, "passwords are not repeated"


def without_a_node(cli):
    """Nobody is there."""
    cli.environment = {**cli.environment, "LEVERET_DATA_DIR": f"{cli.folder}/nothing"}
    cli.environment.pop("LEVERET_URI", None)
    for line in ("ctl list_queues", "ctl status", "diag ping", "diag check_running", "queues rebalance all", "plugins list"):
        cli.check(step(UNAVAILABLE, line, "--data-dir", "nothing"))
    cli.check(step(UNAVAILABLE, "ctl --uri http://guest:secret@127.0.0.1:1 list_queues", "port 1", "!secret"))
    cli.check(step(OK, "ctl version"))
    cli.check(step(OK, "ctl help list_queues", "list_queues"))


def ours(options, folder):
    authority, stranger = Authority(folder, "authority"), Authority(folder, "stranger")
    certificate, key = authority.issue("server")
    settings = ("management.ssl.port=0", f"management.ssl.certfile={certificate}", f"management.ssl.keyfile={key}")
    with broker.Leveret(options.binary, *settings).start() as leveret:
        words = {"node": "", "port": str(leveret.address[1]), "pid": str(leveret.pid)}
        cli = Cli(options.binary, folder, {"LEVERET_DATA_DIR": str(leveret.data_dir)}, words)
        run_groups(cli, f"amqp://{leveret.address[0]}:{leveret.address[1]}", True)
        cli.check(step(OK, "ctl add_user {user} weak"))
        over_tls(cli, leveret, authority, stranger)
        without_permission(cli, leveret)
        cli.environment = {**cli.environment, "LEVERET_DATA_DIR": str(leveret.data_dir)}
        cli.environment.pop("LEVERET_URI")
        cli.check(step(OK, "ctl shutdown --timeout 20"))
        assert leveret.process.wait(20) == 0, "it stops as if it had been told by a signal"
        without_a_node(cli)
        cli.check(step(OK, "ctl stop --idempotent"))
        check_all_are_run(cli)
    return cli


def theirs(options, folder):
    cli = Cli(options.binary, folder, {"LEVERET_URI": options.uri}, {"port": options.amqp.rpartition(":")[2], "pid": "1", "node": ""})
    try:
        run_groups(cli, f"amqp://{options.amqp}", False)
    finally:
        cli.run("ctl delete_vhost {vhost}")
        cli.run("ctl delete_user {user}")
    return cli


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    broker.add_arguments(parser)
    parser.add_argument("--amqp", default="127.0.0.1:5672", help="where the broker of --uri takes AMQP clients")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="leveret-cli-") as folder:
        cli = theirs(options, folder) if options.uri else ours(options, folder)
    print(f"{cli.passed} passed, {cli.failed} failed")
    return 1 if cli.failed else 0


if __name__ == "__main__":
    sys.exit(main())
