"""Authorities and certificates are replaced while the cluster works, as docs/docker.md names the steps."""

import os
import time

import pytest

from lib.cluster import MEMBERS, NODES, command
from lib.evidence import said
from lib.load import check_none_lost, check_rows, load_numbers
from lib.rotation import WRITERS, NodesRotation, ZooKeeperRotation, renew, user_leaf
from lib.wait import eventually


def took(times):
    return ", ".join(f"{host} {seconds:.1f}" for host, seconds in times.items())


def check_old_one_opens_nothing(cluster, evidence, rotation):
    """alice's certificate of the old authority, which the attacker has, and the client's new one in the same moment."""
    cluster.setup(f"place attacker alice.key {rotation.old}/alice.key; place attacker alice.pem {rotation.old}/alice.pem")
    cluster.setup(f"place attacker ca.pem {rotation.new}/ca.pem")
    since = cluster.now()
    assert cluster.query("SELECT 1") == "1"
    refused = cluster.https("attacker", "ch1", "SELECT 1")
    assert not refused.stdout.endswith("200")
    evidence("a certificate of the old authority", said(cluster.log_line("ch1", since, "decision=refused", "UNKNOWN-CA")))


@pytest.mark.parametrize("writer", ["one by one", "swap"])
def test_rolling_rotation_under_load(cluster, evidence, load, writer):
    """Trust both, new leaves, drop the old one, over all nodes one after the other and the client, while four threads insert and read
    through every node. No query fails, no row is lost or doubled, and at the end a certificate of the old authority opens
    nothing."""
    base = load_numbers()
    running = load(base)
    rotation = NodesRotation(cluster, writer)
    evidence("trust both: seconds until in force", took({host: rotation.believe(host, "$old", "$new") for host in NODES}))
    rotation.believe("client", "$old", "$new")
    evidence("new leaves: seconds until in force", took({host: rotation.issue(host) for host in NODES}))
    rotation.issue("client")
    evidence("drop the old one: seconds until in force", took({host: rotation.believe(host, "$new") for host in NODES}))
    rotation.believe("client", "$new")
    rotation.finish()
    done = running.finish()
    reads = f"{done['reads']}, {done['slow_reads']} that took a second"
    evidence("inserts, rows, distributed reads", f"{done['inserts']}, {done['rows']}, {reads}")
    evidence("queries that failed", len(done["failures"]))
    assert done["rows"] > 0 and done["reads"] > 0 and done["slow_reads"] > 0
    check_rows(cluster, evidence, base, done["rows"])
    check_old_one_opens_nothing(cluster, evidence, rotation)
    assert done["failures"] == [], done["failures"][:5]


def start_again(cluster, member):
    command("docker", "restart", "--time", "5", cluster.id(member))
    cluster.healthy(member)


def test_rolling_rotation_of_zookeeper(cluster, evidence, load):
    """The same for the ensemble's authority, its members' certificates, and what nodes show to it: the members are started again one
    by one, nodes take theirs live, by swaps of a directory. No acknowledged row is lost, and at the end neither side takes the old."""
    base = load_numbers()
    running = load(base)
    rotation = ZooKeeperRotation(cluster, "swap")
    steps = (
        ("trust both", lambda host: rotation.believe(host, "$old", "$new")),
        ("new leaves", rotation.issue),
        ("drop the old one", lambda host: rotation.believe(host, "$new")),
    )
    for name, step in steps:
        begin = time.monotonic()
        for host in (*NODES, *MEMBERS):
            step(host)
            if host in MEMBERS:
                start_again(cluster, host)
        evidence(f"{name}: seconds for three nodes and three members", f"{time.monotonic() - begin:.1f}")
    rotation.finish()
    cluster.writable()
    done = running.finish()
    assert done["given_up"] == []
    evidence("inserts, reads", f"{done['inserts']}, {done['reads']}")
    evidence("queries that failed while members were away, and went well when they were repeated", len(done["failures"]))
    check_none_lost(cluster, evidence, base, done)

    # The old authority's certificates: a node's at a member, and a member's at a node.
    for which, authority in (("old", rotation.old), ("new", rotation.new)):
        cluster.setup(f"for each in key pem; do place attacker {which}.$each {authority}/ch1.$each; done")
    cluster.setup(f"place attacker coordination-ca.pem {rotation.new}/ca.pem")
    asked = "{ printf srvr; sleep 1; } | timeout 10 openssl s_client -quiet -connect zk1:2281 -CAfile /pki/coordination-ca.pem"
    old, new = (
        cluster.run("attacker", "sh", "-c", f"{asked} -cert /pki/{which}.pem -key /pki/{which}.key", check=False)
        for which in ("old", "new")
    )
    assert "Mode: " in new.stdout, new.stderr
    assert "Mode: " not in old.stdout
    evidence("ZooKeeper on a node's certificate of the old authority", old.stderr.strip().splitlines()[-1][:200])
    cluster.setup("rm /hosts/attacker/new.key /hosts/attacker/new.pem")

    def explained(authority):
        chain = cluster.setup(f"cat {authority}/zk1.pem").stdout
        return cluster.run(
            "ch1", "sh", "-c",
            "cat >/var/lib/clickhouse/shown.pem; clickhouse-mtls explain --config /etc/clickhouse-server/config.xml "
            "--chain /var/lib/clickhouse/shown.pem --outgoing keeper --host zk1",
            content=chain, check=False,
        )  # fmt: skip

    assert explained(rotation.new).returncode == 0
    refused = explained(rotation.old)
    assert refused.returncode == 1 and "UNKNOWN-CA" in refused.stdout
    evidence("a node on a member's certificate of the old authority", refused.stdout.strip().splitlines()[-1][:300])


def test_partial_rollout(cluster, evidence, load):
    """ch3 is left behind. With the others a step ahead, and two generations of certificates side by side, no query fails. Two steps
    ahead is too far: ch3 is refused by name of what is wrong, and nothing else is; caught up, it is there again, and nothing is
    lost."""
    base = load_numbers()
    rotation = NodesRotation(cluster)
    for host in (*NODES, "client"):
        rotation.believe(host, "$old", "$new")
    running = load(base)
    for host in ("ch1", "ch2", "client"):
        rotation.issue(host)
    before = int(cluster.query(f"SELECT count() FROM all_events WHERE id >= {base} AND id < {base} + 100000000"))
    rows = f"SELECT count() FROM all_events WHERE id >= {base} AND id < {base} + 100000000"
    eventually(lambda: int(cluster.query(rows, "ch3")) > before + 200, 60, "rows with two generations side by side", pause=0.5)
    done = running.finish()
    evidence("two generations side by side: inserts, reads, failed", f"{done['inserts']}, {done['reads']}, {len(done['failures'])}")
    check_rows(cluster, evidence, base, done["rows"])
    assert done["failures"] == [], done["failures"][:5]

    since = cluster.now()
    for host in ("ch1", "ch2"):
        rotation.believe(host, "$new")

    def refused():
        answer = cluster.client("SELECT count() FROM all_events", "ch1", check=False)
        return answer.stderr if answer.returncode != 0 else None

    evidence("ch1's client, two steps ahead", eventually(refused, 30, "ch3 refused").strip().splitlines()[-1][:300])
    evidence("ch1's log", said(cluster.log_line("ch1", since, "decision=refused", "role=server", "expected_name=ch3", "UNKNOWN-CA")))
    cluster.query(f"INSERT INTO events SELECT {base} + 90000001, 'without ch3'")
    cluster.replicas_agree(base)
    assert cluster.query("SELECT count() FROM events", "ch3") != "", "ch3 answers for itself"

    rotation.issue("ch3")
    rotation.believe("ch3", "$new")
    rotation.believe("client", "$new")
    rotation.finish()
    for host in NODES:
        eventually(lambda host=host: cluster.query(rows, host) == str(done["rows"] + 1), 60, f"all rows through {host}", pause=0.5)
    evidence("rows after ch3 has caught up", done["rows"] + 1)


# Seconds between the rotations, and their number: what continuous integration has time for, and (CHMTLS_DOCKER_ALL) what is promised.
EVERY, COUNT = (25, 24) if os.environ.get("CHMTLS_DOCKER_ALL") else (20, 4)


def test_short_lived_leaves(cluster, evidence, load):
    """As with short-lived SPIFFE certificates: each node's and the client's leaf is good for three of the intervals at which it is
    replaced, under constant load, through more lifetimes than one. No query fails, no row is lost or doubled."""
    base = load_numbers()
    lifetime = f"{3 * EVERY}s"
    running = load(base)
    begin = time.monotonic()
    late = 0.0
    for number in range(COUNT):
        eventually(lambda number=number: time.monotonic() - begin >= number * EVERY, EVERY + 30, "the next rotation", pause=0.1)
        late = max(late, time.monotonic() - begin - number * EVERY)
        for host in NODES:
            renew(cluster, host, "swap", lifetime)
        cluster.setup(f"{WRITERS['swap']}\nhost=client\nbegin client\n{user_leaf('$cluster', lifetime)}\ncommit client")
    taken = time.monotonic() - begin
    for host in NODES:
        renew(cluster, host)
    cluster.setup(f"{WRITERS['whole']}\nhost=client\n{user_leaf('$cluster')}")
    done = running.finish()
    evidence("rotations of three nodes and the client; seconds; lifetime", f"{COUNT}; {taken:.0f}; {lifetime}")
    evidence("inserts, reads, failed", f"{done['inserts']}, {done['reads']}, {len(done['failures'])}")
    check_rows(cluster, evidence, base, done["rows"])
    assert late < EVERY, "the machine is too slow for the intervals: this proves nothing"
    assert done["failures"] == [], done["failures"][:5]
