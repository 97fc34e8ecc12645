"""On whose behalf a query from another node runs: with the rights that the user who asked has on the node that is asked, or not at all.

`n1` is where users ask. `other` is asked, alone; `n2` and `n3` are asked with `n1` itself. Every node has the same databases; what a
user may do differs between `n1` and the others.
"""

import os
import uuid

import clickhouse_driver.errors
import pytest
from lib import clients
from lib.cluster import DOMAIN, Cluster
from lib.pki import write
from lib.server import ADMIN_USER
from lib.sessions import INITIAL, SECONDARY, Session
from lib.wait import eventually

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="names for these servers alone need root")

Refused = clickhouse_driver.errors.ServerException

NODES = f"<nodes><rule><name>cluster</name><spiffe_id>spiffe://{DOMAIN}/node/*</spiffe_id></rule>{{}}</nodes>"
ACTS_AS_WORKER = "<acts_as><user>worker</user></acts_as>"

# ErrorCodes of ClickHouse
READONLY, UNKNOWN_USER, REFUSED, ADDRESS, QUOTA, DATABASE = 164, 192, 193, 195, 201, 291


def one(name, networks="127.0.0.1", profile="default", quota="default", databases=("eve",)):
    """A user who logs in by a certificate of that common name."""
    allowed = "".join(f"<database>{database}</database>" for database in databases)
    return (
        f"<{name}><ssl_certificates><common_name>{name}</common_name></ssl_certificates>"
        f"<networks><ip>{networks}</ip></networks><profile>{profile}</profile><quota>{quota}</quota>"
        f"<allow_databases>{allowed}</allow_databases></{name}>"
    )


def users(asked):
    """users.xml of `n1`, or of a node that is asked."""
    here = {
        "eve": one("eve"),
        "ro1": one("ro1", profile="ro1" if asked else "default"),
        "ro2": one("ro2", profile="ro2" if asked else "default"),
        "far": one("far", networks="10.9.8.7" if asked else "127.0.0.1"),
        "counted": one("counted", quota="few" if asked else "default"),
        "stranger": "" if asked else one("stranger"),
        "worker": one("worker", databases=("default", "eve")),
        "bob": "<bob><password>bob-password</password><networks><ip>127.0.0.1</ip></networks>"
        "<profile>default</profile><quota>default</quota></bob>",
        "default": "<default><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default>",
    }
    return f"""<yandex>
<profiles><default></default>
<ro1><readonly>1</readonly><max_threads>3</max_threads></ro1>
<ro2><readonly>2</readonly><max_threads>3</max_threads></ro2></profiles>
<quotas><default></default><few><interval><duration>36000</duration><queries>3</queries><errors>0</errors><result_rows>0</result_rows>
<read_rows>0</read_rows><execution_time>0</execution_time></interval></few></quotas>
<users>{ADMIN_USER}{"".join(here.values())}</users>
</yandex>"""


class World:
    def __init__(self, patched, directory):
        self.cluster = Cluster(patched, directory)
        self.n1, self.other = self.cluster.n1, self.cluster.other
        for node in self.cluster.nodes:
            write(node.server.users_file, users(asked=node is not self.n1).encode())
        self.node = self.cluster.issue("a-node", "a-node.test", "node/a-node")
        self.pairs = {
            name: self.cluster.ca.issue(name, name, client_only=True)
            for name in ("eve", "ro1", "ro2", "far", "counted", "stranger", "worker")
        }

    def start(self):
        self.cluster.zookeeper.start()
        for node in self.cluster.nodes:
            node.configure(nodes=NODES.format("")).server.launch()
        for node in self.cluster.nodes:
            node.server.wait()
        for node in self.cluster.nodes:
            for database in ("eve", "secret"):
                node.server.admin(f"CREATE DATABASE {database}")
                node.server.admin(f"CREATE TABLE {database}.t (x String) ENGINE = Memory")
            node.server.admin("INSERT INTO secret.t VALUES ('secret')")
        for name, of in (("own", "eve"), ("over_secret", "secret")):
            self.ask("eve", f"CREATE TABLE eve.{name} (x String) ENGINE = Distributed(other, {of}, t)")
            self.ask("eve", f"CREATE TABLE eve.{name}_everywhere (x String) ENGINE = Distributed(cluster, {of}, t, rand())")
        self.ask("eve", "CREATE TABLE eve.settings (name String, value String) ENGINE = Distributed(other, system, settings)")
        self.ask("eve", "CREATE TABLE eve.databases (name String) ENGINE = Distributed(other, system, databases)")
        return self

    def session(self, user, node=None, **settings):
        """Of a user, who logs in by certificate, at `n1`."""
        return Session((node or self.n1).server, self.cluster.ca.file, self.pairs[user], user=user, settings=settings)

    def node_session(self, user="default", node=None):
        return Session((node or self.other).server, self.cluster.ca.file, self.node, user=user)

    def ask(self, user, text, rows=None, node=None, **settings):
        with self.session(user, node, **settings) as session:
            return session.query(text, rows)

    def count(self, table, node=None):
        return int((node or self.other).server.admin(f"SELECT count() FROM {table}"))


@pytest.fixture(scope="module")
def world(patched, tmp_path_factory):
    made = World(patched, tmp_path_factory.mktemp("behalf"))
    try:
        yield made.start()
    finally:
        made.cluster.stop()


def refused(code, what):
    """The code with which `what` is refused is this one."""
    with pytest.raises(Refused) as caught:
        what()
    assert caught.value.code == code or f"Code: {code}" in caught.value.message, caught.value.message
    return caught.value.message


def since(node, mark):
    return node.server.log()[mark:]


def audited(node, mark, *words):
    """The one line of the audit on queries, written since, that has all of these words."""

    def look():
        lines = [line for line in since(node, mark).splitlines() if "event=query" in line and all(word in line for word in words)]
        return lines[0] if lines else None

    return eventually(look, what=f"an audit line with {words}")


# ---- SELECT ----


def test_a_query_has_the_rights_of_who_asked(world):
    mark = len(world.other.server.log())
    assert world.ask("eve", "SELECT count() FROM eve.own") == [(world.count("eve.t"),)]
    line = audited(world.other, mark, "decision=granted", "initial_user=eve")
    assert "node/n1" in line and "user=eve" in line and "session_user=default" in line, line
    message = refused(DATABASE, lambda: world.ask("eve", "SELECT * FROM eve.over_secret"))
    assert "secret" in message
    assert world.n1.server.admin("SELECT x FROM eve.over_secret") == "secret", "the administrator may"
    # Directly it is the same.
    refused(DATABASE, lambda: world.ask("eve", "SELECT * FROM secret.t", node=world.other))
    assert world.ask("eve", "SELECT count() FROM eve.t", node=world.other) == [(world.count("eve.t"),)]


def test_on_its_own_shard_as_well(world):
    """A node reaches itself over TLS, as another node."""
    world.ask("eve", "SELECT count() FROM eve.own_everywhere")
    refused(DATABASE, lambda: world.ask("eve", "SELECT * FROM eve.over_secret_everywhere"))
    assert world.n1.server.admin("SELECT count() FROM eve.over_secret_everywhere") == "2"


def test_what_comes_with_a_query_is_read_as_ever(world):
    """Tables of GLOBAL IN follow the query."""
    text = "SELECT count() FROM eve.{} WHERE x GLOBAL IN (SELECT toString(number) FROM numbers(10))"
    world.ask("eve", text.format("own"))
    refused(DATABASE, lambda: world.ask("eve", text.format("over_secret")))
    with world.node_session() as session:
        for _ in range(2):
            refused(DATABASE, lambda: session.query_of("eve", "SELECT * FROM secret.t"))
            assert session.query_of("eve", "SELECT 1") == [(1,)]


def test_a_statement_is_passed_on_to_the_leader_as_who_asked(world):
    n1, n2 = world.n1, world.cluster.n2
    for node in (n1, n2):
        node.server.admin(
            "CREATE TABLE eve.replicated (d Date, x UInt64) ENGINE = ReplicatedMergeTree('/t/replicated', '{replica}', d, x, 8192)"
        )
    mark = {node: len(node.server.log()) for node in (n1, n2)}
    for node in (n1, n2):
        world.ask("eve", "OPTIMIZE TABLE eve.replicated", node=node)
    assert any("initial_user=eve" in since(node, mark[node]) for node in (n1, n2)), "one of them does not lead"
    for node in (n1, n2):
        refused(DATABASE, lambda node=node: world.ask("eve", "OPTIMIZE TABLE secret.t", node=node))


def test_what_the_server_knows_of_the_query(world):
    """Who asked is who runs it; where it came from is the node, and where the asker was stays told."""
    query_id = str(uuid.uuid4())
    with world.node_session() as session:
        said = session.query_of(
            "eve",
            "SELECT user, initial_user, address, initial_address, is_initial_query FROM system.processes "
            f"WHERE query_id = '{query_id}'",
            address="127.0.0.1:4567",
            query_id=query_id,
        )
    assert [(user, initial, first) for user, initial, _, _, first in said] == [("eve", "eve", 0)]
    assert "127.0.0.1" in said[0][2] and said[0][3] in ("127.0.0.1", "::ffff:127.0.0.1")


def test_system_tables_are_those_of_the_asker(world):
    there = world.ask("eve", "SELECT name FROM system.databases ORDER BY name", node=world.other)
    assert world.ask("eve", "SELECT name FROM eve.databases ORDER BY name") == there


def test_an_unknown_asker_is_refused(world):
    world.ask("stranger", "SELECT count() FROM eve.t")
    mark = len(world.other.server.log())
    refused(UNKNOWN_USER, lambda: world.ask("stranger", "SELECT count() FROM eve.own"))
    assert "on behalf of 'stranger'" in since(world.other, mark)


def test_networks_are_judged_by_where_the_asker_was(world):
    refused(ADDRESS, lambda: world.ask("far", "SELECT count() FROM eve.own"))
    with world.node_session() as session:
        session.query_of("far", "SELECT count() FROM eve.t", address="10.9.8.7:5000")
        refused(ADDRESS, lambda: session.query_of("far", "SELECT count() FROM eve.t", address="10.9.8.8:5000"))
        refused(ADDRESS, lambda: session.query_of("far", "SELECT count() FROM eve.t", address="a-name.test:5000"))


def test_quotas_are_the_askers(world):
    for _ in range(3):
        world.ask("counted", "SELECT count() FROM eve.own")
    refused(QUOTA, lambda: [world.ask("counted", "SELECT count() FROM eve.own") for _ in range(3)])
    world.ask("eve", "SELECT count() FROM eve.own")


SETTINGS = {"eve": "7", "ro1": "3", "ro2": "7"}


@pytest.mark.parametrize("user", SETTINGS)
def test_settings_are_changed_as_far_as_the_asker_may(world, user):
    text = "SELECT value FROM eve.settings WHERE name = 'max_threads'"
    assert world.ask(user, text, max_threads=7) == [(SETTINGS[user],)]
    readonly = "SELECT value FROM eve.settings WHERE name = 'readonly'"
    assert world.ask(user, readonly) == [({"eve": "0", "ro1": "1", "ro2": "2"}[user],)]


# ---- INSERT ----


@pytest.mark.parametrize("sync", (1, 0), ids=("at once", "later"))
def test_rows_are_written_as_who_brought_them(world, sync):
    before, secrets = world.count("eve.t"), world.count("secret.t")
    mark = len(world.other.server.log())
    world.ask("eve", "INSERT INTO eve.own VALUES", [("of eve",)], insert_distributed_sync=sync)
    eventually(lambda: world.count("eve.t") == before + 1, what="the row")
    audited(world.other, mark, "decision=granted", "initial_user=eve", "node/n1")

    insert = ("INSERT INTO eve.over_secret VALUES", [("forged",)])
    if sync:
        refused(DATABASE, lambda: world.ask("eve", *insert, insert_distributed_sync=1))
    else:
        mark = len(world.n1.server.log())
        world.ask("eve", *insert, insert_distributed_sync=0)
        eventually(lambda: "Renamed" in since(world.n1, mark) and "broken" in since(world.n1, mark), what="the rows put aside")
    # Hers hold up nobody else's.
    world.n1.server.admin("INSERT INTO eve.over_secret VALUES ('of the administrator')")
    eventually(lambda: world.count("secret.t") == secrets + 1, what="the other row")
    assert world.other.server.admin("SELECT count() FROM secret.t WHERE x = 'forged'") == "0"


@pytest.mark.parametrize("sync", (1, 0), ids=("at once", "later"))
def test_rows_of_a_select_are_written_as_who_asked(world, sync):
    """They are brought by another thread than that of the session."""
    before = world.count("eve.t")
    world.ask("eve", "INSERT INTO eve.own SELECT toString(number) FROM numbers(3)", insert_distributed_sync=sync)
    eventually(lambda: world.count("eve.t") == before + 3, what="the rows")
    if sync:
        refused(
            DATABASE,
            lambda: world.ask("eve", "INSERT INTO eve.over_secret SELECT 'forged' FROM numbers(3)", insert_distributed_sync=1),
        )
    assert world.other.server.admin("SELECT count() FROM secret.t WHERE x = 'forged'") == "0"


def test_rows_through_a_view_are_written_as_who_asked(world):
    world.ask("eve", "CREATE TABLE eve.source (x String) ENGINE = Null")
    world.ask("eve", "CREATE MATERIALIZED VIEW eve.view TO eve.over_secret AS SELECT x FROM eve.source")
    refused(DATABASE, lambda: world.ask("eve", "INSERT INTO eve.source VALUES", [("forged",)], insert_distributed_sync=1))
    world.ask("eve", "DROP TABLE eve.view")
    world.ask("eve", "CREATE MATERIALIZED VIEW eve.view TO eve.own AS SELECT x FROM eve.source")
    before = world.count("eve.t")
    world.ask("eve", "INSERT INTO eve.source VALUES", [("of eve",)], insert_distributed_sync=1)
    eventually(lambda: world.count("eve.t") == before + 1, what="the row")
    assert world.other.server.admin("SELECT count() FROM secret.t WHERE x = 'forged'") == "0"


def test_rows_over_http_are_written_as_who_asked(world):
    before = world.count("eve.t")
    with clients.HttpsConnection(world.n1.server, world.cluster.ca.file, world.pairs["eve"]) as connection:

        def insert(table):
            connection.connection.request(
                "POST",
                f"/?query=INSERT+INTO+eve.{table}+VALUES&insert_distributed_sync=1",
                body="('over http')",
                headers={**clients.ON, "X-ClickHouse-User": "eve"},
            )
            answer = connection.connection.getresponse()
            return answer.status, answer.read().decode()

        status, text = insert("own")
        assert status == 200, text
        status, text = insert("over_secret")
        assert status != 200 and f"Code: {DATABASE}" in text, text
    assert world.count("eve.t") == before + 1


@pytest.mark.parametrize("user", ("ro1", "ro2"))
def test_who_may_only_read_there_writes_nothing_there(world, user):
    before = world.count("eve.t")
    refused(READONLY, lambda: world.ask(user, "INSERT INTO eve.own VALUES", [("x",)], insert_distributed_sync=1))
    world.ask(user, "SELECT count() FROM eve.own")
    assert world.count("eve.t") == before


# ---- without an asker ----


def test_nodes_run_nothing_of_their_own_without_acts_as(world):
    with world.node_session() as session:
        mark = len(world.other.server.log())
        message = refused(REFUSED, lambda: session.query("SELECT 1"))
        assert "acts_as" in message and "node/a-node" in message
        audited(world.other, mark, "decision=refused", "reason=NODE-USER", "node/a-node", "session_user=default")
    for text in ("SHOW PROCESSLIST", "CREATE TABLE default.x (x UInt8) ENGINE = Memory", "SET max_threads = 1", "USE secret"):
        with world.node_session() as session:
            refused(REFUSED, lambda text=text, session=session: session.query(text))
    for said in ("", "e\nve", "e ve\t"):
        with world.node_session() as session:
            with pytest.raises(Refused):
                session.query_of(said, "SELECT 1")
    with world.node_session() as session:
        assert session.query_of("eve", "SELECT 1") == [(1,)]
        with pytest.raises(Refused):
            session.query_of("stranger", "SELECT 1", kind=3)
        # Who is named with a query of the node's own counts for nothing.
        with pytest.raises(Refused):
            session.query_of("eve", "SELECT 1", kind=INITIAL)


def test_acts_as_is_for_work_without_an_asker(world):
    other = world.other
    other.configure(nodes=NODES.format(ACTS_AS_WORKER))
    try:

        def works():
            with world.node_session("worker") as session:
                return session.query("SELECT 1") == [(1,)]

        eventually(lambda: _holds(works), what="acts_as")
        mark = len(other.server.log())
        with world.node_session("worker") as session:
            session.query("SELECT count() FROM eve.t")
            audited(other, mark, "decision=granted", "user=worker", "node/a-node")
            refused(DATABASE, lambda: session.query("SELECT * FROM secret.t"))
        with world.node_session("default") as session:
            refused(REFUSED, lambda: session.query("SELECT 1"))
            assert session.query_of("eve", "SELECT 1") == [(1,)]
        with world.node_session("worker") as session:
            refused(UNKNOWN_USER, lambda: session.query_of("stranger", "SELECT 1"))
    finally:
        other.configure(nodes=NODES.format(""))
    eventually(lambda: not _holds(works), what="no acts_as")


def _holds(condition):
    try:
        return condition()
    except (Refused, clickhouse_driver.errors.Error, EOFError, OSError):
        return False


def test_rows_that_nobody_brought_are_not_sent(world):
    """A Buffer flushes on a thread of its own."""
    n1, other = world.n1, world.other
    world.ask("eve", "CREATE TABLE eve.buffer (x String) ENGINE = Buffer(eve, over_secret, 1, 1, 1, 1, 1000, 1, 1000000)")
    secrets, mark = world.count("secret.t"), len(n1.server.log())
    world.ask("eve", "INSERT INTO eve.buffer VALUES", [("buffered",)])
    eventually(lambda: "unasked_inserts" in since(n1, mark), what="the refusal")
    assert world.count("secret.t") == secrets
    # Where both ends allow it.
    other.configure(nodes=NODES.format("<acts_as><user>default</user></acts_as>"))
    n1.configure(nodes=NODES.format("<unasked_inserts>allow</unasked_inserts>"))
    try:
        eventually(lambda: world.count("secret.t") == secrets + 1, within=60, what="the row")
    finally:
        for node in (n1, other):
            node.configure(nodes=NODES.format(""))
        world.ask("eve", "DROP TABLE eve.buffer")


# ---- who may say who asked ----


def test_a_users_word_counts_for_nothing(world):
    query_id = str(uuid.uuid4())
    mine = f"SELECT user, initial_user, initial_address FROM system.processes WHERE query_id = '{query_id}'"
    mark = len(world.n1.server.log())
    with world.session("eve") as session:
        said = session.query_of("admin", mine, address="10.9.8.7:1", query_id=query_id)
        assert [(user, initial) for user, initial, _ in said] == [("eve", "eve")]
        assert "127.0.0.1" in said[0][2]
        refused(DATABASE, lambda: session.query_of("admin", "SELECT * FROM secret.t"))
        # Nor is it handed on.
        refused(DATABASE, lambda: session.query_of("admin", "SELECT * FROM eve.over_secret"))
        session.query_of("admin", "SELECT count() FROM eve.own")
        # Of a kind that nobody knows.
        said = session.query_of("admin", mine, kind=3, query_id=query_id)
        assert [(user, initial) for user, initial, _ in said] == [("eve", "eve")]
        refused(DATABASE, lambda: session.query_of("admin", "SELECT * FROM eve.over_secret", kind=3))
    line = audited(world.n1, mark, "decision=disregarded", "initial_user=admin")
    assert "session_user=eve" in line and "CN=eve" in line
    with world.session("far") as session:
        refused(ADDRESS, lambda: session.query_of("far", "SELECT count() FROM eve.own", address="10.9.8.7:5000"))
    with Session(world.n1.server, world.cluster.ca.file, user="bob", password="bob-password") as session:
        assert session.query_of("admin", "SELECT 1") == [(1,)]
        for kind in (SECONDARY, 3, 255):
            said = session.query_of("admin", mine, kind=kind, query_id=query_id)
            assert [(user, initial) for user, initial, _ in said] == [("bob", "bob")]


def test_a_node_with_a_password_is_that_user(world):
    query_id = str(uuid.uuid4())
    with Session(world.other.server, world.cluster.ca.file, world.node, user="bob", password="bob-password") as session:
        said = session.query_of(
            "eve", f"SELECT user, initial_user FROM system.processes WHERE query_id = '{query_id}'", query_id=query_id
        )
        assert said == [("bob", "eve")]
        assert session.query("SELECT 1") == [(1,)]
    with pytest.raises(Refused):
        with Session(world.other.server, world.cluster.ca.file, world.node, user="bob", password="wrong") as session:
            session.query("SELECT 1")


def test_a_session_is_as_before_after_each_asker(world):
    """One connection carries the queries of many."""
    with world.node_session() as session:
        for _ in range(3):
            for user, code in (("eve", DATABASE), ("ro1", DATABASE), ("stranger", UNKNOWN_USER)):
                with pytest.raises(Refused) as caught:
                    session.query_of(user, "SELECT * FROM secret.t")
                assert caught.value.code == code
            assert session.query_of("admin", "SELECT count() > 0 FROM secret.t") == [(1,)]
            with pytest.raises(Refused):
                session.query("SELECT 1")


# ---- where nodes log in ----


@pytest.mark.parametrize("certificate_login", ("header", "always"))
def test_nodes_do_not_log_in_over_http(world, certificate_login):
    other, ca = world.other, world.cluster.ca.file
    word = f"<certificate_login>{certificate_login}</certificate_login>"
    without_header = {"X-ClickHouse-User": "worker"}
    other.configure(nodes=NODES.format(ACTS_AS_WORKER) + word)
    try:

        def settled():
            always = clients.https(other.server, ca, world.pairs["worker"], headers=without_header)
            with world.node_session("worker") as session:
                return session.query("SELECT 1") == [(1,)] and bool(always) == (certificate_login == "always")

        eventually(lambda: _holds(settled), what="the configuration")
        for user in ("worker", "default", "eve"):
            for headers in ({"X-ClickHouse-User": user}, {"X-ClickHouse-User": user, **clients.ON}):
                answer = clients.https(other.server, ca, world.node, headers=headers)
                assert not answer and answer.status != 200, answer
            assert "never over HTTP" in answer.text, answer
        assert clients.https_as(other.server, ca, world.pairs["worker"], "worker").user == "worker"
        with_password = {"X-ClickHouse-User": "bob", "X-ClickHouse-Key": "bob-password"}
        assert clients.https(other.server, ca, world.node, headers=with_password).user == "bob"
    finally:
        other.configure(nodes=NODES.format(""))
    eventually(lambda: not clients.https(other.server, ca, world.pairs["worker"], headers=without_header), what="the former one")


# ---- ON CLUSTER ----


def test_statements_on_cluster_are_the_askers(world):
    eventually(lambda: "DDLWorker: Waiting a watch" in world.n1.server.log(), what="the DDLWorker's session")
    asked = (world.cluster.n1, world.cluster.n2, world.cluster.n3)
    world.ask("eve", "CREATE TABLE eve.made ON CLUSTER cluster (x String) ENGINE = Memory")
    assert [node.server.admin("EXISTS TABLE eve.made") for node in asked] == ["1"] * 3
    with pytest.raises(Refused, match="secret"):
        world.ask("eve", "CREATE TABLE eve.stolen ON CLUSTER cluster ENGINE = Log AS SELECT x FROM secret.t")
    assert [node.server.admin("SELECT count() FROM system.tables WHERE name = 'stolen' AND database = 'eve'") for node in asked] == ["0"] * 3
    world.n1.server.admin("CREATE TABLE eve.copied ON CLUSTER cluster ENGINE = Log AS SELECT x FROM secret.t")
    assert all(int(node.server.admin("SELECT count() FROM eve.copied")) > 0 for node in asked)
    with pytest.raises(Refused, match="stranger"):
        world.ask("stranger", "CREATE TABLE eve.strange ON CLUSTER cluster (x String) ENGINE = Memory")
    assert world.cluster.n2.server.admin("EXISTS TABLE eve.strange") == "0"
