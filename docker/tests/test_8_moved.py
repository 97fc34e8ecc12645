"""A node that comes back under another address. Last, since a cluster that has been through this is not like new."""

from lib.cluster import command
from lib.evidence import said
from lib.wait import eventually


def test_a_moved_node_is_found_by_name(cluster, evidence):
    """ch2 gets another address, and somebody else has its former one: within the lookup interval every cluster knows the new address
    without a command, and ch2 is believed there because of its certificate."""
    former = cluster.address("ch2")
    known = "SELECT host_address FROM system.clusters WHERE cluster = 'cluster' AND host_name = 'ch2'"
    assert cluster.query(known, "ch3") == former
    since = cluster.now()
    command("docker", "network", "disconnect", cluster.network, cluster.id("ch2"))
    others = []
    try:
        # Somebody else gets the address meanwhile; Docker gives the lowest that is free.
        while former not in [address for _, address in others]:
            assert len(others) < 8, others
            others.append(stranger(cluster))
        command("docker", "network", "connect", "--alias", "ch2", cluster.network, cluster.id("ch2"))
        moved = cluster.address("ch2")
        assert moved != former
        evidence("ch2's address before and after", f"{former}, {moved}")
        for node in ("ch1", "ch3"):
            evidence(f"{node}'s log", said(cluster.log_line(node, since, "event=dns", "host=ch2", "decision=moved")))
            eventually(lambda node=node: cluster.query(known, node) == moved, 30, f"ch2's new address on {node}", pause=0.3)
        cluster.healthy("ch2")

        # Which replica of the first shard ch3 asks first is chance: until it was ch2.
        answers = set()

        def on_ch2():
            answers.add(cluster.client("SELECT count() FROM all_events", "ch3", check=False).returncode)
            return cluster.found("ch3", since, "decision=accepted", f"remote={moved}:9440", "expected_name=ch2")

        evidence("ch3 on ch2's certificate", said(eventually(on_ch2, 60, "ch3 asking ch2")))
        assert answers == {0}
    finally:
        command("docker", "rm", "--force", *[container for container, _ in others])


def stranger(cluster):
    """(container, address) of a host that has nothing to do with the cluster."""
    container = command(
        "docker", "run", "--detach", "--rm", "--label", f"com.docker.compose.project={cluster.project}",
        "--network", cluster.network, "debian:bookworm-slim", "sleep", "600",
    ).stdout.strip()  # fmt: skip
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    return container, command("docker", "inspect", "--format", form, container).stdout.strip()
