"""On whose behalf: what a node's own certificate is shown for, and to whom. Three nodes; on each a database `secret`, which nobody of the
users below may use, and one of theirs, `eve`. The exploits are told as an attacker would try them, each beside what is allowed."""

import http.client
import os
import re
import socketserver
import threading
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from lib import clients
from lib.cluster import DOMAIN, NODES, Cluster, files_of
from lib.server import Config, user
from lib.wait import eventually

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="names for these servers alone need root")

PASSWORD = "correct-horse"


def by_certificate(name):
    return f"<ssl_certificates><common_name>{name}</common_name></ssl_certificates>"


OWN_DATABASE = "<allow_databases><database>eve</database></allow_databases>"
PROFILES = "<readonly2><readonly>2</readonly></readonly2>"
USERS = (
    user("default")
    + user("eve", by_certificate("eve"), more=OWN_DATABASE)
    + user("ro2", by_certificate("ro2"), more=OWN_DATABASE, profile="readonly2")
    + user("etl", by_certificate("etl"), more=OWN_DATABASE.replace("</allow_databases>", "<database>secret</database></allow_databases>"))
    + user("bob", f"<password>{PASSWORD}</password>")
    + user("mallory", f"<password>{PASSWORD}</password>", more=OWN_DATABASE)
)
RULES = NODES.replace("<table_functions>", "<table_functions><user>etl</user>")

SECRET = "4711"


class Asker:
    """A user who asks over HTTPS."""

    def __init__(self, cluster, name, pair=None, password=None):
        self.cluster, self.name, self.pair, self.password = cluster, name, pair, password

    def ask(self, node, query):
        """(worked, what was said)"""
        context = clients.tls_context(self.cluster.ca.file, self.pair)
        headers = {"X-ClickHouse-User": self.name}
        headers.update({"X-ClickHouse-Key": self.password} if self.password else clients.ON)
        connection = http.client.HTTPSConnection("localhost", node.ports["https_port"], timeout=60, context=context)
        try:
            connection.request("POST", "/", body=query.encode(), headers=headers)
            answer = connection.getresponse()
            return answer.status == 200, answer.read().decode(errors="replace").strip()
        finally:
            connection.close()

    def must(self, node, query):
        worked, said = self.ask(node, query)
        assert worked, f"{self.name}: {query}: {said}"
        return said


class World:
    def __init__(self, cluster):
        self.cluster = cluster
        self.n1, self.n2, self.n3 = cluster.n1, cluster.n2, cluster.n3
        self.nodes = (self.n1, self.n2, self.n3)
        for name in ("eve", "ro2", "etl"):
            setattr(self, name, Asker(cluster, name, cluster.ca.issue(name, name, client_only=True)))
        self.bob = Asker(cluster, "bob", password=PASSWORD)
        self.mallory = Asker(cluster, "mallory", password=PASSWORD)

    def prepare(self):
        for node in self.nodes:
            for query in (
                "CREATE DATABASE secret",
                "CREATE DATABASE eve",
                "CREATE TABLE secret.t (x UInt64) ENGINE = Memory",
                f"INSERT INTO secret.t VALUES ({SECRET})",
                "CREATE TABLE eve.own (x UInt64) ENGINE = Memory",
                "CREATE TABLE eve.replace (x UInt64) ENGINE = Memory",
                "INSERT INTO eve.own VALUES (1)",
            ):
                node.server.admin(query)
        for node in (self.n1, self.n2):
            node.server.admin("CREATE TABLE secret.r (x UInt64) ENGINE = ReplicatedMergeTree('/t/secret-r', '{replica}') ORDER BY x")
        self.n1.server.admin("CREATE TABLE secret.m (x UInt64) ENGINE = ReplicatedMergeTree('/t/n1-secret', '{replica}') ORDER BY x")
        self.n2.server.admin(f"INSERT INTO secret.r VALUES ({SECRET})")
        eventually(lambda: self.n1.server.admin("SELECT count() FROM secret.r") == "1", what="the part that n1 fetches")

    def near(self, node):
        """Its native port, as statements name it."""
        return f"{node.host}:{node.ports['tcp_port_secure']}"


@pytest.fixture(scope="module")
def world(patched, tmp_path_factory):
    cluster = Cluster(patched, tmp_path_factory.mktemp("behalf"), USERS, PROFILES)
    try:
        made = World(cluster)
        for node in made.nodes:
            node.rules = RULES
        cluster.start(made.nodes)
        made.prepare()
        yield made
    finally:
        cluster.stop()


class Watch:
    """What a node's log says of peers with n1's certificate, from now on."""

    def __init__(self, world, node):
        self.world, self.node, self.offset = world, node, len(node.server.log())

    def of_n1(self, *listeners):
        """Replicas fetch parts all the while, so the interserver port is looked at only when asked for."""
        listeners = listeners or ("tcp_port_secure", "https_port")
        wanted = [f"role=client listener={listener} " for listener in listeners]
        lines = self.node.server.log()[self.offset :].splitlines()
        return [line for line in lines if f"spiffe://{DOMAIN}/node/n1" in line and any(part in line for part in wanted)]


# ---- statements that name a host ----

REMOTE = "remote('{n2}', secret, t)"
# What a user can write to have n1 connect to a host of their choice by the native protocol. `{n2}` is that host.
STATEMENTS = {
    "remote": f"SELECT x FROM {REMOTE}",
    "remote, database and table as one": "SELECT x FROM remote('{n2}', secret.t)",
    "remote, as default": "SELECT x FROM remote('{n2}', secret, t, 'default')",
    "remote, as default without a password": "SELECT x FROM remote('{n2}', secret, t, 'default', '')",
    "remote, one of several": "SELECT x FROM remote('{{n2}}|{{n2}}', secret, t)".replace("{{n2}}", "{n2}"),
    "remote, a range of shards": "SELECT x FROM remote('n{{2..2}}.test:{port}', secret, t)",
    "remote, described": f"DESCRIBE TABLE {REMOTE}",
    "remote, in a subquery": f"SELECT x FROM eve.own WHERE x NOT IN (SELECT x FROM {REMOTE})",
    "remote, joined": f"SELECT x FROM eve.own ANY LEFT JOIN (SELECT x FROM {REMOTE}) USING x",
    "remote, prefer_localhost and parallel replicas": f"SELECT x FROM {REMOTE} SETTINGS max_parallel_replicas = 2",
    "hasColumnInTable": "SELECT hasColumnInTable('{n2}', 'secret', 't', 'x')",
    "hasColumnInTable, as default": "SELECT hasColumnInTable('{n2}', 'default', 'secret', 't', 'x')",
}
# The same for who may write.
WRITING = {
    "INSERT into remote": "INSERT INTO FUNCTION remote('{n2}', secret, t) VALUES (666)",
    "INSERT into remote, selected": "INSERT INTO FUNCTION remote('{n2}', secret, t) SELECT x FROM eve.own",
    "a table that is filled": f"CREATE TABLE eve.taken{{number}} ENGINE = Memory AS SELECT x FROM {REMOTE}",
    "a view": f"CREATE VIEW eve.seen{{number}} AS SELECT x FROM {REMOTE}; SELECT x FROM eve.seen{{number}}",
    "a materialized view that writes": "CREATE TABLE eve.source{number} (x UInt64) ENGINE = Memory; "
    "CREATE MATERIALIZED VIEW eve.pulls{number} ENGINE = Memory AS SELECT x FROM eve.source{number} WHERE x NOT IN "
    f"(SELECT x FROM {REMOTE}); INSERT INTO eve.source{{number}} VALUES (5)",
    "INSERT … SELECT": f"INSERT INTO eve.own SELECT x FROM {REMOTE}",
}


def written(world, statement, number):
    port = world.n2.ports["tcp_port_secure"]
    return [each.strip() for each in statement.format(n2=world.near(world.n2), port=port, number=number).split(";")]


def ask_all(asker, node, queries):
    """The first that does not work, or the last."""
    for query in queries:
        worked, said = asker.ask(node, query)
        if not worked:
            break
    return worked, said


ASKED = [(who, name) for who in ("eve", "ro2", "mallory") for name in STATEMENTS]
ASKED += [(who, name) for who in ("eve", "mallory") for name in WRITING]


@pytest.mark.parametrize(("who", "statement"), ASKED)
def test_a_statement_does_not_show_the_nodes_certificate(world, who, statement):
    watch = Watch(world, world.n2)
    queries = written(world, {**STATEMENTS, **WRITING}[statement], f"_{who}")
    worked, said = ask_all(getattr(world, who), world.n1, queries)
    assert not worked and SECRET not in said
    assert watch.of_n1() == []
    assert world.n2.server.admin("SELECT groupArray(x) FROM secret.t WHERE x != 777") == f"[{SECRET}]"


@pytest.mark.parametrize("statement", [*STATEMENTS, *(name for name in WRITING if not name.startswith("INSERT into"))])
def test_who_is_allowed_by_name_shows_it(world, statement):
    watch = Watch(world, world.n2)
    worked, said = ask_all(world.etl, world.n1, written(world, {**STATEMENTS, **WRITING}[statement], "_etl"))
    assert worked, said
    eventually(watch.of_n1, what="the node's certificate")


def test_who_is_allowed_by_name_may_write(world):
    world.etl.must(world.n1, f"INSERT INTO FUNCTION remote('{world.near(world.n2)}', secret, t) VALUES (777)")
    eventually(lambda: world.n2.server.admin("SELECT count() FROM secret.t WHERE x = 777") == "1", what="the row")


def test_the_list_is_live(world):
    query = f"SELECT count() FROM {REMOTE.format(n2=world.near(world.n2))}"
    assert world.etl.ask(world.n1, query)[0]
    world.n1.configure(nodes=RULES.replace("<user>etl</user>", ""))
    try:
        eventually(lambda: not world.etl.ask(world.n1, query)[0], what="a list without etl")
    finally:
        world.n1.configure(nodes=RULES)
    eventually(lambda: world.etl.ask(world.n1, query)[0], what="etl on the list")


def test_with_user_and_password_it_is_an_ordinary_login(world):
    watch = Watch(world, world.n2)
    own = f"SELECT x FROM remote('{world.near(world.n2)}', eve, own, '{{}}', '{PASSWORD}')"
    for asker in (world.eve, world.ro2, world.mallory):
        assert world.n1.server and asker.must(world.n1, own.format("bob")).startswith("1")
        assert asker.must(world.n1, own.format("mallory")).startswith("1")
        # Who it is there decides what may be read there.
        worked, said = asker.ask(world.n1, f"SELECT x FROM remote('{world.near(world.n2)}', secret, t, 'mallory', '{PASSWORD}')")
        assert not worked and "Access denied" in said, said
        worked, said = asker.ask(world.n1, own.format("bob").replace(PASSWORD, "wrong"))
        assert not worked
    assert watch.of_n1() == []


# ---- what nobody asked for ----


def test_on_cluster_it_is_nobodys_statement(world):
    """18.16 executes it for nobody, so not even for one who was allowed."""
    watch = Watch(world, world.n2)
    remote = REMOTE.format(n2=world.near(world.n2))
    worked, said = world.etl.ask(world.n1, f"CREATE TABLE eve.made ON CLUSTER cluster ENGINE = Memory AS SELECT x FROM {remote}")
    assert not worked, said
    assert watch.of_n1() == []


# ---- what the configuration names ----


def test_configured_clusters_are_reached_as_a_node(world):
    """What the query may do there is for the other side to decide, by who asks."""
    for way, query in {
        "Distributed": "SELECT count() FROM eve.everywhere",
        "cluster()": "SELECT count() FROM cluster(cluster, eve, own)",
        "a cluster's name in remote()": "SELECT count() FROM remote(cluster, eve, own)",
    }.items():
        if way == "Distributed":
            world.eve.must(world.n1, "CREATE TABLE eve.everywhere AS eve.own ENGINE = Distributed(cluster, eve, own)")
        watch = Watch(world, world.n3)
        worked, said = world.eve.ask(world.n1, query)
        if worked:
            eventually(watch.of_n1, what=f"the node, for {way}")
            break  # the connections are pooled from now on
        assert "node" not in said or "default" in said, said


# ---- what is said to HTTP servers ----


def split_request(world, port, header):
    """The old trick: a URI that ends the request line itself."""
    query = f"https://{world.n2.host}:{world.n2.ports[port]}/?query=SELECT%201 HTTP/1.1\\r\\n{header}\\r\\nX-Pad: "
    return f"SELECT x FROM url('{query}', TSV, 'x String')"


LOGIN = "X-ClickHouse-SSL-Certificate-Auth: on\\r\\nX-ClickHouse-User: default"


@pytest.mark.parametrize("who", ["eve", "ro2", "etl", "mallory"])
def test_a_uri_is_not_a_request_of_its_own(world, who):
    watch = Watch(world, world.n2)
    second = LOGIN + "\\r\\n\\r\\nPOST /?query=CREATE%20TABLE%20secret.made%20(x%20UInt8)%20ENGINE=Memory HTTP/1.1"
    for header in (LOGIN, second):
        worked, said = getattr(world, who).ask(world.n1, split_request(world, "https_port", header))
        assert not worked and "control character" in said, said
        assert SECRET not in said
    assert "SELECT 1" not in world.n2.server.log()[watch.offset :]
    assert world.n2.server.admin("EXISTS TABLE secret.made") == "0"


def test_a_uri_without_such_characters_is_asked(world):
    parameters = urlencode({"user": "mallory", "password": PASSWORD, "query": "SELECT 'as\r\never'"}, quote_via=quote)
    url = f"https://{world.n2.host}:{world.n2.ports['https_port']}/?{parameters}"
    assert world.ro2.must(world.n1, f"SELECT x FROM url('{url}', TSV, 'x String')") == "as\\r\\never"


@pytest.mark.parametrize("setting", ["header", "always"])
def test_url_shows_no_node_where_openssl_client_is_one(world, setting):
    """Where the operator has named the node's certificate in openSSL.client as well; the other side may take certificates unasked."""
    n1, n2, pair = world.n1, world.n2, world.n1.pair
    url = f"https://{n2.host}:{n2.ports['https_port']}/?query=SELECT%20x%20FROM%20secret.t"
    n1.configure(nodes=RULES, client=files_of(pair))
    n2.configure(nodes=f"<certificate_login>{setting}</certificate_login>" + RULES)
    try:
        warning = "openSSL.client: its certificate is matched by rule 'cluster' of mtls.nodes"
        eventually(lambda: warning in n1.server.log(), what="the warning")
        watch = Watch(world, n2)
        for asker in (world.eve, world.ro2, world.etl):
            worked, said = asker.ask(n1, f"SELECT x FROM url('{url}', TSV, 'x UInt64')")
            assert not worked and SECRET not in said
        assert watch.of_n1() == []
    finally:
        n1.configure(nodes=RULES)
        n2.configure(nodes=RULES)


def test_url_gets_no_part_from_the_interserver_port(world):
    # Replicas do: see World.prepare.
    part = world.n2.server.admin("SELECT name FROM system.parts WHERE table = 'r' AND active")
    endpoint = quote("DataPartsExchange:/t/secret-r/replicas/n2", safe="")
    url = f"https://{world.n2.host}:{world.n2.ports['interserver_https_port']}/?endpoint={endpoint}&part={part}&compress=false"
    watch = Watch(world, world.n2)
    for client in (files_of(world.n1.pair), ""):
        world.n1.configure(nodes=RULES, client=client)
        for asker in (world.eve, world.ro2, world.etl):
            worked, said = asker.ask(world.n1, f"SELECT count() FROM url('{url}', RowBinary, 'x UInt8')")
            assert not worked, said
    assert watch.of_n1("interserver_https_port") == []


# ---- paths in Keeper ----

TABLE = "TABLE eve.{name} (x UInt64) ENGINE = ReplicatedMergeTree('{path}', '{replica}') ORDER BY x"


@pytest.mark.parametrize(
    "path",
    ["/t/secret-r", "t/secret-r", "/t/secret-r/", "/t/{replica}-secret", "/t/secret-r/replicas/evil", "/t/secret-r/log/evil", "/t", "/"],
)
def test_a_path_of_another_table_is_not_hers(world, path):
    for asker in (world.eve, world.mallory):
        for verb in ("CREATE", "ATTACH"):
            worked, said = asker.ask(world.n1, f"{verb} {TABLE.format(name='joined', path=path, replica='evil')}")
            assert not worked and "is not " + asker.name + "'s to use" in said, said
    assert world.n1.server.admin("EXISTS TABLE eve.joined") == "0"
    assert world.n1.server.admin("SELECT count() FROM system.zookeeper WHERE path = '/t/secret-r/replicas'") == "2"


def test_a_path_of_her_own_is(world):
    eve, n1, n2 = world.eve, world.n1, world.n2
    for node in (n1, n2):
        eve.must(node, "CREATE " + TABLE.format(name="hers", path="/t/eve-hers", replica=node.name))
    eve.must(n1, "INSERT INTO eve.hers VALUES (8)")
    eventually(lambda: eve.must(n2, "SELECT x FROM eve.hers") == "8", what="her row on the other replica")
    # Detached and attached it is hers as well.
    eve.must(n1, "DETACH TABLE eve.hers")
    eve.must(n1, "ATTACH TABLE eve.hers")
    eve.must(n1, "CREATE " + TABLE.format(name="fetcher", path="/t/eve-fetcher", replica="n1"))
    fetch = "ALTER TABLE eve.fetcher FETCH PARTITION tuple() FROM '{}'"
    worked, said = eve.ask(n1, fetch.format("/t/secret-r"))
    assert not worked and "is not eve's to use" in said, said
    eve.must(n1, fetch.format("/t/eve-hers"))


def test_on_cluster_is_not_the_way_around(world):
    eventually(lambda: "DDLWorker: Waiting a watch" in world.n1.server.log(), what="the DDLWorker's session")
    made = TABLE.format(name="joined", path="/t/secret-r", replica="evil").replace("(x", "ON CLUSTER cluster (x", 1)
    for query in (f"CREATE {made}", f"ATTACH {made}", "ALTER TABLE eve.own ON CLUSTER cluster FETCH PARTITION tuple() FROM '/t/secret-r'"):
        worked, said = world.eve.ask(world.n1, query)
        assert not worked and "ON CLUSTER" in said, said
    assert world.n1.server.admin("SELECT count() FROM system.zookeeper WHERE path = '/t/secret-r/replicas'") == "2"
    world.eve.must(world.n1, "CREATE TABLE eve.harmless ON CLUSTER cluster (x UInt8) ENGINE = Memory")
    for node in world.nodes:
        eventually(lambda node=node: node.server.admin("EXISTS TABLE eve.harmless") == "1", what="her table on each node")


def test_who_may_use_every_database_may_use_every_path(world):
    world.bob.must(world.n3, "CREATE TABLE secret.joined (x UInt64) ENGINE = ReplicatedMergeTree('/t/secret-r', 'n3') ORDER BY x")
    eventually(lambda: world.bob.must(world.n3, "SELECT x FROM secret.joined") == SECRET, what="the row")
    world.bob.must(world.n3, "DROP TABLE secret.joined")
    eventually(
        lambda: world.n1.server.admin("SELECT count() FROM system.zookeeper WHERE path = '/t/secret-r/replicas'") == "2",
        what="a replica that is gone",
    )


# ---- beside the packaged server ----


class Listener(socketserver.ThreadingTCPServer):
    """Notes what is said to it, and answers with one row."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self):
        self.heard = []
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        said = b""
        while b"\r\n\r\n" not in said and (more := self.request.recv(65536)):
            said += more
        self.server.heard.append(said)
        self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n7\n")


@pytest.mark.parametrize("binary", ["stock", "patched"])
def test_beside_the_packaged_server(server_factory, stock, patched, binary):
    """What it writes as it is given, the patched one refuses; everything else is the same."""
    config = Config(mtls="" if binary == "patched" else None, listeners=())
    server = server_factory(config, binary=stock if binary == "stock" else patched).start()
    with Listener() as listener:
        address = f"http://127.0.0.1:{listener.server_address[1]}"
        for target in ("/?query=SELECT%201%0D%0A", "/a%20b?x", "", "/é?ü"):
            assert server.admin(f"SELECT x FROM url('{address}{target}', TSV, 'x UInt8')") == "7", target
        before = len(listener.heard)
        query = f"SELECT x FROM url('{address}/?x HTTP/1.1\\r\\nX-Forged: yes\\r\\nX-Pad: ', TSV, 'x UInt8')"
        if binary == "stock":
            assert server.admin(query) == "7"
            assert b"\r\nX-Forged: yes\r\n" in listener.heard[-1]
        else:
            with pytest.raises(RuntimeError, match="control character"):
                server.admin(query)
            assert b"Forged" not in b"".join(listener.heard[before:])


# ---- what is written down ----


def test_every_table_function_and_engine_is_in_the_documents(world):
    """docs/behalf.md says of each what it dials and what it shows."""
    document = Path(__file__).resolve().parents[2] / "docs" / "behalf.md"
    rows = " ".join(line.split("|")[1] for line in document.read_text().splitlines() if line.startswith("| "))
    named = set(re.findall(r"`([A-Za-z]+)", rows))
    functions = set(world.n1.server.admin("SELECT name FROM system.table_functions").split())
    engines = set(world.n1.server.admin("SELECT name FROM system.table_engines").split())
    assert functions | engines <= named, (functions | engines) - named
