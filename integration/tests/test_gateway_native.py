"""The gateway in front of the packaged, unpatched server: logins by certificate over the native protocol."""

import contextlib
import socket
import ssl
import struct

import clickhouse_driver
import pytest
from lib import clients
from lib.gateway_world import PASSWORDS
from lib.pki import write
from lib.proxy import Recorder
from lib.wait import eventually


@pytest.fixture
def world(gateway_world):
    return gateway_world


@pytest.mark.parametrize(
    ("certificate", "name", "expected"),
    [("alice", "alice", "alice"), ("alice", None, "alice"), ("carol", "carol", "carol"), ("carol", "", "carol")],
    ids=["named", "unnamed", "captured-by-a-rule", "empty-name"],
)
def test_a_certificate_is_the_user_of_its_rule(world, certificate, name, expected):
    assert world.login(getattr(world, certificate), name).user == expected


@pytest.mark.parametrize(
    ("certificate", "name", "text"),
    [
        ("alice", "carol", "may not log in as 'carol'"),
        ("nobody", "alice", "may not log in as 'alice'"),
        ("nobody", None, "no rule"),
        ("erin", "erin", "no proof for user erin"),
        (None, "alice", "no certificate"),
        (None, None, "no certificate"),
    ],
)
def test_a_refusal_reaches_the_client_as_an_exception(world, certificate, name, text):
    answer = world.login(getattr(world, certificate) if certificate else None, name)
    assert not answer
    assert answer.code == 516, answer.text
    assert text in answer.text
    assert world.login(world.alice, "alice").user == "alice"


@pytest.mark.parametrize(("certificate", "reason"), [("expired", "TIME"), ("stranger", "UNKNOWN-CA")])
def test_a_certificate_that_is_not_valid_is_told_as_an_exception(world, certificate, reason):
    """Under TLS 1.3, where the client has finished its handshake before the gateway has judged it."""
    before = len(world.gateway.log())
    answer = world.login(getattr(world, certificate), "alice")
    assert not answer and answer.code == 516 and "Certificate refused" in answer.text, answer
    assert f"reason={reason}" in world.gateway.log()[before:]
    assert world.login(world.alice, "alice").user == "alice"


@pytest.mark.parametrize("name", ["alice", " INTERSERVER SECRET ", ""])
def test_a_refused_certificate_is_good_for_nothing(world, tmp_path, name):
    """Not for what needs no certificate, either, and the server hears nothing of it."""
    with Recorder(world.server.ports["tcp_port"]) as recorder:
        behind = {"tcp_port_secure": recorder.port}
        with world.another(tmp_path / "gateway", behind, gateway="<password_logins>pass</password_logins>") as gateway:
            assert clients.native(gateway, world.ca.file, world.stranger, "dave", "daves own").code == 516
            context = clients.tls_context(world.ca.file, world.stranger)
            with socket.create_connection(("127.0.0.1", gateway.ports["tcp_port_secure"]), timeout=30) as plain:
                with context.wrap_socket(plain, server_hostname="localhost") as client:
                    client.sendall(hello(name))
                    answer = client.recv(65536)
                    assert answer[:1] == b"\2" and b"Certificate refused" in answer
                    assert client.session is None or not client.session.has_ticket
            assert recorder.accepted == 0
            assert clients.native(gateway, world.ca.file, None, "default").user == "default"


def test_under_tls_1_2_a_refused_certificate_ends_the_handshake(world):
    """There the client waits for our last message, and reads the alert."""
    context = clients.tls_context(world.ca.file, world.stranger, ssl.TLSVersion.TLSv1_2)
    with socket.create_connection(("127.0.0.1", world.gateway.ports["tcp_port_secure"]), timeout=30) as plain:
        with pytest.raises(ssl.SSLError):
            context.wrap_socket(plain, server_hostname="localhost")


def test_passwords_are_not_passed_on_unless_that_is_said(world):
    """`default` of the server has none, and comes from an address that it may come from: the gateway's."""
    assert world.login(None, "default").code == 516
    assert world.login(None, "dave", "daves own").code == 516
    assert world.login(world.nobody, "dave", "daves own").code == 516


def test_a_rule_for_certificate_and_password_wants_both(world):
    assert world.login(world.both, "dave", "daves own").user == "dave"
    assert world.login(world.both, "dave", "wrong").code == 193  # the server's own answer
    assert world.login(world.both, "dave").code == 516


def test_a_node_is_no_user_but_by_its_own_password(world):
    assert world.login(world.node, "node_user", "between nodes").user == "node_user"
    assert world.login(world.node, "node_user").code in (193, 194)  # acts_as lets it through, the server wants the password
    assert world.login(world.node, "alice").code == 516
    assert world.login(world.node).code == 516


def test_clickhouse_client(world, tmp_path):
    assert clients.cli(world.gateway, tmp_path, world.ca.file, world.carol).user == "carol"
    refused = clients.cli(world.gateway, tmp_path, world.ca.file, world.alice, "carol")
    assert refused.code == 516 and "may not log in as 'carol'" in refused.text


def varuint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def string(text):
    data = text.encode() if isinstance(text, str) else text
    return varuint(len(data)) + data


def hello(name="", password="", revision=54412):
    return b"\0" + string("test") + varuint(18) + varuint(16) + varuint(revision) + string("") + string(name) + string(password)


def connect(world, pair):
    context = clients.tls_context(world.ca.file, pair)
    plain = socket.create_connection(("127.0.0.1", world.gateway.ports["tcp_port_secure"]), timeout=30)
    return context.wrap_socket(plain, server_hostname="localhost")


def answer_to(world, pair, packet, pieces=1):
    """(type of the answer's packet, exception's code, its bytes)."""
    with connect(world, pair) as client:
        size = max(1, len(packet) // pieces)
        for begin in range(0, len(packet), size):
            client.sendall(packet[begin : begin + size])
        received = b""
        while True:
            try:
                data = client.recv(65536)
            except ssl.SSLError:
                break
            received += data
            if not data or received[:1] == b"\0":
                break
    if received[:1] != b"\2":
        return received[:1], None, received
    return received[:1], struct.unpack("<i", received[1:5])[0], received


def test_the_first_packet_may_come_in_pieces(world):
    assert answer_to(world, world.alice, hello("alice"), pieces=100)[0] == b"\0"


@pytest.mark.parametrize(
    "name",
    [
        " INTERSERVER SECRET ",
        " INTERSERVER SECRET",
        " interserver secret ",
        " SSH KEY AUTHENTICATION alice",
        " JWT AUTHENTICATION ",
        "\talice",
    ],
)
@pytest.mark.parametrize("certificate", ["alice", "nobody", None])
def test_markers_are_for_nodes_only(world, name, certificate):
    pair = getattr(world, certificate) if certificate else None
    kind, code, text = answer_to(world, pair, hello(name) + string("cluster") + string(b"s" * 32))
    assert (kind, code) == (b"\2", 516), text
    assert answer_to(world, world.alice, hello("alice"))[0] == b"\0"


@pytest.mark.parametrize(
    ("packet", "text"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"HTTP request"),
        (b"\7", b"not a Hello"),
        (b"\0" + varuint(4097), b"more than 4096 bytes"),
        (b"\0" + b"\xff" * 9 + b"\x7f", b"64 bits"),
    ],
)
def test_what_is_no_first_packet_is_refused(world, packet, text):
    kind, code, received = answer_to(world, world.alice, packet)
    assert (kind, code) == (b"\2", 101), received
    assert text in received


def test_strings_of_4096_bytes_pass(world):
    """The server itself judges the name: the gateway has no rule for it."""
    kind, code, received = answer_to(world, world.node, hello("n" * 4096, "p" * 4096))
    assert kind == b"\2" and code == 192, received


def test_every_byte_passes_both_ways(world):
    """4 million numbers in, the same out, in blocks that are larger than any buffer of the gateway."""
    client = clickhouse_driver.Client(
        "127.0.0.1",
        port=world.gateway.ports["tcp_port_secure"],
        user="alice",
        secure=True,
        ca_certs=str(world.ca.file),
        certfile=str(world.alice.certificate),
        keyfile=str(world.alice.key),
    )
    client.execute("DROP TABLE IF EXISTS numbers")
    client.execute("CREATE TABLE numbers (n UInt64) ENGINE = Memory")
    for begin in range(4):
        client.execute("INSERT INTO numbers VALUES", [(begin * 250000 + i,) for i in range(250000)])
    assert client.execute("SELECT count(), sum(n) FROM numbers") == [(1000000, sum(range(1000000)))]
    total = sum(row[0] for row in client.execute_iter("SELECT number FROM system.numbers LIMIT 2000000"))
    assert total == sum(range(2000000))
    client.disconnect()


def test_the_server_sees_the_granted_user_and_its_proof_and_no_other_credentials(world, tmp_path):
    with Recorder(world.server.ports["tcp_port"]) as recorder:
        with world.another(tmp_path / "gateway", {"tcp_port_secure": recorder.port}) as gateway:
            answer = clients.native(gateway, world.ca.file, world.carol, "carol")
            assert answer.user == "carol"
        assert string("carol") + string(PASSWORDS["carol"]) in bytes(recorder.sent)


def test_a_refused_login_never_reaches_the_server(world, tmp_path):
    with Recorder(world.server.ports["tcp_port"]) as recorder:
        with world.another(tmp_path / "gateway", {"tcp_port_secure": recorder.port}) as gateway:
            assert clients.native(gateway, world.ca.file, world.nobody, "alice").code == 516
            assert recorder.accepted == 0
            assert clients.native(gateway, world.ca.file, world.alice, "alice").user == "alice"
        assert recorder.accepted == 1


def test_a_server_that_is_not_there_is_told(world, tmp_path):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with world.another(tmp_path / "gateway", {"tcp_port_secure": nobody.getsockname()[1]}) as gateway:
            answer = clients.native(gateway, world.ca.file, world.alice, "alice")
            assert answer.code == 210, answer.text


def session_of(world, pair, name):
    client = clickhouse_driver.Client(
        "127.0.0.1",
        port=world.gateway.ports["tcp_port_secure"],
        user=name,
        secure=True,
        ca_certs=str(world.ca.file),
        certfile=str(pair.certificate),
        keyfile=str(pair.key),
    )
    client.execute("SELECT 1")
    return client


def ended(client):
    """Without a new connection: the driver would make one."""
    sock = client.connection.socket
    sock.settimeout(0.05)
    try:
        return sock.recv(1) == b""
    except (TimeoutError, socket.timeout):
        return False
    except (OSError, ssl.SSLError):
        return True


def test_live_sessions_end_when_their_certificate_is_revoked_and_no_others(world):
    doomed = world.ca.issue("doomed", "alice")
    session, other = session_of(world, doomed, "alice"), session_of(world, world.carol, "carol")
    write(world.crl, world.ca.crl(doomed, number=2))
    eventually(lambda: ended(session), what="the end of the revoked session")
    assert other.execute("SELECT 1") == [(1,)]
    assert not ended(other)
    assert not world.login(doomed, "alice")
    assert world.login(world.alice, "alice").user == "alice"


def test_sessions_without_a_certificate_end_with_the_setting_that_let_them_in(world, tmp_path):
    behind = {"tcp_port_secure": world.server.ports["tcp_port"]}
    with world.another(tmp_path / "gateway", behind, gateway="<password_logins>pass</password_logins>") as gateway:
        context = clients.tls_context(world.ca.file)
        with socket.create_connection(("127.0.0.1", gateway.ports["tcp_port_secure"]), timeout=30) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as client:
                client.sendall(hello("default"))
                assert client.recv(65536)[:1] == b"\0"
                gateway.write_config(gateway="<password_logins>pass</password_logins><workers>2</workers>")
                eventually(lambda: "took the configuration" in gateway.log(), what="another setting")
                client.settimeout(0.2)
                with pytest.raises((TimeoutError, socket.timeout)):
                    client.recv(1)
                client.settimeout(30)
                gateway.write_config(gateway="")
                with contextlib.suppress(OSError, ssl.SSLError):
                    assert client.recv(1) == b""
        assert "the settings have changed that let it in" in gateway.log()
        assert clients.native(gateway, world.ca.file, None, "default").code == 516


def test_a_changed_configuration_holds_without_a_restart(world):
    """Rules by the module, passwords and the server by the gateway; a bad one changes nothing."""
    gateway = world.gateway
    good = gateway.config.mtls
    session = session_of(world, world.carol, "carol")
    gateway.write_config(mtls=good.replace("{who}.people.example", "{who}.others.example"))
    eventually(lambda: world.login(world.carol, "carol").code == 516, what="the new rules")
    eventually(lambda: ended(session), what="the end of the session by the former rule")
    gateway.write_config(mtls=good, gateway="<unknown_word/>")
    eventually(lambda: "unknown_word" in gateway.log(), what="a finding")
    assert world.login(world.alice, "alice").user == "alice"
    assert world.login(world.carol, "carol").code == 516
    gateway.write_config(gateway="")
    eventually(lambda: world.login(world.carol, "carol").user == "carol", what="the former rules")


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"gateway": "<workerz>1</workerz>"}, "gateway.workerz: unknown key"),
        ({"gateway": "<workers>0</workers>"}, "gateway.workers: \"0\" is not a whole number"),
        ({"gateway": "<password_logins>perhaps</password_logins>"}, "gateway.password_logins"),
        ({"gateway": "<limits><connection>1</connection></limits>"}, "gateway.limits.connection: unknown key"),
        ({"gateway": "<https><server>127.0.0.1:1</server></https>"}, "gateway.https: has no port to listen on"),
    ],
)
def test_a_configuration_that_cannot_be_meant_does_not_start(world, tmp_path, change, finding):
    assert finding in world.another(tmp_path / "gateway", {"tcp_port_secure": 1}, **change).start_refused()


def test_a_password_file_that_others_can_read_is_refused(world, tmp_path):
    gateway = world.another(tmp_path / "gateway", {"tcp_port_secure": 1})
    gateway.passwords_file.chmod(0o640)
    assert "open to group or others" in gateway.start_refused()


def test_dripping_peers_do_not_keep_others_out(world, tmp_path):
    """So many of one address, and for so long; each is told by its end."""
    limits = "<limits><handshakes_per_address>20</handshakes_per_address></limits><timeouts><login>3</login></timeouts>"
    with world.another(tmp_path / "gateway", {"tcp_port_secure": world.server.ports["tcp_port"]}, gateway=limits) as gateway:
        held = [socket.create_connection(("127.0.0.1", gateway.ports["tcp_port_secure"]), timeout=30) for _ in range(20)]
        with socket.create_connection(("127.0.0.1", gateway.ports["tcp_port_secure"]), timeout=30) as one_too_many:
            assert one_too_many.recv(1) == b""
        assert all(each.recv(1) == b"" for each in held)  # the deadline of the login
        for each in held:
            each.close()
        eventually(lambda: clients.native(gateway, world.ca.file, world.alice, "alice").user == "alice", what="a login")
