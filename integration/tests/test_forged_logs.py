"""What peers write into names, headers and queries begins no line of the server's log and passes for no line of the audit.

Each forgery carries a line as the server's log has it, with a marker of its own, so that a forged line is found wherever it came from.
"""

import base64
import http.client
import re
import socket
import ssl
import uuid

import pytest
from lib import clients
from lib.hello import say_hello
from lib.pki import Authority
from lib.server import ADMIN, Config, Server, user
from lib.wait import eventually

RECORD = re.compile(r"^\d{4}\.\d\d\.\d\d \d\d:\d\d:\d\d\.\d+ \[ \d+ \] ")


@pytest.fixture(scope="module")
def scene(patched, tmp_path_factory, openssl):
    directory = tmp_path_factory.mktemp("forged")
    ca = Authority(directory / "pki", "Forging CA")
    users = user("alice", "<ssl_certificates><common_name>alice</common_name></ssl_certificates>") + user(
        "bob", "<password>secret</password>"
    )
    config = Config(openssl_server=openssl(ca.file, ca.server()), mtls="", users=users)
    with Server(patched, directory / "server", config) as server:
        yield server, ca, ca.issue("alice", "alice")


def forgery():
    """A text with a line end and a line of the audit's behind it, and the word that it is found by."""
    marker = "m" + uuid.uuid4().hex
    line = f"2026.11.28 12:00:00.000000 [ 1 ] {{}} <Information> clickhouse-mtls: audit event=login decision=granted user={marker}"
    return f"x\n{line}", marker


def check_log(server, marker, before):
    """No record of the log is what was forged, and nothing but the module wrote an audit line."""
    log = server.log()[before:]
    for line in log.split("\n"):
        assert not (RECORD.match(line) and f"<Information> clickhouse-mtls: audit event=login decision=granted user={marker}" in line), line
        assert RECORD.match(line) or line.startswith("\t") or not line, f"a line that belongs to no record: {line!r}"
        if "audit event=" in line:
            assert re.search(r"\] (?:\{[^}]*\} )?<\w+> clickhouse-mtls: audit event=", line), line
            assert line.count("audit event=") == 1, line
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", log.replace("\n", ""))


def basic(name, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def raw_request(server, context, header):
    """Status of the answer to a request that http.client would not send."""
    with socket.create_connection(("127.0.0.1", server.ports["https_port"]), timeout=30) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as secure:
            secure.sendall(header)
            answer = b""
            try:
                while b"\r\n" not in answer:
                    more = secure.recv(4096)
                    if not more:
                        break
                    answer += more
            except (ssl.SSLError, ConnectionError):
                pass
    return int(answer.split()[1]) if answer.startswith(b"HTTP/") else None


@pytest.mark.parametrize("port", ["tcp_port_secure", "tcp_port"])
@pytest.mark.parametrize("field", ["user", "database", "client"])
def test_names_of_a_native_client(scene, port, field):
    server, ca, alice = scene
    context = clients.tls_context(ca.file, alice) if port == "tcp_port_secure" else None
    twin = {"user": "alice"} if context else {"user": "bob", "password": "secret"}
    assert say_hello("127.0.0.1", server.ports[port], context, **twin) == ("hello", None)
    text, marker = forgery()
    before = len(server.log())
    kind, said = say_hello("127.0.0.1", server.ports[port], context, **{**twin, field: text})
    assert kind == "exception" and "control characters" in said
    eventually(lambda: "reason=UNPRINTABLE" in server.log()[before:], within=60, what="the refusal's own line")
    check_log(server, marker, before)


@pytest.mark.parametrize("how", ["parameter", "basic", "quota_key"])
def test_names_of_an_https_client(scene, how):
    server, ca, alice = scene
    good = {
        "parameter": ({}, {"user": "bob", "password": "secret"}),
        "basic": (basic("bob", "secret"), {}),
        "quota_key": ({}, {"user": "bob", "password": "secret"}),  # the quota of these users takes no key
    }[how]
    assert clients.https(server, ca.file, None, *good).user == "bob"
    text, marker = forgery()
    bad = {
        "parameter": ({}, {"user": text, "password": "secret"}),
        "basic": (basic(text.replace(":", "."), "secret"), {}),
        "quota_key": ({}, {"user": "bob", "password": "secret", "quota_key": text}),
    }[how]
    before = len(server.log())
    answer = clients.https(server, ca.file, None, *bad)
    assert not answer and "control characters" in answer.text
    check_log(server, marker, before)
    assert "reason=UNPRINTABLE" in server.log()[before:]


@pytest.mark.parametrize("header", ["X-ClickHouse-User", "User-Agent", "X-Anything"])
def test_headers_that_poco_decodes(scene, header):
    """An RFC 2047 word hides the line end; Poco decodes it, and 18.16 would log it."""
    server, ca, _ = scene
    text, marker = forgery()
    word = "=?UTF-8?B?" + base64.b64encode(text.encode()).decode() + "?="
    context = clients.tls_context(ca.file)
    request = f"GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}: %s\r\n\r\n"
    assert raw_request(server, context, (request % "plain\ttext").encode()) == 200
    before = len(server.log())
    assert raw_request(server, context, (request % word).encode()) in (200, 400)
    assert raw_request(server, context, (request % "a\x1b[2Jb").encode()) == 400
    check_log(server, marker, before)


def test_a_url_with_control_characters(scene):
    server, ca, _ = scene
    context = clients.tls_context(ca.file)
    request = "GET /%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert raw_request(server, context, (request % "ping").encode()) == 200
    before = len(server.log())
    assert raw_request(server, context, (request % "ping\x1b[2J").encode()) == 400
    check_log(server, "none", before)


def test_what_a_user_says_later(scene):
    """Query, query id and database of somebody who may log in: the server logs them, as continuations of its own records."""
    server, ca, alice = scene
    for parameters in ({"query": "SELECT * FROM `%s`"}, {"query": "SELECT 1", "query_id": "%s"}, {"query": "SELECT 1", "database": "%s"}):
        text, marker = forgery()
        before = len(server.log())
        parameters = {name: value.replace("%s", text) for name, value in parameters.items()}
        clients.https_as(server, ca.file, alice, "alice", parameters=parameters)
        eventually(lambda: marker in server.log()[before:], within=60, what="the server's own record")
        check_log(server, marker, before)


def test_names_of_a_certificate(scene):
    server, ca, alice = scene
    text, marker = forgery()
    forging = ca.issue("forging", text[:60] + marker, dns=("forging.example",))
    before = len(server.log())
    assert not clients.native(server, ca.file, forging, "alice")
    assert clients.native(server, ca.file, alice, "alice").user == "alice"
    eventually(lambda: "forging" in server.log()[before:] or marker in server.log()[before:], within=60, what="the refusal's line")
    check_log(server, marker, before)


def test_an_endpoint_that_nobody_has(scene):
    """A stranger's request in plain text, before any login."""
    server, _, _ = scene
    text, marker = forgery()
    before = len(server.log())
    connection = http.client.HTTPConnection("127.0.0.1", server.ports["http_port"], timeout=30)
    quoted = "".join(f"%{byte:02X}" for byte in text.encode())
    connection.request("GET", f"/?user={quoted}&password={ADMIN[1]}&query=SELECT+1")
    answer = connection.getresponse()
    assert answer.status != 200
    answer.read()
    connection.close()
    check_log(server, marker, before)
