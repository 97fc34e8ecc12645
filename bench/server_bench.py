"""What the module costs a real server: a patched one with certificate users against a stock one with strict mutual TLS, taking turns.

usage: server_bench.py BUILD [ROUNDS]

    new       connections made, logged in, asked SELECT 1 and closed, by two clients at once
    kept      SELECT 1 over one connection

each over the native protocol and over HTTPS. One line of JSON per figure: `ratio` = stock / patched of the median time of the rounds,
`server_ratio` the same of the processor time that the servers themselves took (the client's is most of the former); more than 1:
the patched server is faster.
"""

import hashlib
import http.client
import json
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "integration/tests"))

from lib.pki import Authority  # noqa: E402
from lib.server import Config, Server, user  # noqa: E402

STOCK = Path("/usr/sbin/clickhouse-server")
CLIENTS = 2
NEW = 150  # connections of each client in a round
KEPT = 1000  # queries in a round
RULES = 100
PASSWORD = "correct horse"


class Native:
    """As little of the native protocol as SELECT 1 needs, spoken as a client of revision 54031 (the last without client information)."""

    HELLO = b"\x00\x05bench\x01\x01\x8f\xa6\x03"  # name, version 1.1, revision
    QUERY = b"\x01\x00\x00\x02\x00\x08SELECT 1"  # no id, no settings, to the end, not compressed
    NO_TABLES = b"\x02\x00\x01\x00\x02\xff\xff\xff\xff\x00\x00\x00"  # the empty block that ends the external tables
    ONE = b"\x011\x05UInt8\x01"  # column "1" of UInt8: 1
    END_OF_STREAM = b"\x05"

    def __init__(self, server, context, by_certificate):
        plain = socket.create_connection(("127.0.0.1", server.ports["tcp_port_secure"]))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(plain)
        self.socket.sendall(self.HELLO + text("default") + text("alice") + text("" if by_certificate else PASSWORD))
        answer = self.socket.recv(4096)
        if not answer.startswith(b"\x00"):
            raise RuntimeError(f"the server did not say hello: {answer[:300]!r}")

    def ask(self):
        self.socket.sendall(self.QUERY + self.NO_TABLES)
        answer = b""
        while self.ONE not in answer or not answer.endswith(self.END_OF_STREAM):
            more = self.socket.recv(4096)
            answer += more
            if not more or answer.startswith(b"\x02"):
                raise RuntimeError(f"the server answered {answer[:300]!r}")

    def close(self):
        self.socket.close()


class Https:
    def __init__(self, server, context, by_certificate):
        self.connection = http.client.HTTPSConnection("127.0.0.1", server.ports["https_port"], context=context)
        login = {"X-ClickHouse-SSL-Certificate-Auth": "on"} if by_certificate else {"X-ClickHouse-Key": PASSWORD}
        self.headers = {"X-ClickHouse-User": "alice", **login}

    def ask(self):
        self.connection.request("GET", "/?query=SELECT+1", headers=self.headers)
        answer = self.connection.getresponse().read()
        if answer != b"1\n":
            raise RuntimeError(f"the server answered {answer[:300]!r}")

    def close(self):
        self.connection.close()


def text(value):
    return bytes([len(value)]) + value.encode()


def cpu_of(server):
    """Seconds of processor time that a server has taken: clock_getcpuclockid(3) of its process."""
    return time.clock_gettime((~server.process.pid << 3) | 2)


class Subject:
    """A server behind strict mutual TLS, and how its clients log in: to stock with a password as well, to patched by certificate alone."""

    def __init__(self, name, binary, directory, ca, mtls):
        pair = ca.issue(f"{name}-server", "server", dns=("localhost",))
        files = (
            f"<certificateFile>{pair.certificate}</certificateFile><privateKeyFile>{pair.key}</privateKeyFile>"
            f"<caConfig>{ca.file}</caConfig><verificationMode>strict</verificationMode>"
            "<invalidCertificateHandler><name>RejectCertificateHandler</name></invalidCertificateHandler>"
        )
        self.by_certificate = mtls is not None
        hashed = f"<password_sha256_hex>{hashlib.sha256(PASSWORD.encode()).hexdigest()}</password_sha256_hex>"
        alice = user("alice", "" if self.by_certificate else hashed)
        self.server = Server(binary, directory / name, Config(files, files, mtls, alice))
        client = ca.issue(f"{name}-client", "alice")
        self.context = ssl.create_default_context(cafile=str(ca.file))
        self.context.check_hostname = False
        self.context.load_cert_chain(client.certificate, client.key)

    def cpu(self):
        return cpu_of(self.server)

    def new(self, protocol):
        def connect():
            for _ in range(NEW):
                client = protocol(self.server, self.context, self.by_certificate)
                client.ask()
                client.close()

        failed = []

        def guarded():
            try:
                connect()
            except Exception as problem:  # the thread's end must not hide it
                failed.append(problem)

        threads = [threading.Thread(target=guarded) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failed:
            raise failed[0]

    def kept(self, protocol):
        client = protocol(self.server, self.context, self.by_certificate)
        for _ in range(KEPT):
            client.ask()
        client.close()

    def measured(self, figure, protocol):
        """(seconds, processor seconds of the server) of a round."""
        cpu, begin = self.cpu(), time.perf_counter()
        getattr(self, figure)(protocol)
        return time.perf_counter() - begin, self.cpu() - cpu


def patched_server(build, directory):
    """The packaged server, patched with the adapter of that build."""
    output = directory / "clickhouse-server"
    adapter = Path(build).resolve() / "libclickhouse_mtls_debian.so"
    command = [ROOT / "integration/debian/patch-server", "--adapter", adapter, "--output", output]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return output


def rules():
    lines = "".join(f"<rule><name>r{i}</name><dns>*.team-{i}.example.org</dns><user>alice</user></rule>" for i in range(RULES))
    return f"<users>{lines}<rule><name>alice</name><common_name>alice</common_name><user>alice</user></rule></users>"


def main(build, rounds=9):
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        patched = patched_server(build, directory)
        ca = Authority(directory / "pki", "Bench CA")
        stock = Subject("stock", STOCK, directory, ca, None)
        ours = Subject("patched", patched, directory, ca, rules())
        with stock.server, ours.server:
            for figure in ("new", "kept"):
                for protocol in (Native, Https):
                    taken = {stock: [], ours: []}
                    for number in range(-1, rounds):  # the first one warms up
                        for subject in (stock, ours) if number % 2 else (ours, stock):
                            one = subject.measured(figure, protocol)
                            if number >= 0:
                                taken[subject].append(one)
                    medians = {subject: [statistics.median(column) for column in zip(*taken[subject])] for subject in taken}
                    times = NEW * CLIENTS if figure == "new" else KEPT
                    print(
                        json.dumps(
                            {
                                "figure": f"{figure}, {protocol.__name__.lower()}",
                                "ratio": round(medians[stock][0] / medians[ours][0], 3),
                                "server_ratio": round(medians[stock][1] / medians[ours][1], 3),
                                "per_second": {
                                    each.server.directory.name: round(times / medians[each][0]) for each in (stock, ours)
                                },
                                "spread": {
                                    each.server.directory.name: [round(min(seconds), 3), round(max(seconds), 3)]
                                    for each in (stock, ours)
                                    for seconds in [[one[0] for one in taken[each]]]
                                },
                            }
                        ),
                        flush=True,
                    )


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:3]))
