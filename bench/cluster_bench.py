"""What mutual TLS between nodes costs: two patched nodes with node rules against two stock ones with strict TLS, taking turns.

usage: cluster_bench.py BUILD [ROUNDS]

One line of JSON per figure: ratio = patched / stock, the median of the rounds; 1 is "as fast as stock".
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "integration/tests"))

from lib.pki import Authority  # noqa: E402
from lib.server import Config, Server, user  # noqa: E402
from lib.wait import eventually  # noqa: E402
from lib.zookeeper import ZooKeeper  # noqa: E402

STOCK = Path("/usr/sbin/clickhouse-server")
ROWS = 12_000_000
SMALL_QUERIES = 200
NODES = """<nodes><rule><name>nodes</name><common_name>node</common_name></rule>
<acts_as><user>default</user></acts_as><plaintext>allow</plaintext></nodes>"""


class Pair:
    """Two nodes: a distributed table on the first reads from the second, which is also its replica."""

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
        for number, node in enumerate(self.nodes):
            node.write_config(
                extra=f"""<interserver_https_host>localhost</interserver_https_host>
<remote_servers><far><shard><replica><host>localhost</host><port>{self.nodes[1].ports['tcp_port_secure']}</port><secure>1</secure>
</replica></shard></far></remote_servers>
<zookeeper><node><host>127.0.0.1</host><port>{zookeeper.port}</port></node></zookeeper>
<macros><replica>{number}</replica></macros>
<part_log><database>system</database><table>part_log</table><flush_interval_milliseconds>100</flush_interval_milliseconds></part_log>"""
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
        for node in self.nodes:
            node.admin(
                f"CREATE TABLE copied (d Date, x UInt64) ENGINE = ReplicatedMergeTree('/{self.name}/copied', '{{replica}}', d, x, 8192)"
            )

    def read_rows(self, _round):
        """Seconds to read all rows of the other node."""
        return timed(lambda: self.nodes[0].admin("SELECT x FROM far FORMAT Null"))

    def small_queries(self, _round):
        """Seconds for many small queries of the other node, over a connection that is kept."""

        def ask():
            for _ in range(SMALL_QUERIES):
                assert self.nodes[0].admin("SELECT count() FROM one") == "1"

        return timed(ask)

    def fetch_part(self, number):
        """Seconds that the replica takes to fetch one large part, as its part_log has it."""
        first, second = self.nodes
        day = f"2020-{number + 1:02}-01"
        first.admin(f"INSERT INTO copied SELECT toDate('{day}'), intHash64(number) FROM numbers({ROWS})")
        query = (
            "SELECT sum(duration_ms) FROM system.part_log WHERE event_type = 'DOWNLOAD_PART' "
            f"AND part_name LIKE '{day.replace('-', '')}%'"
        )

        def fetched():
            count = second.admin(f"SELECT count() FROM copied WHERE d = '{day}'")
            logged = second.admin("EXISTS TABLE system.part_log") == "1"  # made when it first has something to hold
            return int(second.admin(query)) if logged and int(count) == ROWS else 0

        return eventually(fetched, within=60, what="the part") / 1000

    def stop(self):
        for node in self.nodes:
            node.stop()


def timed(action):
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def main(build, rounds=7):
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        patched = directory / "clickhouse-server"
        subprocess.run(
            [ROOT / "integration/debian/patch-server", "--adapter", Path(build).resolve() / "libclickhouse_mtls_debian.so",
             "--output", patched],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        ca = Authority(directory / "pki", "Bench CA")
        zookeeper = ZooKeeper(directory / "zookeeper")
        stock = Pair("stock", STOCK, None, directory, ca, zookeeper)
        ours = Pair("patched", patched, NODES, directory, ca, zookeeper)
        try:
            zookeeper.launch()
            zookeeper.wait()
            for pair in (stock, ours):
                pair.start()
            for figure in ("read_rows", "small_queries", "fetch_part"):
                seconds = {stock: [], ours: []}
                for number in range(rounds):
                    for pair in (stock, ours) if number % 2 else (ours, stock):
                        seconds[pair].append(getattr(pair, figure)(number))
                ratio = statistics.median(seconds[stock]) / statistics.median(seconds[ours])
                shown = {pair.name: [round(each, 4) for each in seconds[pair]] for pair in (stock, ours)}
                print(json.dumps({"figure": f"between nodes: {figure}", "ratio": round(ratio, 3), "seconds": shown}), flush=True)
        finally:
            for pair in (stock, ours):
                pair.stop()
            zookeeper.stop()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:3]))
