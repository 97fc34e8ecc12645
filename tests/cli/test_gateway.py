"""The tool on a configuration of clickhouse-mtls-gateway: check, explain, gateway setup."""

import json

import pytest
from conftest import Pki

RULES = """
<rule><name>alice</name><common_name>alice</common_name><user>alice</user></rule>
<rule><name>reports</name><common_name>reports</common_name><user>re'po`rts</user></rule>
<rule><name>people</name><common_name>{who}.people.example</common_name><user>{who}</user></rule>
<rule><name>both</name><common_name>both</common_name><user>dave</user><password>required</password></rule>
"""
TOKENS = "<proof><tokens><listen>127.0.0.1:9181</listen></tokens></proof>"


@pytest.fixture(scope="module")
def pki(tool, tmp_path_factory):
    made = Pki(tool, tmp_path_factory.mktemp("pki"))
    tool.must("pki", "issue", made.path, "server", "--server", "--dns", "localhost")
    tool.must("pki", "issue", made.path, "alice", "--client", "--cn", "alice")
    tool.must("pki", "issue", made.path, "node", "--client", "--server", "--cn", "n1", "--dns", "n1.nodes.example")
    return made


@pytest.fixture
def configuration(pki, tmp_path):
    """Writes gateway.xml; `gateway` is what stands in <gateway> beside the server."""

    def write(gateway=TOKENS, mtls=""):
        file = tmp_path / "gateway.xml"
        file.write_text(
            f"""<clickhouse><listen_host>127.0.0.1</listen_host><tcp_port_secure>9440</tcp_port_secure>
<openSSL><server><certificateFile>{pki.path}/server.pem</certificateFile><privateKeyFile>{pki.path}/server.key</privateKeyFile>
<caConfig>{pki.ca}</caConfig><verificationMode>strict</verificationMode></server></openSSL>
<mtls><users>{RULES}</users>{mtls}</mtls>
<gateway><native><server>127.0.0.1:9000</server></native>{gateway}</gateway></clickhouse>"""
        )
        return file

    return write


def test_check_knows_the_section(tool, configuration):
    assert tool("check", "--config", configuration()).status == 0


@pytest.mark.parametrize(
    ("gateway", "field", "says"),
    [
        ("<wrong/>", "gateway.wrong", "Known here: "),
        ("<proof><token/></proof>", "gateway.proof.token", "Known here: passwords, tokens"),
        ("<workers>many</workers>", "gateway.workers", "from 1 to 256"),
        ("<proof><passwords>/nowhere/passwords</passwords></proof>", "gateway.proof.passwords", "/nowhere/passwords"),
    ],
)
def test_check_finds_what_the_gateway_would_refuse(tool, configuration, gateway, field, says):
    done = tool("check", "--json", "--config", configuration(gateway))
    assert done.status == 1
    (finding,) = done.object()["findings"]
    assert finding["field"] == field
    assert says in finding["reason"]


def test_findings_of_the_module_and_of_the_gateway_come_together(tool, configuration):
    done = tool("check", "--json", "--config", configuration("<wrong/>", "<also_wrong/>"))
    assert {each["field"] for each in done.object()["findings"]} == {"gateway.wrong", "mtls.also_wrong"}


def test_what_the_gateway_does_not_read_is_told(tool, configuration):
    file = configuration()
    directory = file.parent / "gateway.d"
    directory.mkdir()
    (directory / "more.xml").write_text("<clickhouse><max_connections>3</max_connections></clickhouse>")
    (warning,) = tool("check", "--json", "--config", file).object()["warnings"]
    assert "more.xml" in warning


def explained(tool, pki, file, name, *more):
    return tool("explain", "--config", file, "--chain", pki.path / f"{name}.pem", "--listener", "tcp_port_secure", *more).out


def test_explain_says_how_the_user_is_proved(tool, pki, configuration, tmp_path):
    assert "gateway: logs in to the server by a single-use token" in explained(tool, pki, configuration(), "alice")
    assert "gateway: refuses: it has no proof" in explained(tool, pki, configuration(""), "alice")
    passwords = tmp_path / "passwords"
    passwords.write_text("alice secret-of-alice\n")
    passwords.chmod(0o600)
    file = configuration(f"<proof><passwords>{passwords}</passwords></proof>")
    told = explained(tool, pki, file, "alice")
    assert f"gateway: logs in to the server by the password of {passwords}" in told
    assert "secret-of-alice" not in told


def test_explain_says_that_a_node_never_becomes_a_user(tool, pki, configuration):
    nodes = "<nodes><rule><name>cluster</name><dns>*.nodes.example</dns></rule><acts_as><user>service</user></acts_as></nodes>"
    told = explained(tool, pki, configuration(TOKENS, nodes), "node", "--user", "service")
    assert "gateway: passes a node's own user and password" in told


def test_setup_prints_the_server_and_its_users(tool, configuration):
    done = tool("gateway", "setup", "--config", configuration(), "--from", "10.0.0.7")
    assert done.status == 0
    assert "<uri>http://127.0.0.1:9181/</uri>" in done.out
    by_token = "IDENTIFIED WITH http SERVER 'clickhouse_mtls_gateway' SCHEME 'BASIC' HOST IP '10.0.0.7';"
    assert f"CREATE USER IF NOT EXISTS `alice` {by_token}" in done.out
    assert f"CREATE USER IF NOT EXISTS `re'po\\`rts` {by_token}" in done.out
    assert "rule people gives user {who}" in done.out
    assert "`dave`" not in done.out
    assert "rule both wants the password of user dave as well" in done.out


def test_setup_for_users_d(tool, configuration):
    out = tool("gateway", "setup", "--config", configuration(), "--format", "xml").out
    proof = "<http_authentication><server>clickhouse_mtls_gateway</server><scheme>basic</scheme></http_authentication>"
    assert f"<alice>{proof}<networks><ip>127.0.0.1</ip></networks></alice>" in out
    assert "re'po`rts: users.xml cannot hold this name" in out


def test_setup_as_json(tool, configuration):
    told = json.loads(tool("gateway", "setup", "--json", "--config", configuration()).out)
    assert told["users"] == ["alice", "re'po`rts"]
    assert told["rules_with_captures"] == ["people"]
    assert len(told["sql"]) == 2


def test_setup_shows_no_password(tool, configuration, tmp_path):
    passwords = tmp_path / "passwords"
    passwords.write_text("alice secret-of-alice\n")
    passwords.chmod(0o600)
    out = tool("gateway", "setup", "--config", configuration(f"<proof><passwords>{passwords}</passwords></proof>")).out
    assert f"CREATE USER IF NOT EXISTS `alice` IDENTIFIED BY '<the password of {passwords}>'" in out
    assert "secret-of-alice" not in out
    assert "http_authentication_servers" not in out


@pytest.mark.parametrize("address", ["", "1.2.3.4'", "somewhere"])
def test_setup_takes_addresses_only(tool, configuration, address):
    done = tool("gateway", "setup", "--config", configuration(), f"--from={address}")
    assert done.status == 2
    assert "--from" in done.err


def test_setup_is_for_a_gateway(tool, pki, configuration):
    file = configuration()
    file.write_text(file.read_text().replace("<gateway>", "<!--").replace("</gateway>", "-->"))
    done = tool("gateway", "setup", "--config", file)
    assert done.status == 2
    assert "no configuration of a gateway" in done.err
