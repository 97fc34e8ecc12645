"""Recorded bytes of TLS are worth nothing."""

import json

from lib.evidence import said
from lib.misled import middle
from lib.wait import eventually


def test_an_insert_sent_again(cluster, evidence):
    """A client's insert over HTTPS passes a host that keeps every byte of it, and arrives. The same bytes sent again: no row, no
    answer of the server's but its half of a handshake."""
    before = int(cluster.query("SELECT count() FROM events WHERE id = 8000001"))
    assert before == 0
    with middle(cluster, "record", 8443, "--host", "ch1", "--port", "8443") as recorder:
        inserted = cluster.run(
            "client", "curl", "--silent", "--show-error", "--cacert", "/pki/ca.pem", "--cert", "/pki/alice.pem", "--key", "/pki/alice.key",
            "--header", "X-ClickHouse-User: alice", "--header", "X-ClickHouse-SSL-Certificate-Auth: on",
            "--connect-to", "ch1:8443:attacker:8443", "--data-binary", "INSERT INTO events VALUES (8000001, 'once')", "https://ch1:8443/",
        )  # fmt: skip
        assert inserted.returncode == 0
        recorded = recorder.finish()
    assert recorded["bytes"] > 0
    assert cluster.query("SELECT count() FROM events WHERE id = 8000001") == "1"

    replayed, line = replay(cluster, 8443)
    assert replayed["bytes"] == recorded["bytes"]
    assert cluster.query("SELECT count() FROM events WHERE id = 8000001") == "1"
    evidence("recorded and sent again", f"{recorded['bytes']} bytes")
    evidence("rows before, after the insert, after the replay", "0, 1, 1")
    evidence("ch1's log", said(line))


def test_a_part_fetch_sent_again(cluster, evidence, misled):
    """ch2 fetches a part from ch1 past a host that keeps every byte that it sends: the part arrives, as TLS. The same bytes sent again: no
    request is served, and of a part of 400 KB nothing but the server's half of a handshake comes back."""
    size = 400_000
    cluster.query(
        "CREATE TABLE fetched ON CLUSTER cluster (id UInt64, text String) "
        "ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/fetched', '{replica}') ORDER BY id"
    )
    served = ("InterserverIOHTTPHandler", "Done processing query")
    with middle(cluster, "record", 9010, "--host", "ch1", "--port", "9010") as recorder:
        misled("ch2", "ch1")
        since = cluster.now()
        # Random numbers, which do not get smaller by compression.
        cluster.query(f"INSERT INTO fetched SELECT number, toString(rand64(number)) FROM numbers({size // 8})", "ch1")
        eventually(lambda: cluster.query("SELECT count() FROM fetched", "ch2") == str(size // 8), 60, "the part on ch2", pause=0.3)
        evidence("ch1's log of the fetch", said(cluster.log_line("ch1", since, *served)))
        recorded = recorder.finish()
    misled.heal()
    assert recorded["connections"] > 0 and recorded["answered"] > size, recorded

    since = cluster.now()
    replayed, line = replay(cluster, 9010)
    assert replayed["bytes"] == recorded["bytes"]
    assert replayed["answered"] < 20_000, replayed
    assert not [each for each in cluster.log("ch1", since).splitlines() if all(part in each for part in served)]
    evidence("recorded and sent again", f"{recorded['bytes']} bytes")
    evidence("bytes answered to ch2, to the replay", f"{recorded['answered']}, {replayed['answered']}")
    evidence("ch1's log of the replay", said(line))

    # The way that is not misled, for the same table.
    cluster.query("INSERT INTO fetched SELECT 1000000, 'directly'", "ch1")
    eventually(lambda: cluster.query("SELECT count() FROM fetched", "ch2") == str(size // 8 + 1), 60, "the next part on ch2", pause=0.3)
    cluster.query("DROP TABLE fetched ON CLUSTER cluster")


def replay(cluster, port):
    """What came of sending ch1 the recorded bytes again, and what ch1 says of it."""
    since = cluster.now()
    done = cluster.run("attacker", "python3", "/tools/middle.py", "replay", "--host", "ch1", "--port", str(port))
    return json.loads(done.stdout), cluster.log_line("ch1", since, "SSL Exception")
