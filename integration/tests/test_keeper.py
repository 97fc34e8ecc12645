"""ZooKeeper over mutual TLS, which this server cannot do by itself: against Debian's ZooKeeper."""

import re
import socket
import threading
import time
from dataclasses import dataclass, field

import pytest

from lib.pki import Authority, write
from lib.proxy import Gibberish, Recorder, Silent
from lib.server import Config, free_ports
from lib.wait import eventually
from lib.zookeeper import ZooKeeper

SESSION_TIMEOUT = 6  # seconds


def node_xml(port, host="localhost", secure="<secure>1</secure>"):
    return f"<node><host>{host}</host><port>{port}</port>{secure}</node>"


def zookeeper_xml(*nodes, session_timeout=SESSION_TIMEOUT):
    return f"<zookeeper>{''.join(nodes)}<session_timeout_ms>{session_timeout * 1000}</session_timeout_ms></zookeeper>"


@dataclass
class Keepers:
    """A ZooKeeper and servers that use it; every file of theirs can be replaced."""

    directory: object
    openssl: object
    server_factory: object
    started: list = field(default_factory=list)

    def __post_init__(self):
        pki = self.directory / "pki"
        self.ca = Authority(pki, "Company CA")
        self.other_ca = Authority(pki, "Other CA")
        self.node = self.ca.issue("node", "first-certificate", dns=("localhost",), ip=("127.0.0.1",))
        self.trusted_by_us = write(pki / "trusted-by-us.crt", self.ca.pem, 0o644)

    def zookeeper(self, name="zookeeper", ca=None, dns=("localhost",), uri=(), trusted=None, **more):
        pair = (ca or self.ca).issue(name, name, dns=dns, uri=uri, ip=())
        made = ZooKeeper(self.directory / name, pair, self.ca.pem if trusted is None else trusted, **more)
        self.started.append(made)
        return made

    def server(self, zookeeper, mtls="<poll_interval>1</poll_interval>", extra="", **config):
        client = (
            f"<certificateFile>{self.node.certificate}</certificateFile><privateKeyFile>{self.node.key}</privateKeyFile>"
            f"<caConfig>{self.trusted_by_us}</caConfig><verificationMode>strict</verificationMode>"
        )
        return self.server_factory(
            Config(
                openssl_server=self.openssl(self.ca.file, self.node),
                openssl_client=client,
                mtls=mtls,
                extra=zookeeper + extra,
                **config,
            )
        )

    def stop(self):
        for one in self.started:
            one.stop()


@pytest.fixture
def keepers(tmp_path, openssl, server_factory):
    made = Keepers(tmp_path, openssl, server_factory)
    yield made
    made.stop()


@pytest.fixture
def zookeeper(keepers):
    return keepers.zookeeper().start()


ROOT_NODES = "SELECT name FROM system.zookeeper WHERE path = '/zookeeper' ORDER BY name"


def answers(server):
    try:
        return server.admin(ROOT_NODES) == "config\nquota"
    except RuntimeError:
        return False


def failure(server):
    """What a query is told; fails when it gets an answer."""
    try:
        answer = server.admin(ROOT_NODES)
    except RuntimeError as told:
        return str(told)
    raise AssertionError(f"there was an answer: {answer}")


@pytest.mark.parametrize(
    "form",
    [
        lambda port: node_xml(port),
        lambda port: node_xml(port, "secure://localhost", ""),
        lambda port: f"<node><host>secure://localhost:{port}</host></node>",
    ],
    ids=["secure-1", "secure-host", "secure-host-port"],
)
def test_both_ways_to_ask_for_tls(keepers, zookeeper, form):
    server = keepers.server(zookeeper_xml(form(zookeeper.port))).start()
    assert answers(server)
    assert f"initialized, hosts: secure://localhost:{zookeeper.port}" in server.log()
    assert "Authenticated Id 'CN=first-certificate'" in zookeeper.log()


def test_a_node_without_secure_is_what_it_was(keepers):
    plain = ZooKeeper(keepers.directory / "plain")
    keepers.started.append(plain)
    server = keepers.server(zookeeper_xml(node_xml(plain.start().port, secure=""))).start()
    assert answers(server)
    assert f"initialized, hosts: localhost:{plain.port}" in server.log()


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_nothing_readable_on_the_wire(keepers, version):
    secure = keepers.zookeeper("keeper", protocols=version).start()
    plain = ZooKeeper(keepers.directory / "plain")
    keepers.started.append(plain)
    plain.start()
    query = "SELECT count() FROM system.zookeeper WHERE path = '/zookeeper/quota'"
    words = (b"zookeeper/quota", b"zookeeper", b"quota")  # its certificate, which TLS 1.2 shows, has another name
    with Recorder(secure.port) as over_tls, Recorder(plain.port) as in_plaintext:
        keepers.server(zookeeper_xml(node_xml(over_tls.port))).start().admin(query)
        keepers.server(zookeeper_xml(node_xml(in_plaintext.port, secure=""))).start().admin(query)
        assert not any(word in over_tls.seen for word in words)
        assert over_tls.sent[0] == 22 and over_tls.answered[0] == 22  # handshake records of TLS, from the first byte on
        assert words[0] in in_plaintext.seen


def test_sixteen_threads_a_hundred_queries_each(keepers, zookeeper):
    # A busy machine is no reason to lose the session.
    server = keepers.server(zookeeper_xml(node_xml(zookeeper.port), session_timeout=30)).start()
    server.admin("CREATE TABLE r (d Date, x UInt64) ENGINE = ReplicatedMergeTree('/tables/r', '1', d, x, 8192)")
    failed = []

    def ask(number):
        for round_ in range(100):
            try:
                if round_ % 10 == 0:
                    server.admin(f"INSERT INTO r VALUES ('2020-01-01', {number * 1000 + round_})")
                server.admin("SELECT count(), sum(length(value)) FROM system.zookeeper WHERE path = '/tables/r/log'")
            except (RuntimeError, OSError) as error:
                failed.append(str(error))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed[:3]
    assert server.admin("SELECT count() FROM r") == "160"
    assert len(re.findall("initialized, hosts: secure://", server.log())) == 1, "the session did not last"


def test_an_ensemble_of_three_that_loses_one(keepers):
    ensemble = []
    for number in (1, 2, 3):
        ensemble.append(keepers.zookeeper(f"zookeeper-{number}", number=number))
    for one in ensemble:
        one.peers = ensemble
        one.launch()
    for one in ensemble:
        one.wait()
    server = keepers.server(zookeeper_xml(*(node_xml(one.port) for one in ensemble))).start()
    eventually(lambda: answers(server), within=30, what="an ensemble that serves")
    # The server spreads over the ensemble by chance: the one to lose is the one that it uses.
    used = re.findall(r"audit event=peer decision=accepted role=server remote=127.0.0.1:(\d+)", server.log())[-1]
    next(one for one in ensemble if one.port == int(used)).stop()
    eventually(lambda: answers(server), within=30, what="a session with another one")


def test_the_client_certificate_is_replaced(keepers, zookeeper):
    server = keepers.server(zookeeper_xml(node_xml(zookeeper.port))).start()
    assert answers(server)
    renewed = keepers.ca.issue("renewed", "second-certificate", dns=("localhost",), ip=("127.0.0.1",))
    before = server.log().count("is in force")
    write(keepers.node.key, renewed.key.read_bytes())
    write(keepers.node.certificate, renewed.certificate.read_bytes(), 0o644)
    eventually(lambda: server.log().count("is in force") > before, what="the new certificate in force")
    assert answers(server), "the session that stands goes on"
    zookeeper.stop()
    zookeeper.start()
    eventually(lambda: answers(server), what="a new session")
    assert "Authenticated Id 'CN=second-certificate'" in zookeeper.log()


def test_the_authority_of_zookeeper_is_replaced(keepers, zookeeper):
    server = keepers.server(zookeeper_xml(node_xml(zookeeper.port))).start()
    assert answers(server)
    zookeeper.stop()
    replaced = keepers.zookeeper("replaced", ca=keepers.other_ca, port=zookeeper.port).start()
    told = eventually(lambda: "was refused" in (said := failure(server)) and said, what="the refusal")
    assert "localhost" in told and "reason=UNKNOWN-CA" in server.log()
    assert not sessions_of(replaced), "a ZooKeeper byte was sent"
    write(keepers.trusted_by_us, keepers.ca.pem + keepers.other_ca.pem, 0o644)
    eventually(lambda: answers(server), what="trust")


def sessions_of(zookeeper):
    """What it says when it has read the first request of a client."""
    return [line for line in zookeeper.log().splitlines() if "Connection request" in line]


def test_trust_that_is_taken_away_ends_the_session(keepers, zookeeper):
    server = keepers.server(zookeeper_xml(node_xml(zookeeper.port))).start()
    assert answers(server)
    write(keepers.trusted_by_us, keepers.other_ca.pem, 0o644)
    eventually(lambda: "closed a session" in server.log(), what="the end of the session")
    eventually(lambda: "was refused" in failure(server), what="the refusal")
    write(keepers.trusted_by_us, keepers.other_ca.pem + keepers.ca.pem, 0o644)
    eventually(lambda: answers(server), what="trust")


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_a_zookeeper_that_does_not_trust_us(keepers, version):
    port = free_ports(1)[0]
    strict = keepers.zookeeper("strict", trusted=keepers.other_ca.pem, port=port, protocols=version).start()
    server = keepers.server(zookeeper_xml(node_xml(port))).start()
    assert "does not accept us or our certificate" in failure(server)
    strict.stop()
    keepers.zookeeper("generous", port=port).start()
    eventually(lambda: answers(server), what="a session")


@pytest.mark.parametrize(("names", "reached"), [(("localhost",), True), (("elsewhere.example",), False)], ids=["named", "not-named"])
def test_the_name_is_always_compared(keepers, names, reached):
    zookeeper = keepers.zookeeper(dns=names).start()
    server = keepers.server(zookeeper_xml(node_xml(zookeeper.port))).start()
    if reached:
        assert answers(server)
        assert sessions_of(zookeeper)
        return
    assert "name 'localhost'" in failure(server)
    assert not sessions_of(zookeeper), "a ZooKeeper byte was sent"


@pytest.mark.parametrize("stand_in", [Silent, Gibberish], ids=["stalls", "not-tls"])
def test_the_wrong_thing_at_the_port(keepers, stand_in):
    """A clear error, in time, no ZooKeeper byte; and nothing has to be done by hand when the right one is there."""
    with stand_in() as wrong:
        port = wrong.port
        server = keepers.server(zookeeper_xml(node_xml(port), session_timeout=3)).start()
        begun = time.monotonic()
        told = failure(server)
        assert time.monotonic() - begun < 3 + 5
        expected = "the TLS handshake was not finished in time" if stand_in is Silent else "does this port speak TLS?"
        assert expected in told
    keepers.zookeeper("right", port=port).start()
    eventually(lambda: answers(server), what="a session")


RULES = {
    "a rule that matches": ("<keeper><rule><name>zk</name><common_name>zookeeper</common_name></rule></keeper>", True),
    "no rule that matches": ("<keeper><rule><name>zk</name><common_name>another</common_name></rule></keeper>", False),
}


@pytest.mark.parametrize("case", RULES)
def test_rules_say_who_may_be_keeper(keepers, zookeeper, case):
    rules, accepted = RULES[case]
    server = keepers.server(zookeeper_xml(node_xml(zookeeper.port)), mtls=rules).start()
    if accepted:
        assert answers(server)
        return
    assert "CN=zookeeper" in failure(server)
    assert "reason=KEEPER-RULE" in server.log()
    assert not sessions_of(zookeeper), "a ZooKeeper byte was sent"


@pytest.mark.parametrize(("expected", "accepted"), [("ensemble", True), ("another", False)])
def test_the_spiffe_id_expected_of_a_host(keepers, expected, accepted):
    """It takes the place of the name."""
    domain = "keepers.test"
    spiffe_ca = Authority(keepers.directory / "pki", "SPIFFE CA", uri=(f"spiffe://{domain}",))
    zookeeper = keepers.zookeeper(ca=spiffe_ca, dns=("elsewhere.example",), uri=(f"spiffe://{domain}/ensemble",)).start()
    mtls = f"""<trust_domains><trust_domain><name>{domain}</name><bundle>{spiffe_ca.file}</bundle></trust_domain></trust_domains>
<keeper><rule><name>zk</name><trust_domain>{domain}</trust_domain></rule>
<expect><host>localhost</host><spiffe_id>spiffe://{domain}/{expected}</spiffe_id></expect></keeper>"""
    server = keepers.server(zookeeper_xml(node_xml(zookeeper.port)), mtls=mtls).start()
    if accepted:
        assert answers(server)
        return
    assert f"spiffe://{domain}/another" in failure(server)
    assert not sessions_of(zookeeper), "a ZooKeeper byte was sent"


class Counting:
    """Counts who connects, and hangs up."""

    def __enter__(self):
        self.connections = 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.socket.close()

    def serve(self):
        try:
            while True:
                self.socket.accept()[0].close()
                self.connections += 1
        except OSError:
            pass


REFUSES_PLAINTEXT = "<nodes><rule><name>n</name><common_name>n</common_name></rule></nodes>"


@pytest.mark.parametrize(
    ("secure", "mtls", "asked"),
    [("<secure>1</secure>", "", False), ("", REFUSES_PLAINTEXT, False), ("", "", True), ("<secure>1</secure>", None, True)],
    ids=["secure", "plaintext-refused", "plaintext", "without-mtls"],
)
def test_from_zk_is_not_read_in_plain_text(keepers, secure, mtls, asked):
    """The configuration is complete only with it, and TLS is there only with the configuration."""
    with Counting() as listener:
        keeper = zookeeper_xml(node_xml(listener.port, "127.0.0.1", secure))
        said = keepers.server(keeper, mtls, extra="<macros><x from_zk='/x'/></macros>").start_refused()
        assert ("from_zk would be read in plain text" in said) != asked
        assert (listener.connections > 0) == asked


def test_a_session_that_is_cut_is_not_taken_for_another_protocol(keepers, zookeeper):
    """Only a port that has never spoken TLS is asked whether it does."""
    with Recorder(zookeeper.port) as way:
        server = keepers.server(zookeeper_xml(node_xml(way.port))).start()
        assert answers(server)
        before = len(server.log())
        way.drop_connections()
        eventually(lambda: "clickhouse-mtls: Keeper localhost" in server.log()[before:], what="the end of the session in the log")
        eventually(lambda: answers(server), what="another session")
        assert "does this port speak TLS" not in server.log()[before:]
