"""Files that are signed where policy is made, which is not on the cluster."""

import subprocess


class Policy:
    """A key of minisign's, and what is signed by it."""

    def __init__(self, cluster, directory):
        self.cluster, self.directory = cluster, directory
        self.minisign("-G", "-W", "-p", directory / "policy.pub", "-s", directory / "policy.key")
        self.key = (directory / "policy.pub").read_text(encoding="ascii").splitlines()[1]

    @staticmethod
    def minisign(*arguments):
        subprocess.run(["minisign", *arguments], check=True, capture_output=True, timeout=30, stdin=subprocess.DEVNULL)

    def section(self, required):
        words = "".join(f"<require>{word}</require>" for word in required)
        return (
            f"<signed_policy><public_key>{self.key}</public_key>{words}"
            "<state_file>/var/lib/clickhouse/sequences</state_file></signed_policy>"
        )

    def publish(self, name, content, sequence, hosts):
        """Signs it, and puts it and its signature on the hosts; the signature first, as what belongs to nothing yet."""
        path = self.directory / name
        path.write_bytes(content)
        comment = f"sequence:{sequence} file:{name}"
        self.minisign("-S", "-H", "-W", "-s", self.directory / "policy.key", "-t", comment, "-m", path)
        for file in (path.with_name(f"{name}.minisig"), path):
            self.cluster.run("setup", "sh", "-euc", "umask 077; cat >/authority/published", content=file.read_bytes())
            for host in hosts:
                self.cluster.setup(f"place {host} {file.name} /authority/published")
