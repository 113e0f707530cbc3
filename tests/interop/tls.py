"""AMQP over TLS and behind proxies, and certificates that are replaced under load.

    python tests/interop/tls.py

Clients connect all the time, show certificates, log in, publish or ask the HTTP API and go, over TLS 1.2 and 1.3, while the server's
certificate, its authority and the authority of the clients are replaced twenty times. It must hold that

 1. no connection fails, and those that were there before go on;
 2. each certificate is in use soon after it is there, with SIGHUP or without;
 3. whoever shows a certificate of an authority that is gone is refused, as are strangers and old versions of TLS;
 4. files that cannot be used change nothing, and the log says why.

Then what else comes to such a port: large messages, a client that does not read, garbage, AMQP without TLS, nothing at
all; and to one behind a proxy: headers of both versions, none, and half a one.
"""

import argparse
import os
import pathlib
import signal
import socket
import ssl
import struct
import sys
import tempfile
import threading
import time

import broker
import wire
from certificates import Authority, fingerprint, install, trusting
from tls_strangers import HttpVisitor, turn_strangers_away
from wire import Wire

ROTATIONS = 20
# The files are looked at every two seconds.
NOTICED_S_MAX = 10
HANDSHAKE_TIMEOUT_MS = 1500
# So long a visit may take.
VISIT_S_MAX = 1.0
LARGE = 12_000_000
SELECT_CONFIRMS = wire.method(1, wire.CONFIRM_SELECT, b"\0")


class Identity:
    """What clients trust and show at the moment."""

    def __init__(self, authorities, own):
        self.contexts = []
        self.change(authorities, own)

    def change(self, authorities, own):
        versions = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
        self.contexts = [trusting(*authorities, own=own, version=version) for version in versions]


class Visitor(threading.Thread):
    """Connects, logs in, publishes with a confirm, closes, and begins again."""

    def __init__(self, address, identity, number):
        super().__init__(daemon=True)
        self.address, self.identity, self.number = address, identity, number
        self.visits, self.failures, self.is_stopping = 0, [], False

    def run(self):
        while not self.is_stopping:
            try:
                with Wire(self.address, tls=self.identity.contexts[self.number % 2]) as client:
                    client.log_in().open_channel()
                    publish_confirmed(client, "visits")
                    client.send(wire.method(0, wire.CONNECTION_CLOSE, struct.pack(">HBHH", 200, 0, 0, 0)))
                    client.expect(wire.CONNECTION_CLOSE_OK)
                self.visits += 1
            except (OSError, AssertionError) as failure:
                self.failures.append(repr(failure))


def publish_confirmed(client, queue, body=b"here"):
    client.send(wire.queue_declare(1, queue))
    client.expect(wire.QUEUE_DECLARE_OK)
    client.send(SELECT_CONFIRMS)
    client.expect(wire.CONFIRM_SELECT_OK)
    client.send(wire.publish(1, queue, body))
    client.expect(wire.BASIC_ACK)


class Files:
    """The files that the broker reads."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self.certificate, self.key, self.authorities = (folder / name for name in ("cert.pem", "key.pem", "ca.pem"))

    def install(self, issued):
        install(self.certificate, issued[0])
        install(self.key, issued[1])

    def trust(self, *authorities):
        install(self.authorities, *(it.certificate for it in authorities))

    def settings(self):
        return (
            "listeners.ssl.1=127.0.0.1:0",
            "listeners.ssl.2=::1:0",
            f"ssl_options.certfile={self.certificate}",
            f"ssl_options.keyfile={self.key}",
            f"ssl_options.cacertfile={self.authorities}",
            "ssl_options.verify=verify_peer",
            "ssl_options.fail_if_no_peer_cert=true",
            "management.ssl.ip=127.0.0.1",
            "management.ssl.port=0",
            f"management.ssl.certfile={self.certificate}",
            f"management.ssl.keyfile={self.key}",
            f"management.ssl.cacertfile={self.authorities}",
            "management.ssl.verify=verify_peer",
            "management.ssl.fail_if_no_peer_cert=true",
            f"ssl_handshake_timeout={HANDSHAKE_TIMEOUT_MS}",
        )


def shown(address, identity):
    """The certificate that the broker shows; None for one that is not trusted any more, or not yet."""
    try:
        with Wire(address, tls=identity.contexts[1]) as client:
            return client.socket.getpeercert(binary_form=True)
    except ssl.SSLCertVerificationError:
        return None


def await_certificate(address, identity, expected):
    deadline = time.monotonic() + NOTICED_S_MAX
    while shown(address, identity) != expected:
        assert time.monotonic() < deadline, f"the new certificate is not in use after {NOTICED_S_MAX} s"
        time.sleep(0.05)


def https_of(running):
    """Where the HTTP API is."""
    host, _, port = running.https.rpartition(":")
    return host, int(port)


def announce(running, address, identity, files, is_told):
    """Waits until what is in the files is in use; the broker finds out by itself, or is told."""
    if is_told:
        running.process.send_signal(signal.SIGHUP)
    for door in (address, https_of(running)):
        await_certificate(door, identity, fingerprint(files.certificate))


def is_refused(address, context):
    """With TLS 1.3 a client only learns from its first read what the broker thinks of its certificate."""
    try:
        with Wire(address, tls=context) as client:
            client.log_in()
    except (OSError, AssertionError):
        return True
    return False


def rotate(running, files, folder, rotations):
    address, address_v6 = sorted(running.tls_addresses, key=lambda it: ":" in it[0])
    https = https_of(running)
    servers, clients = Authority(folder, "servers-0"), Authority(folder, "clients-0")
    own = clients.issue("visitor")
    identity = Identity([servers], own)
    files.install(servers.issue("server"))
    files.trust(clients)
    announce(running, address, identity, files, is_told=True)

    resident = Wire(address_v6, tls=identity.contexts[1]).log_in().open_channel()
    visitors = [Visitor(address, identity, number) for number in range(4)]
    visitors += [HttpVisitor(https, identity, number) for number in range(2)]
    for visitor in visitors:
        visitor.start()
    for number in range(rotations):
        if number % 5 == 4:
            # First everybody trusts both authorities, then certificates change, then the old ones go.
            old_servers, old_clients, old_own = servers, clients, own
            servers, clients = Authority(folder, f"servers-{number}"), Authority(folder, f"clients-{number}")
            identity.change([old_servers, servers], own)
            time.sleep(VISIT_S_MAX)  # Visits that have begun trust the old one only.
            files.trust(old_clients, clients)
            files.install(servers.issue("server"))
            announce(running, address, identity, files, is_told=True)
            own = clients.issue("visitor")
            identity.change([servers], own)
            time.sleep(VISIT_S_MAX)  # Visits that have begun show the old one.
            files.trust(clients)
            files.install(servers.issue("server"))
            announce(running, address, identity, files, is_told=True)
            assert is_refused(address, trusting(servers, own=old_own)), "its authority is gone, and trusted"
        else:
            files.install(servers.issue("server"))
            announce(running, address, identity, files, is_told=number % 2 == 1)
        publish_confirmed(resident, "resident")

    before = shown(address, identity)
    install(files.certificate, files.key)
    running.process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert shown(address, identity) == before, "a file without a certificate changes nothing"
    assert "cannot be used" in running.log(), "the log says why"
    assert is_refused(address, trusting(servers)), "a certificate is demanded"

    for visitor in visitors:
        visitor.is_stopping = True
    for visitor in visitors:
        visitor.join(20)
    publish_confirmed(resident, "resident")
    resident.socket.close()
    failures = [failure for visitor in visitors for failure in visitor.failures]
    visits = sum(visitor.visits for visitor in visitors)
    asked = sum(visitor.visits for visitor in visitors if isinstance(visitor, HttpVisitor))
    assert not failures, f"{len(failures)} of {visits + len(failures)} connections failed: {failures[:3]}"
    assert asked, "the HTTP API was asked"
    print(f"{rotations} rotations: {visits} connections, {asked} of them to the HTTP API, none failed")
    files.install(servers.issue("server"))
    announce(running, address, identity, files, is_told=True)
    turn_strangers_away(running, {"AMQP": address, "HTTP": https}, files, servers, clients)
    announce(running, address, identity, files, is_told=True)
    return address, identity


def carry_large_messages(address, identity):
    body = os.urandom(LARGE)
    for context in identity.contexts:
        with Wire(address, timeout=60, tls=context) as client:
            client.log_in().open_channel()
            publish_confirmed(client, "large", body)
            client.send(wire.basic_get(1, "large", no_ack=True))
            client.expect(wire.BASIC_GET_OK)
            client.frame()
            received = b""
            while len(received) < LARGE:
                received += client.frame().load
            assert received == body, "it comes back as it was sent"
    print(f"a message of {LARGE} bytes, there and back, over TLS 1.2 and 1.3")


def wait_for_a_slow_reader(address, identity):
    """One that reads nothing for a while gets everything in the end, and holds nobody up."""
    with Wire(address, timeout=60, tls=identity.contexts[1]) as client:
        client.log_in().open_channel()
        client.send(wire.queue_declare(1, "slow"))
        client.expect(wire.QUEUE_DECLARE_OK)
        consume = b"\0\0" + wire.short_string("slow") + wire.short_string("") + b"\x02" + wire.table({})
        client.send(wire.method(1, wire.BASIC_CONSUME, consume))
        client.expect(wire.BASIC_CONSUME_OK)
        with Wire(address, timeout=60, tls=identity.contexts[0]) as other:
            other.log_in().open_channel()
            for number in range(200):
                other.send(wire.publish(1, "slow", number.to_bytes(4, "big") * 25_000))
            publish_confirmed(other, "other")
        for number in range(200):
            client.expect(wire.BASIC_DELIVER)
            client.frame()
            assert client.frame().load[:4] == number.to_bytes(4, "big")
    print("a consumer that reads late gets everything, in order")


def turn_away(running, address, address_plain):
    for what, sent in (("garbage", b"\x00\xff" * 500), ("AMQP without TLS", wire.PROTOCOL_HEADER)):
        with Wire(address) as client:
            client.send(sent)
            assert client.closed(), f"{what} on the port of TLS"
    for sent in (b"", b"\x16\x03\x01\x02\x00\x01"):
        began = time.monotonic()
        with Wire(address) as client:
            client.send(sent)
            assert client.closed(), "half a handshake does not stay"
        assert HANDSHAKE_TIMEOUT_MS / 1000 - 0.1 < time.monotonic() - began < 5
    with Wire(address_plain) as client:
        client.log_in()
    log = running.log_path.read_text()
    for word in ("it speaks AMQP without TLS", "the TLS handshake took too long"):
        assert log.count(word) >= 1, f"the log says: {word}"
    print("what is no TLS is turned away, with a line in the log")


def proxy_v2(source, port):
    addresses = socket.inet_aton(source) + socket.inet_aton("127.0.0.1") + struct.pack(">HH", port, 5671)
    extra = b"\x04\x00\x03abc"
    return b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack(">H", len(addresses + extra)) + addresses + extra


def stand_behind_a_proxy(binary, files, identity):
    settings = (*files.settings(), "proxy_protocol=true", "loopback_users=none", "handshake_timeout=1500")
    with broker.Leveret(binary, *settings) as running:
        running.start()
        tls_address = next(it for it in running.tls_addresses if ":" not in it[0])
        v1 = b"PROXY TCP4 192.0.2.9 127.0.0.1 4711 5672\r\n"
        for address, context in ((running.address, None), (tls_address, identity.contexts[1])):
            for before in (v1, proxy_v2("192.0.2.10", 4712)):
                with Wire(address, tls=context, before=before) as client:
                    client.log_in().open_channel()
                    publish_confirmed(client, "proxied")
        with Wire(running.address) as client:
            client.send(v1 + wire.PROTOCOL_HEADER)  # In one piece.
            client.log_in(has_said_hello=True)
        with Wire(running.address) as client:
            for byte in v1:
                client.send(bytes([byte]))
            client.log_in()
        for sent in (wire.PROTOCOL_HEADER, b"PROXY TCP4 nonsense\r\n", v1[:20], b""):
            with Wire(running.address) as client:
                client.send(sent)
                assert client.closed(), f"{sent!r} is no header"
        log = running.log_path.read_text()
        for word in ("192.0.2.9:4711", "192.0.2.10:4712", "PROXY protocol took too long", "does not begin with"):
            assert word in log, f"the log says: {word}"
        running.stop()
    print("behind a proxy, clients are who the proxy says")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="target/release/leveret", help="the program to start")
    parser.add_argument("--rotations", type=int, default=ROTATIONS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="leveret-tls-") as folder:
        files = Files(folder)
        first = Authority(folder, "first")
        files.install(first.issue("server"))
        files.trust(first)
        with broker.Leveret(options.binary, *files.settings()) as running:
            running.start()
            try:
                address, identity = rotate(running, files, folder, options.rotations)
                carry_large_messages(address, identity)
                wait_for_a_slow_reader(address, identity)
                turn_away(running, address, running.address)
                running.stop()
            except BaseException:
                print(running.log(), file=sys.stderr)
                raise
        files.install(first.issue("server"))
        files.trust(first)
        identity.change([first], first.issue("visitor"))
        stand_behind_a_proxy(options.binary, files, identity)


if __name__ == "__main__":
    main()
