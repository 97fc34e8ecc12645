"""X-ClickHouse-SSL-Certificate-Auth and certificate_login."""

import base64
import subprocess

import pytest
from lib import clients
from lib.server import user

ASK = {**clients.ON, "X-ClickHouse-User": "alice"}

MIXED = {
    "key": ({**ASK, "X-ClickHouse-Key": "x"}, {}),
    "basic": ({**ASK, "Authorization": "Basic " + base64.b64encode(b"alice:x").decode()}, {}),
    "basic-instead-of-the-user": ({**clients.ON, "Authorization": "Basic " + base64.b64encode(b"alice:").decode()}, {}),
    "url-user": ({**clients.ON}, {"user": "alice"}),
    "url-password": ({**ASK}, {"password": "x"}),
}


@pytest.mark.parametrize(("headers", "parameters"), MIXED.values(), ids=MIXED.keys())
def test_mixing_with_other_credentials_is_refused(world, headers, parameters):
    answer = clients.https(world.server, world.ca.file, world.alice, headers, parameters)
    assert not answer
    assert answer.status == 401
    assert clients.https(world.server, world.ca.file, world.alice, ASK).user == "alice"


def test_curl_the_classic_way(world):
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--cacert", world.ca.file, "--cert", world.alice.certificate, "--key", world.alice.key]
        + ["-H", "X-ClickHouse-SSL-Certificate-Auth: on", "-H", "X-ClickHouse-User: alice"]
        + [f"https://localhost:{world.server.ports['https_port']}/?query=SELECT+1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "1", done


def test_without_the_header_the_certificate_is_no_login(world):
    answer = clients.https(world.server, world.ca.file, world.alice, {"X-ClickHouse-User": "alice"})
    assert answer.status == 401
    assert clients.https(world.server, world.ca.file, world.carol).status == 401


@pytest.mark.parametrize("value", ["off", "", "yes", "1"])
def test_any_other_value_does_not_ask(world, value):
    headers = {"X-ClickHouse-SSL-Certificate-Auth": value, "X-ClickHouse-User": "alice"}
    assert clients.https(world.server, world.ca.file, world.alice, headers).status == 401


def test_the_header_on_the_plain_port_is_refused(world):
    assert clients.http_plain(world.server, ASK).status == 401
    assert clients.http_plain(world.server, {**clients.ON, "X-ClickHouse-User": "open_user"}).status == 401
    assert clients.http_plain(world.server, {"X-ClickHouse-User": "open_user"}).user == "open_user"


def test_each_request_of_a_kept_connection_is_its_own_login(world):
    with clients.HttpsConnection(world.server, world.ca.file, world.alice) as connection:
        assert connection.ask(ASK).user == "alice"
        assert connection.ask({"X-ClickHouse-User": "with_password", "X-ClickHouse-Key": "correct horse"}).user == "with_password"
        assert connection.ask({"X-ClickHouse-User": "alice"}).status == 401
        assert connection.ask({**clients.ON, "X-ClickHouse-User": "carol"}).status == 401
        assert connection.ask(ASK).user == "alice"


class TestAlways:
    """certificate_login = always"""

    @pytest.fixture(scope="class")
    def server(self, patched, world, tmp_path_factory, openssl):
        from lib.server import Config, Server

        users = user("alice", "<ssl_certificates><common_name>alice</common_name></ssl_certificates>") + user("carol")
        users += user("with_password", "<password>correct horse</password>")
        mtls = """<certificate_login>always</certificate_login><users><rule><name>people</name>
<common_name>{who}.people.example</common_name><user>{who}</user></rule></users>"""
        directory = tmp_path_factory.mktemp("always")
        config = Config(openssl_server=openssl(world.ca.file, world.ca.server("always-server")), mtls=mtls, users=users)
        with Server(patched, directory, config) as server:
            yield server

    def test_a_certificate_is_enough(self, server, world):
        assert clients.https(server, world.ca.file, world.carol).user == "carol"

    def test_a_named_user_must_be_the_certificate_s(self, server, world):
        assert clients.https(server, world.ca.file, world.carol, {"X-ClickHouse-User": "carol"}).user == "carol"
        assert clients.https(server, world.ca.file, world.alice, {"X-ClickHouse-User": "alice"}).user == "alice"
        assert clients.https(server, world.ca.file, world.carol, {"X-ClickHouse-User": "alice"}).status == 401

    def test_the_one_user_whose_ssl_certificates_match_is_found_without_a_rule(self, server, world):
        assert clients.https(server, world.ca.file, world.alice).user == "alice"

    def test_no_rule_is_a_refusal(self, server, world):
        assert clients.https(server, world.ca.file, world.unmapped).status == 401

    def test_the_header_still_works(self, server, world):
        assert clients.https_as(server, world.ca.file, world.carol, "carol").user == "carol"

    @pytest.mark.parametrize("way", ["headers", "url"])
    def test_other_credentials_win(self, server, world, way):
        if way == "headers":
            answer = clients.https(
                server, world.ca.file, world.carol, {"X-ClickHouse-User": "with_password", "X-ClickHouse-Key": "correct horse"}
            )
        else:
            answer = clients.https(
                server, world.ca.file, world.carol, None, {"user": "with_password", "password": "correct horse"}
            )
        assert answer.user == "with_password"

    @pytest.mark.parametrize(
        ("browser", "served"),
        [
            ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, False),
            ({"Sec-Fetch-Site": "same-site"}, False),
            ({"Origin": "https://evil.example"}, False),
            ({"Origin": "null"}, False),
            ({"Referer": "https://evil.example/form.html"}, False),
            ({"Sec-Fetch-Site": "none"}, True),
            ({"Sec-Fetch-Site": "same-origin"}, True),
            ({"Origin": "https://localhost:{port}"}, True),
            ({"Referer": "https://localhost:{port}/play"}, True),
        ],
    )
    def test_what_another_site_makes_a_browser_ask_is_refused(self, server, world, browser, served):
        """A form of another site, or a link on it: the browser shows the certificate, and its holder knows nothing of it."""
        headers = {name: value.replace("{port}", str(server.ports["https_port"])) for name, value in browser.items()}
        answer = clients.https(server, world.ca.file, world.carol, headers)
        if served:
            assert answer.user == "carol"
        else:
            assert answer.status == 401 and "another site" in answer.text
            # With a header that no other site can make a browser send it is the wish of who asks.
            asked = {**headers, **clients.ON, "X-ClickHouse-User": "carol"}
            assert clients.https(server, world.ca.file, world.carol, asked).user == "carol"
