"""The disk is full: publishers are told so, consumers go on, nothing confirmed is lost, and it ends without a restart.

    python tests/interop/full_disk.py            the release binary, on small file systems of its own

On a file system of some hundred MiB, with messages that are confirmed one window at a time:

 1. publish until messages are refused, or until the connection is told that it is blocked;
 2. a consumer takes a third of what is there, and then all: publishing goes on;
 3. a file of somebody else takes all the room: messages are refused; it goes: publishing goes on;
 4. full again: `kill -9`, a start on the full disk, which has every message that was confirmed; consumed: it goes on;
 5. an orderly end, a start: what was confirmed and not acknowledged is there.

Where no file system can be mounted, this part is left out. In the second part, strace has single calls that need room
fail with ENOSPC, one after the other; the work is done nevertheless, though some messages may be refused.
"""

import argparse
import contextlib
import pathlib
import subprocess
import sys
import tempfile
import time

import broker
import consumer
import stamp
import strace
import workloads
from consumer import Consumer
from publisher import Publisher
from refusals import Case
from workloads import QUEUE, SETTINGS

MIB = 1 << 20
# File systems, in MiB: of less than the journal of one shard holds before it retires anything, and of more. Without a
# limit the broker finds out by itself that they are full; with one, it holds publishers back before.
NO_LIMIT = "disk_free_limit.absolute=0"
DISKS = ((400, NO_LIMIT),)
MORE_DISKS = (
    (900, "disk_free_limit.absolute=100MiB"),
    (700, NO_LIMIT),
    (1500, NO_LIMIT),
    (400, "disk_free_limit.absolute=50MiB"),
)
MESSAGE_BYTES = 200_000
RESUMED_S_MAX = 60
# How long a publisher that is told to wait is believed to wait.
BLOCKED_S = 3
BRIEF, LONG = ("ENOSPC", 1), ("ENOSPC", 4)


@contextlib.contextmanager
def file_system(size_mib):
    """A small file system, or None where none can be mounted."""
    with tempfile.TemporaryDirectory(prefix="leveret-full-") as folder:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "leveret-full", folder]
        if subprocess.run(mount, stderr=subprocess.DEVNULL).returncode != 0:
            yield None
            return
        try:
            yield pathlib.Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


class Ledger:
    """What was confirmed, and what was acknowledged."""

    def __init__(self):
        self.outstanding, self.publishers, self.faults = set(), 0, []
        self.confirmed = self.refused = self.blocked = 0

    def fill(self, under_test):
        """Publishes until that is refused, one way or the other."""
        publisher = self._publisher(under_test)
        publisher.is_done = lambda: bool(publisher.refused)
        publisher.run()
        self._add(publisher)
        assert publisher.refused or publisher.is_blocked, f"not refused on a full disk: {publisher.fault}"

    def resume(self, under_test, confirms=100):
        """Publishes until so many are confirmed, in spite of refusals for a while."""
        deadline = time.monotonic() + RESUMED_S_MAX
        confirmed = 0
        while confirmed < confirms:
            assert time.monotonic() < deadline, f"publishing does not go on: {under_test.log()}"
            publisher = self._publisher(under_test)
            publisher.is_done = lambda: bool(publisher.refused) or len(publisher.confirmed) >= confirms
            publisher.run()
            self._add(publisher)
            confirmed = len(publisher.confirmed)
            if publisher.refused:
                time.sleep(0.1)

    def _publisher(self, under_test):
        number = self.publishers = self.publishers + 1

        def message(sequence):
            return stamp.message(QUEUE, number, sequence, MESSAGE_BYTES)

        return Publisher(under_test.address, number, message, window=20, timeout=BLOCKED_S)

    def _add(self, publisher):
        publisher.wire.socket.close()
        # Who is blocked hears nothing more for a while.
        if publisher.fault and not publisher.is_blocked:
            self.faults.append(publisher.fault)
        self.outstanding |= {(publisher.number, sequence) for sequence in publisher.confirmed}
        self.confirmed += len(publisher.confirmed)
        self.refused += len(publisher.refused)
        self.blocked += publisher.blocked_count

    def take(self, under_test, part=1):
        """Consumes and acknowledges so large a part of what there is, or all, which must be what is owed."""
        left = consumer.declare(under_test.address, QUEUE)
        taking = Consumer(under_test.address, QUEUE, prefetch=100, timeout=RESUMED_S_MAX)
        while len(taking.received) < left * part and taking.take():
            pass
        taking.finish()
        if len(taking.received) < left * part:
            self.faults.append(f"the broker was gone after {len(taking.received)} of {left} messages")
        self.faults += taking.faults
        for number in range(1, self.publishers + 1):
            sequences = [sequence for publisher, sequence in taking.received if publisher == number]
            if sequences != sorted(set(sequences)):
                self.faults.append(f"the messages of publisher {number} are out of order")
        if part == 1:
            lost = sorted(self.outstanding - set(taking.received))
            self.faults += [f"{message} was confirmed and is lost" for message in lost[:5]]
        self.outstanding -= set(taking.received)


def fill_the_rest(folder):
    """A file of somebody else that takes all the room that is left."""
    path = folder / "somebody-else"
    with open(path, "wb") as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(MIB))
            file.flush()
    return path


def on_a_small_disk(binary, size_mib, limit):
    """All the steps; what is wrong, or None if there is no such file system."""
    ledger = Ledger()
    with file_system(size_mib) as folder, broker.Leveret(binary, *SETTINGS, limit) as under_test:
        if folder is None:
            return None
        under_test.data_dir = folder / "data"
        began = time.monotonic()
        try:
            steps(under_test, folder, ledger)
        except (AssertionError, OSError) as fault:
            ledger.faults.append(f"{fault!r}; log:\n{under_test.log()}")
        print(
            f"{size_mib} MiB, {limit}: {ledger.confirmed} messages confirmed, {ledger.refused} refused, "
            f"{ledger.blocked} times blocked, {len(ledger.outstanding)} missing, "
            f"{time.monotonic() - began:.1f} s, {len(ledger.faults)} faults",
            flush=True,
        )
    return [f"{size_mib} MiB, {limit}: {fault}" for fault in ledger.faults]


def steps(under_test, folder, ledger):
    under_test.start()
    consumer.declare(under_test.address, QUEUE)
    ledger.fill(under_test)
    ledger.take(under_test, part=1 / 3)
    ledger.take(under_test)
    ledger.resume(under_test)
    other = fill_the_rest(folder)
    ledger.fill(under_test)
    other.unlink()
    ledger.resume(under_test)
    ledger.fill(under_test)
    under_test.kill()
    under_test.start()
    ledger.take(under_test)
    ledger.resume(under_test)
    under_test.stop()
    under_test.start()
    ledger.take(under_test)
    under_test.stop()


def refuse_each(binary, step):
    """Calls that need room fail in turn; what is wrong."""
    with tempfile.TemporaryDirectory(prefix="leveret-old-") as folder:
        template = pathlib.Path(folder) / "data"
        old = {"template": template, "before": workloads.old_files(binary, template), "may_refuse": True}
        cases = []
        for call in ("fallocate", "pwrite64", "rename"):
            every = step if call == "pwrite64" else 1
            cases.append(
                Case("journal-0", call, workloads.disturb, [BRIEF, LONG], may_refuse=True, step=every)
            )
            cases.append(Case("background-0", call, workloads.fill_a_journal_file, [BRIEF], **old))
        return [fault for case in cases for fault in case.run(binary)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--binary", default="target/release/leveret", help="the program to start")
    parser.add_argument("--step", type=int, default=10, help="fail each so-manieth write of the journal")
    parser.add_argument("--more", action="store_true", help="more file systems")
    options = parser.parse_args()
    if strace.is_missing():
        return 1
    faults = []
    for size_mib, limit in DISKS + MORE_DISKS if options.more else DISKS:
        found = on_a_small_disk(options.binary, size_mib, limit)
        if found is None:
            print("no file system can be mounted here: a disk that is really full is left out")
            break
        faults += found
    faults += refuse_each(options.binary, options.step)
    for fault in faults[:20]:
        print(f"FAILED {fault}")
    print(f"{len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
