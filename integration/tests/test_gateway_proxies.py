"""Identity that a trusted proxy hands on: only from the proxy that a rule names, only what carries the certificate, and verified like
one of our own handshake."""

import base64
import contextlib
import socket
import ssl
from pathlib import Path

import pytest
from lib import clients
from lib.front import HaProxy, Nginx, client_cert, der_of, pem_of, proxy_v2, xfcc_element
from lib.gateway_world import GatewayWorld
from lib.hello import hello
from lib.pki import write
from lib.server import free_ports
from lib.wait import eventually
from test_gateway_https import ON, WHO, read_answer

STOCK = Path("/usr/sbin/clickhouse-server")
FORMATS = ("nginx", "haproxy", "client_cert", "xfcc")


class ProxiedWorld(GatewayWorld):
    """A gateway that trusts one proxy for each format."""

    def __init__(self, build, directory, stock, openssl):
        super().__init__(build, directory, stock, openssl)
        self.edge = self.ca.issue("edge", "edge", dns=("edge.example.org",))
        self.other_edge = self.ca.issue("other-edge", "alice", dns=("other.example.org",))
        names = FORMATS + ("xfcc2", "native", "plain", "plain_https")
        self.at = dict(zip(names, free_ports(len(names))))
        certificate = "<certificate><dns>edge.example.org</dns></certificate>"
        plain = "<plain_from>127.0.0.1</plain_from>"

        def proxy(name, interface, hands_on, who, more=""):
            return (
                f"<proxy><name>{name}</name><listen>127.0.0.1:{self.at[name]}</listen><interface>{interface}</interface>"
                f"<hands_on>{hands_on}</hands_on>{who}{more}</proxy>"
            )

        proxies = "".join(proxy(each, "https", each, certificate) for each in FORMATS)
        proxies += proxy("xfcc2", "https", "xfcc", certificate, "<hops>2</hops>")
        proxies += proxy("native", "native", "proxy_protocol", certificate)
        proxies += proxy("plain", "native", "proxy_protocol", plain) + proxy("plain_https", "https", "client_cert", plain)
        self.gateway.write_config(gateway=f"<trusted_proxies>{proxies}</trusted_proxies>")
        self.server_pair = self.ca.server("front")

    def front(self, directory, kind, name, **more):
        return kind(directory / name, self.at[name], self.ca.file, self.server_pair, self.edge, **more)


@pytest.fixture(scope="module")
def world(build, openssl, tmp_path_factory):
    with ProxiedWorld(build, tmp_path_factory.mktemp("proxies"), STOCK, openssl) as made:
        yield made


@pytest.fixture(scope="module")
def nginx(world, tmp_path_factory):
    with world.front(tmp_path_factory.mktemp("fronts"), Nginx, "nginx") as made:
        yield made


@pytest.fixture(scope="module")
def haproxy(world, tmp_path_factory):
    with world.front(tmp_path_factory.mktemp("fronts"), HaProxy, "haproxy") as made:
        yield made


def head(fields, target=WHO, user="alice"):
    return f"GET {target} HTTP/1.1\r\nHost: localhost\r\n{ON}X-ClickHouse-User: {user}\r\n{fields}\r\n".encode()


@contextlib.contextmanager
def as_proxy(world, name, pair):
    """A connection to the port of a proxy; `pair` None: without TLS."""
    with socket.create_connection(("127.0.0.1", world.at[name]), timeout=30) as plain:
        if pair is None:
            yield plain
            return
        with clients.tls_context(world.ca.file, pair).wrap_socket(plain, server_hostname="localhost") as secure:
            yield secure


def ask(world, name, fields, pair="edge", target=WHO, user="alice"):
    """(status, body); (None, None): nobody answered."""
    try:
        with as_proxy(world, name, getattr(world, pair) if pair else None) as connection:
            connection.sendall(head(fields, target, user))
            status, _, body = read_answer(connection.makefile("rb"))
            return status, body.decode().strip()
    except (OSError, IndexError):
        return None, None


@pytest.mark.parametrize("front", ["nginx", "haproxy"])
def test_real_proxies_hand_a_client_on(world, front, request):
    front = request.getfixturevalue(front)
    before = len(world.gateway.log())
    assert clients.https_as(front, world.ca.file, world.alice, "alice").user == "alice"
    assert clients.https_as(front, world.ca.file, world.carol, "carol").user == "carol"
    assert f"via {'nginx' if isinstance(front, Nginx) else 'haproxy'} 127.0.0.1:" in world.gateway.log()[before:]


@pytest.mark.parametrize("front", ["nginx", "haproxy"])
def test_real_proxies_do_not_make_anybody_somebody(world, front, request):
    front = request.getfixturevalue(front)
    forged = {
        "X-SSL-Client-Cert": pem_of(world.alice).replace("\n", "%0A").replace("+", "%2B"),
        "X-SSL-Client-Verify": "SUCCESS",
        "X-SSL-Client-DER": base64.b64encode(der_of(world.alice)).decode(),
        "X-SSL-Client-Used": "1",
    }
    named = {**clients.ON, "X-ClickHouse-User": "alice"}
    for pair in (None, world.nobody):
        answer = clients.https(front, world.ca.file, pair, {**named, **forged})
        assert not answer and answer.status == 403, answer
        assert clients.https(front, world.ca.file, pair, named).status == 403
    assert clients.https_as(front, world.ca.file, world.alice, "carol").status == 403
    assert clients.https_as(front, world.ca.file, world.alice, "alice").user == "alice"


def handed_on(world, name, pair):
    """What the proxy of this format writes."""
    if name == "nginx":
        pem = "".join(c if c.isalnum() else f"%{ord(c):02X}" for c in pem_of(pair))
        return f"X-SSL-Client-Cert: {pem}\r\nX-SSL-Client-Verify: SUCCESS\r\n"
    if name == "haproxy":
        der = base64.b64encode(der_of(pair)).decode()
        return f"X-SSL-Client-DER: {der}\r\nX-SSL-Client-Used: 1\r\nX-SSL-Client-Verify: 0\r\n"
    if name == "client_cert":
        return client_cert(pair)
    return f"X-Forwarded-Client-Cert: {xfcc_element(pair)}\r\n"


@pytest.mark.parametrize("name", FORMATS)
def test_every_format(world, name):
    assert ask(world, name, handed_on(world, name, world.alice)) == (200, "alice")


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_handed_on_is_verified_by_our_own_trust(world, name):
    for pair in (world.expired, world.stranger, world.node):
        status, body = ask(world, name, handed_on(world, name, pair))
        assert status == 403, body
    assert ask(world, name, handed_on(world, name, world.alice)) == (200, "alice")


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_handed_on_is_nobody(world, name):
    """The proxy's own certificate is not the client's."""
    assert ask(world, name, "")[0] == 403
    assert ask(world, name, "", target="/ping")[0] == 200


@pytest.mark.parametrize("name", FORMATS)
def test_another_certificate_is_not_the_proxy(world, name):
    for pair in ("other_edge", "alice", "node"):
        assert ask(world, name, handed_on(world, name, world.alice), pair) == (None, None)
    assert ask(world, name, handed_on(world, name, world.alice)) == (200, "alice")


@pytest.mark.parametrize("name", FORMATS)
def test_nobody_is_believed_on_the_ordinary_port(world, name):
    """Not even the proxy."""
    context = clients.tls_context(world.ca.file, world.edge)
    with socket.create_connection(("127.0.0.1", world.gateway.ports["https_port"]), timeout=30) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as connection:
            connection.sendall(head(handed_on(world, name, world.alice)))
            assert read_answer(connection.makefile("rb"))[0] == 403


@pytest.mark.parametrize("name", FORMATS)
def test_twice_or_misspelt_is_refused(world, name):
    fields = handed_on(world, name, world.alice)
    first = fields.split("\r\n")[0] + "\r\n"
    assert ask(world, name, fields + first)[0] == 403
    assert ask(world, name, fields.replace("Client-", "Client_", 1))[0] == 403


def test_many_clients_over_one_connection_of_a_proxy(world):
    with as_proxy(world, "client_cert", world.edge) as connection:
        stream = connection.makefile("rb")
        for pair, user in ((world.alice, "alice"), (world.carol, "carol"), (world.alice, "alice")):
            connection.sendall(head(client_cert(pair), user=user))
            status, _, body = read_answer(stream)
            assert (status, body.decode().strip()) == (200, user)
        connection.sendall(head(""))
        assert read_answer(stream)[0] == 403


def test_the_last_element_of_xfcc_counts(world):
    alice, carol = xfcc_element(world.alice), xfcc_element(world.carol)
    assert ask(world, "xfcc", f"X-Forwarded-Client-Cert: {alice},{carol}\r\n", user="carol") == (200, "carol")
    assert ask(world, "xfcc", f"X-Forwarded-Client-Cert: {alice},{carol}\r\n")[0] == 403
    assert ask(world, "xfcc2", f"X-Forwarded-Client-Cert: {alice},{carol}\r\n") == (200, "alice")
    assert ask(world, "xfcc2", f"X-Forwarded-Client-Cert: {alice}\r\n")[0] == 403
    chained = xfcc_element(world.alice, (world.alice,))
    assert ask(world, "xfcc", f"X-Forwarded-Client-Cert: {chained}\r\n") == (200, "alice")


@pytest.mark.parametrize(
    "value",
    ['Hash=00;Subject="CN=alice";URI=spiffe://example.org/alice', "By=x", 'Cert="open', "=", "Cert=%zz", 'Cert="a"b'],
)
def test_an_xfcc_without_a_certificate_is_nobody(world, value):
    assert ask(world, "xfcc", f"X-Forwarded-Client-Cert: {value}\r\n")[0] == 403


def native_answer(world, name, header, pair=None, user="alice"):
    """First byte of what a native client gets through a proxy that sends this header."""
    with socket.create_connection(("127.0.0.1", world.at[name]), timeout=30) as plain:
        plain.sendall(header)
        try:
            if pair is not None:
                plain = clients.tls_context(world.ca.file, pair).wrap_socket(plain, server_hostname="localhost")
            plain.sendall(hello(user))
            return plain.recv(65536)
        except (OSError, ssl.SSLError):
            return b""


def test_the_proxy_protocol_carries_a_certificate(world):
    before = len(world.gateway.log())
    assert native_answer(world, "plain", proxy_v2(der_of(world.alice)))[:1] == b"\0"
    assert native_answer(world, "native", proxy_v2(der_of(world.alice)), world.edge)[:1] == b"\0"
    assert "192.0.2.7:50000 via plain 127.0.0.1:" in world.gateway.log()[before:]


@pytest.mark.parametrize(
    "header",
    [
        proxy_v2(),
        b"PROXY TCP4 192.0.2.7 192.0.2.1 50000 9440\r\n",
        b"PROXY UNKNOWN\r\n",
    ],
)
def test_an_address_is_no_identity(world, header):
    answer = native_answer(world, "plain", header)
    assert answer[:1] == b"\2" and b"no certificate" in answer


def test_a_certificate_that_the_proxy_did_not_verify_does_not_count(world):
    alice = der_of(world.alice)
    for header in (proxy_v2(alice, verify=1), proxy_v2(alice, flags=0x01), proxy_v2(alice, flags=0x06)):
        assert native_answer(world, "plain", header)[:1] == b"\2"


def test_headers_that_end_a_connection(world):
    alice = der_of(world.alice)
    whole = proxy_v2(alice)
    for header in (
        proxy_v2(command=0),  # the proxy's own check
        proxy_v2(der_of(world.expired)),
        proxy_v2(der_of(world.stranger)),
        whole[:14] + b"\xff\xff" + whole[16:],
        whole[:-1] + b"\0" + whole[-1:],
        b"PROXY TCP4 192.0.2.7 192.0.2.1 50000 99999\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
    ):
        assert native_answer(world, "plain", header) == b"", header
    assert native_answer(world, "native", whole, world.other_edge) == b""
    assert native_answer(world, "native", whole, world.edge)[:1] == b"\0"


def test_plain_headers_of_requests(world):
    assert ask(world, "plain_https", client_cert(world.alice), pair=None) == (200, "alice")
    assert ask(world, "plain_https", client_cert(world.stranger), pair=None)[0] == 403


def test_a_node_has_to_come_itself(world):
    answer = native_answer(world, "plain", proxy_v2(der_of(world.node)), user="node_user")
    assert answer[:1] == b"\2" and b"come itself" in answer
    assert native_answer(world, "plain", proxy_v2(der_of(world.node)), user=" INTERSERVER SECRET ")[:1] == b"\2"


@pytest.mark.parametrize("version", ["send-proxy", "send-proxy-v2-ssl-cn"])
def test_haproxy_names_an_address_and_no_certificate(world, tmp_path, version):
    """What Debian's HAProxy can say over the PROXY protocol: a name without its certificate is nobody."""
    with world.front(tmp_path, HaProxy, "native", tcp=version) as front:
        answer = clients.native(front, world.ca.file, world.alice, "alice")
        assert answer.code == 516 and "no certificate" in answer.text


def test_a_session_ends_with_either_chain(world):
    """Last: it takes the proxy's certificate back."""

    def session(pair):
        connection = socket.create_connection(("127.0.0.1", world.at["native"]), timeout=30)
        connection.sendall(proxy_v2(der_of(pair)))
        secure = clients.tls_context(world.ca.file, world.edge).wrap_socket(connection, server_hostname="localhost")
        secure.sendall(hello("alice"))
        assert secure.recv(65536)[:1] == b"\0"
        return secure

    doomed = world.ca.issue("doomed", "alice")
    first, second = session(doomed), session(world.alice)
    write(world.crl, world.ca.crl(doomed, number=2))
    eventually(lambda: ended_of(first), what="the end of the session whose client was revoked")
    assert not ended_of(second)
    write(world.crl, world.ca.crl(doomed, world.edge, number=3))
    eventually(lambda: ended_of(second), what="the end of the session whose proxy was revoked")
    assert native_answer(world, "native", proxy_v2(der_of(world.alice)), world.edge) == b""
    assert native_answer(world, "plain", proxy_v2(der_of(world.alice)))[:1] == b"\0"


def test_the_proxy_is_a_rule(world, tmp_path):
    """A rule that is taken away ends what it let in."""
    behind = {"tcp_port_secure": world.server.ports["tcp_port"]}
    with world.another(tmp_path / "gateway", behind, gateway="") as gateway:
        (port,) = free_ports(1)
        rule = (
            f"<trusted_proxies><proxy><name>p</name><listen>127.0.0.1:{port}</listen><interface>native</interface>"
            "<hands_on>proxy_protocol</hands_on><plain_from>127.0.0.1</plain_from></proxy></trusted_proxies>"
        )
        gateway.write_config(gateway=rule)
        eventually(lambda: reached(port), what="the proxy's port")
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(proxy_v2(der_of(world.carol)) + hello("carol"))
            assert connection.recv(65536)[:1] == b"\0"
            gateway.write_config(gateway="")
            eventually(lambda: ended_of(connection), what="the end of the session")
        eventually(lambda: not reached(port), what="the end of the port")


def ended_of(connection):
    connection.settimeout(0.05)
    try:
        return connection.recv(65536) == b""
    except (TimeoutError, socket.timeout):
        return False
    except OSError:
        return True


def reached(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=10):
        return True
    return False


@pytest.mark.parametrize(
    ("proxy", "finding"),
    [
        ("<listen>127.0.0.1:1</listen><interface>native</interface><hands_on>xfcc</hands_on>", "has to be proxy_protocol"),
        ("<listen>127.0.0.1:1</listen><interface>native</interface><hands_on>names</hands_on>", "is not a word known here"),
        ("<listen>127.0.0.1:1</listen><hands_on>proxy_protocol</hands_on>", "interface: is needed"),
        ("<listen>8.8.8.8:1</listen><interface>native</interface><hands_on>proxy_protocol</hands_on>", "loopback or private"),
        ("<listen>127.0.0.1:1</listen><interface>https</interface><hands_on>xfcc</hands_on>", "needs https_port"),
    ],
)
def test_a_rule_that_cannot_be_meant_does_not_start(world, tmp_path, proxy, finding):
    rules = f"<trusted_proxies><proxy><name>p</name>{proxy}<plain_from>127.0.0.1</plain_from></proxy></trusted_proxies>"
    assert finding in world.another(tmp_path / "gateway", {"tcp_port_secure": 2}, gateway=rules).start_refused()


def test_a_public_address_is_no_proof(world, tmp_path):
    rule = (
        "<trusted_proxies><proxy><name>p</name><listen>127.0.0.1:1</listen><interface>native</interface>"
        "<hands_on>proxy_protocol</hands_on>{who}</proxy></trusted_proxies>"
    )
    for who in ("", "<plain_from>8.8.8.8</plain_from>"):
        log = world.another(tmp_path / f"g{len(who)}", {"tcp_port_secure": 2}, gateway=rule.format(who=who)).start_refused()
        assert "plain_from" in log
