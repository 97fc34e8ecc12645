"""The units: systemd finds nothing wrong with them, they are shut in, and they do what they are for."""

import json

import pytest
from machine import until

GATEWAY = "clickhouse-mtls-gateway"
USER = "clickhouse-mtls"
PKI = "/etc/clickhouse-mtls/pki"


READ_A_CREDENTIAL = f"--property User={USER} --property LoadCredential=a:/etc/hostname --unit a cat /run/credentials/a.service/a"

AUTHORITY = f"""
clickhouse-mtls pki init {PKI}
clickhouse-mtls pki issue {PKI} server --server --dns localhost
clickhouse-mtls pki issue {PKI} alice --client --cn alice.people.example
clickhouse-mtls pki revoke {PKI}
cd /etc/clickhouse-mtls
cp {PKI}/server.pem {PKI}/ca.pem {PKI}/crl.pem .
install --mode=640 --group={USER} {PKI}/server.key server.key
echo 'alice a-long-random-password' >passwords
chown {USER} passwords
chmod 600 passwords
"""


@pytest.mark.parametrize(
    "unit", ["clickhouse-server.service", f"{GATEWAY}.service", f"{GATEWAY}.socket", "clickhouse-mtls-revocation-list@etc.timer"]
)
def test_systemd_finds_nothing_wrong(machine, unit):
    done = machine(f"systemd-analyze verify --man=no {unit}")
    assert done.status == 0 and done.out.strip() == "", done.out


@pytest.mark.parametrize("unit", ["clickhouse-server.service", f"{GATEWAY}.service", "clickhouse-mtls-revocation-list@etc.service"])
def test_shut_in(machine, unit):
    # Its worth is that of Debian's own unit with our drop-in: what systemd loads.
    done = machine(f"systemd-analyze security --threshold=30 --no-pager {unit}")
    assert done.status == 0, done.out[-3000:]


def start(machine):
    return machine(f"systemctl restart {GATEWAY}")


def test_the_gateway_serves_once_it_is_configured(machine):
    assert machine.must("stat --format '%a %U %G' /etc/clickhouse-mtls").strip() == "750 root clickhouse-mtls"
    assert start(machine).status != 0
    assert "gateway.xml" in machine.journal(GATEWAY), "what is missing is named"
    machine.must(AUTHORITY + f"cp /usr/share/doc/{GATEWAY}/examples/gateway.xml .")
    done = start(machine)
    assert done.status == 0, machine.journal(GATEWAY)[-4000:]
    assert machine.running(GATEWAY) == "/usr/lib/clickhouse-mtls/clickhouse-mtls-gateway"
    who = machine.must(f"ps --no-headers --format user:20 --pid $(systemctl show --property MainPID --value {GATEWAY})")
    assert who.strip() == "clickhouse-mtls"
    # Its example says localhost:8123, where Debian's server is not running: that is the gateway's own answer, over mutual TLS.
    said = machine(
        f"curl --silent --cacert {PKI}/ca.pem --cert {PKI}/alice.pem --key {PKI}/alice.key -H 'X-ClickHouse-SSL-Certificate-Auth: on'"
        " -H 'X-ClickHouse-User: alice' --data-binary 'SELECT 1' --write-out '%{http_code}' https://localhost:8443/"
    ).out
    assert said.strip()[-3:].isdigit() and said.strip()[-3:] != "000", said


def test_the_gateway_with_credentials_of_its_service(machine):
    given = f"/run/credentials/{GATEWAY}.service"
    machine.must(
        AUTHORITY
        + f"chown root:root server.key passwords; chmod 600 server.key passwords; mkdir -p /etc/systemd/system/{GATEWAY}.service.d\n"
        + f"cp /usr/share/doc/{GATEWAY}/examples/credentials.conf /etc/systemd/system/{GATEWAY}.service.d/\n"
        + f"sed 's,/etc/clickhouse-mtls/server.key,{given}/server.key,; s,/etc/clickhouse-mtls/passwords,{given}/passwords,'"
        + f" /usr/share/doc/{GATEWAY}/examples/gateway.xml >gateway.xml; systemctl daemon-reload"
    )
    assert machine(f"systemd-analyze verify --man=no {GATEWAY}.service").out.strip() == ""
    done = start(machine)
    if done.status != 0 and machine(f"systemd-run --pipe --wait {READ_A_CREDENTIAL}").status != 0:
        pytest.skip("in this root systemd gives no service of another user a credential (no ACL on tmpfs)")
    assert done.status == 0, machine.journal(GATEWAY)[-4000:]


def test_the_gateway_removed_and_purged(machine):
    machine.must(AUTHORITY)
    machine.must(f"dpkg --remove {GATEWAY} && dpkg --purge {GATEWAY}")
    assert machine("test -e /etc/clickhouse-mtls/server.key").status == 0, "keys are not the package's"
    assert machine(f"systemctl cat {GATEWAY}").status != 0


def test_the_list_is_renewed_by_the_timer(machine):
    machine.must(AUTHORITY)
    unit = machine.must(f"systemd-escape --path {PKI} --template=clickhouse-mtls-revocation-list@.service").strip()
    timer = unit.replace(".service", ".timer")
    machine.must(f"systemctl enable --now '{timer}'")
    listed = json.loads(machine.must("systemctl list-timers --output=json"))
    assert timer in [row["unit"] for row in listed]
    before = machine.must(f"sha256sum {PKI}/crl.pem")
    machine.must(f"systemctl start '{unit}'")
    until("another list", 30, lambda: machine.must(f"sha256sum {PKI}/crl.pem") != before)
