"""Chapters 4 and 5: what is replaced on disk is in use a moment later, without a restart and without a failed handshake."""

import ssl
import threading

import authority
import wait
from clients import fingerprint

PATIENCE = 10  # seconds until we call it a failure; what was measured is shown
BAD = b"-----BEGIN CERTIFICATE-----\nthis is no certificate\n-----END CERTIFICATE-----\n"


class Handshakes:
    """Full handshakes one after the other on a thread, as long as the block lasts."""

    def __init__(self, clients, pair):
        self.clients, self.pair = clients, pair
        self.done, self.failed = 0, []
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while not self.stop.is_set():
            try:
                self.clients.served_certificate(self.pair)
                self.done += 1
            except (OSError, ssl.SSLError) as error:
                self.failed.append(str(error))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join(20)

    def summary(self):
        return f"{self.done} handshakes meanwhile, {len(self.failed)} failed" + (f": {self.failed[0]}" if self.failed else "")


def show(stage):
    server_certificate(stage)
    authorities(stage)
    rules(stage)
    revocation(stage)
    broken_files(stage)


def spent(seconds):
    return f"after {seconds:.2f} s" if seconds is not None else f"not within {PATIENCE} s"


def server_certificate(stage):
    report, clients, tls = stage.report, stage.clients, stage.server.tls
    report.chapter("4. Live rotation")
    before = fingerprint(tls / "server.pem")
    renewed = stage.home.issue("server2", "--server", "--dns", "localhost", "--ip", "127.0.0.1")
    wanted = fingerprint(renewed.certificate)
    with Handshakes(clients, stage.people["alice"]) as handshakes:
        wait.until(lambda: handshakes.done > 20, PATIENCE)
        report.say("the new key, then the new certificate: for a moment they do not match")
        authority.replace(tls / "server.key", renewed.key)
        authority.replace(tls / "server.pem", renewed.certificate)
        took = wait.seconds_until(lambda: clients.served_certificate(stage.people["alice"]) == wanted, PATIENCE)
        seen = handshakes.done
        wait.until(lambda: handshakes.done > seen + 20, PATIENCE)
    report.expect("the server shows the new certificate", spent(took), took is not None and before != wanted)
    report.expect("no handshake failed meanwhile", handshakes.summary(), handshakes.done > 40 and not handshakes.failed)


def authorities(stage):
    report, clients, tls = stage.report, stage.clients, stage.server.tls
    next_home = authority.Authority(stage.tool, "next-ca")
    newcomer = next_home.issue("newcomer", "--cn", "alice", "--client")

    answer = clients.driver(newcomer, "alice")
    report.expect("a client of the next CA is refused at first", answer.text, not answer.ok)

    live = clients.connect(stage.people["alice"], "alice")
    live.execute("SELECT 1")
    authority.replace(tls / "ca.pem", stage.home.certificate, next_home.certificate)
    took = wait.seconds_until(lambda: clients.driver(newcomer, "alice", quiet=True).ok, PATIENCE)
    report.expect("both CAs in the file: the client gets in", spent(took), took is not None)

    old_still = clients.driver(stage.people["alice"], "alice")
    same_session = attempt(live)
    report.expect(
        "and a client of the former CA still does, on its old connection too",
        f"new: {old_still.text}, old connection: {same_session or 'alive'}",
        old_still.ok and not same_session,
    )

    mark = stage.server.log_size()
    authority.replace(tls / "ca.pem", next_home.certificate)
    took = wait.seconds_until(lambda: not clients.driver(stage.people["alice"], "alice", quiet=True).ok, PATIENCE)
    report.expect("the former CA is removed: its clients are refused", spent(took), took is not None)
    line = stage.server.logged(mark, "session", "closed")
    report.expect("and the session that was open is closed", line.partition("message=")[2] or "still open", line and attempt(live))

    authority.replace(tls / "ca.pem", stage.home.certificate)
    took = wait.seconds_until(lambda: clients.driver(stage.people["alice"], "alice", quiet=True).ok, PATIENCE)
    report.expect("put back: they get in again", spent(took), took is not None)


def attempt(connection):
    """Why a query on this open connection fails; empty when it does not. clickhouse-driver would connect again by itself."""
    try:
        connection.connection.send_query("SELECT 1")
        connection.connection.send_external_tables(None)
        packet = connection.connection.receive_packet()
        while packet.type not in (2, 5):  # exception, end of stream
            packet = connection.connection.receive_packet()
        return "" if packet.type == 5 else str(packet.exception)
    except (OSError, EOFError) as error:
        return str(error) or type(error).__name__


def rules(stage):
    report, clients = stage.report, stage.clients
    mallory = stage.people["mallory"]
    answer = clients.driver(mallory, "reports")
    report.expect("mallory may not be reports", answer.text, not answer.ok)
    authority.replace(stage.server.tls / "rules.txt", b"temporary: common_name=mallory -> reports\n")
    took = wait.seconds_until(lambda: clients.driver(mallory, "reports", quiet=True).ok, PATIENCE)
    report.expect("a line more in the rules file: she may", spent(took), took is not None)
    authority.replace(stage.server.tls / "rules.txt", b"# nobody\n")
    took = wait.seconds_until(lambda: not clients.driver(mallory, "reports", quiet=True).ok, PATIENCE)
    report.expect("the line is gone: she may not", spent(took), took is not None)


def revocation(stage):
    report, clients = stage.report, stage.clients
    eu = stage.people["eu"]
    before = clients.driver(eu, "reports")
    stage.home.revoke("eu")
    authority.replace(stage.server.tls / "crl.pem", stage.home.crl)
    mark = stage.server.log_size()
    took = wait.seconds_until(lambda: not clients.driver(eu, "reports", quiet=True).ok, PATIENCE)
    again = clients.driver(eu, "reports")  # the first refusal may have been the end of a session that had just begun
    line = stage.server.logged(mark, "REVOKED")
    report.expect("revoked by `clickhouse-mtls pki revoke`: refused", spent(took), before.ok and took is not None and not again.ok and line)


def broken_files(stage):
    report, clients, tls = stage.report, stage.clients, stage.server.tls
    report.chapter("5. A broken file changes nothing")
    good = (tls / "server.pem").read_bytes()
    serving = clients.served_certificate(stage.people["alice"])

    for name, content in (("server.pem", BAD), ("ca.pem", b""), ("bundle.json", b'{"keys": ['), ("rules.txt", b"no rule at all\n")):
        keep = (tls / name).read_bytes()
        mark = stage.server.log_size()
        authority.replace(tls / name, content)
        line = stage.server.logged(mark, name, seconds=PATIENCE)
        answer = clients.driver(stage.people["alice"], "alice")
        same = clients.served_certificate(stage.people["alice"]) == serving
        report.expect(
            f"{name} is broken: the log says so, logins go on",
            tail_of(line) if line else "nothing in the server's log",
            line and answer.ok and same,
        )
        authority.replace(tls / name, keep)

    renewed = stage.home.issue("server3", "--server", "--dns", "localhost", "--ip", "127.0.0.1")
    authority.replace(tls / "server.key", renewed.key)
    authority.replace(tls / "server.pem", renewed.certificate)
    wanted = fingerprint(renewed.certificate)
    took = wait.seconds_until(lambda: clients.served_certificate(stage.people["alice"]) == wanted, PATIENCE)
    report.expect("and the next good pair is taken", spent(took), took is not None and good != (tls / "server.pem").read_bytes())


def tail_of(line):
    return line.rpartition("clickhouse-mtls: ")[2]
