"""A compromised host with a valid certificate of the cluster's own authority gets nowhere that a node may go."""

import json

import pytest

from lib.evidence import said

FETCH = "/?endpoint=DataPartsExchange%3A%2Fclickhouse%2Ftables%2F1%2Fevents%2Freplicas%2Fch1&part=all_0_0_0&compress=false"
NODES_PORT = 9010


@pytest.fixture(scope="module", autouse=True)
def some_rows(cluster):
    cluster.query("INSERT INTO events SELECT 7000000000 + number, 'injection' FROM numbers(10)", "ch1")


@pytest.mark.parametrize("pair", ["alice", "printer", "foreign", None], ids=["user", "no-rule", "foreign-authority", "without"])
def test_interserver_port(cluster, evidence, pair):
    """A part of a replica is asked for: the handshake ends, and nothing of HTTP is answered. A node's own request is answered by HTTP."""
    fetched = cluster.run(
        "ch2", "curl", "--silent", "--show-error", "--max-time", "15", "--cacert", "/pki/ca.pem", "--cert", "/pki/node.pem",
        "--key", "/pki/node.key", "--output", "/dev/null", "--write-out", "%{http_code}", f"https://ch1:{NODES_PORT}{FETCH}",
        check=False,
    )  # fmt: skip
    assert fetched.returncode == 0, fetched.stderr
    assert int(fetched.stdout) >= 200
    evidence("the same request by node ch2", f"HTTP {fetched.stdout}")

    since = cluster.now()
    refused = cluster.https("attacker", "ch1", None, pair=pair, user=None, port=NODES_PORT, path=FETCH)
    assert refused.returncode != 0, refused.stdout
    assert refused.stdout.strip() == "000", refused.stdout
    reason = {"foreign": "UNKNOWN-CA", None: "peer did not return a certificate"}.get(pair, "NODE-RULE")
    line = cluster.log_line("ch1", since, reason)
    evidence("curl", refused.stderr.strip())
    evidence("ch1's log", said(line))


def test_a_user_is_no_node(cluster, evidence):
    """A user's certificate that asks for the user whom nodes act as is refused; the user's own name is granted. Natively "default" is
    what clients say that name nobody: it makes the user that the certificate is."""
    for user, code in (("alice", "200"), ("default", "401")):
        since = cluster.now()
        assert cluster.https("attacker", "ch1", "SELECT 1", user=user).stdout.endswith(code)
    evidence("alice as default", said(cluster.log_line("ch1", since, "reason=OTHER-USER", "asked=default")))
    who = cluster.query("SELECT user FROM system.processes", source="attacker", user="default")
    assert who == "alice"
    evidence("alice as default over the native protocol", f"is {who}")


def test_a_node_is_no_user(cluster, evidence):
    """A node's certificate, stolen or not, opens no user's account; the user whom nodes act as is granted."""
    for user, good in (("default", True), ("alice", False)):
        since = cluster.now()
        done = cluster.run(
            "ch2", "curl", "--silent", "--max-time", "15", "--cacert", "/pki/ca.pem", "--cert", "/pki/node.pem", "--key", "/pki/node.key",
            "--header", f"X-ClickHouse-User: {user}", "--header", "X-ClickHouse-SSL-Certificate-Auth: on", "--write-out", "\n%{http_code}",
            "--data-binary", "SELECT 'in'", "https://ch1:8443/", check=False,
        )  # fmt: skip
        assert done.stdout.endswith("200") == good, done.stdout
        if not good:
            line = cluster.log_line("ch1", since, "NODE-USER", "alice")
            evidence("ch2's certificate as alice", said(line))


def test_distributed_insert(cluster, evidence):
    """An insert into a shard's table as a node would send it, over HTTPS as the user whom nodes act as: refused for each of the
    attacker's certificates, no row arrives. By a node's own distributed insert rows arrive."""
    before = int(cluster.query("SELECT count() FROM all_events"))
    for pair, user in (("printer", "default"), ("foreign", "default"), ("alice", "default")):
        since = cluster.now()
        done = cluster.https("attacker", "ch1", "INSERT INTO events VALUES (6666, 'injected')", pair=pair, user=user)
        assert not done.stdout.endswith("200"), done.stdout
        evidence(f"{pair}'s certificate as default", said(cluster.log_line("ch1", since, "decision=refused")))
    assert int(cluster.query("SELECT count() FROM all_events")) == before
    cluster.query("INSERT INTO all_events SELECT 7100000000 + number, 'by a node' FROM numbers(10)", "ch3")
    assert int(cluster.query("SELECT count() FROM all_events")) == before + 10
    evidence("rows before, after the attempts, after a node's insert", f"{before}, {before}, {before + 10}")


@pytest.mark.parametrize("pair", ["alice", "printer", "foreign"])
def test_zookeeper(cluster, evidence, pair):
    """ZooKeeper ends the handshake of a user's certificate as of any other that is not of the coordination authority; with what a node
    shows it answers."""
    ask = (
        "{ printf srvr; sleep 1; } | timeout 15 openssl s_client -quiet -connect zk1:2281 -cert %s.pem -key %s.key "
        "-CAfile %s -verify_return_error 2>&1"
    )
    answered = cluster.run("ch1", "sh", "-c", ask % ("/pki/keeper", "/pki/keeper", "/pki/servers-ca.pem"), check=False)
    assert "Zookeeper version" in answered.stdout, answered.stdout
    evidence("the same by node ch1", answered.stdout.splitlines()[-1])
    refused = cluster.run("attacker", "sh", "-c", ask % (f"/pki/{pair}", f"/pki/{pair}", "/pki/coordination-ca.pem"), check=False)
    assert "Zookeeper version" not in refused.stdout
    assert "alert certificate unknown" in refused.stdout, refused.stdout
    evidence(f"{pair}'s certificate", json.dumps(next(line for line in refused.stdout.splitlines() if "alert" in line))[1:-1])
