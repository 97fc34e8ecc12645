"""Chapter 7: three nodes and a ZooKeeper that know each other by certificate."""

import subprocess

import wait
from clients import without_stack
from nodes import DOMAIN, PATIENCE, Site

ROWS = 1000


def show(stage, directory):
    report = stage.report
    report.chapter("7. A cluster: two shards, one of them replicated, and a ZooKeeper")
    site = Site(directory, stage.tool, stage.home, stage.server.program, report)
    try:
        play(site, report)
    finally:
        site.stop()


def play(site, report):
    operator = site.home.issue("operator", "--cn", "operator", "--client")
    n1, n2, n3 = (site.add(f"n{number}", f"127.0.0.{10 + number}", f"node/n{number}") for number in (1, 2, 3))
    rogue = site.add("rogue", "127.0.0.19", "somebody/else")
    site.keeper.start()
    for node in (n1, n2, n3):
        node.launch()
    for node in (n1, n2, n3):
        node.wait()
    ask = Asker(site, operator)

    data(ask, report, (n1, n2, n3))
    keeper(site, report, n1)
    strangers(ask, report, n1, rogue, operator)
    plaintext(site, report, n1)
    a_node_moves(ask, report, n1, n3)


class Asker:
    """Queries over HTTPS with curl, as the operator."""

    def __init__(self, site, pair):
        self.site, self.pair = site, pair

    def __call__(self, node, query, quiet=False):
        """(worked, text)"""
        status, text = self.curl(node, self.pair, self.site.https, query, quiet)
        return status == "200", text

    def curl(self, node, pair, port, query, quiet=False, header="X-ClickHouse-User: operator"):
        arguments = ["curl", "--silent", "--show-error", "--max-time", "60", "--tlsv1.2", "--tls-max", "1.2"]
        arguments += ["--cacert", self.site.home.certificate, "--resolve", f"{node.host}:{port}:{node.address}"]
        if pair is not None:
            arguments += ["--cert", pair.certificate, "--key", pair.key, "-H", "X-ClickHouse-SSL-Certificate-Auth: on", "-H", header]
        arguments += ["--write-out", "\n%{http_code}", "--data-binary", query, f"https://{node.host}:{port}/"]
        if not quiet:
            print(f"  {node.name}> {query}", flush=True)
        done = subprocess.run(list(map(str, arguments)), capture_output=True, text=True, errors="replace", check=False, timeout=90)
        body, _, status = done.stdout.rpartition("\n")
        return status, without_stack(body) if done.returncode == 0 else done.stderr.strip()

    def must(self, node, query):
        worked, text = self(node, query)
        if not worked:
            raise RuntimeError(f"{node.name}: {query}: {text}")
        return text

    def until(self, node, query, answer):
        """Seconds until the answer is this one, or None."""
        print(f"  {node.name}> {query}", flush=True)
        return wait.seconds_until(lambda: self(node, query, quiet=True) == (True, answer), PATIENCE)


def data(ask, report, nodes):
    n1, n2, n3 = nodes
    for node in (n1, n2):
        ask.must(node, f"CREATE TABLE local (d Date, x UInt64) ENGINE = ReplicatedMergeTree('/tables/local', '{node.name}', d, x, 8192)")
    ask.must(n3, "CREATE TABLE local (d Date, x UInt64) ENGINE = MergeTree(d, x, 8192)")
    for node in nodes:
        ask.must(node, "CREATE TABLE everything AS local ENGINE = Distributed(cluster, default, local, x)")
    ask.must(n1, f"INSERT INTO everything SELECT toDate('2020-01-01'), number FROM numbers({ROWS})")
    took = ask.until(n3, "SELECT count() FROM everything", str(ROWS))
    report.expect("inserted through n1, read through n3", f"{ROWS} rows" if took is not None else "not all rows", took is not None)
    # Whichever replica was given the rows, both have them in the end.
    shard = str(ROWS - int(ask.must(n3, "SELECT count() FROM local")))
    took = [ask.until(node, "SELECT count() FROM local", shard) for node in (n1, n2)]
    both = None not in took
    report.expect("the replicas n1 and n2 have the same rows", f"{shard} rows each" if both else "other rows", both)
    far = ask(n1, f"SELECT count() FROM remote('n3.{DOMAIN}', default, local)")
    report.expect("remote() is encrypted too, on a server without remoteSecure()", f"{far[1]} rows", far[0])


def keeper(site, report, node):
    line = node.logged("initialized, hosts: secure://")
    report.expect("ZooKeeper is reached over mutual TLS", line.partition("ZooKeeper: ")[2] or "no such line in the log", line)
    line = node.logged("purpose=keeper", "decision=accepted")
    report.expect("and is known by its SPIFFE ID", line.partition("identity=")[2].partition(" ")[0], "spiffe://demo.example/keeper" in line)


def strangers(ask, report, node, rogue, operator):
    """Who has a good certificate and is on no list, both ways; each next to the one who is."""
    rogue.launch()
    rogue.wait()
    worked, text = ask(node, "SELECT count() FROM remote('rogue.demo.example', system, one)")
    report.expect("a rogue node with a certificate of the same CA gets no query", reason(text), not worked and "no node of ours" in text)
    worked, text = ask(rogue, "SELECT count() FROM remote('n1.demo.example', system, one)")
    report.expect("and may not ask one", reason(text), not worked and "somebody/else" in text)
    worked, text = ask(node, "SELECT count() FROM remote('n2.demo.example', system, one)")
    report.expect("its neighbour n2 answers", f"{text} row", worked)
    rogue.stop()

    status, text = ask.curl(node, node.site.nodes["n2"].pair, node.site.interserver, "")
    report.expect("the interserver port speaks HTTP with a node", f"HTTP {status}", status.isdigit() and status != "000")
    for name, pair, words in (("a user's certificate", operator, "CN=operator"), ("the rogue's", rogue.pair, "somebody/else")):
        status, text = ask.curl(node, pair, node.site.interserver, "", quiet=True)
        line = node.logged("NODE-RULE", words)
        report.expect(f"and ends the handshake with {name}", line.partition("message=")[2] or text, status == "000" and line)
    status, text = ask.curl(node, None, node.site.interserver, "", quiet=True)
    report.expect("and with none", text, status == "000")
    status, text = ask.curl(node, node.site.nodes["n2"].pair, node.site.https, "SELECT 1", header="X-ClickHouse-User: operator")
    report.expect("a node's certificate is no user's", text, status != "200" and "never over HTTP" in text)


def reason(text):
    return text.partition("clickhouse-mtls: ")[2] or text


def plaintext(site, report, node):
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", "10", f"http://{node.address}:{site.https}/"],
        capture_output=True,
        text=True,
        check=False,
    )
    report.expect("a plaintext request gets no answer", done.stderr.strip() or done.stdout, done.returncode != 0)
    node.write_config(more="<interserver_http_port>1</interserver_http_port><tcp_port>2</tcp_port><listen_host>::</listen_host>")
    done = site.tool.run("check", "--config", node.config)
    node.write_config()
    told = done.stdout + done.stderr
    report.expect(
        "plaintext ports in the configuration are refused before the start, all in one message",
        " ".join(line.strip() for line in told.splitlines() if "port" in line),
        done.returncode != 0 and "interserver_http_port" in told and "tcp_port" in told,
    )


def a_node_moves(ask, report, n1, n3):
    n3.stop()
    report.say("n3 moves from 127.0.0.13 to 127.0.0.23, and its name with it; nobody tells the others")
    n3.address = "127.0.0.23"
    n3.launch()
    n3.wait()
    took = ask.until(n1, "SELECT count() FROM everything", str(ROWS))
    report.expect("traffic follows without a command", f"after {took:.2f} s" if took is not None else "it does not", took is not None)
