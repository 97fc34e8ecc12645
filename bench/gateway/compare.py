"""The gateway beside other programs that end mutual TLS, in one run: compare.py [--seconds S] [--rounds N] [--only NAME]…

Every program has one worker, the same certificates (P-256), TLS 1.3 with one cipher and one group, no resumption, no log of connections,
and the same server behind it; who is not installed is left out. The parameters that were negotiated are printed as proof. Processor time is
that of the program alone, by /proc; it is what counts on a machine that does other things, too. Programs take turns; the median of the
rounds counts. CHMTLS_BUILD names the build directory (an optimised one): tls_load, the gateway and the module.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "integration/tests"))

from lib.pki import Authority, write  # type: ignore[import]  # noqa: E402
from lib.server import free_ports  # type: ignore[import]  # noqa: E402

BUILD = Path(os.environ.get("CHMTLS_BUILD", ROOT / "build")).resolve()
LOAD = BUILD / "tls_load"
SUITE = "TLS_AES_128_GCM_SHA256"
TICKS = os.sysconf("SC_CLK_TCK")
IDLE = 1000


@dataclass
class Peer:
    """A program under test: `command` writes its configuration into a directory and gives the command line."""

    name: str
    program: Path
    command: Callable[["World", Path, int], list[str]]
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    results: dict[str, list[float]] = field(default_factory=dict)
    negotiated: set[str] = field(default_factory=set)

    def members(self) -> list[Path]:
        """The process, and those that it has started."""
        assert self.process is not None
        wanted = {self.process.pid}
        found = []
        for stat in sorted(Path("/proc").glob("[0-9]*/stat"), key=lambda path: int(path.parent.name)):
            try:
                parent = int(stat.read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            if int(stat.parent.name) in wanted or parent in wanted:
                wanted.add(int(stat.parent.name))
                found.append(stat.parent)
        return found

    def cpu(self) -> float:
        total = 0
        for member in self.members():
            parts = (member / "stat").read_text().rsplit(")", 1)[1].split()
            total += int(parts[11]) + int(parts[12])
        return total / TICKS

    def memory(self) -> int:
        """Bytes that are its own (PSS)."""
        total = 0
        for member in self.members():
            for line in (member / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        return total

    def note(self, figure: str, value: float) -> None:
        self.results.setdefault(figure, []).append(value)


class World:
    """Certificates, and the server behind all of them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        authority = Authority(directory / "pki")
        self.ca = authority.file
        self.server = authority.server()
        self.client = authority.issue("bench", "bench")
        self.both = write(directory / "both.pem", self.server.certificate.read_bytes() + self.server.key.read_bytes())
        (self.behind,) = free_ports(1)
        self.sink = subprocess.Popen([str(LOAD), "sink", str(self.behind)])
        wait_for(self.behind)

    def load(self, mode: str, port: int, seconds: float, connections: int) -> dict[str, Any]:
        command = [LOAD, mode, port, self.ca, self.client.certificate, self.client.key, seconds, connections]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
        if not done.stdout:
            raise RuntimeError(f"tls_load {mode}: {done.stderr}")
        told: dict[str, Any] = json.loads(done.stdout)
        return told


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"nobody listens at {port}")


def ours(world: World, here: Path, port: int) -> list[str]:
    write(here / "passwords", b"bench of-the-bench\n")
    config = f"""<clickhouse><listen_host>127.0.0.1</listen_host><tcp_port_secure>{port}</tcp_port_secure>
<logger><level>warning</level></logger>
<openSSL><server><certificateFile>{world.server.certificate}</certificateFile><privateKeyFile>{world.server.key}</privateKeyFile>
<caConfig>{world.ca}</caConfig><verificationMode>strict</verificationMode><cacheSessions>false</cacheSessions></server></openSSL>
<mtls><users><rule><name>bench</name><common_name>bench</common_name><user>bench</user></rule></users></mtls>
<gateway><native><server>127.0.0.1:{world.behind}</server></native><proof><passwords>{here}/passwords</passwords></proof>
<workers>1</workers><limits><connections_per_address>20000</connections_per_address>
<handshakes_per_address>1000</handshakes_per_address></limits></gateway></clickhouse>"""
    write(here / "gateway.xml", config.encode())
    return [str(BUILD / "clickhouse-mtls-gateway"), "--config", str(here / "gateway.xml")]


def stunnel(world: World, here: Path, port: int) -> list[str]:
    config = f"""foreground = yes
debug = 3
pid =
[bench]
accept = 127.0.0.1:{port}
connect = 127.0.0.1:{world.behind}
cert = {world.both}
CAfile = {world.ca}
verifyChain = yes
requireCert = yes
sslVersionMin = TLSv1.3
ciphersuites = {SUITE}
curves = X25519
sessionResume = no
options = NO_TICKET
socket = l:TCP_NODELAY=1
socket = r:TCP_NODELAY=1
"""
    return ["stunnel4", str(write(here / "stunnel.conf", config.encode()))]


def haproxy(world: World, here: Path, port: int) -> list[str]:
    config = f"""global
  nbthread 1
  maxconn 8000
  tune.ssl.cachesize 0
defaults
  mode tcp
  timeout connect 10s
  timeout client 10m
  timeout server 10m
frontend clients
  bind 127.0.0.1:{port} ssl crt {world.both} ca-file {world.ca} verify required no-tls-tickets ssl-min-ver TLSv1.3 \
ciphersuites {SUITE} curves X25519
  default_backend behind
backend behind
  server behind 127.0.0.1:{world.behind}
"""
    return ["haproxy", "-db", "-f", str(write(here / "haproxy.cfg", config.encode()))]


def nginx(world: World, here: Path, port: int) -> list[str]:
    config = f"""load_module {NGINX_STREAM};
daemon off; worker_processes 1; pid {here}/pid; error_log stderr crit;
events {{ worker_connections 8000; }}
stream {{
  server {{
    listen 127.0.0.1:{port} ssl;
    proxy_pass 127.0.0.1:{world.behind};
    ssl_certificate {world.server.certificate}; ssl_certificate_key {world.server.key};
    ssl_client_certificate {world.ca}; ssl_verify_client on;
    ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites {SUITE}; ssl_ecdh_curve X25519;
    ssl_session_tickets off; ssl_session_cache off;
  }}
}}
"""
    return ["nginx", "-p", str(here), "-e", "stderr", "-c", str(write(here / "nginx.conf", config.encode()))]


def hitch(world: World, here: Path, port: int) -> list[str]:
    config = f"""frontend = "[127.0.0.1]:{port}"
backend = "[127.0.0.1]:{world.behind}"
pem-file = "{world.both}"
client-verify = required
client-verify-ca = "{world.ca}"
workers = 1
daemon = off
log-level = 0
user = "nobody"
group = "nogroup"
tls-protos = TLSv1.3
ciphersuites = "{SUITE}"
ecdh-curve = "X25519"
"""
    return ["hitch", "--config", str(write(here / "hitch.conf", config.encode()))]


NGINX_STREAM = Path("/usr/lib/nginx/modules/ngx_stream_module.so")


def peers() -> list[Peer]:
    made = [
        Peer("ours", BUILD / "clickhouse-mtls-gateway", ours),
        Peer("stunnel", Path("/usr/bin/stunnel4"), stunnel),
        Peer("haproxy", Path("/usr/sbin/haproxy"), haproxy),
        Peer("nginx", Path("/usr/sbin/nginx") if NGINX_STREAM.exists() else NGINX_STREAM, nginx),
        Peer("hitch", Path("/usr/sbin/hitch"), hitch),
    ]
    for peer in made:
        if not peer.program.exists():
            print(f"left out: {peer.name}, since there is no {peer.program}", flush=True)
    return [peer for peer in made if peer.program.exists()]


def start(peer: Peer, world: World) -> None:
    here = world.directory / peer.name
    here.mkdir()
    (peer.port,) = free_ports(1)
    command = peer.command(world, here, peer.port)
    with open(here / "output", "wb") as output:
        peer.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        wait_for(peer.port)
    except RuntimeError as silent:
        raise RuntimeError(f"{peer.name}: {silent}: {(here / 'output').read_text(errors='replace')}") from silent


def stop(process: subprocess.Popen[bytes] | None) -> None:
    if process is None:
        return
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def measure(peer: Peer, world: World, mode: str, seconds: float, connections: int) -> tuple[dict[str, Any], float]:
    before = peer.cpu()
    told = world.load(mode, peer.port, seconds, connections)
    used = peer.cpu() - before
    if told["failed"] or not told["connections"]:
        print(f"warning: {peer.name} {mode}: {told['failed']} failed, {told['failure']}", flush=True)
    if told["negotiated"]:
        peer.negotiated.add(told["negotiated"])
    return told, used


def round_of(peer: Peer, world: World, seconds: float) -> None:
    told, used = measure(peer, world, "handshakes", seconds, 16)
    peer.note("connections/s", told["connections"] / told["seconds"])
    peer.note("CPU µs/connection", used * 1e6 / max(1, told["connections"]))
    for mode in ("download", "upload"):
        told, used = measure(peer, world, mode, seconds, 4)
        peer.note(f"CPU s/GB {mode}", used * 1e9 / max(1, told["bytes"]))
    told, used = measure(peer, world, "latency", seconds, 1)
    peer.note("p50 µs", told["p50"])
    peer.note("p99 µs", told["p99"])
    peer.note("CPU µs/round", used * 1e6 / max(1, told["rounds"]))


def idle_memory(peer: Peer, world: World) -> None:
    before = peer.memory()
    command = [LOAD, "idle", peer.port, world.ca, world.client.certificate, world.client.key, 6, IDLE]
    holder = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE)
    time.sleep(5)
    peer.note("KiB/idle connection", (peer.memory() - before) / 1024 / IDLE)
    holder.communicate(timeout=60)


MORE_IS_BETTER = {"connections/s"}


def report(all_peers: list[Peer]) -> None:
    figures = list(all_peers[0].results)
    print("\n| figure | " + " | ".join(peer.name for peer in all_peers) + " | best peer / ours |")
    print("|---|" + "---|" * (len(all_peers) + 1))
    for figure in figures:
        medians = {peer.name: statistics.median(peer.results[figure]) for peer in all_peers}
        others = [value for name, value in medians.items() if name != "ours"]
        ratio = ""
        if others and "ours" in medians and medians["ours"] > 0:
            more = figure in MORE_IS_BETTER
            best = max(others) if more else min(others)
            ratio = f"{(medians['ours'] / best) if more and best else best / medians['ours']:.2f}"
        print(f"| {figure} | " + " | ".join(f"{medians[peer.name]:.4g}" for peer in all_peers) + f" | {ratio} |")
    print("\nThe last column is more than 1 where ours is better than the best of the others.\n")
    for peer in all_peers:
        print(f"{peer.name}: {'; '.join(sorted(peer.negotiated))}")
    print(f"\n{os.cpu_count()} processors, load {os.getloadavg()[2]:.1f} over 15 minutes")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", default=[])
    options = parser.parse_args()
    if not LOAD.exists():
        print(f"{LOAD} is missing: build it", file=sys.stderr)
        return 1
    chosen = [peer for peer in peers() if not options.only or peer.name in options.only]
    directory = Path(tempfile.mkdtemp(prefix="gateway-bench-"))
    world = World(directory)
    try:
        for peer in list(chosen):
            try:
                start(peer, world)
            except RuntimeError as silent:
                print(f"left out: {silent}", flush=True)
                stop(peer.process)
                chosen.remove(peer)
        for _ in range(options.rounds):
            for peer in chosen:
                round_of(peer, world, options.seconds)
        for peer in chosen:
            idle_memory(peer, world)
        report(chosen)
    finally:
        for peer in chosen:
            stop(peer.process)
        stop(world.sink)
        shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
