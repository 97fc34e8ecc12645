"""A host that is led to the attacker when it asks for others, and what stands there."""

from pathlib import Path

from lib.wait import eventually


class Misled:
    """Makes hosts believe that names are at the attacker's address; heal() undoes it."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.before = {}

    def __call__(self, victim, *names):
        hosts = Path(self.cluster.inspect(victim, "{{.HostsPath}}"))
        self.before.setdefault(victim, hosts.read_text(encoding="ascii"))
        self.put(victim, f"{self.before[victim]}{self.cluster.address('attacker')}\t{' '.join(names)}\n")

    def put(self, victim, text):
        # In place: what the container has mounted is this file, not its name.
        Path(self.cluster.inspect(victim, "{{.HostsPath}}")).write_text(text, encoding="ascii")
        # Ends the connections to where the names no longer are.
        self.cluster.query("SYSTEM DROP DNS CACHE", victim)

    def heal(self):
        while self.before:
            self.put(*self.before.popitem())


def middle(cluster, what, port, *options):
    """middle.py on the attacker, in the place of a port; finish() says what it saw."""
    return cluster.begin("attacker", "python3", "/tools/middle.py", what, "--listen", str(port), *options)


def terminate(cluster, port, pair):
    """Ends TLS on the attacker with one of its certificates."""
    return middle(cluster, "terminate", port, "--certificate", f"/pki/{pair}.pem", "--key", f"/pki/{pair}.key")


def eventually_refused(cluster, sql, host="ch1"):
    """What the query is told. One that found a connection from before may still be answered."""

    def refused():
        done = cluster.client(sql, host, check=False)
        return done.stderr.strip() if done.returncode != 0 else None

    return eventually(refused, 60, f"a refusal of {sql}", pause=0.3)
