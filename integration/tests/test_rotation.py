"""Everything that a decision needs is replaced on disk and in use a moment later: no restart, no failed handshake."""

import os
import shutil
import ssl
import subprocess
import threading

import pytest
from lib import clients
from lib.pki import DAY, Authority, Pair, write
from lib.server import Config, Server, user
from lib.wait import eventually, stays

USERS = user("alice", "<ssl_certificates><common_name>alice</common_name></ssl_certificates>") + user("bob") + user("billing")


NO_RULES = b"# none yet\n"


class Continuous:
    """Clients that connect without pause while the test does something else."""

    def __init__(self, *attempts):
        self.attempts = attempts
        self.count = 0
        self.failures = []
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(attempt,)) for attempt in attempts]

    def _run(self, attempt):
        while not self.stop.is_set():
            answer = attempt()
            self.count += 1
            if not answer:
                self.failures.append(answer)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def check(self):
        assert self.count >= len(self.attempts), "each client has connected"
        assert self.failures == []


class Scene:
    def __init__(self, patched, directory, openssl):
        self.directory = directory
        self.ca = Authority(directory / "pki", "Rotating CA")
        self.pair = self.ca.server()
        self.trusted = write(directory / "trusted.crt", self.ca.pem, 0o644)
        self.rules = write(directory / "rules", NO_RULES)
        self.alice = self.ca.issue("alice", "alice")
        self.bob = self.ca.issue("bob", "bob")
        self.spiffe_ca = Authority(directory / "pki", "SPIFFE CA")
        self.bundle = write(directory / "bundle.pem", self.spiffe_ca.pem, 0o644)
        self.config = Config(openssl_server=openssl(self.trusted, self.pair), mtls=self.mtls(), users=USERS)
        self.server = Server(patched, directory / "server", self.config)

    def mtls(self, more_rules="", more=""):
        return f"""
<trust_domains><trust_domain><name>example.org</name><bundle>{self.bundle}</bundle></trust_domain></trust_domains>
<users><rule><name>billing</name><spiffe_id>spiffe://example.org/billing</spiffe_id><user>billing</user></rule>{more_rules}
<rules_file>{self.rules}</rules_file></users>{more}"""

    def native(self, pair, name=None):
        return clients.native(self.server, self.ca.file, pair, name)

    def shown(self, port="tcp_port_secure"):
        """Serial number of the certificate that a listener shows now."""
        return _serial(clients.server_certificate(self.server, self.ca.file, port, pair=self.alice))

    def problems(self):
        """What our part of the log says at warning level and above."""
        return [line for line in self.server.log().splitlines() if "clickhouse-mtls" in line and ("<Error>" in line or "<Warning>" in line)]


def _serial(der):
    from cryptography import x509

    return x509.load_der_x509_certificate(der).serial_number


@pytest.fixture
def scene(patched, tmp_path, openssl):
    made = Scene(patched, tmp_path, openssl)
    with made.server:
        assert made.native(made.alice, "alice").user == "alice"
        yield made


def fresh(scene):
    """A new certificate of the server, elsewhere: (certificate as PEM, key as PEM, serial)."""
    pair = scene.ca.server("fresh")
    return pair.certificate.read_bytes(), pair.key.read_bytes(), pair.serial


def by_rename(scene, certificate, key):
    write(scene.pair.key, key)
    write(scene.pair.certificate, certificate, 0o644)


def in_place(scene, certificate, key):
    scene.pair.key.write_bytes(key)
    scene.pair.certificate.write_bytes(certificate)


def in_place_slowly(scene, certificate, key):
    """Piece by piece: readers see half a file in between."""
    for file, content in ((scene.pair.key, key), (scene.pair.certificate, certificate)):
        with open(file, "wb", buffering=0) as out:
            for at in range(0, len(content), 100):
                out.write(content[at : at + 100])


def one_by_one(scene, certificate, key):
    """The certificate first, and the server has looked at the mismatched pair before the key comes."""
    write(scene.pair.certificate, certificate, 0o644)
    stays(lambda: scene.shown() != _serial(ssl.PEM_cert_to_DER_cert(certificate.decode())), during=0.6)
    write(scene.pair.key, key)


WRITERS = {"rename": by_rename, "in-place": in_place, "in-place-slowly": in_place_slowly, "one-by-one": one_by_one}


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS.keys())
def test_server_certificate(scene, writer):
    former = scene.shown()
    certificate, key, serial = fresh(scene)
    with Continuous(
        lambda: scene.native(scene.alice, "alice"),
        lambda: clients.https_as(scene.server, scene.ca.file, scene.alice, "alice"),
    ) as others:
        assert scene.shown() == former != serial
        writer(scene, certificate, key)
        eventually(lambda: scene.shown() == serial, what="the new certificate on the native port")
        assert scene.shown("https_port") == serial
    others.check()


def test_twenty_rotations_under_continuous_clients(scene):
    with Continuous(
        lambda: scene.native(scene.alice, "alice"),
        lambda: clients.https_as(scene.server, scene.ca.file, scene.alice, "alice"),
    ) as others:
        for _ in range(20):
            certificate, key, serial = fresh(scene)
            by_rename(scene, certificate, key)
            eventually(lambda serial=serial: scene.shown() == serial, what="the new certificate")
    others.check()


class TestKubernetes:
    """A volume of Kubernetes: ..data is a symbolic link to a directory with a time in its name, swapped as a whole."""

    def publish(self, mount, number, certificate, key, ca):
        data = mount / f"..2024_{number}"
        data.mkdir()
        for name, content in (("tls.crt", certificate), ("tls.key", key), ("ca.crt", ca)):
            (data / name).write_bytes(content)
        former = os.readlink(mount / "..data") if (mount / "..data").is_symlink() else None
        (mount / "..data_tmp").symlink_to(data.name)
        os.rename(mount / "..data_tmp", mount / "..data")
        for name in ("tls.crt", "tls.key", "ca.crt"):
            if not (mount / name).is_symlink():
                (mount / name).symlink_to(f"..data/{name}")
        if former:
            shutil.rmtree(mount / former)

    def test_swap(self, patched, tmp_path, openssl):
        mount = tmp_path / "mount"
        mount.mkdir()
        ca = Authority(tmp_path / "pki", "Volume CA")
        alice = ca.issue("alice", "alice")
        pair = ca.server("one")
        self.publish(mount, 0, pair.certificate.read_bytes(), pair.key.read_bytes(), ca.pem)
        section = openssl(mount / "ca.crt", Pair(mount / "tls.crt", mount / "tls.key"))
        with Server(patched, tmp_path / "server", Config(openssl_server=section, mtls="", users=USERS)) as server:
            with Continuous(lambda: clients.native(server, ca.file, alice, "alice")) as others:
                for number in range(1, 6):
                    pair = ca.server(f"number-{number}")
                    self.publish(mount, number, pair.certificate.read_bytes(), pair.key.read_bytes(), ca.pem)
                    eventually(
                        lambda serial=pair.serial: _serial(clients.server_certificate(server, ca.file, pair=alice)) == serial,
                        what=f"certificate {number}",
                    )
            others.check()


def broken_certificates(scene):
    certificate, key, _ = fresh(scene)
    expired = scene.ca.server("expired-server", begin=-3 * DAY, end=-1 * DAY)
    return {
        "torn": (certificate[: len(certificate) // 2], key),
        "mismatched": (certificate, scene.ca.server("another").key.read_bytes()),
        "expired": (expired.certificate.read_bytes(), expired.key.read_bytes()),
        "empty": (b"", key),
        "rubbish": (b"not a certificate\n", key),
        "key-torn": (certificate, key[: len(key) // 2]),
    }


@pytest.mark.parametrize("kind", ["torn", "mismatched", "expired", "empty", "rubbish", "key-torn", "missing"])
def test_a_broken_server_certificate_keeps_the_last_good(scene, kind):
    former = scene.shown()
    if kind == "missing":
        scene.pair.certificate.unlink()
    else:
        by_rename(scene, *broken_certificates(scene)[kind])
    said = eventually(scene.problems, what="a line in the log")
    assert str(scene.pair.certificate) in "".join(said) or str(scene.pair.key) in "".join(said), said
    assert scene.shown() == former
    assert scene.native(scene.alice, "alice").user == "alice"
    stays(lambda: scene.shown() == former, during=1)
    assert len(scene.problems()) <= 2, "one clear line, not one per attempt"

    certificate, key, serial = fresh(scene)
    by_rename(scene, certificate, key)
    eventually(lambda: scene.shown() == serial, what="recovery")


def test_ca_file(scene):
    """A new authority is trusted, the former one no longer; the listener goes on."""
    new = Authority(scene.directory / "pki", "New CA")
    of_new = new.issue("alice-new", "alice")
    assert not scene.native(of_new, "alice")
    write(scene.trusted, scene.ca.pem + new.pem, 0o644)
    eventually(lambda: scene.native(of_new, "alice"), what="trust in the new authority")
    assert scene.native(scene.alice, "alice").user == "alice"
    write(scene.trusted, new.pem, 0o644)
    eventually(lambda: not scene.native(scene.alice, "alice"), what="the end of trust in the former one")
    assert scene.native(of_new, "alice").user == "alice"


@pytest.mark.parametrize("content", [b"", b"rubbish\n", "torn", None], ids=["empty", "rubbish", "torn", "missing"])
def test_a_broken_ca_file_keeps_the_last_good(scene, content):
    if content is None:
        scene.trusted.unlink()
    else:
        write(scene.trusted, scene.ca.pem[:200] if content == "torn" else content, 0o644)
    said = eventually(scene.problems, what="a line in the log")
    assert str(scene.trusted) in "".join(said)
    assert scene.native(scene.alice, "alice").user == "alice"
    new = Authority(scene.directory / "pki", "New CA")
    write(scene.trusted, new.pem, 0o644)
    eventually(lambda: scene.native(new.issue("alice-new", "alice"), "alice"), what="recovery")


def test_ca_directory(patched, tmp_path, openssl):
    ca, second = Authority(tmp_path / "pki", "First CA"), Authority(tmp_path / "pki", "Second CA")
    directory = tmp_path / "cas"
    directory.mkdir()
    write(directory / "first.crt", ca.pem, 0o644)
    subprocess.run(["openssl", "rehash", directory], check=True, capture_output=True)
    alice, alice_2 = ca.issue("alice", "alice"), second.issue("alice-2", "alice")
    config = Config(openssl_server=openssl(directory, ca.server()), mtls="", users=USERS)
    with Server(patched, tmp_path / "server", config) as server:
        assert clients.native(server, ca.file, alice, "alice").user == "alice"
        assert not clients.native(server, ca.file, alice_2, "alice")
        write(directory / "second.crt", second.pem, 0o644)
        subprocess.run(["openssl", "rehash", directory], check=True, capture_output=True)
        eventually(lambda: clients.native(server, ca.file, alice_2, "alice"), what="trust in the second authority")
        assert clients.native(server, ca.file, alice, "alice").user == "alice"


def test_trust_bundle(scene):
    service = scene.spiffe_ca.issue("service", uri=("spiffe://example.org/billing",))
    new = Authority(scene.directory / "pki", "New SPIFFE CA")
    of_new = new.issue("service-new", uri=("spiffe://example.org/billing",))
    assert scene.native(service).user == "billing"
    assert not scene.native(of_new)
    write(scene.bundle, new.pem, 0o644)
    eventually(lambda: scene.native(of_new), what="trust in the new bundle")
    assert not scene.native(service)
    write(scene.bundle, b"rubbish\n", 0o644)
    eventually(lambda: any(str(scene.bundle) in line for line in scene.problems()), what="a line in the log")
    assert scene.native(of_new).user == "billing"


def test_rules_file(scene):
    assert not scene.native(scene.bob, "bob")
    write(scene.rules, rule_line("bob", "bob"))
    eventually(lambda: scene.native(scene.bob, "bob"), what="the new rule")
    write(scene.rules, b"this is not a rule\n")
    eventually(lambda: any(str(scene.rules) in line for line in scene.problems()), what="a line in the log")
    assert scene.native(scene.bob, "bob").user == "bob"
    write(scene.rules, NO_RULES)
    eventually(lambda: not scene.native(scene.bob, "bob"), what="the end of the rule")
    assert scene.native(scene.alice, "alice").user == "alice"


def rule_line(common_name, name):
    return f"{name}: common_name={common_name} -> {name}\n".encode()


def test_users_xml(scene):
    certificate = "<ssl_certificates><common_name>bob</common_name></ssl_certificates>"
    assert not scene.native(scene.bob, "bob")
    scene.server.write_users(USERS.replace("<bob>", "<bob>" + certificate))
    eventually(lambda: scene.native(scene.bob, "bob"), what="bob's certificate")
    scene.server.write_users(USERS)
    eventually(lambda: not scene.native(scene.bob, "bob"), what="the end of it")
    assert scene.native(scene.alice, "alice").user == "alice"


def test_a_new_user(scene):
    zoe = scene.ca.issue("zoe", "zoe")
    assert not scene.native(zoe, "zoe")
    scene.server.write_users(USERS + user("zoe", "<ssl_certificates><common_name>zoe</common_name></ssl_certificates>"))
    eventually(lambda: scene.native(zoe, "zoe"), what="zoe")
    assert not clients.native(scene.server, scene.ca.file, None, "zoe", "")


def test_a_refused_users_xml_keeps_the_former_one(scene):
    """An empty value; the other users of the same file do not change either."""
    hollow = "<ssl_certificates><common_name></common_name></ssl_certificates>"
    good = USERS + user("zoe", "<ssl_certificates><common_name>zoe</common_name></ssl_certificates>")
    zoe = scene.ca.issue("zoe", "zoe")
    scene.server.write_users(good.replace("<bob>", "<bob>" + hollow))
    line = eventually(
        lambda: [one for one in scene.server.log().splitlines() if "<Error>" in one and "bob" in one], what="a line in the log"
    )
    assert "ssl_certificates" in line[0]
    assert not scene.native(zoe, "zoe")
    assert scene.native(scene.alice, "alice").user == "alice"
    with pytest.raises(RuntimeError, match="ssl_certificates"):
        scene.server.admin("SYSTEM RELOAD CONFIG")
    scene.server.write_users(good)
    eventually(lambda: scene.native(zoe, "zoe"), what="recovery")


RULE_FOR_BOB = "<rule><name>bob</name><common_name>bob</common_name><user>bob</user></rule>"


def test_mtls_section(scene):
    assert not scene.native(scene.bob, "bob")
    scene.server.write_config(mtls=scene.mtls(RULE_FOR_BOB))
    eventually(lambda: scene.native(scene.bob, "bob"), what="the new rule")
    scene.server.write_config(mtls=scene.mtls())
    eventually(lambda: not scene.native(scene.bob, "bob"), what="the end of the rule")


def test_mtls_section_in_config_d(scene):
    """A new file is merged, a changed one again, and both soon after they were written."""
    directory = scene.server.directory / "config.d"
    ask = lambda: clients.https(scene.server, scene.ca.file, scene.alice, {"X-ClickHouse-User": "alice"})  # noqa: E731
    content = "<yandex><mtls><certificate_login>{}</certificate_login></mtls></yandex>"
    assert ask().status == 401
    directory.mkdir()
    write(directory / "login.xml", content.format("always").encode())
    eventually(ask, what="the merged setting")  # the server itself looks for new files every two seconds
    write(directory / "login.xml", content.format("header").encode())
    eventually(lambda: not ask(), what="the changed one")


def test_a_refused_mtls_section_keeps_the_former_one(scene):
    scene.server.write_config(mtls=scene.mtls("<rule><name>half</name><common_name>bob</common_name></rule>"))
    said = eventually(scene.problems, what="a line in the log")
    assert "rule[1]" in "".join(said)
    assert scene.native(scene.alice, "alice").user == "alice"
    scene.server.write_config(mtls=scene.mtls(RULE_FOR_BOB))
    eventually(lambda: scene.native(scene.bob, "bob"), what="recovery")


def test_what_is_the_server_s_own_is_taken_from_a_refused_configuration(scene):
    """Also from one with a word where a truth value has to be."""
    client = scene.config.openssl_client
    macro = "SELECT substitution FROM system.macros"
    for value, wrong in (
        ("one", {"mtls": scene.mtls("<rule><name>half</name></rule>")}),
        ("two", {"openssl_client": "<extendedVerification>perhaps</extendedVerification>"}),
    ):
        before = len(scene.problems())
        scene.server.write_config(extra=f"<macros><m>{value}</m></macros>", **wrong)
        eventually(lambda value=value: scene.server.admin(macro) == value, what=f"macro {value}")
        refused = lambda before=before: any("the configuration was refused" in line for line in scene.problems()[before:])  # noqa: E731
        eventually(refused, what="a line in the log")
        assert scene.native(scene.alice, "alice").user == "alice"
    scene.server.write_config(mtls=scene.mtls(RULE_FOR_BOB), openssl_client=client)
    eventually(lambda: scene.native(scene.bob, "bob"), what="recovery")


def test_a_section_that_names_a_file_before_it_is_there(scene):
    """Refused at first, in force soon after the file has come, without another change of the configuration."""
    late = scene.directory / "late-rules"
    scene.server.write_config(mtls=scene.mtls(more="").replace(str(scene.rules), str(late)))
    eventually(lambda: any(str(late) in line for line in scene.problems()), what="a line in the log")
    write(late, rule_line("bob", "bob"))
    eventually(lambda: scene.native(scene.bob, "bob"), what="the late rule")


def test_listener_policy(scene):
    required = "<listeners><tcp_port_secure><client_certificate>required</client_certificate></tcp_port_secure></listeners>"
    server, ca = scene.server, scene.ca
    scene.server.write_users(USERS + user("open_user", "<password></password>"))
    eventually(lambda: clients.native(server, ca.file, None, "open_user"), what="the user")
    server.write_config(mtls=scene.mtls(more=required))
    eventually(lambda: not clients.native(server, ca.file, None, "open_user"), what="the new policy")
    assert scene.native(scene.alice, "alice").user == "alice"


def test_certificate_login(scene):
    assert clients.https(scene.server, scene.ca.file, scene.alice, {"X-ClickHouse-User": "alice"}).status == 401
    scene.server.write_config(mtls=scene.mtls(more="<certificate_login>always</certificate_login>"))
    eventually(
        lambda: clients.https(scene.server, scene.ca.file, scene.alice, {"X-ClickHouse-User": "alice"}), what="certificate_login"
    )


def test_a_granted_login_is_not_remembered_across_generations(scene):
    """The next request of a kept connection is judged anew, also in the second in which the same one was granted."""
    without_header = {"X-ClickHouse-User": "alice"}
    scene.server.write_config(mtls=scene.mtls(more="<certificate_login>always</certificate_login>"))
    eventually(lambda: clients.https(scene.server, scene.ca.file, scene.alice, without_header), what="certificate_login")
    with clients.HttpsConnection(scene.server, scene.ca.file, scene.alice) as kept:
        assert kept.ask(without_header).user == "alice"
        scene.server.write_config(mtls=scene.mtls())

        def in_force():
            kept.ask(without_header)
            return clients.https(scene.server, scene.ca.file, scene.alice, without_header).status == 401

        eventually(in_force, what="the end of certificate_login")
        assert kept.ask(without_header).status == 401
        assert kept.ask({**clients.ON, **without_header}).user == "alice"


def test_a_change_of_server_files_through_the_configuration(scene, openssl):
    """The configuration names other files: as good as other content."""
    pair = scene.ca.server("elsewhere")
    scene.server.write_config(openssl_server=openssl(scene.trusted, pair))
    eventually(lambda: scene.shown() == pair.serial, what="the certificate that the new configuration names")


def test_a_removed_section_stays_in_force_until_restart(scene):
    scene.server.write_config(mtls=None)
    eventually(lambda: any("restart" in line for line in scene.problems()), what="a line in the log")
    assert scene.native(scene.alice, "alice").user == "alice"


def test_a_users_xml_that_the_server_itself_refuses_changes_nothing(scene):
    """Two passwords for one user are an error of ClickHouse's own; what the module knows of users does not run ahead of it."""
    zoe = scene.ca.issue("zoe", "zoe")
    new = user("zoe", "<ssl_certificates><common_name>zoe</common_name></ssl_certificates>")
    wrong = user("twice", f"<password>x</password><password_sha256_hex>{'0' * 64}</password_sha256_hex>")
    scene.server.write_users(USERS.replace("<common_name>alice</common_name>", "<common_name>alicia</common_name>") + new + wrong)
    eventually(lambda: "twice" in scene.server.log(), what="a line in the log")
    eventually(lambda: scene.native(scene.alice, "alice"), what="the former state")
    assert not scene.native(zoe, "zoe")
    scene.server.write_users(USERS + new)
    eventually(lambda: scene.native(zoe, "zoe"), what="recovery")


def test_users_xml_while_another_file_is_broken(scene):
    """One generation: the users wait until everything fits again. Then they are in force, though nobody touched users.xml since."""
    zoe = scene.ca.issue("zoe", "zoe")
    good = scene.pair.certificate.read_bytes()
    write(scene.pair.certificate, b"rubbish\n", 0o644)
    eventually(scene.problems, what="a line in the log")
    scene.server.write_users(USERS + user("zoe", "<ssl_certificates><common_name>zoe</common_name></ssl_certificates>"))
    eventually(
        lambda: any("users configuration was refused" in line for line in scene.server.log().splitlines()),
        what="a line in the log",
    )
    assert not scene.native(zoe, "zoe")
    assert scene.native(scene.alice, "alice").user == "alice"
    write(scene.pair.certificate, good, 0o644)
    eventually(lambda: scene.native(zoe, "zoe"), within=60, what="the users configuration")  # a retry is due within 30 s


def test_a_setting_that_needs_a_restart_says_so(scene, openssl):
    section = openssl(scene.trusted, scene.pair, more="<cipherList>HIGH</cipherList>")
    scene.server.write_config(openssl_server=section)
    eventually(lambda: any("restarted" in line and "ciphers" in line for line in scene.problems()), what="a line in the log")
    assert scene.native(scene.alice, "alice").user == "alice"


def test_so_does_a_port(scene):
    scene.server.write_config(extra=scene.server.config.extra + "<interserver_http_port>1</interserver_http_port>")
    eventually(lambda: any("restarted" in line and "ports" in line for line in scene.problems()), what="a line in the log")
    assert scene.native(scene.alice, "alice").user == "alice"


def test_the_command_line_stays_on_top(patched, tmp_path, openssl):
    """What was given there at start holds after a reload of the file below."""
    ca = Authority(tmp_path / "pki", "Command CA")
    alice, bob = ca.issue("alice", "alice"), ca.issue("bob", "bob")
    config = Config(openssl_server=openssl(ca.file, ca.server()), mtls="", users=USERS)
    server = Server(patched, tmp_path / "server", config, arguments=("--", "--mtls.certificate_login=always"))
    with server:
        assert clients.https(server, ca.file, alice, {"X-ClickHouse-User": "alice"}).user == "alice"
        server.write_config(mtls=f"<certificate_login>header</certificate_login><users>{RULE_FOR_BOB}</users>")
        eventually(lambda: clients.native(server, ca.file, bob, "bob"), what="the reload")
        assert clients.https(server, ca.file, alice, {"X-ClickHouse-User": "alice"}).user == "alice"
