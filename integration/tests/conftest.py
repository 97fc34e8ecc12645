"""Fixtures. The patched server is made once per run, by patch-server, from the packaged one.

The build directory (with both libraries) is CHMTLS_BUILD or build/ of the repository.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from lib.gateway_world import GatewayWorld  # noqa: E402
from lib.pki import DAY, Authority  # noqa: E402
from lib.server import Config, Server, user  # noqa: E402

ROOT = HERE.parents[1]
STOCK = Path("/usr/sbin/clickhouse-server")


def pytest_configure(config):
    # clickhouse_driver's own way of making a context
    config.addinivalue_line("filterwarnings", "ignore:ssl.PROTOCOL_TLS is deprecated:DeprecationWarning")


@pytest.fixture(scope="session")
def build():
    directory = Path(os.environ.get("CHMTLS_BUILD", ROOT / "build")).resolve()
    for name in ("libclickhouse_mtls.so", "libclickhouse_mtls_debian.so"):
        assert (directory / name).is_file(), f"{directory}/{name} is missing: ./run build"
    return directory


@pytest.fixture(scope="session")
def patch_server(build):
    """patch-server as a function."""

    def run(*arguments):
        command = [ROOT / "integration/debian/patch-server", "--adapter", build / "libclickhouse_mtls_debian.so", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="session")
def patched(patch_server, tmp_path_factory):
    output = tmp_path_factory.mktemp("patched") / "clickhouse-server"
    done = patch_server("--output", output)
    assert done.returncode == 0, done.stderr
    return output


@pytest.fixture
def stock():
    return STOCK


def base_openssl(ca, pair, mode="relaxed", more=""):
    """openSSL.server as most tests want it."""
    return (
        f"<certificateFile>{pair.certificate}</certificateFile><privateKeyFile>{pair.key}</privateKeyFile>"
        f"<caConfig>{ca}</caConfig><verificationMode>{mode}</verificationMode>"
        f"<invalidCertificateHandler><name>MtlsCertificateHandler</name></invalidCertificateHandler>{more}"
    )


@pytest.fixture(scope="session")
def openssl():
    return base_openssl


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "pki")


@pytest.fixture
def server_factory(patched, tmp_path):
    """Makes servers that are stopped with the test."""
    made = []

    def make(config, binary=patched, name="server"):
        server = Server(binary, tmp_path / f"{name}{len(made)}", config)
        made.append(server)
        return server

    yield make
    for server in made:
        server.stop()


@pytest.fixture
def simple_server(server_factory, authority):
    """Makes a server with one rule set; the test says what is special."""

    def make(**config):
        pair = authority.server()
        config.setdefault("openssl_server", base_openssl(authority.file, pair))
        config.setdefault("mtls", "")
        return server_factory(Config(**config))

    return make


class World:
    """A server with one user of each kind, and a certificate for each case. Nothing in it changes during the tests."""

    def __init__(self, binary, directory):
        self.directory = directory
        self.ca = Authority(directory / "pki", "Company CA")
        self.other_ca = Authority(directory / "pki", "Other CA")
        self.spiffe_ca = Authority(directory / "pki", "SPIFFE CA", uri=("spiffe://example.org",))
        self.partner_ca = Authority(directory / "pki", "Partner CA", uri=("spiffe://partner.example",))
        issue = self.ca.issue
        day = DAY
        self.alice = issue("alice", "alice")
        self.carol = issue("carol", "carol.people.example")
        self.worker = issue("worker", "worker-7", dns=("worker-7.svc.example",))
        self.deep = issue("deep", "deep", dns=("a.worker-7.svc.example",))
        self.job = issue("job", "job", uri=("urn:jobs/nightly.v2/run",))
        self.mail = issue("mail", "mail", email=("ops@example.org",))
        self.service = self.spiffe_ca.issue("service", uri=("spiffe://example.org/ns/prod/sa/billing",))
        self.foreign_service = self.ca.issue("foreign-service", uri=("spiffe://example.org/ns/prod/sa/billing",))
        # A partner's certificate with names that ours have.
        self.partner = self.partner_ca.issue(
            "partner", "alice", dns=("worker-7.svc.example",), email=("ops@example.org",), uri=("spiffe://partner.example/etl",)
        )
        self.unmapped = issue("unmapped", "somebody-else")
        self.ambiguous = issue("ambiguous", "two-rules", dns=("two.rules.example",))
        self.far_away = issue("far-away", "far-away")
        self.unknown_user = issue("unknown-user", "ghost")
        self.of_other_ca = self.other_ca.issue("of-other-ca", "alice")
        self.self_signed = self.ca.self_signed("self-signed", "alice")
        self.expired = issue("expired", "alice", begin=-3 * day, end=-1 * day)
        self.not_yet = issue("not-yet", "alice", begin=1 * day, end=2 * day)

        users = [
            user("alice", "<ssl_certificates><common_name>alice</common_name></ssl_certificates>"),
            user("worker", "<ssl_certificates><subject_alt_name>DNS:*.svc.example</subject_alt_name></ssl_certificates>"),
            user("job", "<ssl_certificates><subject_alt_name>URI:urn:jobs/*/run</subject_alt_name></ssl_certificates>"),
            user("mail", "<ssl_certificates><subject_alt_name>EMAIL:ops@example.org</subject_alt_name></ssl_certificates>"),
            user("carol"),
            user("billing", more="<allow_databases><database>default</database></allow_databases>"),
            user("partner"),
            user("first"),
            user("second"),
            user("far_away", networks="<ip>10.9.8.7</ip>"),
            user("with_password", "<password>correct horse</password>"),
            user("open_user", "<password></password>"),
            user("default", "<password>default-password</password>"),
        ]
        mtls = f"""
<trust_domains>
 <trust_domain><name>example.org</name><bundle>{self.spiffe_ca.file}</bundle></trust_domain>
 <trust_domain><name>partner.example</name><bundle>{self.partner_ca.file}</bundle></trust_domain>
</trust_domains>
<users>
 <rule><name>partners</name><trust_domain>partner.example</trust_domain><common_name>alice</common_name><user>partner</user></rule>
 <rule><name>people</name><common_name>{{who}}.people.example</common_name><user>{{who}}</user></rule>
 <rule><name>services</name><spiffe_id>spiffe://example.org/ns/prod/sa/{{service}}</spiffe_id><user>{{service}}</user></rule>
 <rule><name>one-of-two</name><common_name>two-rules</common_name><user>first</user></rule>
 <rule><name>two-of-two</name><dns>two.rules.example</dns><user>second</user></rule>
 <rule><name>distant</name><common_name>far-away</common_name><user>far_away</user></rule>
 <rule><name>ghost</name><common_name>ghost</common_name><user>ghost</user></rule>
</users>"""
        self.server = Server(
            binary,
            directory / "server",
            Config(
                openssl_server=base_openssl(self.ca.file, self.ca.server()),
                mtls=mtls,
                users="".join(users),
                extra="<query_log><database>system</database><table>query_log</table>"
                "<flush_interval_milliseconds>100</flush_interval_milliseconds></query_log>",
            ),
        )


@pytest.fixture(scope="session")
def world(patched, tmp_path_factory):
    made = World(patched, tmp_path_factory.mktemp("world"))
    with made.server:
        yield made


@pytest.fixture(scope="session")
def gateway_world(build, tmp_path_factory):
    with GatewayWorld(build, tmp_path_factory.mktemp("gateway"), STOCK, base_openssl) as made:
        yield made
