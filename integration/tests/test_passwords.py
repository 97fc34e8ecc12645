"""Logins by password are what they were, with and without a certificate on the connection."""

import base64

import pytest
from lib import clients

GOOD = ("with_password", "correct horse")


@pytest.mark.parametrize("port", ["tcp_port", "tcp_port_secure"])
def test_native(world, port):
    assert clients.native(world.server, world.ca.file, None, *GOOD, port=port).user == GOOD[0]
    wrong = clients.native(world.server, world.ca.file, None, GOOD[0], "wrong", port=port)
    assert not wrong and wrong.code == 193
    none = clients.native(world.server, world.ca.file, None, GOOD[0], "", port=port)
    assert not none and none.code == 194
    unknown = clients.native(world.server, world.ca.file, None, "nobody", "x", port=port)
    assert not unknown and unknown.code == 192


def test_native_user_with_the_empty_password(world):
    assert clients.native(world.server, world.ca.file, None, "open_user").user == "open_user"


def test_a_certificate_never_overrides_a_password(world):
    """A password that was given decides, right or wrong, whatever the certificate would open."""
    assert clients.native(world.server, world.ca.file, world.alice, *GOOD).user == GOOD[0]
    assert not clients.native(world.server, world.ca.file, world.alice, "alice", "x")
    assert not clients.native(world.server, world.ca.file, world.carol, "carol", "x")
    assert not clients.native(world.server, world.ca.file, world.alice, GOOD[0], "wrong")


def test_clickhouse_client(world, tmp_path):
    assert clients.cli(world.server, tmp_path, world.ca.file, None, *GOOD).user == GOOD[0]
    assert not clients.cli(world.server, tmp_path, world.ca.file, None, GOOD[0], "wrong")


WAYS = {
    "headers": ({"X-ClickHouse-User": GOOD[0], "X-ClickHouse-Key": GOOD[1]}, {}),
    "basic": ({"Authorization": "Basic " + base64.b64encode(":".join(GOOD).encode()).decode()}, {}),
    "url": ({}, {"user": GOOD[0], "password": GOOD[1]}),
}


@pytest.mark.parametrize(("headers", "parameters"), WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize("certificate", [None, "alice", "unmapped"])
def test_https(world, headers, parameters, certificate):
    pair = getattr(world, certificate) if certificate else None
    assert clients.https(world.server, world.ca.file, pair, headers, parameters).user == GOOD[0]


@pytest.mark.parametrize(("headers", "parameters"), WAYS.values(), ids=WAYS.keys())
def test_http(world, headers, parameters):
    assert clients.http_plain(world.server, headers, parameters).user == GOOD[0]
