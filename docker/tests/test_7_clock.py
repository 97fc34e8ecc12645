"""A clock that is wrong on one node."""

import subprocess
from pathlib import Path

import pytest

from lib.evidence import said
from lib.rotation import renew
from lib.wait import eventually


def set_clock(cluster, seconds):
    cluster.setup(f"printf '%s\\n' {seconds} >/authority/clock; place ch3 clock /authority/clock")


@pytest.fixture
def skewed(cluster):
    """skewed(seconds): how far ahead ch3's clock is from now on."""
    library = cluster.config.parent / "clock.so"
    source = Path(__file__).with_name("clock.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, source], check=True, timeout=60)
    set_clock(cluster, 0)
    cluster.make_anew("ch3", more_files=("tests/skewed-clock.yaml",), more_env={"CHMTLS_CLOCK_LIBRARY": str(library)})
    try:
        cluster.healthy("ch3")
        yield lambda seconds: set_clock(cluster, seconds)
    finally:
        cluster.make_anew("ch3")
        renew(cluster, "ch2")
    cluster.healthy("ch3")
    cluster.writable(within=90)


def test_two_hours_ahead(cluster, evidence, skewed):
    """ch3's clock jumps two hours ahead, which ends certificates there that are good for one: bob's, who is refused and whose former
    sessions are closed, and ch2's, whose part the other replica takes. Others, and other nodes, notice nothing. Set back, both
    are as good as before."""
    cluster.setup(
        "clickhouse-mtls pki issue $cluster bob --cn bob --spiffe-id spiffe://cluster.example/user/bob --lifetime 1h --force >/dev/null\n"
        "pair $cluster bob client bob"
    )
    renew(cluster, "ch2", lifetime="1h")

    def bob(host):
        return cluster.client("SELECT 1", host, pair="bob", user="bob", check=False)

    assert bob("ch1").returncode == 0 and bob("ch3").returncode == 0
    everything = cluster.query("SELECT count() FROM all_events")
    since = cluster.now()
    skewed(7200)
    eventually(lambda: bob("ch3").returncode != 0, 30, "bob refused at ch3", pause=0.3)
    assert bob("ch1").returncode == 0
    assert cluster.query("SELECT 1", "ch3") == "1"
    evidence("ch3 on bob", said(cluster.log_line("ch3", since, "decision=refused", "role=client", "TIME", "bob")))
    # Which replica of the first shard ch3 asks first is chance: until it was ch2.
    answers = set()

    def on_ch2():
        done = cluster.client("SELECT count() FROM all_events", "ch3", check=False)
        answers.add(done.stdout.strip() or done.stderr)
        return cluster.found("ch3", since, "decision=refused", "role=server", "expected_name=ch2", "TIME")

    evidence("ch3 on ch2", said(eventually(on_ch2, 60, "ch3 asking ch2")))
    assert answers == {everything}
    since = cluster.now()
    skewed(0)
    eventually(lambda: bob("ch3").returncode == 0, 30, "bob let in again", pause=0.3)
    cluster.run("ch3", "clickhouse-mtls", "dns", "flush")

    def believed():
        cluster.query("SELECT count() FROM all_events", "ch3")
        return any(
            "decision=accepted" in line and "expected_name=ch2" in line for line in cluster.log("ch3", since).splitlines()
        )

    eventually(believed, 30, "ch3 believing ch2 again", pause=0.3)
