"""The module is removed and put back, and new rules are watched before they are enforced, on a cluster at work."""

import re
import shutil

import pytest

from lib.cluster import DOCKER
from lib.evidence import said
from lib.load import check_rows, load_numbers
from lib.wait import eventually

KEPT = "SELECT count(), sum(id), uniqExact(id) FROM kept"
LOCAL_USERS = """
        <default><password/><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default>
        <alice><password>stock</password><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota></alice>
"""


@pytest.fixture
def stock(tmp_path):
    """What docs/docker.md says of a configuration for the stock server: no <mtls>, no ZooKeeper (it has no TLS to reach it by), no
    ON CLUSTER (which needs a plaintext port), and users with passwords."""
    directory = tmp_path / "stock"
    shutil.copytree(DOCKER / "config", directory)
    config = (directory / "config.xml").read_text(encoding="utf-8")
    for section in ("mtls", "zookeeper", "distributed_ddl"):
        config = re.sub(rf"<{section}>.*</{section}>", "", config, flags=re.DOTALL)
    (directory / "config.xml").write_text(config.replace("<tcp_port_secure>", "<http_port>8123</http_port><tcp_port_secure>"))
    users = (directory / "users.xml").read_text(encoding="utf-8")
    (directory / "users.xml").write_text(re.sub(r"<users>.*</users>", f"<users>{LOCAL_USERS}</users>", users, flags=re.DOTALL))
    tmp_path.chmod(0o755)
    return directory


def has_module(cluster, node):
    """Whether the module answers in the node's server. What the process has loaded cannot be read: its memory is its own."""
    return "generation" in cluster.run(node, "clickhouse-mtls", "status", check=False).stdout


def test_removal_and_upgrade(cluster, evidence, stock):
    """ch2 runs patched, then stock, then patched again, on the same data: each finds all rows of the one before, replicated ones and
    others, and the replica catches up with what came meanwhile."""

    def ask(sql):
        return cluster.run("ch2", "curl", "--silent", "--fail", "--data-binary", sql, "http://127.0.0.1:8123/").stdout.strip()

    cluster.query("CREATE TABLE IF NOT EXISTS notes (id UInt64, text String) ENGINE = MergeTree ORDER BY id", "ch2")
    cluster.query("INSERT INTO notes VALUES (1, 'patched')", "ch2")
    for node in ("ch1", "ch2"):
        engine = "ENGINE = ReplicatedMergeTree('/clickhouse/tables/kept', '{replica}') ORDER BY id"
        cluster.query(f"CREATE TABLE kept (id UInt64, text String) {engine}", node)
    cluster.query("INSERT INTO kept SELECT number, toString(number) FROM numbers(100000)", "ch1")
    cluster.query("INSERT INTO kept SELECT number + 100000, toString(number) FROM numbers(100000)", "ch2")
    eventually(lambda: cluster.query(KEPT, "ch1") == cluster.query(KEPT, "ch2"), 60, "the same rows on ch1 and ch2", pause=0.3)
    before = cluster.query(KEPT, "ch2")
    assert before.startswith("200000\t")
    assert has_module(cluster, "ch2")
    try:
        cluster.make_anew("ch2", more_env={"CHMTLS_SERVER": "clickhouse-server", "CHMTLS_CONFIG": str(stock)})
        cluster.healthy("ch2")
        assert not has_module(cluster, "ch2")
        assert ask(KEPT) == before
        assert ask("SELECT id FROM notes") == "1"
        ask("INSERT INTO notes VALUES (2, 'stock')")
        refused = cluster.https("client", "ch2", "SELECT 1")
        assert not refused.stdout.endswith("\n200")
        evidence("rows of a replicated table under the stock server: count, sum, different", before.replace("\t", ", "))
        evidence("alice's certificate at the stock server", refused.stdout.strip()[:200])
        cluster.query("INSERT INTO kept SELECT 8200001, 'while ch2 was stock'")
    finally:
        cluster.make_anew("ch2")
    cluster.healthy("ch2")
    cluster.writable(within=120)
    eventually(lambda: cluster.query("SELECT count() FROM kept WHERE id = 8200001", "ch2") == "1", 60, "what ch2 missed", pause=0.3)
    assert cluster.query(KEPT, "ch2") == cluster.query(KEPT, "ch1")
    assert cluster.query("SELECT groupArray(id) FROM (SELECT id FROM notes ORDER BY id)", "ch2") == "[1,2]"
    assert cluster.https("client", "ch2", "SELECT 1").stdout.endswith("\n200")
    evidence("rows of ch2, patched again: count, sum, different", cluster.query(KEPT, "ch2").replace("\t", ", "))


AUDITOR = "<auditor><password>known</password><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota></auditor>"
LIMIT = "<mode>observe</mode><limits><users><max_certificate_lifetime>90d</max_certificate_lifetime></users></limits>"


def test_observe_then_enforce(cluster, evidence, load):
    """A limit on the lifetime of certificates is observed first: the one client that has a longer one is served, and listed by
    `clickhouse-mtls status`. Then it is enforced: that client is refused, and no query of anybody else fails in either switch."""
    base = load_numbers()
    cluster.setup(
        "clickhouse-mtls pki issue $cluster auditor --cn auditor --spiffe-id spiffe://cluster.example/user/auditor --lifetime 400d "
        "--force >/dev/null\npair $cluster auditor client auditor"
    )

    def audit():
        return cluster.client("SELECT 1", pair="auditor", user="auditor", more=("--password=known",), check=False)

    def listed():
        said_by_tool = cluster.run("ch1", "clickhouse-mtls", "status").stdout.splitlines()
        return [line for line in said_by_tool if line.startswith("would refuse") and "LIFETIME" in line and "auditor" in line]

    with cluster.configured(lambda text: text.replace("</users>", AUDITOR + "</users>"), "users.xml"):
        eventually(lambda: audit().returncode == 0, 30, "the auditor as a user", pause=0.5)
        running = load(base)
        with cluster.configured(lambda text: text.replace("<mtls>", "<mtls>" + LIMIT)):
            served = audit()
            assert served.returncode == 0, served.stderr
            lines = eventually(listed, 60, "the observed refusal in the status", pause=0.3)
            evidence("clickhouse-mtls status", lines[0][:400])
            since = cluster.now()
            with cluster.configured(lambda text: text.replace("<mode>observe</mode>", "<mode>enforce</mode>")):
                refused = audit()
                assert refused.returncode != 0
                evidence("ch1's log", said(cluster.log_line("ch1", since, "decision=refused", "LIFETIME")))
                assert cluster.query("SELECT 1") == "1"
        done = running.finish()
    evidence("everybody else: inserts, reads, failed", f"{done['inserts']}, {done['reads']}, {len(done['failures'])}")
    check_rows(cluster, evidence, base, done["rows"])
    assert done["failures"] == [], done["failures"][:5]
