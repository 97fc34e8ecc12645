"""Recorded bytes of TLS are worth nothing."""

import json

from lib.evidence import said


def test_an_insert_sent_again(cluster, evidence):
    """A client's insert over HTTPS passes a host that keeps every byte of it, and arrives. The same bytes sent again: no row, no
    answer of the server's but its half of a handshake."""
    before = int(cluster.query("SELECT count() FROM events WHERE id = 8000001"))
    assert before == 0
    with cluster.begin(
        "attacker", "python3", "/tools/middle.py", "record", "--listen", "8443", "--host", "ch1", "--port", "8443"
    ) as middle:  # fmt: skip
        inserted = cluster.run(
            "client", "curl", "--silent", "--show-error", "--cacert", "/pki/ca.pem", "--cert", "/pki/alice.pem", "--key", "/pki/alice.key",
            "--header", "X-ClickHouse-User: alice", "--header", "X-ClickHouse-SSL-Certificate-Auth: on",
            "--connect-to", "ch1:8443:attacker:8443", "--data-binary", "INSERT INTO events VALUES (8000001, 'once')", "https://ch1:8443/",
        )  # fmt: skip
        assert inserted.returncode == 0
        recorded = middle.finish()
    assert recorded["bytes"] > 0
    assert cluster.query("SELECT count() FROM events WHERE id = 8000001") == "1"

    since = cluster.now()
    replayed = json.loads(
        cluster.run("attacker", "python3", "/tools/middle.py", "replay", "--host", "ch1", "--port", "8443").stdout
    )
    assert replayed["sent"] == recorded["bytes"]
    line = cluster.log_line("ch1", since, "SSL Exception")
    assert cluster.query("SELECT count() FROM events WHERE id = 8000001") == "1"
    evidence("recorded and sent again", f"{recorded['bytes']} bytes")
    evidence("rows before, after the insert, after the replay", "0, 1, 1")
    evidence("ch1's log", said(line))
