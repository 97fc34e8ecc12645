"""A cluster whose nodes know each other by certificate: three nodes, two shards, the first of them replicated, and a ZooKeeper."""

from lib.names import NameServer
from lib.pki import Authority, write
from lib.server import Config, Server, user
from lib.zookeeper import ZooKeeper

DOMAIN = "cluster.test"
CREDENTIALS = ("interserver", "interserver-password")

LISTENERS = ("tcp_port_secure", "https_port", "interserver_https_port")

NODES = f"""<nodes>
 <rule><name>cluster</name><spiffe_id>spiffe://{DOMAIN}/node/*</spiffe_id></rule>
 <acts_as><user>default</user></acts_as>
 <table_functions><user>admin</user></table_functions>
 <expect><host>expected.test</host><spiffe_id>spiffe://{DOMAIN}/node/expected</spiffe_id></expect>
</nodes>"""

USERS = user("default") + user("alice", "<ssl_certificates><common_name>alice</common_name></ssl_certificates>")


def files_of(pair):
    """The two settings that name a pair."""
    return f"<certificateFile>{pair.certificate}</certificateFile><privateKeyFile>{pair.key}</privateKeyFile>"


def shown_to(node, keeper):
    """<credentials>: what is shown to other nodes, and to Keeper."""
    return f"<credentials><node>{files_of(node)}</node><keeper>{files_of(keeper)}</keeper></credentials>"


class Node:
    """One server and its files; all of them can be replaced while it runs."""

    def __init__(self, cluster, name):
        self.cluster, self.name, self.host, self.rules = cluster, name, f"{name}.test", NODES
        cluster.names.records[self.host] = ("127.0.0.1", 3600)
        self.pair = cluster.issue(name, self.host, f"node/{name}", also=("localhost",))
        self.for_keeper = cluster.ca.issue(f"{name}-for-keeper", f"{name}-for-keeper", client_only=True)
        directory = cluster.directory / name
        self.bundle = write(cluster.directory / f"{name}-bundle.crt", cluster.ca.pem, 0o644)
        config = Config(listeners=LISTENERS, users=cluster.users, profiles=cluster.profiles, root="yandex")
        self.server = Server(cluster.launcher, directory, config)

    @property
    def ports(self):
        return self.server.ports

    def show(self, certificate):
        """Another certificate of the node, to those who connect and to other nodes."""
        write(self.pair.key, certificate.key.read_bytes())
        write(self.pair.certificate, certificate.certificate.read_bytes(), 0o644)

    def configure(self, nodes=None, extra="", credentials=True, verification="strict", shown="", client=""):
        """`shown`: the <credentials>, if not the usual ones; `client`: more of openSSL.client, which has no certificate of its own."""
        cluster, pair, nodes = self.cluster, self.pair, self.rules if nodes is None else nodes
        trust = f"<caConfig>{cluster.ca.file}</caConfig>"
        verify = "<invalidCertificateHandler><name>RejectCertificateHandler</name></invalidCertificateHandler>"
        self.server.write_config(
            openssl_server=f"{files_of(pair)}{trust}<verificationMode>relaxed</verificationMode>{verify}",
            openssl_client=f"{client}{trust}<verificationMode>{verification}</verificationMode>{verify}",
            mtls=f"""<poll_interval>1</poll_interval>{nodes}
{shown or shown_to(pair, self.for_keeper)}
<trust_domains><trust_domain><name>{DOMAIN}</name><bundle>{self.bundle}</bundle></trust_domain></trust_domains>""",
            extra=f"""<interserver_https_host>{self.host}</interserver_https_host>
<remote_servers>{cluster.remote_servers()}</remote_servers>
<zookeeper><node><host>localhost</host><port>{cluster.zookeeper.port}</port><secure>1</secure></node></zookeeper>
<distributed_ddl><path>/ddl</path></distributed_ddl>
<macros><replica>{self.name}</replica></macros>
<query_log><database>system</database><table>query_log</table><flush_interval_milliseconds>100</flush_interval_milliseconds></query_log>
"""
            + (
                f"<interserver_http_credentials><user>{CREDENTIALS[0]}</user><password>{CREDENTIALS[1]}</password>"
                "</interserver_http_credentials>"
                if credentials
                else ""
            )
            + extra,
        )
        return self


class Cluster:
    """`n1` and `n2` are replicas of one shard, `n3` is the other; `other` is in no shard, and answers to two more names."""

    def __init__(self, patched, directory, users=USERS, profiles=""):
        self.directory, self.users, self.profiles = directory, users, profiles
        self.names = NameServer("127.0.53.11")
        self.launcher = self.names.launcher(patched, directory / "launch")
        self.ca = Authority(directory / "pki", "Cluster CA", uri=(f"spiffe://{DOMAIN}",))
        self.zookeeper = ZooKeeper(directory / "zookeeper", self.ca.issue("keeper", "keeper", dns=("localhost",)), self.ca.pem)
        self.n1, self.n2, self.n3, self.other = (Node(self, name) for name in ("n1", "n2", "n3", "other"))
        self.names.records["expected.test"] = ("127.0.0.1", 3600)

    def issue(self, file, host, path, also=()):
        """A certificate as nodes have: a DNS name and a SPIFFE ID."""
        return self.ca.issue(file, dns=(host, *also), uri=(f"spiffe://{DOMAIN}/{path}",))

    @property
    def nodes(self):
        return (self.n1, self.n2, self.n3, self.other)

    def remote_servers(self):
        def replica(node, host=None):
            return f"<replica><host>{host or node.host}</host><port>{node.ports['tcp_port_secure']}</port><secure>1</secure></replica>"

        return f"""<cluster>
<shard><internal_replication>true</internal_replication>{replica(self.n1)}{replica(self.n2)}</shard><shard>{replica(self.n3)}</shard>
</cluster>
<other><shard>{replica(self.other)}</shard></other>
<expected><shard>{replica(self.other, "expected.test")}</shard></expected>"""

    def start(self, nodes=None):
        """All nodes, or these."""
        # First: 18.16 dies of a statement ON CLUSTER that comes before its DDLWorker has a session.
        self.zookeeper.start()
        for node in nodes or self.nodes:
            node.configure().server.launch()
        for node in nodes or self.nodes:
            node.server.wait()
        return self

    def stop(self):
        try:
            for node in self.nodes:  # together: each waits for those who are connected
                if node.server.process is not None:
                    node.server.process.terminate()
            for node in self.nodes:
                node.server.stop()
        finally:
            self.zookeeper.stop()
            self.names.close()
