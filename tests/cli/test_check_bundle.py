"""check-bundle: does it load, with how many authorities; "loaded and empty" is not "not loaded"."""

import json

import pytest


@pytest.fixture(scope="module")
def pki(make_pki):
    return make_pki("--trust-domain", "example.org")


@pytest.fixture(scope="module")
def other(make_pki):
    return make_pki("--trust-domain", "example.org", "--name", "other")


def keys_of(pki):
    return json.loads(pki.bundle.read_text())["keys"]


def check(tool, tmp_path, content, name="example.org"):
    path = tmp_path / "bundle"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return tool("check-bundle", "--trust-domain", name, path)


def test_what_pki_init_writes_is_a_bundle(tool, pki):
    done = tool("check-bundle", "--trust-domain", "example.org", pki.bundle)
    assert done.status == 0
    assert done.object() == {"loaded": True, "authorities": 1}


@pytest.mark.parametrize("key", ["p256", "p384", "rsa2048", "ed25519"])
def test_a_bundle_for_each_kind_of_key(tool, make_pki, key):
    pki = make_pki("--trust-domain", "example.org", "--key", key)
    assert tool("check-bundle", "--trust-domain", "example.org", pki.bundle).object() == {"loaded": True, "authorities": 1}


def without(key, member):
    return {name: value for name, value in key.items() if name != member}


# From the keys of two authorities and their PEM files: the content, and how many authorities it gives.
LOADED = {
    "two authorities": (lambda a, b: {"keys": [a, b]}, 2),
    "the same twice counts once": (lambda a, _: {"keys": [a, a]}, 1),
    "no keys is a state": (lambda *_: {"keys": []}, 0),
    "an unknown use is left out": (lambda a, b: {"keys": [{**a, "use": "new"}, b]}, 1),
    "no use is left out": (lambda a, b: {"keys": [without(a, "use"), b]}, 1),
    "an unknown kty is left out": (lambda a, b: {"keys": [{**a, "kty": "XYZ"}, b]}, 1),
    "no x5c is left out": (lambda a, b: {"keys": [without(a, "x5c"), b]}, 1),
    "unknown members do not matter": (lambda a, _: {"keys": [a], "x_comment": [1, {}]}, 1),
}


@pytest.mark.parametrize("case", LOADED)
def test_loaded(tool, tmp_path, pki, other, case):
    content, authorities = LOADED[case]
    done = check(tool, tmp_path, content(keys_of(pki)[0], keys_of(other)[0]))
    assert (done.status, done.object()) == (0, {"loaded": True, "authorities": authorities})


def test_pem(tool, tmp_path, pki, other):
    one, two = pki.ca.read_bytes(), pki.ca.read_bytes() + other.ca.read_bytes()
    for content, authorities in ((one, 1), (two, 2), (one + one, 1), (b"", 0)):
        assert check(tool, tmp_path, content).object() == {"loaded": True, "authorities": authorities}


REFUSED = {
    "no json": b"{",
    "json of another kind": b"{}",
    "keys is no array": b'{"keys": {}}',
    "a key twice": b'{"keys": [], "keys": []}',
    "behind the end": b'{"keys": []} x',
    "no pem block": b"nothing of use\n",
    "a damaged pem block": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "a sequence that is no integer": b'{"keys": [], "spiffe_sequence": "1"}',
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(tool, tmp_path, case):
    done = check(tool, tmp_path, REFUSED[case])
    assert done.status == 1
    answer = done.object()
    assert set(answer) == {"loaded", "error", "message"}
    assert answer["loaded"] is False
    assert answer["error"] and answer["message"]


def test_unreadable_input(tool, tmp_path, pki):
    assert tool("check-bundle", "--trust-domain", "example.org", tmp_path / "none").status == 2
    assert tool("check-bundle", "--trust-domain", "example.org", tmp_path).status == 2
    assert tool("check-bundle", "--trust-domain", "Example.org", pki.bundle).status == 2
    assert tool("check-bundle", "--trust-domain", "spiffe://example.org", pki.bundle).status == 0
