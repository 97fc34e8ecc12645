"""Who stands between two hosts and ends TLS for the other one is given nothing to read."""

from pathlib import Path

import pytest

from lib.evidence import said
from lib.wait import eventually

# What the one in the middle shows. The first is of another authority and names the right host; the second is of the right one and
# names the right host too, and is no node's.
SHOWN = {"foreign-authority": "foreign", "right-authority-no-node": "printer"}


@pytest.fixture
def misled(cluster):
    """Makes ch1 believe that another host has the attacker's address; heal() undoes it."""
    hosts = Path(cluster.inspect("ch1", "{{.HostsPath}}"))
    before = hosts.read_text(encoding="ascii")

    def put(text):
        # In place: what the container has mounted is this file, not its name.
        hosts.write_text(text, encoding="ascii")
        cluster.query("SYSTEM DROP DNS CACHE")

    class Misled:
        def __call__(self, name):
            put(f"{before}{cluster.address('attacker')}\t{name}\n")

        def heal(self):
            put(before)

    yield Misled()
    put(before)


@pytest.mark.parametrize("pair", SHOWN.values(), ids=SHOWN)
def test_between_nodes(cluster, evidence, misled, pair):
    """ch1 is led to the attacker for ch3's data. It is refused by name of what is wrong, before a query or a row is sent, nothing is
    lost, and when the attacker is gone ch1 talks to ch3 again."""
    through = "SELECT count() FROM all_events"
    expected = cluster.query(through)
    with cluster.begin(
        "attacker", "python3", "/tools/middle.py", "terminate", "--listen", "9440", "--certificate", f"/pki/{pair}.pem",
        "--key", f"/pki/{pair}.key",
    ) as middle:  # fmt: skip
        misled("ch3")
        since = cluster.now()
        refused = eventually_refused(cluster, through)
        line = cluster.log_line("ch1", since, "decision=refused", "role=server", "expected_name=ch3")
        insert = cluster.client("INSERT INTO all_events VALUES (6661, 'into the middle')", check=False)
        assert insert.returncode != 0
        seen = middle.finish()
    assert seen["connections"] > 0, "nobody came to the one in the middle: this proves nothing"
    assert seen["bytes"] == 0, seen
    evidence("the client's error", refused.strip().splitlines()[-1][:400])
    evidence("ch1's log", said(line))
    evidence("what the attacker saw", seen)
    misled.heal()
    assert eventually(lambda: cluster.query(through) == expected, 30, "the distributed table again")
    assert cluster.query("SELECT count() FROM all_events WHERE id = 6661") == "0"


def eventually_refused(cluster, sql):
    """A connection from before may still be in the pool; SYSTEM DROP DNS CACHE ends only what new ones do."""

    def refused():
        done = cluster.client(sql, check=False)
        return done.stderr if done.returncode != 0 else None

    return eventually(refused, 60, f"a refusal of {sql}", pause=0.3)
