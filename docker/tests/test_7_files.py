"""Files that cannot be read as what they are change nothing, whatever the module reads them for."""

import pytest

from lib.cluster import NODES
from lib.evidence import said
from lib.policy import Policy

# $good is a copy of the right content; what is written to $file comes to the host's file.
BROKEN = {
    "empty": "printf '' >$file",
    "text": "printf 'this is not what it should be\\n' >$file",
    "half": 'head --bytes=$(($(wc --bytes <$good) * 6 / 10)) $good >$file',
    "huge": "head --bytes=80000000 /dev/zero | tr '\\0' A >$file",
}

# What a node reads from /pki in this file, beyond what it always does.
MORE = ("rules.txt", "rules.txt.minisig", "bundle.json", "bundle.json.minisig", "revoked.pem", "revoked.pem.minisig")
ALWAYS = ("node.pem", "node.key", "ca.pem", "servers-ca.pem", "keeper.pem", "keeper.key")


@pytest.fixture(scope="module")
def policy(cluster, tmp_path_factory):
    """Rules, a bundle and a revocation list that are signed, on all nodes."""
    made = Policy(cluster, tmp_path_factory.mktemp("policy"))
    cluster.setup("clickhouse-mtls pki revoke $cluster >/dev/null")
    made.publish("rules.txt", b"auditors: common_name=auditor -> bob\n", 1, NODES)
    made.publish("bundle.json", cluster.setup("cat $cluster/bundle.json").stdout.encode(), 1, NODES)
    made.publish("revoked.pem", cluster.setup("cat $cluster/crl.pem").stdout.encode(), 1, NODES)
    section = made.section(("rules", "bundles", "crls")) + "<crl>/pki/revoked.pem</crl>"

    def change(text):
        text = text.replace("<users>", section + "<users><rules_file>/pki/rules.txt</rules_file>", 1)
        return text.replace("<bundle>/pki/ca.pem", "<bundle>/pki/bundle.json")

    with cluster.configured(change):
        yield made


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("name", [*ALWAYS, *MORE])
def test_broken_files(cluster, evidence, policy, kind, name):
    """One clear error that names the file, logins and distributed reads go on as before; with the right file again the error is over
    without a restart."""
    since = cluster.now()
    cluster.setup(f"cat /hosts/ch1/{name} >/authority/good")
    cluster.setup(f"good=/authority/good file=/authority/broken; {BROKEN[kind]}; place ch1 {name} $file")
    try:
        line = cluster.log_line("ch1", since, "clickhouse-mtls", f"/pki/{name}")
        evidence("ch1's log", said(line))
        assert cluster.status("ch1")["reload"]["last_error"] is not None
        assert int(cluster.query("SELECT count() FROM all_events")) > 0
        assert int(cluster.query("SELECT count() FROM all_events", "ch3")) > 0
    finally:
        cluster.setup(f"place ch1 {name} /authority/good; rm -f /authority/good /authority/broken")
    cluster.recovered("ch1")
    assert cluster.query("SELECT 1") == "1"


CONFIGURATIONS = {
    "empty": lambda _: "",
    "text": lambda _: "this is no XML\n",
    "half": lambda good: good[: len(good) * 6 // 10],
    "huge": lambda good: good.replace("<yandex>", "<yandex>" + "<!--" + "A" * 20_000_000 + "-->", 1).replace("</yandex>", ""),
}


@pytest.mark.parametrize("kind", CONFIGURATIONS)
@pytest.mark.parametrize("name", ["config.xml", "users.xml"])
def test_broken_configurations(cluster, evidence, kind, name):
    """The same for the server's own configuration, on all nodes at once."""
    path = cluster.config / name
    good = path.read_text(encoding="utf-8")
    since = cluster.now()
    path.write_text(CONFIGURATIONS[kind](good), encoding="utf-8")
    try:
        lines = [cluster.log_line(node, since, name) for node in NODES]
        evidence("ch1's log", said(lines[0])[:300])
        for node in NODES:
            assert int(cluster.query("SELECT count() FROM all_events", node)) > 0
    finally:
        since = cluster.now()
        path.write_text(good, encoding="utf-8")
    # Taken again: a change that can be seen.
    with cluster.configured(lambda text: text.replace("<max_ttl>5<", "<max_ttl>6<")):
        pass
    assert cluster.query("SELECT 1") == "1"
