"""Certificates that are taken back: by a list, by the lack of one, by one that has grown old."""

import datetime
import re
import threading

import clickhouse_driver
import pytest
from lib import clients
from lib.pki import Authority, write
from lib.server import Config, Server, user
from lib.wait import eventually

USERS = "".join(user(name, f"<ssl_certificates><common_name>{name}</common_name></ssl_certificates>") for name in ("alice", "bob"))
SECOND = datetime.timedelta(seconds=1)
HOUR = datetime.timedelta(hours=1)


class Scene:
    def __init__(self, patched, directory, openssl):
        self.ca = Authority(directory / "pki", "Revoking CA")
        self.list = write(directory / "list.crl", self.ca.crl(), 0o644)
        self.alice = self.ca.issue("alice", "alice")
        self.bob = self.ca.issue("bob", "bob")
        self.server = Server(
            patched, directory / "server", Config(openssl_server=openssl(self.ca.file, self.ca.server()), mtls=self.mtls(), users=USERS)
        )

    def mtls(self, revocation=""):
        return f"<poll_interval>0.2</poll_interval><crl>{self.list}</crl>{revocation}"

    def revoke(self, *pairs, **times):
        write(self.list, self.ca.crl(*pairs, number=2, **times), 0o644)

    def who(self, pair, name):
        return clients.native(self.server, self.ca.file, pair, name).user


@pytest.fixture
def scene(patched, tmp_path, openssl):
    made = Scene(patched, tmp_path, openssl)
    with made.server:
        assert made.who(made.alice, "alice") == "alice"
        yield made


def endless_query(scene, pair, name):
    """A query that would never end, on a thread; what it came to is in the list that is returned."""
    client = clickhouse_driver.Client(
        "127.0.0.1",
        port=scene.server.ports["tcp_port_secure"],
        user=name,
        secure=True,
        ca_certs=str(scene.ca.file),
        certfile=str(pair.certificate),
        keyfile=str(pair.key),
    )
    ended = []

    def run():
        try:
            client.execute("SELECT count() FROM system.numbers")
            ended.append("a result")
        except (OSError, EOFError, clickhouse_driver.errors.Error) as broken:
            ended.append(broken)
        finally:
            client.disconnect()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, ended


def running(scene, name):
    return int(scene.server.admin(f"SELECT count() FROM system.processes WHERE user = '{name}'"))


def refused_for(scene, pair, name, reason):
    """One that a new generation meets in the middle is closed as a session; the next one is refused with the code of the reason."""
    return scene.who(pair, name) is None and f"reason={reason}" in scene.server.log()


def test_revocation_while_a_long_query_runs(scene):
    queries = {name: endless_query(scene, pair, name) for name, pair in (("alice", scene.alice), ("bob", scene.bob))}
    try:
        eventually(lambda: running(scene, "alice") == 1 and running(scene, "bob") == 1, what="both queries")
        scene.revoke(scene.alice)
        eventually(lambda: queries["alice"][1], what="the end of alice's query")
        assert re.search(r"event=session decision=closed .* user=alice .* reason=REVOKED message=", scene.server.log())
        assert running(scene, "bob") == 1 and not queries["bob"][1]
        assert not scene.who(scene.alice, "alice")
        assert "reason=REVOKED" in scene.server.log()
        assert scene.who(scene.ca.issue("alice-2", "alice"), "alice") == "alice"
        scene.revoke(scene.alice, scene.bob)
        eventually(lambda: queries["bob"][1], what="the end of bob's query")
    finally:
        scene.server.stop()
        for thread, _ in queries.values():
            thread.join(timeout=30)


def test_where_a_list_is_required(scene, tmp_path):
    def of(pair, name, expected):
        return lambda: scene.who(pair, name) == expected

    require = "<revocation><policy>require</policy></revocation>"
    scene.server.write_config(mtls=scene.mtls(require).replace(f"<crl>{scene.list}</crl>", ""))
    eventually(lambda: refused_for(scene, scene.alice, "alice", "CRL-MISSING"), what="the end of logins without a list")
    own = (
        "<revocation><policy>require</policy>"
        "<authority><subject>CN=Revoking CA</subject><policy>if_present</policy></authority></revocation>"
    )
    scene.server.write_config(mtls=scene.mtls(own).replace(f"<crl>{scene.list}</crl>", ""))
    eventually(of(scene.alice, "alice", "alice"), what="the authority's own policy")
    scene.server.write_config(mtls=scene.mtls(require))
    eventually(lambda: scene.server.log().count("is in force") >= 4, what="the list")
    assert scene.who(scene.alice, "alice") == "alice"


def test_a_required_list_is_that_of_the_certificates_own_distribution_point(scene, tmp_path):
    """Of two shards with a list each, one list does not do for the certificates of the other."""
    shards = {name: f"http://crl.example/{name}" for name in ("one", "two")}
    lists = tmp_path / "lists"
    lists.mkdir()
    alice = scene.ca.issue("alice-one", "alice", point=shards["one"])
    bob = scene.ca.issue("bob-two", "bob", point=shards["two"])
    write(lists / "one.crl", scene.ca.crl(point=shards["one"]), 0o644)
    require = "<revocation><policy>require</policy></revocation>"
    scene.server.write_config(mtls=f"<poll_interval>0.2</poll_interval><crl>{lists}</crl>{require}")
    eventually(lambda: refused_for(scene, bob, "bob", "CRL-MISSING"), what="the end of logins of the second shard")
    assert scene.who(alice, "alice") == "alice"
    write(lists / "two.crl", scene.ca.crl(point=shards["two"]), 0o644)
    eventually(lambda: scene.who(bob, "bob") == "bob", what="the second shard's list")
    write(lists / "two.crl", scene.ca.crl(bob, number=2, point=shards["two"]), 0o644)
    eventually(lambda: refused_for(scene, bob, "bob", "REVOKED"), what="bob's revocation")
    assert scene.who(alice, "alice") == "alice"


def test_a_list_that_grows_old_is_spoken_of_and_closes_or_not(scene):
    scene.server.write_config(mtls=scene.mtls("<revocation><warn_before>1h</warn_before></revocation>"))
    scene.revoke(begin=-HOUR, end=8 * SECOND)
    eventually(lambda: "must be renewed before" in scene.server.log(), what="the warning ahead")
    assert scene.who(scene.alice, "alice") == "alice"

    def expired():
        return refused_for(scene, scene.alice, "alice", "CRL-EXPIRED")

    eventually(expired, what="the end of what the list is for")
    eventually(lambda: "should have been renewed at" in scene.server.log(), what="the word on the old list")
    scene.server.write_config(mtls=scene.mtls("<revocation><stale>open</stale></revocation>"))
    eventually(lambda: scene.who(scene.alice, "alice") == "alice", what="logins by a list that is past its time")
    scene.revoke(scene.alice, begin=-2 * HOUR, end=-HOUR)
    eventually(lambda: scene.who(scene.alice, "alice") is None, what="whom the old list names")
    assert scene.who(scene.bob, "bob") == "bob"
