"""No file descriptors are left: clients wait at the door, and whoever is inside notices nothing.

    python tests/interop/descriptors.py            the release binary; the second part under strace

First a process that may have few open files, and a crowd of clients that is too large for it. One that was there
before goes on publishing, through several journal files. It must hold that

 1. all of its messages are confirmed, and found again after a kill;
 2. some of the crowd get in and the others wait, until those go;
 3. the log says what to do.

Then every `openat` of each thread that has a disk, and every `accept4`, fails in turn: once with EMFILE, and four
times in a row with ENFILE. The work is done nevertheless, and the process ends as it should. A start goes on, or says
why not.
"""

import argparse
import pathlib
import select
import sys
import tempfile
import time

import broker
import consumer
import stamp
import strace
import wire
import workloads
from publisher import Publisher
from refusals import Case
from wire import Wire
from workloads import SETTINGS, Done

LIMIT = 128
CROWD = 300
CROWD_S_MAX = 60
# The system lets a crowd wait that is this large, and the broker has patience with a slow one.
CROWDED = (
    "leveret.shards=2",
    f"handshake_timeout={CROWD_S_MAX}000",
    f"tcp_listen_options.backlog={2 * CROWD}",
)
# Several journal files of 64 MiB.
MESSAGES_MIN = 60
# A shortage that ends when descriptors kept open are given up, and one that does not.
BRIEF, LONG = ("EMFILE", 1), ("ENFILE", 4)


def limited(limit):
    """What to start a program under so that it may have that many open files."""
    return ["sh", "-c", f'ulimit -n {limit} && exec "$@"', "sh"]


class Crowd:
    """Clients that connect all at once, and log in when they are let in."""

    def __init__(self, address):
        self.waiting = {}
        self.inside = []
        for _ in range(CROWD):
            client = Wire(address, CROWD_S_MAX)
            client.send(wire.PROTOCOL_HEADER)
            self.waiting[client.socket] = client

    def enter(self, wait_s=0.0):
        """Logs in those that the broker has answered."""
        for answered in select.select(list(self.waiting), [], [], wait_s)[0]:
            client = self.waiting.pop(answered)
            client.log_in(has_said_hello=True)
            self.inside.append(client)

    def leave(self):
        for client in self.inside:
            client.socket.close()
        self.inside.clear()


def crowd_out(binary):
    """A crowd at a process that may have few open files; what is wrong."""
    crowd = None
    publisher_is_done = lambda: crowd is not None and not crowd.waiting and publisher.next > MESSAGES_MIN
    with broker.Leveret(binary, *CROWDED) as under_test:
        under_test.wrapper = limited(LIMIT)
        under_test.start()
        consumer.declare(under_test.address, workloads.QUEUE)
        publisher = Publisher(
            under_test.address,
            1,
            lambda sequence: stamp.message(workloads.QUEUE, 1, sequence, workloads.ROLL_BYTES),
            window=4,
            is_done=publisher_is_done,
            timeout=CROWD_S_MAX,
        )
        publisher.start()
        crowd = Crowd(under_test.address)
        inside, files_max = press_in(crowd, under_test, publisher)
        publisher.join()
        faults = [publisher.fault] if publisher.fault else []
        if "raise the limit of open files" not in under_test.log_path.read_text():
            faults.append("the log does not say what to do")
        if not 0 < inside < CROWD:
            faults.append(f"{inside} of {CROWD} got in, and {LIMIT} files may be open")
        under_test.kill()
        under_test.wrapper = []
        done = Done()
        done.add(publisher)
        faults += workloads.lost_or_wrong(under_test, done)
    print(
        f"a crowd of {CROWD} at {LIMIT} files: {inside} inside at a time, at most {files_max} files open, "
        f"{len(done.confirmed)} messages of {workloads.ROLL_BYTES >> 20} MiB confirmed meanwhile",
        flush=True,
    )
    return faults


def press_in(crowd, under_test, publisher):
    """Lets the crowd in as far as it goes, while messages are published, and then one after the other.

    How many were inside at a time, and how many files were open.
    """
    files_max = 0
    while publisher.is_alive() and publisher.next <= MESSAGES_MIN:
        crowd.enter(wait_s=0.05)
        files_max = max(files_max, under_test.open_files())
    inside = len(crowd.inside)
    deadline = time.monotonic() + CROWD_S_MAX
    while crowd.waiting:
        assert time.monotonic() < deadline, f"{len(crowd.waiting)} of the crowd still wait"
        crowd.leave()
        crowd.enter(wait_s=0.05)
        files_max = max(files_max, under_test.open_files())
    crowd.leave()
    return inside, files_max


def take_everything(under_test, done):
    """Reads what earlier runs have left, from the disk."""
    received, faults = consumer.drain(under_test.address, workloads.QUEUE)
    assert not faults, faults
    assert done.confirmed <= set(received), "a message is missing"
    done.acked |= set(received)


def start_short(binary, template, before):
    """Each `openat` of a start fails in turn, from the first of the data directory on; what is wrong."""
    under_test, opens = start_traced(binary, template)
    under_test.stop()
    under_test.folder.cleanup()
    first = next(number for number, line in enumerate(opens, 1) if "/data/" in line)
    started, faults = 0, []
    for index in range(first, len(opens) + 1):
        inject = f"openat:error={BRIEF[0]}:when={index}"
        under_test, _ = start_traced(binary, template, inject)
        with under_test:
            if under_test.process.poll() is None:
                started += 1
                under_test.stop()
            elif "Too many open files" not in under_test.log():
                faults.append(f"main, {inject}: the log does not say why: {under_test.log()}")
            under_test.wrapper = []
            faults += workloads.lost_or_wrong(under_test, Done(set(before.confirmed)))
    runs = len(opens) + 1 - first
    print(f"main: {BRIEF[0]} from each call of openat on, {started} of {runs} starts went on", flush=True)
    return faults


def start_traced(binary, template, inject=None):
    """Starts a broker on a copy of a data directory, which may fail; and what its main thread opened."""
    under_test = broker.Leveret(binary, *SETTINGS)
    workloads.copy_sparsely(template, under_test.data_dir)
    output = pathlib.Path(under_test.folder.name) / "trace"
    # Only the main thread: the others are told of below.
    under_test.wrapper = strace.wrapper(
        output, ("openat",), all_threads=False, inject=inject, string_bytes_max=200
    )
    try:
        under_test.start()
    except AssertionError:
        under_test.process.wait(CROWD_S_MAX)
    return under_test, [line for line in output.read_text().split("\n") if " openat(" in line]


def refuse_each(binary):
    """Every call fails in turn; what is wrong."""
    with tempfile.TemporaryDirectory(prefix="leveret-old-") as folder:
        template = pathlib.Path(folder) / "data"
        before = workloads.old_files(binary, template)
        old = {"template": template, "before": before}
        cases = [
            Case("shard-0", "accept4", workloads.disturb, [BRIEF, LONG]),
            Case("journal-0", "openat", workloads.disturb, [BRIEF, LONG]),
            Case("read-0", "openat", take_everything, [BRIEF, LONG], **old),
            # Writes 72 MiB each time: once is enough.
            Case("background-0", "openat", workloads.fill_a_journal_file, [BRIEF], **old),
        ]
        faults = start_short(binary, template, before)
        return faults + [fault for case in cases for fault in case.run(binary)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--binary", default="target/release/leveret", help="the program to start")
    options = parser.parse_args()
    if strace.is_missing():
        return 1
    faults = crowd_out(options.binary) + refuse_each(options.binary)
    for fault in faults[:20]:
        print(f"FAILED {fault}")
    print(f"{len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
