"""The authority of the cluster is replaced while it works, in the three steps that docs/docker.md names."""

import time

import pytest

from lib.cluster import NODES
from lib.evidence import said
from lib.wait import eventually

# Each step for one host; $host, and the authorities that are believed and that issue.
TRUST_BOTH = """
cat $old/ca.pem $new/ca.pem >/authority/both.pem
cat $old/ca.pem $new/ca.pem $coordination/ca.pem >/authority/servers-both.pem
place $host ca.pem /authority/both.pem
place $host servers-ca.pem /authority/servers-both.pem
"""
NEW_LEAF = """
clickhouse-mtls pki issue $new $host --cn $host --dns $host --spiffe-id spiffe://cluster.example/node/$host --force >/dev/null
pair $new $host $host node
"""
NEW_USER = """
clickhouse-mtls pki issue $new alice --cn alice --spiffe-id spiffe://cluster.example/user/alice --force >/dev/null
pair $new alice client alice
"""
DROP_OLD = """
cat $new/ca.pem $coordination/ca.pem >/authority/servers-new.pem
place $host ca.pem $new/ca.pem
place $host servers-ca.pem /authority/servers-new.pem
"""

# What the nodes do, one by one, and then the client.
STEPS = (
    ("trust both", TRUST_BOTH, "place client ca.pem /authority/both.pem"),
    ("new leaves", NEW_LEAF, NEW_USER),
    ("drop the old one", DROP_OLD, "place client ca.pem $new/ca.pem"),
)


class Rotation:
    """From one authority to the next, step by step and host by host."""

    def __init__(self, cluster, old, new):
        self.cluster, self.old, self.new = cluster, old, new
        cluster.setup(f"[ -e {new} ] || clickhouse-mtls pki init {new} --name 'Cluster CA' --trust-domain cluster.example >/dev/null")

    def script(self, host, step):
        self.cluster.setup(f"old={self.old} new={self.new} host={host}\n{step}")

    def step(self, host, step):
        since = self.cluster.now()
        begin = time.monotonic()
        self.script(host, step)
        if host in NODES:
            self.cluster.log_line(host, since, "clickhouse-mtls: generation", "is in force", within=20)
            self.settled(host)
        return time.monotonic() - begin

    def settled(self, host):
        """All of the step's files are in the generation that is in force: the node's own tool reads the same digest."""
        eventually(lambda: self.cluster.https(host, host, None, pair="node", user=None, path="/ping").returncode == 0, 20, "a ping")


def test_rolling_rotation_under_load(cluster, evidence):
    """Trust both, new leaves, drop the old one, over all nodes one by one and the client, while four threads insert and read through
    every node. No query fails, no row is lost or doubled, and at the end a certificate of the old authority opens nothing."""
    rotation = Rotation(cluster, "/authority/cluster", "/authority/second")
    cluster.replicas_agree()
    with cluster.begin("client", "python3", "/tools/load.py", "--base", "100000000", *NODES) as load:
        for name, step, of_client in STEPS:
            times = [rotation.step(host, step) for host in NODES]
            rotation.script("client", of_client)
            if step == NEW_LEAF:
                # The first node that was given its certificate has since met others that still showed their former one.
                for host in NODES:
                    cluster.query("SYSTEM DROP DNS CACHE", host)
            evidence(f"{name}: seconds until in force", ", ".join(f"{host} {each:.1f}" for host, each in zip(NODES, times)))
        done = load.finish()
    evidence("inserts, reads, rows", f"{done['inserts']}, {done['reads']}, {done['rows']}")
    evidence("queries that failed", len(done["failures"]))
    assert done["rows"] > 0 and done["reads"] > 0
    assert done["given_up"] == []
    check_rows(cluster, evidence, 100_000_000, done["rows"])

    # The old authority: alice's former certificate, which the attacker still has, and the new one, in the same moment.
    since = cluster.now()
    assert cluster.query("SELECT 1") == "1"
    rotation.script("attacker", "place attacker ca.pem $new/ca.pem")
    refused = cluster.https("attacker", "ch1", "SELECT 1")
    assert not refused.stdout.endswith("200")
    evidence("a certificate of the old authority", said(cluster.log_line("ch1", since, "decision=refused", "UNKNOWN-CA")))
    assert done["failures"] == [], done["failures"][:5]


def check_rows(cluster, evidence, base, rows):
    """Exactly the rows that the load says it has inserted: on the distributed table and on both replicas."""
    cluster.replicas_agree(within=120)
    where = f"FROM all_events WHERE id >= {base} AND id < {base} + 100000000"
    counts = cluster.query(f"SELECT count(), uniqExact(id) {where}").split("\t")
    evidence("rows acknowledged, found, different", f"{rows}, {counts[0]}, {counts[1]}")
    assert counts == [str(rows), str(rows)]


@pytest.mark.parametrize("rotations", [6])
def test_short_lived_leaves(cluster, evidence, rotations):
    """Leaves that are replaced every few seconds, as with short-lived SPIFFE certificates, on all nodes at once under load."""
    with cluster.begin("client", "python3", "/tools/load.py", "--base", "300000000", *NODES) as load:
        rotation = Rotation(cluster, "/authority/cluster", "/authority/second")
        for _ in range(rotations):
            for host in NODES:
                rotation.step(host, NEW_LEAF)
        done = load.finish()
    evidence("rotations of three nodes", rotations)
    evidence("inserts, reads, failed", f"{done['inserts']}, {done['reads']}, {len(done['failures'])}")
    check_rows(cluster, evidence, 300_000_000, done["rows"])
    assert done["failures"] == [], done["failures"][:5]
