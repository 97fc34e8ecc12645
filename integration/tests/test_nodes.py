"""Between servers: node identities, both directions. One cluster for all; what a test changes it puts back."""

import base64
import http.client
import os
import ssl

import pytest
from lib import clients
from lib.cluster import CREDENTIALS, DOMAIN, NODES, Cluster, files_of, shown_to
from lib.names import Forwarder
from lib.pki import Authority, write
from lib.server import Config
from lib.wait import eventually

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="names for these servers alone need root")


@pytest.fixture(scope="module")
def cluster(patched, tmp_path_factory):
    made = Cluster(patched, tmp_path_factory.mktemp("cluster"))
    try:
        made.start()
        for node in (made.n1, made.n2):
            node.server.admin("CREATE TABLE local (d Date, x UInt64) ENGINE = ReplicatedMergeTree('/t/local', '{replica}', d, x, 8192)")
        made.n3.server.admin("CREATE TABLE local (d Date, x UInt64) ENGINE = MergeTree(d, x, 8192)")
        for node in (made.n1, made.n2, made.n3):
            node.server.admin("CREATE TABLE everything AS local ENGINE = Distributed(cluster, default, local, x)")
        for name in ("other", "expected"):
            made.n1.server.admin(f"CREATE TABLE {name} AS system.one ENGINE = Distributed({name}, system, one)")
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def alice(cluster):
    return cluster.ca.issue("alice", "alice", client_only=True)


@pytest.fixture(scope="module")
def good(cluster):
    """The certificate of a node that is in no shard."""
    return cluster.issue("a-node", "a-node.test", "node/a-node")


@pytest.fixture(scope="module")
def rogue(cluster):
    """Right CA, right name, on no list."""
    return cluster.issue("rogue", "other.test", "rogue")


def mark(node):
    return len(node.server.log())


def since(node, offset):
    return node.server.log()[offset:]


# ---- what must work ----


def test_distributed_tables_over_all_nodes(cluster):
    cluster.n1.server.admin(
        "INSERT INTO everything SELECT toDate('2020-01-01'), number FROM numbers(100)"
    )
    eventually(lambda: cluster.n3.server.admin("SELECT count() FROM everything") == "100", what="all rows, read elsewhere")
    assert 0 < int(cluster.n3.server.admin("SELECT count() FROM local")) < 100


def test_replicas_fetch_and_merge(cluster):
    n1, n2 = cluster.n1.server, cluster.n2.server
    n1.admin("INSERT INTO local VALUES ('2019-01-01', 1)")
    n2.admin("INSERT INTO local VALUES ('2019-01-01', 3)")
    query = "SELECT groupArray(x) FROM (SELECT x FROM local WHERE d = '2019-01-01' ORDER BY x)"
    for server in (n1, n2):
        eventually(lambda server=server: server.admin(query) == "[1,3]", what="rows of the other replica")
    # The one that does not lead passes this on to the leader, as a native query of its own.
    for server in (n1, n2):
        server.admin("OPTIMIZE TABLE local PARTITION 201901 FINAL")
    parts = "SELECT count() FROM system.parts WHERE table = 'local' AND partition = '201901' AND active"
    for server in (n1, n2):
        eventually(lambda server=server: server.admin(parts) == "1", what="one merged part")


def test_on_cluster(cluster):
    eventually(lambda: "DDLWorker: Waiting a watch" in cluster.n1.server.log(), what="the DDLWorker's session")
    told = cluster.n1.server.admin("CREATE TABLE made_everywhere ON CLUSTER cluster (x UInt8) ENGINE = Memory")
    assert len(told.splitlines()) == 3, told
    for node in (cluster.n1, cluster.n2, cluster.n3):
        assert node.server.admin("EXISTS TABLE made_everywhere") == "1"


def test_remote_is_over_tls(cluster):
    """18.16 has no remoteSecure()."""
    port = cluster.n3.ports["tcp_port_secure"]
    offset = mark(cluster.n1)
    assert cluster.n1.server.admin(f"SELECT count() FROM remote('n3.test:{port}', system, one)") == "1"
    assert "expected_name=n3.test" in since(cluster.n1, offset)
    with pytest.raises(RuntimeError, match="does this port speak TLS"):
        cluster.n1.server.admin(f"SELECT count() FROM remote('n3.test:{cluster.n3.ports['tcp_port']}', system, one)")


# ---- who may come in ----


def interserver(node, ca, pair, credentials=True):
    """Status of a request on the interserver port, or why there was none."""
    context = ssl.create_default_context(cafile=str(ca))
    context.check_hostname = False
    if pair is not None:
        context.load_cert_chain(str(pair.certificate), str(pair.key))
    connection = http.client.HTTPSConnection("127.0.0.1", node.ports["interserver_https_port"], timeout=10, context=context)
    headers = {}
    if credentials:
        headers["Authorization"] = "Basic " + base64.b64encode(":".join(CREDENTIALS).encode()).decode()
    try:
        connection.request("POST", "/?endpoint=DataPartsExchange:/nothing&compress=false&part=all", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as failed:
        return None, str(failed)
    finally:
        connection.close()


def test_interserver_port_is_for_nodes(cluster, alice, good, rogue):
    status, text = interserver(cluster.n1, cluster.ca.file, good)
    assert status is not None, text
    for pair, name in ((alice, "CN=alice"), (rogue, "spiffe://cluster.test/rogue")):
        offset = mark(cluster.n1)
        status, text = interserver(cluster.n1, cluster.ca.file, pair)
        assert status is None, text
        line = eventually(
            lambda offset=offset: next((line for line in since(cluster.n1, offset).splitlines() if "NODE-RULE" in line), None),
            what="the refusal",
        )
        assert name in line and "cluster" in line
        assert "Request" not in since(cluster.n1, offset), "HTTP was read"
    assert interserver(cluster.n1, cluster.ca.file, None)[0] is None


def test_interserver_credentials_hold_on_top(cluster, good):
    assert interserver(cluster.n1, cluster.ca.file, good)[0] != 401
    status, text = interserver(cluster.n1, cluster.ca.file, good, credentials=False)
    assert status == 401, text


def test_a_node_is_no_user_but_those_it_acts_as(cluster, good, alice):
    server, ca = cluster.n1.server, cluster.ca.file
    assert clients.native(server, ca, good, user="default").user == "default"
    refused = clients.native(server, ca, good, user="alice")
    assert not refused and "a-node" in refused.text and "acts_as" in refused.text, refused
    for user in ("default", "alice"):
        refused = clients.https_as(server, ca, good, user=user)
        assert not refused and "a-node" in refused.text and "never over HTTP" in refused.text, refused
    for login in (clients.native, clients.https_as):
        assert login(server, ca, alice, user="alice").user == "alice"
        assert not login(server, ca, alice, user="default")


# ---- who may answer ----


@pytest.fixture
def other(cluster):
    """The node outside of all shards: starts again with what the test gives it to show, and then with its own."""

    def show(pair):
        cluster.other.server.kill()  # an orderly end waits for those who are connected
        cluster.other.show(pair)
        cluster.other.server.start()

    yield show
    show(cluster.issue("other-own", "other.test", "node/other", also=("localhost",)))


def ask(cluster, table="other", node=None):
    """Whether the node (`n1`) reaches the one behind the table, and what it says."""
    try:
        return (node or cluster.n1).server.admin(f"SELECT count() FROM {table}") == "1", ""
    except RuntimeError as refused:
        return False, str(refused)


CASES = {
    "its own": ("other.test", "node/other", True, ""),
    "on no list": ("other.test", "rogue", False, "is no node of ours"),
    "another node": ("n2.test", "node/n2", False, "other.test"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_node_that_answers(cluster, other, case):
    host, path, accepted, words = CASES[case]
    other(cluster.issue("shown", host, path))
    offset = mark(cluster.other)
    reached, told = ask(cluster)
    assert reached == accepted, told
    assert words in told
    # No query came: nobody said hello.
    assert ("Connected ClickHouse server" in since(cluster.other, offset)) == accepted


EXPECTED = {
    "the ID, whatever the name": ("whatever.test", "node/expected", True),
    "the name without the ID": ("expected.test", "node/other", False),
}


@pytest.mark.parametrize("case", EXPECTED)
def test_the_spiffe_id_expected_of_a_host(cluster, other, case):
    host, path, accepted = EXPECTED[case]
    other(cluster.issue("shown", host, path))
    reached, told = ask(cluster, "expected")
    assert reached == accepted, told
    if not accepted:
        assert "spiffe://cluster.test/node/expected" in told


def test_rows_stay_here_when_the_node_is_refused(cluster, other, rogue):
    cluster.other.server.admin("CREATE TABLE IF NOT EXISTS kept (x UInt8) ENGINE = Log")
    insert = "INSERT INTO FUNCTION remote('other.test:{}', default, kept) VALUES (1)".format(cluster.other.ports["tcp_port_secure"])
    cluster.n1.server.admin(insert)
    eventually(lambda: cluster.other.server.admin("SELECT count() FROM kept") == "1", what="the row")
    other(rogue)
    with pytest.raises(RuntimeError, match="is no node of ours"):
        cluster.n1.server.admin(insert)
    assert cluster.other.server.admin("SELECT count() FROM kept") == "1"


def test_parts_are_not_fetched_from_a_stranger(cluster):
    n1, n2 = cluster.n1, cluster.n2
    query = "SELECT count() FROM local WHERE d = '2018-01-01'"
    n2.server.kill()
    n2.show(cluster.issue("n2-rogue", "n2.test", "rogue", also=("localhost",)))
    n2.server.start()
    offset = mark(n1)
    n2.server.admin("INSERT INTO local VALUES ('2018-01-01', 1)")
    eventually(
        lambda: any("Fetching part 20180101" in line for line in since(n1, offset).splitlines()) and "NODE-RULE" in since(n1, offset),
        what="the refusal",
    )
    assert n1.server.admin(query) == "0"
    n2.show(cluster.issue("n2-again", "n2.test", "node/n2", also=("localhost",)))
    eventually(lambda: n1.server.admin(query) == "1", within=30, what="the row")


def test_fetches_follow_a_moved_node(cluster):
    """Their sessions are pooled, and remember the address as well."""
    n1, n2 = cluster.n1, cluster.n2
    port = n1.ports["interserver_https_port"]
    query = "SELECT count() FROM local WHERE d = '2017-01-01'"
    # A replica that was killed begins anew once ZooKeeper has given up its former session.
    writable = "SELECT sum(is_readonly) FROM system.replicas"
    eventually(lambda: n2.server.admin(writable) == "0", within=90, what="a replica that takes part")
    n1.server.admin("INSERT INTO local VALUES ('2017-01-01', 1)")
    eventually(lambda: n2.server.admin(query) == "1", what="a session that is pooled")
    moved = Forwarder("127.0.53.12", port, port)
    try:
        cluster.names.records[n1.host] = ("127.0.53.12", 3600)
        n2.server.admin("SYSTEM DROP DNS CACHE")
        n1.server.admin("INSERT INTO local VALUES ('2017-01-01', 2)")
        eventually(lambda: n2.server.admin(query) == "2", within=30, what="the row, from the new address")
        assert moved.accepted > 0
    finally:
        cluster.names.records[n1.host] = ("127.0.0.1", 3600)
        moved.close()
        n2.server.admin("SYSTEM DROP DNS CACHE")


def test_trust_that_goes_ends_what_stands(cluster):
    """Pooled connections too. (A reload of config.xml makes the server drop its pools by itself.)"""
    other_ca = Authority(cluster.directory / "pki", "Other CA", uri=(f"spiffe://{DOMAIN}",))
    eventually(lambda: ask(cluster)[0], what="a connection that stands")
    offset = mark(cluster.n1)
    write(cluster.n1.bundle, other_ca.pem, 0o644)
    eventually(lambda: "closed a session" in since(cluster.n1, offset), what="the end of the pooled connection")
    assert not ask(cluster)[0]
    write(cluster.n1.bundle, other_ca.pem + cluster.ca.pem, 0o644)
    eventually(lambda: ask(cluster)[0], what="trust")


def test_a_rule_that_goes(cluster):
    eventually(lambda: ask(cluster)[0], what="the node")
    cluster.n1.configure(nodes=NODES.replace("node/*", "node/n*"))
    # A query that is under way when the rule goes sees its connection end.
    eventually(lambda: "is no node of ours" in ask(cluster)[1], what="the refusal")
    cluster.n1.configure()
    eventually(lambda: ask(cluster)[0], what="the rule")


def test_a_server_that_began_without_verification(cluster, other, rogue):
    """What it verifies is fixed at its start, but not of nodes once there are rules for them."""
    n3 = cluster.n3
    n3.server.admin("CREATE TABLE other AS system.one ENGINE = Distributed(other, system, one)")
    other(rogue)
    n3.configure(nodes="", verification="none")
    n3.server.kill()
    n3.server.start()
    try:
        eventually(lambda: ask(cluster, node=n3)[0], what="a node that nobody asks for anything")
        n3.configure()
        eventually(lambda: "is no node of ours" in ask(cluster, node=n3)[1], what="the refusal")
    finally:
        n3.configure()
        n3.server.kill()
        n3.server.start()


def test_each_purpose_has_its_certificate(cluster):
    n3, other = cluster.n3, cluster.other
    for_nodes = cluster.issue("for-nodes", "for-nodes.test", "node/for-nodes")
    for_keeper = cluster.ca.issue("for-keeper", "for-keeper")
    general = cluster.ca.issue("general", "general", client_only=True)
    n3.configure(shown=shown_to(for_nodes, for_keeper), client=files_of(general))
    n3.server.kill()
    n3.server.start()
    url = f"https://localhost:{other.ports['https_port']}/?query=SELECT%201"
    try:
        # As a node; to Keeper; and what url() shows, which is openSSL.client's.
        seen = mark(other)
        assert n3.server.admin(f"SELECT count() FROM remote('other.test:{other.ports['tcp_port_secure']}', system, one)") == "1"
        assert "role=client" in since(other, seen) and "spiffe://cluster.test/node/for-nodes" in since(other, seen)
        eventually(lambda: "Authenticated Id 'CN=for-keeper'" in cluster.zookeeper.log(), what="Keeper's view")
        seen = mark(other)
        with pytest.raises(RuntimeError):  # nobody logs in by it, which is another matter
            n3.server.admin(f"SELECT x FROM url('{url}', TSV, 'x UInt8')")
        assert "CN=general" in since(other, seen)
        # Hot-reloaded.
        renewed = cluster.issue("renewed", "renewed.test", "node/renewed")
        write(for_nodes.key, renewed.key.read_bytes())
        write(for_nodes.certificate, renewed.certificate.read_bytes(), 0o644)
        ask_other = f"SELECT count() FROM remote('other.test:{other.ports['tcp_port_secure']}', system, one)"
        eventually(lambda: n3.server.admin(ask_other) == "1" and "node/renewed" in since(other, seen), what="the new certificate")
    finally:
        n3.configure()


# ---- plaintext ----


def plaintext(server_factory, authority, openssl, setting):
    pair = authority.server()
    return server_factory(
        Config(
            openssl_server=openssl(authority.file, pair),
            openssl_client=openssl(authority.file, pair, "strict"),
            mtls=f"<nodes><rule><name>n</name><common_name>n</common_name></rule>{setting}</nodes>",
            listeners=("tcp_port_secure", "https_port", "interserver_http_port"),
            extra="""<listen_host>0.0.0.0</listen_host><listen_try>1</listen_try>
<remote_servers><c><shard><replica><host>127.0.0.1</host><port>1</port></replica></shard></c></remote_servers>
<zookeeper><node><host>127.0.0.1</host><port>1</port></node></zookeeper>""",
        )
    )


def test_plaintext_stops_the_start_with_all_of_it(server_factory, authority, openssl):
    said = plaintext(server_factory, authority, openssl, "").start_refused()
    for word in ("interserver_http_port", "tcp_port", "http_port", "remote_servers", "zookeeper"):
        assert word in said


@pytest.mark.parametrize("word", ["warn", "allow"])
def test_plaintext_can_be_allowed(server_factory, authority, openssl, word):
    server = plaintext(server_factory, authority, openssl, f"<plaintext>{word}</plaintext>").start()
    assert ("interserver_http_port" in server.log()) == (word == "warn")


@pytest.mark.parametrize(("word", "encrypted"), [("refuse", True), (" Refuse\n", True), (" Allow\n", False)])
def test_plaintext_means_the_same_to_the_module_and_to_remote(server_factory, authority, openssl, word, encrypted):
    """Words may be written in either case and with blanks around them."""
    pair = authority.server()
    server = server_factory(
        Config(
            openssl_server=openssl(authority.file, pair),
            openssl_client=openssl(authority.file, pair, "strict"),
            mtls=f"<nodes><rule><name>n</name><common_name>n</common_name></rule><plaintext>{word}</plaintext></nodes>",
        )
    ).start()
    ask = f"SELECT count() FROM remote('127.0.0.1:{server.ports['tcp_port']}', system, one)"
    if encrypted:
        with pytest.raises(RuntimeError, match="does this port speak TLS"):
            server.admin(ask)
    else:
        assert server.admin(ask) == "1"
