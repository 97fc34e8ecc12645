"""Who listens on the cluster's network reads nothing."""

import secrets

import pytest

from lib.capture import Capture
from lib.cluster import DOCKER
from lib.wait import eventually

# Port: what goes over it; in the cluster, and between servers as they come.
OVER_TLS = {9440: "clients and distributed reads", 9010: "parts fetched", 2281: "ZooKeeper"}
IN_THE_CLEAR = {8123: "clients", 9000: "distributed reads", 9009: "parts fetched", 2181: "ZooKeeper"}
PLAINTEXT = DOCKER / "tests" / "plaintext" / "compose.yaml"


@pytest.fixture
def plaintext(cluster):
    """Two replicas and a ZooKeeper without TLS, in the cluster's network: query(sql, host)."""
    hosts = ("plain1", "plain2", "plainzk")
    cluster.compose("up", "--detach", "--no-build", file=PLAINTEXT)

    def query(sql, host):
        done = cluster.run("client", "curl", "--silent", "--show-error", "--fail", "--data-binary", sql, f"http://{host}:8123/")
        return done.stdout.strip()

    try:
        for host in ("plain1", "plain2"):
            eventually(lambda host=host: query("SELECT 1", host) == "1", 60, f"{host} to answer", pause=0.3)
        yield query
    finally:
        cluster.compose("rm", "--stop", "--force", "-v", *hosts, file=PLAINTEXT)


@pytest.fixture
def capture(cluster, tmp_path):
    made = Capture(cluster.bridge, tmp_path / "capture.pcap")
    yield made
    made.stop()


def use(query, marker, replicas, reader):
    """Writes rows with the marker to one replica, which the other fetches, and reads them through a distributed table; the path of the
    table in ZooKeeper has the marker as well."""
    first, second = replicas
    query(
        f"CREATE TABLE t_{marker} ON CLUSTER cluster (id UInt64, text String) "
        f"ENGINE = ReplicatedMergeTree('/clickhouse/tables/{{shard}}/{marker}', '{{replica}}') ORDER BY id",
        first,
    )
    query(f"CREATE TABLE d_{marker} ON CLUSTER cluster AS t_{marker} ENGINE = Distributed(cluster, default, t_{marker}, id)", first)
    query(f"INSERT INTO t_{marker} SELECT number, concat('{marker}-', toString(number)) FROM numbers(200)", first)
    eventually(lambda: query(f"SELECT count() FROM t_{marker}", second) == "200", 30, "replicated rows")
    rows = query(f"SELECT id, text FROM d_{marker} WHERE text LIKE '{marker}%' ORDER BY id LIMIT 2", reader).split()
    assert rows == ["0", f"{marker}-0", "1", f"{marker}-1"]
    assert marker in query("SELECT name FROM system.zookeeper WHERE path = '/clickhouse/tables/1'", second)


def test_rows_paths_and_queries_are_on_no_wire(cluster, plaintext, capture, evidence):
    """Rows with a marker are inserted, replicated, read through a distributed table, and their table's path written to ZooKeeper: in the
    cluster, and on two servers without TLS in the same network, with one capture of all of it. Of the cluster the marker is nowhere to be
    read; of the other two it is everywhere."""
    marker = "marker" + secrets.token_hex(12)
    use(cluster.query, marker, ("ch1", "ch2"), "ch3")
    use(plaintext, marker, ("plain1", "plain2"), "plain2")
    sought = marker.encode()
    capture.until(lambda seen: all(seen.count(sought, port) for port in IN_THE_CLEAR))
    counts = capture.stop()
    seen = capture.seen()

    evidence("captured", f"{seen.size} bytes; {counts}")
    for port, what in (*OVER_TLS.items(), *IN_THE_CLEAR.items()):
        evidence(f"port {port}: {what}", f"{seen.packets[port]} packets, the marker {seen.count(sought, port)} times")
    evidence("the marker on all other ports", f"{seen.count_besides(sought, IN_THE_CLEAR)} times")
    for port in OVER_TLS:
        assert seen.packets[port] > 0, f"nothing passed on port {port}: the capture proves nothing"
        assert seen.count(sought, port) == 0
    for port in IN_THE_CLEAR:
        assert seen.count(sought, port) > 0
    assert seen.count_besides(sought, IN_THE_CLEAR) == 0
    assert seen.count(b"/clickhouse/tables/", 2181) > 0
    assert seen.count_besides(b"/clickhouse/tables/", IN_THE_CLEAR) == 0
    cluster.query(f"DROP TABLE d_{marker} ON CLUSTER cluster")
    cluster.query(f"DROP TABLE t_{marker} ON CLUSTER cluster")
