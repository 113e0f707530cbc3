"""The disk fails to sync, at each sync in turn: nothing confirmed is lost, and the process does not go on.

    python tests/interop/sync_faults.py            the release binary, under strace

For every k, the k-th `fdatasync` and then the k-th `fsync` of a thread fails with EIO: at the start of a broker, in its
journal, and in the background work of moving old messages to segments. It must hold that

 1. the process ends by itself, and its log says what could not be made durable;
 2. after the sync has failed, no basic.ack goes out that the journal owes (from the order of calls in the trace);
 3. a start without the fault finds every message that was confirmed and not acknowledged, whole and in order.

How long the process lived on is printed; only a process that stays is a failure.
"""

import argparse
import dataclasses
import itertools
import pathlib
import signal
import subprocess
import sys
import tempfile

import broker
import strace
import trace
import workloads
from workloads import SETTINGS, Done

SYNCS = ("fdatasync", "fsync")
# A basic.ack from its class on, as strace writes it.
ACK = r"\0<\0P"
END_S_MAX = 10


@dataclasses.dataclass
class Totals:
    """What all runs together have shown."""

    faulted: int = 0
    confirmed: int = 0
    acks_after: int = 0
    lived_on_s: list = dataclasses.field(default_factory=list)
    faults: list = dataclasses.field(default_factory=list)


class Case:
    """Syncs of one thread fail, one by one, in runs that begin with the same data directory."""

    def __init__(self, thread, work=None, template=None, before=None):
        self.thread, self.work, self.template, self.before = thread, work, template, before

    def run(self, binary, totals):
        for call in SYNCS:
            for index in itertools.count(1):
                with broker.Leveret(binary, *SETTINGS) as under_test:
                    if self.template:
                        workloads.copy_sparsely(self.template, under_test.data_dir)
                    what = f"{self.thread}, {call} {index}"
                    if not self.attempt(under_test, call, index, what, totals):
                        break
            print(f"{self.thread}: {call} failed at each of {index - 1} calls", flush=True)

    def attempt(self, under_test, call, index, what, totals):
        """One run with a fault, and one without. False if the fault did not come: there is no such call."""
        output = pathlib.Path(under_test.folder.name) / "trace"
        inject = f"{call}:error=EIO:when={index}"
        done = Done(set(self.before.confirmed)) if self.before else Done()
        if self.thread == "main":
            has_failed = start_under(under_test, output, call, inject)
        else:
            has_failed = self.work_under(under_test, output, call, inject, done, what, totals)
        if has_failed:
            totals.faulted += 1
            check_log(under_test, what, totals)
        totals.faults += [f"{what}: {fault}" for fault in workloads.lost_or_wrong(under_test, done)]
        totals.confirmed += len(done.confirmed)
        return has_failed

    def work_under(self, under_test, output, call, inject, done, what, totals):
        """Does the work while a thread's syncs are counted, and ends the process if nothing else has."""
        under_test.start()
        numbers = strace.threads(under_test.pid, (self.thread, "shard-0"))
        watched = [numbers[self.thread], numbers["shard-0"]]
        attached = strace.Attached(output, watched, (call, "sendto"), inject=inject)
        self.work(under_test, done)
        under_test.process.send_signal(signal.SIGTERM)
        try:
            code = under_test.process.wait(END_S_MAX)
        except subprocess.TimeoutExpired:
            totals.faults.append(f"{what}: the process is still there after {END_S_MAX} s")
            under_test.kill()
        attached.wait()
        lines = list(trace.lines_of(output))
        syncs = [found for found in trace.calls(lines) if found.name == call]
        failed = next((sync for sync in syncs if sync.result != 0), None)
        if failed is None:
            return False
        if code == 0:
            totals.faults.append(f"{what}: the process ended as if nothing had been")
        totals.lived_on_s.append(trace.end_of(lines, numbers["shard-0"])[0] - failed.until)
        acks = [sent for sent in trace.calls(lines) if ACK in sent.arguments and sent.began > failed.ended]
        if acks and self.thread == "journal-0":
            totals.faults.append(f"{what}: {len(acks)} sends with acks after the sync failed")
        totals.acks_after += len(acks)
        return True


def start_under(under_test, output, call, inject):
    """Starts a broker whose main thread has a fault. False if it becomes ready, and so had none."""
    under_test.wrapper = strace.wrapper(output, (call,), all_threads=False, inject=inject)
    try:
        under_test.start()
    except AssertionError:
        code = under_test.process.wait(END_S_MAX)
        assert code != 0, "a start that failed must say so"
        return True
    finally:
        under_test.wrapper = []
    under_test.stop()
    return False


def check_log(under_test, what, totals):
    log = under_test.log_path.read_text(errors="replace")
    if "could not make" not in log or "Input/output error" not in log:
        totals.faults.append(f"{what}: the log does not say what failed: {under_test.log()}")
    under_test.forget_log()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--binary", default="target/release/leveret", help="the program to start")
    options = parser.parse_args()
    if strace.is_missing():
        return 1
    totals = Totals()
    with tempfile.TemporaryDirectory(prefix="leveret-old-") as folder:
        template = pathlib.Path(folder) / "data"
        before = workloads.old_files(options.binary, template)
        cases = [
            Case("main"),
            Case("main", template=template, before=before),
            Case("journal-0", workloads.disturb),
            Case("background-0", workloads.fill_a_journal_file, template=template, before=before),
        ]
        for case in cases:
            case.run(options.binary, totals)
    for fault in totals.faults[:20]:
        print(f"FAILED {fault}")
    print(
        f"{totals.faulted} syncs failed, {totals.confirmed} confirmed, "
        f"{totals.acks_after} acks after a failed sync, "
        f"the process lived on for at most {max(totals.lived_on_s) * 1000:.0f} ms, {len(totals.faults)} faults"
    )
    return 1 if totals.faults else 0


if __name__ == "__main__":
    sys.exit(main())
