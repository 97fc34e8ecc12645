"""Private keys in the server's memory: where their numbers lie, and who may look there."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from lib import clients
from lib.memory import places
from lib.pki import Authority, rsa_key
from lib.server import Config, Server, user
from lib.wait import eventually

USERS = user("alice", "<ssl_certificates><common_name>alice</common_name></ssl_certificates>")
NOBODY = 65534


def secrets_of(key_file):
    """The numbers that make the key, by name."""
    key = serialization.load_pem_private_key(Path(key_file).read_bytes(), None)
    numbers = key.private_numbers()
    names = ["private_value"] if hasattr(numbers, "private_value") else ["d", "p", "q"]
    return {name: getattr(numbers, name) for name in names}


def places_of(pid, value):
    """As written (big-endian) and as OpenSSL computes (little-endian)."""
    size = (value.bit_length() + 7) // 8
    return places(pid, value.to_bytes(size, "big")) + places(pid, value.to_bytes(size, "little"))


# With RSA OpenSSL keeps, beside what it has computed for speed, each prime once in ordinary memory (BN_MONT_CTX).
@pytest.mark.parametrize(("kind", "remain"), [("ec", {}), ("rsa", {"p": 1, "q": 1})])
def test_what_a_core_holds_of_a_key(server_factory, authority, openssl, kind, remain):
    pair = authority.server(key=rsa_key()) if kind == "rsa" else authority.server()
    alice = authority.issue("alice", "alice")
    config = Config(openssl_server=openssl(authority.file, pair), mtls="<core_dumps>true</core_dumps>", users=USERS)
    with server_factory(config) as server:
        for _ in range(5):
            assert clients.native(server, authority.file, alice, "alice").user == "alice"
        for name, value in secrets_of(pair.key).items():
            found = [dumped for _, dumped in places_of(server.process.pid, value)]
            print(f"{kind} {name}: {found.count(False)} times where no core takes it from, {found.count(True)} times elsewhere")
            assert False in found, "the search finds what is there"
            assert found.count(True) <= remain.get(name, 0)


class ServerOfNobody(Server):
    """Run by a user of its own, whose processes must not look into it."""

    def launch(self):
        for path in [self.directory, *self.directory.rglob("*")]:
            os.chown(path, NOBODY, NOBODY)
        with open(self.directory / "output.log", "ab") as output:
            self.process = subprocess.Popen(
                [str(self.binary), f"--config-file={self.config_file}"],
                stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd=self.directory, start_new_session=True,
                user=NOBODY, group=NOBODY, extra_groups=[],
            )


@pytest.mark.parametrize(("setting", "owner"), [("", 0), ("<core_dumps>true</core_dumps>", NOBODY)])
def test_who_may_look_into_the_process(patched, build, openssl, setting, owner):
    """The kernel gives /proc/PID of a process that is not dumpable to root."""
    directory = Path(tempfile.mkdtemp(prefix="chmtls-keys-"))
    try:
        directory.chmod(0o755)
        closed = [path for path in (build / "libclickhouse_mtls.so").parents if not path.stat().st_mode & 0o001]
        if closed:
            pytest.skip(f"{closed[0]} is closed to others")
        binary = Path(shutil.copy(patched, directory))
        ca = Authority(directory / "pki", "Keys CA")
        config = Config(openssl_server=openssl(ca.file, ca.server()), mtls=setting, users=USERS)
        for path in (directory / "pki").rglob("*"):
            os.chown(path, NOBODY, NOBODY)
        os.chown(directory / "pki", NOBODY, NOBODY)
        with ServerOfNobody(binary, directory / "server", config) as server:
            status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="utf-8")
            assert f"Uid:\t{NOBODY}" in status
            eventually(lambda: os.stat(f"/proc/{server.process.pid}/mem").st_uid == owner, what="the owner of its memory")
    finally:
        shutil.rmtree(directory)
