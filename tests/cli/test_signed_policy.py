"""Signed rules, bundles and revocation lists, signed by the real minisign."""

import shutil
import subprocess
from pathlib import Path

import pytest

SERVER = """<clickhouse>
    <tcp_port_secure>9440</tcp_port_secure>
    <openSSL><server>
        <certificateFile>{pki}/server.pem</certificateFile>
        <privateKeyFile>{pki}/server.key</privateKeyFile>
        <caConfig>{pki}/ca.pem</caConfig>
    </server></openSSL>
    <mtls>
        <trust_domains><trust_domain><name>example.org</name><bundle>{dir}/bundle.json</bundle></trust_domain></trust_domains>
        <crl>{dir}/lists</crl>
        <users><rules_file>{dir}/rules.txt</rules_file></users>
        <signed_policy>
            <public_key>{key}</public_key>
            <require>rules</require><require>bundles</require><require>crls</require>
            <state_file>{dir}/state</state_file>
        </signed_policy>
    </mtls>
</clickhouse>
"""

FILES = ("rules.txt", "bundle.json", "lists/crl.pem")


class Signer:
    def __init__(self, directory):
        self.public, self.secret = directory / "key.pub", directory / "key"
        # -W: no password for the secret key
        subprocess.run(["minisign", "-G", "-W", "-p", self.public, "-s", self.secret], check=True, capture_output=True)

    def sign(self, path, comment, *options):
        subprocess.run(["minisign", "-S", *options, "-s", self.secret, "-t", comment, "-m", path], check=True, capture_output=True)


@pytest.fixture(scope="module")
def pki(make_pki):
    pki = make_pki("--trust-domain", "example.org")
    pki.issue("server", "--server", "--dns", "localhost")
    pki.issue("mallory", "--client", "--cn", "mallory")
    pki.tool.must("pki", "revoke", pki.path, "mallory")
    return pki


@pytest.fixture
def signer(tmp_path):
    return Signer(tmp_path)


@pytest.fixture
def config(tmp_path, pki, signer):
    (tmp_path / "lists").mkdir()
    (tmp_path / "rules.txt").write_text("reports: dns=*.reports.example -> reports\n")
    shutil.copy(pki.bundle, tmp_path / "bundle.json")
    shutil.copy(pki.crl, tmp_path / "lists")
    for name in FILES:
        signer.sign(tmp_path / name, f"sequence:1 file:{Path(name).name}")
    path = tmp_path / "config.xml"
    path.write_text(SERVER.format(pki=pki.path, dir=tmp_path, key=signer.public))
    return path


def findings(tool, config):
    answer = tool("check", "--config", config, "--json").object()
    assert answer["ok"] == (not answer["findings"])
    return answer["findings"]


def test_what_minisign_signs_is_taken(tool, config, signer):
    assert not findings(tool, config)
    # The key as text, instead of its file.
    line = signer.public.read_text().splitlines()[1]
    config.write_text(config.read_text().replace(str(signer.public), line))
    assert not findings(tool, config)


def test_every_file_that_is_not_signed_is_a_finding(tool, config, tmp_path):
    for name in FILES:
        (tmp_path / f"{name}.minisig").unlink()
    found = findings(tool, config)
    assert sorted(finding["field"] for finding in found) == [
        "mtls.crl", "mtls.trust_domains.trust_domain[0].bundle", "mtls.users.rules_file"]
    assert all("has to be signed" in finding["reason"] and "minisign -S" in finding["remedy"] for finding in found)


def test_changed_and_wrongly_signed_files_are_findings(tool, config, signer, tmp_path):
    rules = tmp_path / "rules.txt"
    rules.write_text("reports: dns=*.example -> root\n")
    [finding] = findings(tool, config)
    assert "does not fit the file" in finding["reason"]
    signer.sign(rules, "sequence:2", "-l")
    [finding] = findings(tool, config)
    assert "older kind" in finding["reason"]
    signer.sign(rules, "no number")
    [finding] = findings(tool, config)
    assert "no sequence:N" in finding["reason"]
    (tmp_path / "other").mkdir()
    Signer(tmp_path / "other").sign(rules, "sequence:2")
    [finding] = findings(tool, config)
    assert "not trusted here" in finding["reason"]
    signer.sign(rules, "sequence:2")
    assert not findings(tool, config)


def test_an_older_one_than_the_server_remembers_is_a_finding(tool, config, signer, tmp_path):
    rules = tmp_path / "rules.txt"
    (tmp_path / "state").write_text(f"clickhouse-mtls sequences 1\n7 {'0' * 64} {rules}\nend 1\n")
    [finding] = findings(tool, config)
    assert "sequence 1 is older than 7" in finding["reason"]
    signer.sign(rules, "sequence:8")
    assert not findings(tool, config)
    assert "7 " in (tmp_path / "state").read_text(), "check must not write"
    (tmp_path / "state").write_text("")
    [finding] = findings(tool, config)
    assert finding["field"] == "mtls.signed_policy.state_file" and "damaged" in finding["reason"]


def test_a_directory_that_the_server_could_not_write_its_state_into_is_a_finding(tool, config, tmp_path):
    config.write_text(config.read_text().replace(f"{tmp_path}/state<", f"{tmp_path}/missing/state<"))
    [finding] = findings(tool, config)
    assert finding["file"] == f"{tmp_path}/missing/state" and finding["field"] == "mtls.signed_policy.state_file"
    assert f"no directory {tmp_path}/missing" in finding["reason"]
    (tmp_path / "missing").mkdir()
    assert not findings(tool, config)
