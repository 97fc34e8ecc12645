"""Trust that is removed also ends what it once opened: live sessions and resumption."""

import datetime
import socket
import ssl

import clickhouse_driver
import pytest
from lib import clients
from lib.pki import Authority, write
from lib.server import Config, Server, user
from lib.wait import eventually

USERS = (
    user("alice", "<ssl_certificates><common_name>alice</common_name></ssl_certificates>")
    + user("bob")
    + user("with_password", "<password>correct horse</password>")
)


@pytest.fixture
def scene(patched, tmp_path, openssl):
    """(server, first authority, second authority): both trusted, through one file; bob by a rules file."""
    first, second = Authority(tmp_path / "pki", "First CA"), Authority(tmp_path / "pki", "Second CA")
    trusted = write(tmp_path / "trusted.crt", first.pem + second.pem, 0o644)
    config = Config(
        openssl_server=openssl(trusted, first.server()),
        mtls="<users><rule><name>bob</name><common_name>bob</common_name><user>bob</user></rule></users>",
        users=USERS,
    )
    with Server(patched, tmp_path / "server", config) as server:
        yield server, first, second, trusted
        Native.disconnect_all()  # a server that stops waits for its clients


def ended(connection):
    """Has the peer closed the connection?"""
    timeout = connection.gettimeout()
    connection.settimeout(0.01)
    try:
        return connection.recv(1) == b""
    except (socket.timeout, ssl.SSLWantReadError):
        return False
    except OSError:
        return True
    finally:
        connection.settimeout(timeout)


class Native:
    """A live native session."""

    opened = []

    @classmethod
    def disconnect_all(cls):
        while cls.opened:
            cls.opened.pop().client.disconnect()

    def __init__(self, server, ca, pair, user, password=""):
        self.client = clickhouse_driver.Client(
            "127.0.0.1",
            port=server.ports["tcp_port_secure"],
            user=user,
            password=password,
            secure=True,
            ca_certs=str(ca),
            certfile=str(pair.certificate),
            keyfile=str(pair.key),
        )
        assert self.client.execute("SELECT 1") == [(1,)]
        self.connection = self.client.connection.socket
        self.opened.append(self)

    def closed(self):
        """The server has ended it: the socket says so, without a query that would connect anew."""
        return ended(self.connection)

    def works(self):
        return not self.closed() and self.client.execute("SELECT 2") == [(2,)]


def test_sessions_of_a_removed_authority_are_closed(scene):
    server, first, second, trusted = scene
    leaving = Native(server, first.file, second.issue("alice-2", "alice"), "alice")
    staying = Native(server, first.file, first.issue("alice", "alice"), "alice")
    write(trusted, first.pem, 0o644)
    eventually(leaving.closed, what="the end of the session")
    assert staying.works()
    assert not clients.native(server, first.file, second.issue("again", "alice"), "alice")


def test_a_kept_https_connection_is_closed(scene):
    server, first, second, trusted = scene
    ask = {**clients.ON, "X-ClickHouse-User": "alice"}
    with clients.HttpsConnection(server, first.file, second.issue("alice-2", "alice")) as connection:
        assert connection.ask(ask).user == "alice"
        kept = connection.connection.sock
        write(trusted, first.pem, 0o644)
        eventually(lambda: ended(kept), within=8, what="the end of the connection")  # which comes by itself after ten seconds


def test_sessions_of_a_removed_rule_are_closed(scene):
    server, first, _, _ = scene
    bob = Native(server, first.file, first.issue("bob", "bob"), "bob")
    alice = Native(server, first.file, first.issue("alice", "alice"), "alice")
    server.write_config(mtls="<users><rule><name>bob</name><common_name>robert</common_name><user>bob</user></rule></users>")
    eventually(bob.closed, what="the end of bob's session")
    assert alice.works()


def test_sessions_of_a_user_who_lost_the_certificate_are_closed(scene):
    server, first, _, _ = scene
    alice = Native(server, first.file, first.issue("alice", "alice"), "alice")
    bob = Native(server, first.file, first.issue("bob", "bob"), "bob")
    server.write_users(USERS.replace("<common_name>alice</common_name>", "<common_name>alice-the-second</common_name>"))
    eventually(alice.closed, what="the end of alice's session")
    assert bob.works()


def test_a_password_session_survives_a_change_of_rules(scene):
    """Its certificate is still trusted, and the login did not rest on it."""
    server, first, _, _ = scene
    session = Native(server, first.file, first.issue("bob", "bob"), "with_password", "correct horse")
    server.write_config(mtls="")
    eventually(lambda: not clients.native(server, first.file, first.issue("bob-2", "bob"), "bob"), what="the change of rules")
    assert session.works()


def test_a_session_ends_with_its_certificate(scene):
    server, first, _, _ = scene
    short = Native(server, first.file, first.issue("short", "alice", end=datetime.timedelta(seconds=4)), "alice")
    long = Native(server, first.file, first.issue("long", "alice"), "alice")
    eventually(short.closed, what="the end of the session")
    assert long.works()


def test_an_added_authority_closes_nothing(scene):
    server, first, second, trusted = scene
    session = Native(server, first.file, first.issue("alice", "alice"), "alice")
    third = Authority(first.directory, "Third CA")
    of_third = third.issue("alice-3", "alice")
    assert not clients.native(server, first.file, of_third, "alice")
    write(trusted, first.pem + second.pem + third.pem, 0o644)
    eventually(lambda: clients.native(server, first.file, of_third, "alice"), what="the third authority")
    assert session.works()


def _resume(server, ca, pair, session, version):
    """Asks over a connection that offers `session`: (answer is OK, it was resumed, session for next time)."""
    context = clients.tls_context(ca, pair, version)
    if session is not None:
        context = session[0]
    with socket.create_connection(("127.0.0.1", server.ports["https_port"]), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname="localhost", session=session[1] if session else None) as secure:
            secure.sendall(
                b"GET /?query=SELECT+1 HTTP/1.1\r\nHost: localhost\r\nX-ClickHouse-SSL-Certificate-Auth: on\r\n"
                b"X-ClickHouse-User: alice\r\nConnection: close\r\n\r\n"
            )
            said = b""
            while chunk := secure.recv(65536):
                said += chunk
            return b" 200 OK" in said.split(b"\r\n")[0], secure.session_reused, (context, secure.session)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_a_resumed_session_is_judged_again(scene, openssl, version):
    """Resumption is allowed (cacheSessions) and works, until the authority goes: then the ticket opens nothing."""
    server, first, second, trusted = scene
    server.stop()
    server.write_config(openssl_server=openssl(trusted, first.server("resuming"), more="<cacheSessions>true</cacheSessions>"))
    server.start()
    pair = second.issue("alice-2", "alice")
    let_in, resumed, session = _resume(server, first.file, pair, None, version)
    assert let_in and not resumed
    let_in, resumed, session = _resume(server, first.file, pair, session, version)
    assert let_in and resumed, "the twin: before the change the ticket is good, and the identity comes with it"
    write(trusted, first.pem, 0o644)

    def shut_out():
        try:
            return not _resume(server, first.file, pair, session, version)[0]
        except OSError:
            return True

    eventually(shut_out, what="the end of resumption")
    assert clients.https_as(server, first.file, first.issue("alice", "alice"), "alice").user == "alice"
