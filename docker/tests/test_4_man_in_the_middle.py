"""Who stands between two hosts and ends TLS for the other one is given nothing to read."""

import pytest

from lib.evidence import said
from lib.cluster import NODES
from lib.misled import eventually_refused, terminate
from lib.wait import eventually

CLUSTER, COORDINATION = "/authority/cluster", "/authority/coordination"
CH3 = "--cn ch3 --dns ch3 --spiffe-id spiffe://cluster.example/node/ch3"
# ch1 is led to the attacker for all three, so the names must not be what is wrong.
ENSEMBLE = "--dns zk1 --dns zk2 --dns zk3"
OVER = "--valid-from=-2h --lifetime=-1h"

# What the one in the middle shows: the authority, what is asked of it, and the reason of the refusal. All of them name the right host,
# but the last.
TO_A_NODE = {
    "foreign-authority": ("/authority/foreign", CH3, "UNKNOWN-CA"),
    "right-authority-no-node": (CLUSTER, "--cn printer --dns ch3", "NODE-RULE"),
    "expired": (CLUSTER, f"{CH3} {OVER}", "TIME"),
    "revoked": (CLUSTER, CH3, "REVOKED"),
    "another-node": (CLUSTER, "--cn ch2 --dns ch2 --spiffe-id spiffe://cluster.example/node/ch2", "NAME-MISMATCH"),
}
TO_ZOOKEEPER = {
    "foreign-authority": ("/authority/foreign-coordination", f"--cn zk1 {ENSEMBLE}", "UNKNOWN-CA"),
    "right-authority-no-member": (COORDINATION, f"--cn ch2 {ENSEMBLE}", "KEEPER-RULE"),
    "expired": (COORDINATION, f"--cn zk1 {ENSEMBLE} {OVER}", "TIME"),
    "revoked": (COORDINATION, f"--cn zk1 {ENSEMBLE}", "REVOKED"),
}


@pytest.fixture
def stolen(cluster):
    """Puts what the attacker shows where it finds it, and what it shows in the accepted twin; revokes the one to be revoked."""
    for_all = " ".join(NODES)

    def take(role, case, authority, options):
        cluster.setup(f"[ -e {authority} ] || clickhouse-mtls pki init {authority} --name 'Coordination CA' >/dev/null")
        name = f"{role}-{case}"
        cluster.setup(f"clickhouse-mtls pki issue {authority} {name} {options} >/dev/null; pair {authority} {name} attacker {name}")
        if case == "revoked":
            cluster.setup(
                f"clickhouse-mtls pki revoke {authority} {name} >/dev/null\n"
                f"for host in {for_all}; do place $host revoked/list.pem {authority}/crl.pem; done"
            )
        return name

    yield take
    cluster.setup(f"for host in {for_all}; do rm -f /hosts/$host/revoked/list.pem; done")


def in_force(cluster, case, since):
    """The list of what is revoked is a generation of its own."""
    if case == "revoked":
        cluster.log_line("ch1", since, "clickhouse-mtls: generation", "is in force")


def met(cluster, evidence, sql, port, shown, expected_name, *parts):
    """What `sql` is told and ch1 says of the one that shows this in place of `port`, and what that one saw."""
    since = cluster.now()
    with terminate(cluster, port, shown) as middle:
        error = eventually_refused(cluster, sql)
        line = cluster.log_line("ch1", since, "event=peer", "role=server", f"expected_name={expected_name}", *parts)
        seen = middle.finish()
    assert seen["connections"] > 0, "nobody came to the one in the middle: this proves nothing"
    evidence(f"{shown}: ch1's log", said(line))
    evidence(f"{shown}: what the attacker saw", {**seen, "refusals": sorted(set(seen["refusals"]))[:2]})
    return error, seen


@pytest.mark.parametrize("case", TO_A_NODE)
def test_between_nodes(cluster, evidence, misled, stolen, case):
    """ch1 is led to the attacker for ch3's data. It is refused by name of what is wrong, before a query or a row is sent; nothing is
    lost, and when the attacker is gone ch1 talks to ch3 again. With ch3's own key, the attacker's handshake is accepted and it reads."""
    authority, options, reason = TO_A_NODE[case]
    row = 6_600_001 + 2 * list(TO_A_NODE).index(case)  # odd: ch3's shard
    through = "SELECT count() FROM all_events"
    insert = f"INSERT INTO all_events VALUES ({row}, 'into the middle')"
    expected = int(cluster.query(through))
    since = cluster.now()
    shown = stolen("ch3", case, authority, options)
    in_force(cluster, case, since)
    accepted = stolen("ch3", f"itself-{case}", CLUSTER, CH3)

    misled("ch1", "ch3")
    error, seen = met(cluster, evidence, insert, 9440, shown, "ch3", "decision=refused", f"reason={reason}")
    assert seen["bytes"] == 0, seen
    evidence("the client's error", " ".join(error.split())[:400])
    _, read = met(cluster, evidence, through, 9440, accepted, "ch3", "decision=accepted")
    assert read["bytes"] > 0, read

    misled.heal()
    assert eventually(lambda: int(cluster.query(through)) == expected, 30, "the distributed table as it was")
    cluster.query(insert)
    assert cluster.query(f"SELECT count() FROM all_events WHERE id = {row}") == "1"
    evidence("rows before, after the attack, after the same insert again", f"{expected}, {expected}, {expected + 1}")


@pytest.mark.parametrize("case", TO_ZOOKEEPER)
def test_towards_zookeeper(cluster, evidence, misled, stolen, case):
    """ch1 is led to the attacker for all of ZooKeeper. It is refused by name of what is wrong, before a byte of ZooKeeper's protocol is
    sent; an insert is refused and nothing is lost, and when the attacker is gone ch1 coordinates again by itself. With a member's own key,
    the attacker's handshake is accepted and it reads."""
    authority, options, reason = TO_ZOOKEEPER[case]
    row = 6_700_001 + list(TO_ZOOKEEPER).index(case)
    ask = "SELECT count() FROM system.zookeeper WHERE path = '/clickhouse'"
    insert = f"INSERT INTO events VALUES ({row}, 'without ZooKeeper')"
    expected = int(cluster.query("SELECT count() FROM events"))
    since = cluster.now()
    shown = stolen("zk", case, authority, options)
    in_force(cluster, case, since)
    accepted = stolen("zk", f"itself-{case}", COORDINATION, f"--cn zk1 {ENSEMBLE}")

    misled("ch1", "zk1", "zk2", "zk3")
    error, seen = met(cluster, evidence, insert, 2281, shown, "zk", "decision=refused", f"reason={reason}")
    assert seen["bytes"] == 0, seen
    evidence("the client's error", " ".join(error.split())[:400])
    _, read = met(cluster, evidence, ask, 2281, accepted, "zk", "decision=accepted")
    assert read["bytes"] > 0, read

    misled.heal()
    eventually(lambda: int(cluster.query(ask)) > 0, 60, "ZooKeeper again", pause=0.3)
    cluster.writable()
    assert int(cluster.query("SELECT count() FROM events")) == expected
    cluster.query(insert)
    cluster.replicas_agree()
    assert cluster.query(f"SELECT count() FROM events WHERE id = {row}", "ch2") == "1"
    evidence("rows before, after the attack, after the same insert again", f"{expected}, {expected}, {expected + 1}")
