"""Who has not logged in has a deadline, whatever drips, and there are only so many of them: a real client gets through."""

import socket
import ssl
import time

import clickhouse_driver
import pytest
from lib import clients
from lib.flood import BEGINNING, Drip
from lib.hello import hello
from lib.pki import Authority
from lib.server import Config, Server, user
from lib.wait import eventually

USERS = user("alice", "<ssl_certificates><common_name>alice</common_name></ssl_certificates>")
TIMEOUT = 4  # of a handshake and the login after it
PORTS = ("tcp_port_secure", "https_port", "interserver_https_port")


@pytest.fixture(scope="module")
def scene(patched, tmp_path_factory, openssl):
    directory = tmp_path_factory.mktemp("floods")
    ca = Authority(directory / "pki", "Flooded CA")
    config = Config(
        openssl_server=openssl(ca.file, ca.server()),
        mtls=f"<limits><handshake_timeout>{TIMEOUT}s</handshake_timeout></limits>"
        "<nodes><rule><name>nodes</name><common_name>node</common_name></rule><plaintext>allow</plaintext></nodes>",
        users=USERS,
        extra="<max_connections>1024</max_connections>",
        listeners=PORTS,
    )
    with Server(patched, directory / "server", config) as server:
        yield server, ca, ca.issue("alice", "alice"), ca.issue("node", "node")


def ends_after(connection, beginning, between=0.3, within=60):
    """Seconds until the server ends a connection that sends `beginning` byte by byte, and then nothing."""
    begun = time.monotonic()
    connection.settimeout(between)
    rest = list(beginning)
    while time.monotonic() - begun < within:
        try:
            if rest:
                connection.sendall(bytes([rest.pop(0)]))
            if connection.recv(4096) == b"":
                return time.monotonic() - begun
        except (TimeoutError, ssl.SSLWantReadError):
            continue
        except (ConnectionError, ssl.SSLError, OSError):
            return time.monotonic() - begun
    raise AssertionError(f"still open after {within} s")


def tls(server, port, context):
    plain = socket.create_connection(("127.0.0.1", server.ports[port]), timeout=30)
    return context.wrap_socket(plain, server_hostname="localhost")


@pytest.mark.parametrize("port", [*PORTS, "tcp_port", "http_port"])
def test_what_drips_ends_at_the_deadline(scene, port):
    server, ca, alice, _ = scene
    beginning = {"tcp_port": hello(user="x" * 200), "http_port": b"GET /" + b"x" * 200}.get(port, BEGINNING)
    with clients.HttpsConnection(server, ca.file, alice) as kept:  # the twin: it has logged in, and is asked again afterwards
        assert kept.ask({**clients.ON, "X-ClickHouse-User": "alice"}).user == "alice"
        with socket.create_connection(("127.0.0.1", server.ports[port]), timeout=30) as dripping:
            took = ends_after(dripping, beginning)
        assert took > TIMEOUT - 1
        print(f"{port}: ended after {took:.1f} s")
        assert kept.ask({**clients.ON, "X-ClickHouse-User": "alice"}).user == "alice"


@pytest.mark.parametrize("port", PORTS)
def test_what_drips_behind_its_handshake_ends_too(scene, port):
    server, ca, alice, node = scene
    beginning = hello(user="x" * 200) if port == "tcp_port_secure" else b"GET /" + b"x" * 200
    with tls(server, port, clients.tls_context(ca.file, node if port == "interserver_https_port" else alice)) as dripping:
        ends_after(dripping, beginning)


@pytest.mark.parametrize("port", ["https_port", "interserver_https_port"])
def test_idle_connections_end(scene, port):
    server, ca, alice, node = scene
    context = clients.tls_context(ca.file, node if port == "interserver_https_port" else alice)
    with tls(server, port, context) as idle:
        assert ends_after(idle, b"") < 60
    with tls(server, port, context) as kept:
        kept.sendall(b"GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: Keep-Alive\r\n\r\n")
        assert kept.recv(4096).startswith(b"HTTP/1.1 ")
        took = ends_after(kept, b"")
        print(f"{port}: idle after a request, ended after {took:.1f} s")


def test_a_native_session_may_be_idle(scene):
    server, ca, alice, _ = scene
    client = clickhouse_driver.Client(
        "127.0.0.1", port=server.ports["tcp_port_secure"], user="alice", secure=True, ca_certs=str(ca.file),
        certfile=str(alice.certificate), keyfile=str(alice.key),
    )
    try:
        assert client.execute("SELECT 1") == [(1,)]
        number = client.execute("SELECT count() FROM system.processes")
        with socket.create_connection(("127.0.0.1", server.ports["tcp_port_secure"]), timeout=30) as dripping:
            ends_after(dripping, BEGINNING)
        with socket.create_connection(("127.0.0.1", server.ports["tcp_port_secure"]), timeout=30) as dripping:
            ends_after(dripping, BEGINNING)
        socket_before = client.connection.socket
        assert client.execute("SELECT count() FROM system.processes") == number
        assert client.connection.socket is socket_before, "the session was ended, and the driver made another"
    finally:
        client.disconnect()


@pytest.mark.parametrize("addresses", [1, 200])
@pytest.mark.parametrize("port", ["tcp_port_secure", "https_port"])
def test_two_thousand_dripping_peers_keep_nobody_out(scene, addresses, port):
    server, ca, alice, _ = scene
    sources = [f"127.0.{1 + number // 100}.{1 + number % 100}" for number in range(addresses)]

    def log_in():
        begun = time.monotonic()
        if port == "tcp_port_secure":
            answer = clients.native(server, ca.file, alice, "alice")
        else:
            answer = clients.https_as(server, ca.file, alice, "alice")
        assert answer.user == "alice", answer
        return time.monotonic() - begun

    alone = log_in()
    with Drip(server.ports[port], 2000, sources) as drip:
        eventually(lambda: drip.opened >= 2000, within=120, what="2,000 dripping peers")
        took = [log_in() for _ in range(5)]
        print(f"{port}, {addresses} addresses: {alone:.3f} s alone, {max(took):.3f} s at most beside {drip.opened} ({drip.ended} ended)")
        assert drip.ended > 0
        assert max(took) < 30
    eventually(lambda: "ended connections on which nobody had logged in" in server.log(), within=60, what="the log's word on it")
