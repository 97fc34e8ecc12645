"""What breaks heals, and takes no row with it."""

from lib.cluster import MEMBERS, command
from lib.load import check_none_lost, check_rows, load_numbers
from lib.rotation import WRITERS, leaf_in_force, node_leaf
from lib.wait import eventually


def test_killed_in_the_middle_of_a_rotation(cluster, evidence, load):
    """ch2 is killed while its new certificate is being written, and started again: it comes back with the new one, its replica
    catches up, no acknowledged row is lost or doubled."""
    base = load_numbers()
    running = load(base)
    key_first, certificate = node_leaf("$cluster").split("put $host node.pem")
    cluster.setup(f"{WRITERS['one by one']}\nhost=ch2\n{key_first}")
    command("docker", "kill", cluster.id("ch2"))
    cluster.setup(f"{WRITERS['one by one']}\nhost=ch2\nput $host node.pem{certificate}")
    command("docker", "start", cluster.id("ch2"))
    cluster.healthy("ch2")
    cluster.writable()
    done = running.finish()
    assert done["given_up"] == []
    evidence("queries that failed and were retried", len(done["failures"]))
    check_rows(cluster, evidence, base, done["rows"])
    leaf_in_force(cluster, "ch2", "server", "node.pem")


def test_partition_and_heal(cluster, evidence, load):
    """ch2 is cut off from everybody while the others go on; when it is back, its replica catches up, and no row is lost."""
    process = cluster.inspect("ch2", "{{.State.Pid}}")
    base = load_numbers()
    running = load(base, ("ch1", "ch3"))
    command("nsenter", "--target", process, "--net", "ip", "link", "set", "eth0", "down")
    ours = f"SELECT count() FROM events WHERE id >= {base} AND id < {base} + 100000000"
    eventually(lambda: int(cluster.query(ours)) > 50, 90, "rows without ch2", pause=0.5)
    command("nsenter", "--target", process, "--net", "ip", "link", "set", "eth0", "up")
    cluster.writable(within=120)
    newest = cluster.query("SELECT max(id) FROM events")
    there = f"SELECT count() FROM events WHERE id = {newest}"
    eventually(lambda: cluster.query(there, "ch2") == "1", 120, "new rows on ch2", pause=0.5)
    done = running.finish()
    assert done["given_up"] == []
    evidence("queries that failed and were retried", len(done["failures"]))
    check_none_lost(cluster, evidence, base, done)


def test_zookeeper_member_and_quorum_lost(cluster, evidence, load):
    """With one member of three stopped, inserts go on under load. With two stopped, inserts are refused and reads are answered; when
    they are back, inserts go on by themselves."""
    base = load_numbers()
    running = load(base)
    command("docker", "stop", "--time", "5", cluster.id("zk3"))
    cluster.writable(within=60)
    cluster.query("INSERT INTO events VALUES (8100001, 'one member lost')")
    done = running.finish()
    assert done["given_up"] == []
    evidence("queries that failed and were retried with one member lost", len(done["failures"]))
    check_none_lost(cluster, evidence, base, done)

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
