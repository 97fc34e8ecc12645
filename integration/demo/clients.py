"""Real clients: clickhouse-client, curl and Python's clickhouse-driver, each with or without a certificate."""

import hashlib
import logging
import socket
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import clickhouse_driver
from clickhouse_driver.errors import Error as DriverError

logging.getLogger("clickhouse_driver").addHandler(logging.NullHandler())  # it logs every refusal with a stack trace
logging.getLogger("clickhouse_driver").propagate = False

WHO = "SELECT user FROM system.processes"
HOST = "localhost"
ADDRESS = "127.0.0.1"

CLIENT_CONFIG = """<config>
    <openSSL><client>
        <caConfig>{authority}</caConfig>
        <loadDefaultCAFile>false</loadDefaultCAFile>
        <verificationMode>strict</verificationMode>
        {pair}
        <invalidCertificateHandler><name>RejectCertificateHandler</name></invalidCertificateHandler>
    </client></openSSL>
</config>
"""


@dataclass(frozen=True)
class Answer:
    """What came of a login."""

    ok: bool
    text: str  # the user that the server says we are, or the reason why not


class Clients:
    def __init__(self, directory, ports, authority, report):
        self.directory = Path(directory)
        self.ports = ports
        self.authority = authority  # whom the clients believe
        self.report = report

    def _relative(self, arguments):
        return [str(argument).replace(f"{self.directory}/", "") for argument in arguments]

    def _run(self, arguments):
        self.report.command(self._relative(arguments))
        done = subprocess.run(
            [str(argument) for argument in arguments],
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=60,
        )
        return done

    def native(self, pair=None, user=None):
        """clickhouse-client over the native protocol; without a user it names nobody."""
        name = pair.certificate.stem if pair else "nobody"
        config = self.directory / f"client-{name}.xml"
        files = ""
        if pair:
            files = f"<certificateFile>{pair.certificate}</certificateFile><privateKeyFile>{pair.key}</privateKeyFile>"
        config.write_text(CLIENT_CONFIG.format(authority=self.authority, pair=files))
        arguments = ["clickhouse-client", "--config-file", config, "--secure", "--host", HOST, "--port", self.ports.native]
        if user is not None:
            arguments += ["--user", user]
        done = self._run([*arguments, "--query", WHO])
        return Answer(done.returncode == 0, done.stdout.strip() if done.returncode == 0 else without_stack(done.stderr))

    def https(self, pair=None, user=None, header=True, password=None):
        """curl; TLS 1.2, because curl tells of a refused certificate reliably only there."""
        arguments = ["curl", "--silent", "--show-error", "--cacert", self.authority, "--tlsv1.2", "--tls-max", "1.2"]
        if pair:
            arguments += ["--cert", pair.certificate, "--key", pair.key]
        if header:
            arguments += ["-H", "X-ClickHouse-SSL-Certificate-Auth: on"]
        if user is not None:
            arguments += ["-H", f"X-ClickHouse-User: {user}"]
        if password is not None:
            arguments += ["-H", f"X-ClickHouse-Key: {password}"]
        arguments += ["--write-out", "\n%{http_code}", "--data-binary", WHO, f"https://{HOST}:{self.ports.https}/"]
        done = self._run(arguments)
        body, _, status = done.stdout.rpartition("\n")
        ok = done.returncode == 0 and status == "200"
        return Answer(ok, body.strip() if ok else f"{status} {without_stack(body) or done.stderr.strip()}")

    def driver(self, pair=None, user="default", password="", quiet=False):
        """clickhouse-driver, one login and one query."""
        if not quiet:
            self._show_driver(pair, user, password)
        try:
            connection = self.connect(pair, user, password)
            try:
                return Answer(True, connection.execute(WHO)[0][0])
            finally:
                connection.disconnect()
        except (DriverError, OSError, EOFError) as error:
            return Answer(False, without_stack(str(error)) or type(error).__name__)

    def _show_driver(self, pair, user, password):
        shown = {"user": user, "secure": True, "ca_certs": self._relative([self.authority])[0]}
        if pair:
            shown["certfile"], shown["keyfile"] = self._relative([pair.certificate, pair.key])
        if password:
            shown["password"] = "…"
        listed = ", ".join(f"{key}={value!r}" for key, value in shown.items())
        print(f"  >>> clickhouse_driver.Client({HOST!r}, {listed}).execute({WHO!r})", flush=True)

    def connect(self, pair, user, password=""):
        files = {"certfile": str(pair.certificate), "keyfile": str(pair.key)} if pair else {}
        return clickhouse_driver.Client(
            HOST,
            port=self.ports.native,
            secure=True,
            ca_certs=str(self.authority),
            user=user,
            password=password,
            connect_timeout=10,
            send_receive_timeout=20,
            **files,
        )

    def served_certificate(self, pair=None):
        """SHA-256 of the certificate that a full handshake on the HTTPS port shows us."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # which certificate it is, is the question here
        if pair:
            context.load_cert_chain(pair.certificate, pair.key)
        with socket.create_connection((ADDRESS, self.ports.https), timeout=10) as plain:
            with context.wrap_socket(plain) as secure:
                return hashlib.sha256(secure.getpeercert(binary_form=True)).hexdigest()


def without_stack(text):
    """The server's message without what it wraps it in."""
    text = " ".join(text.partition("Stack trace:")[0].split())
    return text.rpartition("DB::Exception: ")[2].removesuffix(", e.what() = DB::Exception")


def fingerprint(certificate):
    der = ssl.PEM_cert_to_DER_cert(Path(certificate).read_text())
    return hashlib.sha256(der).hexdigest()
