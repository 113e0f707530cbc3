"""Whether a secret that the broker was told ever comes out of it again.

    python tests/interop/canary.py

A broker is started with a password that nobody else has, and is told more of them in every way that there is: logins that
work and that do not, users over the HTTP API and the command line, hashes and addresses in definitions, bodies that are not
JSON, settings with mistakes. Then everything that can be read is read: the log at its most talkative, what the process and the
command line have printed, every path of the HTTP API that a GET reads, the metrics, command lines in the process list. Each
secret has to be in the broker, as a login shows, and in nothing that was read.

What an administrator asks for by name is no leak: definitions hold password hashes, and parameters of shovels and federation
hold the addresses that somebody wrote into them, in RabbitMQ too.
"""

import argparse
import base64
import contextlib
import http.client
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.parse

import broker
import canaries
import wire
from certificates import Authority
from wire import Wire

ROUTES = pathlib.Path(__file__).resolve().parents[2] / "docs" / "openapi.json"
# How long a stream may be silent until it is left.
STREAM_S = 1
# Paths that show what an administrator has to be able to move to another broker.
SHOWS_HASHES = ("/api/definitions", "/api/all-configuration", "/api/users")
SHOWS_ADDRESSES = (*SHOWS_HASHES, "/api/parameters", "/api/global-parameters")


class Api:
    """The HTTP API of the broker."""

    def __init__(self, address):
        self.address = address

    def ask(self, method, path, body=None, user=None, authorization=None, timeout_s=20):
        """The status and the whole answer, with its headers."""
        headers = {"Authorization": authorization} if authorization else {}
        if user:
            token = base64.b64encode(":".join(user).encode()).decode()
            headers["Authorization"] = f"Basic {token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        raw = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        connection = http.client.HTTPConnection(self.address, timeout=timeout_s)
        with contextlib.closing(connection):
            connection.request(method, path, raw, headers)
            answer = connection.getresponse()
            text = b""
            # What comes for ever is read until nothing comes for a while.
            with contextlib.suppress(TimeoutError):
                while piece := answer.read1(65536):
                    text += piece
            return answer.status, f"{answer.getheaders()}\n{text.decode(errors='replace')}"


def log_in(leveret, user, password):
    """Whether the AMQP listener lets somebody in."""
    with Wire(leveret.address) as connection:
        connection.send(wire.PROTOCOL_HEADER)
        connection.expect(wire.CONNECTION_START)
        connection.start_ok(user=user, password=password)
        answer = connection.frame()
        return answer is not None and answer.name == wire.CONNECTION_TUNE


def tell(leveret, api, canaries, seen):
    """Tells the broker all secrets. What it says meanwhile goes into `seen`."""
    root = ("root", canaries.all["default_pass"])
    assert log_in(leveret, *root), "the default user has the password of the configuration"

    def ask(method, path, body=None, user=root):
        status, text = api.ask(method, path, body, user)
        seen.append((f"{method} {path}", text))
        return status

    for name in ("user", "weak"):
        password = canaries.new(name)
        body = {"password": password, "tags": "management"}
        assert ask("PUT", f"/api/users/{name}", body) == 201, name
        assert ask("PUT", f"/api/permissions/%2F/{name}", {"configure": "", "write": "", "read": ""}) in (201, 204)
        assert log_in(leveret, name, password), name
    for user, name in (("root", "wrong"), ("nobody", "unknown")):
        password = canaries.new(name)
        assert not log_in(leveret, user, password)
        assert ask("GET", "/api/whoami", user=(user, password)) == 401
    broken = canaries.new("broken")
    assert ask("PUT", "/api/users/x", b'{"password": "' + broken.encode() + b'", ') == 400
    assert ask("PUT", "/api/users/x", {"password": canaries.new("typed"), "tags": 7}) == 400
    assert ask("PUT", "/api/users/x", {"password": [canaries.new("listed")], "tags": ""}) == 400
    assert ask("POST", "/api/definitions", {"users": [{"name": "d", "password": canaries.new("imported"), "tags": 1.5}]}) == 400
    in_path = canaries.new("hashed")
    ask("GET", f"/api/auth/hash_password/{quoted(in_path)}")
    tell_addresses(ask, canaries.new("address"), canaries.new("misplaced"))
    tell_tokens(leveret, api, canaries, seen)
    remember_hashes(api, canaries, root)
    return root


def tell_addresses(ask, password, misplaced):
    """Addresses with passwords, where they belong and where they do not."""
    address = f"amqps://shovel:{quoted(password)}@127.0.0.1:1/%2F?password={quoted(password)}"
    shovel = {"src-uri": address, "src-queue": "a", "dest-uri": [address], "dest-queue": "b"}
    ask("PUT", "/api/parameters/federation-upstream/%2F/up", {"value": {"uri": address}})
    ask("PUT", "/api/parameters/shovel/%2F/digs", {"value": shovel})
    ask("PUT", "/api/global-parameters/somewhere", {"value": {"uri": address}})
    parameters = [{"vhost": "/", "component": "shovel", "name": "imported", "value": shovel}]
    ask("POST", "/api/definitions", {"parameters": parameters})
    elsewhere = f"amqp://shovel:{quoted(misplaced)}@127.0.0.1:1"
    ask("PUT", "/api/parameters/shovel/%2F/digs", b'{"value": {"src-uri": "' + elsewhere.encode() + b'"')
    ask("PUT", "/api/parameters/nothing/%2F/digs", {"value": {"src-uri": elsewhere}})
    ask("POST", "/api/definitions", {"parameters": [{"vhost": "nowhere", "component": "shovel", "name": "x", "value": elsewhere}]})


def tell_tokens(leveret, api, canaries, seen):
    """Tokens of other ways to log in, which Leveret does not have, and credentials that are none."""
    token = canaries.new("token")
    for authorization in (f"Bearer {token}", token, f"Basic {token}", f"Digest response={token}"):
        status, text = api.ask("GET", "/api/whoami", authorization=authorization)
        seen.append((f"whoami with {authorization.split()[0]}", text))
        assert status == 401, authorization
    status, text = api.ask("POST", "/api/login", f"username=x&password={quoted(token)}".encode())
    seen.append(("POST /api/login", text))
    assert status != 200, text
    # OAuth's way through AMQP: whoever it is, the token is the password.
    assert not log_in(leveret, "", token)
    for mechanism, response in (("PLAIN", token), ("AMQPLAIN", token), ("EXTERNAL", token), (token[:20], token)):
        with Wire(leveret.address) as connection:
            connection.send(wire.PROTOCOL_HEADER)
            connection.expect(wire.CONNECTION_START)
            told = wire.table({"capabilities": {"authentication_failure_close": True}}) + wire.short_string(mechanism)
            load = told + wire.long_string(response) + wire.short_string("en_US")
            connection.send(wire.method(0, wire.CONNECTION_START_OK, load))
            frame = connection.frame()
            seen.append((f"a login by {mechanism}", "" if frame is None else frame.load.decode("latin-1")))


def remember_hashes(api, canaries, root):
    """The hashes that the broker has made are nothing to be shown either, but where they are asked for."""
    for user in json.loads(api.ask("GET", "/api/users", user=root)[1].partition("\n")[2]):
        if user["password_hash"]:
            canaries.add(f"hash of {user['name']}", user["password_hash"])


def quoted(text):
    return urllib.parse.quote(text, safe="")


def run_commands(leveret, canaries, seen):
    """The command line, and configurations with mistakes."""
    binary, data_dir = str(leveret.binary), str(leveret.data_dir)

    def run(*arguments, **options):
        done = subprocess.run([binary, *arguments], capture_output=True, text=True, timeout=60, check=False, **options)
        seen.append((" ".join(arguments[:3]), done.stdout + done.stderr))
        return done.returncode

    ctl = ("ctl", "--data-dir", data_dir)
    uri = f"http://root:{quoted(canaries.all['default_pass'])}@{leveret.http}"
    assert run(*ctl, "add_user", "ctl", canaries.new("command")) == 0
    assert run("ctl", "--uri", uri, "authenticate_user", "ctl", canaries.all["command"]) == 0
    assert run("ctl", "--uri", uri, "authenticate_user", "ctl", canaries.new("mistyped")) != 0
    assert run(*ctl, "add_user", "piped", input=canaries.new("piped") + "\n") in (0, 64)
    for command in ("report", "environment", "list_users", "status"):
        run(*ctl, command)
    assert run("ctl", "--uri", f"http://root:{quoted(canaries.new('uri'))}@127.0.0.1:1", "list_users") != 0
    bad = pathlib.Path(leveret.folder.name) / "bad.conf"
    bad.write_text(
        f"default_pass = {canaries.new('configured')}\n"
        f"default_pas = {canaries.new('misspelt')}\n"
        f"ssl_options.password = {canaries.new('key')}\n"
        f"default_users.x.password = {canaries.new('more')}\n"
        "listeners.tcp.1 = nonsense\n"
    )
    assert run("config", "check", str(bad)) != 0
    assert run("serve", "--config", str(bad), "--data-dir", data_dir + "-bad") != 0


def look_everywhere(leveret, api, root, seen):
    """Reads all that can be read."""
    paths = json.loads(ROUTES.read_text())["paths"]
    values = {"vhost": "%2F", "user": "user", "username": "user", "component": "shovel"}
    asked = 0
    for path, methods in sorted(paths.items()):
        if "get" not in methods:
            continue
        filled = re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], "x"), path)
        filled = filled if filled.startswith("/api") else f"/api{filled}"
        if "hash_password" in filled:
            continue
        is_endless = filled.endswith(("/events", "/trace"))
        _, text = api.ask("GET", filled, user=root, timeout_s=STREAM_S if is_endless else 20)
        seen.append((f"GET {filled}", text))
        asked += 1
    for path in ("/metrics", "/metrics/per-object", "/metrics/detailed?family=queue_coarse_metrics"):
        seen.append((f"GET {path}", api.ask("GET", path, user=root)[1]))
    seen.append(("the process list", pathlib.Path(f"/proc/{leveret.pid}/cmdline").read_text()))
    seen.append(("the log", leveret.log_path.read_text(errors="replace")))
    return asked


def leaks(canaries, seen):
    """What came out."""
    forms = list(canaries.forms())
    for where, text in seen:
        path = where.removeprefix("GET ")
        for name, form in forms:
            is_address = name == "address" and path.startswith(SHOWS_ADDRESSES)
            is_hash = name.startswith("hash of ") and path.startswith(SHOWS_HASHES)
            if form in text and not is_address and not is_hash:
                yield f"{name} is in {where}"


def configure(leveret, canaries, folder):
    """A configuration with secrets in it, and an environment with more."""
    certificate, key = Authority(folder, "authority").issue("server")
    canaries.add("private key", pathlib.Path(key).read_text().splitlines()[2])
    config = pathlib.Path(folder) / "leveret.conf"
    config.write_text(
        f"default_user = root\ndefault_pass = {canaries.new('default_pass')}\n"
        "log.console = true\nlog.console.level = debug\n"
        f"listeners.ssl.1 = 127.0.0.1:0\nssl_options.certfile = {certificate}\nssl_options.keyfile = {key}\n"
    )
    leveret.config_path = config
    # The configuration says another password.
    del leveret.environment["RABBITMQ_DEFAULT_PASS"]
    leveret.environment["RABBITMQ_ERLANG_COOKIE"] = canaries.new("cookie")
    leveret.environment["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"] = f"-setcookie {canaries.new('arguments')}"
    leveret.environment["RABBITMQ_PASSWORD"] = canaries.new("unknown_variable")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--binary", default="target/release/leveret")
    given = arguments.parse_args()
    secrets, seen = canaries.Canaries(), []
    with tempfile.TemporaryDirectory(prefix="leveret-canary-") as folder, broker.Leveret(given.binary) as leveret:
        configure(leveret, secrets, folder)
        leveret.start()
        api = Api(leveret.http)
        root = tell(leveret, api, secrets, seen)
        run_commands(leveret, secrets, seen)
        asked = look_everywhere(leveret, api, root, seen)
        leveret.stop()
        seen.append(("the log at the end", leveret.log_path.read_text(errors="replace")))
        seen.append(("the output", leveret.output_path.read_text(errors="replace")))
        found = sorted(set(leaks(secrets, seen)))
    for leak in found:
        print(f"LEAK {leak}")
    shown = [where for where, text in seen if quoted(secrets.all["address"]) in text]
    assert shown, "an address that an administrator asks for by name is seen: the paths are really read"
    size = sum(len(text) for _, text in seen)
    print(f"{len(secrets.all)} secrets, {asked} paths, {len(seen)} texts with {size} characters: {len(found)} leaks")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
