"""A compromised host with a valid certificate of the cluster's own authority gets nowhere that a node may go."""

import json

import pytest

from lib.evidence import said

FETCH = "/?endpoint=DataPartsExchange%3A%2Fclickhouse%2Ftables%2F1%2Fevents%2Freplicas%2Fch1&compress=false&part="
NODES_PORT = 9010
# What the attacker shows, and what the interserver port says of it. The last two are no valid certificates of the cluster's.
SHOWN = {
    "user": ("alice", "NODE-RULE"),
    "no-rule": ("printer", "NODE-RULE"),
    "foreign-authority": ("foreign", "UNKNOWN-CA"),
    "without": (None, "peer did not return a certificate"),
}


@pytest.fixture(scope="module", autouse=True)
def some_rows(cluster):
    cluster.query("INSERT INTO events SELECT 7000000000 + number, 'injection' FROM numbers(10)", "ch1")


@pytest.mark.parametrize("pair, reason", SHOWN.values(), ids=SHOWN)
def test_interserver_port(cluster, evidence, pair, reason):
    """The port is asked for its root: the handshake ends, and nothing of HTTP is answered. A node's own request is answered by HTTP."""
    asked = cluster.https("ch2", "ch1", None, pair="node", user=None, port=NODES_PORT)
    assert asked.returncode == 0, asked.stderr
    code = asked.stdout[-3:]
    assert code != "000", asked.stdout
    evidence("the same request by node ch2", f"HTTP {code}")
    refused_on_the_interserver_port(cluster, evidence, pair, "/", reason)


@pytest.mark.parametrize("pair, reason", SHOWN.values(), ids=SHOWN)
def test_part_fetch(cluster, evidence, pair, reason):
    """A part that is there is asked for by its name, as a replica would: no byte of it is answered. A node's own request is answered with
    the part."""
    part = cluster.query("SELECT name FROM system.parts WHERE table = 'events' AND active ORDER BY modification_time DESC LIMIT 1")
    fetched = cluster.run(
        "ch2", "curl", "--silent", "--show-error", "--max-time", "15", "--cacert", "/pki/ca.pem", "--cert", "/pki/node.pem",
        "--key", "/pki/node.key", "--output", "/dev/null", "--write-out", "%{http_code} %{size_download}",
        f"https://ch1:{NODES_PORT}{FETCH}{part}",
    ).stdout  # fmt: skip
    code, size = fetched.split()
    assert code == "200" and int(size) > 100, fetched
    evidence(f"part {part} fetched by node ch2", f"HTTP {code}, {size} bytes")
    refused_on_the_interserver_port(cluster, evidence, pair, FETCH + part, reason)


def refused_on_the_interserver_port(cluster, evidence, pair, path, reason):
    since = cluster.now()
    refused = cluster.https("attacker", "ch1", None, pair=pair, user=None, port=NODES_PORT, path=path)
    assert refused.returncode != 0, refused.stdout
    assert refused.stdout.strip() == "000", refused.stdout
    evidence("the attacker's curl", refused.stderr.strip())
    evidence("ch1's log", said(cluster.log_line("ch1", since, reason)))


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
    """A node's certificate, stolen or not, opens no user's account over HTTPS, nor that of the user by whose name nodes log in."""
    for user in ("default", "alice"):
        since = cluster.now()
        done = cluster.run(
            "ch2", "curl", "--silent", "--max-time", "15", "--cacert", "/pki/ca.pem", "--cert", "/pki/node.pem", "--key", "/pki/node.key",
            "--header", f"X-ClickHouse-User: {user}", "--header", "X-ClickHouse-SSL-Certificate-Auth: on", "--write-out", "\n%{http_code}",
            "--data-binary", "SELECT 'in'", "https://ch1:8443/", check=False,
        )  # fmt: skip
        assert done.stdout.endswith("401"), done.stdout
        evidence(f"ch2's certificate as {user}", said(cluster.log_line("ch1", since, "NODE-USER", "never over HTTP")))
    evidence("what ch1 asks the others for alice", cluster.query("SELECT count() FROM all_ones"))


def test_distributed_insert(cluster, evidence):
    """An insert into a shard's table as a node would send it, as the user whom nodes act as: refused for each of the attacker's
    certificates, over the native protocol and over HTTPS, and no row arrives. A user's own, and a user's distributed insert, which a
    node sends, arrive."""
    count = "SELECT count() FROM all_events"
    before = int(cluster.query(count))
    insert = "INSERT INTO events VALUES (%d, 'injected')"
    for pair in ("alice", "printer", "foreign"):
        since = cluster.now()
        done = cluster.https("attacker", "ch1", insert % 6666, pair=pair, user="default")
        assert not done.stdout.endswith("200"), done.stdout
        evidence(f"{pair}'s certificate as default, HTTPS", said(cluster.log_line("ch1", since, "decision=refused")))
    # Natively "default" makes alice alice, see test_a_user_is_no_node; what alice may insert is no matter of certificates.
    for pair, reason in (("printer", "no rule matches this certificate"), ("foreign", "reason=UNKNOWN-CA")):
        since = cluster.now()
        done = cluster.client(insert % 6667, source="attacker", pair=pair, user="default", check=False)
        assert done.returncode != 0, done.stdout
        evidence(f"{pair}'s certificate as default, native", said(cluster.log_line("ch1", since, reason)))
    after = int(cluster.query(count))
    assert after == before
    assert cluster.https("attacker", "ch1", insert % 7_100_000_000).stdout.endswith("200")
    assert int(cluster.query(count)) == before + 1
    cluster.query("INSERT INTO all_events SELECT 7100000001 + number, 'by a node' FROM numbers(10)", "ch3")
    assert int(cluster.query(count)) == before + 11
    evidence("rows before, and after the attempts", f"{before}, {after}")
    evidence("rows after alice's own, and after her distributed insert at ch3", f"{before + 1}, {before + 11}")


@pytest.mark.parametrize("pair", ["alice", "printer", "foreign"])
def test_zookeeper(cluster, evidence, pair):
    """ZooKeeper ends the handshake of a user's certificate as of any other that is not of the coordination authority, and says so in its
    log; with what a node shows it answers."""
    ask = (
        "{ printf srvr; sleep 1; } | timeout 15 openssl s_client -quiet -connect zk1:2281 -cert %s.pem -key %s.key "
        "-CAfile %s -verify_return_error 2>&1"
    )
    answered = cluster.run("ch1", "sh", "-c", ask % ("/pki/keeper", "/pki/keeper", "/pki/servers-ca.pem"), check=False)
    assert "Zookeeper version" in answered.stdout, answered.stdout
    evidence("the same by node ch1", answered.stdout.splitlines()[-1])
    since = cluster.now()
    refused = cluster.run("attacker", "sh", "-c", ask % (f"/pki/{pair}", f"/pki/{pair}", "/pki/coordination-ca.pem"), check=False)
    assert "Zookeeper version" not in refused.stdout
    assert "alert certificate unknown" in refused.stdout, refused.stdout
    evidence(f"{pair}'s certificate", json.dumps(next(line for line in refused.stdout.splitlines() if "alert" in line))[1:-1])
    evidence("zk1's log", cluster.log_line("zk1", since, "Unsuccessful handshake")[:400])
