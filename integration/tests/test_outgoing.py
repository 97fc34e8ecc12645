"""Connections that the server itself makes: openSSL.client."""

import time

import pytest
from lib import clients
from lib.pki import Authority, write
from lib.proxy import Silent
from lib.server import Config, Server, user
from lib.wait import eventually

USERS = user("with_password", "<password>correct horse</password>")


class Pairing:
    """`near` asks `far` over its secure native port, which requires a client certificate."""

    def __init__(self, patched, directory, openssl):
        self.ca = Authority(directory / "pki", "Cluster CA")
        self.trusted_by_near = write(directory / "trusted-by-near.crt", self.ca.pem, 0o644)
        self.trusted_by_far = write(directory / "trusted-by-far.crt", self.ca.pem, 0o644)
        self.far_pair = self.ca.server("far")
        self.node = self.ca.issue("node", "near-node")
        self.far = Server(
            patched,
            directory / "far",
            Config(openssl_server=openssl(self.trusted_by_far, self.far_pair, "strict"), mtls="", users=USERS),
        ).start()
        self.near = Server(
            patched,
            directory / "near",
            Config(
                openssl_server=openssl(self.ca.file, self.ca.server("near")),
                openssl_client=self.client(),
                mtls="",
                users=USERS,
                extra=self.cluster(),
            ),
        )

    def client(self, mode="relaxed", ca=None, more="", handler="RejectCertificateHandler", pair=None):
        pair = self.node if pair is None else pair
        return (
            f"<certificateFile>{pair.certificate}</certificateFile><privateKeyFile>{pair.key}</privateKeyFile>"
            f"<caConfig>{ca or self.trusted_by_near}</caConfig><verificationMode>{mode}</verificationMode>"
            f"<invalidCertificateHandler><name>{handler}</name></invalidCertificateHandler>{more}"
        )

    def cluster(self):
        return f"""<remote_servers><pair><shard><replica><host>127.0.0.1</host><port>{self.far.ports['tcp_port_secure']}</port>
<secure>1</secure><user>with_password</user><password>correct horse</password></replica></shard></pair></remote_servers>"""

    def ask(self):
        """True when `near` reaches `far`; otherwise what it says."""
        try:
            return self.near.admin("SELECT count() FROM remote_one") == "1"
        except RuntimeError as refused:
            self.said = str(refused)
            return False

    def start(self):
        self.near.start()
        self.near.admin(
            "CREATE TABLE IF NOT EXISTS remote_one AS system.one ENGINE = Distributed(pair, system, one)"
        )
        return self

    def stop(self):
        self.near.stop()
        self.far.stop()


@pytest.fixture
def pairing(patched, tmp_path, openssl):
    made = Pairing(patched, tmp_path, openssl)
    yield made
    made.stop()


def test_presents_its_certificate(pairing):
    assert pairing.start().ask(), pairing.said


def test_without_a_certificate_the_far_side_refuses(pairing):
    section = f"<caConfig>{pairing.trusted_by_near}</caConfig><verificationMode>relaxed</verificationMode>"
    pairing.near.write_config(openssl_client=section)
    assert not pairing.start().ask()


def test_verifies_the_far_side(pairing):
    other = Authority(pairing.near.directory / "pki", "Other CA")
    pairing.near.write_config(openssl_client=pairing.client(ca=other.file))
    assert not pairing.start().ask()


@pytest.mark.parametrize(
    ("mode", "handler"),
    [
        ("none", "RejectCertificateHandler"),
        (" None\n", "RejectCertificateHandler"),
        ("relaxed", "AcceptCertificateHandler"),
        ("relaxed", " acceptCertificateHandler\n"),
    ],
)
def test_unless_told_not_to(pairing, mode, handler):
    other = Authority(pairing.near.directory / "pki", "Other CA")
    pairing.near.write_config(openssl_client=pairing.client(ca=other.file, mode=mode, handler=handler))
    assert pairing.start().ask(), pairing.said
    eventually(lambda: "event=peer decision=unverified role=server" in pairing.near.log(), what="the line that says so")
    assert "decision=refused" not in pairing.near.log()


def test_own_certificate_is_replaced_live(pairing):
    pairing.start()
    assert pairing.ask(), pairing.said
    new = Authority(pairing.near.directory / "pki", "New CA")
    write(pairing.trusted_by_far, new.pem, 0o644)
    eventually(lambda: not pairing.ask(), what="the far side's refusal of the former certificate")
    renewed = new.issue("node", "near-node")
    write(pairing.node.key, renewed.key.read_bytes())
    write(pairing.node.certificate, renewed.certificate.read_bytes(), 0o644)
    eventually(pairing.ask, what="the new certificate")


def test_trust_in_the_far_side_is_replaced_live(pairing):
    pairing.start()
    assert pairing.ask(), pairing.said
    other = Authority(pairing.near.directory / "pki", "Other CA")
    write(pairing.trusted_by_near, other.pem, 0o644)
    # A connection that stands is kept and used again; the far side's end of it makes the near side connect anew.
    pairing.far.stop()
    pairing.far.start()
    eventually(lambda: not pairing.ask(), what="the refusal")
    write(pairing.trusted_by_near, other.pem + pairing.ca.pem, 0o644)
    eventually(pairing.ask, what="trust")


@pytest.mark.parametrize(("addresses", "reached"), [(("127.0.0.1",), True), ((), False)], ids=["named", "not-named"])
def test_extended_verification_compares_the_name(pairing, openssl, addresses, reached):
    pair = pairing.ca.issue("far-2", "far", dns=("far.example",), ip=addresses)
    pairing.far.write_config(openssl_server=openssl(pairing.trusted_by_far, pair, "strict"))
    eventually(
        lambda: ssl_der(pair) == clients.server_certificate(pairing.far, pairing.ca.file, pair=pairing.node), what="the far certificate"
    )
    pairing.near.write_config(openssl_client=pairing.client(more="<extendedVerification>true</extendedVerification>"))
    assert pairing.start().ask() == reached


@pytest.mark.parametrize(
    ("dns", "ip", "host", "reached"),
    [
        (("localhost",), (), "localhost", True),
        (("localhost",), (), "127.0.0.1", False),
        (("far.example",), ("127.0.0.1",), "127.0.0.1", True),
        (("far.example",), ("127.0.0.1",), "localhost", False),
    ],
    ids=["name", "address-for-name", "address", "name-for-address"],
)
def test_url_compares_what_it_was_given(pairing, openssl, dns, ip, host, reached):
    """The server hands Poco the address of the host, and keeps the name to itself."""
    pair = pairing.ca.issue("far-2", "far", dns=dns, ip=ip)
    pairing.far.write_config(openssl_server=openssl(pairing.trusted_by_far, pair, "strict"))
    eventually(
        lambda: ssl_der(pair) == clients.server_certificate(pairing.far, pairing.ca.file, pair=pairing.node), what="the far certificate"
    )
    pairing.near.write_config(openssl_client=pairing.client(more="<extendedVerification>true</extendedVerification>"))
    pairing.near.start()
    url = f"https://{host}:{pairing.far.ports['https_port']}/?user=with_password&password=correct%20horse&query=SELECT%207"
    query = f"SELECT x FROM url('{url}', TSV, 'x UInt8')"
    if reached:
        assert pairing.near.admin(query) == "7"
    else:
        with pytest.raises(RuntimeError, match="clickhouse-mtls: .*" + host):
            pairing.near.admin(query)


@pytest.mark.parametrize(("dns", "reached"), [("localhost", True), ("far.example", False)])
def test_dictionaries_go_by_the_same_rules(pairing, openssl, dns, reached):
    pair = pairing.ca.issue("far-2", "far", dns=(dns,))
    pairing.far.write_config(openssl_server=openssl(pairing.trusted_by_far, pair, "strict"))
    eventually(
        lambda: ssl_der(pair) == clients.server_certificate(pairing.far, pairing.ca.file, pair=pairing.node), what="the far certificate"
    )
    query = "user=with_password&amp;password=correct%20horse&amp;query=SELECT%20toUInt64(1),'seven'"
    dictionary = f"""<yandex><dictionary><name>numbers</name><lifetime>0</lifetime><layout><flat/></layout>
<source><http><url>https://localhost:{pairing.far.ports['https_port']}/?{query}</url><format>TSV</format></http></source>
<structure><id><name>id</name></id><attribute><name>word</name><type>String</type><null_value/></attribute></structure>
</dictionary></yandex>"""
    write(pairing.near.directory / "numbers_dictionary.xml", dictionary.encode())
    pairing.near.write_config(
        openssl_client=pairing.client(more="<extendedVerification>true</extendedVerification>"),
        extra="<dictionaries_config>*_dictionary.xml</dictionaries_config>",
    )
    pairing.near.start()
    ask = "SELECT dictGetString('numbers', 'word', toUInt64(1))"
    if reached:
        assert pairing.near.admin(ask) == "seven"
    else:
        with pytest.raises(RuntimeError, match="clickhouse-mtls: .*localhost"):
            pairing.near.admin(ask)


def test_native_connections_send_the_configured_name(pairing):
    by_name = pairing.ca.issue("by-name", "chosen-by-name", dns=("localhost",))
    pairing.far.write_config(
        mtls=f"<server_certificates><certificate><server_name>localhost</server_name><certificateFile>{by_name.certificate}"
        f"</certificateFile><privateKeyFile>{by_name.key}</privateKeyFile></certificate></server_certificates>"
    )
    eventually(
        lambda: ssl_der(by_name) == clients.server_certificate(pairing.far, pairing.ca.file, pair=pairing.node), what="the certificate"
    )
    pairing.near.write_config(extra=pairing.cluster().replace("127.0.0.1", "localhost"))
    assert pairing.start().ask(), pairing.said
    assert 'identity="CN=chosen-by-name' in pairing.near.log()


def test_so_does_url(pairing):
    by_name = pairing.ca.issue("by-name", "chosen-by-name", dns=("localhost",))
    pairing.far.write_config(
        mtls=f"<server_certificates><certificate><server_name>localhost</server_name><certificateFile>{by_name.certificate}"
        f"</certificateFile><privateKeyFile>{by_name.key}</privateKeyFile></certificate></server_certificates>"
    )
    eventually(
        lambda: ssl_der(by_name) == clients.server_certificate(pairing.far, pairing.ca.file, pair=pairing.node), what="the certificate"
    )
    pairing.near.start()
    url = f"https://localhost:{pairing.far.ports['https_port']}/?user=with_password&password=correct%20horse&query=SELECT%207"
    assert pairing.near.admin(f"SELECT x FROM url('{url}', TSV, 'x UInt8')") == "7"
    assert 'identity="CN=chosen-by-name' in pairing.near.log()


def ssl_der(pair):
    import ssl

    return ssl.PEM_cert_to_DER_cert(pair.certificate.read_text())


def test_what_is_asked_of_servers_is_changed_live(pairing):
    """verificationMode and extendedVerification, on and off; also for the connection that stands."""
    other = Authority(pairing.near.directory / "pki", "Other CA")
    pairing.start()
    assert pairing.ask(), pairing.said
    named = "<extendedVerification>true</extendedVerification>"
    pairing.near.write_config(openssl_client=pairing.client(more=named))
    eventually(lambda: pairing.near.log().count("is in force") >= 2, what="extendedVerification")
    eventually(pairing.ask, what="a far side that has the name 127.0.0.1")  # the connection that stood proved none

    def taken(count):
        return lambda: pairing.near.log().count("is in force") >= count

    pairing.near.write_config(openssl_client=pairing.client(ca=other.file))
    eventually(taken(3), what="the other authority")
    eventually(lambda: not pairing.ask(), what="the refusal")
    pairing.near.write_config(openssl_client=pairing.client(ca=other.file, mode="none"))
    eventually(taken(4), what="verificationMode none")
    eventually(pairing.ask, what="whoever it is")
    pairing.near.write_config(openssl_client=pairing.client(ca=other.file))
    eventually(lambda: not pairing.ask(), what="the refusal, also on the connection that stood")
    pairing.near.write_config(openssl_client=pairing.client())
    eventually(pairing.ask, what="trust")


def test_a_peer_that_says_nothing_takes_its_timeout_once(pairing):
    seconds = 10
    pairing.start()
    assert pairing.ask(), pairing.said
    timeouts = "&".join(f"http_{which}_timeout={seconds}" for which in ("connection", "send", "receive"))
    with Silent() as silent:
        begun = time.monotonic()
        with pytest.raises(RuntimeError, match="[Tt]imeout"):
            pairing.near.admin(f"SELECT * FROM url('https://127.0.0.1:{silent.port}/', TSV, 'x String')", timeouts)
        assert seconds - 1 < time.monotonic() - begun < 2 * seconds - 1
