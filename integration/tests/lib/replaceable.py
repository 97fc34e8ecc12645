"""A server of which everything may be replaced while it runs: certificate, authorities, bundle, rules, users, configuration."""

import contextlib

from lib import clients
from lib.pki import Authority, write
from lib.server import Config, Server, user

USERS = user("alice", "<ssl_certificates><common_name>alice</common_name></ssl_certificates>") + user("bob") + user("billing")
NO_RULES = b"# none yet\n"


class Scene:
    def __init__(self, patched, directory, openssl):
        self.directory = directory
        self.ca = Authority(directory / "pki", "Rotating CA")
        self.pair = self.ca.server()
        self.trusted = write(directory / "trusted.crt", self.ca.pem, 0o644)
        self.rules = write(directory / "rules", NO_RULES)
        self.alice = self.ca.issue("alice", "alice")
        self.bob = self.ca.issue("bob", "bob")
        self.spiffe_ca = Authority(directory / "pki", "SPIFFE CA")
        self.bundle = write(directory / "bundle.pem", self.spiffe_ca.pem, 0o644)
        self.config = Config(openssl_server=openssl(self.trusted, self.pair), mtls=self.mtls(), users=USERS)
        self.server = Server(patched, directory / "server", self.config)

    def mtls(self, more_rules="", more=""):
        return f"""
<trust_domains><trust_domain><name>example.org</name><bundle>{self.bundle}</bundle></trust_domain></trust_domains>
<users><rule><name>billing</name><spiffe_id>spiffe://example.org/billing</spiffe_id><user>billing</user></rule>{more_rules}
<rules_file>{self.rules}</rules_file></users>{more}"""

    def native(self, pair, name=None):
        return clients.native(self.server, self.ca.file, pair, name)

    def shown(self, port="tcp_port_secure"):
        """Serial number of the certificate that a listener shows now."""
        return serial_of(clients.server_certificate(self.server, self.ca.file, port, pair=self.alice))

    def problems(self):
        """What our part of the log says at warning level and above, but for bob, to whom some tests give a rule later."""
        said = [line for line in self.server.log().splitlines() if "clickhouse-mtls" in line]
        return [line for line in said if ("<Error>" in line or "<Warning>" in line) and "users.bob: nothing lets this user in" not in line]


def serial_of(der):
    from cryptography import x509

    return x509.load_der_x509_certificate(der).serial_number


def rule_line(common_name, name):
    return f"{name}: common_name={common_name} -> {name}\n".encode()


@contextlib.contextmanager
def running(patched, directory, openssl):
    made = Scene(patched, directory, openssl)
    with made.server:
        assert made.native(made.alice, "alice").user == "alice"
        yield made
