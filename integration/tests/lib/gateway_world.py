"""A stock server with one user of each kind, and a gateway before it."""

from lib import clients
from lib.gateway import Gateway, GatewayConfig
from lib.pki import DAY, Authority, write
from lib.server import Config, Server, user

PASSWORDS = {"alice": "of-the-gateway-1", "carol": "of-the-gateway-2"}

USERS = (
    user("alice", f"<password>{PASSWORDS['alice']}</password>")
    + user("carol", f"<password>{PASSWORDS['carol']}</password>")
    + user("dave", "<password>daves own</password>")
    + user("default", "<password></password>")
    + user("node_user", "<password>between nodes</password>")
)

RULES = """
<users>
 <rule><name>alice</name><common_name>alice</common_name><user>alice</user></rule>
 <rule><name>people</name><common_name>{who}.people.example</common_name><user>{who}</user></rule>
 <rule><name>billing</name><common_name>both</common_name><user>dave</user><password>required</password></rule>
</users>
<nodes><rule><name>cluster</name><dns>*.nodes.example</dns></rule><acts_as><user>node_user</user></acts_as></nodes>
<crl>{crl}</crl>
"""


class GatewayWorld:
    """A stock server with a gateway before it."""

    def __init__(self, build, directory, stock, openssl):
        self.ca = Authority(directory / "pki", "Company CA")
        issue = self.ca.issue
        self.alice = issue("alice", "alice")
        self.carol = issue("carol", "carol.people.example")
        self.erin = issue("erin", "erin.people.example")  # a rule's user that the gateway has no proof for
        self.both = issue("both", "both")
        self.nobody = issue("nobody", "somebody-else")
        self.expired = issue("expired", "alice", begin=-3 * DAY, end=-DAY)
        self.stranger = Authority(directory / "pki", "Other CA").issue("stranger", "alice")
        self.node = issue("node", "n1", dns=("n1.nodes.example",))
        self.crl = directory / "crls" / "company.crl"
        self.crl.parent.mkdir()
        write(self.crl, self.ca.crl())
        self.server = Server(stock, directory / "server", Config(listeners=(), users=USERS))
        self.gateway = Gateway(
            build / "clickhouse-mtls-gateway",
            directory / "gateway",
            GatewayConfig(
                openssl_server=openssl(self.ca.file, self.ca.server("gateway")),
                openssl_client=f"<caConfig>{self.ca.file}</caConfig><verificationMode>strict</verificationMode>",
                mtls=RULES.replace("{crl}", str(self.crl.parent)),
                https="<without_login>/ping</without_login>",
                passwords=PASSWORDS,
            ),
            {"tcp_port_secure": self.server.ports["tcp_port"], "https_port": self.server.ports["http_port"]},
        )

    def __enter__(self):
        self.server.start()
        self.gateway.start()
        return self

    def __exit__(self, *_):
        self.gateway.stop()
        self.server.stop()

    def another(self, directory, behind, **config):
        """A gateway of the same configuration but for what is given, before other servers."""
        return Gateway(self.gateway.binary, directory, GatewayConfig(**{**self.gateway.config.__dict__, **config}), behind)

    def login(self, pair=None, name=None, password=""):
        return clients.native(self.gateway, self.ca.file, pair, name, password)
