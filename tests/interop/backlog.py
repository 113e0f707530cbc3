"""What a backlog costs: rates, memory, disk and the time to start, with ever more messages waiting.

    python tests/interop/backlog.py --levels 0,1000000,10000000 --sizes 100,1024        the release binary

At each level a sample of persistent messages is published with confirms, and as many are consumed and acknowledged;
the queue then holds as many as before. Then the process is killed and started again. Printed is a table; only wrong
numbers of messages are a failure, because times depend on the machine.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

import broker

QUEUE = "backlog"
STARTS = 3
IDLE_S = 60
PREFETCH = 1_000
HEAD = "| body | waiting | published/s | consumed/s | CPU-s/M published | CPU-s/M consumed | memory MiB | disk MiB"
HEAD += " | disk / live | after one idle minute | ready after kill |"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default="target/release/leveret")
    parser.add_argument("--levels", default="0,1000000,10000000")
    parser.add_argument("--sizes", default="100,1024")
    parser.add_argument("--sample", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--idle", type=int, default=IDLE_S, help="seconds to wait before the disk is looked at again")
    options = parser.parse_args()
    print(HEAD + "\n" + "|---" * 11 + "|")
    for size in map(int, options.sizes.split(",")):
        with broker.Leveret(options.binary) as leveret:
            leveret.start()
            waiting = 0
            for level in map(int, options.levels.split(",")):
                publish(leveret, size, level - waiting)
                cells, waiting = row(leveret, size, max(level, waiting), options)
                print("| " + " | ".join(cells) + " |", flush=True)
    return 0


def row(leveret, size, level, options):
    """Measures at one level; says what it found, and how many messages wait in the end."""
    published, consumed = [], []
    for _ in range(options.rounds):
        published.append(publish(leveret, size, options.sample))
        consumed.append(consume(leveret, size, options.sample))
    memory_mib = resident_mib(leveret.process.pid)
    disk = disk_bytes(leveret.data_dir)
    time.sleep(options.idle)
    idle_disk = disk_bytes(leveret.data_dir)
    starts = []
    for _ in range(STARTS):
        leveret.kill()
        leveret.start()
        starts.append(leveret.ready_s)
    live = recovered_bytes(leveret)
    found = recovered_messages(leveret)
    # A consumer ends with up to a window more than it has counted, acknowledged or given back.
    taken = sum(report["consumed"] for report in consumed)
    left = max(level + options.rounds * options.sample - taken, 0)
    allowed = options.rounds * PREFETCH
    assert left - allowed <= found <= left + allowed, f"{found:,} messages instead of {left:,}"
    ratio = f"{disk / live:.2f} | {idle_disk / live:.2f}" if live else "– | –"
    rates = [median(published, "published_per_s"), median(consumed, "consumed_per_s")]
    costs = [median(published, "cpu_s_per_million"), median(consumed, "cpu_s_per_million")]
    cells = [f"{size:,} B", f"{level:,}", *(f"{rate:,.0f}" for rate in rates), *(f"{cost:.2f}" for cost in costs)]
    cells += [f"{memory_mib:.0f}", f"{disk / 2**20:,.0f}", ratio, f"{sorted(starts)[STARTS // 2] * 1000:.0f} ms"]
    return cells, found


def publish(leveret, size, count):
    if count <= 0:
        return {}
    arguments = ["--producers", "1", "--consumers", "0", "--persistent", "--confirm", "1000"]
    return perf(leveret, size, count, arguments)


def consume(leveret, size, count):
    # The window is larger than what is left over when the count is reached.
    arguments = ["--producers", "0", "--consumers", "1", "--durable", "--prefetch", str(PREFETCH), "--ack-every", "100"]
    return perf(leveret, size, count, arguments)


def perf(leveret, size, count, arguments):
    command = [leveret.binary, "perf", "--uri", f"{leveret.uri}/", "--queue", QUEUE, "--size", size, "--count", count]
    command += ["--keep", "--pid", leveret.process.pid, "--json", *arguments]
    run = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert run.returncode == 0, run.stderr.decode()
    return json.loads(run.stdout)


def median(reports, name):
    values = sorted(report[name] for report in reports)
    return values[len(values) // 2]


def resident_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def disk_bytes(folder):
    """Bytes that the files occupy, reserved room included."""
    files = (os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names)
    return sum(os.stat(path).st_blocks * 512 for path in files)


def recovered(leveret, word):
    """A number of the last line in the log that tells what a start found."""
    lines = [line for line in leveret.log_path.read_text().splitlines() if " recovered " in line]
    return int(lines[-1].split(f"{word}=")[1].split()[0])


def recovered_bytes(leveret):
    return recovered(leveret, "bytes")


def recovered_messages(leveret):
    return recovered(leveret, "messages")


if __name__ == "__main__":
    sys.exit(main())
