"""RabbitMQ's own command line over HTTP, `rabbitmqadmin` v2, drives the broker: every command that speaks of something that
exists here, the mistakes that people make with it, and what it prints.

    python tests/interop/rabbitmqadmin.py                             the release binary, on ports of its own
    python tests/interop/rabbitmqadmin.py --uri http://127.0.0.1:15672 --amqp 127.0.0.1:5672
                                                                      a broker that runs already, to prove the steps
    python tests/interop/rabbitmqadmin.py --rabbitmqadmin PATH        where the program is
    python tests/interop/rabbitmqadmin.py --print                     prints what each step has printed

Without the program nothing is checked; it is installed by `cargo install rabbitmqadmin --root target/rabbitmqadmin`. Only names
that begin with `rmqadm` are touched, and they are removed afterwards.
"""

import argparse
import base64
import contextlib
import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

import pika

import broker
from rabbitmqadmin_cases import GROUPS

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
INSTALLED = ROOT / "target/rabbitmqadmin/bin/rabbitmqadmin"
NAMES = {"vhost": "rmqadm", "other": "rmqadm-other", "user": "rmqadm-user"}
STEP_S_MAX, SHOWN_S_MAX = 60, 30


class Session:
    """The program, the broker that it speaks to, and what the steps' words stand for."""

    def __init__(self, program, http, amqp, password, folder):
        self.program, self.http, self.amqp, self.password = program, http, amqp, password
        salt = b"salt"
        digest = hashlib.sha256(salt + b"sesame").digest()
        self.words = {
            **NAMES, "folder": folder, "hash": base64.b64encode(salt + digest).decode(),
            "http_port": http.rpartition(":")[2], "node": self.ask("/overview")["node"], "connection": "",
        }

    def ask(self, path):
        login = base64.b64encode(f"guest:{self.password}".encode()).decode()
        request = urllib.request.Request(f"http://{self.http}/api{path}", headers={"Authorization": f"Basic {login}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def prepare(self):
        """Files that steps read."""
        folder = pathlib.Path(self.words["folder"])
        (folder / "payload").write_text("from a file")
        queue = {"name": "from-file", "vhost": NAMES["vhost"], "durable": True, "auto_delete": False, "arguments": {}}
        (folder / "small.json").write_text(json.dumps({"queues": [queue]}))

    @contextlib.contextmanager
    def client(self):
        """A connection that the program lists and closes, with a consumer. It is there when the API shows it."""
        login = pika.PlainCredentials(NAMES["user"], "sesame")
        parameters = pika.ConnectionParameters(*self.amqp, virtual_host=NAMES["vhost"], credentials=login)
        connection = pika.BlockingConnection(parameters)
        connection.channel().basic_consume("q1", lambda *_: None, consumer_tag="ctag-of-test")
        thread = threading.Thread(target=serve, args=(connection,))
        thread.start()
        try:
            self.words["connection"] = self.wait_for_connection()
            yield
        finally:
            self.run("connections close_of_user --username {user}", "")
            thread.join()

    def wait_for_connection(self):
        """The name of the connection, once statistics know of it and of what it has opened."""
        deadline = time.monotonic() + SHOWN_S_MAX
        while True:
            connections = [one["name"] for one in self.ask("/connections") if one.get("user") == NAMES["user"]]
            is_shown = self.ask(f"/consumers/{NAMES['vhost']}") and self.ask(f"/vhosts/{NAMES['vhost']}/channels")
            if connections and is_shown:
                return connections[0]
            assert time.monotonic() < deadline, f"no connection is shown after {SHOWN_S_MAX} s"
            time.sleep(0.2)

    def run(self, arguments, stdin):
        host, _, port = self.http.rpartition(":")
        command = [self.program, "-H", host, "-P", port, *shlex.split(arguments.format(**self.words))]
        login = {"RABBITMQADMIN_USERNAME": "guest", "RABBITMQADMIN_PASSWORD": self.password}
        done = subprocess.run(
            command, input=stdin.format(**self.words), env={**os.environ, **login}, capture_output=True, text=True,
            timeout=STEP_S_MAX, check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def problems(self, step, code, output):
        """What is not as it has to be."""
        wanted, _, patterns, _, _ = step
        if code != wanted:
            yield f"exit code {code} instead of {wanted}"
        text = plain(output)
        for pattern in patterns:
            has_to_miss, pattern = pattern.startswith("!"), pattern.removeprefix("!")
            words = {word: re.escape(value) for word, value in self.words.items()}
            if bool(re.search(pattern.format(**words), text)) == has_to_miss:
                yield f"{'found' if has_to_miss else 'did not find'} {pattern!r}"


def serve(connection):
    """Answers the broker until it closes the connection."""
    with contextlib.suppress(pika.exceptions.AMQPError):
        while True:
            connection.process_data_events(time_limit=1)


def plain(output):
    """A table without its lines: cells one blank apart."""
    output = re.sub(r"[│╭╮╰╯├┤┬┴┼─]", " ", output)
    return re.sub(r"[ \t]+", " ", output)


def run(session, is_ours, prints):
    """All groups; the number of steps that failed."""
    passed = failed = 0
    for group, steps in GROUPS.items():
        before = failed
        with session.client() if group == "clients" else contextlib.nullcontext():
            for step in steps:
                _, arguments, _, stdin, only_ours = step
                if only_ours and not is_ours:
                    continue
                code, output = session.run(arguments, stdin)
                if prints:
                    print(f"## {arguments}\n{output}\n-> {code}")
                problems = list(session.problems(step, code, output))
                for problem in problems:
                    print(f"FAILED {group}: {arguments}: {problem}\n{output}")
                failed, passed = failed + bool(problems), passed + (not problems)
        print(f"{'ok' if failed == before else 'FAILED'} {group}: {len(steps)} steps")
    print(f"{passed} passed, {failed} failed")
    return failed


def clean(session):
    for arguments in ("delete vhost --name {vhost}", "delete vhost --name {other}", "delete user --name {user}",
                      "delete user --name {user}-2"):
        session.run(f"{arguments} --idempotently", "")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    broker.add_arguments(parser)
    parser.add_argument("--amqp", default="127.0.0.1:5672", help="where the broker of --uri takes AMQP clients")
    parser.add_argument("--rabbitmqadmin", help="the program to run")
    parser.add_argument("--print", action="store_true", help="print what each step has printed")
    options = parser.parse_args()
    program = options.rabbitmqadmin or shutil.which("rabbitmqadmin") or (str(INSTALLED) if INSTALLED.exists() else None)
    if not program:
        print("no rabbitmqadmin here, nothing is checked: `cargo install rabbitmqadmin --root target/rabbitmqadmin`")
        return 0
    with tempfile.TemporaryDirectory(prefix="leveret-rabbitmqadmin-") as folder:
        if options.uri:
            host, _, port = options.amqp.rpartition(":")
            uri = urllib.parse.urlsplit(options.uri)
            session = Session(program, f"{uri.hostname}:{uri.port}", (host, int(port)), uri.password or "guest", folder)
            return 1 if drive(session, False, options) else 0
        with broker.Leveret(options.binary).start() as leveret:
            session = Session(program, leveret.http, leveret.address, leveret.password, folder)
            failed = drive(session, True, options)
            leveret.stop()
            return 1 if failed else 0


def drive(session, is_ours, options):
    session.prepare()
    clean(session)
    try:
        return run(session, is_ours, options.print)
    finally:
        clean(session)


if __name__ == "__main__":
    sys.exit(main())
