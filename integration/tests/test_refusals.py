"""Who is not let in, and what it is told. Each refusal has its accepted twin next to it."""

import socket
import ssl

import pytest
from lib import clients
from lib.wait import eventually

DENIED = (192, 193, 194)

# name of the certificate, words of which one must be in what the server says (to the client or in its log)
BAD_CERTIFICATES = {
    "unknown-authority": ("of_other_ca", ("UNKNOWN-CA",)),
    "self-signed": ("self_signed", ("self-signed",)),
    "expired": ("expired", ("expired", "not valid after")),
    "not-yet-valid": ("not_yet", ("not valid before",)),
    "spiffe-id-of-the-wrong-authority": ("foreign_service", ("example.org", "Company CA")),
}


@pytest.mark.parametrize(("certificate", "words"), BAD_CERTIFICATES.values(), ids=BAD_CERTIFICATES.keys())
@pytest.mark.parametrize("way", ["native", "https"])
def test_bad_certificate(world, certificate, words, way):
    """The handshake ends; the reason is in the server's log."""
    before = len(world.server.log())
    pair = getattr(world, certificate)
    ask = clients.native if way == "native" else clients.https_as
    answer = ask(world.server, world.ca.file, pair, "alice")
    assert not answer
    assert answer.status is None
    eventually(
        lambda: any(word in line for line in world.server.log()[before:].splitlines() if "mtls" in line for word in words),
        what=f"one of {words} in the log",
    )
    assert ask(world.server, world.ca.file, world.alice, "alice").user == "alice"


def test_no_certificate_native(world):
    answer = clients.native(world.server, world.ca.file, None, "alice")
    assert not answer
    assert answer.code in DENIED
    assert "certificate" in answer.text
    assert clients.native(world.server, world.ca.file, world.alice, "alice").user == "alice"


def test_no_certificate_https(world):
    answer = clients.https_as(world.server, world.ca.file, None, "alice")
    assert answer.status == 401
    assert "certificate" in answer.text
    assert clients.https_as(world.server, world.ca.file, world.alice, "alice").user == "alice"


@pytest.mark.parametrize("way", ["native", "https"])
def test_right_authority_but_no_rule(world, way):
    """The answer names the user that was asked for and the certificate."""
    ask = clients.native if way == "native" else clients.https_as
    for user in ("alice", "carol", "with_password"):
        answer = ask(world.server, world.ca.file, world.unmapped, user)
        assert not answer
        assert answer.code in DENIED, answer
        assert user in answer.text
        assert "somebody-else" in answer.text, answer.text


def test_no_rule_and_nobody_named(world):
    answer = clients.native(world.server, world.ca.file, world.unmapped)
    assert not answer
    assert answer.code in DENIED
    assert "somebody-else" in answer.text


@pytest.mark.parametrize("way", ["native", "https"])
def test_a_partners_authority_vouches_for_its_ids_only(world, way):
    """Its certificates are nobody by common, DNS or e-mail name; by a rule that names the trust domain they are its user."""
    ask = clients.native if way == "native" else clients.https_as
    for user in ("alice", "worker", "mail"):
        answer = ask(world.server, world.ca.file, world.partner, user)
        assert not answer
        assert answer.code in DENIED, answer
        assert "partner.example" in answer.text, answer.text
    assert ask(world.server, world.ca.file, world.alice, "alice").user == "alice"
    assert ask(world.server, world.ca.file, world.partner, "partner").user == "partner"


@pytest.mark.parametrize("way", ["native", "https"])
def test_wrong_user_asked(world, way):
    ask = clients.native if way == "native" else clients.https_as
    answer = ask(world.server, world.ca.file, world.alice, "carol")
    assert not answer
    assert answer.code in DENIED
    assert "carol" in answer.text
    assert ask(world.server, world.ca.file, world.carol, "carol").user == "carol"


def test_two_rules_that_disagree(world):
    """Nobody named: both rules are, and nobody gets in. Asked for one of the two users: that one."""
    answer = clients.native(world.server, world.ca.file, world.ambiguous)
    assert not answer
    assert "one-of-two" in answer.text and "two-of-two" in answer.text
    assert clients.native(world.server, world.ca.file, world.ambiguous, "first").user == "first"
    assert clients.native(world.server, world.ca.file, world.ambiguous, "second").user == "second"


@pytest.mark.parametrize("way", ["native", "https"])
def test_user_of_the_rule_does_not_exist(world, way):
    ask = clients.native if way == "native" else clients.https_as
    answer = ask(world.server, world.ca.file, world.unknown_user, "ghost")
    assert not answer
    assert answer.code == 192
    assert "ghost" in answer.text


def test_dns_wildcard_is_one_component(world):
    assert not clients.native(world.server, world.ca.file, world.deep, "worker")
    assert clients.native(world.server, world.ca.file, world.worker, "worker").user == "worker"


@pytest.mark.parametrize("password", ["", "x", "alice", "0" * 64])
@pytest.mark.parametrize("user", ["alice", "carol"])
@pytest.mark.parametrize("port", ["tcp_port", "tcp_port_secure"])
def test_certificate_only_user_has_no_password(world, user, password, port):
    """Neither the empty password nor any other opens a user who has only a certificate, with TLS or without."""
    answer = clients.native(world.server, world.ca.file, None, user, password, port=port)
    assert not answer
    assert answer.code in DENIED


@pytest.mark.parametrize("password", ["", "x"])
def test_certificate_only_user_has_no_password_over_http(world, password):
    answer = clients.http_plain(world.server, {"X-ClickHouse-User": "alice", "X-ClickHouse-Key": password})
    assert not answer
    assert answer.status == 401


def test_refusals_hold_no_secret(world):
    answer = clients.native(world.server, world.ca.file, world.alice, "carol", "hunter2-hunter2")
    assert not answer
    assert "hunter2-hunter2" not in answer.text + world.server.log()


@pytest.mark.parametrize("port", ["https_port", "tcp_port_secure"])
def test_a_refused_client_reads_the_alert(world, port):
    """Under TLS 1.3 it has sent its first request before it is refused; a server that closes with that unread resets the connection,
    and the alert may be lost with it."""
    context = clients.tls_context(world.ca.file, world.of_other_ca, ssl.TLSVersion.TLSv1_3)
    told = []
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", world.server.ports[port]), timeout=60) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as connection:
                try:
                    for _ in range(3):
                        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    told.append(connection.recv(1))
                except OSError as failed:  # the alert is one, too
                    told.append(str(failed))
    assert all("alert" in each for each in told), told
    assert clients.https_as(world.server, world.ca.file, world.alice, "alice").user == "alice"
