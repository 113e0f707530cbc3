"""A shard makes its syncs on its own thread. One takes seconds: whoever does not wait for it goes on. One fails: nobody does.

    python tests/interop/slow_sync.py            the release binary, under strace

One client has persistent messages confirmed one by one, so that the shard syncs by itself; another one publishes and gets
messages in memory, on the same shard. Then one sync is held up for seconds. It must hold that

 1. the one in memory goes round all the time: none of its rounds takes half as long as the sync;
 2. the one that waits for the sync has its confirms afterwards, and the broker ends as it should.

And when one fails, the process ends at once, and its log says what could not be made durable.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import broker
import strace
import trace
from stall import Probe

DELAY_S = 4
# The sync that is held up: by then the shard has made this many by itself.
HELD_UP = 200
LOAD_S = 8
RARE = "so few that none was chosen: on this disk a shard does not sync by itself, and there is nothing to show"


def load(binary, under_test):
    """Persistent messages, confirmed one by one."""
    command = [binary, "perf", "--json", "--uri", under_test.uri, "--size", "16", "--persistent"]
    command += ["--confirm", "1", "--consumers", "0", "--duration", str(LOAD_S)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def attach(under_test, output, inject):
    """strace at the shard's thread, for syncs."""
    # Of one thread alone strace does not say which it is. The other one never syncs.
    numbers = strace.threads(under_test.pid, ("shard-0", "log"))
    watched = [numbers[name] for name in ("shard-0", "log")]
    return strace.Attached(output, watched, ("fdatasync",), inject=f"fdatasync:{inject}:when={HELD_UP}")


def syncs_of(output):
    return list(trace.calls(trace.lines_of(output)))


def takes_long(binary, output):
    """One sync takes seconds."""
    with broker.Leveret(binary, "leveret.shards=1").start() as under_test:
        attached = attach(under_test, output, f"delay_exit={DELAY_S * 1_000_000}")
        # strace counts from the Unix epoch, a probe from the start of the machine.
        offset_s = time.time() - time.monotonic()
        probe = Probe(under_test.address, "the same shard", is_stored=False)
        producer = load(binary, under_test)
        told, _ = producer.communicate(timeout=strace.WAIT_S_MAX)
        probe.stop()
        under_test.stop()
        attached.wait()
    if producer.returncode != 0:
        return [f"the producer ended with {producer.returncode}"]
    confirmed = json.loads(told)["published_per_s"] * LOAD_S
    syncs = syncs_of(output)
    print(f"{confirmed:.0f} messages confirmed, one by one; {len(syncs)} syncs by the shard's own thread")
    if len(syncs) < HELD_UP:
        print(RARE)
        return []
    began_s = syncs[HELD_UP - 1].at - offset_s
    ended_s = began_s + DELAY_S
    rounds = [took for began, took in probe.rounds if began_s < began + took and began < ended_s]
    longest_s = max(rounds, default=DELAY_S)
    print(f"one took {DELAY_S} s; meanwhile {len(rounds)} rounds in memory, the longest {longest_s * 1000:.1f} ms")
    faults = ["what did not wait for the disk stood still"] if longest_s > DELAY_S / 2 else []
    return faults + (["nothing was confirmed after it"] if confirmed < HELD_UP else [])


def fails(binary, output):
    """One sync fails."""
    with broker.Leveret(binary, "leveret.shards=1").start() as under_test:
        attached = attach(under_test, output, "error=EIO")
        producer = load(binary, under_test)
        producer.communicate(timeout=strace.WAIT_S_MAX)
        if len(syncs_of(output)) < HELD_UP:
            print(RARE)
            under_test.stop()
            attached.wait()
            return []
        code = under_test.process.wait(strace.WAIT_S_MAX)
        attached.wait()
        log = under_test.log_path.read_text(errors="replace")
        under_test.forget_log()
    print(f"one failed: the process ended with {code}, and no sync came after it")
    faults = [] if code != 0 else ["the process ended as if nothing had been"]
    if len(syncs_of(output)) > HELD_UP:
        faults.append("it was tried again")
    if "could not make" not in log or "Input/output error" not in log:
        faults.append(f"the log does not say what failed: {log[-500:]}")
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--binary", default="target/release/leveret", help="the program to start")
    options = parser.parse_args()
    if strace.is_missing():
        return 1
    with tempfile.TemporaryDirectory() as folder:
        faults = takes_long(options.binary, pathlib.Path(folder) / "long")
        faults += fails(options.binary, pathlib.Path(folder) / "failed")
    for fault in faults:
        print(f"FAILED {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
