"""The gateway as a service: readiness, drain, news for systemd, sockets that were handed over."""

import os
import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from urllib.parse import quote

import pytest
from lib import clients
from lib.server import free_ports
from lib.wait import eventually
from test_gateway_https import ON, connect, get, read_answer

NAMED = f"{ON}X-ClickHouse-User: alice\r\n"


@pytest.fixture
def world(gateway_world):
    return gateway_world


def gateway_with(world, directory, **config):
    ports = world.server.ports
    return world.another(directory, {"tcp_port_secure": ports["tcp_port"], "https_port": ports["http_port"]}, **config)


def readiness(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code
    except OSError:
        return None


def test_a_drain_lets_what_is_under_way_end(world, tmp_path):
    """SIGTERM in the middle of a query: it gets its answer, the connection then closes, no new one is taken, and the exit code is 0."""
    ready = free_ports(1)[0]
    gateway = gateway_with(world, tmp_path / "gateway", gateway=f"<ready>127.0.0.1:{ready}</ready>").start()
    try:
        assert readiness(ready) == 200
        client = connect(world, world.alice, gateway)
        client.sendall(get("/?query=" + quote("SELECT sleep(3)"), NAMED).encode())
        eventually(lambda: "sleep(3)" in world.server.admin("SELECT query FROM system.processes"), what="the query")
        gateway.process.send_signal(signal.SIGTERM)
        eventually(lambda: readiness(ready) == 503, what="a readiness port that says no")
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", gateway.ports["https_port"]), timeout=10)
        status, fields, body = read_answer(client.makefile("rb"))
        assert (status, body, fields["connection"]) == (200, b"0\n", "close")
        client.close()
        assert gateway.process.wait(timeout=60) == 0
    finally:
        gateway.process.kill()
        gateway.process.wait()


def test_a_second_signal_ends_at_once_and_the_exit_code_says_so(world, tmp_path):
    gateway = gateway_with(world, tmp_path / "gateway").start()
    client = connect(world, world.alice, gateway)
    client.sendall(get("/?query=" + quote("SELECT sleep(3)"), NAMED).encode())
    eventually(lambda: "sleep(3)" in world.server.admin("SELECT query FROM system.processes"), what="the query")
    gateway.process.send_signal(signal.SIGTERM)
    eventually(lambda: "takes no new connections" in gateway.log(), what="the drain")
    gateway.process.send_signal(signal.SIGTERM)
    assert gateway.process.wait(timeout=30) == 3
    client.close()


def test_systemd_is_told(world, tmp_path):
    """READY, RELOADING and READY again, STOPPING; and the watchdog is fed."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(60)
        gateway = gateway_with(world, tmp_path / "gateway")
        os.environ["NOTIFY_SOCKET"], os.environ["WATCHDOG_USEC"] = str(path), "200000"
        try:
            gateway.start()
        finally:
            del os.environ["NOTIFY_SOCKET"], os.environ["WATCHDOG_USEC"]

        def told(word):
            while word not in (news := manager.recv(4096).decode()):
                pass
            return news

        try:
            told("READY=1")
            told("WATCHDOG=1")
            gateway.reload()
            assert "MONOTONIC_USEC=" in told("RELOADING=1")
            told("READY=1")
            gateway.process.send_signal(signal.SIGTERM)
            told("STOPPING=1")
        finally:
            gateway.stop()


def test_a_restart_over_inherited_sockets_refuses_no_connection(world, tmp_path):
    """The sockets are ours, as systemd's would be: connections that come between two processes wait for the second."""
    gateway = gateway_with(world, tmp_path / "gateway")
    sockets = [socket.create_server(("127.0.0.1", port), backlog=100) for port in gateway.ports.values()]

    def launch():
        command = f'exec env LISTEN_PID=$$ LISTEN_FDS=2 "{gateway.binary}" --config "{gateway.config_file}"'

        def hand_over():
            for number, each in enumerate(copies):
                os.dup2(each, 3 + number)

        copies = [os.dup(each.fileno()) for each in sockets]
        copies = [os.dup2(each, 100 + number) for number, each in enumerate(copies)]
        with open(gateway.directory / "gateway.log", "ab") as output:
            gateway.process = subprocess.Popen(
                ["/bin/bash", "-c", command], stdout=output, stderr=output, preexec_fn=hand_over, close_fds=False
            )

    before = gateway.log().count("ready")
    launch()
    eventually(lambda: gateway.log().count("ready") > before, within=60, what="the first process")
    assert clients.https_as(gateway, world.ca.file, world.alice, "alice").user == "alice"
    gateway.process.send_signal(signal.SIGTERM)
    assert gateway.process.wait(timeout=60) == 0
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(clients.https_as(gateway, world.ca.file, world.alice, "alice")))
    waiting.start()
    launch()
    waiting.join(timeout=60)
    assert [answer.user for answer in answers] == ["alice"]
    gateway.stop()
    for each in sockets:
        each.close()


def test_no_core_and_no_look_into_the_memory(world):
    status = (world.gateway.process.pid, "limits")
    with open("/proc/%d/%s" % status, encoding="ascii") as limits:
        lines = {line[:26].strip(): line[26:].split() for line in limits}
    assert lines["Max core file size"][:2] == ["0", "0"]
    assert lines["Max open files"][0] == lines["Max open files"][1]
