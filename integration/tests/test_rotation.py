"""Everything that a decision needs is replaced on disk and in use a moment later: no restart, no failed handshake."""

import os
import shutil
import ssl
import subprocess
import threading

import pytest
from lib import clients
from lib.pki import DAY, Authority, Pair, write
from lib.replaceable import NO_RULES, USERS, rule_line, running, serial_of
from lib.server import Config, Server
from lib.wait import eventually, stays


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


@pytest.fixture
def scene(patched, tmp_path, openssl):
    with running(patched, tmp_path, openssl) as made:
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
    stays(lambda: scene.shown() != serial_of(ssl.PEM_cert_to_DER_cert(certificate.decode())), during=0.6)
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
                        lambda serial=pair.serial: serial_of(clients.server_certificate(server, ca.file, pair=alice)) == serial,
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
