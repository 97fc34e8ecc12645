"""status and dns: questions to a running server, over its admin socket. Here the server is the test's."""

import json
import socket
import threading

import pytest

STATUS = {
    "generation": 7,
    "loaded_at": "2026-01-31T12:00:00Z",
    "reload": {"last_error": "ca.pem: no certificate", "failing_since": "2026-01-31T13:00:00Z"},
    "listeners": [
        {"name": "https_port", "port": 8443, "client_certificate": "optional", "mode": "observe"},
        {"name": "tcp_port_secure", "port": 9440, "client_certificate": "required", "mode": "enforce"},
    ],
    "credentials": [{"role": "server", "subject": "CN=server", "not_after": "2027-01-31T12:00:00Z"}],
    "peers": {"VALID": 3},
    "logins": {},
    "in_part": True,
    "sessions": {"live": 1, "closed": 2},
    "would_refuse": {
        "rows": [
            {
                "stage": "login",
                "where": "https_port",
                "identity": "CN=bob",
                "user": "reports",
                "reason": "NO-RULE",
                "count": 5,
                "last": "2026-01-31T14:00:00Z",
                "message": "no rule matches",
            }
        ],
        "not_listed": 2,
    },
    "dns": {"names": 2, "unresolved": 1, "flushes": 4},
    "warnings": ["a key file that others can read"],
}
DNS = {
    "enabled": True,
    "names": 2,
    "unresolved": 1,
    "flushes": 4,
    "asked_for": {"changed": 3, "command": 1, "schedule": 0},
    "watched": [
        {"name": "a.example", "addresses": ["10.0.0.1", "fd00::1"], "failure": None, "asked_again_in_ms": 1500},
        {"name": "b.example", "addresses": [], "failure": "Domain name not found", "asked_again_in_ms": None},
    ],
}


class AdminSocket:
    """Gives one answer to each connection and keeps what it was asked."""

    def __init__(self, path, answer):
        self.path, self.answer, self.asked = path, answer, []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as lines:
                line = lines.readline()
                if not line:
                    continue
                self.asked.append(json.loads(line))
                connection.sendall(self.answer)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()


@pytest.fixture
def server(tmp_path):
    made = []

    def make(answer):
        line = answer if isinstance(answer, bytes) else json.dumps(answer).encode() + b"\n"
        made.append(AdminSocket(tmp_path / f"{len(made)}-admin.sock", line))
        return made[-1]

    yield make
    for one in made:
        one.close()


def good(result):
    return {"ok": True, "result": result}


def test_status(tool, server):
    one = server(good(STATUS))
    done = tool("status", "--socket", one.path)
    assert done.status == 1, "not all of it is in force"
    assert one.asked == [{"request": "status"}]
    assert "generation 7 since 2026-01-31T12:00:00Z" in done.out
    assert "NOT in force since 2026-01-31T13:00:00Z: ca.pem: no certificate" in done.out
    assert "listener https_port: port 8443, client certificate optional, observes only\n" in done.out
    assert "listener tcp_port_secure: port 9440, client certificate required\n" in done.out
    assert "would refuse 5 times: login on https_port, CN=bob, user reports: NO-RULE" in done.out
    assert "would refuse 2 times more, which are not listed" in done.out
    assert "certificate (server): CN=server, until 2027-01-31T12:00:00Z" in done.out
    assert "warning: a key file that others can read" in done.out
    assert "nothing is added before all of them are in order" in done.out
    in_json = tool("status", "--socket", one.path, "--json")
    assert (in_json.status, in_json.object()) == (1, STATUS)
    whole = server(good({**STATUS, "in_part": False, "reload": {**STATUS["reload"], "last_error": None}}))
    assert "in force;" not in tool.must("status", "--socket", whole.path).out


def test_dns_status(tool, server):
    one = server(good(DNS))
    done = tool.must("dns", "status", "--socket", one.path)
    assert one.asked == [{"request": "dns status"}]
    assert done.out.splitlines() == [
        "watched: 2 names, 1 without an address",
        "flushes: 4 (asked for: changed 3, command 1)",
        "a.example: 10.0.0.1 fd00::1, asked again in 1.5 s",
        "b.example: no address (Domain name not found)",
    ]
    assert tool.must("dns", "status", "--socket", one.path, "--json").object() == DNS


@pytest.mark.parametrize(
    ("wait", "told"), [(0, "flushed\n"), (2500, "flushed in 2.5 s, together with what else is asked for until then\n")]
)
def test_dns_flush(tool, server, wait, told):
    one = server(good({"done_in_ms": wait}))
    assert tool.must("dns", "flush", "--socket", one.path).out == told
    assert tool.must("dns", "flush", "db1.example", "--socket", one.path).out == told
    assert one.asked == [{"request": "dns flush"}, {"request": "dns flush", "host": "db1.example"}]


def test_a_flush_of_a_host_that_is_not_configured_says_so(tool, server):
    for named, noted in ((False, True), (True, False)):
        one = server(good({"done_in_ms": 0, "named": named}))
        out = tool.must("dns", "flush", "tpyo", "--socket", one.path).out
        assert out.endswith("flushed\n") and ("note: the server's configuration names no such host" in out) == noted


def test_the_socket_is_named_by_the_configuration(tool, server, tmp_path):
    one = server(good(DNS))
    config = tmp_path / "config.xml"
    (tmp_path / "config.d").mkdir()
    config.write_text("<yandex><mtls/></yandex>")
    without = tool("dns", "status", "--config", config)
    assert without.status == 2
    assert "mtls.admin.socket" in without.err
    (tmp_path / "config.d" / "admin.xml").write_text(f"<yandex><mtls><admin><socket>{one.path}</socket></admin></mtls></yandex>")
    assert tool.must("dns", "status", "--config", config, "--json").object() == DNS


def test_a_refusal_is_no(tool, server):
    one = server({"ok": False, "error": "unknown request"})
    done = tool("dns", "status", "--socket", one.path)
    assert (done.status, done.out) == (1, "refused: unknown request\n")
    done = tool("dns", "status", "--socket", one.path, "--json")
    assert (done.status, done.object()) == (1, {"ok": False, "error": "unknown request"})


@pytest.mark.parametrize("answer", [b"", b"no json\n", b'{"ok":true', b'{"result":{}}\n'], ids=["none", "text", "half", "other"])
def test_no_answer_is_no_answer(tool, server, answer):
    done = tool("status", "--socket", server(answer).path)
    assert done.status == 2
    assert done.out == ""
    assert "admin.sock" in done.err


@pytest.mark.parametrize("name", ["missing.sock", "x" * 200])
def test_no_server_there(tool, tmp_path, name):
    done = tool("status", "--socket", tmp_path / name)
    assert done.status == 2
    assert done.out == ""
