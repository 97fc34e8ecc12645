"""The audit trail of a real server: every attempt has a record, nothing is missing from it, and where it is asked for nobody enters
without one."""

import json
import subprocess

import pytest
from lib import clients
from lib.pki import Authority
from lib.server import Config, user
from lib.wait import eventually

RULE = "<users><rule><name>both</name><common_name>both</common_name><user>both</user><password>required</password></rule></users>"
USERS = user("both", "<password>known</password>")
USERS += user("alice", "<ssl_certificates><common_name>alice</common_name></ssl_certificates>") + user("bob", "<password>secret</password>")


class Scene:
    def __init__(self, server_factory, directory, openssl, build, on_failure):
        self.ca = Authority(directory / "pki")
        self.tool = build / "clickhouse-mtls"
        self.socket = directory / "admin.sock"
        self.trails = directory / "trails"
        self.trails.mkdir()
        self.file = self.trails / "audit.jsonl"
        mtls = f"<audit><file>{self.file}</file><on_failure>{on_failure}</on_failure></audit><admin><socket>{self.socket}</socket></admin>{RULE}"
        self.server = server_factory(Config(openssl_server=openssl(self.ca.file, self.ca.server()), mtls=mtls, users=USERS))
        self.server.start()
        self.alice = self.ca.issue("alice", "alice")
        self.both = self.ca.issue("both", "both")

    def native(self, pair, name, password=""):
        return clients.native(self.server, self.ca.file, pair, name, password)

    def records(self, **wanted):
        lines = [json.loads(line) for line in self.file.read_text().splitlines()]
        return [line for line in lines if all(line.get(key) == value for key, value in wanted.items())]

    def status(self):
        return subprocess.run([self.tool, "status", "--socket", self.socket, "--json"], capture_output=True, text=True, check=False)

    def verify(self, *files, head=None):
        more = [] if head is None else ["--head", head]
        return subprocess.run([self.tool, "audit", "verify", *files, *more], capture_output=True, text=True, check=False)


@pytest.fixture
def scene(request, server_factory, tmp_path, openssl, build):
    return Scene(server_factory, tmp_path, openssl, build, getattr(request, "param", "count"))


def test_every_attempt_has_a_record(scene):
    assert scene.native(scene.alice, "alice").user == "alice"
    assert clients.https_as(scene.server, scene.ca.file, scene.alice, "alice").user == "alice"
    assert not scene.native(scene.alice, "bob"), "a certificate is no password"
    assert scene.native(scene.alice, "bob", "secret").user == "bob"
    stranger = Authority(scene.ca.directory, "Stranger CA").issue("stranger", "alice")
    assert not scene.native(stranger, "alice")

    for interface in ("native", "http"):
        [granted] = scene.records(event="login", decision="granted", interface=interface)
        assert (granted["user"], int(granted["serial"], 16)) == ("alice", scene.alice.serial)
        assert granted["remote"].startswith("127.0.0.1:") and "CN" in granted["issuer"]
    declined = scene.records(event="login", decision="declined", asked="bob")
    assert len(declined) == 2 and all(int(each["serial"], 16) == scene.alice.serial for each in declined)
    [refused] = scene.records(event="peer", decision="refused", reason="UNKNOWN-CA")
    assert "alice" in refused["claims"] and "identity" not in refused
    [opened] = scene.records(event="session", decision="opened", interface="native", user="alice")
    ended = eventually(lambda: scene.records(event="session", decision="ended", session=opened["session"]), 30, "the end of the session")
    assert ended[0]["lasted_ms"] >= 0

    head = json.loads(scene.status().stdout)["audit"]["head"]
    assert scene.verify(scene.file, head=head).returncode == 0
    kept = scene.file.read_text().splitlines(keepends=True)
    shorter = scene.trails / "shorter.jsonl"
    shorter.write_text("".join(kept[:2] + kept[3:]))
    done = scene.verify(shorter)
    assert done.returncode == 1 and "record 3 is missing" in done.stdout
    shorter.write_text("".join(kept[:-1]))
    assert scene.verify(shorter, head=head).returncode == 1 and scene.verify(shorter).returncode == 0


def test_the_chain_goes_on_over_rotation_and_restart(scene):
    assert scene.native(scene.alice, "alice")
    rotated = scene.trails / "audit.jsonl.1"
    scene.file.rename(rotated)
    eventually(lambda: scene.native(scene.alice, "alice") and scene.file.exists(), 30, "a file of its own")
    scene.server.stop()
    scene.server.start()
    assert scene.native(scene.alice, "alice")
    done = scene.verify(rotated, scene.file)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("scene", ["count", "refuse"], indirect=True)
def test_when_it_cannot_be_written(scene, request):
    refuses = request.node.callspec.params["scene"] == "refuse"
    assert scene.native(scene.alice, "alice") and scene.native(scene.both, "both", "known")
    moved = scene.trails.with_name("moved")
    scene.trails.rename(moved)
    if refuses:
        eventually(lambda: not scene.native(scene.alice, "alice"), 30, "nobody is let in")
        assert "audit trail" in scene.native(scene.alice, "alice").text
        assert not scene.native(scene.both, "both", "known"), "nor by a certificate and a password"
        assert scene.native(None, "bob", "secret").user == "bob", "ClickHouse's own login is ClickHouse's"

    def told():
        let_in = scene.native(scene.alice, "alice")
        assert bool(let_in) != refuses
        done = scene.status()
        return json.loads(done.stdout)["audit"] if done.returncode == 1 else None

    audit = eventually(told, 30, "the status tells of it")
    assert audit["lost"] > 0 and str(scene.file) in audit["trouble"]
    moved.rename(scene.trails)
    eventually(lambda: scene.native(scene.alice, "alice"), 30, "somebody is let in again")
    eventually(lambda: scene.status().returncode == 0, 30, "nothing stands in the way")
    assert scene.verify(scene.file).returncode == 0
