"""No plaintext port is needed: a server that takes part in ON CLUSTER with the encrypted native port alone."""

import pytest

from conftest import STOCK, base_openssl
from lib.server import Config, free_ports


@pytest.fixture
def without_tcp_port(server_factory, authority):
    """A server that has distributed_ddl, a Keeper that is never there, and no <tcp_port>."""

    def make(binary, mtls):
        (closed,) = free_ports(1)
        keeper = f"<zookeeper><node><host>127.0.0.1</host><port>{closed}</port></node></zookeeper>"
        config = Config(
            openssl_server=base_openssl(authority.file, authority.server()),
            mtls=mtls,
            extra=keeper + "<distributed_ddl><path>/clickhouse/ddl</path></distributed_ddl>",
        )
        server = server_factory(config, binary=binary)
        override = server.directory / "config.d" / "ports.xml"
        override.parent.mkdir()
        override.write_text('<yandex><tcp_port remove="1"/></yandex>', encoding="utf-8")
        return server

    return make


def test_the_encrypted_port_is_enough(without_tcp_port, patched):
    with without_tcp_port(patched, mtls="") as server:
        assert server.admin("SELECT 1") == "1"


@pytest.mark.parametrize("which", ["patched", "stock"])
def test_without_mtls_it_stays_the_stock_servers_error(without_tcp_port, patched, which):
    binary = {"patched": patched, "stock": STOCK}[which]
    assert "Not found: tcp_port" in without_tcp_port(binary, mtls=None).start_refused()
