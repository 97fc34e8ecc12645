"""<mtls><dns> and the admin socket: names that move, names that are dead, and what an operator can ask."""

import http.client
import json
import os
import socket
import stat
import subprocess
import threading
import time

import pytest
from lib import clients
from lib.names import Forwarder, NameServer
from lib.pki import Authority
from lib.server import Config, Server, free_ports, user
from lib.wait import eventually, stays
from lib.zookeeper import ZooKeeper

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a resolver for one process needs root")

FIRST, SECOND = 0, 1  # of a site's two addresses
HERE, THERE = "127.0.53.2", "127.0.53.3"  # those of nobody's site
LONG = 3600  # seconds; nothing in a test waits for it
MOVES = ("quick", "slow", "gone", "stranger", "untold")


class Site:
    """A name that leads to one of two addresses, which no other site has; both are ways to the far server."""

    def __init__(self, names, key):
        self.names, self.key, self.name = names, key, f"{key}.test"
        number = 10 * (1 + MOVES.index(key))
        self.addresses = (f"127.0.53.{number}", f"127.0.53.{number + 1}")
        (self.port,) = free_ports(1, self.addresses)
        self.ways = {}

    def lead(self, which, ttl):
        self.names.records[self.name] = (self.addresses[which], ttl)

    def open(self, target):
        self.ways = {which: Forwarder(self.addresses[which], self.port, target) for which in (FIRST, SECOND)}

    def close(self):
        for way in self.ways.values():
            way.close()

    def cluster(self):
        return f"""<{self.key}><shard><replica><host>{self.name}</host><port>{self.port}</port><secure>1</secure>
<user>node</user><password>node-password</password></replica></shard></{self.key}>"""


class Place:
    """`near` asks `far` by names that only `names` knows."""

    def __init__(self, patched, build, directory, openssl):
        self.build, self.directory = build, directory
        self.names = NameServer()
        self.ca = Authority(directory / "pki", "Cluster CA")
        far_user = user("node", "<password>node-password</password>")
        self.sites = {name: Site(self.names, name) for name in MOVES}
        hosts = ("localhost", *(site.name for site in self.sites.values()))
        far = self.ca.issue("far", "far", dns=hosts, ip=("127.0.0.1",))
        self.far = Server(patched, directory / "far", Config(openssl_server=openssl(self.ca.file, far), mtls="", users=far_user)).start()
        stranger = openssl(self.ca.file, self.ca.server("stranger"))  # the same authority, another name
        self.stranger = Server(patched, directory / "stranger", Config(openssl_server=stranger, mtls="", users=far_user)).start()
        self.alice = self.ca.issue("alice", "alice")
        for site in self.sites.values():
            site.open(self.far.ports["tcp_port_secure"])
        self.launcher = self.names.launcher(patched, directory / "launch")
        self.socket = directory / "admin.sock"
        self.near = Server(self.launcher, directory / "near", self.config(openssl, f"<dns>{self.dns()}</dns>"))
        for name, ttl in (("quick", 1), ("slow", LONG), ("gone", LONG), ("stranger", LONG), ("untold", 1)):
            self.sites[name].lead(FIRST, ttl)
        self.names.records["client.test"] = ("127.0.0.1", LONG)
        self.names.records["desk.test"] = (HERE, 1)
        self.names.reverse[HERE] = "elsewhere.test"

    @staticmethod
    def dns():
        return "<min_ttl>0.3</min_ttl><negative_ttl>0.3</negative_ttl><min_interval>0.2</min_interval><failures>3</failures>"

    def clusters(self):
        dead = "<dead><shard><replica><host>dead.test</host><port>9000</port></replica></shard></dead>"
        silent = "<silent><shard><replica><host>silent.test</host><port>9000</port></replica></shard></silent>"
        return f"<remote_servers>{dead}{silent}{self.pair()}{''.join(site.cluster() for site in self.sites.values())}</remote_servers>"

    def pair(self):
        """One shard: a replica whose name was never heard of, one whose name is forgotten in a test, and one that lives."""
        login = "<user>node</user><password>node-password</password>"
        replicas = "".join(
            f"<replica><host>{host}</host><port>{port}</port><secure>1</secure>{login}</replica>"
            for host, port in (("unborn.test", 9000), ("down.test", 9000), ("localhost", self.far.ports["tcp_port_secure"]))
        )
        return f"<pair><shard><internal_replication>true</internal_replication>{replicas}</shard></pair>"

    def config(self, openssl, dns, socket_path=None):
        return Config(
            openssl_server=openssl(self.ca.file, self.ca.server("near")),
            openssl_client=f"<caConfig>{self.ca.file}</caConfig><verificationMode>relaxed</verificationMode>"
            "<extendedVerification>true</extendedVerification>",
            mtls=f"{dns}<admin><socket>{socket_path or self.socket}</socket></admin>",
            users=user("alice", "<ssl_certificates><common_name>alice</common_name></ssl_certificates>", "<host>client.test</host>")
            + user("desk", "<password>desk</password>", "<host>desk.test</host>")
            + user("pattern", "<password>pattern</password>", "<host_regexp>^office[0-9]+\\.test$</host_regexp>"),
            extra=self.clusters(),
        )

    def ask(self, name, near=None):
        """One distributed query; True, or what the server says."""
        near = near or self.near
        near.admin(f"CREATE TABLE IF NOT EXISTS at_{name} AS system.one ENGINE = Distributed({name}, system, one)")
        try:
            return near.admin(f"SELECT count() FROM at_{name}") == "1"
        except RuntimeError as refused:
            return str(refused)

    def arrives_at(self, name, address, near=None):
        """A query goes well, and nowhere but to that address; raises what is otherwise. For `eventually`: a flush of another host may
        have closed the connection again."""
        ways = self.sites[name].ways
        said = self.ask(name, near)
        assert said is True, said
        seen = {other: way.open for other, way in ways.items()}
        assert seen[address] > 0, seen
        assert all(count == 0 for other, count in seen.items() if other != address), seen
        return True

    def stays_at(self, name, address, during, near=None):
        """Queries go well meanwhile, and none by another address."""
        others = [way for other, way in self.sites[name].ways.items() if other != address]
        before = [way.accepted for way in others]

        def holds():
            said = self.ask(name, near)
            assert said is True, said
            return [way.accepted for way in others] == before

        stays(holds, during, f"the way to {address}")

    def tool(self, *arguments, uid=None):
        command = [self.build / "clickhouse-mtls", *arguments, "--socket", self.socket]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, user=uid)

    def status(self):
        done = self.tool("dns", "status", "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def set_dns(self, more=""):
        """These settings beside the usual ones, in force."""
        taken = self.near.log().count("is in force")
        self.near.write_config(mtls=f"<dns>{self.dns()}{more}</dns><admin><socket>{self.socket}</socket></admin>")
        eventually(lambda: self.near.log().count("is in force") > taken, what="the settings")

    def watched(self, name):
        return next(one for one in self.status()["watched"] if one["name"] == name)

    def stop(self):
        for server in (self.near, self.far, self.stranger):
            server.stop()
        for site in self.sites.values():
            site.close()
        self.names.close()


@pytest.fixture(scope="module")
def place(patched, build, tmp_path_factory, openssl):
    made = Place(patched, build, tmp_path_factory.mktemp("dns"), openssl)
    try:
        made.near.start()
        yield made
    finally:
        made.stop()


def test_a_move_is_followed_within_the_ttl(place):
    eventually(lambda: place.arrives_at("quick", FIRST), what="a query at the first address")
    flushes, asked = place.status()["flushes"], place.names.asked["quick.test"]
    place.stays_at("quick", FIRST, 1.5)
    eventually(lambda: place.names.asked["quick.test"] > asked + 2, what="further lookups")
    assert place.status()["flushes"] == flushes, "the same answer is no reason"
    place.sites["quick"].lead(SECOND, 1)
    eventually(lambda: place.arrives_at("quick", SECOND), what="a query at the new address")
    assert "decision=moved" in place.near.log()


def test_without_the_section_it_is_not(place, openssl):
    """The control: this server remembers the address for ever."""
    config = place.config(openssl, "", place.directory / "other.sock")
    with Server(place.launcher, place.directory / "unwatched", config) as unwatched:
        assert place.arrives_at("untold", FIRST, unwatched)
        place.sites["untold"].lead(SECOND, 1)
        place.stays_at("untold", FIRST, 3, unwatched)  # too little goes wrong for the server's own updater


def test_a_command_flushes(place):
    eventually(lambda: place.arrives_at("slow", FIRST), what="a query at the first address")
    place.sites["slow"].lead(SECOND, LONG)
    place.stays_at("slow", FIRST, 1)
    flushed = place.tool("dns", "flush", "slow.test")
    assert flushed.returncode == 0, flushed.stderr
    eventually(lambda: place.arrives_at("slow", SECOND), what="a query at the new address")
    place.sites["slow"].lead(FIRST, LONG)
    assert place.tool("dns", "flush").returncode == 0
    eventually(lambda: place.arrives_at("slow", FIRST), what="a query at the first address again")


@pytest.fixture
def usual_again(place):
    yield
    place.set_dns()


@pytest.mark.usefixtures("usual_again")
def test_a_schedule_flushes(place):
    eventually(lambda: place.arrives_at("slow", FIRST), what="a query at the first address")
    place.sites["slow"].lead(SECOND, LONG)
    place.stays_at("slow", FIRST, 1)
    place.set_dns("<schedule>1</schedule>")
    eventually(lambda: place.arrives_at("slow", SECOND), what="a query at the new address")
    assert place.status()["asked_for"]["schedule"] > 0
    place.sites["slow"].lead(FIRST, LONG)
    eventually(lambda: place.arrives_at("slow", FIRST), what="a query at the first address again")


@pytest.mark.usefixtures("usual_again")
def test_a_rotation_flushes_when_it_is_asked_to(place):
    eventually(lambda: place.arrives_at("slow", FIRST), what="a query at the first address")

    def rotate():
        taken = place.near.log().count("is in force")
        place.ca.server("near")
        eventually(lambda: place.near.log().count("is in force") > taken, what="the new certificate")

    asked = place.status()["asked_for"]["rotation"]
    rotate()
    assert place.status()["asked_for"]["rotation"] == asked, "not unless asked to"
    place.sites["slow"].lead(SECOND, LONG)
    place.stays_at("slow", FIRST, 1)
    place.set_dns("<on_rotation>true</on_rotation>")
    rotate()
    eventually(lambda: place.arrives_at("slow", SECOND), what="a query at the new address")
    assert place.status()["asked_for"]["rotation"] > asked
    place.sites["slow"].lead(FIRST, LONG)
    assert place.tool("dns", "flush").returncode == 0
    eventually(lambda: place.arrives_at("slow", FIRST), what="a query at the first address again")


def test_queued_inserts_follow(place):
    """Their connections outlive the cluster that they were made by: only the flush ends them."""
    site = place.sites["slow"]
    place.far.admin("CREATE TABLE default.sink (x UInt8) ENGINE = Memory")
    place.near.admin("CREATE TABLE into (x UInt8) ENGINE = Distributed(slow, default, sink)")

    def arrived(count):
        return place.far.admin("SELECT count() FROM default.sink") == str(count)

    place.near.admin("INSERT INTO into VALUES (1)")
    eventually(lambda: arrived(1), what="the first row")
    assert site.ways[FIRST].open > 0
    site.lead(SECOND, LONG)
    assert place.tool("dns", "flush", "slow.test").returncode == 0
    eventually(lambda: site.ways[FIRST].open == 0, what="the end of the connections to the former address")
    place.near.admin("INSERT INTO into VALUES (2)")
    eventually(lambda: arrived(2), what="the second row")
    assert site.ways[FIRST].open == 0
    assert site.ways[SECOND].open > 0


@pytest.mark.parametrize("name", ["gone", "stranger"])
def test_failed_connects_flush(place, name):
    """Nobody is at the former address any more, or another node is, which is refused by its name; the TTL says nothing of it."""
    site = place.sites[name]
    eventually(lambda: place.arrives_at(name, FIRST), what="a query at the first address")
    asked = place.status()["asked_for"]["failures"]
    site.ways[FIRST].close()
    site.ways[FIRST].drop()
    if name == "stranger":
        site.ways[FIRST] = Forwarder(site.addresses[FIRST], site.port, place.stranger.ports["tcp_port_secure"])

    def failed():
        assert place.ask(name) is not True, "nobody answers there"
        return place.status()["asked_for"]["failures"] > asked

    # The name still leads there: neither the server's own updater nor a flush gets out of it before the failures have asked for one.
    eventually(failed, what="a flush that failed connects ask for")
    site.lead(SECOND, LONG)
    eventually(lambda: place.ask(name) is True, what="a query at the new address")
    assert site.ways[SECOND].accepted > 0
    if name == "stranger":
        eventually(lambda: "reason=NAME-MISMATCH" in place.near.log(), what="why the other node was refused")
        assert "user: node" not in place.stranger.log(), "nobody came as far as a login"


def test_a_keeper_that_moves_is_followed(place, openssl):
    with ZooKeeper(place.directory / "zookeeper") as zookeeper:
        ways = {address: Forwarder(address, zookeeper.port, zookeeper.port) for address in (HERE, THERE)}
        place.names.records["keeper.test"] = (HERE, 1)
        config = place.config(openssl, f"<dns>{place.dns()}</dns>", place.directory / "keeper.sock")
        config.extra += (
            f"<zookeeper><node><host>keeper.test</host><port>{zookeeper.port}</port></node>"
            "<session_timeout_ms>10000</session_timeout_ms></zookeeper>"
        )
        with Server(place.launcher, place.directory / "with-keeper", config) as server:

            def asks():
                try:
                    return "zookeeper" in server.admin("SELECT name FROM system.zookeeper WHERE path = '/'")
                except RuntimeError:
                    return False

            eventually(asks, what="an answer of ZooKeeper")
            assert (ways[HERE].open, ways[THERE].open) == (1, 0)
            place.names.records["keeper.test"] = (THERE, 1)
            eventually(lambda: asks() and (ways[HERE].open, ways[THERE].open) == (0, 1), what="the new address")
        for way in ways.values():
            way.close()


def test_a_dead_name_harms_nobody_else(place):
    assert place.ask("quick") is True
    assert "quick.test" in place.near.admin("SELECT host_name FROM system.clusters")
    assert "dead.test" in place.near.admin("SELECT host_name FROM system.clusters")
    place.near.admin("SYSTEM DROP DNS CACHE")
    place.near.admin("SYSTEM RELOAD CONFIG")
    assert place.ask("quick") is True
    said = place.ask("dead")
    assert said is not True
    assert "dead.test" in said
    assert place.watched("dead.test")["resolves"] is False


def test_the_stock_server_suffers_from_it(place, stock):
    """The control."""
    config = Config(extra=place.clusters(), listeners=())
    with Server(place.names.launcher(stock, place.directory / "launch-stock"), place.directory / "stock", config) as server:
        with pytest.raises(RuntimeError, match=r"dead\.test|silent\.test"):
            server.admin("SELECT host_name FROM system.clusters")


def test_a_dead_name_that_comes_to_life_is_found(place):
    assert place.ask("dead") is not True
    place.names.records["dead.test"] = ("127.0.0.1", LONG)  # nobody listens at that port, but it is reached for
    try:
        eventually(lambda: "127.0.0.1" in str(place.ask("dead")), what="an attempt at the new address")
        assert "127.0.0.1" in place.near.admin("SELECT host_address FROM system.clusters WHERE host_name = 'dead.test'")
    finally:
        del place.names.records["dead.test"]


def test_a_resolver_that_hangs_holds_nobody_up(place):
    place.names.silent.add("silent.test")
    try:
        asked = place.names.asked.get("silent.test", 0)
        eventually(lambda: place.names.asked.get("silent.test", 0) > asked + 1, within=30, what="lookups without an answer")
        assert place.tool("dns", "flush").returncode == 0  # looks all of them up again
        slowest = 0.0
        for _ in range(20):
            begin = time.monotonic()
            assert place.ask("quick") is True
            assert clients.native(place.near, place.ca.file, place.alice, "alice").user == "alice"
            slowest = max(slowest, time.monotonic() - begin)
        assert slowest < 3  # one attempt of the server's own resolver alone would take longer for each query
    finally:
        place.names.silent.clear()


@pytest.mark.parametrize("way", ["silent", "unknown"])
def test_a_flush_without_a_resolver_loses_no_address(place, way):
    """What was known may still be right; a name that never was known is dead as ever."""
    site = place.sites["slow"]
    assert place.ask("slow") is True
    which = FIRST if site.ways[FIRST].open else SECOND
    address = site.addresses[which]
    record = place.names.records[site.name]
    if way == "silent":
        place.names.silent.add(site.name)
    else:
        del place.names.records[site.name]
    try:
        before = place.near.log().count(f"{site.name} does not resolve and keeps")
        assert place.tool("dns", "flush").returncode == 0
        kept = f"{site.name} does not resolve and keeps its former address {address}"
        eventually(lambda: place.near.log().count(kept) > before, what="a lookup that failed")
        site.ways[which].drop()  # so that it is connected to anew
        assert place.arrives_at("slow", which)
        assert place.ask("dead") is not True
    finally:
        place.names.silent.clear()
        place.names.records[site.name] = record
    assert place.tool("dns", "flush").returncode == 0


@pytest.mark.parametrize("by", ["tool", "sql"])
def test_users_limited_by_host_follow_it(place, by):
    def enters():
        return clients.native(place.near, place.ca.file, place.alice, "alice").user == "alice"

    def flush():
        if by == "sql":
            place.near.admin("SYSTEM DROP DNS CACHE")
        else:
            assert place.tool("dns", "flush", "client.test").returncode == 0

    assert enters()
    place.names.records["client.test"] = ("127.0.53.9", LONG)
    flush()
    eventually(lambda: not enters(), what="a refusal from the former address")
    place.names.records["client.test"] = ("127.0.0.1", LONG)
    flush()
    eventually(enters, what="a login from the new address")


def test_status_tells_it(place):
    done = place.tool("status")
    assert done.returncode == 0, done.stderr
    assert "generation " in done.stdout
    quick = place.watched("quick.test")
    assert quick["resolves"] is True
    assert quick["addresses"] in [[address] for address in place.sites["quick"].addresses]
    assert place.status()["flushes"] > 0


def test_the_socket_is_for_root_and_the_server_alone(place):
    facts = os.stat(place.socket)
    assert stat.S_ISSOCK(facts.st_mode)
    assert stat.S_IMODE(facts.st_mode) == 0o600
    assert place.tool("status").returncode == 0
    # The kernel is asked who is there: neither an open file nor an open directory lets anybody else in.
    os.chmod(place.socket, 0o777)
    for parent in [place.directory, *place.directory.parents][:3]:
        os.chmod(parent, 0o755)
    try:
        with socket.socket(socket.AF_UNIX) as other:
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    os.setuid(65534)
                    other.settimeout(20)
                    other.connect(str(place.socket))
                    other.sendall(b'{"request":"status"}\n')
                    code = 0 if other.recv(100) == b"" else 1
                except (BrokenPipeError, ConnectionError, PermissionError):
                    code = 0
                finally:
                    os._exit(code)
            _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        eventually(lambda: "was turned away" in place.near.log(), what="a line about the stranger")
    finally:
        os.chmod(place.socket, 0o600)


def test_a_restart_replaces_the_socket(place, openssl):
    path = place.directory / "restart.sock"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    config = place.config(openssl, "", path)
    with Server(place.launcher, place.directory / "restarted", config):
        command = [place.build / "clickhouse-mtls", "status", "--socket", path]
        eventually(lambda: subprocess.run(command, capture_output=True, check=False).returncode == 0)


def enters_from(place, address, name):
    """A login with a password over HTTP, from that address."""
    connection = http.client.HTTPConnection("127.0.0.1", place.near.ports["http_port"], timeout=60, source_address=(address, 0))
    try:
        connection.request("GET", f"/?user={name}&password={name}&query=SELECT+1")
        answer = connection.getresponse()
        return answer.status == 200 and answer.read() == b"1\n"
    finally:
        connection.close()


def test_an_address_that_a_user_gave_away_lets_nobody_in(place):
    """The hosts that users are limited to are watched like those of clusters: nobody has to flush."""
    eventually(lambda: enters_from(place, HERE, "desk"), what="a login")
    assert not enters_from(place, THERE, "desk")
    place.names.records["desk.test"] = (THERE, 1)
    eventually(lambda: not enters_from(place, HERE, "desk"), what="a refusal from the former address")
    eventually(lambda: enters_from(place, THERE, "desk"), what="a login from the new one")


def test_a_flush_forgets_the_names_of_addresses(place):
    """For users limited by <host_regexp>."""
    assert not enters_from(place, HERE, "pattern")
    place.names.reverse[HERE] = "office7.test"
    place.names.records["office7.test"] = (HERE, 1)
    assert not enters_from(place, HERE, "pattern"), "the name that the server remembers"
    assert place.tool("dns", "flush").returncode == 0
    eventually(lambda: enters_from(place, HERE, "pattern"), what="a login by the new name")
    place.names.reverse[HERE] = "elsewhere.test"
    assert place.tool("dns", "flush").returncode == 0
    eventually(lambda: not enters_from(place, HERE, "pattern"), what="a refusal")


class LongQuery:
    """A query of somebody else's that goes on for ever, by a configured name."""

    def __init__(self, place, name):
        place.near.admin(f"CREATE TABLE IF NOT EXISTS endless_{name} AS system.numbers ENGINE = Distributed({name}, system, numbers)")
        self.outcome = None
        self.thread = threading.Thread(target=self.run, args=(place.near, f"SELECT count() FROM endless_{name} WHERE sleep(0.1) = 0"), daemon=True)
        self.thread.start()
        there = "SELECT count() FROM system.processes WHERE query LIKE '%sleep(0.1)%' AND query NOT LIKE '%processes%'"
        eventually(lambda: place.far.admin(there) == "1", what="the query at the far server")

    def run(self, server, query):
        try:
            self.outcome = server.admin(query)
        except (RuntimeError, OSError) as failed:
            self.outcome = str(failed)

    def runs(self):
        return self.thread.is_alive()


def at_evil(place, port):
    try:
        return place.near.admin(f"SELECT count() FROM remote('evil.test:{port}', system, one)")
    except RuntimeError as refused:
        return str(refused)


@pytest.mark.parametrize("way", ["flush", "failures"])
def test_a_statements_name_ends_nobody_elses_query(place, way):
    """Somebody has a name lead to where others' queries run, and away again. The twin: when the configured name moves, they end."""
    site = place.sites["slow"]
    site.lead(FIRST, LONG)
    assert place.tool("dns", "flush").returncode == 0
    eventually(lambda: place.arrives_at("slow", FIRST), what="a query at the first address")
    query = LongQuery(place, "slow")
    place.names.records["evil.test"] = (site.addresses[FIRST], LONG)
    at_evil(place, 1)
    place.names.records["evil.test"] = ("127.0.53.9", LONG)
    status = place.status()
    if way == "flush":
        flushed = place.near.log().count("flushed addresses")
        place.near.admin("SYSTEM DROP DNS CACHE")
        eventually(lambda: place.near.log().count("flushed addresses") > flushed, what="the flush")
        assert place.tool("dns", "flush", "evil.test").returncode == 0
        eventually(lambda: "host=evil.test cause=command" in place.near.log(), what="the flush of that name")
    else:
        for _ in range(12):
            assert "evil.test" in at_evil(place, 1)
    stays(query.runs, 2, "the query of somebody else")
    assert place.status()["asked_for"]["failures"] == status["asked_for"]["failures"]
    site.lead(SECOND, LONG)
    assert place.tool("dns", "flush", "slow.test").returncode == 0
    eventually(lambda: not query.runs(), what="the end of the query, whose server has moved")
    assert query.outcome
    site.lead(FIRST, LONG)
    assert place.tool("dns", "flush").returncode == 0
    eventually(lambda: place.arrives_at("slow", FIRST), what="a query at the first address again")


def outcomes(server, count=16):
    """How many queries and inserts go well in a shard of which one replica lives."""
    server.admin("CREATE TABLE IF NOT EXISTS at_pair AS system.one ENGINE = Distributed(pair, system, one)")
    server.admin("CREATE TABLE IF NOT EXISTS into_pair (x UInt8) ENGINE = Distributed(pair, default, pair_sink)")
    statements = {
        "any": ("load_balancing=random", "SELECT count() FROM at_pair", "1"),
        "in order": ("load_balancing=in_order", "SELECT count() FROM at_pair", "1"),
        "insert": ("insert_distributed_sync=1", "INSERT INTO into_pair SELECT 1", ""),
    }
    well = {}
    for name, (setting, statement, answer) in statements.items():
        well[name] = 0
        for _ in range(count):
            try:
                well[name] += server.admin(statement, setting) == answer
            except RuntimeError as failed:
                print(name, failed)
    return well


def test_a_replica_without_an_address_costs_nothing(place, stock, openssl):
    """Neither one that was never heard of nor one whose name is gone, as long as their neighbour lives. The stock server: an address
    that is gone costs nothing, since it is never forgotten."""
    place.far.admin("CREATE TABLE IF NOT EXISTS default.pair_sink (x UInt8) ENGINE = Memory")
    everything = {"any": 16, "in order": 16, "insert": 16}
    place.names.records["down.test"] = ("127.0.53.9", 1)
    place.names.records["unborn.test"] = ("127.0.53.9", 1)
    clusters = f"<remote_servers>{place.pair()}</remote_servers>"
    options = {"openssl_client": f"<caConfig>{place.ca.file}</caConfig>", "listeners": ()}
    config = Config(extra=clusters, **options)
    launcher = place.names.launcher(stock, place.directory / "launch-stock-pair")
    with Server(launcher, place.directory / "stock-pair", config) as server:
        assert outcomes(server) == everything
        del place.names.records["down.test"], place.names.records["unborn.test"]
        assert outcomes(server) == everything, "the control"
    place.names.records["down.test"] = ("127.0.53.9", 1)
    config = place.config(openssl, f"<dns>{place.dns()}</dns>", place.directory / "pair.sock")
    with Server(place.launcher, place.directory / "pair", config) as server:
        assert outcomes(server) == everything, "one was never heard of"
        del place.names.records["down.test"]
        server.admin("SYSTEM DROP DNS CACHE")
        assert outcomes(server) == everything, "the other is gone as well"
        said = server.admin("SELECT count() FROM system.clusters WHERE cluster = 'pair'")
        assert said == "3"
