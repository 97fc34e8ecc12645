"""The README's quick start, block by block as it stands there, on Debian's packages as they were installed.

It writes to /etc, /usr/local and /var like a person would. So it runs in namespaces of its own, where these are overlays that are gone afterwards.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# What the reader's systemd does in step 6.
START = """
setpriv --reuid=clickhouse --regid=clickhouse --init-groups -- \
    /usr/local/sbin/clickhouse-server-mtls --config=/etc/clickhouse-server/config.xml >/tmp/server.out 2>&1 &
server=$!
until curl --silent --fail http://localhost:8123/ping >/dev/null; do
    kill -0 $server 2>/dev/null || { cat /tmp/server.out /var/log/clickhouse-server/*.log >&2; exit 3; }
    sleep 0.2
done
"""

NAMESPACES = """
set -eu
ip link set lo up
mount --make-rprivate /
for directory in /etc /usr/local /var; do
    mkdir -p "$SCRATCH/upper$directory" "$SCRATCH/work$directory"
    mount -t overlay overlay -o "lowerdir=$directory,upperdir=$SCRATCH/upper$directory,workdir=$SCRATCH/work$directory" "$directory"
done
mount -t tmpfs tmpfs /tmp
rm -rf /etc/clickhouse-server/config.d /etc/clickhouse-server/users.d
exec bash -euo pipefail -c "$STEPS"
"""


def steps():
    """The runnable blocks, and the start of the server where the README has systemd do it."""
    section = (ROOT / "README.md").read_text().split("## Quick start in your own server")[1].split("\n## ")[0]
    blocks = re.findall(r"^   ```(sh|)\n(.*?)^   ```$", section, re.MULTILINE | re.DOTALL)
    assert [kind for kind, _ in blocks].count("") == 1, "one block is systemd's"
    return "\n".join(START if kind == "" else re.sub(r"^   ", "", text, flags=re.MULTILINE) for kind, text in blocks)


def can_overlay(scratch):
    for name in ("upper", "work", "merged"):
        (scratch / name).mkdir()
    options = f"lowerdir=/etc,upperdir={scratch}/upper,workdir={scratch}/work"
    mount = ["mount", "-t", "overlay", "overlay", "-o", options, f"{scratch}/merged"]
    done = subprocess.run(["unshare", "--mount", *mount], capture_output=True, check=False)
    return done.returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for namespaces and overlays")
def test_the_quick_start_works_as_it_stands(tmp_path):
    probe, scratch, home = tmp_path / "probe", tmp_path / "scratch", tmp_path / "home"
    for directory in (probe, scratch, home):
        directory.mkdir()
    if not can_overlay(probe):
        pytest.skip("this kernel mounts no overlay here")
    done = subprocess.run(
        ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c", NAMESPACES],
        cwd=ROOT,
        env={**os.environ, "HOME": str(home), "SCRATCH": str(scratch), "STEPS": steps()},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    shutil.rmtree(scratch, ignore_errors=True)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-6000:]
    assert "hello, native" in done.stdout and "hello, https" in done.stdout
    assert "refused" in said.lower() or "revoked" in said.lower(), said[-3000:]
    assert "generation" in done.stdout, "status says what is in force"
