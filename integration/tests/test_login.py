"""Login by certificate: who gets in, and as whom. Each case over the native protocol and over HTTPS."""

import pytest
from lib import clients
from lib.server import Config, Server, user
from lib.wait import eventually

# name of the certificate in World, user that it opens
GRANTED = {
    "common-name": ("alice", "alice"),
    "common-name-captured-by-a-rule": ("carol", "carol"),
    "dns-wildcard": ("worker", "worker"),
    "uri-wildcard": ("job", "job"),
    "email": ("mail", "mail"),
    "spiffe-id": ("service", "billing"),
}
BY_RULE = {name: case for name, case in GRANTED.items() if case[1] in ("carol", "billing")}


def cases(of):
    return pytest.mark.parametrize(("certificate", "user"), of.values(), ids=of.keys())


@cases(GRANTED)
def test_native_named(world, certificate, user):
    assert clients.native(world.server, world.ca.file, getattr(world, certificate), user).user == user


@cases(GRANTED)
def test_https_named(world, certificate, user):
    assert clients.https_as(world.server, world.ca.file, getattr(world, certificate), user).user == user


@cases(BY_RULE)
def test_native_unnamed_gets_the_user_of_the_rule(world, certificate, user):
    assert clients.native(world.server, world.ca.file, getattr(world, certificate)).user == user


def test_native_empty_name_gets_the_user_of_the_rule(world):
    assert clients.native(world.server, world.ca.file, world.carol, user="").user == "carol"


@cases(GRANTED)
def test_clickhouse_client(world, tmp_path, certificate, user):
    assert clients.cli(world.server, tmp_path, world.ca.file, getattr(world, certificate), user).user == user


def test_clickhouse_client_unnamed(world, tmp_path):
    assert clients.cli(world.server, tmp_path, world.ca.file, world.carol).user == "carol"


def test_the_granted_user_is_in_the_query_log(world):
    """Everywhere the server names the user it is the granted one, also as the initial user."""
    logged = {"log_queries": "1"}
    assert clients.https_as(world.server, world.ca.file, world.carol, "carol", parameters=logged).user == "carol"
    eventually(
        lambda: "query_log" in world.server.admin("SHOW TABLES FROM system")
        and world.server.admin("SELECT count() FROM system.query_log WHERE user = 'carol' AND initial_user = 'carol'") != "0",
        what="carol in system.query_log",
    )


def test_the_databases_a_user_may_see_stay_limited(world):
    """allow_databases of users.xml holds for a login by certificate."""
    world.server.admin("CREATE DATABASE IF NOT EXISTS secret_db")
    world.server.admin("CREATE TABLE IF NOT EXISTS secret_db.t (x UInt8) ENGINE = Memory")
    allowed = clients.https(
        world.server, world.ca.file, world.service, {**clients.ON, "X-ClickHouse-User": "billing"}, {"database": "default"}
    )
    assert allowed.user == "billing"
    refused = clients.https(
        world.server, world.ca.file, world.service, {**clients.ON, "X-ClickHouse-User": "billing"}, {"database": "secret_db"}
    )
    assert not refused
    assert refused.code == 291, refused.text  # DATABASE_ACCESS_DENIED


def test_the_networks_a_user_may_come_from_stay_limited(world):
    """<networks> of users.xml holds for a login by certificate; 195 is the server's own answer."""
    for answer in (
        clients.native(world.server, world.ca.file, world.far_away, "far_away"),
        clients.https_as(world.server, world.ca.file, world.far_away, "far_away"),
    ):
        assert not answer
        assert answer.code == 195, answer.text
    assert clients.native(world.server, world.ca.file, world.alice, "alice").user == "alice"


def test_the_user_default_by_its_own_certificate(patched, world, tmp_path, openssl):
    """Native clients send "default" for it and for nobody alike. Rules answer for nobody; the certificate of "default" is still its own."""
    section = openssl(world.ca.file, world.ca.server("default-server"))
    users = user("default", "<ssl_certificates><common_name>alice</common_name></ssl_certificates>") + user("carol")
    mtls = "<users><rule><name>carol</name><common_name>carol.people.example</common_name><user>carol</user></rule></users>"
    with Server(patched, tmp_path / "server", Config(openssl_server=section, mtls=mtls, users=users)) as server:
        assert clients.native(server, world.ca.file, world.alice).user == "default"
        assert clients.https_as(server, world.ca.file, world.alice, "default").user == "default"
        assert clients.native(server, world.ca.file, world.carol).user == "carol"
        assert not clients.native(server, world.ca.file, world.unmapped)
        assert not clients.native(server, world.ca.file, None)
