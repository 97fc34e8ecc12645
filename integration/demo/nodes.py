"""The nodes of the demo's cluster, each on an address and with a certificate of its own, and a ZooKeeper. No plaintext port anywhere."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import authority
import wait

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from lib.names import NameServer  # noqa: E402
from lib.server import free_ports  # noqa: E402
from lib.zookeeper import ZooKeeper  # noqa: E402

DOMAIN = "demo.example"
PATIENCE = 30

CONFIG = """<?xml version="1.0"?>
<yandex>
    <logger><level>trace</level><log>{directory}/server.log</log><errorlog>{directory}/error.log</errorlog></logger>
    <listen_host>{address}</listen_host>
    <tcp_port_secure>{native}</tcp_port_secure>
    <https_port>{https}</https_port>
    <interserver_https_port>{interserver}</interserver_https_port>
    <interserver_https_host>{host}</interserver_https_host>

    <openSSL>
        <server>
            <certificateFile>{pair.certificate}</certificateFile><privateKeyFile>{pair.key}</privateKeyFile>
            <caConfig>{ca}</caConfig><loadDefaultCAFile>false</loadDefaultCAFile><verificationMode>relaxed</verificationMode>
        </server>
        <client>
            <caConfig>{ca}</caConfig><loadDefaultCAFile>false</loadDefaultCAFile><verificationMode>strict</verificationMode>
        </client>
    </openSSL>

    <mtls>
        <trust_domains><trust_domain><name>demo.example</name><bundle>{bundle}</bundle></trust_domain></trust_domains>
        <nodes>
            <rule><name>cluster</name><spiffe_id>spiffe://demo.example/node/*</spiffe_id></rule>
            <table_functions><user>operator</user></table_functions>
        </nodes>
        <credentials>
            <node><certificateFile>{pair.certificate}</certificateFile><privateKeyFile>{pair.key}</privateKeyFile></node>
            <keeper><certificateFile>{pair.certificate}</certificateFile><privateKeyFile>{pair.key}</privateKeyFile></keeper>
        </credentials>
        <keeper><rule><name>ensemble</name><spiffe_id>spiffe://demo.example/keeper</spiffe_id></rule></keeper>
        <users><rule><name>operators</name><common_name>operator</common_name><user>operator</user></rule></users>
        <dns><min_ttl>1</min_ttl><min_interval>0.5</min_interval><servers><server>127.0.0.1:{dns}</server></servers></dns>
    </mtls>

    <zookeeper><node><host>localhost</host><port>{keeper}</port><secure>1</secure></node></zookeeper>
    <remote_servers>
        <cluster>
            <shard><internal_replication>true</internal_replication>{n1}{n2}</shard>
            <shard>{n3}</shard>
        </cluster>
        <rogue><shard>{rogue}</shard></rogue>
    </remote_servers>
    {more}
    <path>{directory}/data/</path>
    <tmp_path>{directory}/tmp/</tmp_path>
    <user_files_path>{directory}/user_files/</user_files_path>
    <format_schema_path>{directory}/format_schemas/</format_schema_path>
    <users_config>users.xml</users_config>
    <default_profile>default</default_profile>
    <default_database>default</default_database>
    <mark_cache_size>67108864</mark_cache_size>
    <timezone>UTC</timezone>
</yandex>
"""

USERS = """<?xml version="1.0"?>
<yandex>
    <profiles><default></default></profiles>
    <quotas><default></default></quotas>
    <users>
        <default><networks><ip>127.0.0.0/8</ip></networks><profile>default</profile><quota>default</quota></default>
        <operator><networks><ip>127.0.0.0/8</ip></networks><profile>default</profile><quota>default</quota></operator>
    </users>
</yandex>
"""


class Node:
    def __init__(self, site, name, address, pair):
        self.site, self.name, self.address, self.pair = site, name, address, pair
        self.host = f"{name}.{DOMAIN}"
        self.directory = site.directory / name
        self.directory.mkdir()
        self.process = None

    @property
    def config(self):
        return self.directory / "config.xml"

    def write_config(self, more=""):
        site = self.site
        places = {
            name: f"<replica><host>{name}.{DOMAIN}</host><port>{site.native}</port><secure>1</secure></replica>"
            for name in ("n1", "n2", "n3", "rogue")
        }
        self.config.write_text(
            CONFIG.format(
                directory=self.directory,
                address=self.address,
                host=self.host,
                native=site.native,
                https=site.https,
                interserver=site.interserver,
                pair=self.pair,
                ca=site.home.certificate,
                bundle=site.home.bundle,
                dns=site.names.port,
                keeper=site.keeper.port,
                more=more,
                **places,
            )
        )
        (self.directory / "users.xml").write_text(USERS)

    def launch(self):
        self.site.lead(self.host, self.address)
        self.write_config()
        self.site.report.command([self.site.program, f"--config-file={self.config}"])
        with open(self.directory / "output.log", "ab") as output:
            self.process = subprocess.Popen(
                [self.site.program, f"--config-file={self.config}"],
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **self.site.environment},
                start_new_session=True,
            )

    def wait(self):
        def ready():
            return self.process.poll() is not None or all(map(self.listens, (self.site.native, self.site.https, self.site.interserver)))

        if not wait.until(ready, 60) or self.process.poll() is not None:
            raise RuntimeError(f"{self.name} did not start:\n{self.log()[-3000:]}")
        return self

    def listens(self, port):
        with socket.socket() as probe:
            return probe.connect_ex((self.address, port)) == 0

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(20)

    def log(self):
        path = self.directory / "server.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def logged(self, *words):
        """The last line that holds all the words."""

        def find():
            return next((line for line in reversed(self.log().splitlines()) if all(word in line for word in words)), "")

        return wait.until(find, 5)


class Site:
    """Names, ports and certificates that the nodes share."""

    def __init__(self, directory, tool, home, program, report):
        self.directory = Path(directory) / "cluster"
        self.directory.mkdir()
        self.tool, self.home, self.program, self.report = tool, home, program, report
        self.native, self.https, self.interserver = free_ports(3, ["0.0.0.0"])  # each node listens at an address of its own
        self.names = NameServer("127.0.0.1", 0)
        self.hosts = self.directory / "hosts"
        # The server's own lookups, and no other's on this machine. The module asks the name server.
        self.environment = {"LD_PRELOAD": "libnss_wrapper.so", "NSS_WRAPPER_HOSTS": str(self.hosts)}
        self.nodes = {}
        keeper = self.issue("keeper", "localhost", "keeper")
        self.keeper = ZooKeeper(self.directory / "zookeeper", keeper, home.certificate.read_bytes())

    def issue(self, name, host, path):
        return self.home.issue(name, "--cn", "", "--dns", host, "--spiffe-id", f"spiffe://{DOMAIN}/{path}")

    def add(self, name, address, path):
        self.nodes[name] = Node(self, name, address, self.issue(name, f"{name}.{DOMAIN}", path))
        self.lead(self.nodes[name].host, address)
        return self.nodes[name]

    def lead(self, host, address):
        """The name leads to this address from now on."""
        self.names.records[host] = (address, 1)
        lines = "127.0.0.1 localhost\n" + "".join(f"{where} {name}\n" for name, (where, _) in self.names.records.items())
        authority.replace(self.hosts, lines.encode())

    def stop(self):
        for node in self.nodes.values():
            node.stop()
        self.keeper.stop()
        self.names.close()
