"""What mutual TLS between nodes costs: two patched nodes with node rules against two stock ones with strict TLS, taking turns.

usage: cluster_bench.py BUILD [ROUNDS]

One line of JSON per figure: `ratio` = stock / patched of the median time of the rounds, `server_ratio` the same of the processor time of
both nodes; 1 is "as fast as stock".
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "integration/tests"))

from lib.pki import Authority  # noqa: E402
from lib.server import Config, Server, user  # noqa: E402
from lib.zookeeper import ZooKeeper  # noqa: E402
from server_bench import STOCK, cpu_of, patched_server  # noqa: E402

ROWS = 12_000_000
SMALL_QUERIES = 200
NODES = """<nodes><rule><name>nodes</name><common_name>node</common_name></rule>
<acts_as><user>default</user></acts_as><plaintext>allow</plaintext></nodes>"""


class Pair:
    """Two nodes: a distributed table on the first reads from the second, which fetches parts from the first."""

    def __init__(self, name, binary, mtls, directory, ca, zookeeper):
        self.name = name
        pair = ca.issue(f"{name}-node", "node", dns=("localhost",))
        files = (
            f"<certificateFile>{pair.certificate}</certificateFile><privateKeyFile>{pair.key}</privateKeyFile>"
            f"<caConfig>{ca.file}</caConfig><verificationMode>strict</verificationMode>"
            "<invalidCertificateHandler><name>RejectCertificateHandler</name></invalidCertificateHandler>"
        )
        listeners = ("tcp_port_secure", "interserver_https_port")
        self.nodes = [
            Server(binary, directory / f"{name}{number}", Config(files, files, mtls, user("default"), listeners=listeners))
            if mtls is not None
            else Server(
                binary, directory / f"{name}{number}", Config(files, files, None, user("default", "<password/>"), listeners=listeners)
            )
            for number in (1, 2)
        ]
        for node in self.nodes:
            node.write_config(
                extra=f"""<interserver_https_host>localhost</interserver_https_host>
<remote_servers><far><shard><replica><host>localhost</host><port>{self.nodes[1].ports['tcp_port_secure']}</port><secure>1</secure>
</replica></shard></far></remote_servers>
<zookeeper><node><host>127.0.0.1</host><port>{zookeeper.port}</port></node></zookeeper>"""
            )

    def start(self):
        for node in self.nodes:
            node.launch()
        for node in self.nodes:
            node.wait()
        first, second = self.nodes
        second.admin("CREATE TABLE numbers_far (x UInt64) ENGINE = Memory")
        second.admin(f"INSERT INTO numbers_far SELECT intHash64(number) FROM numbers({ROWS})")
        first.admin("CREATE TABLE far (x UInt64) ENGINE = Distributed(far, default, numbers_far)")
        first.admin("CREATE TABLE one AS system.one ENGINE = Distributed(far, system, one)")
        first.admin(f"CREATE TABLE copied (d Date, x UInt64) ENGINE = ReplicatedMergeTree('/{self.name}/copied', 'only', d, x, 8192)")
        first.admin("SYSTEM STOP MERGES")  # every round fetches the same parts
        first.admin(f"INSERT INTO copied SELECT toDate('2020-01-01'), intHash64(number) FROM numbers({ROWS})")

    def measured(self, action):
        """(seconds, processor seconds of both nodes)"""
        cpu, begin = self.cpu(), time.perf_counter()
        action()
        return time.perf_counter() - begin, self.cpu() - cpu

    def cpu(self):
        return sum(cpu_of(node) for node in self.nodes)

    def read_rows(self, _round):
        """What it takes to read all rows of the other node."""
        return self.measured(lambda: self.nodes[0].admin("SELECT x FROM far FORMAT Null"))

    def small_queries(self, _round):
        """What many small queries of the other node, over a connection that is kept, take."""

        def ask():
            for _ in range(SMALL_QUERIES):
                assert self.nodes[0].admin("SELECT count() FROM one") == "1"

        return self.measured(ask)

    def fetch_parts(self, number):
        """What the second takes to fetch some large parts into a table of its own."""
        table = f"fetched_{number}"
        self.nodes[1].admin(
            f"CREATE TABLE {table} (d Date, x UInt64) ENGINE = ReplicatedMergeTree('/{self.name}/{table}', 'only', d, x, 8192)"
        )
        taken = self.measured(lambda: self.nodes[1].admin(f"ALTER TABLE {table} FETCH PARTITION 202001 FROM '/{self.name}/copied'"))
        self.nodes[1].admin(f"DROP TABLE {table}")
        return taken

    def stop(self):
        for node in self.nodes:
            node.stop()


def main(build, rounds=15):
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        patched = patched_server(build, directory)
        ca = Authority(directory / "pki", "Bench CA")
        zookeeper = ZooKeeper(directory / "zookeeper")
        stock = Pair("stock", STOCK, None, directory, ca, zookeeper)
        ours = Pair("patched", patched, NODES, directory, ca, zookeeper)
        try:
            zookeeper.launch()
            zookeeper.wait()
            for pair in (stock, ours):
                pair.start()
            for figure in ("read_rows", "small_queries", "fetch_parts"):
                taken = {stock: [], ours: []}
                for number in range(rounds):
                    for pair in (stock, ours) if number % 2 else (ours, stock):
                        taken[pair].append(getattr(pair, figure)(number))
                medians = {pair: [statistics.median(column) for column in zip(*taken[pair])] for pair in taken}
                print(
                    json.dumps(
                        {
                            "figure": f"between nodes: {figure}",
                            "ratio": round(medians[stock][0] / medians[ours][0], 3),
                            "server_ratio": round(medians[stock][1] / medians[ours][1], 3),
                            "seconds": {pair.name: [round(one[0], 4) for one in taken[pair]] for pair in (stock, ours)},
                        }
                    ),
                    flush=True,
                )
        finally:
            for pair in (stock, ours):
                pair.stop()
            zookeeper.stop()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:3]))
