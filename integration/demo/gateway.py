"""Chapter 8: the packaged server as it is, with the gateway in front of it."""

import secrets
import subprocess
from pathlib import Path

import authority
import server
import wait
from clients import Clients

STOCK = "/usr/sbin/clickhouse-server"

GATEWAY = """<clickhouse>
    <listen_host>127.0.0.1</listen_host>
    <tcp_port_secure>{near.native}</tcp_port_secure>
    <https_port>{near.https}</https_port>
    <openSSL><server>
        <certificateFile>{pair.certificate}</certificateFile>
        <privateKeyFile>{pair.key}</privateKeyFile>
        <caConfig>{home.certificate}</caConfig>
        <verificationMode>relaxed</verificationMode>
    </server></openSSL>
    <mtls>
        <poll_interval>1</poll_interval>
        <crl>{home.crl}</crl>
        <users><rule><name>people</name><common_name>{{who}}.people.example</common_name><user>{{who}}</user></rule></users>
    </mtls>
    <gateway>
        <native><server>127.0.0.1:{far.native}</server></native>
        <https><server>127.0.0.1:{far.https}</server></https>
        <proof><passwords>{passwords}</passwords></proof>
    </gateway>
</clickhouse>
"""

CONFIG = """<yandex>
    <logger><level>information</level><log>{directory}/server.log</log><errorlog>{directory}/error.log</errorlog></logger>
    <listen_host>127.0.0.1</listen_host><tcp_port>{far.native}</tcp_port><http_port>{far.https}</http_port>
    <path>{directory}/data/</path><tmp_path>{directory}/data/tmp/</tmp_path>
    <users_config>users.xml</users_config><default_profile>default</default_profile><default_database>default</default_database>
    <mark_cache_size>67108864</mark_cache_size><timezone>UTC</timezone>
</yandex>
"""

USERS = """<yandex><profiles><default></default></profiles><quotas><default></default></quotas><users><carol>
    <password>{password}</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
</carol></users></yandex>
"""


def write_files(directory, near, far, home, pair):
    password = secrets.token_urlsafe(24)
    passwords = directory / "passwords"
    passwords.touch(mode=0o600)
    passwords.write_text(f"carol {password}\n")
    (directory / "config.xml").write_text(CONFIG.format(directory=directory, far=far))
    (directory / "users.xml").write_text(USERS.format(password=password))
    (directory / "gateway.xml").write_text(GATEWAY.format(near=near, far=far, home=home, pair=pair, passwords=passwords))


def run(report, directory, command, ready):
    report.command(command)
    with open(directory / "output.log", "ab") as output:
        process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=directory, start_new_session=True
        )
    wait.until(lambda: process.poll() is not None or ready(), 60)
    return process


def listening(port):
    with server.socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def show(stage, directory, build):
    stage.report.chapter("8. Any server: a gateway in front of the packaged one")
    directory = Path(directory) / "gateway"
    directory.mkdir()
    near, far = server.free_ports(), server.free_ports()
    home = authority.Authority(stage.tool, "gateway-ca")
    pair = home.issue("gateway", "--server", "--dns", "localhost", "--ip", "127.0.0.1")
    carol = home.issue("carol", "--cn", "carol.people.example", "--client")
    stranger = home.issue("dave", "--cn", "dave", "--client")
    home.revoke()
    write_files(directory, near, far, home, pair)
    processes = []
    try:
        stock = [STOCK, f"--config-file={directory}/config.xml"]
        processes.append(run(stage.report, directory, stock, lambda: listening(far.native) and listening(far.https)))
        gateway = [build / "clickhouse-mtls-gateway", "--config", directory / "gateway.xml"]
        processes.append(run(stage.report, directory, gateway, lambda: listening(near.native) and listening(near.https)))
        show_logins(stage.report, Clients(directory, near, home.certificate, stage.report), home, carol, stranger)
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in reversed(processes):
            process.wait(60)


def show_logins(report, clients, home, carol, stranger):
    answer = clients.native(carol)
    report.expect("a certificate is its user on a stock server, clickhouse-client", answer.text, answer.ok and answer.text == "carol")
    answer = clients.https(carol, "carol")
    report.expect("the same over HTTPS, curl", answer.text, answer.ok and answer.text == "carol")
    answer = clients.https(carol, "carol", password="another user's")
    report.expect("other credentials beside the certificate are refused", answer.text, not answer.ok and "denied" in answer.text)
    answer = clients.native(stranger, "carol")
    report.expect("a certificate of nobody's is refused, and told why", answer.text, not answer.ok and "may not log in" in answer.text)
    session = clients.connect(carol, "carol")
    session.execute("SELECT 1")
    home.revoke("carol")
    seconds = wait.seconds_until(lambda: not session.connection.ping(), 30)
    report.expect("its live session ends when the certificate is revoked", f"after {seconds} s", seconds is not None)
    session.disconnect()
