"""What a gateway carries to a name goes where the name leads, and more plain ports than one that only nodes reach."""

import contextlib
import os
import socket
import ssl

import pytest
from conftest import base_openssl
from lib import clients
from lib.gateway import Gateway, GatewayConfig
from lib.names import Forwarder, NameServer
from lib.pki import Authority
from lib.proxy import _Listener as Listener
from lib.server import free_ports
from lib.wait import eventually, stays

ADDRESSES = ("127.0.53.201", "127.0.53.202")


class Echo(Listener):
    def serve(self, client):
        while data := client.recv(65536):
            client.sendall(self.word + data)

    def __init__(self, word):
        self.word = word
        super().__init__()


class Place:
    def __init__(self, build, directory):
        self.binary = build / "clickhouse-mtls-gateway"
        self.directory = directory
        self.ca = Authority(directory / "pki", "Cluster CA")
        self.far_pair = self.ca.issue("far", "far", dns=("far.test", "n2.nodes.example"), ip=("127.0.0.1",))
        self.near_pair = self.ca.issue("near", "near", dns=("n1.nodes.example",))
        self.alice = self.ca.issue("alice", "alice")

    def config(self, pair, gateway="", dns=""):
        client = (
            f"<certificateFile>{pair.certificate}</certificateFile><privateKeyFile>{pair.key}</privateKeyFile>"
            f"<caConfig>{self.ca.file}</caConfig><verificationMode>strict</verificationMode>"
        )
        return GatewayConfig(
            openssl_server=base_openssl(self.ca.file, pair, "strict"),
            openssl_client=client,
            mtls=f"<nodes><rule><name>cluster</name><dns>*.nodes.example</dns></rule></nodes>{dns}",
            gateway=gateway,
        )


@pytest.fixture
def place(build, tmp_path):
    return Place(build, tmp_path)


def ask(place, port, pair, words=b"hello"):
    context = clients.tls_context(place.ca.file, pair)
    context.check_hostname = False
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as plain, context.wrap_socket(plain) as client:
            client.sendall(words)
            return client.recv(4096)
    except (OSError, ssl.SSLError):
        return b""


def test_more_ports_for_nodes(place):
    """A Keeper beside the server: nodes reach it, and nobody else."""
    (keeper_port,) = free_ports(1)
    with Echo(b"server: ") as server, Echo(b"keeper: ") as keeper:
        ingress = (
            f"<ingress><destination><listen>127.0.0.1:{keeper_port}</listen><to>127.0.0.1:{keeper.port}</to></destination></ingress>"
        )
        config = place.config(place.far_pair, ingress)
        with Gateway(place.binary, place.directory / "far", config, {"interserver_https_port": server.port}) as gateway:
            assert ask(place, keeper_port, place.near_pair) == b"keeper: hello"
            assert ask(place, gateway.ports["interserver_https_port"], place.near_pair) == b"server: hello"
            for stranger in (place.alice, None):
                assert ask(place, keeper_port, stranger) == b""
            assert keeper.accepted == 1
            gateway.write_config(gateway="")
            eventually(lambda: ask(place, keeper_port, place.near_pair) == b"", what="the end of the port")


@pytest.mark.parametrize(
    ("destination", "finding"),
    [
        ("<listen>name:1</listen><to>a:1</to>", "listen: has to be address:port"),
        ("<listen>127.0.0.1:1</listen>", "to: is needed"),
        ("<listen>127.0.0.1:1</listen><to>a:1</to>", "ingress: needs interserver_https_port"),
    ],
)
def test_an_ingress_that_cannot_be_meant_does_not_start(place, destination, finding):
    config = place.config(place.far_pair, f"<ingress><destination>{destination}</destination></ingress>")
    assert finding in Gateway(place.binary, place.directory / "far", config, {}).start_refused()


@pytest.mark.skipif(os.geteuid() != 0, reason="a resolver for one process needs root")
def test_an_egress_follows_its_name(place):
    """The name's TTL is a second. What goes on ends when it is quiet, and what comes next goes to the new address."""
    names = NameServer()
    (port,) = free_ports(1, ADDRESSES)
    (listen,) = free_ports(1)
    egress = f"<egress><destination><listen>127.0.0.1:{listen}</listen><to>far.test:{port}</to></destination></egress>"
    dns = "<dns><min_ttl>0.5</min_ttl><min_interval>0.1</min_interval></dns>"
    with Echo(b"") as server, contextlib.ExitStack() as stack:
        stack.callback(names.close)
        far = Gateway(place.binary, place.directory / "far", place.config(place.far_pair), {"interserver_https_port": server.port})
        stack.enter_context(far)
        ways = [Forwarder(address, port, far.ports["interserver_https_port"]) for address in ADDRESSES]
        for way in ways:
            stack.callback(way.close)
        names.records["far.test"] = (ADDRESSES[0], 1)
        launcher = names.launcher(place.binary, place.directory / "launch")
        near = stack.enter_context(Gateway(launcher, place.directory / "near", place.config(place.near_pair, egress, dns), {}))

        def connect():
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", listen), timeout=30))
            connection.sendall(b"hello")
            assert connection.recv(100) == b"hello"
            return connection

        first = connect()
        assert (ways[0].accepted, ways[1].accepted) == (1, 0)
        stays(lambda: ways[0].open == 1, during=2, what="a connection whose name has not moved")
        names.records["far.test"] = (ADDRESSES[1], 1)
        eventually(lambda: ways[0].open == 0, what="the end of the connection to the former address")
        assert first.recv(1) == b""
        connect()
        assert (ways[0].accepted, ways[1].accepted) == (1, 1)
        assert f"{ADDRESSES[0]} is no longer its address" in near.log()
