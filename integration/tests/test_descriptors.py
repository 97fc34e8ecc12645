"""A server without a free descriptor: the administration socket waits, and burns no processor time while it does."""

import resource
import socket
import subprocess
import time

from lib.server import Config
from lib.wait import eventually, stays


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    ticks = int(fields[11]) + int(fields[12])
    return ticks / 100


def test_no_descriptor_is_left(server_factory, authority, openssl, build, tmp_path):
    admin = tmp_path / "admin.sock"
    mtls = f"<admin><socket>{admin}</socket></admin>"
    server = server_factory(Config(openssl_server=openssl(authority.file, authority.server()), mtls=mtls))
    server.start()

    def status():
        tool = [build / "clickhouse-mtls", "status", "--socket", admin]
        return subprocess.run(tool, capture_output=True, text=True, timeout=30, check=False)

    assert "generation" in status().stdout
    pid = server.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]))
    try:
        with socket.socket(socket.AF_UNIX) as waiting:
            waiting.connect(str(admin))
            used, since = processor_seconds(pid), time.monotonic()
            stays(lambda: server.process.poll() is None, 3, "the server")
            # It tries again now and then. Spinning took all of the time that there was.
            assert processor_seconds(pid) - used < (time.monotonic() - since) / 4
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    eventually(lambda: "generation" in status().stdout, 30, "an answer, once there are descriptors again")
