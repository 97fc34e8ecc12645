"""Clients. Each makes one round trip and tells what came of it: under TLS 1.3 a client believes its handshake succeeded before the server
has judged the certificate, so only an answer counts."""

import http.client
import re
import socket
import ssl
import subprocess
import uuid
from dataclasses import dataclass
from urllib.parse import urlencode

import clickhouse_driver
import clickhouse_driver.errors


@dataclass(frozen=True)
class Answer:
    """What came of one attempt."""

    user: str = None  # who the server says we are; None: not let in
    code: int = None  # ClickHouse's error code; None with user None: the connection failed before the server could answer
    status: int = None  # HTTP status
    text: str = ""
    server_serial: int = None  # of the certificate that the server showed

    def __bool__(self):
        return self.user is not None


ON = {"X-ClickHouse-SSL-Certificate-Auth": "on"}


def _who(query_id):
    return f"SELECT user FROM system.processes WHERE query_id = '{query_id}'"


def _code_of(text):
    found = re.search(r"Code: (\d+)", text)
    return int(found.group(1)) if found else None


def native(server, ca, pair=None, user=None, password="", port="tcp_port_secure"):
    """clickhouse_driver. `user` None: nobody is named."""
    client = clickhouse_driver.Client(
        "127.0.0.1",
        port=server.ports[port],
        user="default" if user is None else user,
        password=password,
        secure=port != "tcp_port",
        verify=True,
        ca_certs=str(ca),
        certfile=str(pair.certificate) if pair else None,
        keyfile=str(pair.key) if pair else None,
        connect_timeout=10,
        send_receive_timeout=20,
    )
    query_id = str(uuid.uuid4())
    try:
        rows = client.execute(_who(query_id), query_id=query_id)
        return Answer(user=rows[0][0])
    except clickhouse_driver.errors.ServerException as refused:
        return Answer(code=refused.code, text=refused.message)
    except (clickhouse_driver.errors.Error, EOFError, OSError) as failed:
        return Answer(text=str(failed))
    finally:
        client.disconnect()


def cli(server, directory, ca, pair=None, user=None, password=None):
    """clickhouse-client of the package."""
    certificate = (
        f"<certificateFile>{pair.certificate}</certificateFile><privateKeyFile>{pair.key}</privateKeyFile>" if pair else ""
    )
    config = directory / f"client-{uuid.uuid4()}.xml"
    config.write_text(
        f"<config><openSSL><client>{certificate}<caConfig>{ca}</caConfig><verificationMode>relaxed</verificationMode>"
        "<invalidCertificateHandler><name>RejectCertificateHandler</name></invalidCertificateHandler></client></openSSL></config>"
    )
    query_id = str(uuid.uuid4())
    command = ["clickhouse-client", f"--config-file={config}", "--secure", "--host=127.0.0.1"]
    command += [f"--port={server.ports['tcp_port_secure']}", f"--query_id={query_id}", f"--query={_who(query_id)}"]
    command += [f"--user={user}"] if user is not None else []
    command += [f"--password={password}"] if password is not None else []
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == 0:
        return Answer(user=done.stdout.strip())
    code = _code_of(done.stderr)
    # 210, 102, 32, 209: the client's own errors about the connection
    return Answer(code=None if code in (210, 102, 32, 209) else code, text=done.stderr)


def tls_context(ca, pair=None, version=None):
    context = ssl.create_default_context(cafile=str(ca))
    if version is not None:
        context.minimum_version = version
        context.maximum_version = version
    if pair is not None:
        context.load_cert_chain(str(pair.certificate), str(pair.key))
    return context


class HttpsConnection:
    """A kept HTTPS connection."""

    def __init__(self, server, ca, pair=None, port="https_port", version=None):
        self.server = server
        context = tls_context(ca, pair, version)
        self.connection = http.client.HTTPSConnection("localhost", server.ports[port], timeout=20, context=context)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def ask(self, headers=None, parameters=None):
        return _ask(self.connection, headers, parameters)


def _ask(connection, headers, parameters):
    query_id = str(uuid.uuid4())
    url = "/?" + urlencode({"query": _who(query_id), "query_id": query_id, **(parameters or {})})
    try:
        connection.request("GET", url, headers=headers or {})
        serial = None
        if isinstance(connection.sock, ssl.SSLSocket):
            serial = int(connection.sock.getpeercert()["serialNumber"], 16)
        answer = connection.getresponse()
        body = answer.read().decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as failed:
        return Answer(text=f"{type(failed).__name__}: {failed}")
    if answer.status == 200:
        return Answer(user=body, status=200, server_serial=serial)
    return Answer(code=_code_of(body), status=answer.status, text=body, server_serial=serial)


def https(server, ca, pair=None, headers=None, parameters=None, port="https_port", version=None):
    with HttpsConnection(server, ca, pair, port, version) as connection:
        return connection.ask(headers, parameters)


def https_as(server, ca, pair, user, **others):
    """Login by certificate the ClickHouse way."""
    return https(server, ca, pair, headers={**ON, "X-ClickHouse-User": user}, **others)


def http_plain(server, headers=None, parameters=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.ports["http_port"], timeout=20)
    try:
        return _ask(connection, headers, parameters)
    finally:
        connection.close()


def server_certificate(server, ca, port="tcp_port_secure", name="localhost", pair=None):
    """DER of the certificate that a listener shows."""
    context = tls_context(ca, pair)
    context.check_hostname = False
    with socket.create_connection(("127.0.0.1", server.ports[port]), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname=name) as secure:
            return secure.getpeercert(binary_form=True)
