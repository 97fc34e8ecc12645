"""verify: each refusal beside its accepted twin."""

import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization


@pytest.fixture(scope="module")
def ca(make_pki):
    return make_pki()


@pytest.fixture(scope="module")
def stranger(make_pki):
    return make_pki("--name", "stranger")


@pytest.fixture(scope="module")
def domain(make_pki):
    return make_pki("--trust-domain", "example.org", "--name", "same name")


@pytest.fixture(scope="module")
def federated(make_pki):
    return make_pki("--trust-domain", "federated.test", "--name", "same name")


@pytest.fixture(scope="module")
def leaf(ca):
    return ca.issue("leaf", "--cn", "alice", "--dns", "db.example.org", "--dns", "*.wild.example.org", "--ip", "192.0.2.1",
                    "--email", "alice@example.org", "--uri", "https://example.org/x")


@pytest.fixture(scope="module")
def svid(domain):
    return domain.issue("svid", "--cn", "", "--spiffe-id", "spiffe://example.org/service")


def verdict(tool, *arguments):
    done = tool("verify", *arguments)
    answer = done.object()
    assert set(answer) == {"accepted", "reason", "message", "identity"}
    assert done.status == (0 if answer["accepted"] else 1)
    assert (answer["reason"] == "VALID") == answer["accepted"]
    assert (answer["identity"] is not None) == answer["accepted"]
    return answer


def reason(tool, *arguments):
    return verdict(tool, *arguments)["reason"]


def test_the_identity_tells_what_the_certificate_says(tool, ca, leaf):
    identity = verdict(tool, "--chain", leaf, "--ca", ca.ca)["identity"]
    assert identity["common_name"] == "alice"
    assert identity["san"]["dns"] == ["db.example.org", "*.wild.example.org"]
    assert identity["san"]["uri"] == ["https://example.org/x"]
    assert identity["san"]["email"] == ["alice@example.org"]
    assert identity["san"]["ip"] == ["192.0.2.1"]
    assert identity["spiffe_id"] is None
    assert len(identity["fingerprint_sha256"]) == 64


def test_authority(tool, ca, stranger, leaf):
    assert reason(tool, "--chain", leaf, "--ca", ca.ca) == "VALID"
    assert reason(tool, "--chain", leaf, "--ca", stranger.ca) == "UNKNOWN-CA"
    assert reason(tool, "--chain", leaf, "--ca", stranger.ca, "--ca", ca.ca) == "VALID"
    assert reason(tool, "--chain", leaf) == "UNKNOWN-CA"


def test_self_signed(tool, ca):
    lonely = ca.issue("lonely", "--self-signed")
    assert reason(tool, "--chain", lonely, "--ca", ca.ca) == "UNKNOWN-CA"
    assert reason(tool, "--chain", lonely, "--ca", lonely) == "VALID"


def test_time(tool, ca):
    short = ca.issue("short", "--lifetime", "1h", "--valid-from=-1h")
    assert reason(tool, "--chain", short, "--ca", ca.ca) == "VALID"
    assert reason(tool, "--chain", short, "--ca", ca.ca, "--at", "2000-01-01T00:00:00Z") == "TIME"
    assert reason(tool, "--chain", short, "--ca", ca.ca, "--at", "2100-01-01T00:00:00+02:00") == "TIME"
    expired = ca.issue("expired", "--valid-from=-2h", "--lifetime=-1h")
    assert reason(tool, "--chain", expired, "--ca", ca.ca) == "TIME"


def test_purpose(tool, ca):
    client = ca.issue("client", "--client")
    server = ca.issue("server", "--server")
    both = ca.issue("both", "--client", "--server")
    table = {(client, "client"): "VALID", (client, "server"): "PURPOSE", (server, "server"): "VALID", (server, "client"): "PURPOSE"}
    table |= {(each, "any"): "VALID" for each in (client, server, both)}
    table |= {(both, "client"): "VALID", (both, "server"): "VALID"}
    for (chain, purpose), wanted in table.items():
        assert reason(tool, "--chain", chain, "--ca", ca.ca, "--purpose", purpose) == wanted, (chain.name, purpose)


@pytest.mark.parametrize(
    "name, wanted",
    [
        ("dns:db.example.org", "VALID"),
        ("dns:DB.EXAMPLE.ORG", "VALID"),
        ("dns:other.example.org", "NAME-MISMATCH"),
        ("dns:a.wild.example.org", "VALID"),
        ("dns:a.b.wild.example.org", "NAME-MISMATCH"),
        ("dns:alice", "NAME-MISMATCH"),
        ("ip:192.0.2.1", "VALID"),
        ("ip:192.0.2.2", "NAME-MISMATCH"),
    ],
)
def test_name(tool, ca, leaf, name, wanted):
    assert reason(tool, "--chain", leaf, "--ca", ca.ca, "--name", name) == wanted


def test_revocation(tool, make_pki):
    ca = make_pki()
    good, bad = ca.issue("good"), ca.issue("bad")
    tool.must("pki", "revoke", ca.path, "bad")
    assert reason(tool, "--chain", bad, "--ca", ca.ca) == "VALID"
    assert reason(tool, "--chain", bad, "--ca", ca.ca, "--crl", ca.crl) == "REVOKED"
    assert reason(tool, "--chain", good, "--ca", ca.ca, "--crl", ca.crl) == "VALID"


def test_revocation_policy(tool, make_pki):
    ca = make_pki()
    good, bad = ca.issue("good"), ca.issue("bad")
    required = ["--revocation", "require"]
    assert reason(tool, "--chain", good, "--ca", ca.ca, *required) == "CRL-MISSING"
    tool.must("pki", "revoke", ca.path, "bad")
    accepted = verdict(tool, "--chain", good, "--ca", ca.ca, "--crl", ca.crl, *required)
    assert f"not listed by the CRL {ca.crl}" in accepted["message"] and "next update" in accepted["message"]
    assert reason(tool, "--chain", bad, "--ca", ca.ca, "--crl", ca.crl, *required) == "REVOKED"
    assert reason(tool, "--chain", bad, "--ca", ca.ca, "--crl", ca.crl, "--revocation", "off") == "VALID"


def test_a_list_of_another_authority_revokes_nothing(tool, make_pki, ca, leaf):
    other = make_pki("--name", "another name")
    tool.must("pki", "revoke", other.path)
    assert reason(tool, "--chain", leaf, "--ca", ca.ca, "--crl", other.crl) == "VALID"


def test_a_list_with_the_authoritys_name_and_a_wrong_signature(tool, make_pki, ca, leaf):
    impostor = make_pki()
    tool.must("pki", "revoke", impostor.path)
    assert reason(tool, "--chain", leaf, "--ca", ca.ca, "--crl", impostor.crl) == "CRL-INVALID"


def test_a_chain_that_does_not_parse_is_the_peers_fault(tool, tmp_path, ca, leaf):
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    assert reason(tool, "--chain", broken, "--ca", ca.ca) == "PARSE"
    both = tmp_path / "both.pem"
    both.write_bytes(leaf.read_bytes() + broken.read_bytes())
    assert reason(tool, "--chain", both, "--ca", ca.ca) == "PARSE"


def test_too_long_a_chain(tool, tmp_path, ca, leaf):
    chain = tmp_path / "chain.pem"
    for copies, wanted in ((15, "VALID"), (16, "RESOURCE")):
        chain.write_bytes(leaf.read_bytes() + ca.ca.read_bytes() * copies)
        assert reason(tool, "--chain", chain, "--ca", ca.ca) == wanted


def test_depth_counts_intermediates(tool, tmp_path, ca, make_pki):
    """The tool's CA has none, so another implementation makes the intermediate."""
    below = make_pki("--name", "intermediate")
    leaf = below.issue("leaf")
    chain = tmp_path / "chain.pem"
    chain.write_bytes(leaf.read_bytes() + signed_by(ca, below))
    assert reason(tool, "--chain", leaf, "--ca", ca.ca) == "UNKNOWN-CA"
    assert reason(tool, "--chain", chain, "--ca", ca.ca, "--depth", "1") == "VALID"
    assert reason(tool, "--chain", chain, "--ca", ca.ca, "--depth", "0") == "DEPTH"


def signed_by(upper, lower):
    """The lower root's key and extensions, signed by the upper root, as PEM."""
    issuer = x509.load_pem_x509_certificate(upper.ca.read_bytes())
    key = serialization.load_pem_private_key(upper.key.read_bytes(), None)
    root = x509.load_pem_x509_certificate(lower.ca.read_bytes())
    builder = x509.CertificateBuilder(
        issuer.subject, root.subject, root.public_key(), x509.random_serial_number(), root.not_valid_before, root.not_valid_after
    )
    for extension in root.extensions:
        if not isinstance(extension.value, x509.AuthorityKeyIdentifier):
            builder = builder.add_extension(extension.value, extension.critical)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_an_svid(tool, domain, svid):
    answer = verdict(tool, "--chain", svid, "--trust-domain", f"example.org={domain.bundle}")
    assert answer["identity"]["spiffe_id"] == "spiffe://example.org/service"
    assert answer["identity"]["trust_domain"] == "example.org"


def test_a_trust_domain_is_bound_to_its_own_bundle(tool, domain, federated, svid):
    own, foreign = f"example.org={domain.bundle}", f"federated.test={federated.bundle}"
    assert reason(tool, "--chain", svid, "--trust-domain", own, "--trust-domain", foreign) == "VALID"
    assert reason(tool, "--chain", svid, "--trust-domain", foreign) == "TD-NO-BUNDLE"
    assert reason(tool, "--chain", svid, "--trust-domain", f"example.org={federated.bundle}") in ("TD-BINDING", "UNKNOWN-CA", "SIGNATURE")
    # Signed by the other domain's authority, whose bundle is known too.
    stray = federated.issue("stray", "--spiffe-id", "spiffe://example.org/service")
    assert reason(tool, "--chain", stray, "--trust-domain", own, "--trust-domain", foreign) == "TD-BINDING"


def test_profile(tool, ca, leaf, domain, svid):
    bundle = f"example.org={domain.bundle}"
    # (chain, options) -> verdict; the profile is chosen by the leaf unless it is named
    table = [
        (leaf, ["--ca", ca.ca, "--trust-domain", bundle], "VALID"),
        (leaf, ["--ca", ca.ca, "--trust-domain", bundle, "--profile", "spiffe"], "ID-SCHEME"),
        (leaf, ["--trust-domain", bundle], "ID-SCHEME"),
        (svid, ["--ca", ca.ca, "--trust-domain", bundle], "VALID"),
        (svid, ["--ca", ca.ca, "--trust-domain", bundle, "--profile", "x509"], "UNKNOWN-CA"),
        (svid, ["--ca", domain.ca, "--profile", "x509"], "VALID"),
        (svid, ["--ca", domain.ca, "--profile", "spiffe"], "TD-NO-BUNDLE"),
    ]
    for chain, options, wanted in table:
        assert reason(tool, "--chain", chain, *options) == wanted, (chain.name, options)


@pytest.mark.parametrize(
    "options, wanted",
    [
        (["--spiffe-id", "spiffe://example.org/a"], "VALID"),
        ([], "URI-NONE"),
        (["--uri", "spiffe://example.org/a", "--uri", "spiffe://example.org/a"], "URI-MANY"),
        (["--uri", "https://example.org/a"], "ID-SCHEME"),
        (["--uri", "spiffe://example.org"], "ID-ROOT-PATH"),
        (["--uri", "spiffe://Example.org/a"], "ID-TD"),
        (["--uri", "spiffe://example.org/a?"], "ID-QUERY"),
        (["--uri", "spiffe://example.org/a", "--client"], "LEAF-EKU"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_svid_rules(tool, domain, request, options, wanted):
    chain = domain.issue(f"case-{abs(hash(str(options)))}", *options)
    found = reason(tool, "--chain", chain, "--trust-domain", f"example.org={domain.bundle}", "--profile", "spiffe")
    assert found == wanted


def test_revocation_of_an_svid(tool, make_pki):
    domain = make_pki("--trust-domain", "example.org")
    chain = domain.issue("svid", "--spiffe-id", "spiffe://example.org/a")
    bundle = f"example.org={domain.bundle}"
    tool.must("pki", "revoke", domain.path)
    assert reason(tool, "--chain", chain, "--trust-domain", bundle, "--crl", domain.crl) == "VALID"
    tool.must("pki", "revoke", domain.path, "svid")
    assert reason(tool, "--chain", chain, "--trust-domain", bundle, "--crl", domain.crl) == "REVOKED"


@pytest.mark.parametrize("case", ["no chain file", "chain without PEM", "no CA file", "CA is garbage", "no bundle file",
                                  "bundle is garbage", "no NAME=BUNDLE", "bad trust domain", "trust domain twice", "CRL is garbage"])
def test_unreadable_input(tool, tmp_path, ca, leaf, domain, case):
    garbage = tmp_path / "garbage"
    garbage.write_bytes(b"\x00\x01nothing")
    missing = tmp_path / "missing"
    good = f"example.org={domain.bundle}"
    arguments = {
        "no chain file": ["--chain", missing, "--ca", ca.ca],
        "chain without PEM": ["--chain", garbage, "--ca", ca.ca],
        "no CA file": ["--chain", leaf, "--ca", missing],
        "CA is garbage": ["--chain", leaf, "--ca", garbage],
        "no bundle file": ["--chain", leaf, "--trust-domain", f"example.org={missing}"],
        "bundle is garbage": ["--chain", leaf, "--trust-domain", f"example.org={garbage}"],
        "no NAME=BUNDLE": ["--chain", leaf, "--trust-domain", "example.org"],
        "bad trust domain": ["--chain", leaf, "--trust-domain", f"Example.org={domain.bundle}"],
        "trust domain twice": ["--chain", leaf, "--trust-domain", good, "--trust-domain", good],
        "CRL is garbage": ["--chain", leaf, "--ca", ca.ca, "--crl", garbage],
    }[case]
    done = tool("verify", *arguments)
    assert done.status == 2
    assert done.out == ""
    assert done.err.startswith("clickhouse-mtls: ")


def test_openssl_agrees_on_the_pair(ca, leaf):
    done = subprocess.run(["openssl", "verify", "-CAfile", ca.ca, leaf], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
