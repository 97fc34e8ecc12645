"""The DNS server of a node is slow, gone, or lies. Certificates decide who is believed, and known addresses stay known."""

from pathlib import Path

import pytest

from lib.cluster import HOSTS
from lib.evidence import said
from lib.load import check_rows, load_numbers
from lib.wait import eventually


class NameServer:
    """tools/names.py on the attacker's host as the one DNS server of ch3, of its module as well as of its libc."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.address = cluster.address("attacker")
        self.truth = {host: cluster.address(host) for host in HOSTS if host != "setup"}
        self.file = Path(cluster.inspect("ch3", "{{.ResolvConfPath}}"))
        self.before = self.file.read_text(encoding="ascii")
        self.tool = None

    def start(self, delay=0.0, **lies):
        told = [f"{name}={address}" for name, address in {**self.truth, **lies}.items()]
        self.tool = self.cluster.begin("attacker", "python3", "/tools/names.py", "--delay", str(delay), *told)
        # In place: what the container has mounted is this file, not its name.
        self.file.write_text(f"nameserver {self.address}\noptions timeout:3 attempts:1 ndots:0\n", encoding="ascii")

    def stop(self):
        asked = self.tool.finish()
        self.tool = None
        return asked

    def heal(self):
        self.file.write_text(self.before, encoding="ascii")
        if self.tool is not None:
            self.tool.__exit__()
        self.flush()
        eventually(lambda: unresolved(self.cluster) > 0, 30, "a resolver that is gone", pause=0.2)

    def flush(self):
        self.cluster.run("ch3", "clickhouse-mtls", "dns", "flush")


@pytest.fixture(scope="module")
def watching(cluster):
    """All nodes' modules ask the attacker's host, too."""
    server = f"<dns><servers><server>{cluster.address('attacker')}</server></servers><negative_ttl>1</negative_ttl>"
    with cluster.configured(lambda text: text.replace("<dns>", server, 1)):
        yield


@pytest.fixture
def names(cluster, watching):
    server = NameServer(cluster)
    yield server
    server.heal()
    eventually(lambda: cluster.query("SELECT count() > 0 FROM all_events", "ch3") == "1", 30, "ch3 with its own resolver")


def unresolved(cluster):
    return cluster.status("ch3")["dns"]["unresolved"]


def flushes(cluster):
    return cluster.status("ch3")["dns"]["flushes"]


def test_slow(cluster, evidence, load, names):
    """Each lookup takes two seconds, and ch3 forgets its addresses again and again: no query fails."""
    base = load_numbers()
    names.start(delay=2.0)
    running = load(base)
    for _ in range(3):
        done = flushes(cluster)
        names.flush()
        eventually(lambda done=done: flushes(cluster) > done, 30, "a flush", pause=0.2)
    done = running.finish()
    asked = names.stop()
    assert asked.get("ch1", 0) > 0 and asked.get("ch2", 0) > 0, asked
    evidence("lookups that took two seconds", sum(asked.values()))
    evidence("inserts, reads, failed", f"{done['inserts']}, {done['reads']}, {len(done['failures'])}")
    check_rows(cluster, evidence, base, done["rows"])
    assert done["failures"] == [], done["failures"][:5]


def test_gone(cluster, evidence, load, names):
    """Nobody answers any more, and ch3 is told to forget its addresses meanwhile: it says so, keeps the ones that it knew, and no
    query fails."""
    base = load_numbers()
    names.start()
    eventually(lambda: unresolved(cluster) == 0, 30, "names that resolve", pause=0.2)
    since = cluster.now()
    running = load(base)
    names.stop()
    evidence("ch3's module", said(cluster.log_line("ch3", since, "event=dns", "host=ch2", "decision=unresolved")))
    since = cluster.now()
    names.flush()
    evidence("ch3's server", said(cluster.log_line("ch3", since, "ch2 does not resolve and keeps its former address")))
    rows = f"SELECT count() FROM all_events WHERE id >= {base} AND id < {base} + 100000000"
    before = int(cluster.query(rows, "ch3"))
    eventually(lambda: int(cluster.query(rows, "ch3")) > before + 100, 60, "rows without a resolver", pause=0.5)
    done = running.finish()
    evidence("inserts, reads, failed", f"{done['inserts']}, {done['reads']}, {len(done['failures'])}")
    check_rows(cluster, evidence, base, done["rows"])
    assert done["failures"] == [], done["failures"][:5]


def test_lying(cluster, evidence, load, names):
    """ch2 is said to be at the attacker's address, where somebody shows a certificate of the right authority that names ch2: ch3
    follows the name, refuses who answers before a byte of a query is sent, and goes on with the other replica. With the truth again,
    it is at ch2 again. A move, true or not, ends the connections to the former address: what ch3 had on its way there is repeated, and
    nothing else fails, is lost or doubled."""
    base = load_numbers()
    names.start()
    eventually(lambda: unresolved(cluster) == 0, 30, "names that resolve", pause=0.2)
    running = load(base)
    with cluster.begin(
        "attacker", "python3", "/tools/middle.py", "terminate", "--listen", "9440", "--certificate", "/pki/printer.pem",
        "--key", "/pki/printer.key",
    ) as middle:  # fmt: skip
        since = cluster.now()
        names.stop()
        names.start(ch2=names.address)
        evidence("ch3's module", said(cluster.log_line("ch3", since, "event=dns", "host=ch2", "decision=moved")))
        refused = cluster.log_line("ch3", since, "decision=refused", "role=server", "expected_name=ch2")
        evidence("ch3 on who answers there", said(refused))
        since = cluster.now()
        names.stop()
        names.start()
        accepted = ("decision=accepted", "role=server", f"remote={names.truth['ch2']}:9440", "expected_name=ch2")
        evidence("ch3 with the truth again", said(cluster.log_line("ch3", since, *accepted)))
        seen = middle.finish()
    done = running.finish()
    assert seen["connections"] > 0, "nobody came to the attacker: this proves nothing"
    assert seen["bytes"] == 0, seen
    evidence("what the attacker saw", {**seen, "refusals": len(seen["refusals"])})
    evidence("inserts, reads, repeated", f"{done['inserts']}, {done['reads']}, {len(done['failures'])}")
    check_rows(cluster, evidence, base, done["rows"])
    assert done["given_up"] == []
    assert {failure["host"] for failure in done["failures"]} <= {"ch3"}, done["failures"][:5]
