"""A disk that is full, where a node writes its data, the module's state, and its log."""

import shutil

import pytest

from lib.cluster import command
from lib.evidence import said
from lib.policy import Policy
from lib.rotation import renew
from lib.wait import eventually

LOG = "/var/log/clickhouse-server"
DATA = "/var/lib/clickhouse"


@pytest.fixture
def policy(cluster, tmp_path):
    return Policy(cluster, tmp_path)


@pytest.fixture
def small(cluster, policy):
    """ch2 on small disks, with a log file, and with signed rules whose numbers it remembers there."""
    directory = cluster.config.parent / "small"
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(cluster.config, directory)
    path = directory / "config.xml"
    text = path.read_text(encoding="utf-8").replace(
        "<logger>", f"<logger><log>{LOG}/server.log</log><errorlog>{LOG}/error.log</errorlog><size>100M</size>", 1
    )
    text = text.replace("<users>", policy.section(("rules",)) + "<users><rules_file>/pki/rules.txt</rules_file>", 1)
    path.write_text(text, encoding="utf-8")
    policy.publish("rules.txt", b"auditors: common_name=auditor -> bob\n", 1, ("ch2",))
    cluster.make_anew("ch2", more_files=("tests/small-disk.yaml",), more_env={"CHMTLS_CONFIG": str(directory)})
    try:
        cluster.healthy("ch2")
        yield
    finally:
        cluster.make_anew("ch2")
        command("docker", "volume", "rm", f"{cluster.project}_small-ch2", f"{cluster.project}_small-log-ch2")
    cluster.healthy("ch2")
    cluster.writable(within=120)


def fill(cluster, where):
    done = cluster.run("ch2", "sh", "-c", f"cat /dev/zero >{where}/fill", check=False)
    assert "No space left" in done.stderr
    sizes = cluster.run("ch2", "df", "--output=size,used,avail", where).stdout.splitlines()[-1].split()
    return f"{where}: " + ", ".join(f"{what} {size} KiB" for what, size in zip(("size", "used", "free"), sizes))


def test_data_and_state(cluster, evidence, small, policy):
    """Where data and state are written the disk is full: logins, reads, and a new certificate are as ever. New signed rules are not
    taken, since their number cannot be remembered, with one clear error; an insert is refused and the other replica's is not. With space
    again both are taken by themselves, and the replica catches up."""
    engine = "ENGINE = ReplicatedMergeTree('/clickhouse/tables/small', '{replica}') ORDER BY id"
    for node in ("ch1", "ch2"):
        cluster.query(f"CREATE TABLE small (id UInt64, text String) {engine}", node)
    cluster.query("INSERT INTO small VALUES (1, 'before')", "ch2")
    evidence("filled", fill(cluster, DATA))
    try:
        since = cluster.now()
        assert cluster.query("SELECT count() FROM small", "ch2") == "1"
        renew(cluster, "ch2")
        assert cluster.https("client", "ch2", "SELECT 1").stdout.endswith("\n200")
        policy.publish("rules.txt", b"auditors: common_name=auditor -> alice\n", 2, ("ch2",))
        evidence("new rules", said(cluster.log_line("ch2", since, "clickhouse-mtls", "sequences", "No space left")))
        refused = cluster.client("INSERT INTO small SELECT number + 100, repeat('x', 1000) FROM numbers(10000)", "ch2", check=False)
        assert refused.returncode != 0
        evidence("an insert on ch2", refused.stderr.strip().splitlines()[-1][:300])
        cluster.query("INSERT INTO small VALUES (2, 'on the other replica')", "ch1")
        assert cluster.status("ch2")["reload"]["last_error"] is not None
    finally:
        cluster.run("ch2", "rm", f"{DATA}/fill")
    cluster.recovered("ch2")
    eventually(lambda: cluster.query("SELECT sum(id) FROM small", "ch2") == "3", 90, "the other replica's row on ch2", pause=0.5)
    cluster.query("INSERT INTO small VALUES (3, 'after')", "ch2")
    eventually(lambda: cluster.query("SELECT sum(id) FROM small", "ch1") == "6", 60, "all rows on ch1", pause=0.5)
    cluster.query("DROP TABLE small", "ch1")


def test_log(cluster, evidence, small):
    """Where the log is written the disk is full. The stock server does not survive that for long, nor does this one; but whoever is
    refused is never let in by it. With space, and started again if it has ended, all is as before."""
    evidence("filled", fill(cluster, LOG))
    answers = []
    for _ in range(10):
        for source, pair in (("attacker", "printer"), ("client", "alice")):
            done = cluster.https(source, "ch2", "SELECT 1", pair=pair)
            answers.append((pair, done.stdout.rsplit("\n", 1)[-1]))
    assert ("printer", "200") not in answers
    ended = cluster.inspect("ch2", "{{.State.Status}}") == "exited"
    evidence("answers to alice with a full disk", " ".join(status for pair, status in answers if pair == "alice"))
    evidence("the server has ended by it", ended)
    if ended:
        command("docker", "start", cluster.id("ch2"))
    else:
        cluster.run("ch2", "rm", f"{LOG}/fill")
    cluster.healthy("ch2")
    assert cluster.https("client", "ch2", "SELECT 'written again'").stdout.endswith("\n200")
    assert not cluster.https("attacker", "ch2", "SELECT 1", pair="printer").stdout.endswith("\n200")
    found = "grep --count 'written again' /var/log/clickhouse-server/server.log"
    eventually(lambda: int(cluster.run("ch2", "sh", "-c", found).stdout) > 0, 60, "the log file going on", pause=0.3)
