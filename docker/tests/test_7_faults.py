"""What breaks heals, and takes no row with it."""

import pytest

from lib.cluster import MEMBERS, NODES, command
from lib.evidence import said
from lib.wait import eventually
from test_6_rotation import NEW_LEAF, Rotation, check_rows


@pytest.fixture
def load(cluster):
    """Starts the load with numbers of its own, which no test uses twice."""
    running = []

    def begin(base, hosts=NODES):
        running.append(cluster.begin("client", "python3", "/tools/load.py", "--base", str(base), *hosts))
        return running[-1]

    yield begin
    for each in running:
        each.__exit__()


def check_none_lost(cluster, evidence, base, done):
    """Each acknowledged row is there. Of an insert during which the connection to ZooKeeper broke, ClickHouse does not know whether it
    was done (error 319, "client must retry"), and keeps its rows for some minutes besides those of the retry: as many may be double."""
    where = f"FROM all_events WHERE id >= {base} AND id < {base} + 100000000"
    unknown = sum("Code: 319" in failure["error"] or "Unknown status" in failure["error"] for failure in done["failures"])

    def all_there():
        return cluster.query(f"SELECT uniqExact(id) {where}") == str(done["rows"])

    eventually(all_there, 60, f"{done['rows']} rows", pause=0.5)
    double = int(cluster.query(f"SELECT count() - uniqExact(id) {where}"))
    evidence("rows acknowledged and found", done["rows"])
    evidence("inserts of unknown outcome, rows that are double for now", f"{unknown}, {double}")


def test_killed_in_the_middle_of_a_rotation(cluster, evidence, load):
    """ch2 is killed while its new certificate is being written, and started again: it comes back with the new one, its replica
    catches up, no acknowledged row is lost or doubled."""
    running = load(500_000_000)
    rotation = Rotation(cluster, "/authority/cluster", "/authority/second")
    rotation.script("ch2", NEW_LEAF)
    command("docker", "kill", cluster.id("ch2"))
    rotation.script("ch2", NEW_LEAF)
    command("docker", "start", cluster.id("ch2"))
    cluster.healthy("ch2")
    cluster.writable()
    done = running.finish()
    assert done["given_up"] == []
    evidence("queries that failed and were retried", len(done["failures"]))
    check_rows(cluster, evidence, 500_000_000, done["rows"])


def test_partition_and_heal(cluster, evidence, load):
    """ch2 is cut off from everybody while the others go on; when it is back, its replica catches up, and no row is lost."""
    process = cluster.inspect("ch2", "{{.State.Pid}}")
    running = load(600_000_000, ("ch1", "ch3"))
    command("nsenter", "--target", process, "--net", "ip", "link", "set", "eth0", "down")
    ours = "SELECT count() FROM events WHERE id >= 600000000 AND id < 700000000"
    eventually(lambda: int(cluster.query(ours)) > 50, 90, "rows without ch2", pause=0.5)
    command("nsenter", "--target", process, "--net", "ip", "link", "set", "eth0", "up")
    cluster.writable(within=120)
    newest = cluster.query("SELECT max(id) FROM events")
    there = f"SELECT count() FROM events WHERE id = {newest}"
    eventually(lambda: cluster.query(there, "ch2") == "1", 120, "new rows on ch2", pause=0.5)
    done = running.finish()
    assert done["given_up"] == []
    evidence("queries that failed and were retried", len(done["failures"]))
    check_none_lost(cluster, evidence, 600_000_000, done)


def test_zookeeper_member_and_quorum_lost(cluster, evidence, load):
    """With one member of three stopped, inserts go on under load. With two stopped, inserts are refused and reads are answered; when
    they are back, inserts go on by themselves."""
    running = load(700_000_000)
    command("docker", "stop", "--time", "5", cluster.id("zk3"))
    cluster.writable(within=60)
    cluster.query("INSERT INTO events VALUES (8100001, 'one member lost')")
    done = running.finish()
    assert done["given_up"] == []
    evidence("queries that failed and were retried with one member lost", len(done["failures"]))
    check_none_lost(cluster, evidence, 700_000_000, done)

    # Without load: of an insert that the loss of the quorum interrupts ClickHouse does not know whether it was done, and keeps its rows.
    command("docker", "stop", "--time", "5", cluster.id("zk2"))

    def refused():
        done = cluster.client("INSERT INTO events SELECT 8100002, 'no quorum'", check=False, within=60)
        return done.stderr if done.returncode != 0 else None

    error = eventually(refused, 60, "an insert that is refused without a quorum", pause=0.5)
    assert int(cluster.query("SELECT count() FROM all_events")) > 0
    evidence("an insert without a quorum", error.strip().splitlines()[-1][:300])
    for member in MEMBERS[1:]:
        command("docker", "start", cluster.id(member))
    for member in MEMBERS[1:]:
        cluster.healthy(member)
    cluster.writable(within=120)
    cluster.query("INSERT INTO events SELECT 8100003, 'quorum is back'")
    assert cluster.query("SELECT count() FROM all_events WHERE id IN (8100001, 8100003)") == "2"


BROKEN = {
    "empty": "printf '' >$file",
    "text": "printf 'this is no certificate' >$file",
    "half": "head -c 300 /hosts/ch1/node.pem >$file",
    "huge": "head -c 80000000 /dev/zero | tr '\\0' A >$file",
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("name", ["node.pem", "node.key", "ca.pem", "keeper.pem"])
def test_broken_files(cluster, evidence, kind, name):
    """A file that cannot be read as what it is changes nothing: one clear error, logins and distributed reads go on; the right file
    is in force again without a restart."""
    since = cluster.now()
    cluster.setup(f"cp /hosts/ch1/{name} /authority/good; file=/authority/broken; {BROKEN[kind]}; place ch1 {name} $file")
    try:
        line = cluster.log_line("ch1", since, "clickhouse-mtls", f"/pki/{name}", within=20)
        evidence("ch1's log", said(line))
        assert int(cluster.query("SELECT count() FROM all_events")) > 0
        assert int(cluster.query("SELECT count() FROM all_events", "ch3")) > 0
    finally:
        cluster.setup(f"place ch1 {name} /authority/good; rm -f /authority/good /authority/broken")
    assert cluster.query("SELECT 1") == "1"
