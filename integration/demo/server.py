"""A patched clickhouse-server of the demo's own: on 127.0.0.1, on free ports, in a directory that is thrown away."""

import os
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

import wait

CONFIG = """<?xml version="1.0"?>
<yandex>
    <logger><level>information</level><log>{directory}/log/server.log</log><errorlog>{directory}/log/error.log</errorlog></logger>
    <listen_host>127.0.0.1</listen_host>
    <tcp_port_secure>{native}</tcp_port_secure>
    <https_port>{https}</https_port>

    <openSSL>
        <server>
            <certificateFile>{directory}/tls/server.pem</certificateFile>
            <privateKeyFile>{directory}/tls/server.key</privateKeyFile>
            <caConfig>{directory}/tls/ca.pem</caConfig>
            <loadDefaultCAFile>false</loadDefaultCAFile>
            <verificationMode>relaxed</verificationMode>
            <cacheSessions>true</cacheSessions>
            <invalidCertificateHandler><name>RejectCertificateHandler</name></invalidCertificateHandler>
        </server>
    </openSSL>

    <mtls>
        <poll_interval>1</poll_interval>
        <crl>{directory}/tls/crl.pem</crl>
        <trust_domains>
            <trust_domain><name>demo.example</name><bundle>{directory}/tls/bundle.json</bundle></trust_domain>
        </trust_domains>
        <users>
            <rule>
                <name>report-hosts</name>
                <dns>*.reports.example</dns>
                <user>reports</user>
            </rule>
            <rule>
                <name>workloads</name>
                <spiffe_id>spiffe://demo.example/service/{{name}}</spiffe_id>
                <user>{{name}}</user>
            </rule>
            <rule>
                <name>support</name>
                <common_name>support</common_name>
                <user>support</user>
            </rule>
            <rules_file>{directory}/tls/rules.txt</rules_file>
        </users>
    </mtls>

    <path>{directory}/data/</path>
    <tmp_path>{directory}/data/tmp/</tmp_path>
    <user_files_path>{directory}/data/user_files/</user_files_path>
    <format_schema_path>{directory}/data/format_schemas/</format_schema_path>
    <users_config>users.xml</users_config>
    <default_profile>default</default_profile>
    <default_database>default</default_database>
    <mark_cache_size>67108864</mark_cache_size>
    <timezone>UTC</timezone>
</yandex>
"""

USERS = """<?xml version="1.0"?>
<yandex>
    <profiles><default></default><readonly><readonly>1</readonly></readonly></profiles>
    <quotas><default></default></quotas>
    <users>
        <alice>
            <ssl_certificates><common_name>alice</common_name></ssl_certificates>
            <networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
        </alice>
        <reports>
            <networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
        </reports>
        <ingest>
            <networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
        </ingest>
        <support>
            <networks><ip>127.0.0.1</ip></networks><profile>readonly</profile><quota>default</quota>
            <allow_databases><database>system</database></allow_databases>
        </support>
        <bob>
            <password_sha256_hex>{bob_sha256}</password_sha256_hex>
            <networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
        </bob>
    </users>
</yandex>
"""


@dataclass(frozen=True)
class Ports:
    native: int
    https: int


def free_ports():
    """Two ports that nobody listens on now."""
    sockets = [socket.socket() for _ in Ports.__dataclass_fields__]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return Ports(*(each.getsockname()[1] for each in sockets))
    finally:
        for each in sockets:
            each.close()


class Server:
    def __init__(self, program, directory, report):
        self.program = Path(program)
        self.directory = Path(directory)
        self.report = report
        self.ports = free_ports()
        self.process = None
        for name in ("log", "data", "tls"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)

    @property
    def config(self):
        return self.directory / "config.xml"

    @property
    def tls(self):
        return self.directory / "tls"

    def write_config(self, bob_sha256):
        text = CONFIG.format(directory=self.directory, native=self.ports.native, https=self.ports.https)
        self.config.write_text(text)
        (self.directory / "users.xml").write_text(USERS.format(bob_sha256=bob_sha256))

    def start(self):
        self.report.command([self.program, f"--config-file={self.config}"])
        with open(self.directory / "log/output.log", "wb") as output:
            self.process = subprocess.Popen(
                [self.program, f"--config-file={self.config}"],
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        ready = wait.until(lambda: self.process.poll() is not None or self.listening(), 60)
        if not ready or self.process.poll() is not None:
            raise RuntimeError("the server did not start:\n" + self.tail())

    def listening(self):
        for port in (self.ports.native, self.ports.https):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) != 0:
                    return False
        return True

    def running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        if not self.running():
            return
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(20)

    def log_size(self):
        path = self.directory / "log/server.log"
        return path.stat().st_size if path.exists() else 0

    def log_since(self, offset):
        path = self.directory / "log/server.log"
        if not path.exists():
            return ""
        with open(path, "rb") as log:
            log.seek(offset)
            return log.read().decode(errors="replace")

    def logged(self, offset, *words, seconds=5):
        """The first log line after offset that holds all the words; empty when none comes."""

        def find():
            for line in self.log_since(offset).splitlines():
                if all(word in line for word in words):
                    return line
            return ""

        return wait.until(find, seconds)

    def tail(self, lines=30):
        text = ""
        for name in ("log/output.log", "log/server.log"):
            path = self.directory / name
            if path.exists():
                text += "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) + "\n"
        return text
