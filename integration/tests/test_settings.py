"""The familiar openSSL.* keys mean what ClickHouse's documentation says, or the server does not start."""

import os
import socket
import ssl
import subprocess

import pytest
from lib import clients
from lib.pki import Authority, rsa_key, write
from lib.server import Config, user
from lib.wait import eventually

USERS = user("alice", "<ssl_certificates><common_name>alice</common_name></ssl_certificates>")
V12 = ssl.TLSVersion.TLSv1_2
V13 = ssl.TLSVersion.TLSv1_3


@pytest.fixture
def make(server_factory, world, openssl):
    """A server of the world's authority with more in openSSL.server."""

    def build(more="", pair=None, ca=None, mode="relaxed", **config):
        pair = pair or world.ca.server("settings-server")
        config.setdefault("mtls", "")
        return server_factory(Config(openssl_server=openssl(ca or world.ca.file, pair, mode, more), users=USERS, **config))

    return build


def handshake(server, world, version=None, ciphers=None, port="tcp_port_secure"):
    """(protocol, cipher) or None when there is no connection."""
    context = clients.tls_context(world.ca.file, world.alice, version)
    if ciphers:
        context.set_ciphers(ciphers)
    try:
        with socket.create_connection(("127.0.0.1", server.ports[port]), timeout=10) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as secure:
                return secure.version(), secure.cipher()[0]
    except (ssl.SSLError, OSError):
        return None


def test_cipher_list(make, world):
    with make("<cipherList>ECDHE-ECDSA-AES128-GCM-SHA256</cipherList>") as server:
        assert handshake(server, world, V12) == ("TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256")
        assert handshake(server, world, V12, "ECDHE-ECDSA-AES256-GCM-SHA384") is None


def test_cipher_suites(make, world):
    with make("<cipherSuites>TLS_CHACHA20_POLY1305_SHA256</cipherSuites>") as server:
        assert handshake(server, world, V13) == ("TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256")


def test_prefer_server_ciphers(make, world):
    ours = "<cipherList>ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256</cipherList>"
    theirs = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384"
    with make(ours + "<preferServerCiphers>true</preferServerCiphers>") as server:
        assert handshake(server, world, V12, theirs)[1] == "ECDHE-ECDSA-AES256-GCM-SHA384"
    with make(ours + "<preferServerCiphers>false</preferServerCiphers>") as server:
        assert handshake(server, world, V12, theirs)[1] == "ECDHE-ECDSA-AES128-GCM-SHA256"


def test_require_tls_1_2_is_tls_1_2(make, world):
    with make("<requireTLSv1_2>true</requireTLSv1_2>") as server:
        assert handshake(server, world, V12)
        assert handshake(server, world, V13) is None


def test_disable_protocols(make, world):
    with make("<disableProtocols>sslv2,sslv3,tlsv1,tlsv1_1,tlsv1_2</disableProtocols>") as server:
        assert handshake(server, world, V13)
        assert handshake(server, world, V12) is None


def test_both_versions_by_default(make, world):
    with make() as server:
        assert handshake(server, world, V13)[0] == "TLSv1.3"
        assert handshake(server, world, V12)[0] == "TLSv1.2"


DHE = "DHE-RSA-AES256-GCM-SHA384"


def test_ephemeral_diffie_hellman_without_parameters(make, world):
    with make(pair=world.ca.server("rsa-server", key=rsa_key())) as server:
        assert handshake(server, world, V12, DHE) == ("TLSv1.2", DHE)


def test_dh_params_file(make, world, tmp_path):
    parameters = subprocess.run(
        ["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe3072"], capture_output=True, check=True
    ).stdout
    file = write(tmp_path / "dh.pem", parameters)
    with make(f"<dhParamsFile>{file}</dhParamsFile>", pair=world.ca.server("rsa-server", key=rsa_key())) as server:
        assert handshake(server, world, V12, DHE) == ("TLSv1.2", DHE)
        said = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{server.ports['https_port']}", "-tls1_2", "-cipher", DHE],
            input="",
            capture_output=True,
            text=True,
            check=False,
        )
        assert "DH, 3072 bits" in said.stdout


@pytest.mark.parametrize(("command", "used"), [(("-dsaparam", "2048"), True), (("512",), False)], ids=["dsaparam", "too small"])
def test_dh_params_file_of_other_kinds(make, world, tmp_path, command, used):
    """What a stock server starts with; parameters below the security level are not used, and the log says so."""
    parameters = subprocess.run(["openssl", "dhparam", *command], capture_output=True, check=True).stdout
    file = write(tmp_path / "dh.pem", parameters)
    with make(f"<dhParamsFile>{file}</dhParamsFile>", pair=world.ca.server("rsa-server", key=rsa_key())) as server:
        assert handshake(server, world, V12, DHE) == ("TLSv1.2", DHE)
        assert ("the parameters are too small" in server.log()) != used


def test_verification_depth(make, world, tmp_path):
    """The number of authorities between the leaf and the one we trust."""
    middle = Authority(tmp_path / "middle", "Middle CA", parent=world.ca)
    alice = middle.issue("alice", "alice")
    with make() as server:
        assert clients.native(server, world.ca.file, alice, "alice").user == "alice"
    with make("<verificationDepth>0</verificationDepth>") as server:
        assert not clients.native(server, world.ca.file, alice, "alice")
        assert clients.native(server, world.ca.file, world.alice, "alice").user == "alice"


def hashed_directory(directory, *authorities):
    directory.mkdir(exist_ok=True)
    for authority in authorities:
        write(directory / authority.file.name, authority.pem, 0o644)
    subprocess.run(["openssl", "rehash", directory], check=True, capture_output=True)
    return directory


def test_ca_config_as_a_hashed_directory(make, world, tmp_path):
    directory = hashed_directory(tmp_path / "cas", world.ca, Authority(tmp_path / "third", "Third CA"))
    with make(ca=directory) as server:
        assert clients.native(server, world.ca.file, world.alice, "alice").user == "alice"
        assert not clients.native(server, world.ca.file, world.of_other_ca, "alice")


def test_system_authorities_do_not_vouch_for_clients(server_factory, world):
    pair = world.ca.server("settings-server")
    section = f"<certificateFile>{pair.certificate}</certificateFile><privateKeyFile>{pair.key}</privateKeyFile>"
    section += "<verificationMode>relaxed</verificationMode>"

    def server(flag):
        config = Config(openssl_server=f"{section}<loadDefaultCAFile>{flag}</loadDefaultCAFile>", mtls="", users=USERS)
        made = server_factory(config)
        made.environment["SSL_CERT_FILE"] = str(world.ca.file)  # what OpenSSL takes for the system's
        return made

    with server("false") as silent:
        assert not clients.native(silent, world.ca.file, world.alice, "alice")
    assert "openSSL.server.loadDefaultCAFile" in server("true").start_refused()


def test_an_authority_that_leaves_the_systems_store_vouches_no_more(server_factory, world, tmp_path, openssl):
    third = Authority(tmp_path / "third", "Third CA")
    store = hashed_directory(tmp_path / "store", world.ca, third)
    alice, bob = world.alice, third.issue("bob", "bob")
    users = "".join(user(name, "<password>correct horse</password>") for name in ("alice", "bob"))
    section = openssl(world.ca.file, world.ca.server("settings-server"), "strict", "<loadDefaultCAFile>true</loadDefaultCAFile>")
    section = section.replace(f"<caConfig>{world.ca.file}</caConfig>", "")
    # Without an entry for a certificate the users have their passwords, and certificates only let them that far.
    server = server_factory(Config(openssl_server=section, mtls="<poll_interval>3600</poll_interval>", users=users))
    server.environment |= {"SSL_CERT_FILE": str(tmp_path / "missing"), "SSL_CERT_DIR": str(store)}

    def who(pair, name):
        return clients.native(server, world.ca.file, pair, name, "correct horse").user

    with server:
        assert (who(alice, "alice"), who(bob, "bob")) == ("alice", "bob")
        (hashed,) = [link for link in store.glob("*.0") if link.resolve().name == third.file.name]
        (store / third.file.name).unlink()
        hashed.unlink()
        eventually(lambda: who(bob, "bob") is None, what="the authority to be gone")
        assert who(alice, "alice") == "alice"
        assert "UNKNOWN-CA" in server.log()
        hashed_directory(store, third)
        eventually(lambda: who(bob, "bob") == "bob", what="the authority to be back")


def test_private_key_passphrase(make, world):
    pair = world.ca.server("secret-server", passphrase="open sesame")

    def handler(password):
        return (
            "<privateKeyPassphraseHandler><name>KeyFileHandler</name>"
            f"<options><password>{password}</password></options></privateKeyPassphraseHandler>"
        )

    with make(handler("open sesame"), pair=pair) as server:
        assert clients.native(server, world.ca.file, world.alice, "alice").user == "alice"
    said = make(handler("wrong words"), pair=pair).start_refused()
    assert str(pair.key) in said
    assert "wrong words" not in said


def test_several_certificates_by_sni(make, world):
    other = world.ca.issue("sni-server", "other.example", dns=("other.example",))
    mtls = f"""<server_certificates><certificate><server_name>other.example</server_name>
<certificateFile>{other.certificate}</certificateFile><privateKeyFile>{other.key}</privateKeyFile></certificate></server_certificates>"""
    with make(mtls=mtls) as server:
        default = clients.server_certificate(server, world.ca.file, pair=world.alice)
        assert clients.server_certificate(server, world.ca.file, name="unknown.example", pair=world.alice) == default
        by_name = clients.server_certificate(server, world.ca.file, name="other.example", pair=world.alice)
        assert by_name != default
        assert by_name == ssl.PEM_cert_to_DER_cert(other.certificate.read_text())


def test_root_element_clickhouse(make, world):
    with make(root="clickhouse") as server:
        assert clients.native(server, world.ca.file, world.alice, "alice").user == "alice"


def test_module_by_path(make, world, build):
    with make(mtls=f"<module>{build}/libclickhouse_mtls.so</module>") as server:
        assert clients.native(server, world.ca.file, world.alice, "alice").user == "alice"


def test_a_readable_key_gets_a_warning(make, world):
    pair = world.ca.server("open-server")
    os.chmod(pair.key, 0o644)
    with make(pair=pair) as server:
        assert any("Warning" in line and str(pair.key) in line for line in server.log().splitlines())


# what is in openSSL.server, what the refusal must name
BAD_SETTINGS = {
    "cipher-list-word": ("<cipherList>HIGH:NO-SUCH-CIPHER</cipherList>", "'NO-SUCH-CIPHER'; write words of ciphers(1)"),
    "cipher-list-empty": ("<cipherList>HIGH:!ALL</cipherList>", "cipherList"),
    "cipher-list-older-spelling": ("<cypherList>HIGH</cypherList>", "did you mean <cipherList>?"),
    "cipher-suite": (
        "<cipherSuites>TLS_NO_SUCH_SUITE</cipherSuites>",
        "'TLS_NO_SUCH_SUITE'; it knows those of: openssl ciphers -s -tls1_3",
    ),
    "cipher-suite-of-1.2": ("<cipherSuites>TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256</cipherSuites>", "cipherSuites"),
    "protocol-word": ("<disableProtocols>sslv2,tlsv9</disableProtocols>", "tlsv9"),
    "no-protocol-left": ("<disableProtocols>tlsv1_2,tlsv1_3</disableProtocols>", "disableProtocols"),
    "contradiction": ("<requireTLSv1_2>true</requireTLSv1_2><disableProtocols>tlsv1_2</disableProtocols>", "requireTLSv1_2"),
    "dh-file-missing": ("<dhParamsFile>/nonexistent/dh.pem</dhParamsFile>", "/nonexistent/dh.pem"),
    "curve": ("<ecdhCurve>P-256:no-such-curve</ecdhCurve>", "no-such-curve'; write names such as X25519:P-256:P-384"),
    "unknown-key": ("<cipherLst>HIGH</cipherLst>", "cipherLst"),
}


@pytest.mark.parametrize(("more", "named"), BAD_SETTINGS.values(), ids=BAD_SETTINGS.keys())
def test_refused_at_start(make, more, named):
    said = make(more).start_refused()
    assert named in said
    assert "clickhouse-mtls" in said


def test_verification_mode_word(make):
    said = make(mode="sometimes").start_refused()
    assert "sometimes" in said


BAD_SECTIONS = {
    "unknown-key": ("<poll_intervall>5</poll_intervall>", "poll_intervall"),
    "login-word": ("<certificate_login>perhaps</certificate_login>", "perhaps"),
    "listener-word": (
        "<listeners><https_port><client_certificate>maybe</client_certificate></https_port></listeners>",
        "maybe",
    ),
    "rule-without-user": ("<users><rule><name>half</name><common_name>x</common_name></rule></users>", "rule[0]"),
    "rule-with-bad-regex": (
        "<users><rule><name>broken</name><common_name>regex:(</common_name><user>u</user></rule></users>",
        "broken",
    ),
    "bundle-missing": (
        "<trust_domains><trust_domain><name>example.org</name><bundle>/nonexistent/bundle</bundle></trust_domain></trust_domains>",
        "/nonexistent/bundle",
    ),
    "rules-file-missing": ("<users><rules_file>/nonexistent/rules</rules_file></users>", "/nonexistent/rules"),
    "module-missing": ("<module>/nonexistent/module.so</module>", "/nonexistent/module.so"),
}


@pytest.mark.parametrize(("mtls", "named"), BAD_SECTIONS.values(), ids=BAD_SECTIONS.keys())
def test_bad_mtls_section_is_refused_at_start(make, mtls, named):
    assert named in make(mtls=mtls).start_refused()


def test_mismatched_key_is_refused_at_start(make, world):
    from lib.pki import Pair

    one, two = world.ca.server("one"), world.ca.server("two")
    said = make(pair=Pair(one.certificate, two.key)).start_refused()
    assert str(two.key) in said or str(one.certificate) in said


@pytest.mark.parametrize("value", ["<common_name></common_name>", "<subject_alt_name></subject_alt_name>", ""])
def test_empty_ssl_certificates_is_refused_at_start(server_factory, world, openssl, value):
    users = user("hollow", f"<ssl_certificates>{value}</ssl_certificates>")
    section = openssl(world.ca.file, world.ca.server("settings-server"))
    said = server_factory(Config(openssl_server=section, mtls="", users=users)).start_refused()
    assert "hollow" in said and "ssl_certificates" in said


def test_all_findings_at_once(make):
    said = make("<disableProtocols>tlsv9</disableProtocols>", mtls="<certificate_login>perhaps</certificate_login>").start_refused()
    assert "tlsv9" in said and "perhaps" in said
