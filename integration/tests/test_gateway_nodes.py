"""Gateways between stock servers and to ZooKeeper: every connection that leaves a machine goes from the egress of one gateway to the
interserver port of another, or to a Keeper that wants client certificates. The servers are the packaged ones and know no TLS."""

import socket
import ssl

import pytest
from conftest import STOCK, base_openssl
from lib import clients
from lib.gateway import Gateway, GatewayConfig
from lib.pki import Authority, write
from lib.proxy import Recorder, Silent
from lib.server import Config, Server, free_ports
from lib.wait import eventually
from lib.zookeeper import ZooKeeper

SECRET = "replicated-in-secret"
RULES = """<nodes><rule><name>cluster</name><dns>*.nodes.example</dns></rule></nodes>
<keeper><rule><name>ensemble</name><common_name>keeper</common_name></rule></keeper><crl>{crl}</crl>"""


class Site:
    """One machine: a stock server on loopback and its gateway. `seen_at`: the address at which the other machine's gateway stands for it."""

    def __init__(self, cluster, name, seen_at):
        self.cluster, self.name, self.seen_at = cluster, name, seen_at
        self.pair = cluster.ca.issue(name, name, dns=(f"{name}.nodes.example",), ip=("127.0.0.1",))
        self.port = free_ports(1, ("127.0.0.1", seen_at))[0]
        self.keeper_port = free_ports(1)[0]
        self.server = Server(
            STOCK,
            cluster.directory / name,
            Config(
                listeners=(),
                extra=f"<interserver_http_port>{self.port}</interserver_http_port>"
                f"<interserver_http_host>{seen_at}</interserver_http_host><macros><replica>{name}</replica></macros>"
                f"<zookeeper><node><host>127.0.0.1</host><port>{self.keeper_port}</port></node></zookeeper>",
            ),
        )
        self.gateway = None

    def make_gateway(self, binary):
        """Its interserver port is known from here on; where it leads to is said when the other one's is known, too."""
        client = (
            f"<certificateFile>{self.pair.certificate}</certificateFile><privateKeyFile>{self.pair.key}</privateKeyFile>"
            f"<caConfig>{self.cluster.ca.file}</caConfig><verificationMode>strict</verificationMode>"
        )
        self.gateway = Gateway(
            binary,
            self.cluster.directory / f"gateway-{self.name}",
            GatewayConfig(
                openssl_server=base_openssl(self.cluster.ca.file, self.pair, "strict"),
                openssl_client=client,
                mtls=RULES.replace("{crl}", str(self.cluster.crl.parent)),
            ),
            {"interserver_https_port": self.port},
        )

    def reach(self, other, port, keeper):
        destinations = ((other.seen_at, other.port, port, "node"), ("127.0.0.1", self.keeper_port, keeper, "keeper"))
        egress = "".join(
            f"<destination><listen>{address}:{listen}</listen><to>127.0.0.1:{to}</to><purpose>{purpose}</purpose></destination>"
            for address, listen, to, purpose in destinations
        )
        self.gateway.write_config(gateway=f"<egress>{egress}</egress>")


class Cluster:
    def __init__(self, binary, directory):
        self.directory = directory
        self.ca = Authority(directory / "pki", "Cluster CA")
        self.alice = self.ca.issue("alice", "alice")
        self.crl = directory / "crls" / "cluster.crl"
        self.crl.parent.mkdir()
        write(self.crl, self.ca.crl())
        self.zookeeper = ZooKeeper(directory / "zookeeper", self.ca.issue("keeper", "keeper", ip=("127.0.0.1",)), self.ca.pem)
        self.n1, self.n2 = Site(self, "n1", "127.0.0.21"), Site(self, "n2", "127.0.0.22")
        for site in self.sites:
            site.make_gateway(binary)
        self.wires = [Recorder(site.gateway.ports["interserver_https_port"]) for site in self.sites]
        self.keeper_wire = Recorder(self.zookeeper.port)
        self.n1.reach(self.n2, self.wires[1].port, self.keeper_wire.port)
        self.n2.reach(self.n1, self.wires[0].port, self.keeper_wire.port)

    @property
    def sites(self):
        return (self.n1, self.n2)

    def __enter__(self):
        self.zookeeper.start()
        for site in self.sites:
            site.gateway.start()
        for site in self.sites:
            site.server.launch()
        for site in self.sites:
            site.server.wait()
        return self

    def __exit__(self, *_):
        for site in self.sites:
            site.server.stop()
        for site in self.sites:
            site.gateway.stop()
        self.zookeeper.stop()


@pytest.fixture(scope="module")
def cluster(build, tmp_path_factory):
    with Cluster(build / "clickhouse-mtls-gateway", tmp_path_factory.mktemp("nodes")) as made:
        yield made


def test_replicas_of_stock_servers_fetch_over_mutual_tls(cluster):
    """ReplicatedMergeTree with a Keeper that wants certificates; on the wires there is nothing to read."""
    for site in cluster.sites:
        site.server.admin(
            "CREATE TABLE r (d Date, s String) ENGINE = ReplicatedMergeTree('/tables/r', '{replica}', d, (d), 8192)"
        )
    cluster.n1.server.admin(f"INSERT INTO r VALUES ('2026-11-28', '{SECRET}')")
    eventually(lambda: cluster.n2.server.admin("SELECT s FROM r") == SECRET, within=60, what="the row at n2")
    cluster.n2.server.admin(f"INSERT INTO r VALUES ('2026-11-29', '{SECRET}')")
    eventually(lambda: cluster.n1.server.admin("SELECT count() FROM r") == "2", within=60, what="both rows at n1")
    for wire in (*cluster.wires, cluster.keeper_wire):
        assert len(wire.seen) > 1000
        assert SECRET.encode() not in wire.seen and b"/tables/r" not in wire.seen and b"HTTP/1.1" not in wire.seen


def handshake_and(cluster, pair, words):
    """What comes back from n1's interserver port."""
    context = clients.tls_context(cluster.ca.file, pair)
    context.check_hostname = False
    port = cluster.n1.gateway.ports["interserver_https_port"]
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as plain, context.wrap_socket(plain) as client:
            client.sendall(words)
            return client.recv(4096)
    except (OSError, ssl.SSLError):
        return b""


def test_nobody_but_nodes_gets_a_byte_through(cluster):
    question = b"GET / HTTP/1.0\r\n\r\n"
    assert handshake_and(cluster, cluster.n2.pair, question).startswith(b"HTTP/1")
    assert handshake_and(cluster, cluster.alice, question) == b""
    assert handshake_and(cluster, None, question) == b""


def test_an_egress_gives_nothing_to_who_is_not_the_node_that_was_meant(cluster, build, tmp_path):
    """A server of the same authority that is no node, one that is a node of another name, one that speaks no TLS."""
    for pair in (cluster.ca.issue("imposter", "imposter", ip=("127.0.0.1",)), cluster.ca.issue("n9", "n9", dns=("n9.nodes.example",))):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
        received = []
        with socket.create_server(("127.0.0.1", 0)) as far:
            with egress_to(cluster, build, tmp_path / pair.certificate.stem, far.getsockname()[1]) as (port, gateway):
                with socket.create_connection(("127.0.0.1", port), timeout=30) as near:
                    near.sendall(b"secret")
                    accepted, _ = far.accept()
                    with accepted:
                        try:
                            with context.wrap_socket(accepted, server_side=True) as server:
                                received.append(server.recv(100))
                        except (OSError, ssl.SSLError):
                            pass
                    try:
                        assert near.recv(1) == b""
                    except ConnectionError:
                        pass
                eventually(lambda log=gateway.log: "egress to" in log(), what="a line about it")
        assert received in ([], [b""])
    with Silent() as far:
        with egress_to(cluster, build, tmp_path / "silent", far.port) as (port, gateway):
            with socket.create_connection(("127.0.0.1", port), timeout=30) as near:
                near.sendall(b"secret")
                eventually(lambda: far.received, what="a ClientHello")
                assert b"secret" not in far.received


class egress_to:  # noqa: N801
    def __init__(self, cluster, build, directory, port):
        self.listen = free_ports(1)[0]
        config = GatewayConfig(**{**cluster.n1.gateway.config.__dict__})
        config.gateway = (
            f"<egress><destination><listen>127.0.0.1:{self.listen}</listen><to>127.0.0.1:{port}</to></destination></egress>"
        )
        self.gateway = Gateway(build / "clickhouse-mtls-gateway", directory, config, {})

    def __enter__(self):
        self.gateway.start()
        return self.listen, self.gateway

    def __exit__(self, *_):
        self.gateway.stop()


def test_replication_stops_with_trust_and_comes_back_with_it(cluster):
    """n2's certificate is revoked: its gateway gets nothing more from n1's."""
    write(cluster.crl, cluster.ca.crl(cluster.n2.pair, number=2))
    question = b"GET / HTTP/1.0\r\n\r\n"
    eventually(lambda: handshake_and(cluster, cluster.n2.pair, question) == b"", what="the refusal")
    assert handshake_and(cluster, cluster.n1.pair, question).startswith(b"HTTP/1")
    write(cluster.crl, cluster.ca.crl(number=3))
    eventually(lambda: handshake_and(cluster, cluster.n2.pair, question).startswith(b"HTTP/1"), what="the node again")
