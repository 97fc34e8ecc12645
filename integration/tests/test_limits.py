"""<limits>: certificates that are valid, but not good enough. Each is shown to one server, beside one that is good enough."""

import datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from lib import clients
from lib.pki import DAY, Authority, rsa_key
from lib.server import Config, Server, user

USERS = user("alice", "<ssl_certificates><common_name>alice</common_name></ssl_certificates>")
HOUR = datetime.timedelta(hours=1)
LIMITS = """<limits><users><min_rsa_bits>3072</min_rsa_bits><curves>P-256</curves><signature_hashes>SHA256</signature_hashes>
<max_certificate_lifetime>2h</max_certificate_lifetime><min_remaining_lifetime>1m</min_remaining_lifetime></users></limits>"""


@pytest.fixture(scope="module")
def scene(patched, tmp_path_factory, openssl):
    directory = tmp_path_factory.mktemp("limits")
    ca = Authority(directory / "pki", "Limiting CA")
    with Server(patched, directory / "server", Config(openssl_server=openssl(ca.file, ca.server()), mtls=LIMITS, users=USERS)) as server:
        yield server, ca


@pytest.mark.parametrize(
    ("name", "what", "reason"),
    [
        ("long-lived", {"begin": -HOUR, "end": DAY}, "LIFETIME"),
        ("ending", {"begin": -HOUR, "end": datetime.timedelta(seconds=50)}, "ENDING"),
        ("short-rsa", {"begin": -HOUR, "end": HOUR, "key": rsa_key()}, "WEAK"),
        ("other-curve", {"begin": -HOUR, "end": HOUR, "key": ec.generate_private_key(ec.SECP384R1())}, "WEAK"),
    ],
)
def test_what_is_not_good_enough_is_refused(scene, name, what, reason):
    server, ca = scene
    good = ca.issue(f"good-{name}", "alice", begin=-HOUR, end=HOUR)
    assert clients.native(server, ca.file, good, "alice").user == "alice"
    assert clients.https_as(server, ca.file, good, "alice").user == "alice"
    bad = ca.issue(name, "alice", **what)
    assert not clients.native(server, ca.file, bad, "alice")
    assert not clients.https_as(server, ca.file, bad, "alice")
    assert f"reason={reason}" in server.log()
