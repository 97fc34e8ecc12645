"""Certificates and authorities are replaced, host by host and step by step, in the ways in which real writers do it."""

import time

from lib.cluster import MEMBERS, NODES
from lib.wait import eventually

# How files come to a host: begin HOST, put HOST NAME FILE (the key before its certificate), commit HOST.
WRITERS = {
    # Each file as a whole.
    "whole": """
begin() { :; }
put() { place "$@"; }
commit() { :; }
""",
    # Each file in place and not at once: for a while a key does not match its certificate, and a file is half there.
    "one by one": """
begin() { umask 077; }
put() {
    head --bytes=400 "$3" >"/hosts/$1/$2"
    sleep 0.3
    tail --bytes=+401 "$3" >>"/hosts/$1/$2"
    sleep 0.6
}
commit() { :; }
""",
    # As Kubernetes does: a directory of one version, a symlink to it that is replaced, and symlinks through that one.
    "swap": """
begin() {
    umask 077
    begin_version "$1"
    for each in "/hosts/$1"/*; do
        [ -L "$each" ] || [ -d "$each" ] || { link_all "$1"; break; }
    done
}
begin_version() {
    version=$(mktemp --directory "/hosts/$1/..XXXXXX")
    for each in "/hosts/$1"/*; do
        [ -d "$each" ] || cp --dereference --preserve=mode "$each" "$version"
    done
}
link_all() { # what other writers left there
    commit "$1"
    for each in "$version"/*; do
        ln --symbolic "..data/${each##*/}" "/hosts/$1/.link"
        mv --no-target-directory "/hosts/$1/.link" "/hosts/$1/${each##*/}"
    done
    begin_version "$1"
}
put() { cp "$3" "$version/$2"; chmod 600 "$version/$2"; }
commit() {
    former=$(readlink "/hosts/$1/..data" || true)
    ln --symbolic "${version##*/}" "/hosts/$1/..next"
    mv --no-target-directory "/hosts/$1/..next" "/hosts/$1/..data"
    [ -z "$former" ] || rm --recursive "/hosts/$1/$former"
}
""",
}


class Rotation:
    """Of the authority `kind`, from the one that issues now to a new one. What a step writes, and when it is in force."""

    def __init__(self, cluster, kind, writer="whole"):
        self.cluster, self.kind, self.writer = cluster, kind, writer
        self.old = cluster.authorities[kind]
        count = cluster.setup(f"ls -d /authority/{kind}* | wc -l").stdout.strip()
        self.new = f"/authority/{kind}{count}"
        # Two authorities of one name are told apart by their keys; except by ZooKeeper, which keeps one of each name.
        named = "'Cluster CA' --trust-domain cluster.example" if kind == "cluster" else f"'Coordination CA {count}'"
        cluster.setup(f"clickhouse-mtls pki init {self.new} --name {named} >/dev/null")

    def script(self, host, step):
        # A client reads its files whenever it connects, and has nobody who looks whether they match.
        writer = self.writer if host in NODES or host in MEMBERS else "swap"
        self.cluster.setup(f"{WRITERS[writer]}\nold={self.old} new={self.new} host={host}\nbegin $host\n{step}\ncommit $host")

    def finish(self):
        """From now on the new one issues."""
        self.cluster.authorities[self.kind] = self.new


class NodesRotation(Rotation):
    """The authority of nodes and users."""

    def __init__(self, cluster, writer="whole"):
        super().__init__(cluster, "cluster", writer)

    def believe(self, host, *authorities):
        """The host believes these ("$old", "$new") and what it believes of the others."""
        files = " ".join(f"{authority}/ca.pem" for authority in authorities)
        script = f"cat {files} >/authority/believed.pem\nput $host ca.pem /authority/believed.pem"
        if host in NODES:
            script += "\ncat /authority/believed.pem $coordination/ca.pem >/authority/servers-believed.pem"
            script += "\nput $host servers-ca.pem /authority/servers-believed.pem"
        begin = time.monotonic()
        self.script(host, script)
        if host in NODES:
            count = len(authorities)
            self.in_force(host, lambda trust: (trust["client_authorities"], trust["server_authorities"]) == (count, count + 1))
        return time.monotonic() - begin

    def in_force(self, host, wanted):
        eventually(lambda: wanted(self.cluster.status(host)["trust"]), 30, f"what {host} is to believe", pause=0.2)

    def issue(self, host, lifetime="30d"):
        """The host's certificate anew, by the new authority."""
        begin = time.monotonic()
        self.script(host, node_leaf("$new", lifetime) if host in NODES else user_leaf("$new", lifetime))
        if host in NODES:
            leaf_in_force(self.cluster, host, "server", "node.pem")
        return time.monotonic() - begin


def node_leaf(authority, lifetime="30d"):
    return f"""
clickhouse-mtls pki issue {authority} $host --cn $host --dns $host --spiffe-id spiffe://cluster.example/node/$host \
    --lifetime {lifetime} --force >/dev/null
put $host node.key {authority}/$host.key
put $host node.pem {authority}/$host.pem
"""


def user_leaf(authority, lifetime="30d"):
    return f"""
clickhouse-mtls pki issue {authority} alice --cn alice --spiffe-id spiffe://cluster.example/user/alice --lifetime {lifetime} \
    --force >/dev/null
put $host alice.key {authority}/alice.key
put $host alice.pem {authority}/alice.pem
"""


def leaf_in_force(cluster, host, role, file):
    """The node presents the certificate that was put there."""
    shown = cluster.setup(f"openssl x509 -in /hosts/{host}/{file} -noout -fingerprint -sha256").stdout
    wanted = shown.strip().split("=")[1].replace(":", "").lower()

    def presented():
        return any(one["role"] == role and one["fingerprint_sha256"] == wanted for one in cluster.status(host)["credentials"])

    eventually(presented, 30, f"{host}'s new certificate", pause=0.2)


def renew(cluster, host, writer="whole", lifetime="30d"):
    """A node's certificate anew, by the authority that issues now."""
    cluster.setup(f"{WRITERS[writer]}\nhost={host}\nbegin $host\n{node_leaf('$cluster', lifetime)}\ncommit $host")
    leaf_in_force(cluster, host, "server", "node.pem")


class ZooKeeperRotation(Rotation):
    """The authority of the ensemble. Members read their files at start only (ZooKeeper 3.8), so each is started again."""

    def __init__(self, cluster, writer="whole"):
        super().__init__(cluster, "coordination", writer)

    def believe(self, host, *authorities):
        files = " ".join(f"{authority}/ca.pem" for authority in authorities)
        if host in MEMBERS:
            self.script(host, f"cat {files} >/authority/believed.pem\nput $host ca.pem /authority/believed.pem")
            return
        self.script(host, f"cat $cluster/ca.pem {files} >/authority/believed.pem\nput $host servers-ca.pem /authority/believed.pem")
        count = len(authorities) + 1

        def believed():
            return self.cluster.status(host)["trust"]["server_authorities"] == count

        eventually(believed, 30, f"{count} authorities of servers on {host}", pause=0.2)

    def issue(self, host):
        if host in MEMBERS:
            self.script(
                host,
                """
clickhouse-mtls pki issue $new $host --cn $host --dns $host >/dev/null
cat $new/$host.key $new/$host.pem >$new/$host.both
put $host zookeeper.pem $new/$host.both
""",
            )
            return
        self.script(
            host,
            """
clickhouse-mtls pki issue $new $host --cn $host --client >/dev/null
put $host keeper.key $new/$host.key
put $host keeper.pem $new/$host.pem
""",
        )
        leaf_in_force(self.cluster, host, "keeper", "keeper.pem")
