"""Secrets of the tests, each unlike anything else, and what brokers leave behind, kept where `leaks.py` looks for them.

Nothing is kept unless the environment variable LEVERET_KEPT_LOGS names a folder:

    secrets          a line of JSON for each secret that a program has made, besides those that stand here
    brokers/*/       what one broker has written: its log, its output, the files of its log
    brokers/*/about  which program had started it, and whether its user had a password of ours
"""

import base64
import contextlib
import hashlib
import itertools
import json
import os
import pathlib
import sys
import urllib.parse

FOLDER = os.environ.get("LEVERET_KEPT_LOGS")
# The password of the user `guest` of every broker that is started here, unless a test says otherwise.
GUEST = "kanari-guest-zwitschert"
# What somebody types who has mistaken it.
WRONG = "kanari-wrong/zwitschert"
COOKIE = "KANARICOOKIEZWITSCHERT"
# Whoever is asked for a password when a program connects: the broker under test, or one that runs elsewhere.
password = GUEST
# A file that is longer is cut, and the search then fails: it has to see everything.
KEPT_BYTES_MAX = 64 << 20
_numbers = itertools.count()


class Canaries:
    """Secrets, each with a name."""

    def __init__(self):
        self.all = {}

    def new(self, name):
        return self.add(name, f"kanari-{len(self.all)}-{name}/zwitschert")

    def add(self, name, secret):
        self.all[name] = secret
        register(name, secret)
        return secret

    def forms(self):
        for name, secret in self.all.items():
            yield from ((name, form) for form in forms(secret))


def forms(secret):
    """What a secret looks like when it comes out: as it is, encoded for a URI, hashed without salt, and in base64 wherever it may
    begin. The last is also what remains of the response of PLAIN or of a header of HTTP."""
    raw = secret.encode()
    found = [secret, urllib.parse.quote(secret), urllib.parse.quote(secret, safe=""), json.dumps(secret)[1:-1]]
    found += [hashlib.new(kind, raw).hexdigest() for kind in ("md5", "sha256", "sha512")]
    for shift in range(3):
        # The characters that depend on what stands around it are cut off.
        text = base64.b64encode(b"\0" * shift + raw).decode()
        found.append(text[4 if shift else 0 : -4])
    return list(dict.fromkeys(found))


def register(name, secret):
    """Has `leaks.py` look for a secret in everything that brokers have written."""
    if FOLDER:
        os.makedirs(FOLDER, exist_ok=True)
        with open(os.path.join(FOLDER, "secrets"), "a", encoding="utf-8") as file:
            file.write(json.dumps({"name": name, "secret": secret}) + "\n")


def register_key(path):
    """The same for the file of a private key."""
    lines = [line for line in pathlib.Path(path).read_text().splitlines() if "-----" not in line]
    # The first line of a key is mostly the name of its kind; the second one nobody else has.
    register(f"the key in {pathlib.Path(path).name}", lines[1])


def keep(files, has_canary, data_dir):
    """Keeps what a broker has written: pairs of a name and a path."""
    if not FOLDER:
        return
    program = pathlib.Path(sys.argv[0]).stem
    folder = pathlib.Path(FOLDER) / "brokers" / f"{program}-{os.getpid()}-{next(_numbers)}"
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in files:
        # A broker of which nothing is left is a failure of `leaks.py`, and not of the test that it served.
        with contextlib.suppress(FileNotFoundError), open(path, "rb") as source:
            (folder / name.replace("/", "-")).write_bytes(source.read(KEPT_BYTES_MAX + 1))
    (folder / "about").write_text(json.dumps({"program": program, "has_canary": has_canary, "bare_in": bare_in(data_dir)}))


def bare_in(data_dir):
    """The files of a data directory in which the password stands as it is. What lies there are hashes, in files that are small."""
    found = []
    for path in sorted(pathlib.Path(data_dir).rglob("*")):
        if path.is_file() and path.stat().st_size < 4 << 20 and GUEST.encode() in path.read_bytes():
            found.append(str(path.relative_to(data_dir)))
    return found
