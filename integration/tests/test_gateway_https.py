"""The gateway in front of the packaged, unpatched server: HTTPS. Each request is judged, and says who it is from by nothing but its
certificate."""

import base64
import random
import socket
import ssl
import threading
from urllib.parse import quote

import pytest
from lib import clients
from lib.gateway_world import PASSWORDS
from lib.pki import write
from lib.proxy import Recorder
from lib.server import ADMIN
from lib.wait import eventually

ON = "X-ClickHouse-SSL-Certificate-Auth: on\r\n"
# 18.16 has no currentUser().
WHO = "/?query=" + quote("SELECT user FROM system.processes WHERE query LIKE 'SELECT user FROM system.proc%'")


@pytest.fixture
def world(gateway_world):
    return gateway_world


def connect(world, pair, gateway=None):
    context = clients.tls_context(world.ca.file, pair)
    plain = socket.create_connection(("127.0.0.1", (gateway or world.gateway).ports["https_port"]), timeout=30)
    return context.wrap_socket(plain, server_hostname="localhost")


def read_answer(stream):
    """(status, fields, body) of a stream made by makefile."""
    status = int(stream.readline().split()[1])
    fields = {}
    while (line := stream.readline()) not in (b"\r\n", b""):
        name, value = line.decode().split(":", 1)
        fields[name.lower()] = value.strip()
    if fields.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(stream.readline(), 16):
            body += stream.read(size)
            assert stream.readline() == b"\r\n"
        assert stream.readline() == b"\r\n"
    elif "content-length" in fields:
        body = stream.read(int(fields["content-length"]))
    else:
        body = stream.read()
    return status, fields, body


def ask(world, pair, request, gateway=None):
    with connect(world, pair, gateway) as client:
        client.sendall(request.encode() if isinstance(request, str) else request)
        return read_answer(client.makefile("rb"))


def get(target=WHO, fields=ON):
    return f"GET {target} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n"


@pytest.mark.parametrize(
    ("certificate", "name", "expected"), [("alice", "alice", "alice"), ("carol", "carol", "carol")], ids=["common-name", "captured"]
)
def test_a_certificate_is_the_user_that_it_names(world, certificate, name, expected):
    assert clients.https_as(world.gateway, world.ca.file, getattr(world, certificate), name).user == expected


@pytest.mark.parametrize(
    ("certificate", "headers", "parameters"),
    [
        ("alice", {**clients.ON, "X-ClickHouse-User": "carol"}, {}),
        ("nobody", {**clients.ON, "X-ClickHouse-User": "alice"}, {}),
        ("erin", {**clients.ON, "X-ClickHouse-User": "erin"}, {}),
        (None, {**clients.ON, "X-ClickHouse-User": "alice"}, {}),
        ("alice", {}, {}),  # does not ask for it
        ("alice", {"X-ClickHouse-User": "dave", "X-ClickHouse-Key": "daves own"}, {}),
        ("alice", {"Authorization": "Basic " + base64.b64encode(b"dave:daves own").decode()}, {}),
        ("alice", {}, {"user": "dave", "password": "daves own"}),
        ("alice", {**clients.ON, "X-ClickHouse-User": "alice"}, {"user": "default"}),
        ("node", {**clients.ON, "X-ClickHouse-User": "alice"}, {}),
    ],
)
def test_refusals_say_why_and_close(world, certificate, headers, parameters):
    answer = clients.https(world.gateway, world.ca.file, getattr(world, certificate) if certificate else None, headers, parameters)
    assert (answer.status, answer.code) == (403, 516), answer.text
    assert "denied" in answer.text or "no proof" in answer.text
    assert clients.https_as(world.gateway, world.ca.file, world.alice, "alice").user == "alice"


def test_a_rule_for_certificate_and_password_wants_both(world):
    named = {"X-ClickHouse-User": "dave"}
    assert clients.https(world.gateway, world.ca.file, world.both, {**named, "X-ClickHouse-Key": "daves own"}).user == "dave"
    assert not clients.https(world.gateway, world.ca.file, world.both, {**named, "X-ClickHouse-Key": "wrong"})
    assert not clients.https(world.gateway, world.ca.file, world.nobody, {**named, "X-ClickHouse-Key": "daves own"})


def test_only_the_paths_that_need_no_login_go_without(world):
    status, _, body = ask(world, None, get("/ping", ""))
    assert (status, body) == (200, b"Ok.\n")
    assert ask(world, None, get("/replicas_status", ""))[0] == 403
    assert ask(world, None, get("/ping/", ""))[0] == 403
    assert ask(world, None, "POST /ping HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")[0] == 403


def test_requests_of_a_kept_connection_are_judged_one_by_one(world):
    with clients.HttpsConnection(world.gateway, world.ca.file, world.carol) as kept:
        for _ in range(3):
            assert kept.ask({**clients.ON, "X-ClickHouse-User": "carol"}).user == "carol"
        sock = kept.connection.sock
        assert kept.ask({**clients.ON, "X-ClickHouse-User": "carol"}).user == "carol"
        assert kept.connection.sock is sock
        assert kept.ask({**clients.ON, "X-ClickHouse-User": "alice"}).status == 403


def test_pipelined_requests_are_answered_in_their_order(world):
    named = ON + "X-ClickHouse-User: alice\r\n"
    requests = "".join(get("/?query=" + quote(f"SELECT {i}"), named) for i in range(20))
    with connect(world, world.alice) as client:
        client.sendall(requests.encode())
        stream = client.makefile("rb")
        assert [read_answer(stream)[2] for _ in range(20)] == [f"{i}\n".encode() for i in range(20)]


def test_a_body_is_asked_for_before_it_is_sent(world):
    """Expect: 100-continue; and none is asked for when the request is refused."""
    for name, expected in (("alice", b"HTTP/1.1 100 Continue\r\n"), ("carol", b"HTTP/1.1 403 Forbidden\r\n")):
        with connect(world, world.alice) as client:
            fields = f"{ON}X-ClickHouse-User: {name}\r\nExpect: 100-continue\r\nContent-Length: 9\r\n"
            client.sendall(f"POST / HTTP/1.1\r\nHost: x\r\n{fields}\r\n".encode())
            stream = client.makefile("rb")
            assert stream.readline() == expected
            if name == "alice":
                assert stream.readline() == b"\r\n"
                client.sendall(b"SELECT 17")
                assert read_answer(stream)[2] == b"17\n"


@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_stream_both_ways(world, chunked):
    """30 MB in and out, which no buffer of the gateway holds."""
    rows = b"".join(b"%d\n" % i for i in range(1000000)) * 4
    named = f"{ON}X-ClickHouse-User: alice\r\n"

    def run(query):
        return ask(world, world.alice, f"POST / HTTP/1.1\r\nHost: x\r\n{named}Content-Length: {len(query)}\r\n\r\n{query}")

    run("DROP TABLE IF EXISTS streamed")
    assert run("CREATE TABLE streamed (n UInt64) ENGINE = Memory")[0] == 200
    target = "/?query=" + quote("INSERT INTO streamed FORMAT TSV")
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(rows)}"
    with connect(world, world.alice) as client:
        client.sendall(f"POST {target} HTTP/1.1\r\nHost: x\r\n{named}{framing}\r\n\r\n".encode())
        if chunked:
            for begin in range(0, len(rows), 100000):
                piece = rows[begin : begin + 100000]
                client.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
            client.sendall(b"0\r\n\r\n")
        else:
            client.sendall(rows)
        status, _, body = read_answer(client.makefile("rb"))
        assert status == 200, body
    with connect(world, world.alice) as client:
        client.sendall(get("/?query=" + quote("SELECT n FROM streamed"), named).encode())
        stream = client.makefile("rb")
        status, _, body = read_answer(stream)
        assert status == 200 and len(body) == len(rows)
        assert sum(map(int, body.split())) == 4 * sum(range(1000000))


def test_a_query_ends_when_its_client_leaves(world):
    """The client's socket just goes; the server's own setting decides what becomes of the query, the gateway hands the news on."""
    with Recorder(world.server.ports["http_port"]) as recorder:
        with world.another(recorder_directory(world), {"https_port": recorder.port}) as gateway:
            client = connect(world, world.alice, gateway)
            client.sendall(get("/?query=" + quote("SELECT sleep(3)"), f"{ON}X-ClickHouse-User: alice\r\n").encode())
            eventually(lambda: b"sleep" in recorder.sent, what="the request at the server")
            before = len(recorder.open)
            client.close()
            eventually(lambda: any(_is_closed(each) for each in recorder.open[:before]), within=2.5, what="the end at the server")


def recorder_directory(world, made=[]):  # noqa: B006
    made.append(None)
    return world.gateway.directory.parent / f"another{len(made)}"


def _is_closed(sock):
    try:
        return sock.fileno() == -1 or sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nContent_Length: 1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        ("GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nX : a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\n: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\nHost: x\r\n\r\n", 505),
        ("GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        ("GET /?a=%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nX_ClickHouse_User: admin\r\n\r\n", 400),
    ],
)
def test_what_two_servers_could_read_differently_is_refused(world, request_text, status):
    assert ask(world, world.alice, request_text)[0] == status


@pytest.mark.parametrize("body", [b"zz\r\n", b"1\r\nab\r\n0\r\n\r\n", b"-1\r\n", b"10000000000000000\r\n", b"1" * 200000])
def test_a_bad_chunk_is_refused_and_the_server_does_not_take_the_part_for_the_whole(world, body):
    named = f"{ON}X-ClickHouse-User: alice\r\nTransfer-Encoding: chunked\r\n"
    with connect(world, world.alice) as client:
        client.sendall(f"POST / HTTP/1.1\r\nHost: x\r\n{named}\r\n".encode() + body)
        assert read_answer(client.makefile("rb"))[0] == 400
    assert clients.https_as(world.gateway, world.ca.file, world.alice, "alice").user == "alice"


def forged(chance):
    """One request that says in many ways who it is from."""
    name = chance.choice(("default", "admin", "dave", "carol", ""))
    password = chance.choice(("", ADMIN[1], "daves own", PASSWORDS["carol"]))
    token = base64.b64encode(f"{name}:{password}".encode()).decode()

    def spelt(text):
        return "".join(chance.choice((c.lower(), c.upper(), {"-": chance.choice("-_.")}.get(c, c))) for c in text)

    def encoded(text):
        return "".join(chance.choice((c, f"%{ord(c):02x}", f"%{ord(c):02X}")) for c in text)

    fields = [
        f"{spelt('X-ClickHouse-User')}: {name}",
        f"{spelt('X-ClickHouse-Key')}: {password}",
        f"{spelt('Authorization')}: {chance.choice(('Basic', 'basic', 'Bearer', ''))} {token}",
        f"{spelt('X-ClickHouse-SSL-Certificate-Auth')}: {chance.choice(('on', 'off', ''))}",
        f"{spelt('Connection')}: {chance.choice(('X-ClickHouse-User', 'X-ClickHouse-Key, close', 'X-Forwarded-For'))}",
        f"{spelt('X-Forwarded-For')}: 10.0.0.1",
        "X-ClickHouse-User: alice",
        "X-ClickHouse-SSL-Certificate-Auth: on",
        "X-ClickHouse-SSL-Certificate-Auth: on",
    ]
    parameters = [
        f"{encoded('user')}={encoded(name)}",
        f"{encoded('password')}={encoded(password)}",
        f"user={name}",
        "USER=admin",
        "user",
    ]
    fields = chance.sample(fields, chance.randint(0, 5))
    parameters = chance.sample(parameters, chance.choice((0, 0, 1, 2)))
    target = WHO + "".join("&" + each for each in parameters)
    return f"GET {target} HTTP/1.1\r\nHost: x\r\n" + "".join(each + "\r\n" for each in fields) + "\r\n"


def test_no_mix_of_credentials_makes_another_user(world):
    """Against the real server; 8,000 mixes against what it is sent are tests/gateway."""
    chance = random.Random(20261128)
    seen = set()
    lock = threading.Lock()

    def some(requests):
        for request in requests:
            try:
                status, _, body = ask(world, world.alice, request)
            except (OSError, ssl.SSLError, ValueError, IndexError):
                status, body = 0, b""
            with lock:
                seen.add((status, body if status == 200 else b""))

    requests = [forged(chance) for _ in range(400)]
    threads = [threading.Thread(target=some, args=(requests[i::4],)) for i in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    users = {body.split()[0] for status, body in seen if status == 200 and body}
    assert users == {b"alice"}, seen
    assert {status for status, _ in seen} <= {200, 400, 403}, seen


def test_the_server_is_told_the_peers_address_and_no_other(world):
    with Recorder(world.server.ports["http_port"]) as recorder:
        with world.another(recorder_directory(world), {"https_port": recorder.port}) as gateway:
            fields = f"{ON}X-ClickHouse-User: alice\r\nX-Forwarded-For: 10.0.0.1\r\nx_forwarded_for: 10.0.0.2\r\nForwarded: for=10.0.0.3\r\n"
            assert ask(world, world.alice, get(WHO, fields), gateway)[0] == 200
        sent = bytes(recorder.sent)
        assert b"X-Forwarded-For: 127.0.0.1\r\n" in sent
        assert b"10.0.0." not in sent
        assert f"X-ClickHouse-User: alice\r\nX-ClickHouse-Key: {PASSWORDS['alice']}\r\n".encode() in sent


def test_a_kept_connection_ends_when_its_certificate_is_revoked(world):
    doomed = world.ca.issue("doomed-https", "alice")
    named = {**clients.ON, "X-ClickHouse-User": "alice"}
    with clients.HttpsConnection(world.gateway, world.ca.file, doomed) as kept:
        assert kept.ask(named).user == "alice"
        sock = kept.connection.sock
        write(world.crl, world.ca.crl(doomed, number=3))
        sock.settimeout(30)
        try:
            assert sock.recv(1) == b""
        except (OSError, ssl.SSLError):
            pass
    assert clients.https_as(world.gateway, world.ca.file, world.alice, "alice").user == "alice"
