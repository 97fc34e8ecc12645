"""A ClickHouse of today on 127.0.0.1, from npm's library, for which see scripts/modern_listen.c."""

import os
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from lib.pki import write
from lib.server import free_ports
from lib.wait import eventually

HERE = Path(__file__).resolve().parent
LIBRARY = Path(os.environ.get("CHMTLS_LIBCHDB", HERE.parents[1] / "build/modern/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so"))
ADMIN = ("admin", "admin-password")


class ModernServer:
    """`users`: XML beside the administrator's. `top`: XML at the top of the configuration."""

    def __init__(self, directory, users, top=""):
        self.directory = directory
        directory.mkdir(parents=True)
        self.ports = dict(zip(("tcp_port", "http_port"), free_ports(2)))
        self.process = None
        self.users = users
        self.top = top

    def write_files(self):
        directory = self.directory
        write(
            directory / "users.xml",
            f"""<clickhouse><profiles><default/></profiles><quotas><default/></quotas><users>
<{ADMIN[0]}><password>{ADMIN[1]}</password><networks><ip>127.0.0.1</ip></networks></{ADMIN[0]}>{self.users}</users></clickhouse>""".encode(),
        )
        write(
            directory / "config.xml",
            f"""<clickhouse>
<logger><level>information</level><log>{directory}/server.log</log><errorlog>{directory}/error.log</errorlog></logger>
<path>{directory}/data/</path><listen_host>127.0.0.1</listen_host>
<tcp_port>{self.ports["tcp_port"]}</tcp_port><http_port>{self.ports["http_port"]}</http_port><users_config>users.xml</users_config>
<session_log><database>system</database><table>session_log</table><flush_interval_milliseconds>200</flush_interval_milliseconds></session_log>
{self.top}</clickhouse>""".encode(),
        )

    def start(self):
        self.write_files()
        program = self.directory / "listen"
        subprocess.run(["cc", "-O1", "-o", str(program), str(HERE.parents[1] / "scripts/modern_listen.c"), "-ldl", "-lpthread"], check=True)
        with open(self.directory / "output.log", "ab") as output:
            self.process = subprocess.Popen(
                [str(program), str(LIBRARY), str(self.directory / "config.xml")], stdout=output, stderr=output, start_new_session=True
            )
        eventually(self.answers, within=120, what="a modern server that answers")
        return self

    def answers(self):
        assert self.process.poll() is None, (self.directory / "output.log").read_text(errors="replace")
        try:
            return self.admin("SELECT 1") == "1"
        except OSError:
            return False

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def admin(self, query):
        headers = {"X-ClickHouse-User": ADMIN[0], "X-ClickHouse-Key": ADMIN[1]}
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports['http_port']}/", data=query.encode(), headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.read().decode().strip()
        except urllib.error.HTTPError as refused:
            raise RuntimeError(refused.read().decode(errors="replace")) from refused
