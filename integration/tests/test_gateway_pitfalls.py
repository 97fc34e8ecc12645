"""What programs like the gateway have got wrong: ends of connections, slow readers, idle sessions, hellos in pieces, probes. A server of
the test's own is behind it, so that each byte and each end is seen."""

import contextlib
import socket
import ssl
import threading

import pytest
from lib import clients
from lib.hello import hello
from lib.memory import resident
from lib.wait import eventually, stays


@pytest.fixture
def world(gateway_world):
    return gateway_world


@pytest.fixture
def behind():
    """A listening socket."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(30)
        yield listening


@pytest.fixture
def gateway(world, behind, tmp_path):
    with world.another(tmp_path / "gateway", {"tcp_port_secure": behind.getsockname()[1]}) as made:
        yield made


class TlsClient:
    """TLS over memory, so that each end can be closed by itself and each byte be sent when the test says so."""

    def __init__(self, world, gateway, pair):
        self.socket = socket.create_connection(("127.0.0.1", gateway.ports["tcp_port_secure"]), timeout=30)
        self.into, self.out = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = clients.tls_context(world.ca.file, pair)
        self.tls = context.wrap_bio(self.into, self.out, server_hostname="localhost")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def flush(self, pieces=1):
        data = self.out.read()
        size = max(1, -(-len(data) // pieces))
        for begin in range(0, len(data), size):
            self.socket.sendall(data[begin : begin + size])

    def until_done(self, operation, pieces=1):
        while True:
            try:
                result = operation()
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush(pieces)
                pieces = 1
                data = self.socket.recv(65536)
                if not data:
                    self.into.write_eof()
                self.into.write(data)

    def connect(self, pieces=1):
        self.until_done(self.tls.do_handshake, pieces)
        return self

    def send(self, data):
        self.tls.write(data)
        self.flush()

    def read(self):
        """b"": the other side has said that it sends no more."""
        try:
            return self.until_done(lambda: self.tls.read(65536))
        except ssl.SSLZeroReturnError:
            return b""

    def finish(self):
        """Says that nothing more is sent, and goes on reading."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        self.flush()


@contextlib.contextmanager
def session(world, gateway, behind):
    """A client who has logged in, and the server's end of the connection."""
    with TlsClient(world, gateway, world.alice).connect() as client:
        client.send(hello("alice"))
        server, _ = behind.accept()
        with server:
            server.settimeout(30)
            assert b"of-the-gateway-1" in server.recv(65536)
            yield client, server


def test_an_end_of_the_client_does_not_cut_the_answer(world, gateway, behind):
    with session(world, gateway, behind) as (client, server):
        client.finish()
        assert server.recv(1) == b""
        answer = b"x" * 1000000
        threading.Thread(target=lambda: (server.sendall(answer), server.shutdown(socket.SHUT_WR)), daemon=True).start()
        received = b""
        while data := client.read():
            received += data
        assert received == answer


def test_an_end_of_the_server_is_told_and_the_client_may_go_on(world, gateway, behind):
    with session(world, gateway, behind) as (client, server):
        server.sendall(b"last words")
        server.shutdown(socket.SHUT_WR)
        assert client.read() == b"last words"
        assert client.read() == b""
        client.send(b"still here")
        assert server.recv(100) == b"still here"


def test_a_client_that_is_cut_off_is_no_end_in_good_order(world, gateway, behind):
    """Without close_notify anybody on the way could have cut the stream."""
    with session(world, gateway, behind) as (client, server):
        client.send(b"half of an ins")
        assert server.recv(100) == b"half of an ins"
        client.socket.close()
        with pytest.raises(ConnectionResetError):
            server.recv(100)


def test_a_slow_reader_costs_no_memory(world, gateway, behind):
    with session(world, gateway, behind) as (client, server):
        before = resident(gateway.process.pid)
        server.setblocking(False)
        sent = 0

        def is_full():
            nonlocal sent
            with contextlib.suppress(BlockingIOError):
                while True:
                    sent += server.send(b"x" * 65536)
                    assert sent < 1 << 30
            return True

        stays(is_full, during=2, what="a server that has to wait")
        assert resident(gateway.process.pid) - before < 8 << 20
        received = 0
        while received < sent:
            received += len(client.read())


def test_a_session_may_be_idle_for_longer_than_every_clock(world, behind, tmp_path):
    """Only logins, connects and half-closed connections have one."""
    clocks = "<timeouts><login>1</login><connect>1</connect><half_closed>1</half_closed><http_idle>1</http_idle></timeouts>"
    with world.another(tmp_path / "idle", {"tcp_port_secure": behind.getsockname()[1]}, gateway=clocks) as gateway:
        with session(world, gateway, behind) as (client, server):
            server.setblocking(False)

            def is_open():
                with contextlib.suppress(BlockingIOError):
                    return server.recv(1) != b""
                return True

            stays(is_open, during=4, what="the session")
            server.setblocking(True)
            server.sendall(b"awake")
            assert client.read() == b"awake"


@pytest.mark.parametrize("pieces", [2, 50])
def test_a_client_hello_in_pieces(world, gateway, behind, pieces):
    with TlsClient(world, gateway, world.alice).connect(pieces) as client:
        client.send(hello("alice"))
        server, _ = behind.accept()
        with server:
            assert b"of-the-gateway-1" in server.recv(65536)


def test_probes_of_the_port_are_not_logged(world, gateway, behind):
    for _ in range(20):
        socket.create_connection(("127.0.0.1", gateway.ports["tcp_port_secure"]), timeout=30).close()
    with session(world, gateway, behind):
        assert "handshake with" not in gateway.log()
    with socket.create_connection(("127.0.0.1", gateway.ports["tcp_port_secure"]), timeout=30) as confused:
        confused.sendall(b"GET / HTTP/1.1\r\n\r\n")
        eventually(lambda: "handshake with" in gateway.log(), what="a line on what is no TLS")


def test_what_strangers_do_fills_no_log(world, gateway, behind):
    for _ in range(100):
        with socket.create_connection(("127.0.0.1", gateway.ports["tcp_port_secure"]), timeout=30) as confused:
            confused.sendall(b"GET / HTTP/1.1\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                while confused.recv(100):
                    pass
    with session(world, gateway, behind):
        assert gateway.log().count("handshake with") == 20


def test_plain_bytes_before_tls_are_not_taken_for_what_is_inside(world, gateway, behind):
    """The first packet in front of the handshake, as an attacker on the way could put it there."""
    with socket.create_connection(("127.0.0.1", gateway.ports["tcp_port_secure"]), timeout=30) as plain:
        plain.sendall(hello("alice"))
        with pytest.raises((ssl.SSLError, OSError)):
            clients.tls_context(world.ca.file, world.alice).wrap_socket(plain, server_hostname="localhost")
    with session(world, gateway, behind):
        pass
