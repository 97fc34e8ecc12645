"""Observe mode on a real server: nothing new is refused, everything that would be is listed, and enforcement is one word away."""

import datetime
import json
import subprocess

import clickhouse_driver
import pytest
from lib import clients
from lib.pki import Authority, rsa_key, write
from lib.server import Config, Server, user
from lib.wait import eventually

USERS = user("alice", "<ssl_certificates><common_name>alice</common_name></ssl_certificates>") + user(
    "both", "<password>correct horse</password><ssl_certificates><common_name>both</common_name></ssl_certificates>"
)


class Scene:
    def __init__(self, patched, directory, openssl, build):
        self.ca = Authority(directory / "pki")
        self.list = directory / "list.crl"
        self.socket = directory / "admin.sock"
        self.tool = build / "clickhouse-mtls"
        self.revoke()
        self.server = Server(
            patched,
            directory / "server",
            Config(openssl_server=openssl(self.ca.file, self.ca.server()), mtls=self.mtls("observe"), users=USERS),
        )

    def mtls(self, mode, crl=None, more=""):
        crl = f"<crl>{self.list}</crl>" if crl is None else crl
        return f"<mode>{mode}</mode>{crl}<admin><socket>{self.socket}</socket></admin>{more}"

    def set(self, mode, **section):
        """And waits until it is in force."""
        before = self.status()["generation"]
        self.server.write_config(mtls=self.mtls(mode, **section))
        eventually(lambda: self.status()["generation"] > before, what="the new section")
        assert self.status()["listeners"][0]["mode"] == mode

    def enforce(self, **section):
        self.set("enforce", **section)

    def revoke(self, *pairs, **times):
        write(self.list, self.ca.crl(*pairs, number=len(pairs) + 1, **times), 0o644)

    def status(self):
        done = subprocess.run([self.tool, "status", "--socket", self.socket, "--json"], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def rows(self, stage):
        return [row for row in self.status()["would_refuse"]["rows"] if row["stage"] == stage]

    def native(self, pair, name, password=""):
        return clients.native(self.server, self.ca.file, pair, name, password)


@pytest.fixture
def scene(patched, tmp_path, openssl, build):
    made = Scene(patched, tmp_path, openssl, build)
    with made.server:
        yield made


def test_a_revoked_certificate_goes_on_without_an_identity(scene):
    alice, both, good = scene.ca.issue("alice", "alice"), scene.ca.issue("both", "both"), scene.ca.issue("good", "alice")
    assert scene.native(alice, "alice").user == "alice"
    assert scene.native(both, "both").user == "both", "without a password, by certificate"
    scene.revoke(alice, both)
    eventually(lambda: not scene.native(both, "both"), what="the revocation")
    refused = scene.native(alice, "alice")
    assert not refused and "certificate" in refused.text.lower(), "a user who has no other login stays closed"
    assert scene.native(both, "both", "correct horse").user == "both", "as with the stock server"
    assert scene.native(good, "alice").user == "alice"

    eventually(lambda: len(scene.rows("peer")) == 2, what="the rows")
    for row in scene.rows("peer"):
        assert (row["where"], row["reason"]) == ("tcp_port_secure", "REVOKED") and row["count"] > 0
    assert {row["identity"] for row in scene.rows("peer")} == {"CN=alice", "CN=both"}

    scene.enforce()
    refused = scene.native(both, "both", "correct horse")
    assert not refused and refused.code != 193, "in the handshake already"
    assert scene.native(good, "alice").user == "alice"


def test_what_the_stock_server_refuses_stays_refused(scene):
    stranger = Authority(scene.ca.directory, "Stranger CA").issue("stranger", "alice")
    day = datetime.timedelta(days=1)
    expired = scene.ca.issue("expired", "both", begin=-3 * day, end=-1 * day)
    assert not scene.native(stranger, "alice")
    assert not scene.native(expired, "both", "correct horse")
    assert scene.native(None, "both", "correct horse").user == "both"
    assert not scene.rows("peer")


def test_live_sessions_stay_and_are_listed(scene):
    pair = scene.ca.issue("alice", "alice")
    client = clickhouse_driver.Client(
        "127.0.0.1", port=scene.server.ports["tcp_port_secure"], user="alice", secure=True, ca_certs=str(scene.ca.file),
        certfile=str(pair.certificate), keyfile=str(pair.key),
    )
    assert client.execute("SELECT 1") == [(1,)]
    kept = client.connection.socket
    scene.revoke(pair)
    eventually(lambda: scene.rows("session"), what="the row")
    assert client.execute("SELECT 2") == [(2,)] and client.connection.socket is kept
    [row] = scene.rows("session")
    assert (row["user"], row["reason"]) == ("alice", "REVOKED")
    scene.enforce()
    eventually(lambda: scene.status()["sessions"]["closed"] == 1, what="the end of the session")
    client.disconnect()


HOUR = datetime.timedelta(hours=1)
GOOD = {"begin": -HOUR, "end": HOUR}

# reason -> what would refuse, the certificate that it would refuse
NOT_GOOD_ENOUGH = {
    "LIFETIME": (
        "<limits><users><max_certificate_lifetime>3h</max_certificate_lifetime></users></limits>",
        {"begin": -2 * HOUR, "end": 2 * HOUR},
    ),
    "ENDING": ("<limits><users><min_remaining_lifetime>30m</min_remaining_lifetime></users></limits>", {"begin": -HOUR, "end": HOUR / 4}),
    "WEAK": ("<limits><users><min_rsa_bits>3072</min_rsa_bits></users></limits>", {**GOOD, "key": rsa_key}),
}


@pytest.mark.parametrize("reason", NOT_GOOD_ENOUGH)
def test_what_is_not_good_enough_goes_on_and_is_listed(scene, reason):
    limits, what = NOT_GOOD_ENOUGH[reason]
    bad = scene.ca.issue("bad", "both", **{**what, **({"key": what["key"]()} if "key" in what else {})})
    good = scene.ca.issue("good", "both", **GOOD)
    scene.set("observe", more=limits)
    for pair in (bad, good):
        assert scene.native(pair, "both", "correct horse").user == "both", "as with the stock server"
    assert not scene.native(bad, "both"), "nobody is identified by it"
    assert scene.native(good, "both").user == "both"
    rows = scene.rows("peer")
    assert [(row["identity"], row["reason"]) for row in rows] == [("CN=both", reason)]

    scene.enforce(more=limits)
    assert not scene.native(bad, "both", "correct horse")
    assert scene.native(good, "both").user == "both"


def missing(_scene):
    return {"crl": "", "more": "<revocation><policy>require</policy></revocation>"}


def grown_old(scene):
    scene.revoke(begin=-3 * HOUR, end=-2 * HOUR)
    return {"more": "<revocation><policy>if_present</policy></revocation>"}


@pytest.mark.parametrize(("reason", "section"), [("CRL-MISSING", missing), ("CRL-EXPIRED", grown_old)])
def test_without_a_fresh_list_they_go_on_and_are_listed(scene, reason, section):
    both = scene.ca.issue("both", "both")
    section = section(scene)
    scene.set("observe", **section)
    assert scene.native(both, "both", "correct horse").user == "both", "as with the stock server"
    assert not scene.native(both, "both"), "nobody is identified by it"
    assert [(row["identity"], row["reason"]) for row in scene.rows("peer")] == [("CN=both", reason)]

    scene.enforce(**section)
    assert not scene.native(both, "both", "correct horse")
    scene.enforce(crl="", more="<revocation><policy>off</policy></revocation>")
    assert scene.native(both, "both").user == "both", "who does not ask for lists needs none"


def test_a_session_past_its_time_stays_and_is_listed(scene):
    pair = scene.ca.issue("alice", "alice")
    rule = "<users><rule><name>short</name><common_name>alice</common_name><user>alice</user><max_session>5s</max_session></rule></users>"

    def kept():
        return clickhouse_driver.Client(
            "127.0.0.1", port=scene.server.ports["tcp_port_secure"], user="alice", secure=True, ca_certs=str(scene.ca.file),
            certfile=str(pair.certificate), keyfile=str(pair.key),
        )  # fmt: skip

    def sessions():
        return scene.status()["sessions"]

    def comes_in():
        """By the rule that is in force; the server may take up users.xml after config.xml."""
        client = kept()
        try:
            assert client.execute("SELECT 1") == [(1,)]
        except clickhouse_driver.errors.Error as refused:
            client.disconnect()
            raise AssertionError(str(refused)) from refused
        return client

    scene.server.write_users(user("alice") + user("both", "<password>correct horse</password>"))
    scene.set("observe", more=rule)
    client = eventually(comes_in, what="a session by the rule")
    socket = client.connection.socket
    eventually(lambda: "SESSION-TIME" in [row["reason"] for row in scene.rows("session")], what="the row")
    assert client.execute("SELECT 2") == [(2,)] and client.connection.socket is socket
    client.disconnect()
    eventually(lambda: sessions()["live"] == 0, what="the end of the observed session")

    scene.enforce(more=rule)
    closed = sessions()["closed"]
    client = eventually(comes_in, what="a session by the rule")
    eventually(lambda: sessions()["closed"] > closed, what="the end of the session")
    client.disconnect()


def test_who_was_only_let_through_goes_when_it_is_enforced(scene):
    """Connections without an identity are in no registry of sessions; enforcement reaches them all the same."""

    def kept(name, pair):
        shown = {"certfile": str(pair.certificate), "keyfile": str(pair.key)} if pair else {}
        client = clickhouse_driver.Client(
            "127.0.0.1", port=scene.server.ports["tcp_port_secure"], user=name, password="correct horse" if name == "both" else "",
            secure=True, ca_certs=str(scene.ca.file), **shown,
        )  # fmt: skip
        assert client.execute("SELECT 1") == [(1,)]
        return client, client.connection.socket

    revoked, good = scene.ca.issue("revoked", "both"), scene.ca.issue("good", "alice")
    scene.revoke(revoked)
    eventually(lambda: not scene.native(revoked, "both"), what="the revocation")
    let_through, socket = kept("both", revoked)
    proven, kept_socket = kept("alice", good)
    scene.set("observe", more="<sessions><on_revoked>after_query</on_revoked></sessions>")
    assert let_through.execute("SELECT 2") == [(2,)] and let_through.connection.socket is socket, "another setting ends nothing"
    scene.enforce()
    eventually(lambda: "TLS connections without an identity" in scene.server.log(), what="the end of it")
    assert proven.execute("SELECT 3") == [(3,)] and proven.connection.socket is kept_socket
    with pytest.raises((OSError, EOFError, clickhouse_driver.errors.Error)):
        let_through.connection.ping() or let_through.execute("SELECT 4")
    for client in (let_through, proven):
        client.disconnect()


def test_it_bridges_fetches_by_replicas_without_a_certificate(patched, tmp_path, openssl):
    """From the first <mtls> on the interserver port asks everybody for a certificate, which other replicas may not have yet."""
    ca = Authority(tmp_path / "pki")
    pair = ca.server()
    config = Config(openssl_server=openssl(ca.file, pair), mtls="", listeners=("interserver_https_port",))
    with Server(patched, tmp_path / "server", config) as server:

        def reached(certificate=None):
            parameters = {"endpoint": "DataPartsExchange:/nowhere", "part": "all_0_0_0", "compress": "false"}
            return clients.https(server, ca.file, certificate, parameters=parameters, port="interserver_https_port").status is not None

        assert "cannot fetch from those that have <mtls>" in server.log(), "it says so at its start"
        assert not reached()
        assert reached(pair), "the twin"
        observe = "<listeners><interserver_https_port><mode>observe</mode></interserver_https_port></listeners>"
        server.write_config(mtls=observe)
        eventually(reached, what="a replica without a certificate that is let in")
        assert reached(pair)
        server.write_config(mtls="")
        eventually(lambda: not reached(), what="enforcement again")
