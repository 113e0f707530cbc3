"""The broker under test: the release binary, started on free ports, or one that runs elsewhere.

The user of ours has a password that nobody else has, so that it can be looked for in everything that brokers write.
"""

import contextlib
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import urllib.parse

import canaries

READY_S_MAX = 10
STOP_S_MAX = 2
LOOK_AGAIN_S = 0.001


class Leveret:
    """A process of ours with a data directory that outlives it."""

    is_ours = True

    def __init__(self, binary, *settings, password=canaries.GUEST):
        """`password` is that of `guest`; None is for the one that everybody knows."""
        self.binary = pathlib.Path(binary).resolve()
        self.settings = settings
        self.password = password or "guest"
        self.environment = {**os.environ, "RABBITMQ_ERLANG_COOKIE": canaries.COOKIE}
        if password:
            self.environment["RABBITMQ_DEFAULT_PASS"] = password
        self.config_path = None  # A file of settings, if there is one.
        self.wrapper = []  # What the process is started under; it must become the process.
        self.folder = tempfile.TemporaryDirectory(prefix="leveret-interop-")
        self.data_dir = pathlib.Path(self.folder.name) / "data"
        self.log_path = pathlib.Path(self.folder.name) / "log"
        self.output_path = pathlib.Path(self.folder.name) / "output"
        self.process = None
        self.addresses = []
        self.http = self.https = self.metrics = None  # Where the HTTP API and metrics are served.
        self.tls_addresses = []
        self.ports = [0, 0]  # Of the IPv4 and the IPv6 listener; 0 leaves the choice to the system.
        self.ready_s = 0.0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.process:
            self.keep()
        self.folder.cleanup()

    def keep(self):
        """What it has written is looked through when all tests are over."""
        files = [("log", self.log_path), ("output", self.output_path)]
        files += [(f"log-file-{path.name}", path) for path in sorted((self.data_dir / "log").glob("*"))]
        canaries.keep(files, self.password == canaries.GUEST, self.data_dir)

    def forget_log(self):
        """What comes into the log from now on stands at its beginning."""
        with open(self.output_path, "ab") as kept:
            kept.write(self.log_path.read_bytes())
        self.log_path.write_text("")

    def command(self, *settings):
        # Many brokers run side by side here: each has the HTTP API on a port of its own.
        command = [str(self.binary), "serve", "--data-dir", str(self.data_dir)]
        command += ["--set", "management.tcp.port=0", "--set", "prometheus.tcp.port=0"]
        if self.config_path:
            command += ["--config", str(self.config_path)]
        for setting in settings:
            command += ["--set", setting]
        return command

    def start(self):
        """Starts the process and waits for its `ready` line."""
        v4, v6 = self.ports
        settings = (f"listeners.tcp.1=127.0.0.1:{v4}", f"listeners.tcp.2=::1:{v6}", *self.settings)
        began = time.monotonic()
        command = self.wrapper + self.command(*settings)
        with open(self.log_path, "ab") as log, open(self.output_path, "ab") as output:
            said_before = output.tell()
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=log, env=self.environment
            )
        line = self._ready_line(said_before, began + READY_S_MAX)
        self.ready_s = time.monotonic() - began
        words = [word.split("=", 1) for word in line.split() if "=" in word]
        at = {kind: [where for known, where in words if known == kind] for kind, _ in words}
        self.addresses = [_address(entry) for entry in at["amqp"]]
        self.tls_addresses = [_address(entry) for entry in at.get("amqp/ssl", [])]
        self.http, self.https, self.metrics = (_local(at.get(kind)) for kind in ("http", "https", "http/prometheus"))
        assert len(self.addresses) == 2, f"two listeners were asked for: {line!r}"
        return self

    def restart(self):
        """Kills the process and starts it again where clients look for it."""
        self.kill()
        self.ports = [self.address[1], self.address_v6[1]]
        return self.start()

    def _ready_line(self, said_before, deadline):
        is_running = True
        while is_running and time.monotonic() < deadline:
            # Whoever ends may have said something until then.
            is_running = self.process.poll() is None
            with open(self.output_path, "rb") as output:
                output.seek(said_before)
                for line in output.read().split(b"\n")[:-1]:
                    if line.startswith(b"ready"):
                        return line.decode()
            time.sleep(LOOK_AGAIN_S)
        raise AssertionError(f"no ready line; exit code {self.process.poll()}; log:\n{self.log()}")

    @property
    def address(self):
        """The IPv4 listener."""
        return next(address for address in self.addresses if ":" not in address[0])

    @property
    def uri(self):
        """For clients; the user may do everything."""
        host, port = self.address
        return f"amqp://guest:{self.password}@{host}:{port}"

    @property
    def http_uri(self):
        return f"http://guest:{self.password}@{self.http}"

    @property
    def address_v6(self):
        return next(address for address in self.addresses if ":" in address[0])

    @property
    def pid(self):
        return self.process.pid

    def open_files(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def rss_kib(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])

    def stop(self):
        """SIGTERM, which must end the process with code 0 in time."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_S_MAX + 3)
        except subprocess.TimeoutExpired as still_running:
            raise AssertionError(f"still running {STOP_S_MAX + 3} s after SIGTERM") from still_running
        took = time.monotonic() - began
        assert code == 0, f"exit code {code} after SIGTERM; log:\n{self.log()}"
        assert took < STOP_S_MAX, f"{took:.1f} s from SIGTERM to the end"

    def kill(self):
        self.process.kill()
        self.process.wait()

    def log(self):
        """What the broker complained of; the rest of its log is of no help here."""
        with contextlib.suppress(FileNotFoundError):
            lines = self.log_path.read_text(errors="replace").splitlines()
            return "\n".join([line for line in lines if "[info]" not in line][-30:])
        return ""


def _local(entries):
    """Where this machine finds the first listener of some kind: `127.0.0.1:15672`."""
    return f"127.0.0.1:{_address(entries[0])[1]}" if entries else None


class Elsewhere:
    """A broker that somebody else started: to ask a RabbitMQ whether the tests are right."""

    is_ours = False

    def __init__(self, uri):
        parts = urllib.parse.urlsplit(uri)
        self.address = (parts.hostname, parts.port or 5672)
        self.address_v6 = None
        canaries.password = self.password = urllib.parse.unquote(parts.password or "guest")

    @property
    def uri(self):
        host, port = self.address
        return f"amqp://guest:{self.password}@{host}:{port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def log(self):
        return ""


def _address(entry):
    host, _, port = entry.rpartition(":")
    return host.strip("[]"), int(port)


def add_arguments(parser):
    """The options that every program here takes."""
    parser.add_argument("--binary", default="target/release/leveret", help="the program to start")
    parser.add_argument("--uri", help="test a broker that runs already, for example amqp://127.0.0.1:5670")


def open_broker(options):
    return Elsewhere(options.uri) if options.uri else Leveret(options.binary).start()
