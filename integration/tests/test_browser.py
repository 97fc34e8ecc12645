"""`certificate_login` `always` in a real browser that holds carol's certificate and shows it without asking: what carol opens is hers, what
another site makes the browser ask is refused."""

import http.server
import json
import os
import shutil
import subprocess
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import NoEncryption, load_pem_private_key, pkcs12
from lib.server import Config, Server, user
from lib.wait import eventually

TOOLS = ("chromium", "certutil", "pk12util")

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a policy of the browser in a namespace of its own"),
    pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason="needs chromium and libnss3-tools"),
]

# A page of another site. Each way asks for a table of its own.
PAGE = """<!doctype html><title>evil</title>
<img src="https://localhost:{port}/?query=CREATE+TABLE+by_image+(x+UInt8)+ENGINE=Memory">
<iframe name="here"></iframe>
<form id="form" method="post" enctype="text/plain" target="here" action="https://localhost:{port}/?query=CREATE+TABLE+by_form">
<input name="(x UInt8) ENGINE" value="Memory"></form>
<script>
document.getElementById('form').submit();
fetch('https://localhost:{port}/?query=CREATE+TABLE+by_fetch', {{method: 'POST', mode: 'no-cors', credentials: 'include',
    body: '(x UInt8) ENGINE=Memory'}}).finally(() => fetch('/done'));
</script>"""


@pytest.fixture(scope="module")
def server(patched, world, tmp_path_factory, openssl):
    mtls = """<certificate_login>always</certificate_login><users><rule><name>people</name>
<common_name>{who}.people.example</common_name><user>{who}</user></rule></users>"""
    config = Config(openssl_server=openssl(world.ca.file, world.ca.server("browser-server")), mtls=mtls, users=user("carol"))
    with Server(patched, tmp_path_factory.mktemp("browser"), config) as made:
        yield made


class Site:
    """Another site, on an address of its own."""

    def __init__(self, port):
        self.asked = []
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                site.asked.append(self.path)
                body = PAGE.format(port=port).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.2", 0), Handler)
        self.url = f"http://127.0.0.2:{self.http.server_address[1]}/"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def home(tmp_path, world, server):
    """A person's browser: the authority is trusted, the certificate is there, and a policy shows it to the server."""
    database = tmp_path / ".pki/nssdb"
    database.mkdir(parents=True)
    key = load_pem_private_key(world.carol.key.read_bytes(), None)
    certificate = x509.load_pem_x509_certificate(world.carol.certificate.read_bytes())
    bag = tmp_path / "carol.p12"
    bag.write_bytes(pkcs12.serialize_key_and_certificates(b"carol", key, certificate, None, NoEncryption()))
    name = f"sql:{database}"
    for step in (
        ["certutil", "-N", "-d", name, "--empty-password"],
        ["certutil", "-A", "-d", name, "-n", "authority", "-t", "C,,", "-i", str(world.ca.file)],
        ["pk12util", "-i", str(bag), "-d", name, "-W", "", "-K", ""],
    ):
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (step, done.stdout, done.stderr)
    policies = tmp_path / "policies/managed"
    policies.mkdir(parents=True)
    wish = json.dumps({"pattern": f"https://localhost:{server.ports['https_port']}", "filter": {}})
    (policies / "certificates.json").write_text(json.dumps({"AutoSelectCertificateForUrls": [wish]}))
    return tmp_path


def audited(server):
    return [line for line in server.log().splitlines() if "audit event=login" in line and "reason=CROSS-SITE" in line]


def browse(home, url):
    """Opens it, and prints what the page is then."""
    program = [shutil.which("chromium"), "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"]
    program += [f"--user-data-dir={home}/profile", "--timeout=20000", "--dump-dom", url]
    mount = 'mount --make-rprivate / && mkdir -p /etc/chromium/policies && mount --bind "$1" /etc/chromium/policies && shift && exec "$@"'
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", mount, "sh", str(home / "policies"), *program],
        env={**os.environ, "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_what_the_person_opens_is_served(server, home):
    done = browse(home, f"https://localhost:{server.ports['https_port']}/?query=SELECT+user,'is+served'+FROM+system.processes+FORMAT+JSON")
    assert '"carol"' in done.stdout and "is served" in done.stdout, done.stdout[-2000:] + done.stderr[-3000:]


def test_what_another_site_asks_is_refused(server, home):
    site = Site(server.ports["https_port"])
    try:
        done = browse(home, site.url)
        assert "/" in site.asked, done.stderr[-3000:]
        # The image, the form and the fetch: each showed carol's certificate. In the audit they are one refusal, and its count.
        eventually(lambda: server.log().count("<Error> HTTPHandler: Code: 192") == 3, 30, "three refusals")
        eventually(lambda: [line for line in audited(server) if line.endswith(" repeated=2")], 30, "their count")
        assert len(audited(server)) == 2
    finally:
        site.close()
    assert server.admin("SELECT count() FROM system.tables WHERE name LIKE 'by_%'") == "0"
