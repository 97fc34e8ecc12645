"""The service clickhouse-server with our package: the patched copy, or nothing."""

import subprocess

import pytest
from machine import until

COPY = "/var/lib/clickhouse-mtls/server/clickhouse-server"
STOCK = "/usr/sbin/clickhouse-server"
# Debian's openSSL.server names files that nobody has.
PLAIN = '<openSSL><server remove="remove"/></openSSL>'
SECTION = f"<yandex>{PLAIN}<mtls><admin><socket>/var/lib/clickhouse/mtls.sock</socket></admin></mtls></yandex>\n"
CONFIG = "/etc/clickhouse-server/config.d/mtls.xml"
DROP_IN = "/etc/systemd/system/clickhouse-server.service.d/clickhouse-mtls.conf"


def answers(machine):
    return machine("curl --silent --fail http://localhost:8123/ping").out.strip() == "Ok."


def restart(machine):
    """Restarted, and what serves is the patched copy."""
    done = machine("systemctl restart clickhouse-server")
    assert done.status == 0, done.out + machine.journal("clickhouse-server")[-4000:]
    until("an answer, or none to come", 60, lambda: answers(machine) or machine("systemctl is-active clickhouse-server").status != 0)
    assert machine.running("clickhouse-server") == COPY, machine.journal("clickhouse-server")[-4000:]


def stays_down(machine, reason):
    machine("systemctl restart clickhouse-server")
    until("the end of it", 60, lambda: machine("systemctl is-active clickhouse-server").out.strip() in ("failed", "inactive"))
    assert machine.running("clickhouse-server") == ""
    assert machine("pgrep --exact clickhouse-serv").out.strip() == ""
    said = machine.journal("clickhouse-server") + machine("tail /var/log/clickhouse-server/clickhouse-server.log").out
    assert reason in said, said[-4000:]


@pytest.fixture
def configured(machine):
    machine.write(CONFIG, SECTION)
    return machine


def replace_server(tmp_path, machine, version, server):
    """A package of Debian's name with another server in it, installed by dpkg as an upgrade is."""
    tree = tmp_path / f"server-{version}"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "usr/sbin").mkdir(parents=True)
    (tree / "lib/systemd/system").mkdir(parents=True)
    (tree / "usr/sbin/clickhouse-server").write_bytes(server)
    (tree / "usr/sbin/clickhouse-server").chmod(0o755)
    unit = machine.must("cat /lib/systemd/system/clickhouse-server.service")
    (tree / "lib/systemd/system/clickhouse-server.service").write_text(unit)
    (tree / "DEBIAN/control").write_text(
        f"Package: clickhouse-server\nVersion: {version}\nArchitecture: amd64\nMaintainer: test <test@test.invalid>\nDescription: another\n"
    )
    # Debian's starts the service again before triggers run.
    (tree / "DEBIAN/postinst").write_text("#!/bin/sh\nsystemctl restart clickhouse-server || true\n")
    (tree / "DEBIAN/postinst").chmod(0o755)
    made = tmp_path / f"server-{version}.deb"
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", tree, made], check=True, capture_output=True)
    machine.give([made], "/tmp")
    return machine(f"dpkg --install /tmp/{made.name}")


def stock_bytes(installed, tail=b""):
    return (installed / STOCK.lstrip("/")).read_bytes() + tail


def test_the_copy_serves_and_needs_its_section(machine):
    machine.write(CONFIG, SECTION)
    restart(machine)
    assert "generation" in machine.must("clickhouse-mtls status --socket /var/lib/clickhouse/mtls.sock")
    machine.write(CONFIG, f"<yandex>{PLAIN}</yandex>\n")
    stays_down(machine, "--require-mtls")
    machine.must("sed -i s/REQUIRE_MTLS=yes/REQUIRE_MTLS=no/ /etc/default/clickhouse-mtls-server")
    restart(machine)


def test_what_check_refuses_is_not_started(configured):
    restart(configured)
    configured.write(CONFIG, SECTION.replace("<mtls>", "<mtls><crl>/nowhere.pem</crl>"))
    stays_down(configured, "/nowhere.pem")


def test_a_change_by_the_package_is_followed(installed, configured, tmp_path):
    restart(configured)
    before = configured.must(f"sha256sum {COPY}")
    said = replace_server(tmp_path, configured, "18.16.1+ds-7.9", stock_bytes(installed, b"x")).out
    assert f"{COPY} is up to date" in said, "the trigger came after the service's own start\n" + said
    assert configured.must(f"sha256sum {COPY}") != before
    until("an answer", 60, lambda: answers(configured))
    assert configured.running("clickhouse-server") == COPY


def test_a_change_that_dpkg_knows_nothing_of_is_followed_too(configured):
    configured.must(f"clickhouse-mtls-patch-server --check --output {COPY}")
    configured.must(f"printf x >>{STOCK}")
    check = configured(f"clickhouse-mtls-patch-server --check --output {COPY}")
    assert check.status == 1 and "was not made from" in check.out
    restart(configured)
    configured.must(f"clickhouse-mtls-patch-server --check --output {COPY}")


@pytest.mark.parametrize("what", ["version", "program"])
def test_a_server_that_cannot_be_patched_stays_down(installed, configured, tmp_path, what):
    restart(configured)
    version, server = ("23.1.1", stock_bytes(installed)) if what == "version" else ("18.16.1+ds-7.9", (installed / "usr/bin/curl").read_bytes())
    done = replace_server(tmp_path, configured, version, server)
    assert "will not start" in done.out, done.out
    assert configured("dpkg --audit").out == "", "dpkg itself goes on"
    stays_down(configured, "is version 23.1.1" if what == "version" else "it is not Debian's clickhouse-server")
    assert configured(f"test -e {COPY}").status == 1
    assert "up to date" in replace_server(tmp_path, configured, "18.16.1+ds-7.99", stock_bytes(installed)).out
    restart(configured)


def renamed(packages, tmp_path, version):
    """Our packages under another version."""
    made = []
    for name in ("clickhouse-mtls", "clickhouse-mtls-server", "clickhouse-mtls-gateway"):
        (deb,) = packages.glob(f"{name}_*.deb")
        tree = tmp_path / f"{name}-{version}"
        subprocess.run(["dpkg-deb", "--raw-extract", deb, tree], check=True)
        control = tree / "DEBIAN/control"
        former = deb.name.split("_")[1]
        control.write_text(control.read_text().replace(former, version))
        made.append(tmp_path / f"{name}_{version}_amd64.deb")
        subprocess.run(["dpkg-deb", "-Zgzip", "-z1", "--build", "--root-owner-group", tree, made[-1]], check=True, capture_output=True)
    return made


def test_upgrade_and_downgrade(packages, configured, tmp_path):
    restart(configured)
    for version in ("99.0", "0.0.1"):
        files = renamed(packages, tmp_path, version)
        configured.give(files, "/tmp/debs")
        done = configured("dpkg --install " + " ".join(f"/tmp/debs/{file.name}" for file in files))
        assert done.status == 0, done.out
        assert "until it is restarted" in done.out
        assert answers(configured), "it runs on, with what it has"
        restart(configured)


def test_removed_it_stays_down_and_purged_it_is_debians(configured):
    restart(configured)
    configured.must("dpkg --remove clickhouse-mtls-server")
    assert configured(f"test -e {DROP_IN}").status == 0
    stays_down(configured, "/usr/lib/clickhouse-mtls/refresh-server")
    configured.must("dpkg --purge clickhouse-mtls-server")
    left = configured("find /etc /usr /var/lib/clickhouse-mtls -path '*clickhouse-mtls*server*' -not -path '*gateway*'").out
    assert DROP_IN not in left and COPY not in left and "refresh-server" not in left
    configured.must("systemctl restart clickhouse-server")
    until("an answer", 60, lambda: answers(configured))
    assert configured.running("clickhouse-server") == STOCK
