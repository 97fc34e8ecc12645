"""One clickhouse-server in a directory of its own, on free ports of 127.0.0.1."""

import contextlib
import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from lib.pki import write
from lib.wait import eventually

ADMIN = ("admin", "admin-password")

ADMIN_USER = f"""<admin><password>{ADMIN[1]}</password><networks><ip>127.0.0.1</ip></networks>
<profile>default</profile><quota>default</quota></admin>"""


def user(name, inner="", networks="<ip>127.0.0.1</ip>", more="", profile="default"):
    """One user of users.xml. Without a password only a certificate lets anyone in."""
    return f"<{name}>{inner}<networks>{networks}</networks><profile>{profile}</profile><quota>default</quota>{more}</{name}>"


_given = set()


def free_ports(count, addresses=("127.0.0.1",)):
    """Free on all of these addresses, and given to nobody else of this run: who asks listens there some time later."""
    ports = []
    with contextlib.ExitStack() as held:
        while len(ports) < count:
            one, *others = (held.enter_context(socket.socket()) for _ in addresses)
            one.bind((addresses[0], 0))
            port = one.getsockname()[1]
            try:
                for other, address in zip(others, addresses[1:]):
                    other.bind((address, port))
            except OSError:
                continue
            if port not in _given:
                _given.add(port)
                ports.append(port)
    return ports


@dataclass
class Config:
    """What the tests vary of a server's configuration; XML fragments."""

    openssl_server: str = ""
    openssl_client: str = ""
    mtls: str = None  # None: no section at all
    users: str = ""
    profiles: str = ""  # besides "default"
    extra: str = ""
    root: str = "yandex"
    listeners: tuple = ("tcp_port_secure", "https_port")


@dataclass
class Server:
    binary: Path
    directory: Path
    config: Config
    environment: dict = field(default_factory=dict)
    arguments: tuple = ()

    def __post_init__(self):
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        names = ("tcp_port", "http_port") + tuple(self.config.listeners)
        self.ports = dict(zip(names, free_ports(len(names))))
        self.process = None
        self.write_config()
        self.write_users()

    @property
    def config_file(self):
        return self.directory / "config.xml"

    @property
    def users_file(self):
        return self.directory / "users.xml"

    @property
    def log_file(self):
        """Not beside the configuration, whose directory is watched."""
        return self.directory / "log" / "server.log"

    def write_config(self, **changes):
        for name, value in changes.items():
            setattr(self.config, name, value)
        config = self.config
        ports = "\n".join(f"<{name}>{port}</{name}>" for name, port in self.ports.items())
        mtls = "" if config.mtls is None else f"<mtls>{config.mtls}</mtls>"
        write(
            self.config_file,
            f"""<?xml version="1.0"?>
<{config.root}>
<logger><level>trace</level><log>{self.log_file}</log><errorlog>{self.directory}/log/server.err.log</errorlog></logger>
<listen_host>127.0.0.1</listen_host>
{ports}
<openSSL><server>{config.openssl_server}</server><client>{config.openssl_client}</client></openSSL>
{mtls}
<path>{self.directory}/data/</path>
<tmp_path>{self.directory}/tmp/</tmp_path>
<user_files_path>{self.directory}/user_files/</user_files_path>
<format_schema_path>{self.directory}/format_schemas/</format_schema_path>
<users_config>users.xml</users_config>
<default_profile>default</default_profile>
<default_database>default</default_database>
<mark_cache_size>100000000</mark_cache_size>
<max_concurrent_queries>100</max_concurrent_queries>
<keep_alive_timeout>10</keep_alive_timeout>
<timezone>UTC</timezone>
{config.extra}
</{config.root}>
""".encode(),
        )

    def write_users(self, users=None):
        if users is not None:
            self.config.users = users
        write(
            self.users_file,
            f"""<?xml version="1.0"?>
<{self.config.root}>
<profiles><default></default>{self.config.profiles}</profiles>
<quotas><default></default></quotas>
<users>{ADMIN_USER}{self.config.users}</users>
</{self.config.root}>
""".encode(),
        )

    def launch(self):
        """Starts the process and does not wait for it to be ready."""
        output = open(self.directory / "output.log", "ab")
        with output:
            self.process = subprocess.Popen(
                [str(self.binary), f"--config-file={self.config_file}", *self.arguments],
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                cwd=self.directory,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )

    def start(self):
        self.launch()
        return self.wait()

    def wait(self):
        """Until the launched process answers."""

        def ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode}:\n{self.log()[-4000:]}\n{self.output()[-2000:]}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['http_port']}/ping", timeout=2) as answer:
                    return answer.status == 200
            except (urllib.error.URLError, OSError):
                return False

        eventually(ready, within=60, what="a server that answers")
        return self

    def start_refused(self):
        """The server must not start: waits for its end and returns everything it said."""
        self.launch()
        try:
            status = self.process.wait(timeout=30)
        except subprocess.TimeoutExpired as running:
            self.stop()
            raise AssertionError("the server started") from running
        assert status != 0
        return self.log() + self.output()

    def stop(self):
        """Also says so when the server crashed, earlier or on its way out."""
        if self.process is None:
            return
        process, self.process = self.process, None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=90)  # it waits for those who are connected, and half a minute is not rare
            except subprocess.TimeoutExpired as stuck:
                process.kill()
                process.wait()
                raise AssertionError(f"the server does not stop:\n{self.log()[-4000:]}") from stuck
        assert process.returncode >= 0, f"the server ended by signal {-process.returncode}:\n{self.log()[-4000:]}"

    def kill(self):
        process, self.process = self.process, None
        process.kill()
        process.wait()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def output(self):
        file = self.directory / "output.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def admin(self, query, settings=""):
        """One query as the administrator over plain HTTP; raises with the server's text when it fails. `settings`: as in a URL."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports['http_port']}/?{settings}",
            data=query.encode(),
            headers={"X-ClickHouse-User": ADMIN[0], "X-ClickHouse-Key": ADMIN[1]},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.read().decode().strip()
        except urllib.error.HTTPError as refused:
            raise RuntimeError(refused.read().decode(errors="replace")) from refused
