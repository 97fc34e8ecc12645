"""doctor: what makes connections fail, on a node and, over a real handshake, at a peer."""

import socket
import ssl
import threading

import pytest


@pytest.fixture(scope="module")
def pki(make_pki):
    made = make_pki()
    made.issue("server", "--dns", "localhost", "--ip", "127.0.0.1")
    made.issue("other", "--dns", "other.example.org")
    return made


@pytest.fixture
def config(tmp_path, pki):
    def write(ca=pki.ca, more=""):
        path = tmp_path / "config.xml"
        path.write_text(
            f"""<yandex><path>{tmp_path}</path><listen_host>127.0.0.1</listen_host><tcp_port_secure>9440</tcp_port_secure>
            <users_config>users.xml</users_config>{more}
            <openSSL><server><certificateFile>{pki.path}/server.pem</certificateFile>
            <privateKeyFile>{pki.path}/server.key</privateKeyFile><caConfig>{pki.ca}</caConfig></server>
            <client><caConfig>{ca}</caConfig></client></openSSL><mtls/></yandex>"""
        )
        (tmp_path / "users.xml").write_text("<yandex><users><default><password>x</password></default></users></yandex>")
        return path

    return write


class TlsServer:
    """Takes one connection after another and makes a handshake, or none."""

    def __init__(self, pki, name, speaks):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(pki.path / f"{name}.pem", pki.path / f"{name}.key")
        self.speaks = speaks
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                if self.speaks == "tls":
                    try:
                        self.context.wrap_socket(connection, server_side=True).close()
                    except OSError:
                        pass
                elif self.speaks == "http":
                    connection.recv(1)
                    connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")
                else:
                    while connection.recv(4096):
                        pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()


@pytest.fixture
def peer(pki):
    made = []

    def make(name="server", speaks="tls"):
        made.append(TlsServer(pki, name, speaks))
        return f"127.0.0.1:{made[-1].port}"

    yield make
    for one in made:
        one.close()


def states(done):
    answer = done.object()
    assert answer["schema"] == 1
    return {one["check"]: one["state"] for one in answer["findings"]}


def test_a_good_peer(tool, config, peer):
    done = tool("doctor", "--config", config(), "--peer", peer(), "--json")
    assert done.status == 0, done.out
    assert states(done) == dict.fromkeys(["peer_connect", "peer_handshake", "peer_chain", "peer_name"], "ok")


@pytest.mark.parametrize(
    ("name", "speaks", "fails"),
    [("other", "tls", "peer_name"), ("server", "http", "peer_handshake"), ("server", "nothing", "peer_handshake")],
)
def test_what_is_wrong_with_a_peer(tool, config, peer, name, speaks, fails):
    done = tool("doctor", "--config", config(), "--peer", peer(name, speaks), "--timeout", "2", "--json")
    assert done.status == 1
    assert [check for check, state in states(done).items() if state == "fail"] == [fails]


def test_an_authority_that_this_node_does_not_know(tool, config, peer, make_pki):
    done = tool("doctor", "--config", config(ca=make_pki().ca), "--peer", peer())
    assert done.status == 1
    assert "fail peer_chain:" in done.out and "remedy: " in done.out


def test_nobody_listens(tool, config):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    done = tool("doctor", "--config", config(), "--peer", f"127.0.0.1:{port}", "--json")
    assert (done.status, states(done)) == (1, {"peer_connect": "fail"})


def test_a_node(tool, config):
    found = states(tool("doctor", "--config", config(), "--json"))
    assert (found["ports"], found["files"], found["running"]) == ("ok", "ok", "warn")
    done = tool("doctor", "--config", config(more="<https_port>9440</https_port>"), "--json")
    assert done.status == 1
    assert states(done)["ports"] == "fail"


@pytest.mark.parametrize("peer_text", ["db1", ":9440", "db1:"])
def test_a_peer_is_host_and_port(tool, config, peer_text):
    done = tool("doctor", "--config", config(), "--peer", peer_text)
    assert (done.status, done.out) == (2, "")
    assert "HOST:PORT" in done.err


def test_a_configuration_that_is_not_there(tool, tmp_path):
    assert tool("doctor", "--config", tmp_path / "missing.xml").status == 2
