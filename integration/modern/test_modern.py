"""The gateway before a ClickHouse of today, whose users prove themselves by single-use tokens."""

import base64
import re
import subprocess
import urllib.error
import urllib.request
from urllib.parse import quote

import clickhouse_driver
import pytest
from lib import clients
from lib.gateway import Gateway, GatewayConfig
from lib.pki import Authority
from lib.proxy import Recorder
from lib.server import free_ports
from lib.wait import eventually
from lib_modern import ModernServer

PEOPLE = ("alice", "carol")
# By whom the library itself runs the statement that makes it listen.
DEFAULT = "<default><password></password><networks><ip>127.0.0.1</ip></networks></default>"
RULES = """<certificate_login>always</certificate_login><users>
<rule><name>people</name><common_name>{who}.people.example</common_name><user>{who}</user></rule></users>
<nodes><rule><name>cluster</name><dns>*.nodes.example</dns></rule></nodes>"""


class World:
    def __init__(self, build, directory):
        self.token_port = free_ports(1)[0]
        self.questions = Recorder(self.token_port)
        users = "".join(
            f"<{who}><http_authentication><server>gateway</server><scheme>basic</scheme></http_authentication>"
            "<networks><ip>127.0.0.1</ip></networks></" + who + ">"
            for who in PEOPLE
        )
        servers = (
            f"<http_authentication_servers><gateway><uri>http://127.0.0.1:{self.questions.port}/</uri>"
            "<connection_timeout_ms>5000</connection_timeout_ms><receive_timeout_ms>5000</receive_timeout_ms>"
            "<send_timeout_ms>5000</send_timeout_ms></gateway></http_authentication_servers>"
        )
        users += DEFAULT
        self.server = ModernServer(directory / "server", users, servers)
        self.ca = Authority(directory / "pki", "Company CA")
        self.alice = self.ca.issue("alice", "alice.people.example")
        self.carol = self.ca.issue("carol", "carol.people.example")
        self.nobody = self.ca.issue("nobody", "nobody")
        self.node = self.ca.issue("node", "n1", dns=("n1.nodes.example",))
        pair = self.ca.server("gateway")
        self.gateway = Gateway(
            build / "clickhouse-mtls-gateway",
            directory / "gateway",
            GatewayConfig(
                openssl_server=f"<certificateFile>{pair.certificate}</certificateFile><privateKeyFile>{pair.key}</privateKeyFile>"
                f"<caConfig>{self.ca.file}</caConfig><verificationMode>relaxed</verificationMode>",
                openssl_client=f"<caConfig>{self.ca.file}</caConfig><verificationMode>strict</verificationMode>",
                mtls=RULES,
                gateway=f"<proof><tokens><listen>127.0.0.1:{self.token_port}</listen></tokens></proof>",
            ),
            {"tcp_port_secure": self.server.ports["tcp_port"], "https_port": self.server.ports["http_port"]},
        )

    def native(self, pair, name="default", password=""):
        client = clickhouse_driver.Client(
            "127.0.0.1",
            port=self.gateway.ports["tcp_port_secure"],
            user=name,
            password=password,
            secure=True,
            ca_certs=str(self.ca.file),
            certfile=str(pair.certificate) if pair else None,
            keyfile=str(pair.key) if pair else None,
        )
        try:
            return client.execute("SELECT currentUser()")[0][0]
        finally:
            client.disconnect()

    def https(self, pair, headers=None, target="/?query=" + quote("SELECT currentUser()")):
        context = clients.tls_context(self.ca.file, pair)
        request = urllib.request.Request(f"https://localhost:{self.gateway.ports['https_port']}{target}", headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=60, context=context) as answer:
                return answer.read().decode().strip()
        except urllib.error.HTTPError as refused:
            return refused.code


@pytest.fixture(scope="module")
def world(build, tmp_path_factory):
    made = World(build, tmp_path_factory.mktemp("modern"))
    with made.gateway:
        made.server.start()
        try:
            yield made
        finally:
            made.server.stop()


@pytest.mark.parametrize("who", PEOPLE)
def test_a_certificate_is_the_user_of_its_rule(world, who):
    for _ in range(3):  # a token for each
        assert world.native(getattr(world, who)) == who
        assert world.https(getattr(world, who)) == who
    assert world.native(getattr(world, who), who) == who


def test_refusals_are_understood(world):
    for pair, name in ((world.nobody, "alice"), (None, "alice"), (world.alice, "carol")):
        with pytest.raises(clickhouse_driver.errors.ServerException) as refused:
            world.native(pair, name)
        assert refused.value.code == 516
    assert world.https(world.nobody) == 403
    assert world.https(world.alice, {"X-ClickHouse-User": "carol"}) == 403


def test_the_server_says_how_the_user_proved_himself(world):
    assert world.native(world.alice) == "alice"
    eventually(
        lambda: world.server.admin("SELECT DISTINCT auth_type FROM system.session_log WHERE user = 'alice' AND type = 'LoginSuccess'")
        == "HTTP",
        what="a login by token",
    )


def test_no_password_but_an_unused_token_is_good_at_the_plain_port(world):
    """Whoever reaches it has nothing; nor has who asks the gateway's port for tokens."""
    for password in ("", "0" * 64, "alice"):
        request = urllib.request.Request(
            f"http://127.0.0.1:{world.server.ports['http_port']}/?query=SELECT+1",
            headers={"X-ClickHouse-User": "alice", "X-ClickHouse-Key": password},
        )
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=60)
        assert refused.value.code in (401, 403)
        basic = base64.b64encode(f"alice:{password}".encode()).decode()
        question = urllib.request.Request(f"http://127.0.0.1:{world.token_port}/", headers={"Authorization": f"Basic {basic}"})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(question, timeout=60)
        assert refused.value.code == 403


def test_the_server_asks_about_each_request_of_a_kept_connection(world):
    """So a token that is good for longer would save nothing."""
    with clients.HttpsConnection(world.gateway, world.ca.file, world.alice) as kept:
        kept.connection.connect()
        before = world.questions.accepted
        for _ in range(5):
            kept.connection.request("GET", "/?query=" + quote("SELECT currentUser()"))
            assert kept.connection.getresponse().read().strip() == b"alice"
        assert world.questions.accepted - before == 5


def test_what_setup_prints_is_what_the_server_needs(world, build, tmp_path):
    (token_port,) = free_ports(1)
    server = ModernServer(tmp_path / "server", "")
    config = GatewayConfig(**{**world.gateway.config.__dict__})
    config.mtls = "<users><rule><name>alice</name><common_name>alice.people.example</common_name><user>alice</user></rule></users>"
    config.gateway = f"<proof><tokens><listen>127.0.0.1:{token_port}</listen></tokens></proof>"
    gateway = Gateway(build / "clickhouse-mtls-gateway", tmp_path / "gateway", config, {"tcp_port_secure": server.ports["tcp_port"]})
    setup = [build / "clickhouse-mtls", "gateway", "setup", "--config", gateway.config_file, "--format", "xml"]
    printed = subprocess.run(setup, check=True, capture_output=True, text=True).stdout
    server.top = re.search(r"<clickhouse>\n(.*?)</clickhouse>", printed, re.DOTALL)[1]
    server.users = re.search(r"<clickhouse><users>\n(.*?)</users></clickhouse>", printed, re.DOTALL)[1] + DEFAULT
    with gateway:
        server.start()
        try:
            assert clients.native(gateway, world.ca.file, world.carol, "carol").code == 516
            client = clickhouse_driver.Client(
                "127.0.0.1",
                port=gateway.ports["tcp_port_secure"],
                user="alice",
                secure=True,
                ca_certs=str(world.ca.file),
                certfile=str(world.alice.certificate),
                keyfile=str(world.alice.key),
            )
            assert client.execute("SELECT currentUser()") == [("alice",)]
            client.disconnect()
        finally:
            server.stop()


def test_another_site_cannot_make_a_browser_ask(world):
    """Where certificates log in without being asked for, as here."""
    assert world.https(world.alice, {"Sec-Fetch-Site": "cross-site"}) == 403
    assert world.https(world.alice, {"Origin": "https://evil.example"}) == 403
    assert world.https(world.alice, {"Sec-Fetch-Site": "same-origin"}) == "alice"


def test_other_credentials_in_the_request_change_nothing(world):
    """`default` of this server has no password, and a user in the URL would win over Basic."""
    query = quote("SELECT currentUser()")
    for target in (f"/?query={query}&user=default", f"/?query={query}&%75ser=default&password=", f"/?query={query}&USER=default"):
        assert world.https(world.alice, target=target) in ("alice", 403)
    basic = base64.b64encode(b"default:").decode()
    assert world.https(world.alice, {"Authorization": f"Basic {basic}"}) in ("alice", 403)
    assert world.https(world.alice) == "alice"


def test_large_answers_and_inserts_pass(world):
    client = clickhouse_driver.Client(
        "127.0.0.1",
        port=world.gateway.ports["tcp_port_secure"],
        secure=True,
        ca_certs=str(world.ca.file),
        certfile=str(world.alice.certificate),
        keyfile=str(world.alice.key),
    )
    assert sum(row[0] for row in client.execute_iter("SELECT number FROM numbers(1000000)")) == sum(range(1000000))
    client.disconnect()
    body = world.https(world.alice, target="/?query=" + quote("SELECT sum(number) FROM numbers(1000000)"))
    assert body == str(sum(range(1000000)))


def test_a_node_is_no_user(world):
    with pytest.raises(clickhouse_driver.errors.ServerException):
        world.native(world.node, "alice")
