"""pki: the files it makes, and what it does not do silently."""

import json
import stat

import pytest


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def verify(tool, chain, ca, *options):
    return tool("verify", "--chain", chain, "--ca", ca, *options).object()["reason"]


def test_init_makes_a_root(tool, tmp_path):
    ca = tmp_path / "deep/ca"
    done = tool("pki", "init", ca, "--name", "Root of tests", "--json")
    assert done.status == 0
    assert "Root of tests" in done.object()["subject"]
    assert mode(ca / "ca.key") == 0o600
    assert b"PRIVATE KEY" in (ca / "ca.key").read_bytes()
    assert not (ca / "bundle.json").exists()


def test_init_with_a_trust_domain_makes_a_bundle(tool, tmp_path):
    tool.must("pki", "init", tmp_path, "--trust-domain", "example.org")
    assert json.loads((tmp_path / "bundle.json").read_text())["keys"][0]["use"] == "x509-svid"
    assert tool("check-bundle", "--trust-domain", "example.org", tmp_path / "bundle.json").status == 0


def test_nothing_is_overwritten_silently(tool, tmp_path):
    tool.must("pki", "init", tmp_path)
    tool.must("pki", "issue", tmp_path, "one")
    for command, files in ((["init", tmp_path], ["ca.pem", "ca.key"]), (["issue", tmp_path, "one"], ["one.pem", "one.key"])):
        before = [(tmp_path / name).read_bytes() for name in files]
        done = tool("pki", *command)
        assert done.status == 2
        assert "exists already" in done.err
        assert [(tmp_path / name).read_bytes() for name in files] == before
        tool.must("pki", *command, "--force")
        assert all((tmp_path / name).read_bytes() != old for name, old in zip(files, before))
        assert mode(tmp_path / files[1]) == 0o600


def test_issue(tool, tmp_path):
    tool.must("pki", "init", tmp_path)
    done = tool.must("pki", "issue", tmp_path, "alice", "--cn", "Alice", "--dns", "a.example", "--dns", "b.example", "--json")
    assert done.object()["subject"] == "CN=Alice"
    assert mode(tmp_path / "alice.key") == 0o600
    answer = tool("verify", "--chain", tmp_path / "alice.pem", "--ca", tmp_path / "ca.pem").object()
    assert answer["identity"]["san"]["dns"] == ["a.example", "b.example"]
    assert answer["identity"]["serial"] == done.object()["serial"]


def test_options_before_the_names_take_one_value_each(tool, tmp_path):
    tool.must("pki", "init", tmp_path)
    tool.must("pki", "issue", "--dns", "a.example", tmp_path, "x")
    assert (tmp_path / "x.pem").exists()


@pytest.mark.parametrize("key", ["p256", "p384", "rsa2048", "rsa3072", "ed25519"])
def test_kinds_of_key(tool, tmp_path, key):
    tool.must("pki", "init", tmp_path, "--key", key)
    tool.must("pki", "issue", tmp_path, "x", "--key", key)
    assert verify(tool, tmp_path / "x.pem", tmp_path / "ca.pem") == "VALID"


def test_lifetimes_down_to_seconds(tool, tmp_path):
    tool.must("pki", "init", tmp_path)
    tool.must("pki", "issue", tmp_path, "ended", "--valid-from=-10s", "--lifetime=-1s")
    tool.must("pki", "issue", tmp_path, "short", "--lifetime", "90s")
    tool.must("pki", "issue", tmp_path, "days", "--days", "2")
    assert verify(tool, tmp_path / "ended.pem", tmp_path / "ca.pem") == "TIME"
    assert verify(tool, tmp_path / "short.pem", tmp_path / "ca.pem") == "VALID"
    assert verify(tool, tmp_path / "days.pem", tmp_path / "ca.pem") == "VALID"


@pytest.mark.parametrize("option", [["--lifetime", "2h"], ["--days", "2"]], ids=" ".join)
def test_a_lifetime_beyond_the_authoritys_is_refused(tool, tmp_path, option):
    end = tool.must("pki", "init", tmp_path, "--lifetime", "1h", "--json").object()["not_after"]
    before = sorted(tmp_path.iterdir())
    done = tool("pki", "issue", tmp_path, "late", *option)
    assert (done.status, done.out) == (2, "")
    for part in (option[0], end, str(tmp_path / "ca.pem"), "shorter lifetime", "pki init"):
        assert part in done.err
    assert sorted(tmp_path.iterdir()) == before
    for within in (["--lifetime", "59m"], ["--lifetime=-1m", "--valid-from=-2m"], [*option, "--self-signed"]):
        done = tool.must("pki", "issue", tmp_path, "good", *within, "--force")
        assert done.err == ""
    # That of an authority with more time left.
    tool.must("pki", "init", tmp_path, "--lifetime", "3d", "--force")
    assert tool.must("pki", "issue", tmp_path, "late", *option).err == ""


def test_the_default_lifetime_ends_with_the_authority(tool, tmp_path):
    end = tool.must("pki", "init", tmp_path, "--lifetime", "1h", "--json").object()["not_after"]
    done = tool.must("pki", "issue", tmp_path, "x", "--json")
    assert done.object()["not_after"] == end
    assert done.err.startswith("clickhouse-mtls: note: ") and end in done.err
    assert verify(tool, tmp_path / "x.pem", tmp_path / "ca.pem") == "VALID"
    tool.must("pki", "init", tmp_path, "--lifetime", "31d", "--force")
    done = tool.must("pki", "issue", tmp_path, "x", "--json", "--force")
    assert done.object()["not_after"] != end and done.err == ""


@pytest.mark.parametrize("ends, wanted", [("-1s", []), ("1h", ["--valid-from", "2h"])], ids=["authority has ended", "begins too late"])
def test_the_default_lifetime_is_not_cut_to_nothing(tool, tmp_path, ends, wanted):
    tool.must("pki", "init", tmp_path, "--valid-from=-1h", f"--lifetime={ends}")
    before = sorted(tmp_path.iterdir())
    done = tool("pki", "issue", tmp_path, "x", *wanted)
    assert (done.status, done.out) == (2, "")
    assert "--lifetime" in done.err and "pki init" in done.err
    assert ("shorter lifetime" in done.err) == (ends == "1h")
    assert sorted(tmp_path.iterdir()) == before


def test_an_encrypted_key(tool, tmp_path):
    tool.must("pki", "init", tmp_path)
    (tmp_path / "secret").write_text("correct horse\n")
    tool.must("pki", "issue", tmp_path, "x", "--passphrase-file", tmp_path / "secret")
    assert b"ENCRYPTED PRIVATE KEY" in (tmp_path / "x.key").read_bytes()
    assert "correct horse" not in (tmp_path / "x.key").read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        ["x", "--lifetime", "soon"],
        ["x", "--lifetime=-1h"],
        ["x", "--days", "0"],
        ["x", "--days", "1", "--lifetime", "1h"],
        ["x", "--key", "dsa"],
        ["x", "--spiffe-id", "spiffe://example.org"],
        ["x", "--spiffe-id", "spiffe://Example.org/a"],
        ["x", "--spiffe-id", "spiffe://example.org/a", "--uri", "https://example.org"],
        ["x", "--spiffe-id", "spiffe://example.org/a", "--client"],
        ["x", "--ip", "not-an-address"],
        ["x", "--dns", "b\u00fccher.example"],
        ["x", "--uri", "https://b\u00fccher.example/"],
        ["x", "--email", "b\u00fccher@example.org"],
        ["x", "--passphrase-file", "/does/not/exist"],
        ["../x"],
        ["ca"],
        [".x"],
        [""],
    ],
    ids=" ".join,
)
def test_what_issue_refuses(tool, tmp_path, arguments):
    tool.must("pki", "init", tmp_path)
    before = sorted(tmp_path.iterdir())
    done = tool("pki", "issue", tmp_path, *arguments)
    assert done.status == 2
    assert done.err
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("option", "value", "remedy"),
    [
        ("--ip", "not-an-address", "write for example 192.0.2.1"),
        ("--dns", "b\u00fccher.example", "A-labels"),
        ("--days", "4000", "shorter lifetime"),
    ],
)
def test_a_refusal_of_issue_names_the_option_and_the_remedy(tool, tmp_path, option, value, remedy):
    tool.must("pki", "init", tmp_path)
    done = tool("pki", "issue", tmp_path, "x", option, value)
    assert f"{option}: " in done.err and remedy in done.err


def test_a_directory_without_a_ca(tool, tmp_path):
    for command in (["issue", tmp_path, "x"], ["revoke", tmp_path, "x"]):
        done = tool("pki", *command)
        assert done.status == 2
        assert "pki init" in done.err
    assert not list(tmp_path.iterdir())


def test_the_key_must_be_the_roots(tool, tmp_path):
    tool.must("pki", "init", tmp_path / "a")
    tool.must("pki", "init", tmp_path / "b")
    (tmp_path / "a/ca.key").write_bytes((tmp_path / "b/ca.key").read_bytes())
    assert tool("pki", "issue", tmp_path / "a", "x").status == 2


def test_revoke_every_certificate_of_a_name(tool, tmp_path):
    tool.must("pki", "init", tmp_path)
    tool.must("pki", "issue", tmp_path, "x")
    first = (tmp_path / "x.pem").read_bytes()
    tool.must("pki", "issue", tmp_path, "x", "--force")
    tool.must("pki", "issue", tmp_path, "y")
    assert tool.must("pki", "revoke", tmp_path, "x", "--json").object()["revoked_now"] == 2
    (tmp_path / "first.pem").write_bytes(first)
    for name, wanted in (("first", "REVOKED"), ("x", "REVOKED"), ("y", "VALID")):
        assert verify(tool, tmp_path / f"{name}.pem", tmp_path / "ca.pem", "--crl", tmp_path / "crl.pem") == wanted


def test_the_list_grows_and_can_be_renewed(tool, tmp_path):
    tool.must("pki", "init", tmp_path)
    for name in ("a", "b"):
        tool.must("pki", "issue", tmp_path, name)
        tool.must("pki", "revoke", tmp_path, name)
    renewed = tool.must("pki", "revoke", tmp_path, "--json").object()
    assert (renewed["revoked_now"], renewed["entries"]) == (0, 2)
    for name in ("a", "b"):
        assert verify(tool, tmp_path / f"{name}.pem", tmp_path / "ca.pem", "--crl", tmp_path / "crl.pem") == "REVOKED"


def test_an_unknown_name_revokes_nothing(tool, tmp_path):
    tool.must("pki", "init", tmp_path)
    tool.must("pki", "issue", tmp_path, "x")
    assert tool("pki", "revoke", tmp_path, "x", "nobody").status == 2
    tool.must("pki", "revoke", tmp_path)
    assert verify(tool, tmp_path / "x.pem", tmp_path / "ca.pem", "--crl", tmp_path / "crl.pem") == "VALID"
