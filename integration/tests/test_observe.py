"""Observe mode on a real server: nothing new is refused, everything that would be is listed, and enforcement is one word away."""

import datetime
import json
import subprocess

import clickhouse_driver
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from lib import clients
from lib.pki import Authority, pem_of, write
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

    def mtls(self, mode):
        return f"<mode>{mode}</mode><crl>{self.list}</crl><admin><socket>{self.socket}</socket></admin>"

    def enforce(self):
        self.server.write_config(mtls=self.mtls("enforce"))
        eventually(lambda: self.status()["listeners"][0]["mode"] == "enforce", within=10, what="enforcement")

    def revoke(self, *pairs):
        now = datetime.datetime.utcnow()
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.ca.certificate.subject)
            .last_update(now - datetime.timedelta(hours=1))
            .next_update(now + datetime.timedelta(days=1))
            .add_extension(x509.CRLNumber(len(pairs) + 1), critical=False)
        )
        for pair in pairs:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(pair.serial)
                .revocation_date(now - datetime.timedelta(hours=1))
                .build()
            )
        write(self.list, pem_of(builder.sign(self.ca.key, hashes.SHA256())), 0o644)

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
    eventually(lambda: not scene.native(both, "both"), within=10, what="the revocation")
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
    eventually(lambda: scene.rows("session"), within=10, what="the row")
    assert client.execute("SELECT 2") == [(2,)] and client.connection.socket is kept
    [row] = scene.rows("session")
    assert (row["user"], row["reason"]) == ("alice", "REVOKED")
    scene.enforce()
    eventually(lambda: scene.status()["sessions"]["closed"] == 1, within=10, what="the end of the session")
    client.disconnect()
