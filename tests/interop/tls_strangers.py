"""Who is not let in over TLS, by AMQP and by HTTP, and what the log says of them; and who asks the HTTP API all the time.

`tls.py` uses this.
"""

import base64
import contextlib
import http.client
import os
import socket
import ssl
import struct
import threading
import time

import canaries
from certificates import Authority, trusting
from wire import Wire

EXPIRED_S_MAX = 10
# How long a line takes to get into the log, at most.
LOGGED_S_MAX = 30
# RFC 8446, section 6: `handshake_failure` and `protocol_version` are what a server says to whoever has no newer version.
ALERT, FATAL, REFUSALS = 21, 2, (40, 70)


def ask(address, context, path="/api/whoami"):
    """The status of a request over a connection of its own."""
    host, port = address
    connection = http.client.HTTPSConnection(host, port, timeout=10, context=context)
    token = base64.b64encode(f"guest:{canaries.password}".encode()).decode()
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Authorization": f"Basic {token}"})
        answer = connection.getresponse()
        answer.read()
        return answer.status


class HttpVisitor(threading.Thread):
    """Connects, asks, and begins again."""

    def __init__(self, address, identity, number):
        super().__init__(daemon=True)
        self.address, self.identity, self.number = address, identity, number
        self.visits, self.failures, self.is_stopping = 0, [], False

    def run(self):
        while not self.is_stopping:
            try:
                status = ask(self.address, self.identity.contexts[self.number % 2])
                assert status == 200, status
                self.visits += 1
            except (OSError, AssertionError, http.client.HTTPException) as failure:
                self.failures.append(repr(failure))


def is_refused(address, context):
    """Whether neither AMQP nor HTTP goes on there. With TLS 1.3 a client only learns from its first read that it is refused."""
    try:
        with Wire(address, tls=context) as client:
            client.send(b"AMQP\0\0\x09\x01")
            return client.read(1) == b""
    except (OSError, ssl.SSLError):
        return True


def old_hello(version):
    """How a client begins that speaks an old version and none that is newer."""
    suites = struct.pack(">HHHH", 0xC014, 0xC013, 0x0035, 0x002F)
    body = struct.pack(">H", version) + os.urandom(32) + b"\0" + struct.pack(">H", len(suites)) + suites + b"\x01\0"
    handshake = b"\x01" + len(body).to_bytes(3, "big") + body
    return struct.pack(">BHH", 22, 0x0301, len(handshake)) + handshake


def refuse_old_versions(address):
    for name, version in (("TLS 1.0", 0x0301), ("TLS 1.1", 0x0302)):
        with socket.create_connection(address, timeout=10) as stranger:
            stranger.sendall(old_hello(version))
            answer = stranger.recv(7, socket.MSG_WAITALL)
            kind, level, alert = answer[0], answer[5], answer[6]
            assert (kind, level) == (ALERT, FATAL) and alert in REFUSALS, f"{name} is answered by {answer!r}"


def await_refusal(address, context):
    deadline = time.monotonic() + EXPIRED_S_MAX
    while not is_refused(address, context):
        assert time.monotonic() < deadline, "an expired certificate is taken"
        time.sleep(0.2)


def await_line(running, sign, reason):
    """Whoever is turned away may know of it before the log does."""
    deadline = time.monotonic() + LOGGED_S_MAX
    while True:
        lines = [line for line in running.log_path.read_text().splitlines() if reason in line and "no TLS" in line]
        if any(sign in line for line in lines):
            return
        assert time.monotonic() < deadline, f"the log does not say {reason!r} after {sign!r}: {lines}"
        time.sleep(0.1)


def turn_strangers_away(running, addresses, files, servers, clients):
    """At each door: nobody, strangers, and those whose time is over."""
    folder = files.certificate.parent
    strangers, stale = Authority(folder, "strangers").issue("stranger"), clients.issue("stale", days=0)
    own = clients.issue("friend")
    for what, address in addresses.items():
        assert not is_refused(address, trusting(servers, own=own)), what
        assert is_refused(address, trusting(servers)), f"{what}: without a certificate"
        assert is_refused(address, trusting(servers, own=strangers)), f"{what}: with a stranger's"
        await_refusal(address, trusting(servers, own=stale))
        refuse_old_versions(address)
        # Who trusts another authority says so and goes.
        assert is_refused(address, trusting(Authority(folder, f"others-{what}"), own=own)), what
    for reason in ("it shows no certificate", "UnknownIssuer", "certificate expired", "1.0 and 1.1 are not", "UnknownCA"):
        for sign in ("HTTP API", "the client is refused"):
            await_line(running, sign, reason)
    expire_the_server(running, addresses, files, servers, own)
    print(f"{', '.join(addresses)}: nobody without a certificate, with a stranger's or an expired one, or with an old TLS")


def expire_the_server(running, addresses, files, servers, own):
    """Clients do not take a certificate that has ended, and the log says that it has."""
    files.install(servers.issue("server", days=0))
    context = trusting(servers, own=own)
    for address in addresses.values():
        deadline = time.monotonic() + EXPIRED_S_MAX
        while True:
            try:
                with Wire(address, tls=context):
                    pass
            except ssl.SSLCertVerificationError as error:
                assert "expired" in str(error), error
                break
            assert time.monotonic() < deadline, "a client takes a certificate that has ended"
            time.sleep(0.2)
    log = running.log_path.read_text()
    assert "has ended" in log or "xpired" in log, "the log tells that the certificate has ended"
    files.install(servers.issue("server"))
