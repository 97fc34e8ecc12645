"""Live sessions of a real server when their trust goes: how fast, and what becomes of a query that runs."""

import os
import selectors
import ssl
import threading
import time
from urllib.parse import urlencode

import clickhouse_driver
import pytest
from lib import clients
from lib.pki import Authority, write
from lib.server import Config, Server, user
from lib.wait import eventually

USERS = user("alice", "<ssl_certificates><common_name>alice</common_name></ssl_certificates>")
# One block a second; with a block size of one that is so many seconds.
SLOW = "SELECT sum(sleep(1)) FROM (SELECT number FROM system.numbers LIMIT {})"


class Scene:
    """Two authorities in one file; the second one is the one that goes."""

    def __init__(self, patched, directory, openssl, mtls=""):
        self.staying, self.leaving = Authority(directory / "pki", "First CA"), Authority(directory / "pki", "Second CA")
        self.trusted = write(directory / "trusted.crt", self.staying.pem + self.leaving.pem, 0o644)
        self.server = Server(
            patched,
            directory / "server",
            Config(openssl_server=openssl(self.trusted, self.staying.server()), mtls=mtls, users=USERS),
        )
        self.opened = []

    def remove_authority(self):
        write(self.trusted, self.staying.pem, 0o644)

    def native(self, pair):
        client = clickhouse_driver.Client(
            "127.0.0.1", port=self.server.ports["tcp_port_secure"], user="alice", secure=True, ca_certs=str(self.staying.file),
            certfile=str(pair.certificate), keyfile=str(pair.key), settings={"max_block_size": 1},
        )
        assert client.execute("SELECT 1") == [(1,)]
        self.opened.append(client)
        return client

    def running(self):
        return int(self.server.admin("SELECT count() FROM system.processes WHERE user = 'alice'"))

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *_):
        for client in self.opened:
            client.disconnect()
        self.server.stop()


@pytest.fixture
def scene(patched, tmp_path, openssl):
    made = []

    def make(mtls=""):
        made.append(Scene(patched, tmp_path / str(len(made)), openssl, mtls))
        return made[-1].__enter__()

    yield make
    for each in made:
        each.__exit__()


class Query(threading.Thread):
    """A slow query on a thread of its own: `answer`, or the `error` that ended it."""

    def __init__(self, ask):
        super().__init__(daemon=True)
        self.ask, self.answer, self.error = ask, None, None
        self.start()

    def run(self):
        try:
            self.answer = self.ask()
        except Exception as error:  # noqa: BLE001: whatever ended it is what the test looks at
            self.error = error

    def end(self):
        self.join(30)
        assert not self.is_alive(), "the query does not end"
        return self


def ended(sock):
    """Readable without data: the server has closed it."""
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        if not selector.select(0.01):
            return False
    try:
        return sock.recv(1) == b""
    except (ssl.SSLWantReadError, TimeoutError):
        return False
    except OSError:
        return True


AFTER_QUERY = "<sessions><on_revoked>after_query</on_revoked><max_wait>{}</max_wait></sessions>"


def test_a_native_query_runs_to_its_end_and_then_the_session_ends(scene):
    on = scene(AFTER_QUERY.format(60))
    pair = on.leaving.issue("leaving", "alice")
    busy, idle, staying = on.native(pair), on.native(pair), on.native(on.staying.issue("staying", "alice"))
    query = Query(lambda: busy.execute(SLOW.format(5)))
    eventually(lambda: on.running() == 1, what="the running query")
    on.remove_authority()
    eventually(lambda: ended(idle.connection.socket), what="the end of the idle session")
    assert on.running() == 1, "the query is still running when the idle session has ended"
    assert query.end().answer == [(0,)], query.error
    eventually(lambda: ended(busy.connection.socket), what="the end of the session whose query has ended")
    assert staying.execute("SELECT 2") == [(2,)] and not ended(staying.connection.socket)


def test_an_https_answer_arrives_whole_and_then_the_connection_ends(scene):
    on = scene(AFTER_QUERY.format(60))
    headers = {**clients.ON, "X-ClickHouse-User": "alice"}
    # Bigger than every buffer on its way: the end of the query is not the end of the answer.
    select = "SELECT number, sleep(1), range(200000) FROM (SELECT number FROM system.numbers LIMIT 4)"
    with clients.HttpsConnection(on.server, on.staying.file, on.leaving.issue("leaving", "alice")) as kept:
        assert kept.ask(headers).user == "alice"
        url = "/?" + urlencode({"max_block_size": 1})

        def ask():
            kept.connection.request("POST", url, body=select, headers=headers)
            return kept.connection.getresponse().read()

        query = Query(ask)
        eventually(lambda: on.running() == 1, what="the running query")
        on.remove_authority()
        again = on.leaving.issue("again", "alice")
        eventually(lambda: not clients.native(on.server, on.staying.file, again, "alice"), what="the new generation")
        lines = (query.end().answer or b"").splitlines()
        assert [line[:1] for line in lines] == [b"0", b"1", b"2", b"3"], query.error
        assert all(len(line) > 1000000 for line in lines)
        # By itself the server ends it after ten seconds.
        eventually(lambda: ended(kept.connection.sock), within=8, what="the end of the connection")


@pytest.mark.parametrize("mtls", [AFTER_QUERY.format(1), ""], ids=["after max_wait", "now"])
def test_a_query_is_not_waited_for_longer_than_asked(scene, mtls):
    on = scene(mtls)
    busy = on.native(on.leaving.issue("leaving", "alice"))
    sock = busy.connection.socket
    query = Query(lambda: busy.execute(SLOW.format(20)))
    eventually(lambda: on.running() == 1, what="the running query")
    began = time.monotonic()
    on.remove_authority()
    query.end()
    assert query.answer is None and query.error is not None
    assert time.monotonic() - began < 15, "the query ended by itself"
    assert sock.fileno() == -1 or ended(sock)


def test_three_hundred_sessions_end_within_a_second_of_the_write(scene, record_property):
    count = 300
    on = scene()
    pair = on.leaving.issue("leaving", "alice")
    staying = [on.native(on.staying.issue("staying", "alice")) for _ in range(10)]
    sessions = [on.native(pair) for _ in range(count)]
    with selectors.DefaultSelector() as selector:
        for client in sessions:
            selector.register(client.connection.socket, selectors.EVENT_READ)
        began = time.monotonic()
        on.remove_authority()
        ends = []
        while len(ends) < count and time.monotonic() - began < 30:
            for key, _ in selector.select(1):
                ends.append(time.monotonic() - began)
                selector.unregister(key.fileobj)
    assert len(ends) == count
    p99 = ends[count * 99 // 100]
    record_property("p99_seconds", round(p99, 3))
    print(f"p99 {p99:.3f} s, last {ends[-1]:.3f} s")
    # What is promised is promised for a machine that has a processor for it.
    assert p99 < 1.0 * max(1.0, os.getloadavg()[0] / os.cpu_count())
    for client in staying:
        assert client.execute("SELECT 2") == [(2,)]
