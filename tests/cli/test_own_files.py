"""check on files as people have them: what is read, what is not, and whether the message helps."""

import subprocess

import pytest

SERVER = """<clickhouse>
    <tcp_port_secure>9440</tcp_port_secure>
    <openSSL><server>
        <certificateFile>{certificate}</certificateFile><privateKeyFile>{key}</privateKeyFile><caConfig>{ca}</caConfig>{more}
    </server></openSSL>
    <mtls>{mtls}</mtls>
    <users_config>users.xml</users_config>
</clickhouse>
"""
USERS = "<clickhouse><users><default><password>x</password></default></users></clickhouse>"
MARK = b"\xef\xbb\xbf"


@pytest.fixture(scope="module")
def pki(make_pki):
    pki = make_pki()
    pki.issue("server", "--server", "--dns", "localhost")
    pki.issue("gone", "--client")
    pki.tool.must("pki", "revoke", pki.path, "gone")
    return pki


@pytest.fixture
def check(tool, pki, tmp_path):
    """Writes the configuration, with files made of those of the authority, and runs check."""
    (tmp_path / "users.xml").write_text(USERS)
    key = pki.path / "server.key"

    def run(certificate=pki.path / "server.pem", key=key, ca=pki.ca, crl=pki.crl, more="", mtls=""):
        for name, given in (("certificate", certificate), ("key", key), ("ca", ca), ("crl", crl)):
            if isinstance(given, bytes):
                path = tmp_path / f"{name}.pem"
                path.write_bytes(given)
                path.chmod(0o600)
        where = {
            name: tmp_path / f"{name}.pem" if isinstance(given, bytes) else given
            for name, given in (("certificate", certificate), ("key", key), ("ca", ca), ("crl", crl))
        }
        config = tmp_path / "config.xml"
        config.write_text(SERVER.format(**where, more=more, mtls=f"<crl>{where['crl']}</crl>{mtls}"))
        return tool("check", "--config", config)

    return run


def openssl(*arguments, content=None):
    done = subprocess.run(["openssl", *map(str, arguments)], input=content, capture_output=True, check=True)
    return done.stdout


def indented(text):
    return b"".join(b"    " + line for line in text.splitlines(keepends=True))


@pytest.mark.parametrize("change", [lambda text: MARK + text, indented, lambda text: b"- a list, daily\n--- CA ---\n" + text])
@pytest.mark.parametrize("name", ["certificate", "key", "ca", "crl"])
def test_what_stands_around_a_block_does_not_matter(check, pki, name, change):
    files = {"certificate": "server.pem", "key": "server.key", "ca": "ca.pem", "crl": "crl.pem"}
    done = check(**{name: change((pki.path / files[name]).read_bytes())})
    assert done.status == 0, done.out


def test_a_byte_order_mark_before_a_bundle(tool, make_pki, tmp_path):
    pki = make_pki("--trust-domain", "td.example")
    marked = tmp_path / "bundle.json"
    marked.write_bytes(MARK + pki.bundle.read_bytes())
    assert tool("check-bundle", "--trust-domain", "td.example", marked).status == 0


def test_the_reason_and_the_remedy_fit(check, pki, tmp_path):
    certificate = pki.path / "server.pem"
    key = pki.path / "server.key"
    pem = certificate.read_bytes()
    p12 = openssl("pkcs12", "-export", "-inkey", key, "-in", certificate, "-passout", "pass:")
    p7 = openssl("crl2pkcs7", "-nocrl", "-certfile", pki.ca)
    legacy = openssl(
        "pkcs8", "-topk8", "-in", key, "-passout", "pass:geheim", "-v1", "PBE-MD5-DES", "-provider", "legacy", "-provider", "default"
    )
    handler = (
        "<privateKeyPassphraseHandler><name>KeyFileHandler</name><options><password>geheim</password></options>"
        "</privateKeyPassphraseHandler>"
    )
    ssh = tmp_path / "ssh.key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", ssh], check=True)
    cases = [
        (dict(certificate=pem[:-1] + pki.ca.read_bytes()), ["two blocks on one line", "put a line break"]),
        (dict(certificate=p12), ["PKCS#12 archive", "openssl pkcs12"]),
        (dict(ca=p7), ["but a PKCS7", "openssl pkcs7"]),
        (dict(ca=key.read_bytes()), ["but a PRIVATE KEY", "name the file with the certificate"]),
        (dict(certificate=pem.decode().encode("utf-16")), ["UTF-16", "save it as ASCII or UTF-8"]),
        (dict(key=ssh.read_bytes()), ["OpenSSH", "ssh-keygen -p -m PKCS8"]),
        (dict(key=legacy, more=handler), ["legacy provider", "openssl pkcs8"]),
        (dict(ca=pki.ca.read_bytes() + b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), ["certificate 2"]),
    ]
    for files, words in cases:
        done = check(**files)
        assert done.status == 1, (files, done.out)
        assert [word for word in words if word not in done.out] == [], done.out


def test_chains_that_a_stock_server_serves(check, tool, pki, make_pki):
    leaf = (pki.path / "server.pem").read_bytes()
    other = make_pki()
    for chain, word in ((leaf + leaf, "signs none of those before it"), (leaf + pki.ca.read_bytes() + other.ca.read_bytes(), "signs none")):
        done = check(certificate=chain)
        assert done.status == 0 and word in done.out, done.out


def test_the_certificate_of_clickhouse_s_own_documentation(check, tmp_path):
    key, certificate = tmp_path / "own.key", tmp_path / "own.crt"
    made_of = ["-new", "-newkey", "rsa:2048", "-days", "365", "-nodes", "-x509"]
    openssl("req", "-subj", "/CN=localhost", *made_of, "-keyout", key, "-out", certificate)
    done = check(certificate=certificate, key=key)
    assert done.status == 0 and "is a CA certificate" in done.out, done.out


def test_quiet_says_nothing_where_all_is_well(tool, check, tmp_path):
    assert check().status == 0
    assert tool("check", "--config", tmp_path / "config.xml", "--quiet").out == ""


def test_another_root_element_beside_ours(tool, check, tmp_path):
    check()
    (tmp_path / "config.d").mkdir()
    (tmp_path / "config.d" / "more.xml").write_text("<yandex><interserver_http_port_secure>9010</interserver_http_port_secure></yandex>")
    done = tool("check", "--config", tmp_path / "config.xml")
    assert done.status == 0, done.out
    assert "is no setting of ClickHouse and does nothing: write interserver_https_port" in done.out


def test_files_of_a_server_without_a_tls_port(tool, check, tmp_path):
    check(certificate=tmp_path / "missing.pem", key=tmp_path / "missing.key")
    config = tmp_path / "config.xml"
    assert tool("check", "--config", config).status == 1
    config.write_text(config.read_text().replace("<tcp_port_secure>9440</tcp_port_secure>", ""))
    done = tool("check", "--config", config)
    assert done.status == 0, done.out


def test_a_subject_as_openssl_prints_it(tool, check, pki, tmp_path):
    leaf = pki.issue("joerg", "--client", "--cn", "J\u00f6rg, Ops")
    printed = openssl("x509", "-in", leaf, "-noout", "-subject", "-nameopt", "RFC2253").decode().strip().removeprefix("subject=")
    for subject in (printed, "cn = J\u00f6rg\\, Ops"):
        check(mtls=f"<users><rule><name>r</name><subject>{subject}</subject><user>joe</user></rule></users>")
        done = tool("explain", "--config", tmp_path / "config.xml", "--chain", leaf, "--listener", "tcp_port_secure", "--user", "joe")
        assert done.status == 0, done.out


@pytest.mark.parametrize("name", ["10.0.0.1", "ch1.example.", "ch*.example", "db.example:9440", ""])
def test_pki_issues_no_name_that_proves_nothing(tool, tmp_path, name):
    tool.must("pki", "init", tmp_path)
    done = tool("pki", "issue", tmp_path, "x", "--server", "--dns", name)
    assert done.status == 2 and "--dns" in done.err
    tool.must("pki", "issue", tmp_path, "x", "--server", "--dns", "*.ch1.Example")


@pytest.mark.parametrize("host", ["secure://zk1", "secure://zk1:2281", "zk1", "zk1:2281"])
def test_explain_takes_a_host_as_it_is_configured(tool, make_pki, tmp_path, host):
    pki = make_pki()
    leaf = pki.issue("zk1", "--server", "--dns", "zk1")
    (tmp_path / "users.xml").write_text(USERS)
    config = tmp_path / "config.xml"
    config.write_text(
        f"<clickhouse><openSSL><client><caConfig>{pki.ca}</caConfig></client></openSSL><mtls/>"
        "<users_config>users.xml</users_config></clickhouse>"
    )
    done = tool("explain", "--config", config, "--chain", leaf, "--outgoing", "keeper", "--host", host)
    assert done.status == 0, done.out
    refused = tool("explain", "--config", config, "--chain", leaf, "--outgoing", "keeper", "--host", "zk2")
    assert refused.status == 1 and "but zk1" in refused.out, refused.out
