"""Who listens on the cluster's network reads nothing."""

import secrets
import signal
import subprocess

import pytest

from lib.wait import eventually


class Capture:
    """Everything that passes the bridge of the cluster's network, into a file."""

    def __init__(self, bridge, file):
        self.file = file
        self.process = subprocess.Popen(
            ["tcpdump", "-i", bridge, "-w", str(file), "-U", "-s", "0", "-B", "16384", "-Z", "root"],
            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        first = self.process.stderr.readline()
        assert "listening on" in first, first

    def until(self, reached):
        eventually(lambda: reached(self.file.read_bytes()), 20, "the awaited packets in the capture", pause=0.2)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        said = self.process.communicate(timeout=10)[1]
        counts = [line for line in said.splitlines() if "packets" in line]
        return self.file.read_bytes(), ", ".join(counts)


@pytest.fixture
def capture(cluster, tmp_path):
    made = Capture(cluster.bridge, tmp_path / "capture.pcap")
    yield made
    made.stop()


def test_rows_paths_and_queries_are_on_no_wire(cluster, capture, evidence):
    """Rows with a marker are inserted, replicated, read through a distributed table, and their table's path written to ZooKeeper, while
    the bridge is captured: the marker is nowhere. The same marker sent to the same network in the clear, in the same capture, is found."""
    marker = "marker" + secrets.token_hex(12)
    cluster.query(
        f"CREATE TABLE t_{marker} ON CLUSTER cluster (id UInt64, text String) "
        f"ENGINE = ReplicatedMergeTree('/clickhouse/tables/{{shard}}/{marker}', '{{replica}}') ORDER BY id"
    )
    cluster.query(f"CREATE TABLE d_{marker} ON CLUSTER cluster AS t_{marker} ENGINE = Distributed(cluster, default, t_{marker}, id)")
    cluster.query(f"INSERT INTO d_{marker} SELECT number, concat('{marker}-', toString(number)) FROM numbers(200)", "ch3")
    both = f"SELECT count() FROM t_{marker}"
    eventually(lambda: cluster.query(both, "ch1") == cluster.query(both, "ch2") != "0", 30, "replicated rows")
    assert cluster.query(f"SELECT count() FROM d_{marker} WHERE text LIKE '{marker}%'", "ch3") == "200"
    assert marker in cluster.query("SELECT name FROM system.zookeeper WHERE path = '/clickhouse/tables/1'")

    control = "control" + secrets.token_hex(12)
    # The control: a query in the clear from host to host.
    listener = "import socket; s = socket.create_server(('', 8123)); print('started', flush=True); c, _ = s.accept(); c.recv(65536)"
    listening = subprocess.Popen(
        ["docker", "exec", cluster.id("attacker"), "python3", "-c", listener], stdout=subprocess.PIPE, text=True
    )
    assert listening.stdout.readline().strip() == "started"
    cluster.run(
        "client", "curl", "--silent", "--max-time", "5", "--data-binary", f"SELECT '{control}', '/clickhouse/tables'",
        "http://attacker:8123/", check=False,
    )  # fmt: skip
    listening.wait(timeout=20)
    capture.until(lambda content: control.encode() in content)

    content, counts = capture.stop()
    evidence("captured", f"{len(content)} bytes; {counts}")
    for port, what in ((9440, "native TLS"), (9010, "replica fetch"), (2281, "ZooKeeper")):
        shown = subprocess.run(
            ["tcpdump", "-r", str(capture.file), "-n", f"tcp port {port}"], capture_output=True, text=True, check=True
        ).stdout  # fmt: skip
        packets = len(shown.splitlines())
        assert packets > 0, f"nothing passed on port {port}: the capture proves nothing"
        evidence(f"packets of port {port}, {what}", packets)
    occurrences = content.count(marker.encode())
    evidence("the marker in them", f"{occurrences} times")
    evidence("the control in them", f"{content.count(control.encode())} times")
    assert occurrences == 0
    assert content.count(b"/clickhouse/tables") == 1, "ZooKeeper's paths, besides the control"
    cluster.query(f"DROP TABLE d_{marker} ON CLUSTER cluster")
    cluster.query(f"DROP TABLE t_{marker} ON CLUSTER cluster")
