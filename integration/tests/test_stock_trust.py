"""Whom caConfig believes: the patched server with <mtls>, enforcing or observing, and the packaged one give the same answers."""

import subprocess

import pytest
from lib import clients
from lib.pki import Authority, rsa_key, write
from lib.server import Config, Server, user

USERS = user("pw", "<password>correct horse</password>") + user(
    "alice", "<ssl_certificates><subject_alt_name>DNS:alice.example.com</subject_alt_name></ssl_certificates>"
)
STOCK_USERS = user("pw", "<password>correct horse</password>")


class Pki:
    """root (only names below example.org) -> issuing -> clients; and the server's own authority apart."""

    def __init__(self, directory):
        self.own = Authority(directory / "own", "Own CA")
        self.root = Authority(directory / "pki", "Root CA", permitted=("example.org",))
        self.issuing = Authority(directory / "pki", "Issuing CA", parent=self.root)
        self.inside = self.issuing.issue("inside", None, dns=("alice.example.org",))
        self.outside = self.issuing.issue("outside", None, dns=("alice.example.com",))
        self.short = self.issuing.issue("short", None, dns=("alice.example.org",), key=rsa_key(1024))

    def rejected(self, directory):
        """The root, marked as not to be used for clients."""
        file = directory / "rejected.pem"
        command = ["openssl", "x509", "-in", self.root.file, "-addreject", "clientAuth", "-trustout", "-out", file]
        subprocess.run(command, check=True, capture_output=True)
        return file.read_bytes()


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return Pki(tmp_path_factory.mktemp("pki"))


CASES = {  # caConfig, and who is let in
    "whole chain": (lambda pki, _: pki.issuing.pem + pki.root.pem, {"inside"}),
    "no root": (lambda pki, _: pki.issuing.pem, set()),
    "rejected root": (lambda pki, directory: pki.issuing.pem + pki.rejected(directory), set()),
}


@pytest.mark.parametrize("case", CASES)
def test_the_same_clients(patched, stock, pki, openssl, tmp_path, case):
    authorities, wanted = CASES[case]
    ca_config = write(tmp_path / "ca.pem", authorities(pki, tmp_path), 0o644)
    section = openssl(ca_config, pki.own.server(), "relaxed")
    reject = section.replace("MtlsCertificateHandler", "RejectCertificateHandler")
    servers = {
        "stock": Server(stock, tmp_path / "stock", Config(openssl_server=reject, users=STOCK_USERS)),
        "enforce": Server(patched, tmp_path / "enforce", Config(openssl_server=section, mtls="", users=USERS)),
        "observe": Server(
            patched, tmp_path / "observe", Config(openssl_server=section, mtls="<mode>observe</mode>", users=USERS)
        ),
    }
    try:
        for server in servers.values():
            server.launch()
        for name, server in servers.items():
            server.wait()
            native = {
                who
                for who in ("inside", "outside", "short")
                if clients.native(server, pki.own.file, getattr(pki, who), "pw", "correct horse")
            }
            assert native == wanted, (name, native)
            if name != "stock":
                assert not clients.native(server, pki.own.file, pki.outside, "alice"), "a name outside the constraint is nobody"
                said = "none of the 1 certificates is self-signed" in server.log()
                assert said == (case == "no root")
    finally:
        for server in servers.values():
            server.stop()
