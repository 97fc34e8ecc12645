"""client_certificate = none | optional | required, for each listener by itself."""

import pytest
from lib import clients
from lib.server import Config, Server, user

USERS = user("alice", "<ssl_certificates><common_name>alice</common_name></ssl_certificates>") + user(
    "with_password", "<password>correct horse</password>"
)
GOOD = ("with_password", "correct horse")
PASSWORD = {"X-ClickHouse-User": GOOD[0], "X-ClickHouse-Key": GOOD[1]}


def policy(**listeners):
    inner = "".join(f"<{name}><client_certificate>{word}</client_certificate></{name}>" for name, word in listeners.items())
    return f"<listeners>{inner}</listeners>"


def start(patched, world, directory, openssl, mtls, mode="relaxed", users=USERS):
    pair = world.ca.server("listener-server")
    return Server(patched, directory, Config(openssl_server=openssl(world.ca.file, pair, mode), mtls=mtls, users=users)).start()


@pytest.fixture(
    scope="module",
    params=[("none", "required"), ("optional", "none"), ("required", "optional")],
    ids=lambda words: f"native-{words[0]}-https-{words[1]}",
)
def mixed(request, patched, world, tmp_path_factory, openssl):
    native, https = request.param
    server = start(
        patched, world, tmp_path_factory.mktemp("listeners"), openssl, policy(tcp_port_secure=native, https_port=https)
    )
    yield server, native, https
    server.stop()


def test_with_certificate_native(mixed, world):
    server, native, _ = mixed
    answer = clients.native(server, world.ca.file, world.alice, "alice")
    if native == "none":
        assert not answer and answer.code is not None, "the certificate was not asked for, so it opens nothing"
    else:
        assert answer.user == "alice"


def test_with_certificate_https(mixed, world):
    server, _, https = mixed
    answer = clients.https_as(server, world.ca.file, world.alice, "alice")
    if https == "none":
        assert answer.status == 401
    else:
        assert answer.user == "alice"


def test_without_certificate_native(mixed, world):
    server, native, _ = mixed
    answer = clients.native(server, world.ca.file, None, *GOOD)
    if native == "required":
        assert not answer and answer.code is None, "the handshake ends"
        assert clients.native(server, world.ca.file, world.alice, *GOOD).user == GOOD[0]
    else:
        assert answer.user == GOOD[0]


def test_without_certificate_https(mixed, world):
    server, _, https = mixed
    answer = clients.https(server, world.ca.file, None, PASSWORD)
    if https == "required":
        assert not answer and answer.status is None, "the handshake ends"
        assert clients.https(server, world.ca.file, world.alice, PASSWORD).user == GOOD[0]
    else:
        assert answer.user == GOOD[0]


def test_bad_certificate_ends_the_handshake_unless_none_is_asked_for(mixed, world):
    server, native, https = mixed
    answer = clients.native(server, world.ca.file, world.of_other_ca, *GOOD)
    assert bool(answer) == (native == "none"), answer
    answer = clients.https(server, world.ca.file, world.of_other_ca, PASSWORD)
    assert bool(answer) == (https == "none"), answer


@pytest.mark.parametrize(("mode", "required"), [("relaxed", False), ("once", False), ("strict", True)])
def test_without_a_listeners_section_verification_mode_decides(patched, world, tmp_path, openssl, mode, required):
    server = start(patched, world, tmp_path / "server", openssl, "", mode)
    try:
        assert clients.native(server, world.ca.file, world.alice, "alice").user == "alice"
        for answer in (
            clients.native(server, world.ca.file, None, *GOOD),
            clients.https(server, world.ca.file, None, PASSWORD),
        ):
            assert bool(answer) != required, answer
        said = "<client_certificate>required</client_certificate>" in server.log()
        assert said == (mode == "once"), "at each start"
    finally:
        server.stop()


def test_verification_mode_none_asks_nobody(patched, world, tmp_path, openssl):
    users = user("alice") + user(GOOD[0], f"<password>{GOOD[1]}</password>")
    server = start(patched, world, tmp_path / "server", openssl, "", "none", users)
    try:
        assert clients.https_as(server, world.ca.file, world.alice, "alice").status == 401
        assert clients.native(server, world.ca.file, world.alice, *GOOD).user == GOOD[0]
    finally:
        server.stop()


def test_an_interserver_port_has_a_policy_of_its_own(patched, world, tmp_path, openssl):
    pair = world.ca.server("interserver-server")
    config = Config(
        openssl_server=openssl(world.ca.file, pair),
        mtls=policy(interserver_https_port="required", https_port="optional"),
        users=USERS,
        listeners=("tcp_port_secure", "https_port", "interserver_https_port"),
    )
    with Server(patched, tmp_path / "server", config) as server:
        assert clients.https(server, world.ca.file, None, PASSWORD).user == GOOD[0]
        shut = clients.https(server, world.ca.file, None, port="interserver_https_port")
        assert shut.status is None, shut
        reached = clients.https(server, world.ca.file, world.alice, port="interserver_https_port")
        assert reached.status is not None, reached


@pytest.mark.parametrize(
    ("setting", "change"),
    [
        ("invalidCertificateHandler", ("MtlsCertificateHandler", "AcceptCertificateHandler")),
        ("verificationMode", (">relaxed<", ">none<")),
        ("loadDefaultCAFile", ("<caConfig>", "<loadDefaultCAFile>true</loadDefaultCAFile><caConfig>")),
    ],
)
def test_no_start_where_identities_could_be_forged(patched, world, tmp_path, openssl, setting, change):
    """Refused while a user is matched against certificates; the twin with the same setting and no such user starts."""
    section = openssl(world.ca.file, world.ca.server(f"guarded-{setting.lower()}")).replace(*change)
    said = Server(patched, tmp_path / "refused", Config(openssl_server=section, mtls="", users=USERS)).start_refused()
    assert f"openSSL.server.{setting}" in said and "rules or users are matched" in said, said[-2000:]
    config = Config(openssl_server=section, mtls="", users=user("other", "<password>x</password>"))
    with Server(patched, tmp_path / "started", config) as server:
        assert server.admin("SELECT 1") == "1"
