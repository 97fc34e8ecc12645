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


def listed(tool, path):
    return [(one["name"], one["state"]) for one in tool.must("pki", "list", path, "--json").object()["certificates"]]


def test_list_says_what_has_become_of_each(tool, tmp_path):
    tool.must("pki", "init", tmp_path)
    assert tool.must("pki", "list", tmp_path).out == "nothing has been issued here\n"
    for name, more in (("a", []), ("b", []), ("c", ["--valid-from=-2h", "--lifetime=-1h"]), ("d", [])):
        tool.must("pki", "issue", tmp_path, name, *more)
    tool.must("pki", "revoke", tmp_path, "b")
    tool.must("pki", "issue", tmp_path, "d", "--force")
    assert listed(tool, tmp_path) == [("a", "valid"), ("b", "revoked"), ("c", "ended"), ("d", "replaced"), ("d", "valid")]
    lines = tool.must("pki", "list", tmp_path).out.splitlines()
    assert lines[1].startswith("b: revoked, serial ") and len(lines) == 5


def test_show_by_name_and_by_serial(tool, tmp_path):
    tool.must("pki", "init", tmp_path)
    first = tool.must("pki", "issue", tmp_path, "a", "--cn", "Alice", "--client", "--json").object()["serial"]
    text = tool.must("pki", "show", tmp_path, "a").out
    for part in ("state: valid", "subject: CN=Alice", "for: client\n", "<common_name>Alice</common_name>", f"serial: {first}"):
        assert part in text
    assert "certificateFile" in text and "<openSSL><server>" not in text
    second = tool.must("pki", "issue", tmp_path, "a", "--server", "--dns", "db.example", "--force", "--json").object()["serial"]
    former = tool.must("pki", "show", tmp_path, first, "--json").object()
    assert (former["state"], former["serial"], "subject" in former) == ("replaced", first, False)
    now = tool.must("pki", "show", tmp_path, "a", "--json").object()
    assert (now["serial"], now["names"], now["for"]) == (second, ["dns:db.example"], "server")
    done = tool("pki", "show", tmp_path, "b")
    assert done.status == 2 and "pki list" in done.err


def test_renew_keeps_names_usages_and_key(tool, tmp_path):
    tool.must("pki", "init", tmp_path)
    tool.must("pki", "issue", tmp_path, "a", "--cn", "Alice", "--dns", "a.example", "--server", "--lifetime", "1h")
    before = tool.must("pki", "show", tmp_path, "a", "--json").object()
    key = (tmp_path / "a.key").read_bytes()
    renewed = tool.must("pki", "renew", tmp_path, "a", "--days", "2", "--json").object()
    after = tool.must("pki", "show", tmp_path, "a", "--json").object()
    assert renewed["former_serial"] == before["serial"] != after["serial"]
    assert after["not_after"] > before["not_after"]
    assert all(after[member] == before[member] for member in ("subject", "names", "for", "key"))
    assert (tmp_path / "a.key").read_bytes() == key
    assert verify(tool, tmp_path / "a.pem", tmp_path / "ca.pem", "--purpose", "server", "--name", "dns:a.example") == "VALID"
    assert listed(tool, tmp_path) == [("a", "replaced"), ("a", "valid")]


def test_renew_with_a_new_key(tool, tmp_path):
    tool.must("pki", "init", tmp_path)
    (tmp_path / "secret").write_text("correct horse\n")
    tool.must("pki", "issue", tmp_path, "a", "--key", "p384", "--passphrase-file", tmp_path / "secret")
    key = (tmp_path / "a.key").read_bytes()
    refused = tool("pki", "renew", tmp_path, "a")
    assert refused.status == 2 and "passphrase" in refused.err
    tool.must("pki", "renew", tmp_path, "a", "--passphrase-file", tmp_path / "secret")
    assert (tmp_path / "a.key").read_bytes() == key
    tool.must("pki", "renew", tmp_path, "a", "--new-key", "--passphrase-file", tmp_path / "secret")
    assert (tmp_path / "a.key").read_bytes() != key and mode(tmp_path / "a.key") == 0o600
    assert b"ENCRYPTED" in (tmp_path / "a.key").read_bytes()
    assert tool.must("pki", "show", tmp_path, "a", "--json").object()["key"] == "EC P-384"
    assert verify(tool, tmp_path / "a.pem", tmp_path / "ca.pem") == "VALID"


def test_what_renew_refuses(tool, tmp_path):
    tool.must("pki", "init", tmp_path, "--lifetime", "1h")
    tool.must("pki", "issue", tmp_path, "a")
    tool.must("pki", "issue", tmp_path, "own", "--self-signed")
    for arguments, word in (
        (["nobody"], "nobody.pem"),
        (["own"], "was not issued here"),
        (["a", "--days", "2"], "shorter lifetime"),
        (["a", "--lifetime=-1h"], "longer lifetime"),
    ):
        before = (tmp_path / "a.pem").read_bytes(), (tmp_path / "index.txt").read_bytes()
        done = tool("pki", "renew", tmp_path, *arguments)
        assert done.status == 2 and word in done.err, done.err
        assert ((tmp_path / "a.pem").read_bytes(), (tmp_path / "index.txt").read_bytes()) == before
    tool.must("pki", "renew", tmp_path, "a")
    tool.must("pki", "revoke", tmp_path, "a")
    done = tool("pki", "renew", tmp_path, "a")
    assert done.status == 2 and "--new-key" in done.err
    tool.must("pki", "renew", tmp_path, "a", "--new-key")
    assert verify(tool, tmp_path / "a.pem", tmp_path / "ca.pem", "--crl", tmp_path / "crl.pem") == "VALID"


def test_revoke_one_by_serial_or_file(tool, tmp_path):
    tool.must("pki", "init", tmp_path)
    serials = []
    for i in range(3):
        serials.append(tool.must("pki", "issue", tmp_path, "x", "--force", "--json").object()["serial"])
        (tmp_path / f"{i}.crt").write_bytes((tmp_path / "x.pem").read_bytes())
    colons = ":".join(serials[0].upper().rjust(32, "0")[i : i + 2] for i in range(0, 32, 2))
    assert tool.must("pki", "revoke", tmp_path, "--serial", colons, "--json").object()["revoked_now"] == 1
    assert tool.must("pki", "revoke", tmp_path, "--file", tmp_path / "1.crt", "--json").object()["revoked_now"] == 1
    for i, wanted in enumerate(("REVOKED", "REVOKED", "VALID")):
        assert verify(tool, tmp_path / f"{i}.crt", tmp_path / "ca.pem", "--crl", tmp_path / "crl.pem") == wanted


def test_a_certificate_that_the_index_has_lost_is_revoked_by_its_file(tool, tmp_path):
    tool.must("pki", "init", tmp_path / "a")
    tool.must("pki", "init", tmp_path / "b")
    serial = tool.must("pki", "issue", tmp_path / "a", "x", "--json").object()["serial"]
    (tmp_path / "a/index.txt").write_text("")
    unknown = tool("pki", "revoke", tmp_path / "a", "--serial", serial)
    assert unknown.status == 2 and "pki list" in unknown.err
    strange = tool("pki", "revoke", tmp_path / "b", "--file", tmp_path / "a/x.pem")
    assert strange.status == 2 and "was not signed by" in strange.err
    tool.must("pki", "revoke", tmp_path / "a", "--file", tmp_path / "a/x.pem")
    assert verify(tool, tmp_path / "a/x.pem", tmp_path / "a/ca.pem", "--crl", tmp_path / "a/crl.pem") == "REVOKED"


def test_each_says_what_to_configure_next(tool, tmp_path):
    """As it stands: check takes what is printed."""
    steps = tool.must("pki", "init", tmp_path, "--trust-domain", "example.org", "--json").object()["next"]
    assert f"<caConfig>{tmp_path}/ca.pem</caConfig>" in steps[0] and f"<bundle>{tmp_path}/bundle.json</bundle>" in steps[1]
    server = tool.must("pki", "issue", tmp_path, "server", "--server", "--dns", "localhost", "--json").object()["next"]
    client = tool.must("pki", "issue", tmp_path, "alice", "--client", "--json").object()["next"]
    listing = tool.must("pki", "revoke", tmp_path, "--json").object()["next"]
    of_server = server[0].split(": ", 1)[1].split("; ")[0]
    rule = client[1].split("<mtls>")[1].split("</mtls>")[0].replace("USER", "alice")
    crl = listing[0].split("<mtls>")[1].split("</mtls>")[0]
    (tmp_path / "users.xml").write_text("<clickhouse><users><alice/></users></clickhouse>")
    (tmp_path / "config.xml").write_text(
        f"<clickhouse><tcp_port_secure>9440</tcp_port_secure>{of_server}<mtls>{crl}{rule}</mtls>"
        "<users_config>users.xml</users_config></clickhouse>"
    )
    done = tool("check", "--config", tmp_path / "config.xml")
    assert done.status == 0 and "warning" not in done.out, done.out
    granted = tool("explain", "--config", tmp_path / "config.xml", "--chain", tmp_path / "alice.pem", "--listener", "tcp_port_secure")
    assert granted.status == 0, granted.out
    nameless = tool.must("pki", "issue", tmp_path, "nameless", "--server").out
    assert "next: it carries no --dns" in nameless
