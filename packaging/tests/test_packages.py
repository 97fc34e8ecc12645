"""What is in the packages, and how they are made."""

import hashlib
import json
import shutil
import subprocess

import pytest
from conftest import package
from machine import completed, in_root

OURS = ("clickhouse-mtls", "clickhouse-mtls-server", "clickhouse-mtls-gateway")


def files_of(deb):
    listed = subprocess.run(["dpkg-deb", "--contents", deb], capture_output=True, text=True, check=True).stdout
    return {line.split()[5].lstrip("."): line.split()[0] for line in listed.splitlines()}


def deb(packages, name):
    (found,) = packages.glob(f"{name}_*.deb")
    return found


def test_each_package_has_what_it_is_for(packages):
    lib = "/usr/lib/clickhouse-mtls/"
    tool, server, gateway = (files_of(deb(packages, name)) for name in OURS)
    assert {"/usr/bin/clickhouse-mtls", lib + "libclickhouse_mtls.so", "/usr/share/bash-completion/completions/clickhouse-mtls"} <= tool.keys()
    assert {"/usr/share/man/man1/clickhouse-mtls.1.gz", "/usr/share/man/man1/clickhouse-mtls-pki-issue.1.gz"} <= tool.keys()
    assert {lib + "libclickhouse_mtls_debian.so", lib + "patch-server", lib + "symbols.txt"} <= server.keys()
    assert "/usr/sbin/clickhouse-mtls-patch-server" in server
    assert "/etc/systemd/system/clickhouse-server.service.d/clickhouse-mtls.conf" in server
    assert {"/usr/bin/clickhouse-mtls-gateway", "/lib/systemd/system/clickhouse-mtls-gateway.service"} <= gateway.keys()
    assert not any(mode[5] == "w" or mode[8] == "w" for found in (tool, server, gateway) for mode in found.values() if mode[0] != "l")


def test_stripped_with_the_symbols_apart(packages):
    for name in OURS:
        symbols = files_of(deb(packages, f"{name}-dbgsym"))
        assert any(path.endswith(".debug") for path in symbols)
        assert deb(packages, name).stat().st_size < 5e6


@pytest.mark.skipif(shutil.which("lintian") is None, reason="needs lintian")
def test_lintian_finds_nothing(packages):
    (changes,) = packages.glob("*.changes")
    done = completed(["lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0", changes], timeout=900)
    assert done.status == 0, done.out


def test_the_same_bytes_again_elsewhere_and_at_another_time(packages, tmp_path):
    """`./run package twice` compiles anew as well, which takes as long as a build."""
    odd = tmp_path / "another-place"
    again = package(
        odd / "out",
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TZ": "Pacific/Kiritimati", "LANG": "C", "HOME": "/nonexistent"},
        preexec_fn=lambda: __import__("os").umask(0o077),
    )
    assert again.status == 0, again.out[-4000:]
    made = sorted(file.name for file in (odd / "out").glob("*.deb"))
    assert len(made) == 6
    for name in made:
        assert (packages / name).read_bytes() == (odd / "out" / name).read_bytes(), name
    assert (packages / "clickhouse-mtls.spdx.json").read_bytes() == (odd / "out/clickhouse-mtls.spdx.json").read_bytes()


def test_the_bill_of_materials_names_what_is_there(packages):
    bill = json.loads((packages / "clickhouse-mtls.spdx.json").read_text())
    assert bill["spdxVersion"] == "SPDX-2.3" and bill["dataLicense"] == "CC0-1.0"
    entries = {entry["SPDXID"]: entry for entry in bill["packages"]}
    assert len(entries) == len(bill["packages"])
    for relation in bill["relationships"]:
        assert relation["spdxElementId"] in {*entries, "SPDXRef-DOCUMENT"} and relation["relatedSpdxElement"] in entries
    digests = {entry["packageFileName"]: entry["checksums"][0]["checksumValue"] for entry in entries.values() if "packageFileName" in entry}
    assert digests == {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in packages.glob("*.deb")}
    names = {entry["name"]: entry["versionInfo"] for entry in entries.values()}
    assert {"libssl3", "libpocofoundation80", "libsodium23", "libboost1.74-dev", "clickhouse-server"} <= names.keys()
    assert names["libssl3"].startswith("3.0.")


def test_apt_takes_the_repository_by_its_signature_only(installed):
    """`installed` came from it. One byte more in its index, and apt refuses it."""
    changed = in_root(
        installed,
        "cp -a /repository /changed; cd /changed/dists/bookworm/main/binary-amd64; echo >>Packages; rm Packages.gz\n"
        "cd /tmp; for place in repository changed; do mkdir -p /tmp/lists-$place/partial\n"
        "  echo \"deb [signed-by=/etc/apt/keyrings/clickhouse-mtls.asc] file:/$place bookworm main\" >/tmp/$place.list\n"
        "  apt-get update -o Dir::Etc::sourcelist=/tmp/$place.list -o Dir::Etc::sourceparts=- -o Dir::State::lists=/tmp/lists-$place"
        " --error-on=any >/tmp/said 2>&1 && echo $place taken || { echo $place refused; cat /tmp/said; }\n"
        "done; rm -r /changed",
    ).out
    assert "repository taken" in changed and "changed refused" in changed, changed
