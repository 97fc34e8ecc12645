"""Chapter 6: trust that is taken back ends what it opened: resumption, live sessions, and access for an hour (here: seconds)."""

import select
import socket
import ssl

import authority
import wait
from clickhouse_driver.errors import Error as DriverError
from clients import ADDRESS

PATIENCE = 10  # seconds until we call it a failure; what was measured is shown
HOUR = 8  # seconds that stand for the hour of a support engineer's certificate
ASK = (
    "GET /?query=SELECT+1 HTTP/1.1\r\nHost: localhost\r\nX-ClickHouse-SSL-Certificate-Auth: on\r\n"
    "X-ClickHouse-User: alice\r\nConnection: {}\r\n\r\n"
)


def show(stage):
    stage.report.chapter("6. Trust that is taken back")
    resumption_and_sessions(stage)
    an_hour_of_support(stage)


class Https:
    """One TLS connection after the other, each with the session of the one before."""

    def __init__(self, stage, pair, version):
        self.port = stage.server.ports.https
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.load_verify_locations(stage.clients.authority)
        self.context.load_cert_chain(pair.certificate, pair.key)
        self.context.minimum_version = self.context.maximum_version = version
        self.session = None

    def connect(self):
        plain = socket.create_connection((ADDRESS, self.port), timeout=10)
        return self.context.wrap_socket(plain, server_hostname="localhost", session=self.session)

    def ask(self):
        """(the answer was good, the connection was resumed)"""
        try:
            with self.connect() as secure:
                secure.sendall(ASK.format("close").encode())
                said = b""
                while chunk := secure.recv(65536):
                    said += chunk
                resumed, self.session = secure.session_reused, secure.session
                return b" 200 OK" in said.partition(b"\r\n")[0], resumed
        except OSError:
            return False, False


def closed(connection):
    """The server has ended it."""
    if not select.select([connection], [], [], 0)[0]:
        return False
    try:
        return not connection.recv(1)
    except OSError:
        return True


def resumption_and_sessions(stage):
    report, tls = stage.report, stage.server.tls
    alice = stage.people["alice"]
    versions = {"TLS 1.2": ssl.TLSVersion.TLSv1_2, "TLS 1.3": ssl.TLSVersion.TLSv1_3}
    offers = {name: Https(stage, alice, version) for name, version in versions.items()}
    for name, https in offers.items():
        first, second = https.ask(), https.ask()
        report.expect(f"{name}: a session is resumed while alice is trusted", second, first == (True, False) and second == (True, True))

    native = stage.clients.connect(alice, "alice")
    native.execute("SELECT 1")
    kept = Https(stage, alice, ssl.TLSVersion.TLSv1_3).connect()
    kept.sendall(ASK.format("keep-alive").encode())
    kept.recv(65536)
    next_home = authority.Authority(stage.tool, "after-next-ca")
    mark = stage.server.log_size()
    report.say("her CA is removed from the server's file")
    authority.replace(tls / "ca.pem", next_home.certificate)
    took = wait.seconds_until(lambda: closed(native.connection.socket) and closed(kept), PATIENCE)
    line = stage.server.logged(mark, "session", "closed")
    report.expect(
        "her open sessions end, native and HTTPS", f"after {took:.2f} s: {line.partition('message=')[2]}" if took else "still open",
        took is not None and line,
    )
    for name, https in offers.items():
        answer = https.ask()
        report.expect(f"{name}: the ticket opens nothing any more", answer, answer == (False, False))
    native.disconnect()
    kept.close()
    authority.replace(tls / "ca.pem", stage.home.certificate)
    took = wait.seconds_until(lambda: stage.clients.driver(alice, "alice", quiet=True).ok, PATIENCE)
    report.expect("put back: she gets in again", f"after {took:.2f} s" if took else "refused", took is not None)


def an_hour_of_support(stage):
    report, clients = stage.report, stage.clients
    pair = stage.home.issue("support", "--cn", "support", "--client", f"--lifetime={HOUR}s")
    session = clients.connect(pair, "support")
    may = session.execute("SELECT count() > 0 FROM system.processes WHERE user = 'support'")
    report.expect(f"a certificate for {HOUR} s: support reads system tables", may, may == [(1,)])
    for what, query in (
        ("no other database", "SELECT count() FROM default.t"),
        ("no writing", "CREATE TABLE system.t (x UInt8) ENGINE = Memory"),
    ):
        refused = refusal_of(clients.connect(pair, "support"), query)
        report.expect(f"and {what}", refused or "allowed", refused)
    took = wait.seconds_until(lambda: closed(session.connection.socket), HOUR + PATIENCE)
    again = clients.driver(pair, "support")
    report.expect(
        "when the time is over the session ends, and there is no other", f"after {took:.2f} s; then: {again.text}" if took else "open",
        took is not None and not again.ok,
    )
    session.disconnect()


def refusal_of(session, query):
    """The server's words; empty when it did as asked. The driver ends a session that met an error."""
    try:
        session.execute(query)
        return ""
    except DriverError as error:
        return " ".join(str(error).partition("Stack trace:")[0].split())
    finally:
        session.disconnect()
