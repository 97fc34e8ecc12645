"""check and explain: the opinion of a server that has not started."""

import pytest

SERVER = """<clickhouse>
    <tcp_port_secure>9440</tcp_port_secure>
    <https_port>8443</https_port>
    <openSSL><server>
        <certificateFile>{pki}/server.pem</certificateFile>
        <privateKeyFile>{pki}/server.key</privateKeyFile>
        <caConfig>{pki}/ca.pem</caConfig>
        <verificationMode>relaxed</verificationMode>
    </server></openSSL>
    <users_config>users.xml</users_config>
    <mtls>
        <trust_domains><trust_domain><name>example.org</name><bundle>{pki}/bundle.json</bundle></trust_domain></trust_domains>
        <users>
            <rule><name>reports</name><dns>*.reports.example</dns><user>reports</user></rule>
            <rule><name>services</name><spiffe_id>spiffe://example.org/service/{{name}}</spiffe_id><user>{{name}}</user></rule>
        </users>
    </mtls>
</clickhouse>
"""

USERS = """<clickhouse><users>
    <alice><ssl_certificates><common_name>alice</common_name></ssl_certificates></alice>
    <reports><password>x</password></reports>
</users></clickhouse>
"""


@pytest.fixture(scope="module")
def pki(make_pki):
    pki = make_pki("--trust-domain", "example.org")
    pki.issue("server", "--server", "--dns", "localhost")
    pki.issue("alice", "--cn", "alice", "--client")
    pki.issue("reporter", "--cn", "r", "--client", "--dns", "eu.reports.example")
    pki.issue("ingest", "--spiffe-id", "spiffe://example.org/service/ingest")
    pki.issue("expired", "--cn", "alice", "--valid-from=-2h", "--lifetime=-1h")
    return pki


@pytest.fixture
def config(tmp_path, pki):
    (tmp_path / "users.xml").write_text(USERS)
    path = tmp_path / "config.xml"
    path.write_text(SERVER.format(pki=pki.path))
    return path


def overlay(config, name, text, directory="config.d"):
    (config.parent / directory).mkdir(exist_ok=True)
    (config.parent / directory / name).write_text(text)


def lines_before_root(config):
    config.write_text('<?xml version="1.0"?>\n<!-- what is\n<clickhouse> -->\n\n' + config.read_text())


def check(tool, config, *options):
    done = tool("check", "--config", config, "--json", *options)
    answer = done.object()
    assert done.status == (0 if answer["ok"] else 1)
    return answer


def fields(answer):
    return [finding["field"] for finding in answer["findings"]]


def test_a_good_configuration(tool, config):
    answer = check(tool, config)
    assert answer["ok"] and answer["enabled"]
    assert not answer["findings"]
    text = tool("check", "--config", config)
    assert text.status == 0
    assert "good: 2 listeners" in text.out
    assert "2 rules" in text.out


def test_without_mtls_there_is_nothing_to_check(tool, tmp_path):
    path = tmp_path / "config.xml"
    path.write_text("<yandex><tcp_port>9000</tcp_port></yandex>")
    answer = check(tool, path)
    assert answer["ok"] and not answer["enabled"]


def test_every_finding_at_once(tool, config, pki):
    overlay(config, "bad.xml", "<clickhouse><mtls><no_such_key>1</no_such_key></mtls>"
            f"<openSSL><server><caConfig>{pki.path}/missing.pem</caConfig>"
            "<disableProtocols>sslv4</disableProtocols></server></openSSL></clickhouse>")
    answer = check(tool, config)
    assert not answer["ok"]
    reasons = " ".join(finding["field"] + finding["reason"] for finding in answer["findings"])
    assert "no_such_key" in reasons and "sslv4" in reasons
    for finding in answer["findings"]:
        assert finding["file"] and finding["reason"] and finding["remedy"]
    text = tool("check", "--config", config)
    assert text.status == 1
    assert f"refused: {len(answer['findings'])} finding" in text.out


@pytest.mark.parametrize(
    "change, word",
    [
        ("<openSSL><server><privateKeyFile>{pki}/alice.key</privateKeyFile></server></openSSL>", "key"),
        ("<openSSL><server><certificateFile>{pki}/expired.pem</certificateFile><privateKeyFile>{pki}/expired.key</privateKeyFile>"
         "</server></openSSL>", "expired"),
        ("<openSSL><server><caConfig>{pki}/missing.pem</caConfig></server></openSSL>", "missing.pem"),
        ("<mtls><crl>{pki}/ca.pem</crl></mtls>", "crl"),
        ("<mtls><users><rules_file>{pki}/ca.pem</rules_file></users></mtls>", "ca.pem"),
        ("<mtls><users><rule><name>bad</name><dns>a.**</dns><user>x</user></rule></users></mtls>", "bad"),
    ],
    ids=lambda value: value[:40],
)
def test_files_are_opened_and_rules_compiled(tool, config, pki, change, word):
    assert check(tool, config)["ok"]
    overlay(config, "change.xml", "<clickhouse>" + change.format(pki=pki.path) + "</clickhouse>")
    answer = check(tool, config)
    assert not answer["ok"]
    assert word in str(answer["findings"]).lower()


def test_users_are_found_by_users_config_and_by_option(tool, config, tmp_path):
    (tmp_path / "users.xml").write_text(USERS.replace("<common_name>alice</common_name>", "<common_name></common_name>"))
    answer = check(tool, config)
    assert not answer["ok"] and "alice" in str(answer["findings"])
    other = tmp_path / "other.xml"
    other.write_text(USERS)
    assert check(tool, config, "--users", other)["ok"]


def test_merging_as_the_server_does(tool, config, pki):
    bad = "<mtls><users><rule><name>{name}</name><{name}>x</{name}><user>x</user></rule></users></mtls>"
    overlay(config, "10.xml", "<clickhouse>" + bad.format(name="ten") + "</clickhouse>")
    overlay(config, "20.conf", "<clickhouse>" + bad.format(name="twenty") + "</clickhouse>", "conf.d")
    overlay(config, ".hidden.xml", "<clickhouse>")
    overlay(config, "readme.txt", "no xml")
    answer = check(tool, config)
    assert [file.rpartition("/")[2] for file in answer["files"]] == ["config.xml", "20.conf", "10.xml", "users.xml"]
    assert sorted(fields(answer)) == ["ten", "twenty"]
    # Sorted by full path: conf.d comes before config.d, so its `replace` undoes 20.conf and not 10.xml.
    replacing = '<clickhouse><mtls replace="replace"><poll_interval>5</poll_interval></mtls></clickhouse>'
    overlay(config, "30.xml", replacing, "conf.d")
    assert fields(check(tool, config)) == ["ten"]
    overlay(config, "30.xml", replacing)
    assert check(tool, config)["ok"]
    overlay(config, "40.xml", '<clickhouse><mtls remove="1"/></clickhouse>')
    assert not check(tool, config)["enabled"]


def test_includes(tool, config, pki, tmp_path):
    includes = tmp_path / "includes.xml"
    includes.write_text(f"<x><ca>{pki.path}/ca.pem</ca></x>")
    text = config.read_text().replace(f"<caConfig>{pki.path}/ca.pem</caConfig>", '<caConfig incl="ca"/>')
    config.write_text(text.replace("<users_config>", f"<include_from>{includes}</include_from><users_config>"))
    assert check(tool, config)["ok"]
    includes.write_text("<x/>")
    assert not check(tool, config)["ok"]


@pytest.mark.parametrize("content", [b"", b"<clickhouse>", b"<clickhouse/><clickhouse/>", b"not xml", b"\xff\xfe"])
def test_a_file_that_is_no_xml_is_unreadable_input(tool, config, content):
    config.write_bytes(content)
    done = tool("check", "--config", config)
    assert done.status == 2
    assert "config.xml" in done.err


def test_a_missing_file_is_unreadable_input(tool, tmp_path, config):
    assert tool("check", "--config", tmp_path / "none.xml").status == 2
    assert tool("check", "--config", config, "--users", tmp_path / "none.xml").status == 2


def explain(tool, config, chain, listener, *options):
    done = tool("explain", "--config", config, "--chain", chain, "--listener", listener, "--json", *options)
    answer = done.object()
    assert done.status == (0 if answer["accepted"] else 1)
    return answer


@pytest.mark.parametrize(
    "name, listener, options, outcome, user",
    [
        ("alice", "tcp_port_secure", ["--user", "alice"], "granted", "alice"),
        ("alice", "https_port", ["--user", "alice"], "granted", "alice"),
        ("alice", "tcp_port_secure", ["--user", "reports"], "declined", ""),
        ("alice", "https_port", ["--user", "reports"], "refused", ""),
        ("alice", "https_port", ["--user", "reports", "--without-header"], "declined", ""),
        ("reporter", "tcp_port_secure", [], "granted", "reports"),
        ("reporter", "tcp_port_secure", ["--user", "reports"], "granted", "reports"),
        ("ingest", "https_port", ["--user", "ingest"], "granted", "ingest"),
        ("ingest", "tcp_port_secure", [], "granted", "ingest"),
    ],
)
def test_explain(tool, config, pki, name, listener, options, outcome, user):
    answer = explain(tool, config, pki.path / f"{name}.pem", listener, *options)
    assert answer["certificate"]["accepted"]
    assert (answer["decision"]["outcome"], answer["decision"]["user"]) == (outcome, user)
    assert answer["accepted"] == (outcome == "granted")


def test_explain_goes_rule_by_rule(tool, config, pki):
    answer = explain(tool, config, pki.path / "reporter.pem", "tcp_port_secure")
    traces = {trace["rule"]: trace for trace in answer["rules"]}
    assert traces["reports"]["matched"] and traces["reports"]["user"] == "reports"
    assert not traces["services"]["matched"] and traces["services"]["detail"]
    text = tool("explain", "--config", config, "--chain", pki.path / "reporter.pem", "--listener", "tcp_port_secure")
    assert "rule reports: matches, gives user 'reports'" in text.out
    assert "rule services: does not match" in text.out
    assert "decision: granted, user 'reports' by rule reports" in text.out


def test_explain_a_chain_that_is_not_believed(tool, config, pki):
    answer = explain(tool, config, pki.path / "expired.pem", "tcp_port_secure", "--user", "alice")
    assert answer["certificate"]["reason"] == "TIME"
    assert answer["rules"] == []
    assert answer["decision"]["outcome"] == "refused"
    text = tool("explain", "--config", config, "--chain", pki.path / "expired.pem", "--listener", "tcp_port_secure")
    assert text.status == 1 and "the handshake fails" in text.out


def test_explain_at_another_time(tool, config, pki):
    at = ["--at", "2100-01-01T00:00:00Z"]
    assert explain(tool, config, pki.path / "alice.pem", "tcp_port_secure", "--user", "alice", *at)["certificate"]["reason"] == "TIME"


def test_explain_needs_a_good_configuration_and_a_known_listener(tool, config, pki):
    chain = pki.path / "alice.pem"
    assert tool("explain", "--config", config, "--chain", chain, "--listener", "interserver_https_port").status == 2
    overlay(config, "bad.xml", "<clickhouse><mtls><x>1</x></mtls></clickhouse>")
    done = tool("explain", "--config", config, "--chain", chain, "--listener", "tcp_port_secure")
    assert done.status == 2 and "x" in done.err


def test_check_counts_the_names_that_are_watched(tool, config):
    assert "watched" not in check(tool, config)["summary"]
    cluster = "<remote_servers><c><shard><replica><host>ch1.example.org</host></replica></shard></c></remote_servers>"
    overlay(config, "dns.xml", f"<clickhouse><mtls><dns><watch>extra.example.org</watch></dns></mtls>{cluster}</clickhouse>")
    assert check(tool, config)["summary"].endswith(", 2 names watched")


def test_explain_names_the_revocation_list(tool, config, pki):
    overlay(config, "policy.xml", "<clickhouse><mtls><revocation><policy>require</policy></revocation></mtls></clickhouse>")
    missing = explain(tool, config, pki.path / "alice.pem", "tcp_port_secure", "--user", "alice")
    assert missing["certificate"]["reason"] == missing["revocation"][0]["reason"] == "CRL-MISSING"
    tool.must("pki", "revoke", pki.path)
    overlay(config, "list.xml", f"<clickhouse><mtls><crl>{pki.crl}</crl></mtls></clickhouse>")
    step = explain(tool, config, pki.path / "alice.pem", "tcp_port_secure", "--user", "alice")["revocation"][0]
    assert step["reason"] == "VALID" and step["policy"] == "require"
    assert step["lists"][0]["source"] == str(pki.crl) and step["lists"][0]["next_update"]
    text = tool("explain", "--config", config, "--chain", pki.path / "alice.pem", "--listener", "tcp_port_secure", "--user", "alice")
    assert f"not listed by the CRL {pki.crl}" in text.out


def test_where_identities_could_be_forged(tool, config):
    mode = "<verificationMode replace='1'>none</verificationMode>"
    overlay(config, "none.xml", f"<clickhouse><openSSL><server>{mode}</server></openSSL></clickhouse>")
    assert fields(check(tool, config)) == ["openSSL.server.verificationMode"]


def test_a_finding_names_the_file_and_the_line_in_which_the_setting_is_written(tool, config):
    lines_before_root(config)
    config.write_text(config.read_text().replace("<mtls>", "<mtls><no_such_key/>"))
    line = 1 + config.read_text().split("<no_such_key/>")[0].count("\n")
    [finding] = check(tool, config)["findings"]
    assert finding["file"] == f"{config}:{line}"
    overlay(config, "a.xml", "<clickhouse>\n\n<https_port>8444</https_port>\n<mtls><nor_this/></mtls></clickhouse>")
    overlay(config, "b.xml", "<clickhouse><mtls>\n<dns>\n<watch>a.example</watch><nor_that/></dns></mtls></clickhouse>")
    overlay(config, "c.xml", "<clickhouse>\n\n\n\n<openSSL><server>\n<verificationMode>odd</verificationMode></server></openSSL></clickhouse>")
    merged = {finding["field"].split(".")[-1]: finding["file"] for finding in check(tool, config)["findings"]}
    assert merged == {
        "no_such_key": f"{config}:{line}",
        "verificationMode": f"{config.parent}/config.d/c.xml:6",
        "nor_this": f"{config.parent}/config.d/a.xml:4",
        "nor_that": f"{config.parent}/config.d/b.xml:3",
    }


def test_a_rule_is_named_by_the_file_and_line_of_it(tool, config):
    rule = "<rule><name>one</name><common_name>{0}</common_name><user>alice</user></rule>"
    config.write_text(config.read_text().replace("<users>", "<!--").replace("</users>", "-->"))
    overlay(config, "a.xml", f"<clickhouse><mtls><users>\n{rule.format('a')}\n{rule.format('b')}</users></mtls></clickhouse>")
    [finding] = check(tool, config)["findings"]
    assert finding["file"].startswith(f"{config.parent}/config.d/a.xml:3: ")
    assert f"the rule at {config.parent}/config.d/a.xml:2: " in finding["reason"]


def warnings(tool, config, word):
    """Those that hold the word."""
    answer = check(tool, config)
    assert answer["ok"]
    return [warning for warning in answer["warnings"] if word in warning]


@pytest.mark.parametrize(
    ("ports", "named"),
    [
        ("<http_port>8123</http_port><tcp_port>9000</tcp_port>", []),
        ("<http_port>8443</http_port><tcp_port>9000</tcp_port>", ["http_port", "https_port"]),
        ("<tcp_port> 9440 </tcp_port>", ["tcp_port", "tcp_port_secure"]),
        ("<http_port>8123</http_port><interserver_http_port>8123</interserver_http_port>", ["interserver_http_port", "http_port"]),
    ],
)
def test_two_listeners_on_one_port(tool, config, ports, named):
    overlay(config, "ports.xml", f"<clickhouse>{ports}</clickhouse>")
    told = warnings(tool, config, "only one of the two will be opened")
    assert len(told) == (1 if named else 0)
    assert all(name in told[0] for name in named)


def test_two_tls_listeners_on_one_port_are_refused(tool, config):
    config.write_text(config.read_text().replace("8443", "9440"))
    assert fields(check(tool, config)) == ["https_port"]


def test_the_directory_of_the_admin_socket(tool, config, tmp_path):
    overlay(config, "admin.xml", f"<clickhouse><mtls><admin><socket>{tmp_path}/run/admin.sock</socket></admin></mtls></clickhouse>")
    [told] = warnings(tool, config, "admin.socket")
    assert f"{tmp_path}/run" in told
    (tmp_path / "run").mkdir()
    assert not warnings(tool, config, "admin.socket")


def test_replicas_without_a_certificate(tool, config, pki):
    """The first <mtls> of a cluster stops fetches by whoever has no certificate yet; `observe` bridges it."""
    assert not warnings(tool, config, "cannot fetch")
    port = "<interserver_https_port>9010</interserver_https_port>"
    overlay(config, "port.xml", f"<clickhouse>{port}</clickhouse>")
    [told] = warnings(tool, config, "cannot fetch")
    assert "mtls.credentials.node" in told and "mtls.listeners.interserver_https_port.mode" in told
    observe = "<listeners><interserver_https_port><mode>observe</mode></interserver_https_port></listeners>"
    overlay(config, "port.xml", f"<clickhouse>{port}<mtls>{observe}</mtls></clickhouse>")
    assert not warnings(tool, config, "cannot fetch")
    pair = f"<certificateFile>{pki.path}/server.pem</certificateFile><privateKeyFile>{pki.path}/server.key</privateKeyFile>"
    overlay(config, "port.xml", f"<clickhouse>{port}<mtls><credentials><node>{pair}</node></credentials></mtls></clickhouse>")
    assert not warnings(tool, config, "cannot fetch")
