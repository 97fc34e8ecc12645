"""Without an <mtls> section the patched server behaves as the packaged one: the same questions to both, the same answers."""

import pytest
from lib import clients
from lib.server import Config, Server, user

USERS = (
    user("with_password", "<password>correct horse</password>")
    + user("open_user", "<password></password>")
    + user("hashed", "<password_sha256_hex>2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b</password_sha256_hex>")
    + user("far_away", "<password></password>", networks="<ip>10.9.8.7</ip>")
)


@pytest.fixture(scope="module", params=["relaxed", "strict"])
def both(request, patched, world, tmp_path_factory, openssl):
    """(patched, stock), with the same configuration."""
    section = openssl(world.ca.file, world.ca.server("stock-server"), request.param).replace(
        "MtlsCertificateHandler", "RejectCertificateHandler"
    )
    directory = tmp_path_factory.mktemp("both")
    servers = [
        Server(binary, directory / name, Config(openssl_server=section, mtls=None, users=USERS))
        for name, binary in (("patched", patched), ("stock", "/usr/sbin/clickhouse-server"))
    ]
    try:
        yield [server.start() for server in servers]
    finally:
        for server in servers:
            server.stop()


def same(answers):
    """What a client can tell apart; addresses and ports differ."""
    seen = [(answer.user, answer.code, answer.status) for answer in answers]
    assert seen[0] == seen[1], answers
    return seen[0]


CREDENTIALS = [
    ("with_password", "correct horse"),
    ("with_password", "wrong"),
    ("with_password", ""),
    ("open_user", ""),
    ("hashed", "secret"),
    ("hashed", "wrong"),
    ("far_away", ""),
    ("nobody", ""),
    (None, ""),
]


@pytest.mark.parametrize(("name", "password"), CREDENTIALS)
@pytest.mark.parametrize("certificate", [None, "alice", "of_other_ca", "expired"])
def test_native(both, world, name, password, certificate):
    pair = getattr(world, certificate) if certificate else None
    same([clients.native(server, world.ca.file, pair, name, password) for server in both])


@pytest.mark.parametrize("headers", [{}, clients.ON], ids=["plain", "asks"])
@pytest.mark.parametrize("certificate", [None, "alice"])
@pytest.mark.parametrize(("name", "password"), CREDENTIALS[:4])
def test_https(both, world, headers, certificate, name, password):
    pair = getattr(world, certificate) if certificate else None
    headers = {**headers, "X-ClickHouse-User": name, "X-ClickHouse-Key": password}
    same([clients.https(server, world.ca.file, pair, headers) for server in both])


def test_something_works_and_something_does_not(both, world):
    assert same([clients.native(server, world.ca.file, world.alice, "with_password", "correct horse") for server in both])[0]
    assert not same([clients.native(server, world.ca.file, world.alice, "with_password", "wrong") for server in both])[0]


def test_the_module_is_not_there(both):
    patched, _ = both
    maps = open(f"/proc/{patched.process.pid}/maps", encoding="utf-8").read()
    assert "libclickhouse_mtls_debian.so" in maps, "the patched server carries the adapter"
    assert "libclickhouse_mtls.so" not in maps, "which has not loaded the module"


@pytest.mark.parametrize("binary", ["patched", "stock"])
def test_a_user_without_a_password_is_refused_at_start(patched, stock, world, tmp_path, openssl, binary):
    section = openssl(world.ca.file, world.ca.server("refused-server")).replace("MtlsCertificateHandler", "RejectCertificateHandler")
    server = Server(
        patched if binary == "patched" else stock, tmp_path / "server", Config(openssl_server=section, mtls=None, users=user("bare"))
    )
    assert "password" in server.start_refused()


def test_the_handler_s_name_is_known_all_the_same(patched, world, tmp_path, openssl):
    """MtlsCertificateHandler without <mtls>: what Poco cannot verify is refused, as by RejectCertificateHandler."""
    section = openssl(world.ca.file, world.ca.server("named-server"), "strict")
    with Server(patched, tmp_path / "server", Config(openssl_server=section, mtls=None, users=USERS)) as server:
        assert clients.native(server, world.ca.file, world.alice, "with_password", "correct horse").user == "with_password"
        assert not clients.native(server, world.ca.file, world.of_other_ca, "with_password", "correct horse")
        assert not clients.native(server, world.ca.file, world.alice, "with_password", "")
