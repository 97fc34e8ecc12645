"""Packages made once from the build that CHMTLS_BUILD names (default: build/), a bare root, and that root with the packages installed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from machine import Machine, completed, in_root

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CHMTLS_BUILD", ROOT / "build"))
MIRRORS = ["apt-get", "indextargets", "--format", "deb $(SITE) $(RELEASE) main", "Created-By: Packages", "Component: main", "Origin: Debian"]
DAEMONS_STAY_DOWN = 'mkdir -p "$1/usr/sbin"; printf "#!/bin/sh\\nexit 101\\n" >"$1/usr/sbin/policy-rc.d"; chmod 755 "$1/usr/sbin/policy-rc.d"'


def package(output, *words, **more):
    return completed([ROOT / "scripts/package.sh", "--from", BUILD, "--output", output, *words], cwd=ROOT, timeout=1500, **more)


@pytest.fixture(scope="session")
def packages(tmp_path_factory):
    """Our packages, and the repository beside them."""
    output = tmp_path_factory.mktemp("packages") / "out"
    done = package(output, "repository")
    assert done.status == 0, done.out[-4000:]
    return output


@pytest.fixture(scope="session")
def bare(tmp_path_factory):
    """Debian with apt and nothing else that does not have to be there. /proc holds the file system's own directory, so it goes at the end."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for a root of its own in namespaces")
    place = tmp_path_factory.mktemp("bare")
    mirrors = sorted(set(subprocess.run(MIRRORS, capture_output=True, text=True, check=True).stdout.splitlines()))
    (place / "sources").write_text("\n".join(mirrors) + "\n")
    root = place / "root"
    command = ["mmdebstrap", "--quiet", "--variant=apt", "--include=ca-certificates", f"--setup-hook={DAEMONS_STAY_DOWN}"]
    done = completed([*command, "bookworm", root, place / "sources"], timeout=1500)
    assert done.status == 0, done.out[-4000:]
    for file in ("resolv.conf", "hosts"):
        shutil.copy(f"/etc/{file}", root / "etc" / file)
    yield root
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="session")
def installed(bare, packages):
    """The bare root after what a person does: add the signed repository, install by apt."""
    shutil.copytree(packages / "repository", bare / "repository")
    shutil.copy(packages / "repository/clickhouse-mtls.asc", bare / "etc/apt/keyrings/clickhouse-mtls.asc")
    (bare / "etc/apt/sources.list.d/clickhouse-mtls.list").write_text(
        "deb [signed-by=/etc/apt/keyrings/clickhouse-mtls.asc] file:/repository bookworm main\n"
    )
    done = in_root(
        bare,
        "apt-get update -qq && apt-get install -qq --no-install-recommends clickhouse-mtls-server clickhouse-mtls-gateway clickhouse-client"
        " curl dbus iproute2",
    )
    assert done.status == 0, done.out[-4000:]
    return bare


@pytest.fixture
def machine(installed, tmp_path):
    with Machine(installed, tmp_path / "machine") as running:
        yield running
