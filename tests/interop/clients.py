"""Programs of many client families, each in the words of its own library, run against Leveret over real sockets.

    python tests/interop/clients.py                               the release binary, on ports of its own
    python tests/interop/clients.py --uri amqp://127.0.0.1:5672   a broker that runs already, to prove the programs
    python tests/interop/clients.py amqplib celery                only these families

A program is started with the broker's address and writes a line per check:

    ok TOPIC sentence
    FAILED TOPIC sentence         and what it died of, indented
    -- TOPIC sentence: reason     it was not run
    ? restart                     asks for a broker that has been killed and started again; answered by a line on
                                  the standard input

The environment variable INTEROP_WITHOUT names topics that are not to be run.
"""

import argparse
import concurrent.futures
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import broker

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RUN_S_MAX, END_S_MAX = 240, 10

# What every family does, in this order; the other topics are typical of one.
COMMON = ("connect", "confirm", "prefetch", "requeue", "dead-letter", "return", "cancel", "errors", "reconnect")


class Family:
    """A client library, and the program that uses it."""

    def __init__(self, name, command, environment=None):
        self.name, self.command, self.environment = name, command, environment or {}
        self.counts = {}  # By topic: passed, failed, skipped.
        self.lines = []
        self.took_s = 0.0

    def run(self, options, without):
        began = time.monotonic()
        with broker.open_broker(options) as under_test:
            self.speak(under_test, without)
            if under_test.is_ours and self.failed():
                self.lines.append(under_test.log())
        self.took_s = time.monotonic() - began
        return self

    def speak(self, under_test, without):
        if not under_test.is_ours:
            without = ("reconnect", "restart")
        process = subprocess.Popen(
            [*self.command, under_test.uri],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **self.environment, "INTEROP_WITHOUT": ",".join(without)},
            text=True,
            start_new_session=True,
        )
        alarm = threading.Timer(RUN_S_MAX, lambda: end(process))
        alarm.start()
        try:
            for line in process.stdout:
                self.note(line.rstrip("\n"))
                if line == "? restart\n":
                    under_test.restart()
                    process.stdin.write("done\n")
                    process.stdin.flush()
            code = process.wait()
        finally:
            alarm.cancel()
        if code != 0 and not self.failed():
            self.note(f"FAILED connect {self.name} ended with code {code}")

    def note(self, line):
        kinds = {"ok": 0, "FAILED": 1, "--": 2}
        word, _, rest = line.partition(" ")
        if word in kinds:
            self.count(rest.split(" ")[0], kinds[word])
        if not line.startswith("? "):
            self.lines.append(line)

    def count(self, topic, kind):
        self.counts.setdefault(topic, [0, 0, 0])[kind] += 1

    def failed(self):
        return sum(failed for _, failed, _ in self.counts.values())

    def cell(self, topic):
        passed, failed, skipped = self.counts.get(topic, (0, 0, 0))
        if failed:
            return "FAILED"
        return str(passed) if passed else "-" if skipped else ""


def end(process):
    """Ends a program that takes too long, and what it has started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, number)
            process.wait(END_S_MAX)


def families():
    python, programs = sys.executable, HERE / "families"
    rust = ROOT / "target" / "interop-rust" / "debug"
    node = {"NODE_PATH": str(ROOT / "target" / "interop-node" / "node_modules")}
    return [
        Family("pika", [python, str(programs / "with_pika.py")]),
        Family("aio-pika", [python, str(programs / "with_aio_pika.py")]),
        Family("kombu", [python, str(programs / "with_kombu.py")]),
        Family("celery", [python, str(programs / "with_celery.py")]),
        Family("amqplib", ["node", str(HERE / "node" / "amqplib.js")], node),
        Family("php", ["php", str(HERE / "php" / "amqplib.php")]),
        Family("lapin", [str(rust / "with-lapin")]),
        Family("amqprs", [str(rust / "with-amqprs")]),
    ]


def build(chosen):
    """The Rust programs are a workspace of their own, so that the broker does not depend on what they need."""
    if any("interop-rust" in family.command[0] for family in chosen):
        manifest = HERE / "rust" / "Cargo.toml"
        target = ROOT / "target" / "interop-rust"
        command = ["cargo", "build", "--quiet", "--locked", "--manifest-path", manifest, "--target-dir", target]
        subprocess.run(command, check=True)


def print_table(done):
    topics = list(COMMON)
    topics += [topic for family in done for topic in family.counts if topic not in COMMON]
    width = max(len(topic) for topic in topics)
    print(f"\n{'':{width}}" + "".join(f" {family.name:>9}" for family in done))
    for topic in dict.fromkeys(topics):
        print(f"{topic:{width}}" + "".join(f" {family.cell(topic):>9}" for family in done))
    print(f"{'seconds':{width}}" + "".join(f" {family.took_s:9.1f}" for family in done) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    broker.add_arguments(parser)
    parser.add_argument("--without", default="", help="topics that are left out, with commas")
    parser.add_argument("family", nargs="*", help="names of families; all without any")
    options = parser.parse_args()
    known = {family.name: family for family in families()}
    unknown = [name for name in options.family if name not in known]
    if unknown:
        parser.error(f"there is no family {unknown[0]}; there are {', '.join(known)}")
    chosen = [known[name] for name in options.family] or list(known.values())
    build(chosen)
    without = [topic for topic in options.without.split(",") if topic]
    # Most of the time a program waits: for a deadline, or for a client that has lost its broker.
    with concurrent.futures.ThreadPoolExecutor(len(chosen)) as threads:
        runs = [threads.submit(family.run, options, without) for family in chosen]
        for run in concurrent.futures.as_completed(runs):
            family = run.result()
            print("\n".join([f"── {family.name} ──", *family.lines]), flush=True)
    print_table(chosen)
    passed, failed, skipped = (
        sum(counts[kind] for family in chosen for counts in family.counts.values()) for kind in range(3)
    )
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
