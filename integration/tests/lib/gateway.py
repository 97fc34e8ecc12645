"""clickhouse-mtls-gateway in front of a server of these tests."""

import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from lib.pki import write
from lib.server import free_ports
from lib.wait import eventually


@dataclass
class GatewayConfig:
    """What the tests vary; XML fragments."""

    openssl_server: str = ""
    openssl_client: str = ""
    mtls: str = ""
    https: str = ""  # beside the server, in <https>
    gateway: str = ""  # beside the servers and the passwords
    passwords: dict = field(default_factory=dict)  # user: password; empty: no file


@dataclass
class Gateway:
    """`behind`: name of the listener -> port of the server on 127.0.0.1."""

    binary: Path
    directory: Path
    config: GatewayConfig
    behind: dict

    SECTIONS = {"tcp_port_secure": "native", "https_port": "https", "interserver_https_port": "interserver"}

    def __post_init__(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        self.ports = dict(zip(self.behind, free_ports(len(self.behind))))
        self.process = None
        self.write_passwords()
        self.write_config()

    @property
    def config_file(self):
        return self.directory / "gateway.xml"

    @property
    def passwords_file(self):
        return self.directory / "passwords"

    def write_passwords(self):
        if self.config.passwords:
            lines = "".join(f"{user} {password}\n" for user, password in self.config.passwords.items())
            write(self.passwords_file, lines.encode())

    def write_config(self, **changes):
        for name, value in changes.items():
            setattr(self.config, name, value)
        config = self.config
        ports = "".join(f"<{name}>{port}</{name}>" for name, port in self.ports.items())
        servers = "".join(
            f"<{section}><server>127.0.0.1:{port}</server>{config.https if section == 'https' else ''}</{section}>"
            for section, port in ((self.SECTIONS[name], port) for name, port in self.behind.items())
        )
        proof = f"<proof><passwords>{self.passwords_file}</passwords></proof>" if config.passwords else ""
        write(
            self.config_file,
            f"""<?xml version="1.0"?>
<clickhouse>
<listen_host>127.0.0.1</listen_host>
{ports}
<openSSL><server>{config.openssl_server}</server><client>{config.openssl_client}</client></openSSL>
<mtls>{config.mtls}</mtls>
<gateway>{servers}{proof}{config.gateway}</gateway>
</clickhouse>
""".encode(),
        )

    def launch(self):
        with open(self.directory / "gateway.log", "ab") as output:
            self.process = subprocess.Popen(
                [str(self.binary), "--config", str(self.config_file)],
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                env=os.environ,
                start_new_session=True,
            )

    def start(self):
        self.launch()

        def ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"the gateway ended with {self.process.returncode}:\n{self.log()}")
            return "ready" in self.log()

        eventually(ready, within=60, what="a gateway that is ready")
        return self

    def start_refused(self):
        """The gateway must not start; everything it said."""
        self.launch()
        status = self.process.wait(timeout=60)
        self.process = None
        assert status == 1, self.log()
        return self.log()

    def stop(self):
        if self.process is None:
            return
        process, self.process = self.process, None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired as stuck:
                process.kill()
                process.wait()
                raise AssertionError(f"the gateway does not stop:\n{self.log()[-4000:]}") from stuck
        assert process.returncode == 0, f"the gateway ended with {process.returncode}:\n{self.log()[-4000:]}"

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def log(self):
        file = self.directory / "gateway.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
