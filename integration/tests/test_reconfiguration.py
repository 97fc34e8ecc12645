"""The configuration and users.xml change while the server runs: in force a moment later, or refused and nothing has changed."""

import pytest
from lib import clients
from lib.pki import Authority, write
from lib.replaceable import USERS, rule_line, running
from lib.server import Config, Server, user
from lib.wait import eventually


@pytest.fixture
def scene(patched, tmp_path, openssl):
    with running(patched, tmp_path, openssl) as made:
        yield made


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
    eventually(lambda: "rule[1]" in "".join(scene.problems()), what="a line in the log")
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
