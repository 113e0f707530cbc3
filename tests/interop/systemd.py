"""Plays systemd: what a service manager hears from the broker, and that it hears nothing while a shard hangs.

    python tests/interop/systemd.py                  the release binary; the hanging shard needs strace

 1. READY=1 comes once clients are let in, at a socket in the file system as well as at an abstract one;
 2. WATCHDOG=1 comes again and again while every shard takes turns;
 3. it stays away while a single shard does not, the manager is told which one, and it comes again afterwards;
 4. STOPPING=1 comes with the end;
 5. the unit that is shipped allows every call that the broker makes, from the start over synced messages to the end.
"""

import argparse
import contextlib
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import broker
import strace
import wire
from wire import Wire

# How long the manager waits for a sign of life, and how many of them one has to see.
PATIENCE_S = 1.0
SIGNS_MIN = 6
HEARD_S_MAX = 30
# How long a shard hangs unless strace is ended before.
HANG_S = 60
SHARD = 1
UNIT = pathlib.Path(__file__).parents[2] / "packaging/systemd/leveret.service"
QUEUE = "calls"


class Manager:
    """The end of the socket that is systemd's. `name` is a path, or begins with @."""

    def __init__(self, name):
        self.name = name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name.startswith("@") else name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def environment(self):
        return {"NOTIFY_SOCKET": self.name, "WATCHDOG_USEC": str(int(PATIENCE_S * 1e6))}

    def hear(self, wait_s=HEARD_S_MAX):
        """The lines of the next message, or nothing if none comes in that time."""
        self.socket.settimeout(wait_s)
        try:
            return self.socket.recv(4096).decode().split("\n")
        except TimeoutError:
            return []

    def hear_until(self, is_wanted):
        """Everything up to the first message that is wanted."""
        heard, deadline = [], time.monotonic() + HEARD_S_MAX
        while time.monotonic() < deadline:
            lines = self.hear(deadline - time.monotonic())
            heard.append(lines)
            if is_wanted(lines):
                return heard
        raise AssertionError(f"the message that was waited for is not among {heard}")

    def forget(self):
        """Drops what lies there already."""
        self.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self.socket.recv(4096)


def is_alive(lines):
    return "WATCHDOG=1" in lines


def start(under_test, manager):
    """Starts the broker, and connects as soon as the manager knows that one may."""
    under_test.wrapper = ["env", *(f"{name}={value}" for name, value in manager.environment().items())]
    under_test.start()
    before = manager.hear_until(lambda lines: "READY=1" in lines)
    assert not any(is_alive(lines) for lines in before), f"alive before it was ready: {before}"
    status = [line for line in before[-1] if line.startswith("STATUS=")]
    assert status and "amqp=127.0.0.1:" in status[0], f"no status for people: {before}"
    Wire(under_test.address).log_in().socket.close()


def stop(under_test, manager):
    manager.forget()
    under_test.stop()
    assert any("STOPPING=1" in lines for lines in iter(lambda: manager.hear(0.1), [])), "no STOPPING=1"


def signs_of_life(binary, manager):
    with broker.Leveret(binary, "leveret.shards=2") as under_test:
        start(under_test, manager)
        times = []
        for _ in range(SIGNS_MIN):
            manager.hear_until(is_alive)
            times.append(time.monotonic())
        longest_s = max(later - earlier for earlier, later in zip(times, times[1:]))
        stop(under_test, manager)
    where = "abstract" if manager.name.startswith("@") else "in the file system"
    print(f"socket {where}: ready, {SIGNS_MIN} signs of life at most {longest_s:.2f} s apart for {PATIENCE_S} s, stopping")


def hanging_shard(binary, manager):
    with broker.Leveret(binary, "leveret.shards=2") as under_test:
        start(under_test, manager)
        name = f"shard-{SHARD}"
        thread = strace.threads(under_test.pid, [name])[name]
        trace = pathlib.Path(under_test.folder.name) / "trace"
        hang = f"epoll_wait,epoll_pwait:delay_enter={HANG_S * 1_000_000}"
        attached = strace.Attached(trace, [thread], ["epoll_wait", "epoll_pwait"], inject=hang)
        manager.hear_until(lambda lines: f"STATUS=shard {SHARD} takes no turns" in lines)
        began, silent_s = time.monotonic(), 2 * PATIENCE_S
        while time.monotonic() - began < silent_s:
            lines = manager.hear(silent_s / 4)
            assert not is_alive(lines), "a sign of life although a shard hangs"
        attached.process.terminate()
        attached.wait()
        manager.hear_until(is_alive)
        assert "the shard takes no turns" in under_test.log(), "the log does not tell of the shard"
        stop(under_test, manager)
    print(f"{name} hung: no sign of life, and one after it went on")


def call_sets():
    """The sets of calls that systemd knows, each with its calls and the sets in it."""
    text = subprocess.run(["systemd-analyze", "syscall-filter"], capture_output=True, text=True, check=True).stdout
    sets, name = {}, None
    for line in text.splitlines():
        if line.startswith("@"):
            name = line.strip()
            sets[name] = []
        elif line.startswith("    ") and not line.strip().startswith("#"):
            sets[name].append(line.strip())
    return sets


def calls_of(sets, name):
    if not name.startswith("@"):
        return {name}
    return set().union(*(calls_of(sets, member) for member in sets[name]))


def allowed_calls():
    """The calls that the unit allows: what one line adds, and what another, with a tilde, takes away."""
    sets = call_sets()
    allowed = calls_of(sets, "@default")
    for line in re.findall(r"^SystemCallFilter=(.*)$", UNIT.read_text(), re.MULTILINE):
        named = set().union(*(calls_of(sets, name) for name in line.lstrip("~").split()))
        allowed = allowed - named if line.startswith("~") else allowed | named
    return allowed


def filtered_calls(binary):
    if not shutil.which("systemd-analyze"):
        print("systemd-analyze is missing; what the unit allows is not looked at")
        return
    with broker.Leveret(binary, "leveret.shards=2") as under_test:
        trace = pathlib.Path(under_test.folder.name) / "trace"
        under_test.wrapper = strace.wrapper(trace, ["all"], string_bytes_max=0)
        under_test.wrapper.remove("--seccomp-bpf")  # It is for a few calls only.
        under_test.start()
        with Wire(under_test.address).log_in().open_channel() as channel:
            channel.send(wire.queue_declare(1, QUEUE, durable=True))
            channel.expect(wire.QUEUE_DECLARE_OK)
            channel.send(wire.method(1, wire.CONFIRM_SELECT, b"\0"))
            channel.expect(wire.CONFIRM_SELECT_OK)
            channel.send(wire.publish(1, QUEUE, b"a message", wire.PERSISTENT))
            channel.expect(wire.BASIC_ACK)
        pid = under_test.pid
        under_test.process.terminate()
        assert under_test.process.wait(HEARD_S_MAX) == 0, "it does not end well"
        strace.wait_for_end(trace, pid)
        used = set(re.findall(r"^\d+ +[\d.]+ (\w+)\(", trace.read_text(errors="replace"), re.MULTILINE))
    refused = used - allowed_calls()
    assert "fdatasync" in used and not refused, f"the unit refuses {sorted(refused)} of {sorted(used)}"
    print(f"the unit allows each of the {len(used)} calls that the broker makes")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--binary", default="target/release/leveret", help="the program to start")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="leveret-notify-") as folder:
        with Manager(os.path.join(folder, "notify")) as manager:
            signs_of_life(options.binary, manager)
        with Manager(f"@leveret-notify-{os.getpid()}") as manager:
            signs_of_life(options.binary, manager)
            if strace.is_missing():
                return 1
            hanging_shard(options.binary, manager)
    filtered_calls(options.binary)
    return 0


if __name__ == "__main__":
    sys.exit(main())
