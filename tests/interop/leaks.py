"""Whether a secret of the tests stands in anything that any broker of a test run has written.

    LEVERET_KEPT_LOGS=target/ci-logs python tests/interop/run.py        ... and other programs
    LEVERET_KEPT_LOGS=target/ci-logs python tests/interop/leaks.py run  ... and the names of those programs

Every broker that the programs of this folder start has a password for its user `guest` that nobody else has, and a cookie; some
have many secrets more. What they write is kept, and here it is searched, with everything else that lies in the folder. It is a
failure if a secret is found, if a program has left nothing, or if a file was too long to be kept whole.
"""

import argparse
import json
import os
import pathlib
import re
import sys

import canaries

HASHED = pathlib.Path(__file__).resolve().parents[1] / "definitions"
# What only a slow hash or a private key begins with.
MARKS = ("$argon2id$", "PRIVATE KEY-----")


def secrets(folder):
    """All that must not be found: what it is, and a form of it in bytes."""
    known = [("the password of guest", canaries.GUEST), ("a wrong password", canaries.WRONG), ("the cookie", canaries.COOKIE)]
    registered = folder / "secrets"
    if registered.exists():
        for line in registered.read_text().splitlines():
            entry = json.loads(line)
            known.append((entry["name"], entry["secret"]))
    for name, secret in dict.fromkeys(known):
        yield from ((name, form.encode()) for form in canaries.forms(secret))
    for path in sorted(HASHED.glob("*.json")):
        for value in sorted(set(re.findall(r'"password_hash":\s*"([^"]{8,})"', path.read_text()))):
            yield f"a hash in {path.name}", value.encode()
    yield from ((mark, mark.encode()) for mark in MARKS)


def found_in(text, looked_for):
    return sorted({name for name, form in looked_for if form in text})


def check_the_check(looked_for):
    """A search that finds nothing should be able to find everything."""
    for name, form in looked_for:
        assert name in found_in(b"2026 [error] it is " + form + b", you see\n", looked_for), name
    assert not found_in(b"2026 [info] guest logged in\n", looked_for)


class Table:
    """What was looked at, by program."""

    def __init__(self):
        self.rows = {}

    def add(self, program, brokers, with_canary, files, size):
        row = self.rows.setdefault(program, [0, 0, 0, 0])
        for at, more in enumerate((brokers, with_canary, files, size)):
            row[at] += more

    def print(self):
        print(f"{'':16} {'brokers':>8} {'ours':>8} {'files':>8} {'bytes':>12}")
        total = [sum(row[at] for row in self.rows.values()) for at in range(4)]
        for program, row in [*sorted(self.rows.items()), ("all", total)]:
            print(f"{program:16} {row[0]:8} {row[1]:8} {row[2]:8} {row[3]:12}")


def search(folder, looked_for):
    """The rows of what was read, and what is wrong."""
    table, faults = Table(), []
    for about in sorted(folder.glob("brokers/*/about")):
        told = json.loads(about.read_text())
        size = files = 0
        for path in sorted(about.parent.iterdir()):
            text = path.read_bytes()
            size, files = size + len(text) * (path != about), files + (path != about)
            faults += [f"{name} is in {path}" for name in found_in(text, looked_for)]
            if len(text) > canaries.KEPT_BYTES_MAX:
                faults.append(f"{path} was longer than what is kept")
        if size == 0:
            faults.append(f"{about.parent} holds nothing that the broker has written")
        faults += [f"the password stands in the data directory, in {file} of {about.parent}" for file in told["bare_in"]]
        table.add(told["program"], 1, told["has_canary"], files, size)
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name != "secrets":
            text = path.read_bytes()
            faults += [f"{name} is in {path}" for name in found_in(text, looked_for)]
            table.add(path.name, 0, 0, 1, len(text))
    return table, faults


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--binary", help="ignored: nothing is started")
    parser.add_argument("program", nargs="+", help="programs that must have left something; NAME? may have had a reason not to")
    options = parser.parse_args()
    folder = pathlib.Path(os.environ.get("LEVERET_KEPT_LOGS", "target/ci-logs"))
    looked_for = list(secrets(folder))
    check_the_check(looked_for)
    table, faults = search(folder, looked_for) if folder.is_dir() else (Table(), [])
    table.print()
    for program in options.program:
        row = table.rows.get(program.rstrip("?"))
        if row is None and not program.endswith("?"):
            faults.append(f"{program} has left nothing in {folder}: was it run?")
        elif row is not None and row[1] == 0:
            faults.append(f"no broker of {program} had a password of ours")
    for fault in faults[:50]:
        print(f"LEAK {fault}")
    print(f"{len(looked_for)} forms of secrets looked for: {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
