#!/usr/bin/python3
"""`./run demo`: real ClickHouse servers with identity by certificate, shown with real clients.

Patches a copy of the packaged server, makes a PKI, starts a server on 127.0.0.1, then a cluster on 127.0.0.11 and up, and checks each
promise of the README.
Exits with 1 when one of them is not kept. Leaves nothing behind unless --keep is given.
"""

import argparse
import hashlib
import secrets
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import authority
import cluster
import gateway
import logins
import refusals
import rotation
import trust
from clients import Clients
from report import Report
from server import Server

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Stage:
    """Everything the chapters share."""

    report: Report
    tool: authority.Tool
    server: Server
    home: authority.Authority
    clients: Clients
    bob_password: str
    people: dict = field(default_factory=dict)


def patch_server(directory, build, report):
    patched = directory / "clickhouse-server"
    command = [str(ROOT / "integration/debian/patch-server"), "--output", str(patched)]
    command += ["--adapter", str(build / "libclickhouse_mtls_debian.so")]
    report.command(["integration/debian/patch-server", "--output", patched])
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip() or done.stdout.strip())
    return patched


def make_people(stage):
    """One certificate for each part in the play."""
    home = stage.home
    stranger = authority.Authority(stage.tool, "stranger-ca")
    foreign = authority.Authority(stage.tool, "foreign-ca", "--trust-domain", "elsewhere.example")
    stage.people = {
        "alice": home.issue("alice", "--cn", "alice", "--client"),
        "mallory": home.issue("mallory", "--cn", "mallory", "--client"),
        "eu": home.issue("eu", "--cn", "report host", "--dns", "eu.reports.example", "--client"),
        "ingest": home.issue("ingest", "--cn", "", "--spiffe-id", "spiffe://demo.example/service/ingest"),
        "expired": home.issue("expired", "--cn", "alice", "--client", "--valid-from=-2h", "--lifetime=-1h"),
        "serveronly": home.issue("serveronly", "--cn", "alice", "--server"),
        "selfmade": home.issue("selfmade", "--cn", "alice", "--client", "--self-signed"),
        "stranger": stranger.issue("stranger", "--cn", "alice", "--client"),
        "foreign": foreign.issue("foreign", "--spiffe-id", "spiffe://elsewhere.example/service/ingest"),
    }


def prepare(directory, build, report):
    report.chapter("0. Setting up")
    patched = patch_server(directory, build, report)
    tool = authority.Tool(build / "clickhouse-mtls", directory, report)
    server = Server(patched, directory, report)
    home = authority.Authority(tool, "ca", "--trust-domain", "demo.example")
    password = secrets.token_urlsafe(12)
    clients = Clients(directory, server.ports, home.certificate, report)
    stage = Stage(report, tool, server, home, clients, password)
    make_people(stage)

    pair = home.issue("server", "--server", "--dns", "localhost", "--ip", "127.0.0.1")
    authority.copy_pair(pair, server.tls / "server.pem", server.tls / "server.key")
    home.revoke()
    authority.replace(server.tls / "ca.pem", home.certificate)
    authority.replace(server.tls / "crl.pem", home.crl)
    authority.replace(server.tls / "bundle.json", home.bundle)
    authority.replace(server.tls / "rules.txt", b"# nobody\n")
    server.write_config(hashlib.sha256(password.encode()).hexdigest())
    return stage


def check_first(stage):
    """The tool's opinion, before any server has started."""
    done = stage.tool.run("check", "--config", stage.server.config)
    print(done.stdout, end="")
    stage.report.expect("`clickhouse-mtls check` finds the configuration good", last_line(done.stdout), done.returncode == 0)
    done = stage.tool.run(
        "explain", "--config", stage.server.config, "--chain", stage.people["eu"].certificate, "--listener", "tcp_port_secure"
    )
    print(done.stdout, end="")
    stage.report.expect("`clickhouse-mtls explain` names rule and user", last_line(done.stdout), "'reports'" in last_line(done.stdout))


def last_line(text):
    return (text.strip().splitlines() or [""])[-1]


def play(directory, build, report):
    stage = None
    try:
        stage = prepare(directory, build, report)
        check_first(stage)
        stage.server.start()
        logins.show(stage)
        refusals.show(stage)
        rotation.show(stage)
        trust.show(stage)
        cluster.show(stage, directory)
        gateway.show(stage, directory, build)
        report.expect("the server is still the one that was started", f"pid {stage.server.process.pid}", stage.server.running())
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        report.expect("the demo runs to its end", error, False)
        if stage is not None:
            print(stage.server.tail())
    return stage


def explore(stage, directory):
    print(f"\nKept: {directory}\nThe server runs as pid {stage.server.process.pid}; to end it: kill {stage.server.process.pid}")
    print(f"  clickhouse-client --config-file {directory}/client-alice.xml --secure --host localhost \\")
    print(f"      --port {stage.server.ports.native} --user alice")


def main():
    parser = argparse.ArgumentParser(prog="./run demo", description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="leave the server running and its directory in place")
    parser.add_argument("--build", type=Path, default=ROOT / "build", help="where the build is (default: build/)")
    arguments = parser.parse_args()

    directory = Path(tempfile.mkdtemp(prefix="clickhouse-mtls-demo-"))
    report = Report()
    stage = None
    try:
        stage = play(directory, arguments.build.resolve(), report)
        report.table()
    finally:
        keep = arguments.keep and stage is not None and stage.server.running()
        if keep:
            explore(stage, directory)
        else:
            if stage is not None:
                stage.server.stop()
            shutil.rmtree(directory, ignore_errors=True)
    return 0 if report.all_kept() else 1


if __name__ == "__main__":
    sys.exit(main())
