"""Configurations and state files of older revisions (tests/compat) with the tool of today: docs/compatibility.md."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

FIXTURES = Path(__file__).resolve().parents[1] / "compat" / "before-packages"


@pytest.fixture(scope="module")
def pki(make_pki):
    pki = make_pki("--trust-domain", "cluster.example")
    pki.issue("server", "--server", "--dns", "localhost")
    for name in ("node", "keeper"):
        pki.issue(name, "--spiffe-id", f"spiffe://cluster.example/node/{name}", "--dns", "ch1")
    pki.issue("alice", "--client", "--cn", "alice")
    pki.issue("person", "--spiffe-id", "spiffe://cluster.example/user/alice")
    pki.issue("mallory", "--client", "--cn", "mallory")
    pki.tool.must("pki", "revoke", pki.path)
    (pki.path / "revoked").mkdir()
    shutil.copy(pki.crl, pki.path / "revoked")
    shutil.copy(pki.ca, pki.path / "servers-ca.pem")
    passwords = pki.path / "passwords"
    passwords.touch(0o600)
    passwords.write_text("alice of-the-gateway-alone\n")
    return pki


@pytest.fixture
def config(tmp_path, pki, monkeypatch):
    """A directory with all of the configurations, their places filled in."""
    monkeypatch.setenv("NODE", "ch1")
    monkeypatch.setenv("SHARD", "1")
    for file in (FIXTURES / "config").iterdir():
        (tmp_path / file.name).write_text(file.read_text().replace("@PKI@", str(pki.path)))
    return tmp_path


def errors(tool, *arguments):
    answer = tool("check", "--json", *arguments).object()
    return answer["findings"]


@pytest.mark.parametrize("name", ["quick-start", "cluster", "gateway"])
def test_a_configuration_of_then_is_in_order_now(tool, config, name):
    assert errors(tool, "--config", config / f"{name}.xml") == []
    # Its twin: check does look.
    broken = config / "broken.xml"
    broken.write_text(re.sub(r"(<caConfig>)[^<]*", r"\1/nowhere.pem", (config / f"{name}.xml").read_text()))
    assert errors(tool, "--config", broken) != []


@pytest.mark.parametrize(
    "name, chain, user, granted",
    [
        ("quick-start", "alice", "alice", True),
        ("quick-start", "mallory", "alice", False),
        ("cluster", "person", "alice", True),
        ("cluster", "person", "bob", False),
        ("gateway", "alice", "alice", False),
    ],
)
def test_who_was_let_in_is_let_in(tool, config, pki, name, chain, user, granted):
    where = ["--config", config / f"{name}.xml", "--listener", "https_port", "--user", user]
    done = tool("explain", *where, "--chain", pki.path / f"{chain}.pem", "--json")
    assert done.status == (0 if granted else 1), done.out + done.err


@pytest.mark.skipif(shutil.which("minisign") is None, reason="needs minisign")
def test_the_sequence_numbers_of_then_are_remembered(tool, config, pki, tmp_path):
    policy = tmp_path / "signed"
    shutil.copytree(pki.path, policy, ignore=shutil.ignore_patterns("*.sock"))
    (policy / "rules.txt").write_text("reports: dns=*.reports.example -> reports\n")
    (policy / "lists").mkdir()
    shutil.copy(pki.crl, policy / "lists")
    subprocess.run(["minisign", "-G", "-W", "-p", policy / "policy.pub", "-s", policy / "policy.key"], check=True, capture_output=True)

    def sign(number):
        for file in ("rules.txt", "bundle.json", "lists/crl.pem"):
            comment = f"sequence:{number} file:{Path(file).name}"
            subprocess.run(
                ["minisign", "-S", "-s", policy / "policy.key", "-t", comment, "-m", policy / file], check=True, capture_output=True
            )

    text = (FIXTURES / "config/signed.xml").read_text()
    file = policy / "config.xml"
    file.write_text(text.replace("@PKI@", str(policy)).replace("example.org", "cluster.example"))
    (policy / "state").write_text((FIXTURES / "sequences").read_text().replace("@RULES@", str(policy / "rules.txt")))
    sign(1)
    [finding] = errors(tool, "--config", file)
    assert "sequence 1 is older than 7" in finding["reason"]
    sign(8)
    assert errors(tool, "--config", file) == []


def test_the_index_of_then_knows_what_to_revoke(tool, make_pki):
    pki = make_pki("--name", "Index CA")
    pki.issue("bob", "--client", "--cn", "bob")
    serial = (pki.path / "index.txt").read_text().splitlines()[0].split("\t")[2]
    (pki.path / "index.txt").write_text((FIXTURES / "index.txt").read_text().replace("@SERIAL@", serial))
    tool.must("pki", "revoke", pki.path, "bob")
    said = subprocess.run(["openssl", "crl", "-in", pki.crl, "-noout", "-text"], capture_output=True, text=True, check=True).stdout
    assert serial.upper() in said.replace(":", "").upper()
    assert re.search(r"CRL Number:\s*2\b", said), "numbers go on where they were"
    assert tool("pki", "revoke", pki.path, "nobody").status != 0
