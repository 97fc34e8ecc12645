"""Who may vouch for whom, on a real server: signed policy, rules bound to an issuer, what could forge an identity, modes of listeners."""

import subprocess

import pytest
from lib import clients
from lib.pki import Authority, write
from lib.server import Config, Server, user
from lib.wait import eventually

USERS = "".join(user(name) for name in ("alice", "bob"))


class Scene:
    def __init__(self, patched, directory, openssl):
        self.directory = directory
        self.openssl = openssl
        self.ca = Authority(directory / "pki", "Policy CA")
        self.pair = self.ca.server()
        self.alice, self.bob = self.ca.issue("alice", "alice"), self.ca.issue("bob", "bob")
        self.server = Server(patched, directory / "server", Config(openssl_server=openssl(self.ca.file, self.pair), users=USERS))

    def who(self, pair, name, ask=clients.native):
        return ask(self.server, self.ca.file, pair, name).user

    def logged(self, *parts):
        """In one line of the log."""
        return any(all(part in line for part in parts) for line in self.server.log().splitlines())


@pytest.fixture
def scene(patched, tmp_path, openssl):
    made = Scene(patched, tmp_path, openssl)
    yield made
    made.server.stop()


@pytest.fixture
def minisign(tmp_path):
    """sign(file, sequence), by the real program; its public key is policy.pub."""
    public, secret = tmp_path / "policy.pub", tmp_path / "policy.key"
    subprocess.run(["minisign", "-G", "-W", "-p", public, "-s", secret], check=True, capture_output=True)

    def sign(path, sequence):
        new = path.with_name("new.minisig")
        comment = f"sequence:{sequence} file:{path.name}"
        subprocess.run(["minisign", "-S", "-H", "-s", secret, "-t", comment, "-m", path, "-x", new], check=True, capture_output=True)
        new.rename(path.with_name(path.name + ".minisig"))

    return sign


def rules(*users):
    return "".join(f"{name}: common_name={name} -> {name}\n" for name in users).encode()


def test_signed_rules(scene, minisign, tmp_path):
    file = write(tmp_path / "rules.txt", rules("alice"), 0o644)
    minisign(file, 5)
    scene.server.write_config(
        mtls=f"""<users><rules_file>{file}</rules_file></users><poll_interval>0.2</poll_interval>
<signed_policy><public_key>{tmp_path / 'policy.pub'}</public_key><require>rules</require>
<state_file>{tmp_path / 'sequences'}</state_file></signed_policy>"""
    )
    scene.server.start()
    assert scene.who(scene.alice, "alice") == "alice"
    assert scene.who(scene.bob, "bob") is None

    # Changed without a signature: the last good stays.
    write(file, rules("alice", "bob"), 0o644)
    eventually(lambda: scene.logged("rules.txt.minisig", "does not fit the file"), what="a word on the signature")
    assert (scene.who(scene.alice, "alice"), scene.who(scene.bob, "bob")) == ("alice", None)
    # Signed, but older than what is in force.
    minisign(file, 4)
    eventually(lambda: scene.logged("rules.txt", "sequence"), what="a word on the sequence")
    assert scene.who(scene.bob, "bob") is None
    minisign(file, 6)
    eventually(lambda: scene.who(scene.bob, "bob") == "bob", what="the signed rules")

    # Remembered across a restart: the former version is no longer taken, and there is no last good to stay.
    write(file, rules("alice"), 0o644)
    minisign(file, 5)
    scene.server.stop()
    assert "sequence" in scene.server.start_refused()
    minisign(file, 7)
    scene.server.start()
    assert (scene.who(scene.alice, "alice"), scene.who(scene.bob, "bob")) == ("alice", None)


def test_a_rule_bound_to_its_issuer(scene):
    other = Authority(scene.ca.directory, "Other CA")
    both = write(scene.directory / "both.crt", scene.ca.pem + other.pem, 0o644)
    scene.server.write_config(
        openssl_server=scene.openssl(both, scene.pair),
        mtls="""<users><rule><name>alice</name><common_name>alice</common_name><issuer>CN=Policy CA</issuer><user>alice</user></rule>
<rule><name>bob</name><common_name>bob</common_name><user>bob</user></rule></users>""",
    )
    scene.server.start()
    assert scene.who(scene.alice, "alice") == "alice"
    assert scene.who(other.issue("other-alice", "alice"), "alice") is None, "the same name, of another authority that is trusted"
    assert scene.who(other.issue("other-bob", "bob"), "bob") == "bob"


@pytest.mark.parametrize(
    ("setting", "change"),
    [
        ("verificationMode", lambda section: section.replace("<verificationMode>relaxed", "<verificationMode>none")),
        ("AcceptCertificateHandler", lambda section: section.replace("MtlsCertificateHandler", "AcceptCertificateHandler")),
        ("loadDefaultCAFile", lambda section: section + "<loadDefaultCAFile>true</loadDefaultCAFile>"),
    ],
)
def test_what_could_forge_an_identity_is_not_taken_by_a_reload(scene, setting, change):
    section = scene.openssl(scene.ca.file, scene.pair)
    users = "<users><rule><name>alice</name><common_name>alice</common_name><user>alice</user></rule></users>"
    scene.server.write_config(openssl_server=section, mtls=users)
    scene.server.start()
    assert scene.who(scene.alice, "alice") == "alice"
    assert change(section) != section
    scene.server.write_config(openssl_server=change(section))
    eventually(lambda: scene.logged("FORGEABLE", setting) or scene.logged("refused", setting), what="the refusal")
    stranger = Authority(scene.ca.directory, "Stranger CA").issue("stranger", "alice")
    assert (scene.who(scene.alice, "alice"), scene.who(stranger, "alice")) == ("alice", None)


def test_one_listener_observes_the_other_enforces(scene):
    limits = "<limits><users><max_certificate_lifetime>1h</max_certificate_lifetime></users></limits>"
    scene.server.write_users(user("alice", "<password>correct horse</password>"))
    scene.server.write_config(mtls=f"<listeners><https_port><mode>observe</mode></https_port></listeners>{limits}")
    scene.server.start()

    def native():
        return clients.native(scene.server, scene.ca.file, scene.alice, "alice", "correct horse").user

    def https():
        headers = {"X-ClickHouse-User": "alice", "X-ClickHouse-Key": "correct horse"}
        return clients.https(scene.server, scene.ca.file, scene.alice, headers).user

    assert (native(), https()) == (None, "alice")
    scene.server.write_config(mtls=limits)
    eventually(lambda: https() is None, what="enforcement on the other")
    scene.server.write_config(mtls="")
    eventually(lambda: (native(), https()) == ("alice", "alice"), what="logins without the limit")
