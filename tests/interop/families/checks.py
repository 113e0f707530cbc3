"""How a Python program tells `clients.py` what it found; the lines are described there.

    @check("confirm", "a persistent message is confirmed")
    def confirms(uri): ...        may be a coroutine

Names of queues and exchanges are the program's own, so that families can run side by side on one broker.
"""

import asyncio
import inspect
import logging
import os
import pathlib
import sys
import time
import traceback

CHECKS = []
CHECK_S_MAX = 60
WAIT_S_MAX = 20


def check(topic, sentence):
    """Registers a check; in the order of definition."""

    def register(function):
        CHECKS.append((topic, sentence, function))
        return function

    return register


def restart():
    """A broker that was killed and is there again when this returns."""
    print("? restart", flush=True)
    assert sys.stdin.readline() == "done\n", "the driver is gone"


def equal(found, expected):
    assert found == expected, f"\n  expected {expected!r}\n  found    {found!r}"


def wait_until(condition, what, between=lambda: time.sleep(0.02)):
    """Waits, and meanwhile does what lies `between` two looks."""
    deadline = time.monotonic() + WAIT_S_MAX
    while not condition():
        assert time.monotonic() < deadline, f"waited {WAIT_S_MAX} s for {what}"
        between()


async def wait_for(condition, what):
    deadline = time.monotonic() + WAIT_S_MAX
    while not condition():
        assert time.monotonic() < deadline, f"waited {WAIT_S_MAX} s for {what}"
        await asyncio.sleep(0.02)


def died_first(death):
    """The parts of an x-death entry that do not depend on the clock, as text."""
    text = {key: value.decode() if isinstance(value, bytes) else value for key, value in death.items()}
    keys = [key.decode() if isinstance(key, bytes) else key for key in text["routing-keys"]]
    return text["queue"], text["reason"], text["count"], text["exchange"], keys


def where(fault):
    """What a check died of, and the lines of ours that led there; the rest are the library's."""
    ours = pathlib.Path(__file__).parent.name
    frames = [frame for frame in traceback.extract_tb(fault.__traceback__) if ours in frame.filename]
    lines = [f"{pathlib.Path(frame.filename).name}:{frame.lineno}: {frame.line}" for frame in frames]
    return lines + "".join(traceback.format_exception_only(fault)).splitlines()


def run(prepare=lambda: None):
    """Runs the checks with the address from the command line, each after a preparation; the exit code."""
    # A library's log tells of errors that a check has asked for.
    logging.disable()
    uri, without = sys.argv[1], os.environ.get("INTEROP_WITHOUT", "").split(",")
    only = os.environ.get("INTEROP_ONLY", "")
    failed = 0
    for topic, sentence, function in CHECKS:
        if topic in without or (only and topic not in only.split(",")):
            print(f"-- {topic} {sentence}: not asked for", flush=True)
            continue
        try:
            prepare()
            if inspect.iscoroutinefunction(function):
                asyncio.run(asyncio.wait_for(function(uri), CHECK_S_MAX))
            else:
                function(uri)
        except Exception as fault:  # Whatever a check dies of, the others still run.
            failed += 1
            print("\n    ".join([f"FAILED {topic} {sentence}", *where(fault)]), flush=True)
        else:
            print(f"ok {topic} {sentence}", flush=True)
    return 1 if failed else 0
