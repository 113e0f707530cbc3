"""Runs a broker, or single threads of it, under strace: to see what it asks of the system, and to have it refused.

strace sees a call begin before the system does, and sees it end before the program does. So if one line of its
output stands before another, the first thing had happened before the second could begin.
"""

import pathlib
import shutil
import subprocess
import time

WAIT_S_MAX = 60


def is_missing():
    """Whether there is no strace here; says what to do about it."""
    if shutil.which("strace"):
        return False
    print("strace is missing: `.ci/run install` installs it, or by hand `apt-get install strace`")
    return True


def options(calls, inject=None, string_bytes_max=64):
    """Command-line options: paths instead of descriptors, times, and whole buffers up to that many bytes."""
    command = ["strace", "-ttt", "-yy", "-s", str(string_bytes_max), "-e", f"trace={','.join(calls)}"]
    return command + (["-e", f"inject={inject}"] if inject else [])


def wrapper(output, calls, all_threads=True, **more):
    """What to start a program under. The program is the child; strace watches from aside."""
    follow = ["-f", "--seccomp-bpf"] if all_threads else []
    return options(calls, **more) + ["-D", *follow, "-o", str(output)]


def threads(pid, wanted=()):
    """The thread numbers of a process by name: `journal-0`, `shard-0`, ... A thread names itself as it begins."""
    deadline = time.monotonic() + WAIT_S_MAX
    while True:
        found = {}
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            found[(task / "comm").read_text().strip()] = int(task.name)
        if found.keys() >= set(wanted):
            return found
        assert time.monotonic() < deadline, f"{set(wanted) - found.keys()} are not among the threads {found}"


class Attached:
    """strace at some threads of a process that runs already; it ends with them."""

    def __init__(self, output, thread_numbers, calls, **more):
        numbers = [word for number in thread_numbers for word in ("-p", str(number))]
        command = options(calls, **more) + ["-o", str(output), *numbers]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        said = [self.process.stderr.readline() for _ in thread_numbers]
        assert all("attached" in line for line in said), (
            f"strace cannot attach: {said}; as root it can, or with `sysctl kernel.yama.ptrace_scope=0`"
        )

    def wait(self):
        self.process.communicate(timeout=WAIT_S_MAX)


def wait_for_end(output, pid):
    """Waits until strace has written the end of that process."""
    deadline = time.monotonic() + WAIT_S_MAX
    while time.monotonic() < deadline:
        with open(output, "rb") as trace:
            trace.seek(max(0, trace.seek(0, 2) - 4096))
            ends = [line for line in trace.read().split(b"\n") if b"+++" in line]
        if any(line.split()[0] == str(pid).encode() for line in ends):
            return
        time.sleep(0.05)
    raise AssertionError(f"strace did not write the end of process {pid} into {output}")
