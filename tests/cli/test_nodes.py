"""check and explain, between servers."""

import pytest

SERVER = """<clickhouse>
    <tcp_port_secure>9440</tcp_port_secure>
    <https_port>8443</https_port>
    <interserver_https_port>9010</interserver_https_port>
    <openSSL>
        <server>
            <certificateFile>{pki}/ch1.pem</certificateFile>
            <privateKeyFile>{pki}/ch1.key</privateKeyFile>
            <caConfig>{pki}/ca.pem</caConfig>
        </server>
        <client><caConfig>{pki}/ca.pem</caConfig></client>
    </openSSL>
    <users_config>users.xml</users_config>
    <interserver_http_credentials><user>replica</user><password>secret</password></interserver_http_credentials>
    <mtls>
        <trust_domains><trust_domain><name>example.org</name><bundle>{pki}/bundle.json</bundle></trust_domain></trust_domains>
        <nodes>
            <rule><name>cluster</name><dns>*.nodes.example</dns></rule>
            <rule><name>svids</name><spiffe_id>spiffe://example.org/ch/*</spiffe_id></rule>
            <acts_as><user>default</user></acts_as>
            <expect><host>ch7.nodes.example</host><spiffe_id>spiffe://example.org/ch/7</spiffe_id></expect>
        </nodes>
        <keeper><rule><name>ensemble</name><dns>*.zk.example</dns></rule></keeper>
    </mtls>
</clickhouse>
"""

PLAINTEXT = """<clickhouse>
    <interserver_http_port>9009</interserver_http_port>
    <http_port>8123</http_port>
    <listen_host>::</listen_host>
    <remote_servers><prod><shard>
        <replica><host>ch1</host><secure>1</secure></replica>
        <replica><host>ch2</host></replica>
    </shard></prod></remote_servers>
    <zookeeper><node><host>zk1</host></node></zookeeper>
</clickhouse>
"""

USERS = "<clickhouse><users><default>{}</default></users></clickhouse>"

FOUND = ["interserver_http_port", "http_port", "remote_servers.prod.shard.replica[1]", "zookeeper.node"]


@pytest.fixture(scope="module")
def pki(make_pki):
    pki = make_pki("--trust-domain", "example.org")
    pki.issue("ch1", "--dns", "ch1.nodes.example")
    pki.issue("stranger", "--dns", "stranger.example")
    pki.issue("zk1", "--server", "--dns", "zk1.zk.example")
    pki.issue("alice", "--cn", "alice", "--client")
    pki.issue("ch7", "--spiffe-id", "spiffe://example.org/ch/7")
    pki.issue("ch8", "--spiffe-id", "spiffe://example.org/ch/8")
    return pki


@pytest.fixture
def config(tmp_path, pki):
    (tmp_path / "users.xml").write_text(USERS.format("<password>secret</password><allow_databases><database>a</database></allow_databases>"))
    path = tmp_path / "config.xml"
    path.write_text(SERVER.format(pki=pki.path))
    return path


def overlay(config, name, text):
    (config.parent / "config.d").mkdir(exist_ok=True)
    (config.parent / "config.d" / name).write_text(text)


def check(tool, config):
    done = tool("check", "--config", config, "--json")
    answer = done.object()
    assert done.status == (0 if answer["ok"] else 1)
    return answer


def test_check_counts_the_rules(tool, config):
    assert check(tool, config)["ok"]
    assert "2 node rules, 1 keeper rule" in tool("check", "--config", config).out


def test_check_lists_everything_in_plain_text(tool, config):
    overlay(config, "plain.xml", PLAINTEXT)
    answer = check(tool, config)
    assert [finding["field"] for finding in answer["findings"]] == FOUND
    overlay(config, "word.xml", "<clickhouse><mtls><nodes><plaintext>warn</plaintext></nodes></mtls></clickhouse>")
    answer = check(tool, config)
    assert answer["ok"]
    assert all(any(field in warning for warning in answer["warnings"]) for field in FOUND)
    overlay(config, "word.xml", "<clickhouse><mtls><nodes><plaintext>allow</plaintext></nodes></mtls></clickhouse>")
    answer = check(tool, config)
    assert answer["ok"] and not [warning for warning in answer["warnings"] if "mtls.nodes.plaintext" in warning]


def test_check_advises_a_password_between_replicas(tool, config):
    assert not any("interserver_http_credentials" in warning for warning in check(tool, config)["warnings"])
    overlay(config, "open.xml", "<clickhouse><interserver_http_credentials remove='remove'/></clickhouse>")
    answer = check(tool, config)
    assert answer["ok"] and any("interserver_http_credentials" in warning for warning in answer["warnings"])


def test_check_says_which_certificate_is_withheld(tool, config, pki):
    """openSSL.client's certificate is shown to whomever a statement names."""
    clients = {
        "ch1": "rule 'cluster' of mtls.nodes",
        "ch7": "<expect> of mtls.nodes for ch7.nodes.example",
        "ch8": "rule 'svids' of mtls.nodes",
        "zk1": "rule 'ensemble' of mtls.keeper",
    }
    for name, by in {**clients, "stranger": None}.items():
        pair = f"<certificateFile>{pki.path}/{name}.pem</certificateFile><privateKeyFile>{pki.path}/{name}.key</privateKeyFile>"
        overlay(config, "client.xml", f"<clickhouse><openSSL><client>{pair}</client></openSSL></clickhouse>")
        answer = check(tool, config)
        withheld = [warning for warning in answer["warnings"] if warning.startswith("openSSL.client: its certificate")]
        assert answer["ok"] and len(withheld) == (by is not None), answer
        assert by is None or (by in withheld[0] and "mtls.credentials" in withheld[0])


def explain(tool, config, chain, *options):
    done = tool("explain", "--config", config, "--chain", chain, "--json", *options)
    answer = done.object()
    assert done.status == (0 if answer["accepted"] else 1)
    return answer


@pytest.mark.parametrize(
    "name, options, reason, rule",
    [
        ("ch1", ["--listener", "interserver_https_port"], "VALID", "nodes: cluster"),
        ("ch7", ["--listener", "interserver_https_port"], "VALID", "nodes: svids"),
        ("alice", ["--listener", "interserver_https_port"], "NODE-RULE", None),
        ("ch1", ["--outgoing", "node", "--host", "ch1.nodes.example"], "VALID", "nodes: cluster"),
        ("ch1", ["--outgoing", "node", "--host", "ch2.nodes.example"], "NAME-MISMATCH", None),
        ("stranger", ["--outgoing", "node", "--host", "stranger.example"], "NODE-RULE", None),
        ("ch7", ["--outgoing", "node", "--host", "ch7.nodes.example"], "VALID", "nodes: svids"),
        ("ch8", ["--outgoing", "node", "--host", "ch7.nodes.example"], "NAME-MISMATCH", None),
        ("zk1", ["--outgoing", "keeper", "--host", "zk1.zk.example"], "VALID", "keeper: ensemble"),
        ("zk1", ["--outgoing", "keeper", "--host", "zk2.zk.example"], "NAME-MISMATCH", None),
        ("ch1", ["--outgoing", "keeper", "--host", "ch1.nodes.example"], "KEEPER-RULE", None),
    ],
)
def test_explain_a_peer(tool, config, pki, name, options, reason, rule):
    answer = explain(tool, config, pki.path / f"{name}.pem", *options)
    assert answer["certificate"]["reason"] == reason
    assert answer["accepted"] == (reason == "VALID")
    assert answer["decision"]["outcome"] == ("accepted" if answer["accepted"] else "refused")
    assert answer["decision"].get("rule") == rule
    assert [trace["rule"].partition(":")[0] for trace in answer["rules"]][0] == ("keeper" if "keeper" in options else "nodes")
    text = tool("explain", "--config", config, "--chain", pki.path / f"{name}.pem", *options)
    if rule:
        assert f"rule {rule}: matches" in text.out
        assert f"decision: accepted by rule {rule}" in text.out
    else:
        assert f"certificate: refused, {reason}" in text.out
        assert "decision: refused; the handshake fails" in text.out


@pytest.mark.parametrize(
    "name, options, outcome, reason",
    [
        ("ch1", ["--user", "default"], "refused", "NODE-USER"),
        ("ch1", ["--user", "alice"], "refused", "NODE-USER"),
        ("ch1", ["--user", "default", "--without-header"], "refused", "NODE-USER"),
        ("alice", ["--user", "default", "--without-header"], "declined", None),
    ],
)
def test_explain_a_login_of_a_node(tool, config, pki, name, options, outcome, reason):
    answer = explain(tool, config, pki.path / f"{name}.pem", "--listener", "https_port", *options)
    assert answer["decision"]["outcome"] == outcome
    assert reason is None or answer["decision"]["reason"] == reason
    assert answer["rules"][0]["rule"] == "nodes: cluster"


@pytest.mark.parametrize(
    "name, options, status, login, query, user",
    [
        ("ch1", ["--user", "default"], 0, "granted", None, None),
        ("ch1", ["--user", "alice"], 1, "refused", None, None),
        ("ch1", ["--user", "alice", "--on-behalf-of", "eve"], 0, "granted", "granted", "eve"),
        ("ch1", ["--user", "alice", "--on-behalf-of", ""], 1, "granted", "refused", ""),
        ("ch1", ["--user", "default", "--on-behalf-of", ""], 0, "granted", "granted", "default"),
    ],
)
def test_explain_a_query_of_a_node(tool, config, pki, name, options, status, login, query, user):
    arguments = ("explain", "--config", config, "--chain", pki.path / f"{name}.pem", "--listener", "tcp_port_secure", *options)
    answer = tool(*arguments, "--json")
    assert answer.status == status, answer
    told = answer.object()
    assert told["decision"]["outcome"] == login
    assert told.get("query", {}).get("outcome") == query
    text = tool(*arguments)
    assert text.status == status
    if query is not None:
        assert told["query"]["user"] == user
        assert (f"query: runs as user '{user}'" if query == "granted" else "query: refused, NODE-USER") in text.out


def test_acts_as_is_judged(tool, config):
    def users(inner):
        (config.parent / "users.xml").write_text(USERS.format(inner))
        return tool("check", "--config", config)

    for open_password in (
        "<password></password>",
        "<password_sha256_hex>E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855</password_sha256_hex>",
        "<no_password/>",
    ):
        checked = users(open_password)
        assert checked.status == 1 and "mtls.nodes.acts_as" in checked.out and "'default' has an empty password" in checked.out, checked
    for closed in ("<password>secret</password>", ""):
        checked = users(closed)
        assert checked.status == 0 and "'default' has no limits" in checked.out, checked
    assert "has no limits" not in users("<allow_databases><database>a</database></allow_databases>").out


def test_explain_without_nodes_asks_no_rule(tool, config, pki):
    overlay(config, "none.xml", "<clickhouse><mtls><nodes remove='1'/></mtls></clickhouse>")
    answer = explain(tool, config, pki.path / "alice.pem", "--listener", "interserver_https_port")
    assert answer["accepted"] and answer["rules"] == []
    text = tool("explain", "--config", config, "--chain", pki.path / "alice.pem", "--listener", "interserver_https_port")
    assert "decision: accepted, no rule is asked" in text.out


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--listener", "https_port", "--outgoing", "node", "--host", "a"],
        ["--outgoing", "node"],
        ["--outgoing", "client", "--host", "a"],
        ["--listener", "https_port", "--host", "a"],
        ["--outgoing", "node", "--host", "a", "--user", "default"],
        ["--listener", "interserver_https_port", "--without-header"],
    ],
)
def test_explain_needs_one_place(tool, config, pki, options):
    assert tool("explain", "--config", config, "--chain", pki.path / "ch1.pem", *options).status == 2
