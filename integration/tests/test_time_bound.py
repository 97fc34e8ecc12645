"""Access with an end: rules with a time, sessions with a length, and the support engineer's hour."""

import datetime
import threading

import clickhouse_driver
import clickhouse_driver.errors
import pytest
from lib import clients
from lib.pki import Authority, write
from lib.server import Config, Server, user
from lib.wait import eventually

SECOND = datetime.timedelta(seconds=1)
HOUR = datetime.timedelta(hours=1)

# Reads, and sees the system database alone.
READ_ONLY = """<profiles><default></default><support_only><readonly>1</readonly><log_queries>1</log_queries></support_only></profiles>"""
SUPPORT = """<support><networks><ip>127.0.0.1</ip></networks><profile>support_only</profile><quota>default</quota>
<allow_databases><database>system</database></allow_databases></support>"""
QUERY_LOG = """<query_log><database>system</database><table>query_log</table>
<flush_interval_milliseconds>100</flush_interval_milliseconds></query_log>"""


def rfc3339(time):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


class Scene:
    def __init__(self, patched, directory, openssl):
        self.ca = Authority(directory / "pki", "Timed CA")
        self.rules = write(directory / "rules", self.rule())
        self.alice = self.ca.issue("alice", "alice")
        self.server = Server(
            patched,
            directory / "server",
            Config(
                openssl_server=openssl(self.ca.file, self.ca.server()),
                mtls=f"<users><rules_file>{self.rules}</rules_file></users>",
                users=user("alice") + user("eve", "<password>correct horse</password>") + SUPPORT,
                extra=QUERY_LOG,
            ),
        )
        self.server.write_users()
        self.allow_support()

    def allow_support(self):
        text = self.server.users_file.read_text().replace("<profiles><default></default></profiles>", READ_ONLY)
        write(self.server.users_file, text.encode())

    @staticmethod
    def rule(terms=""):
        return (
            "support: common_name=support issuer='CN=Timed CA' -> support\n"
            f"alice: common_name=alice -> alice {terms}\neve: common_name=eve -> eve password=required\n"
        ).encode()

    def write_rule(self, terms):
        write(self.rules, self.rule(terms))

    def session(self, pair, name, password=""):
        return clickhouse_driver.Client(
            "127.0.0.1",
            port=self.server.ports["tcp_port_secure"],
            user=name,
            password=password,
            secure=True,
            ca_certs=str(self.ca.file),
            certfile=str(pair.certificate),
            keyfile=str(pair.key),
        )

    def who(self, pair, name, password=""):
        return clients.native(self.server, self.ca.file, pair, name, password).user


@pytest.fixture(scope="module")
def scene(patched, tmp_path_factory, openssl):
    made = Scene(patched, tmp_path_factory.mktemp("timed"), openssl)
    with made.server:
        yield made


def ended(client):
    """Has the server closed the session? Asks the socket, so that nothing connects anew."""
    connection = client.connection.socket
    connection.settimeout(0.01)
    try:
        return connection.recv(1) == b""
    except (TimeoutError, OSError) as error:
        return "timed out" not in str(error) and "did not complete" not in str(error)


def test_the_support_engineers_hour(scene):
    """Ten seconds of it: a short certificate, a read-only user, one database, every query in the log, and then it is over."""
    server = scene.server
    begun = datetime.datetime.utcnow()
    hour = scene.ca.issue("support", "support", begin=-HOUR, end=10 * SECOND)
    session = scene.session(hour, "support")
    assert session.execute("SELECT 1 FROM system.tables LIMIT 1") == [(1,)]
    for forbidden in ("CREATE TABLE system.mine (a UInt8) ENGINE = Memory", "SET max_threads = 1", "SELECT count() FROM default.anything"):
        with pytest.raises(clickhouse_driver.errors.ServerException):
            session.execute(forbidden)
    session = scene.session(hour, "support")
    assert session.execute("SELECT 'the last word' FROM system.one") == [("the last word",)]

    running = []

    def long_query():
        client = scene.session(hour, "support")
        try:
            client.execute("SELECT count() FROM system.numbers")
        except (OSError, EOFError, clickhouse_driver.errors.Error) as end:
            running.append((datetime.datetime.utcnow(), end))
        finally:
            client.disconnect()

    thread = threading.Thread(target=long_query)
    thread.start()
    eventually(lambda: ended(session), what="the end of the hour")
    thread.join(timeout=15)
    assert running and (running[0][0] - begun) > 3 * SECOND, running
    assert not scene.who(hour, "support"), "and no way back in"

    def logged():
        if server.admin("EXISTS TABLE system.query_log") != "1":
            return ""
        return server.admin("SELECT query FROM system.query_log WHERE user = 'support' AND query LIKE '%last word%' LIMIT 1")

    assert "the last word" in eventually(lambda: logged(), what="the query log")
    others = server.admin("SELECT count() FROM system.query_log WHERE query LIKE '%last word%' AND user NOT IN ('support', 'admin')")
    assert others == "0"


def test_a_rule_with_an_end_ends_its_sessions(scene):
    now = datetime.datetime.utcnow()
    scene.write_rule(f"valid_from={rfc3339(now - HOUR)} valid_until={rfc3339(now + HOUR)}")
    eventually(lambda: scene.who(scene.alice, "alice") == "alice", what="the rule's time")
    session = scene.session(scene.alice, "alice")
    assert session.execute("SELECT 1") == [(1,)]
    scene.write_rule(f"valid_until={rfc3339(datetime.datetime.utcnow() + 4 * SECOND)}")
    eventually(lambda: ended(session), what="the end of the session")
    session.disconnect()
    assert not scene.who(scene.alice, "alice")
    assert not clients.https_as(scene.server, scene.ca.file, scene.alice, "alice")
    assert "reason=RULE-TIME" in scene.server.log()
    scene.write_rule("")
    eventually(lambda: scene.who(scene.alice, "alice") == "alice", what="the rule without an end")


def test_sessions_of_limited_length(scene):
    scene.write_rule("max_session=2s")
    eventually(lambda: "alice" == scene.who(scene.alice, "alice"), what="the rule")
    session = scene.session(scene.alice, "alice")
    assert session.execute("SELECT 1") == [(1,)]
    ask = {**clients.ON, "X-ClickHouse-User": "alice"}
    with clients.HttpsConnection(scene.server, scene.ca.file, scene.alice) as kept:
        assert kept.ask(ask).user == "alice"
        eventually(lambda: not kept.ask(ask), what="the end of the kept connection")
    eventually(lambda: ended(session), what="the end of the session")
    session.disconnect()
    assert scene.who(scene.alice, "alice") == "alice", "a new session is a new one"
    assert "has lasted 2 s" in scene.server.log()
    scene.write_rule("")


def test_certificate_and_password(scene):
    server, ca = scene.server, scene.ca
    eve = ca.issue("eve", "eve")
    right = {"X-ClickHouse-User": "eve", "X-ClickHouse-Key": "correct horse"}
    wrong = {"X-ClickHouse-User": "eve", "X-ClickHouse-Key": "battery staple"}
    assert scene.who(eve, "eve", "correct horse") == "eve"
    assert clients.native(server, ca.file, eve, "eve", "battery staple").code == 193
    assert not scene.who(eve, "eve"), "the certificate alone"
    assert not scene.who(scene.alice, "eve", "correct horse"), "the password with another certificate"
    assert not clients.native(server, ca.file, None, "eve", "correct horse"), "the password alone"
    assert clients.https(server, ca.file, eve, headers=right).user == "eve"
    assert clients.https(server, ca.file, eve, headers=wrong).status == 401
    assert not clients.https_as(server, ca.file, eve, "eve")
    assert not clients.https(server, ca.file, None, headers=right)
    assert not clients.https(server, ca.file, scene.alice, headers=right)
    assert "reason=PASSWORD-REQUIRED" in server.log()

    session = scene.session(eve, "eve", "correct horse")
    assert session.execute("SELECT 1") == [(1,)]
    write(scene.rules, scene.rule().replace(b"common_name=eve", b"common_name=adam"))
    eventually(lambda: ended(session), what="the end of a session whose rule is gone")
    session.disconnect()
    scene.write_rule("")
    eventually(lambda: scene.who(eve, "eve", "correct horse") == "eve", what="the rule")
